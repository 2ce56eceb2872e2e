// SPDX-License-Identifier: BSD-2-Clause
/* The console device under pressure: a backend that holds, lends that are refused, chains of any length, and
 * resets with requests in flight. */
#include <stdlib.h>

#include "tests/unit/tty.h"

static struct tty *t;

static int setup(void **state)
{
	(void)state;
	t = tty_new(&tty_multi);
	tty_boot(t, 0);
	tty_open_ports(t);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tty_free(t);
	return 0;
}

/* A port that is stopped has its share of the slots, and waits; others go on, both ways. */
static void a_stopped_port_leaves_room_for_others(void **state)
{
	(void)state;
	t->hold = true;
	for (uint32_t i = 0; i < SIZE; i++) {
		fill(&t->g, DATA + 16 * i, 16, (uint8_t)(16 * 7 * i));
		tty_send(t, 0, DATA + 16 * i, 16);
	}
	assert_int_equal(t->nheld, CONSOLE_TX_MAX);
	t->hold = false;
	tty_send(t, 1, DATA, 8);
	assert_int_equal(tty_used(t, 5), 0);
	tty_room(t, 0, DATA + 0x1000, 8);
	tty_type(t, 0, 8);
	assert_int_equal(tty_used(t, 0), 8);
	assert_true(tty_idle(t, 1));
	t->hold = true;
	for (uint32_t i = 0; i < SIZE; i++) {
		assert_int_equal(t->port[0].nout, 16 * i);
		tty_finish(t, 0);
		tty_settle(t);
		assert_int_equal(tty_used(t, 1), 0);
	}
	assert_true(filled(&t->g, DATA, 16 * SIZE, 0));
	assert_memory_equal(t->port[0].out, at(&t->g, DATA), 16 * SIZE);
	assert_int_equal(t->g.again, 0);
}

/* A chain that can not be lent whole goes in pieces, in order, with one used entry at its end. */
static void chains_in_pieces(void **state)
{
	const struct buf b[] = {{DATA, 700, false}, {DATA + 700, 5000, false}, {DATA + 5700, 3, false}};
	(void)state;
	fill(&t->g, DATA, 6000, 9);
	for (uint32_t blocks = 1; blocks < 24; blocks += 3) {
		struct taplog *tap = taplog_new(&t->g, blocks);
		t->port[1].nout = 0;
		ring_post(&t->ring[5], b, 3);
		ring_post(&t->ring[5], b, 1);
		tty_kick(t, 5);
		tty_settle(t);
		assert_int_equal(tty_used(t, 5), 0);
		assert_int_equal(tty_used(t, 5), 0);
		assert_int_equal(t->port[1].nout, 5703 + 700);
		assert_memory_equal(t->port[1].out, at(&t->g, DATA), 5703);
		assert_memory_equal(t->port[1].out + 5703, at(&t->g, DATA), 700);
		assert_int_equal(t->con.port[1].sent, 0);
		taplog_free(tap);
	}
}

/* The same, held: the next chain waits for the end of the one before. */
static void pieces_take_their_time(void **state)
{
	struct taplog *tap = taplog_new(&t->g, 8);
	uint32_t pieces = 0;
	(void)state;
	fill(&t->g, DATA, 12000, 1);
	t->hold = true;
	tty_send(t, 1, DATA, 10000);
	tty_send(t, 1, DATA + 10000, 2000);
	for (; t->nheld; pieces++) {
		assert_int_equal(t->nheld, 1);
		assert_true(tty_idle(t, 5) == (t->port[1].nout < 10000));
		tty_finish(t, 0);
		tty_settle(t);
	}
	assert_in_range(pieces, 4, 10);
	assert_int_equal(t->port[1].nout, 12000);
	assert_memory_equal(t->port[1].out, at(&t->g, DATA), 12000);
	assert_int_equal(tty_used(t, 5), 0);
	assert_int_equal(tty_used(t, 5), 0);
	taplog_free(tap);
}

/* A port, or the queue, ends in the middle of such a chain. */
static void pieces_cut_short(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++) {
		struct taplog *tap = taplog_new(&t->g, 4);
		t->hold = true;
		tty_send(t, 1, DATA, 10000);
		assert_int_equal(t->nheld, 1);
		assert_int_not_equal(t->con.port[1].sent, 0);
		if (how == 0) {
			console_port_remove(&t->con, 1);
			t->port[1].open = false;
			tty_settle(t);
			assert_int_equal(tty_used(t, 5), 0);
		} else {
			set(&t->mmio, VIRTIO_MMIO_QUEUE_SEL, 5);
			set(&t->mmio, how == 1 ? VIRTIO_MMIO_QUEUE_READY : VIRTIO_MMIO_STATUS, 0);
			assert_true(tty_idle(t, 5));
		}
		assert_int_equal(t->nheld, 0);
		assert_int_equal(t->con.port[1].sent, 0);
		t->hold = false;
		taplog_free(tap);
		if (how == 0)
			console_port_add(&t->con, 1, &tty_multi.port[1]);
		tty_boot(t, 0);
		tty_open_ports(t);
		t->port[1].nout = 0;
		tty_send(t, 1, DATA, 10);
		assert_int_equal(t->port[1].nout, 10);
		assert_int_equal(tty_used(t, 5), 0);
	}
}

/* As many segments as a chain can have, each of them over two regions. */
static void more_pieces_of_memory_than_fit(void **state)
{
	struct buf b[VQ_SEGS_MAX];
	(void)state;
	fill(&t->g, LOW_END - 4, 8, 5);
	for (int i = 0; i < VQ_SEGS_MAX; i++)
		b[i] = (struct buf){LOW_END - 4, 8, false};
	ring_post_indirect(&t->ring[5], 0x28000, b, VQ_SEGS_MAX);
	tty_kick(t, 5);
	tty_settle(t);
	assert_int_equal(tty_used(t, 5), 0);
	assert_int_equal(t->port[1].nout, 8 * VQ_SEGS_MAX);
	for (int i = 0; i < VQ_SEGS_MAX; i++) {
		assert_memory_equal(t->port[1].out + 8 * i, at(&t->g, LOW_END - 4), 4);
		assert_memory_equal(t->port[1].out + 8 * i + 4, at(&t->g, NEXT), 4);
	}
}

/* No lend for input: fewer bytes where nothing else is out, later where something is. */
static void input_without_lends(void **state)
{
	struct taplog *tap = taplog_new(&t->g, 2);
	(void)state;
	tty_room(t, 0, DATA, 2000);
	tty_room(t, 0, DATA + 2000, 2000);
	t->hold = true;
	tty_send(t, 1, DATA + 0x1000, 700); /* both blocks */
	tty_type(t, 0, 1500);
	assert_true(t->port[0].waiting);
	assert_int_equal(t->g.again, 0);
	tty_finish(t, 0);
	t->hold = false;
	tty_settle(t);
	assert_int_equal(t->port[0].typed, 1500);
	assert_int_equal(tty_used(t, 0), 750); /* half of what was asked for */
	assert_int_equal(tty_used(t, 0), 750);
	taplog_free(tap);
}

/* Somebody else holds all of it: the device asks to be run again, until there is some. */
static void all_lends_are_elsewhere(void **state)
{
	struct taplog *tap = taplog_new(&t->g, 1);
	(void)state;
	void *other = arena_get(&tap->arena, 500);
	tty_room(t, 0, DATA, 8);
	tty_type(t, 0, 3);
	assert_true(t->port[0].waiting);
	tty_send(t, 1, DATA, 4);
	assert_int_equal(t->g.again, 1u << 0 | 1u << 5);
	vdev_run(&t->con.vdev, 5);
	assert_int_equal(t->g.again, 1u << 0 | 1u << 5);
	arena_put(&tap->arena, other, 500);
	tty_settle(t);
	assert_int_equal(tty_used(t, 0), 3);
	assert_int_equal(tty_used(t, 5), 0);
	taplog_free(tap);
}

/* P23: nothing reaches the guest after a reset, of the device or of the queue. */
static void reset_with_requests_in_flight(void **state)
{
	(void)state;
	for (int whole = 0; whole < 2; whole++) {
		struct taplog *tap = taplog_new(&t->g, 8);
		t->hold = true;
		t->port[0] = (struct tty_port){.out = t->port[0].out, .open = true};
		memset(at(&t->g, DATA), RAM_FILL, 64);
		tty_room(t, 0, DATA, 64);
		tty_type(t, 0, 10);
		tty_send(t, 1, DATA + 64, 10);
		assert_int_equal(t->nheld, 2);
		set(&t->mmio, VIRTIO_MMIO_QUEUE_SEL, 0);
		set(&t->mmio, whole ? VIRTIO_MMIO_STATUS : VIRTIO_MMIO_QUEUE_READY, 0);
		assert_int_equal(t->port[0].drains, 1);
		assert_int_equal(t->nheld, whole ? 0 : 1); /* other ports are left alone */
		console_publish(&t->con);
		assert_true(untouched(&t->g, DATA, 64));
		assert_true(tty_idle(t, 0));
		t->hold = false;
		while (t->nheld)
			tty_finish(t, 0);
		tty_settle(t);
		assert_true(tty_idle(t, 5) == whole);
		taplog_free(tap);
		tty_boot(t, 0);
		tty_open_ports(t);
	}
}

/* A live device runs queues as they become ready: output from before is written, input that waits has its room. */
static void queues_set_up_late(void **state)
{
	(void)state;
	const struct buf b = {DATA, 10, false};
	tty_type(t, 0, 5);
	for (uint16_t queue = 0; queue < 2; queue++) {
		struct ring *r = &t->ring[queue];
		set(&t->mmio, VIRTIO_MMIO_QUEUE_SEL, queue);
		set(&t->mmio, VIRTIO_MMIO_QUEUE_READY, 0);
		ring_init(r, &t->g, r->desc, SIZE);
		put16(&t->g, ring_used_event(r), 0);
		put16(&t->g, ring_avail_event(r), 0x7000); /* some older wish */
	}
	tty_room(t, 0, DATA + 64, 64);
	ring_post(&t->ring[1], &b, 1);
	for (uint16_t queue = 0; queue < 2; queue++)
		queue_enable(&t->mmio, queue, &t->ring[queue]);
	tty_settle(t);
	assert_int_equal(tty_used(t, 0), 5);
	assert_int_equal(tty_used(t, 1), 0);
	assert_int_equal(t->port[0].nout, 10);
	assert_int_equal(get16(&t->g, ring_avail_event(&t->ring[1])), 1);
}

static void a_broken_device_says_nothing(void **state)
{
	(void)state;
	t->hold = true;
	tty_send(t, 1, DATA, 10);
	tty_room(t, 0, DATA, 64);
	tty_type(t, 0, 10);
	ring_publish(&t->ring[1], SIZE);
	tty_kick(t, 1);
	assert_int_equal(reg(&t->mmio, VIRTIO_MMIO_STATUS), S_LIVE | VIRTIO_CONFIG_S_NEEDS_RESET);
	tty_finish(t, 0);
	tty_finish(t, 0);
	tty_settle(t);
	assert_true(tty_idle(t, 0) && tty_idle(t, 5));
	console_resize(&t->con, 3, 4);
	console_port_remove(&t->con, 1);
	t->port[1].open = false;
	tty_hears_nothing(t);
	assert_int_equal(console_input(&t->con, 0, 5), 0);
}

/* The rings end before what is out does, with a piece of a chain not sent yet. */
static void removal_from_a_broken_device(void **state)
{
	struct taplog *tap = taplog_new(&t->g, 2);
	(void)state;
	t->hold = true;
	tty_send(t, 1, DATA, 5000);
	ring_publish(&t->ring[1], SIZE);
	tty_kick(t, 1);
	console_port_remove(&t->con, 1);
	t->port[1].open = false;
	assert_true(tty_idle(t, 5));
	taplog_free(tap);
}

static void hash_sees_it_all(void **state)
{
	uint64_t h[8];
	(void)state;
	h[0] = mmio_hash(&t->mmio);
	t->hold = true;
	tty_send(t, 1, DATA, 1);
	h[1] = mmio_hash(&t->mmio);
	tty_say(t, 1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	h[2] = mmio_hash(&t->mmio);
	t->con.options.cols++;
	h[3] = mmio_hash(&t->mmio);
	t->con.port[2].waits = true;
	h[4] = mmio_hash(&t->mmio);
	t->con.options.port[1].name[1] ^= 1;
	h[5] = mmio_hash(&t->mmio);
	t->con.driver_ready = false;
	h[6] = mmio_hash(&t->mmio);
	for (int i = 0; i < 7; i++)
		for (int k = 0; k < i; k++)
			assert_int_not_equal(h[i], h[k]);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_stopped_port_leaves_room_for_others),
		T(chains_in_pieces),
		T(pieces_take_their_time),
		T(pieces_cut_short),
		T(more_pieces_of_memory_than_fit),
		T(input_without_lends),
		T(all_lends_are_elsewhere),
		T(reset_with_requests_in_flight),
		T(queues_set_up_late),
		T(a_broken_device_says_nothing),
		T(removal_from_a_broken_device),
		T(hash_sees_it_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
