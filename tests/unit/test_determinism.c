// SPDX-License-Identifier: BSD-2-Clause
/* The oracle `determinism`: a device that does the same program another time differently is told by it and by no other
 * one, in `ringside sim` and under a fuzzer; odd but the same each time is silent. The bug stands here: the linker sends
 * vdev_config_changed through this file, and a change of the configuration may count as two, which no rule forbids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"
#include "target.h"
#include "tests/unit/child.h"
#include "vdev.h"

#define RUNS 200u

/* Of the changes: */
static enum {
	NOTHING,
	ALWAYS,  /* each counts as two */
	OWN,     /* some do, by what the device itself knows */
	COUNTED, /* each seventh since the process began does */
	UNTOLD,  /* those of a fuzzer's program that runs once more are not told: another oracle's matter */
} planted;
static uint32_t changes;

void __real_vdev_config_changed(struct vdev *);
void __wrap_vdev_config_changed(struct vdev *);

#define RESIZES 4u /* of a fuzzer's program */

static bool runs_once_more(void)
{
	static uint64_t runs, since;
	if (target_count().runs != runs)
		since = 0;
	runs = target_count().runs;
	return ++since > RESIZES;
}

void __wrap_vdev_config_changed(struct vdev *d)
{
	changes++;
	if (planted == UNTOLD && runs_once_more())
		return;
	d->config_gen += planted == ALWAYS || (planted == COUNTED && changes % 7 == 0) ||
			 (planted == OWN && d->config_gen % 3 == 0);
	__real_vdev_config_changed(d);
}

/* -- in the simulator ------------------------------------------------------------------------------------ */

/* How many of the runs are told of, each of them by determinism. Each is done twice, as its seed is small. */
static uint32_t told(uint32_t oracles_off, uint32_t *again)
{
	static struct sim s;
	static struct sim_log log;
	const struct sim_options o = {.faults = 1u << SIM_FAULT_RESIZE,
				      .guest = SIM_GUEST_GOOD,
				      .device_id = VIRTIO_ID_BLOCK,
				      .oracles_off = oracles_off};
	uint32_t found = 0;
	assert_true(sim_create(&s, &o, &log));
	for (uint64_t seed = 0; seed < RUNS; seed++) {
		if (sim_run(&s, seed))
			continue;
		if (strcmp(s.violation.v.oracle, "determinism"))
			fail_msg("run %u: %s: %s", (unsigned)seed, s.violation.v.oracle, s.violation.v.what);
		assert_int_equal(s.violation.op, log.nops + 1);
		found++;
	}
	*again = (uint32_t)s.count.again;
	sim_destroy(&s);
	return found;
}

/* Also where the saves are left out the second time: they are not what did it. */
static void what_is_left_of_another_run_is_found(void **state)
{
	uint32_t again, with_saves, alone;
	(void)state;
	planted = COUNTED;
	with_saves = told(0, &again);
	alone = told(~(1u << ORACLE_DETERMINISM), &again);
	assert_true(with_saves > 5 && alone > 5);
	assert_int_equal(told(1u << ORACLE_DETERMINISM, &again), 0);
	assert_true(again > 0); /* the saves are looked at all the same */
	planted = NOTHING;
}

static void what_is_odd_each_time_is_silent(void **state)
{
	uint32_t again;
	(void)state;
	for (planted = NOTHING; planted <= OWN; planted++) {
		uint32_t before = changes;
		assert_int_equal(told(0, &again), 0);
		assert_int_equal(again, RUNS);
		assert_true(changes > before + RUNS); /* it was there to be seen */
	}
	planted = NOTHING;
}

/* -- under a fuzzer --------------------------------------------------------------------------------------- */

struct target_run {
	uint32_t programs;
	const char *without; /* an oracle; NULL: all are on */
};

/* A request and some resizes each, no two alike. */
static void run_target(const void *ctx)
{
	const struct target_run *t = ctx;
	if (t->without)
		setenv("RINGSIDE_FUZZ_WITHOUT", t->without, 1);
	target_sample();
	for (uint32_t i = 0; i < t->programs; i++) {
		uint8_t bytes[64];
		size_t n = op_program_encode(&(struct op){.code = OP_POST}, bytes, sizeof(bytes));
		for (uint32_t k = 0; k < RESIZES; k++)
			n += op_program_encode(&(struct op){.code = OP_RESIZE, .arg = {1 + i + k}}, bytes + n,
					       sizeof(bytes) - n);
		target_run(VIRTIO_ID_BLOCK, bytes, n);
	}
}

/* True: the target ended by itself. */
static bool ends(uint32_t programs, const char *without, char *said, size_t max)
{
	return child_returns(run_target, &(struct target_run){programs, without}, said, max);
}

static void a_fuzzer_finds_it_too(void **state)
{
	char said[4096];
	(void)state;
	planted = COUNTED;
	assert_false(ends(2000, NULL, said, sizeof(said)));
	assert_non_null(
		strstr(said, "ORACLE determinism: the same program once more ended in another state"));
	assert_true(ends(2000, "determinism", said, sizeof(said)));
	assert_true(ends(4, NULL, said, sizeof(said))); /* none of these is done once more */
	planted = NOTHING;
}

/* The oracle that sees it was content the first time. */
static void what_only_the_second_run_shows_is_determinism(void **state)
{
	char said[4096];
	(void)state;
	planted = UNTOLD;
	assert_false(ends(2000, NULL, said, sizeof(said)));
	assert_non_null(
		strstr(said, "ORACLE determinism: the same program once more is not silent: notification"));
	assert_true(ends(2000, "determinism", said, sizeof(said)));
	planted = NOTHING;
}

static void a_fuzzer_is_silent_about_what_is_odd_each_time(void **state)
{
	char said[4096];
	(void)state;
	for (planted = NOTHING; planted <= OWN; planted++)
		assert_true(ends(2000, NULL, said, sizeof(said)));
	planted = NOTHING;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_of_another_run_is_found),
		cmocka_unit_test(what_is_odd_each_time_is_silent),
		cmocka_unit_test(a_fuzzer_finds_it_too),
		cmocka_unit_test(what_only_the_second_run_shows_is_determinism),
		cmocka_unit_test(a_fuzzer_is_silent_about_what_is_odd_each_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
