// SPDX-License-Identifier: BSD-2-Clause
/* Ops inside of a device's work: when they come, what waits until the device returns, and that nobody enters
 * twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>

#include "driver.h"
#include "program.h"
#include "tests/unit/silent.h"

static struct machine m;
static struct {
	uint32_t nested;
	uint8_t last;      /* code of the latest */
	bool inside;       /* the first device worked when it came */
	uint64_t requests; /* posted so far when it came */
	uint32_t used, interrupts;
} seen;

static void on_nested(void *ctx, const struct op *op)
{
	(void)ctx;
	seen.nested++;
	seen.last = op->code;
	seen.inside = m.device[0].inside;
	seen.requests = m.stats.requests;
}

static void on_used(void *ctx, struct sim_device *d, uint16_t queue, uint16_t id, uint32_t len, uint32_t type,
		    int status)
{
	(void)ctx;
	(void)d;
	(void)queue;
	(void)id;
	(void)len;
	(void)type;
	assert_int_equal(status, 0);
	seen.used++;
}

static void on_interrupt(void *ctx, struct sim_device *d, uint16_t source)
{
	(void)ctx;
	(void)d;
	(void)source;
	seen.interrupts++;
}

static const struct machine_events events = {.nested = on_nested, .used = on_used, .interrupt = on_interrupt};

static int setup(void **state)
{
	(void)state;
	silent_create(&m, &events);
	silent_add(&m, VIRTIO_ID_BLOCK);
	silent_add(&m, VIRTIO_ID_BLOCK);
	machine_reset(&m);
	memset(&seen, 0, sizeof(seen));
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

static void post(uint64_t queue)
{
	step(OP_POST, queue, 0, 0, 512);
}

static void when(enum point point, uint32_t what, uint32_t nth)
{
	step(OP_WHEN, point, what, nth, 0);
}

static void every_point_is_reached(void **state)
{
	static const uint32_t what[POINTS] = {VMEM_AVAIL_IDX, VMEM_HEADER, VMEM_USED_IDX, VMEM_STATUS,
					      WHEN_ANY,       WHEN_ANY,    WHEN_ANY,      WHEN_ANY};
	(void)state;
	for (unsigned p = 0; p < POINT_CLOCK; p++) { /* no device asks for the time yet */
		uint32_t before = seen.nested;
		when(p, what[p], 0);
		step(OP_NOP, 0, 0, 0, 0);
		assert_int_equal(seen.nested, before);
		post(0);
		step(OP_KICK, 0, 0, 0, 0);
		assert_int_equal(seen.nested, before + 1);
		assert_true(seen.inside);
		step(OP_REAP, 0, 0, 0, 0);
	}
}

/* Payload is lent, not loaded: before it is copied for the backend, and around the copy back. */
static void payload_too(void **state)
{
	(void)state;
	when(POINT_BEFORE_LOAD, VMEM_PAYLOAD, 0);
	step(OP_NOP, 0, 0, 0, 0);
	when(POINT_BEFORE_STORE, VMEM_PAYLOAD, 0);
	step(OP_NOP, 0, 0, 0, 0);
	step(OP_POST, 0, 1, 0, 512);
	step(OP_KICK, 0, 0, 0, 0);
	assert_int_equal(seen.nested, 1);
	post(0);
	step(OP_KICK, 0, 0, 0, 0);
	assert_int_equal(seen.nested, 2);
}

static void the_nth(void **state)
{
	(void)state;
	when(POINT_SUBMIT, WHEN_ANY, 2);
	step(OP_NOP, 0, 0, 0, 0);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(seen.nested, 0);
		post(0);
		step(OP_KICK, 0, 0, 0, 0);
	}
	assert_int_equal(seen.nested, 1);
}

/* What is published while the device looks for the last time is not forgotten, though its kick is not wanted.
 */
static void published_late(void **state)
{
	(void)state;
	post(0);
	step(OP_KICK, 0, 0, 0, 0);
	when(POINT_BEFORE_STORE, VMEM_EVENT, 0); /* it is about to ask for kicks */
	post(0);
	when(POINT_BEFORE_STORE, VMEM_EVENT, 0);
	step(OP_KICK, 0, 0, 0, 0);
	uint64_t kicks = m.stats.kicks;
	post(0);
	step(OP_KICK, 0, 0, 0, 0);
	assert_int_equal(m.stats.kicks, kicks + 1); /* the outer one */
	assert_int_equal(seen.nested, 2);
	step(OP_REAP, 0, 0, 0, 0);
	assert_int_equal(seen.used, 3);
}

/* A kick inside is remembered, and the device runs once more after it has returned. */
static void kick_is_coalesced(void **state)
{
	(void)state;
	step(OP_NEGOTIATE, 1u << 29, 0, 0, 0); /* no EVENT_IDX: kicks are off while it works, so by hand */
	step(OP_QUEUE, 0, 16, 0, 0);
	step(OP_QUEUE, 1, 16, 0, 0);
	step(OP_DRIVER_OK, 0, 0, 0, 0);
	when(POINT_AFTER_STORE, VMEM_STATUS, 0);
	post(1);
	when(POINT_AFTER_STORE, VMEM_STATUS, 0);
	step(OP_KICK, 1, 0, 0, 0); /* the other queue wants it */
	post(0);
	step(OP_KICK, 0, 0, 0, 0);
	assert_int_equal(seen.nested, 2);
	assert_int_equal(m.device[0].kicked, 0);
	step(OP_REAP, 0, 0, 0, 0);
	step(OP_REAP, 1, 0, 0, 0);
	assert_int_equal(seen.used, 2);
}

static void registers_wait(void **state)
{
	(void)state;
	when(POINT_AFTER_LOAD, VMEM_DESC, 0);
	step(OP_RESET, 0, 0, 0, 0);
	post(0);
	step(OP_KICK, 0, 0, 0, 0);
	assert_int_equal(seen.nested, 1);
	assert_false(seen.inside);
	assert_int_equal(m.device[0].vdev->status, 0);
}

static void acknowledged_inside(void **state)
{
	(void)state;
	post(0);
	step(OP_KICK, 0, 0, 0, 0);
	assert_int_equal(machine_read(&m.device[0], VIRTIO_MMIO_INTERRUPT_STATUS, 4), VDEV_ISR_QUEUE);
	when(POINT_AFTER_LOAD, VMEM_DESC, 0);
	step(OP_REAP, 0, 0, 0, 0);
	step(OP_NOTIFY, 0, WISH_NONE, 0, 0);
	post(0);
	step(OP_KICK, 0, 0, 0, 0);
	assert_true(seen.inside);
	assert_int_equal(seen.used, 1);
	assert_int_equal(m.device[0].vdev->isr & VDEV_ISR_QUEUE, 0);
}

/* Another device is not locked. */
static void another_device(void **state)
{
	struct op kick = {.code = OP_KICK, .dev = 1},
		  ask = {.code = OP_POST, .dev = 1, .arg = {0, 0, 0, 512}};
	(void)state;
	program_step(&m, &ask);
	when(POINT_SUBMIT, WHEN_ANY, 0);
	program_step(&m, &kick);
	post(0);
	step(OP_KICK, 0, 0, 0, 0);
	assert_true(seen.inside);
	assert_int_equal(m.device[1].vdev->queue[0].next_used, 1);
}

/* So many wait, and no more: the next one comes at once. An op's data is its own. */
static void a_bounded_number(void **state)
{
	uint8_t data[4] = {1, 2, 3, 4}, got[4];
	struct op op = {.code = OP_POKE, .arg = {RAM_HIGH}, .data = data, .len = 4};
	(void)state;
	for (uint32_t i = 0; i <= MACHINE_WHENS_MAX; i++) {
		op.arg[0] = RAM_HIGH + 0x8000 + 4 * i;
		when(POINT_SUBMIT, WHEN_ANY, 0);
		program_step(&m, &op);
	}
	memset(data, 9, sizeof(data));
	assert_int_equal(m.device[0].nwhens, MACHINE_WHENS_MAX);
	assert_true(ram_read(&m.ram, gpa(op.arg[0]), got, 4));
	assert_int_equal(got[3], 4);
	post(0);
	step(OP_KICK, 0, 0, 0, 0);
	assert_int_equal(m.device[0].nwhens, 0);
	for (uint32_t i = 0; i < MACHINE_WHENS_MAX; i++) {
		assert_true(ram_read(&m.ram, gpa(RAM_HIGH + 0x8000 + 4 * i), got, 4));
		assert_int_equal(got[2], 3);
	}
}

/* The last op of a program may be a `when`, and what waits at the end never comes. */
static void nothing_left(void **state)
{
	(void)state;
	post(0);
	when(POINT_SUBMIT, WHEN_ANY, 0);
	step(OP_RESET, 0, 0, 0, 0);
	when(POINT_FENCE, WHEN_ANY, 0);
	program_quiesce(&m);
	assert_int_equal(seen.nested, 0);
	assert_int_equal(seen.used, 1);
	post(0);
	assert_int_equal(m.stats.requests, 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_point_is_reached, setup, teardown),
		cmocka_unit_test_setup_teardown(payload_too, setup, teardown),
		cmocka_unit_test_setup_teardown(the_nth, setup, teardown),
		cmocka_unit_test_setup_teardown(published_late, setup, teardown),
		cmocka_unit_test_setup_teardown(kick_is_coalesced, setup, teardown),
		cmocka_unit_test_setup_teardown(registers_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(acknowledged_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(another_device, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bounded_number, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_left, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
