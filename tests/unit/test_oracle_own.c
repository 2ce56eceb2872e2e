// SPDX-License-Identifier: BSD-2-Clause
/* The ownership oracle: the device stores where it may and nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/feed.h"

static void good_is_silent(void **state)
{
	struct feed *f = *state;
	feed_good(f, 0);
	feed_good(f, 1);
	feed_silent(f);
}

static void store_past_the_end(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_store(f, FEED_DATA + 1, 512);
	feed_expect(f, ORACLE_OWNERSHIP, "");
}

static void store_into_readable(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_store(f, FEED_HEADER, 1);
	feed_expect(f, ORACLE_OWNERSHIP, "split.desc.1");
}

static void store_into_descriptors(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_store(f, FEED_DESC, 2);
	feed_expect(f, ORACLE_OWNERSHIP, "split.desc.2");
}

/* The chain was given back: its memory is the driver's. */
static void store_after_used(void **state)
{
	struct feed *f = *state;
	feed_good(f, 0);
	feed_silent(f);
	feed_status(f, FEED_STATUS, 1);
	feed_expect(f, ORACLE_OWNERSHIP, "");
}

static void store_before_taken(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_store(f, FEED_DATA, 512);
	feed_expect(f, ORACLE_OWNERSHIP, "");
}

static void store_after_reset(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_silent(f);
	oracle_reset(f->oracle);
	feed_store(f, FEED_DATA, 512);
	feed_expect(f, ORACLE_OWNERSHIP, "reset.2");
}

static void used_ring_after_reset(void **state)
{
	struct feed *f = *state;
	oracle_reset(f->oracle);
	feed_index(f, 0);
	feed_expect(f, ORACLE_OWNERSHIP, "mmio.7");
}

static void used_entry_elsewhere(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	uint64_t elem = 0;
	oracle_store(f->oracle, VMEM_USED_ENTRY, gpa(FEED_DEVICE + 4 + 8ull * FEED_SIZE), 8, &elem);
	feed_expect(f, ORACLE_OWNERSHIP, "");
}

/* SeaBIOS keeps its own data there. */
static void avail_event_not_negotiated(void **state)
{
	struct feed *f = *state;
	uint16_t v = 1;
	oracle_store(f->oracle, VMEM_EVENT, gpa(FEED_DEVICE + 4 + 8ull * FEED_SIZE), 2, &v);
	feed_expect(f, ORACLE_OWNERSHIP, "");
}

static void avail_event_negotiated(void **state)
{
	struct feed *f = *state;
	uint16_t v = 1;
	oracle_features(f->oracle, FEED_EVENT_IDX);
	oracle_store(f->oracle, VMEM_EVENT, gpa(FEED_DEVICE + 4 + 8ull * FEED_SIZE), 2, &v);
	feed_look(f, false);
	feed_silent(f);
}

static void flags_are_the_devices(void **state)
{
	struct feed *f = *state;
	uint16_t v = 1;
	oracle_store(f->oracle, VMEM_EVENT, gpa(FEED_DEVICE), 2, &v);
	feed_silent(f);
}

static void pin_beyond(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	oracle_pin(f->oracle, 7, VMEM_STORE, gpa(FEED_DATA), 513);
	feed_expect(f, ORACLE_OWNERSHIP, "");
}

static void pin_writable_for_loading(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	oracle_pin(f->oracle, 7, VMEM_LOAD, gpa(FEED_DATA), 512);
	feed_expect(f, ORACLE_OWNERSHIP, "split.desc.1");
}

/* The backend was late: the request was answered while its buffer was still lent. */
static void unpin_after_used(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	oracle_pin(f->oracle, 7, VMEM_STORE, gpa(FEED_DATA), 512);
	feed_status(f, FEED_STATUS, 1);
	feed_use(f, 0, 0);
	feed_show(f);
	feed_want(f, false);
	feed_silent(f);
	oracle_unpin(f->oracle, 7, 512);
	feed_expect(f, ORACLE_OWNERSHIP, "");
}

static void unpin_without_a_store_after_used(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	oracle_pin(f->oracle, 7, VMEM_STORE, gpa(FEED_DATA), 512);
	feed_status(f, FEED_STATUS, 1);
	feed_use(f, 0, 0);
	oracle_unpin(f->oracle, 7, 0);
	feed_silent(f);
}

/* Three in flight, answered from the last to the first. */
static void out_of_order(void **state)
{
	struct feed *f = *state;
	for (uint16_t i = 0; i < 3; i++) {
		feed_request(f, i);
		feed_get(f, i);
	}
	for (uint16_t i = 3; i-- > 0;)
		feed_answer(f, i);
	feed_silent(f);
}

/* One store into two buffers that happen to lie side by side. */
static void across_adjacent_segments(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	f->desc[2].addr = FEED_DATA + 512;
	feed_get(f, 0);
	feed_store(f, FEED_DATA, 513);
	feed_use(f, 0, 513);
	feed_silent(f);
}

/* Two chains with the same data buffer: the driver's folly. */
static void shared_buffers(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_request(f, 1);
	f->desc[4].addr = FEED_DATA;
	feed_get(f, 0);
	feed_get(f, 1);
	feed_answer(f, 0);
	feed_store(f, FEED_DATA, 512);
	feed_status(f, FEED_STATUS + 0x10000, 0);
	feed_used(f, 3, 513);
	feed_silent(f);
}

/* A writable buffer that lies on the used ring is still a writable buffer. */
static void buffer_on_the_ring(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	f->desc[1].addr = FEED_DEVICE;
	f->desc[1].len = 64;
	feed_get(f, 0);
	feed_store(f, FEED_DEVICE, 64);
	feed_silent(f);
}

/* Two queues that share a used ring: nobody can tell whose element it is. */
static void rings_on_top_of_each_other(void **state)
{
	struct feed *f = *state;
	oracle_queue_ready(f->oracle, 1, gpa(0x9000), gpa(0xa000), gpa(FEED_DEVICE), FEED_SIZE);
	feed_good(f, 0);
	feed_used(f, 99, 1);
	feed_silent(f);
}

static void switched_off(void **state)
{
	struct feed *f = *state;
	assert_true(oracle_switch(f->oracle, "ownership", false));
	feed_store(f, FEED_DATA, 512);
	feed_silent(f);
	assert_true(oracle_switch(f->oracle, "ownership", true));
	feed_store(f, FEED_DATA, 512);
	feed_expect(f, ORACLE_OWNERSHIP, "");
	assert_false(oracle_switch(f->oracle, "owner", true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FEED_BOTH(good_is_silent, 0),
		FEED_BOTH(store_past_the_end, 0),
		FEED_BOTH(store_into_readable, 0),
		FEED_TEST(store_into_descriptors, 0),
		FEED_BOTH(store_after_used, 0),
		FEED_BOTH(store_before_taken, 0),
		FEED_BOTH(store_after_reset, 0),
		FEED_TEST(used_ring_after_reset, 0),
		FEED_TEST(used_entry_elsewhere, 0),
		FEED_TEST(avail_event_not_negotiated, 0),
		FEED_TEST(avail_event_negotiated, 0),
		FEED_TEST(flags_are_the_devices, 0),
		FEED_BOTH(pin_beyond, 0),
		FEED_BOTH(pin_writable_for_loading, 0),
		FEED_BOTH(unpin_after_used, 0),
		FEED_BOTH(unpin_without_a_store_after_used, 0),
		FEED_BOTH(out_of_order, 0),
		FEED_TEST(across_adjacent_segments, 0),
		FEED_TEST(shared_buffers, 0),
		FEED_TEST(buffer_on_the_ring, 0),
		FEED_TEST(rings_on_top_of_each_other, 0),
		FEED_BOTH(switched_off, 0),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
