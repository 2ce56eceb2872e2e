// SPDX-License-Identifier: BSD-2-Clause
/* The oracle of frames: what control commands set, how they are answered, and which frames come by that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/wire.h"

#define CONTROL                                                                                  \
	(WIRE_BIT(CTRL_VQ) | WIRE_BIT(CTRL_RX) | WIRE_BIT(CTRL_RX_EXTRA) | WIRE_BIT(CTRL_VLAN) | \
	 WIRE_BIT(CTRL_MAC_ADDR) | WIRE_BIT(MQ) | WIRE_BIT(MAC) | WIRE_BIT(STATUS) |             \
	 WIRE_BIT(GUEST_ANNOUNCE) | WIRE_BIT(CTRL_GUEST_OFFLOADS) | WIRE_BIT(GUEST_CSUM))
#define OK               VIRTIO_NET_OK
#define ERR              VIRTIO_NET_ERR
#define CODE(class, cmd) VIRTIO_NET_CTRL_##class, VIRTIO_NET_CTRL_##class##_##cmd

static const struct net_tuning told = {.pairs = 1, .offloads = NET_CAN_RX_CSUM};

static void post_command(struct filter_command c)
{
	const struct content_piece piece = {gpa(WIRE_ACK), 1};
	const struct frames_request q = {
		.kind = FRAMES_COMMAND, .queue = 6, .piece = &piece, .npieces = 1, .command = c};
	assert_int_not_equal(frames_posted(wire.frames, &q), 0);
}

/* The device answers, having told its backend so. */
static void command(uint8_t class, uint8_t cmd, uint16_t value, uint8_t ack, struct net_tuning t)
{
	static uint16_t slot;
	struct filter_command c = {class, cmd, value, false};
	const struct content_piece piece = {gpa(WIRE_ACK), 1};
	const struct frames_request q = {
		.kind = FRAMES_COMMAND, .queue = 6, .piece = &piece, .npieces = 1, .command = c};
	slot = frames_posted(wire.frames, &q);
	frames_told(wire.frames, &t);
	frames_acked(wire.frames, gpa(WIRE_ACK), ack);
	frames_answered(wire.frames, slot, 1);
}

/* -- answers --------------------------------------------------------------------------------------------- */

static const struct row {
	uint8_t class, cmd;
	uint16_t value;
	bool legal;
	const char *clause;
} rows[] = {
	{CODE(RX, PROMISC), 1, true, "net.filter.1"},
	{CODE(RX, ALLMULTI), 1, true, "net.filter.1"},
	{CODE(RX, ALLUNI), 1, true, "net.filter.5"},
	{CODE(RX, NOBCAST), 1, true, "net.filter.5"},
	{CODE(MAC, TABLE_SET), 75, true, "net.mac.2"},
	{CODE(MAC, ADDR_SET), 7, true, "net.mac.3"},
	{CODE(VLAN, ADD), 4095, true, "net.vlan.2"},
	{CODE(VLAN, ADD), 4096, false, "net.vlan.2"},
	{CODE(VLAN, DEL), 3, true, "net.vlan.2"},
	{CODE(MQ, VQ_PAIRS_SET), 0, false, "net.mq.2"},
	{CODE(MQ, VQ_PAIRS_SET), 4, false, "net.mq.2"},
	{VIRTIO_NET_CTRL_RX, 6, 1, false, "net.filter.1"},
	{9, 0, 0, false, ""},
};

static void right_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		command(rows[i].class, rows[i].cmd, rows[i].value, rows[i].legal ? OK : ERR, told);
	wire_silent();
}

static void wrong_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		command(rows[i].class, rows[i].cmd, rows[i].value, rows[i].legal ? ERR : OK, told);
		wire_cries("content", rows[i].clause);
	}
}

static void answers_that_are_none(void **state)
{
	(void)state;
	command(CODE(RX, PROMISC), 1, 2, told);
	wire_cries("content", "net.filter.1");
}

/* Whatever it says of it: nobody knows what such a command sets. */
static void commands_that_are_cut_short(void **state)
{
	(void)state;
	post_command((struct filter_command){CODE(RX, PROMISC), 1, true});
	frames_acked(wire.frames, gpa(WIRE_ACK), OK);
	assert_false(wire.frames->filter.known);
	command(CODE(MQ, VQ_PAIRS_SET), 0, OK, told);
	wire_silent();
}

static void not_negotiated(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		command(rows[i].class, rows[i].cmd, rows[i].value, ERR, (struct net_tuning){.pairs = 1});
	wire_silent();
	command(CODE(RX, PROMISC), 1, OK, (struct net_tuning){.pairs = 1});
	wire_cries("content", "net.filter.1");
}

static void backend_is_told(void **state)
{
	(void)state;
	command(CODE(MQ, VQ_PAIRS_SET), 2, OK, (struct net_tuning){.pairs = 2, .offloads = NET_CAN_RX_CSUM});
	command(CODE(GUEST_OFFLOADS, SET), 0, OK, (struct net_tuning){.pairs = 2});
	command(CODE(ANNOUNCE, ACK), 0, OK, (struct net_tuning){.pairs = 2, .announced = true});
	wire_silent();
}

static void backend_is_not_told(void **state)
{
	(void)state;
	command(CODE(MQ, VQ_PAIRS_SET), 2, OK, told);
	wire_cries("content", "net.mq.2");
}

static void announcements(void **state)
{
	(void)state;
	assert_true(frames_announce(wire.frames));
	assert_true(wire.frames->filter.announce);
	command(CODE(ANNOUNCE, ACK), 0, OK, (struct net_tuning){1, NET_CAN_RX_CSUM, true});
	assert_false(wire.frames->filter.announce);
	assert_true(frames_announce(wire.frames));
	assert_false(wire.frames->filter.announced);
	wire_reset();
	assert_false(frames_announce(wire.frames));
	wire_live(0);
	assert_false(frames_announce(wire.frames));
	wire_silent();
}

/* -- frames ---------------------------------------------------------------------------------------------- */

enum { MINE, ANOTHERS, TABLED, MULTI, MULTI_TABLED, ALL };

static struct net_frame frame_to(int who)
{
	static const uint8_t to[6][6] = {{2, 0, 0, 0, 0, 1},    {2, 0, 0, 0, 0, 7},
					 {2, 0, 0x5e, 0, 1, 2}, {1, 0, 0x5e, 0, 1, 9},
					 {1, 0, 0x5e, 0, 1, 1}, {255, 255, 255, 255, 255, 255}};
	struct net_frame f = {.len = 60, .head = {[12] = 8}};
	memcpy(f.head, to[who], 6);
	return f;
}

static bool comes(const struct net_frame *f)
{
	const char *why;
	return filter_wants(&wire.frames->filter, f, &why);
}

/* Bit n: frames to n come. */
static void expect(uint32_t who)
{
	for (int i = MINE; i <= ALL; i++) {
		struct net_frame f = frame_to(i);
		assert_int_equal(comes(&f), who >> i & 1);
	}
}

static void set(uint8_t mode, uint16_t on)
{
	command(VIRTIO_NET_CTRL_RX, mode, on, OK, told);
}

#define FEW (1u << MINE | 1u << ALL)

static void modes(void **state)
{
	(void)state;
	expect(FEW);
	set(VIRTIO_NET_CTRL_RX_PROMISC, 1);
	expect(63);
	set(VIRTIO_NET_CTRL_RX_NOBCAST, 1);
	expect(63);
	set(VIRTIO_NET_CTRL_RX_PROMISC, 0);
	expect(1u << MINE);
	set(VIRTIO_NET_CTRL_RX_NOBCAST, 0);
	set(VIRTIO_NET_CTRL_RX_ALLMULTI, 1);
	expect(FEW | 1u << MULTI | 1u << MULTI_TABLED);
	set(VIRTIO_NET_CTRL_RX_NOMULTI, 1);
	expect(FEW);
	set(VIRTIO_NET_CTRL_RX_ALLUNI, 1);
	expect(FEW | 1u << ANOTHERS | 1u << TABLED);
	set(VIRTIO_NET_CTRL_RX_NOUNI, 1);
	expect(1u << ALL);
	wire_reset();
	wire_live(CONTROL);
	expect(FEW);
	wire_silent();
}

static void tables(void **state)
{
	(void)state;
	command(CODE(MAC, TABLE_SET), 3 + 70 * 2, OK, told);
	expect(FEW | 1u << TABLED | 1u << MULTI_TABLED);
	command(CODE(MAC, TABLE_SET), 65, OK, told); /* more than are kept: all of them come */
	expect(FEW | 1u << TABLED | 1u << ANOTHERS);
	command(CODE(MAC, ADDR_SET), 9, OK, told);
	command(CODE(MAC, TABLE_SET), 0, OK, told);
	expect(1u << ALL);
	wire_silent();
}

static void without_filters(void **state)
{
	(void)state;
	expect(63);
}

static void tags_and_lengths(void **state)
{
	struct net_frame f = frame_to(MINE);
	(void)state;
	f.head[12] = 0x81;
	f.head[15] = 5;
	assert_false(comes(&f));
	command(CODE(VLAN, ADD), 5, OK, told);
	assert_true(comes(&f));
	f.head[14] = 0xe0; /* its priority is no part of the tag */
	assert_true(comes(&f));
	f.len = 1518;
	assert_true(comes(&f));
	f.len = 1519;
	assert_false(comes(&f));
	f.header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4; /* it will be cut */
	assert_true(comes(&f));
	f = frame_to(MINE);
	f.len = 1515;
	assert_false(comes(&f));
}

static void answer(int who, enum net_answer a, bool looked)
{
	struct net_frame f = frame_to(who);
	frames_answer(wire.frames, 0, &f, a, looked);
}

static void frames_that_are_taken_or_not(void **state)
{
	(void)state;
	answer(MINE, NET_TAKEN, true);
	answer(MINE, NET_LATER, false);
	answer(MINE, NET_DROPPED, true); /* it did not fit into the buffers that were there */
	answer(ANOTHERS, NET_DROPPED, false);
	frames_link(wire.frames, false);
	answer(MINE, NET_DROPPED, false);
	wire.vdev.status = 0;
	answer(MINE, NET_LATER, false);
	wire_silent();
}

static void frames_that_are_taken_wrongly(void **state)
{
	struct net_frame f = frame_to(MINE);
	(void)state;
	answer(ANOTHERS, NET_TAKEN, true);
	wire_cries("content", "net.mac.4");
	f.header = (struct net_header){1, VIRTIO_NET_HDR_GSO_TCPV4, 0, 10, 0, 0};
	frames_answer(wire.frames, 0, &f, NET_TAKEN, true);
	wire_cries("content", "net.rx.21");
	frames_link(wire.frames, false);
	answer(MINE, NET_TAKEN, true);
	wire_cries("content", "");
}

static void frames_that_are_dropped_wrongly(void **state)
{
	(void)state;
	answer(MINE, NET_DROPPED, false);
	wire_cries("content", "net.mac.4");
	wire.vdev.status = 0;
	answer(MINE, NET_DROPPED, false);
	wire_cries("content", "");
}

/* Frames come on pairs in use alone. */
static void pairs_in_use(void **state)
{
	struct frames_frame f = wire_frame(60);
	(void)state;
	wire.io = (struct net_io){.type = NET_IO_RX, .pair = 1, .len = 60};
	frames_asked(wire.frames, &wire.io, &f);
	wire_cries("backend", "net.mq.1");
	command(CODE(MQ, VQ_PAIRS_SET), 2, OK, (struct net_tuning){.pairs = 2, .offloads = NET_CAN_RX_CSUM});
	frames_asked(wire.frames, &wire.io, &f);
	wire_silent();
	wire.io.pair = 2;
	frames_asked(wire.frames, &wire.io, &f);
	wire_cries("backend", "net.mq.2");
	wire.io.pair = 0;
	wire.io.len = 61;
	frames_asked(wire.frames, &wire.io, &f);
	wire_cries("backend", "");
}

#define TEST(name, features)                                                          \
	{                                                                             \
#name, name, wire_setup, wire_teardown, (void *)(uintptr_t)(features) \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(right_answers, CONTROL),
		TEST(wrong_answers, CONTROL),
		TEST(answers_that_are_none, CONTROL),
		TEST(commands_that_are_cut_short, CONTROL),
		TEST(not_negotiated, WIRE_BIT(CTRL_VQ)),
		TEST(backend_is_told, CONTROL),
		TEST(backend_is_not_told, CONTROL),
		TEST(announcements, CONTROL),
		TEST(modes, CONTROL),
		TEST(tables, CONTROL),
		TEST(without_filters, 0),
		TEST(tags_and_lengths, CONTROL | WIRE_BIT(MTU)),
		TEST(frames_that_are_taken_or_not, CONTROL),
		TEST(frames_that_are_taken_wrongly, CONTROL),
		TEST(frames_that_are_dropped_wrongly, CONTROL),
		TEST(pairs_in_use, CONTROL),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
