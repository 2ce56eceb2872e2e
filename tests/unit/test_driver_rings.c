// SPDX-License-Identifier: BSD-2-Clause
/*
 * The model driver on each kind of ring: the same requests get the same answers on all of them, rings of any
 * size go round, batches that IN_ORDER allows are understood, nothing waits for a notification that the
 * driver did not send, and whatever a program does to a packed ring it comes to an end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>

#include "driver_int.h"
#include "hash.h"
#include "program.h"
#include "tests/unit/silent.h"

#define BIT(nr) (1ull << (nr))
#define PACKED  BIT(VIRTIO_F_RING_PACKED)
#define ORDER   BIT(VIRTIO_F_IN_ORDER)
#define DATA    BIT(VIRTIO_F_NOTIFICATION_DATA)
#define RESET   BIT(VIRTIO_F_RING_RESET)
#define EVENT   BIT(VIRTIO_RING_F_EVENT_IDX)

static const uint64_t kinds[] = {0, PACKED, ORDER, PACKED | ORDER, PACKED | DATA, DATA};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct machine m;
static struct sim_device *d;
static struct driver *g;

static struct {
	uint32_t used, ok, notes, interrupts;
	uint32_t len; /* of the last used entry */
	uint16_t ids[64];
} seen;

static void on_used(void *ctx, struct sim_device *dev, uint16_t queue, uint16_t id, uint32_t len,
		    uint32_t type, int status)
{
	(void)ctx;
	(void)dev;
	(void)queue;
	(void)type;
	seen.ids[seen.used++ % 64] = id;
	seen.ok += status == VIRTIO_BLK_S_OK;
	seen.len = len;
}

static void on_note(void *ctx, struct sim_device *dev, const char *text)
{
	(void)ctx;
	(void)dev;
	(void)text;
	seen.notes++;
}

static void on_interrupt(void *ctx, struct sim_device *dev, uint16_t source)
{
	(void)ctx;
	(void)dev;
	seen.interrupts += source == 0;
}

static const struct machine_events events = {.used = on_used, .note = on_note, .interrupt = on_interrupt};

static int setup(void **state)
{
	(void)state;
	silent_create(&m, &events);
	silent_add(&m, VIRTIO_ID_BLOCK);
	d = &m.device[0];
	g = d->driver;
	memset(&seen, 0, sizeof(seen));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_destroy(&m);
	return 0;
}

/* A fresh device that offers more, with queue 0 up. */
static void begin(uint64_t offer, uint64_t without, uint32_t size)
{
	struct device_options o = {.offer = offer};
	machine_reset(&m);
	machine_make(d, &o);
	assert_true(driver_negotiate(g, without));
	assert_int_equal(g->features & VDEV_FEATURES_MORE, offer);
	assert_true(driver_set_up(g, 0, size));
	driver_ok(g);
	memset(&seen, 0, sizeof(seen));
}

static void post(uint32_t type, uint32_t len, uint32_t shape)
{
	struct driver_request r = {type, 3, len, shape};
	driver_post(g, 0, &r);
}

static void offered_features_are_negotiated(void **state)
{
	(void)state;
	begin(PACKED | ORDER | DATA | RESET, 0, 0);
	assert_true(d->vdev->queue[0].packed && d->vdev->queue[0].in_order);
	begin(0, 0, 0);
	assert_false(d->vdev->queue[0].packed || d->vdev->queue[0].in_order);
}

static void offer_keeps_the_rest(void **state)
{
	const struct op make = {.code = OP_MAKE, .arg = {DEVICE_READ_ONLY, 77, 9}};
	struct op offer = {.code = OP_OFFER, .arg = {PACKED | BIT(5)}};
	(void)state;
	program_step(&m, &make);
	program_step(&m, &offer);
	assert_int_equal(d->vdev->offered & VDEV_FEATURES_MORE, PACKED);
	assert_true(d->vdev->offered >> VIRTIO_BLK_F_RO & 1);
	assert_int_equal(d->vdev->queue[0].size_max, 9);
	program_step(&m, &make);
	assert_int_equal(d->vdev->offered & VDEV_FEATURES_MORE, PACKED);
	offer.arg[0] = ORDER;
	program_step(&m, &offer);
	assert_int_equal(d->vdev->offered & VDEV_FEATURES_MORE, ORDER);
	machine_reset(&m);
	assert_int_equal(d->vdev->offered & VDEV_FEATURES_MORE, 0);
}

/* However a request is cut, and on whatever ring. */
static void answers_are_alike(void **state)
{
	static const struct {
		uint32_t type, len, used;
	} request[] = {{0, 4096, 4097}, {1, 4096, 1}, {2, 0, 1}, {3, 20, 21}, {4, 1536, 1}, {5, 1536, 1}};
	(void)state;
	for (size_t k = 0; k < KINDS; k++) {
		for (uint32_t shape = 0; shape < 65536; shape += 37) {
			begin(kinds[k], shape & 1 ? EVENT : 0, 33 + shape % 64);
			for (size_t i = 0; i < sizeof(request) / sizeof(request[0]); i++) {
				post(request[i].type, request[i].len, shape);
				driver_kick(g, 0);
				driver_reap(g, 0);
				assert_int_equal(seen.used, i + 1);
				assert_int_equal(seen.ok, i + 1);
				assert_int_equal(seen.len, request[i].used);
			}
		}
	}
	assert_int_equal(seen.notes, 0);
}

/* Every notification mode, both ways, and rings that go round many times with chains across their end. */
static void rings_go_round(void **state)
{
	(void)state;
	for (size_t k = 0; k < KINDS * 2; k++) {
		for (uint32_t size = 1; size <= 9; size++) {
			uint32_t posted = 0;
			begin(kinds[k / 2], k & 1 ? EVENT : 0, size);
			for (uint32_t i = 0; i < 50; i++) {
				driver_wish(g, 0, (enum driver_wish)(i % 3), (uint16_t)(i % 5));
				for (uint32_t n = 0; n < 1 + i % 4; n++) /* indirect, or three descriptors */
					post(0, 512, (i + n) % 3 ? 1u << SHAPE_TABLE_SHIFT : 0);
				posted += (uint32_t)m.stats.requests;
				m.stats.requests = 0;
				driver_kick(g, 0);
				driver_reap(g, 0);
				assert_int_equal(seen.used, posted);
				assert_int_equal(g->queue[0].room, g->queue[0].size);
			}
			assert_int_equal(seen.ok, posted);
			assert_true(posted >= 50 - (size < 3 ? 17 : 0));
			assert_int_equal(m.stats.offences, 0);
		}
	}
}

/* Chains in order of their publishing, each once, however the backend answers and the device batches. */
static void in_order_batches(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		begin(k ? ORDER | PACKED : ORDER, 0, 32);
		for (uint32_t round = 0; round < 20; round++) {
			memset(&seen, 0, sizeof(seen));
			d->backend.hold = 6;
			for (int i = 0; i < 6; i++)
				post(i & 1, 512, i < 3 ? 1u << SHAPE_TABLE_SHIFT : 0);
			driver_kick(g, 0);
			machine_done(d, 1 + round % 5, (struct verdict){0, BACKEND_ALL});
			machine_publish(d);
			driver_reap(g, 0);
			assert_int_equal(seen.used, 0); /* the oldest is still there */
			while (d->backend.nheld)
				machine_done(d, d->backend.nheld - 1,
					     (struct verdict){round % 4 == 3, BACKEND_ALL});
			machine_publish(d);
			driver_reap(g, 0);
			assert_int_equal(seen.used, 6);
			assert_int_equal(seen.ok, round % 4 == 3 ? 1 : 6);
			assert_int_equal(g->queue[0].nposted, 0);
		}
		assert_int_equal(seen.notes, 0);
	}
}

/* drv.split.desc.2: descriptors in the order of the ring, and next is the one behind. */
static void in_order_descriptors(void **state)
{
	(void)state;
	begin(ORDER, 0, 8);
	d->backend.hold = 100;
	for (uint32_t i = 0; i < 5; i++) {
		post(0, 512, 0);
		driver_kick(g, 0);
		uint16_t head = ring_get16(&g->queue[0], 1, 4 + 2 * (i % 8));
		assert_int_equal(head, 3 * i % 8);
		for (uint32_t k = 0; k < 2; k++) {
			uint32_t x = (head + k) % 8;
			assert_int_equal(ring_get16(&g->queue[0], 0, 16 * x + 14), (x + 1) % 8);
		}
		while (d->backend.nheld)
			machine_done(d, 0, (struct verdict){0, BACKEND_ALL});
		machine_publish(d);
		driver_reap(g, 0);
	}
}

static void queue_reset(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		begin(k ? RESET | PACKED : RESET, 0, 16);
		d->backend.hold = 3;
		for (int i = 0; i < 3; i++)
			post(1, 512, 0);
		driver_kick(g, 0);
		assert_int_equal(d->backend.nheld, 3);
		driver_reset_queue(g, 0);
		assert_int_equal(d->backend.nheld, 0);
		assert_false(vdev_queue_ready(d->vdev, 0));
		assert_false(driver_is_up(g, 0));
		post(1, 512, 0);
		driver_kick(g, 0);
		driver_reap(g, 0);
		assert_int_equal(seen.ok, 1);
		assert_int_equal(m.stats.offences, 0);
	}
	begin(0, 0, 16);
	driver_reset_queue(g, 0);
	assert_int_equal(seen.notes, 1);
	assert_true(vdev_queue_ready(d->vdev, 0));
}

/* What is held back appears together with what comes after it. */
static void silent_posts(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		begin(k ? PACKED : 0, EVENT, 16);
		for (uint32_t round = 0; round < 9; round++) {
			memset(&seen, 0, sizeof(seen));
			for (int i = 0; i < 2; i++) {
				driver_break(g, BREAK_SILENT, 0, 0);
				post(0, 512, 0);
				driver_kick(g, 0);
				driver_reap(g, 0);
				assert_int_equal(seen.used, 0);
			}
			post(0, 512, 0);
			driver_kick(g, 0);
			driver_reap(g, 0);
			assert_int_equal(seen.ok, 3);
		}
	}
	begin(PACKED, 0, 16); /* the event index counts from what the device could see */
	for (uint32_t round = 0; round < 9; round++) {
		memset(&seen, 0, sizeof(seen));
		driver_break(g, BREAK_SILENT, 0, 0);
		post(0, 512, 0);
		driver_kick(g, 0);
		post(0, 512, 0);
		driver_kick(g, 0);
		driver_reap(g, 0);
		assert_int_equal(seen.ok, 2);
	}
}

static void notification_data(void **state)
{
	(void)state;
	begin(DATA, 0, 8);
	for (int i = 0; i < 5; i++) {
		post(0, 512, 1u << SHAPE_TABLE_SHIFT);
		driver_kick(g, 0);
		driver_reap(g, 0);
	}
	assert_int_equal(driver_kick_value(g, 1), 0x00000001);
	assert_int_equal(driver_kick_value(g, 0), 0x00050000);
	begin(DATA | PACKED, 0, 3);
	assert_int_equal(driver_kick_value(g, 0), 0x80000000); /* the wrap counter starts as 1 */
	for (int i = 0; i < 4; i++) {
		post(0, 512, 1u << SHAPE_TABLE_SHIFT);
		driver_kick(g, 0);
		driver_reap(g, 0);
	}
	assert_int_equal(driver_kick_value(g, 0), 0x00010000);
	begin(PACKED, 0, 3);
	post(0, 512, 1u << SHAPE_TABLE_SHIFT);
	assert_int_equal(driver_kick_value(g, 1), 1);
}

/* An interrupt comes as soon as the device passes the entry that the driver named, not before. */
static void event_positions(void **state)
{
	(void)state;
	begin(PACKED, 0, 5);
	for (uint16_t ahead = 0; ahead < 9; ahead++) {
		driver_wish(g, 0, WISH_AHEAD, ahead);
		for (uint16_t i = 0; i < 9; i++) {
			seen.interrupts = 0;
			post(0, 512, 1u << SHAPE_TABLE_SHIFT);
			driver_kick(g, 0);
			driver_reap(g, 0);
			assert_int_equal(seen.interrupts, i == ahead);
		}
	}
	driver_wish(g, 0, WISH_NONE, 0);
	seen.interrupts = 0;
	for (uint16_t i = 0; i < 12; i++) {
		post(0, 512, 1u << SHAPE_TABLE_SHIFT);
		driver_kick(g, 0);
		driver_reap(g, 0);
	}
	assert_int_equal(seen.interrupts, 0);
}

/* Nothing that a program can do to these rings stops the host, and a run leaves nothing behind. */
static void any_program_runs(void **state)
{
	uint8_t bytes[256];
	(void)state;
	for (uint64_t seed = 0; seed < 6000; seed++) {
		struct op offer = {.code = OP_OFFER, .arg = {kinds[seed % KINDS] | RESET}};
		size_t n = op_program_encode(&offer, bytes, sizeof(bytes));
		for (size_t i = n; i < sizeof(bytes); i++) {
			uint8_t v = (uint8_t)(hash_u64(hash_u64(HASH_SEED, seed), i) >> 24);
			bytes[i] = seed & 1 ? v : v & 0x40 ? v & 0x9f : v & 3;
		}
		program_run(&m, bytes, sizeof(bytes));
		uint64_t hash = machine_hash(&m);
		if (seed % 8)
			continue;
		program_run(&m, bytes, sizeof(bytes));
		assert_int_equal(machine_hash(&m), hash);
	}
	assert_true(m.stats.answered > 2000);
	assert_true(m.stats.offences > 1000); /* which ones depends on the table of ops */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(offered_features_are_negotiated, setup, teardown),
		cmocka_unit_test_setup_teardown(offer_keeps_the_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(answers_are_alike, setup, teardown),
		cmocka_unit_test_setup_teardown(rings_go_round, setup, teardown),
		cmocka_unit_test_setup_teardown(in_order_batches, setup, teardown),
		cmocka_unit_test_setup_teardown(in_order_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(queue_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(silent_posts, setup, teardown),
		cmocka_unit_test_setup_teardown(notification_data, setup, teardown),
		cmocka_unit_test_setup_teardown(event_positions, setup, teardown),
		cmocka_unit_test_setup_teardown(any_program_runs, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
