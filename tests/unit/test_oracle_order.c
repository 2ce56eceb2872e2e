// SPDX-License-Identifier: BSD-2-Clause
/* IN_ORDER on both rings: one used entry may stand for all the chains before it, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/feed.h"

/* As many requests are taken; `filled` of them, the first ones, are stored whole. */
static void take(struct feed *f, uint16_t n, uint16_t filled)
{
	for (uint16_t i = 0; i < n; i++) {
		feed_request(f, i);
		feed_get(f, i);
		if (i < filled)
			feed_fill(f, i);
	}
}

/* The entry of the last covers `n` chains: the next one stands as many entries further on. */
static void use_batch(struct feed *f, uint16_t n, uint16_t last)
{
	feed_use(f, last, 513);
	f->used = (uint16_t)(f->used + n - 1);
	f->store = (uint16_t)((f->store + 3u * (n - 1u)) % (2 * FEED_SIZE));
}

static void one_entry_for_all(void **state)
{
	struct feed *f = *state;
	take(f, 4, 4);
	use_batch(f, 4, 3);
	feed_show(f);
	feed_want(f, false);
	feed_quiet(f, false);
	feed_silent(f);
}

static void batch_after_batch(void **state)
{
	struct feed *f = *state;
	for (int i = 0; i < 20; i++) {
		take(f, 4, 4);
		use_batch(f, 2, 1);
		use_batch(f, 2, 3);
		feed_show(f);
		feed_want(f, false);
		feed_quiet(f, false);
		feed_silent(f);
	}
}

static void an_entry_for_each(void **state)
{
	struct feed *f = *state;
	feed_good(f, 0);
	feed_good(f, 1);
	feed_good(f, 0);
	feed_quiet(f, false);
	feed_silent(f);
}

/* The second is done first and says so: the driver believes that the first is done. */
static void out_of_order(void **state)
{
	struct feed *f = *state;
	take(f, 2, 0);
	feed_fill(f, 1);
	use_batch(f, 2, 1);
	feed_expect(f, ORACLE_USED_RING, "rfeat.5");
}

/* A failed read, stored in part, has to tell its length by an entry of its own. */
static void covers_one_that_failed(void **state)
{
	struct feed *f = *state;
	take(f, 3, 1);
	feed_status(f, FEED_STATUS + 0x10000, 1);
	feed_fill(f, 2);
	use_batch(f, 3, 2);
	feed_expect(f, ORACLE_USED_RING, "rfeat.5");
}

static void one_that_failed_stands_alone(void **state)
{
	struct feed *f = *state;
	take(f, 3, 1);
	feed_status(f, FEED_STATUS + 0x10000, 1);
	feed_fill(f, 2);
	feed_use(f, 0, 513);
	feed_use(f, 1, 0);
	feed_use(f, 2, 513);
	feed_show(f);
	feed_want(f, false);
	feed_quiet(f, false);
	feed_silent(f);
}

/* The batch is stored, but the next entry as if it had been one chain. */
static void next_entry_too_near(void **state)
{
	struct feed *f = *state;
	take(f, 3, 3);
	feed_use(f, 1, 513);
	feed_use(f, 2, 513);
	feed_expect(f, ORACLE_USED_RING, "");
}

/* Those that were covered must not be completed once more. */
static void covered_and_completed(void **state)
{
	struct feed *f = *state;
	take(f, 2, 2);
	use_batch(f, 2, 1);
	feed_use(f, 0, 513);
	feed_expect(f, ORACLE_USED_RING, "");
}

/* The latest is given back, and taken again. */
static void given_back(void **state)
{
	struct feed *f = *state;
	take(f, 2, 1);
	feed_silent(f);
	f->slot = 1;
	f->take = 3;
	feed_get(f, 1);
	feed_fill(f, 1);
	use_batch(f, 2, 1);
	feed_show(f);
	feed_want(f, false);
	feed_quiet(f, false);
	feed_silent(f);
}

/* Completed long before its turn: what was stored is remembered. */
static void done_early(void **state)
{
	struct feed *f = *state;
	take(f, 2, 0);
	feed_fill(f, 1);
	feed_silent(f);
	feed_fill(f, 0);
	feed_silent(f);
	use_batch(f, 2, 1);
	feed_show(f);
	feed_want(f, false);
	feed_silent(f);
}

/* A driver that does not wait in a ring of one: the device may be done with the first, which nobody can see.
 */
static void the_next_in_a_ring_of_one(void **state)
{
	struct feed *f = *state;
	feed_stop(f);
	feed_start(f, FEED_IN_ORDER, 1);
	f->desc[0] = (struct vring_desc){FEED_STATUS, 1, VRING_DESC_F_WRITE, 0};
	feed_get(f, 0);
	feed_status(f, FEED_STATUS, 0);
	feed_silent(f);
	feed_get(f, 0);
	feed_status(f, FEED_STATUS, 0);
	feed_use(f, 0, 1);
	feed_index(f, 2);
	feed_silent(f);
}

/* Three chains whose status is the same byte, completed in the end: nobody can tell whose it was. */
static void shared_status(void **state)
{
	struct feed *f = *state;
	for (uint16_t i = 0; i < 3; i++) {
		feed_request(f, i);
		f->desc[3 * i + 2].addr = f->ring[3 * i + 2].addr = FEED_STATUS;
		feed_get(f, i);
	}
	feed_silent(f);
	for (uint16_t i = 0; i < 3; i++) {
		feed_store(f, FEED_DATA + 0x10000ull * i, 512);
		feed_status(f, FEED_STATUS, 0);
		feed_silent(f);
	}
	use_batch(f, 3, 2);
	feed_show(f);
	feed_want(f, false);
	feed_silent(f);
}

/* The driver gives a chain twice; the device may be done with the first one already. */
static void the_same_twice(void **state)
{
	struct feed *f = *state;
	take(f, 1, 1);
	feed_request(f, 0);
	feed_get(f, 0);
	feed_fill(f, 0);
	use_batch(f, 2, 0);
	feed_show(f);
	feed_silent(f);
}

#define ORDER(name) FEED_BOTH(name, FEED_IN_ORDER)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ORDER(one_entry_for_all),
		ORDER(batch_after_batch),
		ORDER(an_entry_for_each),
		ORDER(out_of_order),
		ORDER(covers_one_that_failed),
		ORDER(one_that_failed_stands_alone),
		ORDER(next_entry_too_near),
		ORDER(covered_and_completed),
		ORDER(given_back),
		ORDER(done_early),
		FEED_TEST(the_next_in_a_ring_of_one, FEED_IN_ORDER),
		ORDER(shared_status),
		ORDER(the_same_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
