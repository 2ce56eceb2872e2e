// SPDX-License-Identifier: BSD-2-Clause
/*
 * Programs on the simulated machine: every byte string runs, comes out the same again whatever ran before it,
 * and no oracle has anything to say; the same request gets the same answer however it is cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>

#include "driver.h"
#include "hash.h"
#include "program.h"
#include "tests/unit/silent.h"

static struct machine m;

static struct {
	uint32_t used, ok, notes;
	uint32_t len; /* of the last used entry */
	int status;
} seen;

static void on_used(void *ctx, struct sim_device *d, uint16_t queue, uint16_t id, uint32_t len, uint32_t type,
		    int status)
{
	(void)ctx;
	(void)d;
	(void)queue;
	(void)id;
	(void)type;
	seen.used++;
	seen.ok += status == VIRTIO_BLK_S_OK;
	seen.len = len;
	seen.status = status;
}

static void on_note(void *ctx, struct sim_device *d, const char *text)
{
	(void)ctx;
	(void)d;
	(void)text;
	seen.notes++;
}

static const struct machine_events events = {.used = on_used, .note = on_note};

static void make(struct machine *machine, uint16_t id)
{
	silent_create(machine, &events);
	silent_add(machine, id);
}

static int setup(void **state)
{
	(void)state;
	make(&m, VIRTIO_ID_BLOCK);
	memset(&seen, 0, sizeof(seen));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_destroy(&m);
	return 0;
}

static void random_bytes(uint64_t seed, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(hash_u64(hash_u64(HASH_SEED, seed), i) >> 24);
}

/* Bytes that decode to many valid ops: small numbers, the codes of the driver's ops more often than not. */
static void likely_bytes(uint64_t seed, uint8_t *p, size_t n)
{
	random_bytes(seed, p, n);
	for (size_t i = 0; i < n; i++)
		p[i] = p[i] & 0x40 ? p[i] & 0x8f : p[i] & 3;
}

static void empty_program(void **state)
{
	(void)state;
	program_run(&m, NULL, 0);
	assert_int_equal(m.stats.ops, 0);
	assert_int_equal(m.stats.runs, 1);
}

static void any_bytes_run(void **state)
{
	uint8_t bytes[256];
	(void)state;
	for (uint64_t seed = 0; seed < 4000; seed++) {
		(seed & 1 ? random_bytes : likely_bytes)(seed, bytes, sizeof(bytes));
		program_run(&m, bytes, seed % sizeof(bytes));
	}
	assert_true(m.stats.requests > 4000);
	assert_true(m.stats.answered > 1000);
}

/* Nothing leaks from one run to the next: a program ends in the same state on a machine that ran others
 * before. */
static void runs_are_alike(void **state)
{
	uint8_t bytes[200], others[256];
	struct machine fresh;
	(void)state;
	for (uint64_t seed = 0; seed < 300; seed++) {
		likely_bytes(seed, bytes, sizeof(bytes));
		make(&fresh, VIRTIO_ID_BLOCK);
		program_run(&fresh, bytes, sizeof(bytes));
		program_run(&m, bytes, sizeof(bytes));
		assert_int_equal(machine_hash(&m), machine_hash(&fresh));
		random_bytes(seed, others, sizeof(others));
		program_run(&m, others, sizeof(others));
		machine_destroy(&fresh);
	}
}

static void entropy_too(void **state)
{
	uint8_t bytes[128];
	(void)state;
	machine_destroy(&m);
	make(&m, VIRTIO_ID_RNG);
	for (uint64_t seed = 0; seed < 1000; seed++) {
		likely_bytes(seed, bytes, sizeof(bytes));
		program_run(&m, bytes, sizeof(bytes));
	}
	assert_true(m.stats.answered > 300);
}

static void one(uint32_t type, uint32_t sector, uint32_t len, uint32_t shape)
{
	struct driver_request r = {type, sector, len, shape};
	struct driver *g = m.device[0].driver;
	driver_post(g, 0, &r);
	driver_kick(g, 0);
	driver_reap(g, 0);
}

/* However a request is cut, and wherever it lies, the answer is the same. */
static void shapes_are_alike(void **state)
{
	static const struct {
		uint32_t type, len, used;
	} request[] = {{0, 4096, 4097}, {1, 4096, 1}, {2, 0, 1}, {3, 20, 21}, {4, 1536, 1}, {5, 1536, 1}};
	(void)state;
	for (uint32_t shape = 0; shape < 65536; shape += 11) {
		machine_reset(&m);
		for (size_t i = 0; i < sizeof(request) / sizeof(request[0]); i++) {
			memset(&seen, 0, sizeof(seen));
			one(request[i].type, 3, request[i].len, shape);
			assert_int_equal(seen.used, 1);
			assert_int_equal(seen.status, VIRTIO_BLK_S_OK);
			assert_int_equal(seen.len, request[i].used);
		}
	}
}

/* A driver gives nothing away twice: with a ring full of held requests the next one waits, and all are
 * answered once. */
static void full_ring(void **state)
{
	struct driver_request r = {.len = 512};
	struct sim_device *d = &m.device[0];
	(void)state;
	machine_reset(&m);
	assert_true(driver_negotiate(d->driver, 0));
	assert_true(driver_set_up(d->driver, 0, 16));
	driver_ok(d->driver);
	d->backend.hold = 100;
	for (int i = 0; i < 8; i++)
		driver_post(d->driver, 0, &r);
	assert_int_equal(m.stats.requests, 5); /* of three descriptors each */
	assert_int_equal(seen.notes, 3);
	driver_kick(d->driver, 0);
	assert_int_equal(d->backend.nheld, 5);
	program_quiesce(&m);
	assert_int_equal(seen.used, 5);
	assert_int_equal(seen.ok, 5);
}

static void features_are_left_out(void **state)
{
	struct driver *g = m.device[0].driver;
	(void)state;
	machine_reset(&m);
	assert_false(driver_negotiate(g, 1ull << 32)); /* VERSION_1 */
	for (unsigned bit = 0; bit < 32; bit++) {
		assert_true(driver_negotiate(g, 1u << bit));
		memset(&seen, 0, sizeof(seen));
		one(0, 1, 512, 0x40);
		assert_int_equal(seen.ok, 1);
	}
}

/* Two devices of different types share the memory and nothing else. */
static void two_devices(void **state)
{
	uint8_t bytes[256];
	(void)state;
	silent_add(&m, VIRTIO_ID_RNG);
	for (uint64_t seed = 0; seed < 1000; seed++) {
		likely_bytes(seed, bytes, sizeof(bytes));
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)(bytes[i] | (bytes[i] & 4) << 4);
		program_run(&m, bytes, sizeof(bytes));
	}
	assert_true(m.stats.answered > 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(empty_program),    TEST(any_bytes_run), TEST(runs_are_alike),        TEST(entropy_too),
		TEST(shapes_are_alike), TEST(full_ring),     TEST(features_are_left_out), TEST(two_devices),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
