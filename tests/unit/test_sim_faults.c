// SPDX-License-Identifier: BSD-2-Clause
/* What a simulated host does to its guest: requests that take their time, and power cuts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_ids.h>

#include "driver.h"
#include "program.h"
#include "simdisk.h"
#include "tests/unit/silent.h"

static struct machine m;
static uint32_t nused, nfailed;
static uint16_t order[64]; /* heads, as they were answered */

static void on_used(void *ctx, struct sim_device *d, uint16_t queue, uint16_t id, uint32_t len, uint32_t type,
		    int status)
{
	(void)ctx;
	(void)d;
	(void)queue;
	(void)len;
	(void)type;
	order[nused++ % 64] = id;
	nfailed += status != 0;
}

static const struct machine_events events = {.used = on_used};

static int setup(void **state)
{
	(void)state;
	silent_create(&m, &events);
	silent_add(&m, VIRTIO_ID_BLOCK);
	machine_reset(&m);
	nused = nfailed = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_destroy(&m);
	return 0;
}

static void step(uint8_t code, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct op op = {.code = code, .arg = {a, b, c, d}};
	program_step(&m, &op);
}

enum { IN, OUT, FLUSH };

static void request(uint64_t type, uint64_t sector)
{
	step(OP_POST, 0, type, sector, 512);
	step(OP_KICK, 0, 0, 0, 0);
}

static void due_in_order(void **state)
{
	(void)state;
	step(OP_DELAY, 1, 5000, 0, 0);
	request(IN, 0);
	step(OP_DELAY, 1, 1000, 0, 0);
	request(IN, 1);
	step(OP_DELAY, 1, 3000, 0, 0);
	request(IN, 2);
	step(OP_TICK, 999, 0, 0, 0);
	step(OP_REAP, 0, 0, 0, 0);
	assert_int_equal(nused, 0);
	step(OP_TICK, 1, 0, 0, 0);
	step(OP_REAP, 0, 0, 0, 0);
	assert_int_equal(nused, 1);
	step(OP_TICK, 10000, 0, 0, 0);
	step(OP_REAP, 0, 0, 0, 0);
	assert_int_equal(nused, 3);
	assert_int_equal(order[0], 3); /* three descriptors each */
	assert_int_equal(order[1], 6);
	assert_int_equal(order[2], 0);
	assert_int_equal(m.clock_ns, 11000);
}

/* What is held waits for `done`, whatever time it is; but at the end all of it completes. */
static void held_is_never_due(void **state)
{
	(void)state;
	step(OP_HOLD, 1, 0, 0, 0);
	step(OP_DELAY, 1, UINT64_MAX, 0, 0);
	request(IN, 0);
	request(IN, 1);
	request(IN, 2);
	assert_int_equal(m.device[0].backend.nheld, 2);
	for (int i = 0; i < 4; i++)
		step(OP_TICK, UINT64_MAX, 0, 0, 0);
	assert_int_equal(m.device[0].backend.nheld, 1);
	program_quiesce(&m);
	assert_int_equal(nused, 3);
}

/* A reset waits for what is delayed: it drains. */
static void reset_drains(void **state)
{
	(void)state;
	step(OP_DELAY, 4, 1000000, 0, 0);
	request(IN, 0);
	request(OUT, 1);
	step(OP_RESET, 0, 0, 0, 0);
	assert_int_equal(m.device[0].backend.nheld, 0);
	step(OP_TICK, 2000000, 0, 0, 0);
	request(IN, 0);
	program_quiesce(&m);
	assert_int_equal(nused, 1);
}

/* The guest's half, judged by the content oracle: reads after a cut are what was flushed, or newer. */
static void cut_and_read(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		nused = 0;
		for (uint64_t s = 0; s < 6; s++)
			request(OUT, s);
		request(FLUSH, 0);
		step(OP_REAP, 0, 0, 0, 0);
		for (uint64_t s = 0; s < 6; s += 2)
			request(OUT, s);
		step(OP_REAP, 0, 0, 0, 0);
		step(OP_HOLD, 2, 0, 0, 0);
		request(OUT, 1);
		request(OUT, 3);
		step(OP_POWER_CUT, seed, 0, 0, 0);
		assert_int_equal(m.device[0].backend.nheld, 0);
		assert_int_equal(m.device[0].vdev->status, 0);
		for (uint64_t s = 0; s < 6; s++)
			request(IN, s);
		step(OP_REAP, 0, 0, 0, 0);
		assert_int_equal(nused, 6 + 1 + 3 + 6);
		assert_int_equal(nfailed, 0);
	}
}

/* Indices that start near their wrap: with and without event indices, on rings of any size. */
static void wound_queues(void **state)
{
	(void)state;
	for (uint32_t size = 4; size <= 64; size *= 2)
		for (uint64_t without = 0; without <= 1ull << 29; without += 1ull << 29) {
			nused = 0;
			step(OP_NEGOTIATE, without, 0, 0, 0);
			step(OP_QUEUE, 0, size, 0, 0);
			step(OP_DRIVER_OK, 0, 0, 0, 0);
			step(OP_WIND, 0, 65530, 0, 0);
			for (uint64_t i = 0; i < 10; i++) {
				request(i & 1 ? OUT : IN, i / 2);
				step(OP_REAP, 0, 0, 0, 0);
			}
			assert_int_equal(nused, 10);
			assert_int_equal(m.device[0].vdev->queue[0].next_avail, 4);
			step(OP_WIND, 0, 77, 0, 0); /* too late */
			assert_int_equal(m.device[0].vdev->queue[0].next_avail, 4);
		}
	assert_int_equal(m.stats.offences, 0);
}

/* -- the disk by itself ---------------------------------------------------------------------------------- */

static struct simdisk disk;

static void put(uint64_t sector, uint8_t value, bool sync)
{
	uint8_t bytes[512];
	struct blk_io io = {.type = BLK_IO_WRITE, .len = 512, .sector = sector, .sync = sync, .nspans = 1};
	memset(bytes, value, sizeof(bytes));
	io.span[0] = (struct vspan){bytes, sizeof(bytes)};
	simdisk_do(&disk, &io, 512);
}

static uint8_t get(uint64_t sector)
{
	uint8_t bytes[512];
	struct blk_io io = {.type = BLK_IO_READ, .len = 512, .sector = sector, .nspans = 1};
	io.span[0] = (struct vspan){bytes, sizeof(bytes)};
	simdisk_do(&disk, &io, 512);
	return bytes[511];
}

static void what_survives(void **state)
{
	uint32_t lost = 0, kept = 0;
	(void)state;
	for (uint64_t seed = 0; seed < 8; seed++) {
		simdisk_reset(&disk);
		for (uint64_t s = 0; s < 64; s++)
			put(s, 1, false);
		simdisk_flushed(&disk);
		for (uint64_t s = 0; s < 32; s++)
			put(s, 2, false);
		put(0, 3, true);
		put(40, 4, true);
		simdisk_power_cut(&disk, seed);
		assert_int_equal(get(0), 3);
		assert_int_equal(get(40), 4);
		assert_int_equal(get(50), 1);
		for (uint64_t s = 1; s < 32; s++) {
			uint8_t v = get(s);
			assert_true(v == 1 || v == 2);
			lost += v == 1;
			kept += v == 2;
		}
		uint8_t after[32];
		for (uint64_t s = 0; s < 32; s++)
			after[s] = get(s);
		simdisk_power_cut(&disk, seed + 1); /* what the cut left is stable */
		for (uint64_t s = 0; s < 32; s++)
			assert_int_equal(get(s), after[s]);
	}
	assert_true(lost > 60 && kept > 60);
}

/* A sector that was never written, or was zeroed, is so again. */
static void back_to_the_start(void **state)
{
	struct blk_io zero = {
		.type = BLK_IO_WRITE_ZEROES, .nranges = 1, .range = {{.sector = 5, .nsectors = 1}}};
	uint32_t made = 0, zeroed = 0;
	(void)state;
	for (uint64_t seed = 0; seed < 32; seed++) {
		simdisk_reset(&disk);
		uint8_t first = get(4);
		simdisk_do(&disk, &zero, 0);
		simdisk_flushed(&disk);
		put(4, 9, false);
		put(5, 9, false);
		simdisk_power_cut(&disk, seed);
		assert_true(get(4) == 9 || get(4) == first);
		assert_true(get(5) == 9 || get(5) == 0);
		made += get(4) == first;
		zeroed += get(5) == 0;
	}
	assert_true(made > 4 && made < 28 && zeroed > 4 && zeroed < 28);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(due_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(held_is_never_due, setup, teardown),
		cmocka_unit_test_setup_teardown(reset_drains, setup, teardown),
		cmocka_unit_test_setup_teardown(cut_and_read, setup, teardown),
		cmocka_unit_test_setup_teardown(wound_queues, setup, teardown),
		cmocka_unit_test(what_survives),
		cmocka_unit_test(back_to_the_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
