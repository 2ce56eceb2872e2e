// SPDX-License-Identifier: BSD-2-Clause
/* The used-ring oracle: each chain is completed once, in the next slot, with a length that was stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/feed.h"

static void completed_twice(void **state)
{
	struct feed *f = *state;
	feed_good(f, 0);
	feed_use(f, 0, 0);
	feed_expect(f, ORACLE_USED_RING, "");
}

static void never_taken(void **state)
{
	struct feed *f = *state;
	feed_used(f, 5, 0);
	feed_expect(f, ORACLE_USED_RING, "");
}

static void id_beyond_the_ring(void **state)
{
	struct feed *f = *state;
	feed_used(f, 70000, 0);
	feed_expect(f, ORACLE_USED_RING, "");
}

/* The device forgets to move on: the same buffer is processed once more. */
static void taken_again_after_used(void **state)
{
	struct feed *f = *state;
	feed_good(f, 0);
	feed_silent(f);
	f->slot = 0;
	feed_get(f, 0);
	feed_expect(f, ORACLE_USED_RING, "");
}

static void wrong_slot(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_fill(f, 0);
	f->used = 1;
	feed_use(f, 0, 513);
	feed_expect(f, ORACLE_USED_RING, "");
}

static void index_before_element(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_index(f, 1);
	feed_want(f, false);
	feed_expect(f, ORACLE_USED_RING, "split.used.1");
}

static void index_goes_back(void **state)
{
	struct feed *f = *state;
	feed_good(f, 0);
	feed_index(f, 0);
	feed_want(f, false);
	feed_expect(f, ORACLE_USED_RING, "split.used.1");
}

static void longer_than_the_chain(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_fill(f, 0);
	feed_use(f, 0, 514);
	feed_expect(f, ORACLE_USED_RING, "split.used.2");
}

/* The driver would read 12 bytes that nobody wrote. */
static void longer_than_stored(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_store(f, FEED_DATA, 500);
	feed_status(f, FEED_STATUS, 0);
	feed_use(f, 0, 513);
	feed_expect(f, ORACLE_USED_RING, "split.used.2");
}

static void shorter_than_stored(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_fill(f, 0);
	feed_use(f, 0, 1);
	feed_expect(f, ORACLE_USED_RING, "");
}

/* NetKVM and Windows hang on such lengths. */
static void failed_read_claims_data(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_store(f, FEED_DATA, 512);
	feed_status(f, FEED_STATUS, 1);
	feed_use(f, 0, 513);
	feed_expect(f, ORACLE_USED_RING, "");
}

static void flags_with_event_idx(void **state)
{
	struct feed *f = *state;
	uint16_t v = 1;
	oracle_features(f->oracle, FEED_EVENT_IDX);
	oracle_store(f->oracle, VMEM_EVENT, gpa(FEED_DEVICE), 2, &v);
	feed_expect(f, ORACLE_USED_RING, "split.availnotif.3");
}

static void flags_beyond_one(void **state)
{
	struct feed *f = *state;
	uint16_t v = 3;
	oracle_store(f->oracle, VMEM_EVENT, gpa(FEED_DEVICE), 2, &v);
	feed_expect(f, ORACLE_USED_RING, "split.availnotif.1");
}

static void failed_read_claims_nothing(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_status(f, FEED_STATUS, 1);
	feed_use(f, 0, 0);
	feed_silent(f);
}

/* Less than was stored is legal after an error. */
static void failed_after_some_data(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_store(f, FEED_DATA, 100);
	feed_status(f, FEED_STATUS, 1);
	feed_use(f, 0, 0);
	feed_silent(f);
}

static void only_a_status(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	f->desc[0].next = 2;
	feed_get(f, 0);
	feed_status(f, FEED_STATUS, 1);
	feed_use(f, 0, 1);
	feed_silent(f);
}

/* An identification of 20 bytes in a buffer of 512: the status does not follow it. */
static void short_answer(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_store(f, FEED_DATA, 20);
	feed_status(f, FEED_STATUS, 0);
	feed_use(f, 0, 20);
	feed_silent(f);
}

static void stored_backwards(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_status(f, FEED_STATUS, 0);
	feed_store(f, FEED_DATA + 256, 256);
	feed_store(f, FEED_DATA + 128, 128);
	feed_store(f, FEED_DATA, 128);
	feed_use(f, 0, 513);
	feed_silent(f);
}

static void stored_by_pins(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	oracle_pin(f->oracle, 1, VMEM_STORE, gpa(FEED_DATA), 100);
	oracle_pin(f->oracle, 2, VMEM_STORE, gpa(FEED_DATA + 100), 412);
	oracle_unpin(f->oracle, 2, 412);
	oracle_unpin(f->oracle, 1, 100);
	feed_status(f, FEED_STATUS, 0);
	feed_use(f, 0, 513);
	feed_silent(f);
}

/* The same with a transfer that stopped early, and a device that does not tell. */
static void pin_stored_less(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	oracle_pin(f->oracle, 1, VMEM_STORE, gpa(FEED_DATA), 512);
	oracle_unpin(f->oracle, 1, 511);
	feed_status(f, FEED_STATUS, 0);
	feed_use(f, 0, 513);
	feed_expect(f, ORACLE_USED_RING, "split.used.2");
}

static void element_in_two_halves(void **state)
{
	struct feed *f = *state;
	uint32_t id = 0, len = 513;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_fill(f, 0);
	oracle_store(f->oracle, VMEM_USED_ENTRY, gpa(FEED_DEVICE + 8), 4, &len);
	oracle_store(f->oracle, VMEM_USED_ENTRY, gpa(FEED_DEVICE + 4), 4, &id);
	feed_show(f);
	feed_want(f, false);
	feed_silent(f);
}

static void batch_published_in_parts(void **state)
{
	struct feed *f = *state;
	for (uint16_t i = 0; i < 3; i++) {
		feed_request(f, i);
		feed_get(f, i);
	}
	for (uint16_t i = 0; i < 3; i++) {
		feed_status(f, FEED_STATUS + 0x10000ull * i, 1);
		feed_use(f, i, 0);
		if (i)
			feed_show(f);
	}
	feed_want(f, false);
	feed_silent(f);
}

/* Past 65535 and on. */
static void indices_wrap(void **state)
{
	struct feed *f = *state;
	for (uint32_t i = 0; i < 70000; i++) {
		feed_good(f, (uint16_t)(i % 5));
		feed_silent(f);
	}
}

/* Both segments are the same memory: storing one stores both, and nobody counts. */
static void overlapping_segments(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	f->desc[1].flags = VRING_DESC_F_NEXT | VRING_DESC_F_WRITE;
	f->desc[1].next = 3;
	f->desc[3] = (struct vring_desc){FEED_DATA, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2};
	feed_get(f, 0);
	feed_fill(f, 0);
	feed_use(f, 0, 1025);
	feed_silent(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FEED_BOTH(completed_twice, 0),
		FEED_TEST(never_taken, 0),
		FEED_TEST(id_beyond_the_ring, 0),
		FEED_TEST(taken_again_after_used, 0),
		FEED_TEST(wrong_slot, 0),
		FEED_TEST(index_before_element, 0),
		FEED_TEST(index_goes_back, 0),
		FEED_BOTH(longer_than_the_chain, 0),
		FEED_BOTH(longer_than_stored, 0),
		FEED_BOTH(shorter_than_stored, 0),
		FEED_BOTH(failed_read_claims_data, 0),
		FEED_TEST(flags_with_event_idx, 0),
		FEED_TEST(flags_beyond_one, 0),
		FEED_BOTH(failed_read_claims_nothing, 0),
		FEED_BOTH(failed_after_some_data, 0),
		FEED_TEST(only_a_status, 0),
		FEED_BOTH(short_answer, 0),
		FEED_BOTH(stored_backwards, 0),
		FEED_BOTH(stored_by_pins, 0),
		FEED_BOTH(pin_stored_less, 0),
		FEED_TEST(element_in_two_halves, 0),
		FEED_BOTH(batch_published_in_parts, 0),
		FEED_BOTH(indices_wrap, 0),
		FEED_TEST(overlapping_segments, 0),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
