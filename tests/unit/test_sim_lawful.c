// SPDX-License-Identifier: BSD-2-Clause
/*
 * A driver that breaks no rule: a device that breaks, or refuses its queue, does it wrong. Who breaks one, anywhere in
 * the run, gets what it asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>

#include "driver.h"
#include "program.h"

static struct machine m;
static struct sim_device *disk, *console;
static uint32_t nviolations;
static struct violation last;

static void on_violation(struct machine *machine, struct sim_device *d, const struct violation *v)
{
	(void)machine;
	(void)d;
	nviolations++;
	last = *v;
}

static int setup(void **state)
{
	static const struct device_options plain;
	(void)state;
	assert_true(machine_create(&m));
	m.violation = on_violation;
	assert_true(machine_add(&m, VIRTIO_ID_BLOCK, &plain));
	assert_true(machine_add(&m, VIRTIO_ID_CONSOLE, &plain));
	machine_reset(&m);
	disk = &m.device[0];
	console = &m.device[1];
	nviolations = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_destroy(&m);
	return 0;
}

static void step(uint8_t code, uint64_t a, uint64_t b, uint64_t c)
{
	static const uint8_t bytes[16];
	struct op op = {.code = code, .arg = {a, b, c}};
	if (op_info(code)->has_data) {
		op.data = bytes;
		op.len = sizeof(bytes);
	}
	program_step(&m, &op);
}

static void request(void)
{
	step(OP_POST, 0, 0, 0);
	step(OP_KICK, 0, 0, 0);
	step(OP_REAP, 0, 0, 0);
}

static void silent(void)
{
	if (nviolations)
		print_message("%s: %s\n", last.oracle, last.what);
	assert_int_equal(nviolations, 0);
}

static void cries(const char *check)
{
	assert_int_equal(nviolations, 1);
	assert_string_equal(last.oracle, "status");
	assert_string_equal(last.clause, "");
	assert_string_equal(last.check, check);
	nviolations = 0;
}

static void broken_for_nothing(void **state)
{
	(void)state;
	request();
	silent();
	vdev_offend(disk->vdev, OFFENCE_AVAIL_JUMP);
	cries("avail-jump");
	vdev_offend(console->vdev, OFFENCE_CHAIN_LOOP);
	cries("chain-loop");
}

static void queue_refused_for_nothing(void **state)
{
	(void)state;
	request();
	vdev_offend(disk->vdev, OFFENCE_QUEUE_LAYOUT);
	cries("queue-layout");
}

/* A driver that means well may do such things. */
static void harmless_offences(void **state)
{
	(void)state;
	request();
	for (unsigned o = 0; o < OFFENCE_COUNT; o++)
		if (offence_info(o)->reaction != OFFENCE_BREAK && o != OFFENCE_QUEUE_LAYOUT)
			vdev_offend(disk->vdev, o);
	silent();
}

/* What no driver does, to whatever device, is never forgotten in a run: it may be found late. */
static void whoever_breaks_a_rule(void **state)
{
	static const uint8_t hostile[] = {OP_CHAIN, OP_BREAK, OP_RACE, OP_PUBLISH, OP_WRITE, OP_POKE};
	(void)state;
	for (size_t i = 0; i < sizeof(hostile); i++) {
		machine_reset(&m);
		request();
		step(hostile[i], 0, 4, 1);
		step(OP_NEGOTIATE, 0, 0, 0);
		request();
		vdev_offend(disk->vdev, OFFENCE_AVAIL_JUMP);
		vdev_offend(console->vdev, OFFENCE_QUEUE_LAYOUT);
		silent();
	}
	machine_reset(&m);
	request();
	vdev_offend(disk->vdev, OFFENCE_AVAIL_JUMP);
	cries("avail-jump");
}

/* Odd, and no more than that: also a byte that a console's driver may write at any time. */
static void odd_and_legal(void **state)
{
	static const struct op odd[] = {
		{.code = OP_RUN},
		{.code = OP_KICK, .arg = {7}},
		{.code = OP_READ, .arg = {VIRTIO_MMIO_QUEUE_NOTIFY, 4}},
		{.code = OP_READ, .arg = {VIRTIO_MMIO_STATUS, 1}},
		{.code = OP_EARLY},
		{.code = OP_SAVE},
		{.code = OP_QUEUE, .arg = {0, 3}},
		{.code = OP_WIND, .arg = {0, 65535}},
		{.code = OP_POWER_CUT, .arg = {1}},
		{.code = OP_WRITE, .dev = 1, .arg = {VIRTIO_MMIO_CONFIG + 8, 4, 'x'}},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		request();
		program_step(&m, &odd[i]);
		request();
	}
	silent();
	vdev_offend(disk->vdev, OFFENCE_AVAIL_JUMP);
	cries("avail-jump");
}

/* FEATURES_OK did not stay: which layout the queue is to have is not settled. */
static void queue_of_features_that_were_refused(void **state)
{
	(void)state;
	step(OP_OFFER, 1ull << VIRTIO_F_RING_PACKED, 0, 0);
	step(OP_NEGOTIATE, 1ull << VIRTIO_F_VERSION_1, 0, 0);
	for (uint64_t size = 0; size < 40; size++)
		step(OP_QUEUE, 0, size, 0);
	vdev_offend(disk->vdev, OFFENCE_QUEUE_LAYOUT);
	silent();
}

static void switched_off(void **state)
{
	(void)state;
	request();
	oracle_switch(disk->oracle, "status", false);
	vdev_offend(disk->vdev, OFFENCE_AVAIL_JUMP);
	silent();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(broken_for_nothing), TEST(queue_refused_for_nothing),
		TEST(harmless_offences),  TEST(whoever_breaks_a_rule),
		TEST(odd_and_legal),      TEST(queue_of_features_that_were_refused),
		TEST(switched_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
