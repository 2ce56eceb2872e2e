// SPDX-License-Identifier: BSD-2-Clause
/* The used-ring oracle: each chain is completed once, in the next slot, with a length that was stored. */
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

static void completed_twice(void **state)
{
	(void)state;
	feed_good(&f, 0);
	feed_used(&f, 0, 0);
	feed_expect(&f, ORACLE_USED_RING, "");
}

static void never_taken(void **state)
{
	(void)state;
	feed_used(&f, 5, 0);
	feed_expect(&f, ORACLE_USED_RING, "");
}

static void id_beyond_the_ring(void **state)
{
	(void)state;
	feed_used(&f, 70000, 0);
	feed_expect(&f, ORACLE_USED_RING, "");
}

/* The device forgets to move on: the same buffer is processed once more. */
static void taken_again_after_used(void **state)
{
	(void)state;
	feed_good(&f, 0);
	feed_silent(&f);
	f.slot = 0;
	feed_take(&f, 0);
	feed_expect(&f, ORACLE_USED_RING, "");
}

static void wrong_slot(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_store(&f, FEED_DATA, 512);
	feed_status(&f, FEED_STATUS, 0);
	f.used = 1;
	feed_used(&f, 0, 513);
	feed_expect(&f, ORACLE_USED_RING, "");
}

static void index_before_element(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_index(&f, 1);
	feed_wish(&f, 1);
	feed_expect(&f, ORACLE_USED_RING, "split.used.1");
}

static void index_goes_back(void **state)
{
	(void)state;
	feed_good(&f, 0);
	feed_index(&f, 0);
	feed_wish(&f, 1);
	feed_expect(&f, ORACLE_USED_RING, "split.used.1");
}

static void longer_than_the_chain(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_store(&f, FEED_DATA, 512);
	feed_status(&f, FEED_STATUS, 0);
	feed_used(&f, 0, 514);
	feed_expect(&f, ORACLE_USED_RING, "split.used.2");
}

/* The driver would read 12 bytes that nobody wrote. */
static void longer_than_stored(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_store(&f, FEED_DATA, 500);
	feed_status(&f, FEED_STATUS, 0);
	feed_used(&f, 0, 513);
	feed_expect(&f, ORACLE_USED_RING, "split.used.2");
}

static void shorter_than_stored(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_store(&f, FEED_DATA, 512);
	feed_status(&f, FEED_STATUS, 0);
	feed_used(&f, 0, 1);
	feed_expect(&f, ORACLE_USED_RING, "");
}

/* NetKVM and Windows hang on such lengths. */
static void failed_read_claims_data(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_store(&f, FEED_DATA, 512);
	feed_status(&f, FEED_STATUS, 1);
	feed_used(&f, 0, 513);
	feed_expect(&f, ORACLE_USED_RING, "");
}

static void flags_with_event_idx(void **state)
{
	(void)state;
	uint16_t v = 1;
	oracle_features(f.oracle, FEED_EVENT_IDX);
	oracle_store(f.oracle, VMEM_EVENT, gpa(FEED_DEVICE), 2, &v);
	feed_expect(&f, ORACLE_USED_RING, "split.availnotif.3");
}

static void flags_beyond_one(void **state)
{
	(void)state;
	uint16_t v = 3;
	oracle_store(f.oracle, VMEM_EVENT, gpa(FEED_DEVICE), 2, &v);
	feed_expect(&f, ORACLE_USED_RING, "split.availnotif.1");
}

static void failed_read_claims_nothing(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_status(&f, FEED_STATUS, 1);
	feed_used(&f, 0, 0);
	feed_silent(&f);
}

/* Less than was stored is legal after an error. */
static void failed_after_some_data(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_store(&f, FEED_DATA, 100);
	feed_status(&f, FEED_STATUS, 1);
	feed_used(&f, 0, 0);
	feed_silent(&f);
}

static void only_a_status(void **state)
{
	(void)state;
	feed_request(&f, 0);
	f.desc[0].next = 2;
	feed_take(&f, 0);
	feed_status(&f, FEED_STATUS, 1);
	feed_used(&f, 0, 1);
	feed_silent(&f);
}

/* An identification of 20 bytes in a buffer of 512: the status does not follow it. */
static void short_answer(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_store(&f, FEED_DATA, 20);
	feed_status(&f, FEED_STATUS, 0);
	feed_used(&f, 0, 20);
	feed_silent(&f);
}

static void stored_backwards(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_status(&f, FEED_STATUS, 0);
	feed_store(&f, FEED_DATA + 256, 256);
	feed_store(&f, FEED_DATA + 128, 128);
	feed_store(&f, FEED_DATA, 128);
	feed_used(&f, 0, 513);
	feed_silent(&f);
}

static void stored_by_pins(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	oracle_pin(f.oracle, 1, VMEM_STORE, gpa(FEED_DATA), 100);
	oracle_pin(f.oracle, 2, VMEM_STORE, gpa(FEED_DATA + 100), 412);
	oracle_unpin(f.oracle, 2, 412);
	oracle_unpin(f.oracle, 1, 100);
	feed_status(&f, FEED_STATUS, 0);
	feed_used(&f, 0, 513);
	feed_silent(&f);
}

/* The same with a transfer that stopped early, and a device that does not tell. */
static void pin_stored_less(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	oracle_pin(f.oracle, 1, VMEM_STORE, gpa(FEED_DATA), 512);
	oracle_unpin(f.oracle, 1, 511);
	feed_status(&f, FEED_STATUS, 0);
	feed_used(&f, 0, 513);
	feed_expect(&f, ORACLE_USED_RING, "split.used.2");
}

static void element_in_two_halves(void **state)
{
	(void)state;
	uint32_t id = 0, len = 513;
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_store(&f, FEED_DATA, 512);
	feed_status(&f, FEED_STATUS, 0);
	oracle_store(f.oracle, VMEM_USED_ENTRY, gpa(FEED_DEVICE + 8), 4, &len);
	oracle_store(f.oracle, VMEM_USED_ENTRY, gpa(FEED_DEVICE + 4), 4, &id);
	feed_index(&f, 1);
	feed_wish(&f, 1);
	feed_silent(&f);
}

static void batch_published_in_parts(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 3; i++) {
		feed_request(&f, i);
		feed_take(&f, (uint16_t)(3 * i));
		feed_status(&f, FEED_STATUS + 0x10000ull * i, 1);
		feed_used(&f, 3u * i, 0);
	}
	feed_index(&f, 2);
	feed_wish(&f, 1);
	feed_index(&f, 3);
	feed_wish(&f, 1);
	feed_silent(&f);
}

/* Past 65535 and on. */
static void indices_wrap(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 70000; i++) {
		feed_good(&f, (uint16_t)(i % 5));
		feed_silent(&f);
	}
}

/* Both segments are the same memory: storing one stores both, and nobody counts. */
static void overlapping_segments(void **state)
{
	(void)state;
	feed_request(&f, 0);
	f.desc[1].flags = VRING_DESC_F_NEXT | VRING_DESC_F_WRITE;
	f.desc[1].next = 3;
	f.desc[3] = (struct vring_desc){FEED_DATA, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2};
	feed_take(&f, 0);
	feed_store(&f, FEED_DATA, 512);
	feed_status(&f, FEED_STATUS, 0);
	feed_used(&f, 0, 1025);
	feed_silent(&f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(completed_twice),
		TEST(never_taken),
		TEST(id_beyond_the_ring),
		TEST(taken_again_after_used),
		TEST(wrong_slot),
		TEST(index_before_element),
		TEST(index_goes_back),
		TEST(longer_than_the_chain),
		TEST(longer_than_stored),
		TEST(shorter_than_stored),
		TEST(failed_read_claims_data),
		TEST(flags_with_event_idx),
		TEST(flags_beyond_one),
		TEST(failed_read_claims_nothing),
		TEST(failed_after_some_data),
		TEST(only_a_status),
		TEST(short_answer),
		TEST(stored_backwards),
		TEST(stored_by_pins),
		TEST(pin_stored_less),
		TEST(element_in_two_halves),
		TEST(batch_published_in_parts),
		TEST(indices_wrap),
		TEST(overlapping_segments),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
