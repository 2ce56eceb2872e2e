// SPDX-License-Identifier: BSD-2-Clause
/* The oracle of frames: what a device does wrong to them is found, what the specification leaves open is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/wire.h"

#define CSUM  (WIRE_BIT(CSUM) | WIRE_BIT(HOST_TSO4))
#define GUEST (WIRE_BIT(GUEST_CSUM) | WIRE_BIT(GUEST_TSO4))
#define MERGE WIRE_BIT(MRG_RXBUF)
#define NEEDS VIRTIO_NET_HDR_F_NEEDS_CSUM
#define TSO4  VIRTIO_NET_HDR_GSO_TCPV4

static const struct net_header plain;
static const struct net_header tso = {NEEDS, TSO4, 40, 500, 20, 6};

/* -- sent ------------------------------------------------------------------------------------------------ */

static void sent_whole(void **state)
{
	(void)state;
	for (uint32_t len = 14; len < 9000; len = 3 * len - 1) {
		uint16_t slot = wire_post(&plain, len);
		wire_send(&plain, len);
		frames_answered(wire.frames, slot, 0);
	}
	wire_silent();
}

static void any_byte_that_is_sent_wrong(void **state)
{
	(void)state;
	for (uint32_t at = 0; at < 1514; at += 41) {
		uint16_t slot = wire_post(&plain, 1514);
		wire.out[at] ^= 4;
		wire_send(&plain, 1514);
		wire_cries("content", "");
		frames_dropped(wire.frames, slot);
	}
}

static void sent_in_part(void **state)
{
	(void)state;
	wire_post(&plain, 1514);
	wire_send(&plain, 1513);
	wire_cries("content", "");
}

static void sent_twice(void **state)
{
	(void)state;
	wire_post(&plain, 60);
	wire_send(&plain, 60);
	wire_silent();
	wire_send(&plain, 60);
	wire_cries("content", "");
}

static void sent_out_of_order(void **state)
{
	uint8_t first[60];
	(void)state;
	wire_post(&plain, 60);
	memcpy(first, wire.out, 60);
	wire_post(&plain, 60);
	wire_send(&plain, 60);
	memcpy(wire.out, first, 60);
	wire_send(&plain, 60);
	wire_cries("content", "");
}

static void sent_with_another_header(void **state)
{
	struct net_header h = tso;
	(void)state;
	wire_post(&tso, 1000);
	h.gso_size++;
	wire_send(&h, 1000);
	wire_cries("content", "");
}

/* hdr_len is a hint, which a device may set right or forget. */
static void sent_with_another_hint(void **state)
{
	struct net_header h = tso;
	(void)state;
	wire_post(&tso, 1000);
	h.hdr_len = 54;
	wire_send(&h, 1000);
	wire_silent();
}

static void sent_with_what_was_not_negotiated(void **state)
{
	(void)state;
	wire_post(&tso, 1000);
	wire_send(&tso, 1000);
	wire_cries("backend", "");
}

static void used_and_never_sent(void **state)
{
	(void)state;
	frames_answered(wire.frames, wire_post(&plain, 60), 0);
	wire_cries("content", "net.cfg.6");
}

/* With the cable out, or where the host had no room to lend. */
static void lost_for_a_reason(void **state)
{
	uint16_t slot;
	(void)state;
	slot = wire_post(&plain, 60);
	frames_link(wire.frames, false);
	frames_answered(wire.frames, slot, 0);
	slot = wire_post(&plain, 60);
	frames_answered(wire.frames, slot, 0);
	frames_link(wire.frames, true);
	slot = wire_post(&plain, 60);
	wire.frames->nrefused++;
	frames_answered(wire.frames, slot, 0);
	wire_silent();
}

static void wrong_and_never_sent(void **state)
{
	struct net_header h = tso;
	(void)state;
	h.gso_type = 9;
	frames_answered(wire.frames, wire_post(&h, 1000), 0);
	frames_answered(wire.frames, wire_post(&plain, 13), 0);
	wire_silent();
}

/* What the driver has posted before a reset is nobody's. */
static void sent_after_a_reset(void **state)
{
	(void)state;
	wire_post(&plain, 60);
	wire_reset();
	wire_live(0);
	wire_send(&plain, 60);
	wire_cries("content", "");
}

/* -- received -------------------------------------------------------------------------------------------- */

static void received_whole(void **state)
{
	(void)state;
	for (uint32_t len = 14; len < 3000; len = 3 * len - 1) {
		uint16_t slot = wire_room(0, 4000);
		struct frames_frame f = wire_frame(len);
		wire_give(&f);
		wire_receive(0, slot, &f);
	}
	frames_quiet(wire.frames);
	wire_silent();
}

/* A frame of 1514 bytes in buffers of 800. */
static void receive_merged(uint16_t num_buffers, uint32_t wrong_at, uint32_t less)
{
	uint16_t a = wire_room(0, 800), b = wire_room(1, 800);
	struct frames_frame f = wire_frame(1514);
	wire_give(&f);
	wire_header(0, &plain, num_buffers);
	wire_store(0, WIRE_HEADER, &f, 0, 788);
	wire_store(1, 0, &f, 788 - less, 726 + less);
	if (wrong_at)
		assert_true(ram_write(&wire.ram, gpa(WIRE_RX + wrong_at), "\xff", 1));
	frames_answered(wire.frames, a, 800 - less);
	frames_answered(wire.frames, b, 726 + less);
}

static void received_merged(void **state)
{
	(void)state;
	receive_merged(2, 0, 0);
	frames_quiet(wire.frames);
	wire_silent();
}

static void any_byte_that_is_received_wrong(void **state)
{
	(void)state;
	for (uint32_t at = WIRE_HEADER; at < 800; at += 31) {
		wire_reset();
		wire_live(MERGE);
		receive_merged(2, at, 0);
		wire_cries("content", "");
	}
	for (uint32_t at = 0x1000; at < 0x1000 + 726; at += 31) {
		wire_reset();
		wire_live(MERGE);
		receive_merged(2, at, 0);
		wire_cries("content", "");
	}
}

static void too_few_buffers_are_said(void **state)
{
	(void)state;
	receive_merged(1, 0, 0);
	wire_cries("content", "net.rx.2");
}

static void no_buffers_are_said(void **state)
{
	(void)state;
	receive_merged(0, 0, 0);
	wire_cries("content", "net.rx.2");
}

static void a_buffer_is_not_filled(void **state)
{
	(void)state;
	receive_merged(2, 0, 50);
	wire_cries("content", "net.rx.3");
}

static void num_buffers_without_merging(void **state)
{
	uint16_t slot = wire_room(0, 800);
	struct frames_frame f = wire_frame(60);
	(void)state;
	wire_give(&f);
	wire_header(0, &plain, 0);
	wire_store(0, WIRE_HEADER, &f, 0, 60);
	frames_answered(wire.frames, slot, 72);
	wire_cries("content", "net.rx.1");
}

static void ends_too_early(void **state)
{
	uint16_t slot = wire_room(0, 800);
	struct frames_frame f = wire_frame(60);
	(void)state;
	wire_give(&f);
	wire_header(0, &plain, 1);
	wire_store(0, WIRE_HEADER, &f, 0, 59);
	frames_answered(wire.frames, slot, 71);
	wire_cries("content", "net.rx.2");
}

static void receive_with(const struct net_header *given, const struct net_header *said)
{
	uint16_t slot = wire_room(0, 2000);
	struct frames_frame f = wire_frame(1000);
	f.frame.header = *given;
	wire_give(&f);
	wire_header(0, said, 1);
	wire_store(0, WIRE_HEADER, &f, 0, 1000);
	frames_answered(wire.frames, slot, 1012);
}

static void header_is_the_frames(void **state)
{
	struct net_header valid = {.flags = VIRTIO_NET_HDR_F_DATA_VALID}, hint = tso;
	(void)state;
	receive_with(&tso, &tso);
	hint.hdr_len = 0;
	receive_with(&tso, &hint);
	receive_with(&valid, &valid);
	receive_with(&valid, &plain); /* that it is valid need not be said */
	wire_silent();
}

static void header_is_another(void **state)
{
	struct net_header h[4] = {tso, tso, tso, tso};
	(void)state;
	h[0].csum_start++;
	h[1].csum_offset++;
	h[2].gso_size++;
	h[3].flags = 0;
	for (int i = 0; i < 4; i++) {
		wire_reset();
		wire_live(GUEST);
		receive_with(&tso, &h[i]);
		wire_cries("content", "net.rx.21");
	}
}

static void flags_without_the_feature(void **state)
{
	struct net_header h = {.flags = VIRTIO_NET_HDR_F_DATA_VALID};
	(void)state;
	receive_with(&plain, &h);
	wire_cries("content", "net.rx.5");
}

static void flags_that_mean_nothing(void **state)
{
	struct net_header h = {.flags = 0x80};
	(void)state;
	receive_with(&plain, &h);
	wire_cries("content", "net.rx.24");
}

static void never_arrives(void **state)
{
	struct frames_frame f = wire_frame(60);
	(void)state;
	wire_room(0, 800);
	wire_give(&f);
	frames_quiet(wire.frames);
	wire_cries("content", "");
}

static void a_broken_device_owes_nothing(void **state)
{
	struct frames_frame f = wire_frame(60);
	(void)state;
	wire_room(0, 800);
	wire_give(&f);
	wire.vdev.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	frames_quiet(wire.frames);
	wire_silent();
}

static void arrives_twice(void **state)
{
	uint16_t a = wire_room(0, 800), b = wire_room(1, 800);
	struct frames_frame f = wire_frame(60);
	(void)state;
	wire_give(&f);
	wire_receive(0, a, &f);
	wire_silent();
	wire_receive(1, b, &f);
	wire_cries("content", "");
}

static void arrives_in_another_order(void **state)
{
	uint16_t a = wire_room(0, 800);
	struct frames_frame f = wire_frame(60), g = wire_frame(60);
	(void)state;
	wire_room(1, 800);
	wire_give(&f);
	wire_give(&g);
	wire_receive(0, a, &g);
	wire_cries("content", "");
}

/* A reception that failed, and buffers that can hold no frame, come back empty. */
static void comes_back_empty(void **state)
{
	uint16_t a = wire_room(0, 800), b = wire_room(1, 8), c = wire_room(2, 800);
	struct frames_frame f = wire_frame(60), g = wire_frame(90);
	(void)state;
	wire_give(&g);
	frames_given(wire.frames, &wire.io, &f, false, true);
	frames_answered(wire.frames, a, 0);
	frames_answered(wire.frames, b, 0);
	wire_receive(2, c, &g);
	frames_quiet(wire.frames);
	wire_silent();
}

/* The device was reset meanwhile, and has no buffers any more. */
static void done_after_a_reset(void **state)
{
	struct frames_frame f = wire_frame(60);
	(void)state;
	wire_room(0, 800);
	wire.io = (struct net_io){.type = NET_IO_RX, .len = 60};
	wire_reset();
	frames_given(wire.frames, &wire.io, &f, true, false);
	frames_quiet(wire.frames);
	wire_silent();
}

/* What a guest has changed behind its driver's back is not judged, until a reset. */
static void distrusted(void **state)
{
	(void)state;
	frames_distrust(wire.frames);
	wire.out[0] = 1;
	wire_send(&plain, 60);
	receive_merged(1, 900, 0);
	frames_quiet(wire.frames);
	wire_silent();
	wire_reset();
	frames_trust(wire.frames);
	wire_live(MERGE);
	receive_merged(1, 0, 0);
	wire_cries("content", "net.rx.2");
}

static void room_for_a_frame(void **state)
{
	(void)state;
	assert_false(frames_room(wire.frames, 0, 60));
	wire_room(0, 40); /* none, for the oracle knows no chain as taken */
	assert_false(frames_room(wire.frames, 0, 60));
	wire_room(1, 40);
	assert_true(frames_room(wire.frames, 0, 60));
	assert_true(frames_room(wire.frames, 0, 68));
	assert_false(frames_room(wire.frames, 0, 69));
	assert_false(frames_room(wire.frames, 1, 60));
}

#define TEST(name, features)                                                          \
	{                                                                             \
#name, name, wire_setup, wire_teardown, (void *)(uintptr_t)(features) \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sent_whole, 0),
		TEST(any_byte_that_is_sent_wrong, 0),
		TEST(sent_in_part, 0),
		TEST(sent_twice, 0),
		TEST(sent_out_of_order, 0),
		TEST(sent_with_another_header, CSUM),
		TEST(sent_with_another_hint, CSUM),
		TEST(sent_with_what_was_not_negotiated, 0),
		TEST(used_and_never_sent, 0),
		TEST(lost_for_a_reason, 0),
		TEST(wrong_and_never_sent, CSUM),
		TEST(sent_after_a_reset, 0),
		TEST(received_whole, 0),
		TEST(received_whole, MERGE),
		TEST(received_merged, MERGE),
		TEST(any_byte_that_is_received_wrong, MERGE),
		TEST(too_few_buffers_are_said, MERGE),
		TEST(no_buffers_are_said, MERGE),
		TEST(a_buffer_is_not_filled, MERGE),
		TEST(num_buffers_without_merging, 0),
		TEST(ends_too_early, 0),
		TEST(header_is_the_frames, GUEST),
		TEST(header_is_another, GUEST),
		TEST(flags_without_the_feature, 0),
		TEST(flags_that_mean_nothing, GUEST),
		TEST(never_arrives, 0),
		TEST(a_broken_device_owes_nothing, 0),
		TEST(arrives_twice, 0),
		TEST(arrives_in_another_order, 0),
		TEST(comes_back_empty, 0),
		TEST(done_after_a_reset, 0),
		TEST(distrusted, MERGE),
		TEST(room_for_a_frame, MERGE),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
