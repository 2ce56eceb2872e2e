// SPDX-License-Identifier: BSD-2-Clause
/* The ownership oracle: the device stores where it may and nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/feed.h"

static struct feed f;

static int setup(void **state)
{
	(void)state;
	feed_start(&f, 0, FEED_SIZE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	feed_stop(&f);
	return 0;
}

static void good_is_silent(void **state)
{
	(void)state;
	feed_good(&f, 0);
	feed_good(&f, 1);
	feed_silent(&f);
}

static void store_past_the_end(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_store(&f, FEED_DATA + 1, 512);
	feed_expect(&f, ORACLE_OWNERSHIP, "");
}

static void store_into_readable(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_store(&f, FEED_HEADER, 1);
	feed_expect(&f, ORACLE_OWNERSHIP, "split.desc.1");
}

static void store_into_descriptors(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_store(&f, FEED_DESC, 2);
	feed_expect(&f, ORACLE_OWNERSHIP, "split.desc.2");
}

/* The chain was given back: its memory is the driver's. */
static void store_after_used(void **state)
{
	(void)state;
	feed_good(&f, 0);
	feed_silent(&f);
	feed_status(&f, FEED_STATUS, 1);
	feed_expect(&f, ORACLE_OWNERSHIP, "");
}

static void store_before_taken(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_store(&f, FEED_DATA, 512);
	feed_expect(&f, ORACLE_OWNERSHIP, "");
}

static void store_after_reset(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_silent(&f);
	oracle_reset(f.oracle);
	feed_store(&f, FEED_DATA, 512);
	feed_expect(&f, ORACLE_OWNERSHIP, "reset.2");
}

static void used_ring_after_reset(void **state)
{
	(void)state;
	oracle_reset(f.oracle);
	feed_index(&f, 0);
	feed_expect(&f, ORACLE_OWNERSHIP, "mmio.7");
}

static void used_entry_elsewhere(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	uint64_t elem = 0;
	oracle_store(f.oracle, VMEM_USED_ENTRY, gpa(FEED_DEVICE + 4 + 8ull * FEED_SIZE), 8, &elem);
	feed_expect(&f, ORACLE_OWNERSHIP, "");
}

/* SeaBIOS keeps its own data there. */
static void avail_event_not_negotiated(void **state)
{
	(void)state;
	uint16_t v = 1;
	oracle_store(f.oracle, VMEM_EVENT, gpa(FEED_DEVICE + 4 + 8ull * FEED_SIZE), 2, &v);
	feed_expect(&f, ORACLE_OWNERSHIP, "");
}

static void avail_event_negotiated(void **state)
{
	(void)state;
	uint16_t v = 1;
	oracle_features(f.oracle, FEED_EVENT_IDX);
	oracle_store(f.oracle, VMEM_EVENT, gpa(FEED_DEVICE + 4 + 8ull * FEED_SIZE), 2, &v);
	feed_load(&f, VMEM_AVAIL_IDX, FEED_DRIVER + 2, 2, &(uint16_t){0});
	feed_silent(&f);
}

static void flags_are_the_devices(void **state)
{
	(void)state;
	uint16_t v = 1;
	oracle_store(f.oracle, VMEM_EVENT, gpa(FEED_DEVICE), 2, &v);
	feed_silent(&f);
}

static void pin_beyond(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	oracle_pin(f.oracle, 7, VMEM_STORE, gpa(FEED_DATA), 513);
	feed_expect(&f, ORACLE_OWNERSHIP, "");
}

static void pin_writable_for_loading(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	oracle_pin(f.oracle, 7, VMEM_LOAD, gpa(FEED_DATA), 512);
	feed_expect(&f, ORACLE_OWNERSHIP, "split.desc.1");
}

/* The backend was late: the request was answered while its buffer was still lent. */
static void unpin_after_used(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	oracle_pin(f.oracle, 7, VMEM_STORE, gpa(FEED_DATA), 512);
	feed_status(&f, FEED_STATUS, 1);
	feed_used(&f, 0, 0);
	feed_index(&f, 1);
	feed_wish(&f, 1);
	feed_silent(&f);
	oracle_unpin(f.oracle, 7, 512);
	feed_expect(&f, ORACLE_OWNERSHIP, "");
}

static void unpin_without_a_store_after_used(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	oracle_pin(f.oracle, 7, VMEM_STORE, gpa(FEED_DATA), 512);
	feed_status(&f, FEED_STATUS, 1);
	feed_used(&f, 0, 0);
	oracle_unpin(f.oracle, 7, 0);
	feed_silent(&f);
}

/* Three in flight, answered from the last to the first. */
static void out_of_order(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 3; i++) {
		feed_request(&f, i);
		feed_take(&f, (uint16_t)(3 * i));
	}
	for (uint16_t i = 3; i-- > 0;)
		feed_answer(&f, i);
	feed_silent(&f);
}

/* One store into two buffers that happen to lie side by side. */
static void across_adjacent_segments(void **state)
{
	(void)state;
	feed_request(&f, 0);
	f.desc[2].addr = FEED_DATA + 512;
	feed_take(&f, 0);
	feed_store(&f, FEED_DATA, 513);
	feed_used(&f, 0, 513);
	feed_silent(&f);
}

/* Two chains with the same data buffer: the driver's folly. */
static void shared_buffers(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_request(&f, 1);
	f.desc[4].addr = FEED_DATA;
	feed_take(&f, 0);
	feed_take(&f, 3);
	feed_answer(&f, 0);
	feed_store(&f, FEED_DATA, 512);
	feed_status(&f, FEED_STATUS + 0x10000, 0);
	feed_used(&f, 3, 513);
	feed_silent(&f);
}

/* A writable buffer that lies on the used ring is still a writable buffer. */
static void buffer_on_the_ring(void **state)
{
	(void)state;
	feed_request(&f, 0);
	f.desc[1].addr = FEED_DEVICE;
	f.desc[1].len = 64;
	feed_take(&f, 0);
	feed_store(&f, FEED_DEVICE, 64);
	feed_silent(&f);
}

/* Two queues that share a used ring: nobody can tell whose element it is. */
static void rings_on_top_of_each_other(void **state)
{
	(void)state;
	oracle_queue_ready(f.oracle, 1, gpa(0x9000), gpa(0xa000), gpa(FEED_DEVICE), FEED_SIZE);
	feed_good(&f, 0);
	feed_used(&f, 99, 1);
	feed_silent(&f);
}

static void switched_off(void **state)
{
	(void)state;
	assert_true(oracle_switch(f.oracle, "ownership", false));
	feed_store(&f, FEED_DATA, 512);
	feed_silent(&f);
	assert_true(oracle_switch(f.oracle, "ownership", true));
	feed_store(&f, FEED_DATA, 512);
	feed_expect(&f, ORACLE_OWNERSHIP, "");
	assert_false(oracle_switch(f.oracle, "owner", true));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(good_is_silent),
		TEST(store_past_the_end),
		TEST(store_into_readable),
		TEST(store_into_descriptors),
		TEST(store_after_used),
		TEST(store_before_taken),
		TEST(store_after_reset),
		TEST(used_ring_after_reset),
		TEST(used_entry_elsewhere),
		TEST(avail_event_not_negotiated),
		TEST(avail_event_negotiated),
		TEST(flags_are_the_devices),
		TEST(pin_beyond),
		TEST(pin_writable_for_loading),
		TEST(unpin_after_used),
		TEST(unpin_without_a_store_after_used),
		TEST(out_of_order),
		TEST(across_adjacent_segments),
		TEST(shared_buffers),
		TEST(buffer_on_the_ring),
		TEST(rings_on_top_of_each_other),
		TEST(switched_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
