// SPDX-License-Identifier: BSD-2-Clause
/*
 * Buffers that the driver posts for what has not come yet: they may wait, may be looked at and given back to the
 * ring, and may come back with nothing in them. On both rings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/feed.h"

/* -- debts ----------------------------------------------------------------------------------------------- */

static void waits_for_what_comes(void **state)
{
	struct feed *f = *state;
	f->idle = true;
	feed_request(f, 0);
	feed_mute(f);
	feed_quiet(f, true);
	feed_silent(f);
}

static void waits_though_something_came(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_mute(f);
	feed_quiet(f, true);
	feed_expect(f, ORACLE_LIVENESS, "");
}

/* It asks for the kick of more than there is. */
static void leaves_what_is_too_little(void **state)
{
	struct feed *f = *state;
	f->idle = true;
	feed_request(f, 0);
	feed_ask(f, 0);
	feed_look(f, true);
	feed_silent(f);
}

static void leaves_what_is_enough(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_ask(f, 0);
	feed_look(f, true);
	feed_expect(f, ORACLE_NOTIFICATION, "");
}

/* No debt excuses what was taken and never came back. */
static void keeps_what_it_took(void **state)
{
	struct feed *f = *state;
	f->idle = true;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_quiet(f, false);
	feed_expect(f, ORACLE_LIVENESS, "");
}

/* -- given back to the ring ------------------------------------------------------------------------------ */

static void take_two(struct feed *f)
{
	feed_request(f, 0);
	feed_request(f, 1);
	feed_get(f, 0);
	feed_get(f, 1);
}

/* The device stands where it stood before it took so many requests. */
static void step_back(struct feed *f, uint16_t n)
{
	f->slot = (uint16_t)(f->slot - n);
	f->take = (uint16_t)((f->take + 2u * f->size - n * f->ndesc) % (2u * f->size));
}

static void takes_both_again(void **state)
{
	struct feed *f = *state;
	take_two(f);
	oracle_given_back(f->oracle, 0, 100);
	assert_int_equal(oracle_taken_of(f->oracle, 0), 0);
	step_back(f, 2);
	for (uint16_t n = 0; n < 2; n++) {
		feed_get(f, n);
		feed_answer(f, n);
	}
	feed_silent(f);
	assert_int_equal(oracle_taken_of(f->oracle, 0), 2);
}

/* None has so many bytes: so all of them are used. */
static void gives_none_back(void **state)
{
	struct feed *f = *state;
	take_two(f);
	oracle_given_back(f->oracle, 0, 1000);
	assert_int_equal(oracle_taken_of(f->oracle, 0), 2);
	for (uint16_t n = 0; n < 2; n++)
		feed_answer(f, n);
	feed_silent(f);
}

/* What was taken in an entry before stays taken. */
static void gives_back_this_entry_alone(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_request(f, 1);
	feed_get(f, 0);
	oracle_leave(f->oracle);
	oracle_enter(f->oracle);
	feed_get(f, 1);
	oracle_given_back(f->oracle, 0, 1);
	assert_int_equal(oracle_taken_of(f->oracle, 0), 1);
	feed_answer(f, 0);
	feed_silent(f);
}

/* The driver breaks the rules and takes its index back: then nothing is there, and nothing is left. */
static void index_goes_back_after_that(void **state)
{
	struct feed *f = *state;
	take_two(f);
	oracle_given_back(f->oracle, 0, 100);
	step_back(f, 2);
	feed_ask(f, 0);
	feed_look(f, false);
	feed_silent(f);
}

/* Two are seen after the device asked for kicks, and one is taken and given back. Where there was no memory for that,
 * there is none for the other one. */
static void gives_one_of_two_back(struct feed *f, bool refused)
{
	const uint16_t two = 2;
	feed_request(f, 0);
	feed_request(f, 1);
	feed_ask(f, 0);
	feed_look(f, true);
	feed_get(f, 0);
	feed_load(f, VMEM_AVAIL_IDX, FEED_DRIVER + 2, 2, &two);
	if (refused)
		oracle_pin_refused(f->oracle);
	oracle_given_back(f->oracle, 0, 100);
}

static void leaves_the_other_one(void **state)
{
	gives_one_of_two_back(*state, false);
	feed_expect(*state, ORACLE_NOTIFICATION, "");
}

static void has_no_memory_for_the_other_one(void **state)
{
	gives_one_of_two_back(*state, true);
	feed_silent(*state);
}

static void stores_into_what_it_gave_back(void **state)
{
	struct feed *f = *state;
	take_two(f);
	oracle_given_back(f->oracle, 0, 100);
	feed_store(f, FEED_DATA, 8);
	feed_expect(f, ORACLE_OWNERSHIP, "");
}

/* -- with nothing in them -------------------------------------------------------------------------------- */

static void fails_and_claims_nothing(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_store(f, FEED_DATA, 12);
	oracle_chain_failed(f->oracle, 0, 0);
	feed_use(f, 0, 0);
	feed_show(f);
	feed_want(f, false);
	feed_silent(f);
}

static void claims_nothing_of_what_it_stored(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_store(f, FEED_DATA, 12);
	feed_use(f, 0, 0);
	feed_show(f);
	feed_want(f, false);
	feed_expect(f, ORACLE_USED_RING, "");
}

static void fails_and_claims_what_it_did_not_store(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_store(f, FEED_DATA, 12);
	oracle_chain_failed(f->oracle, 0, 0);
	feed_use(f, 0, 13);
	feed_show(f);
	feed_want(f, false);
	feed_expect(f, ORACLE_USED_RING, "split.used.2");
}

/* A hostile guest gives the same bytes twice: whose they are that were stored long before can not be told. */
static void shares_its_bytes(void **state)
{
	struct feed *f = *state;
	for (uint16_t n = 0; n < 3; n++)
		feed_request(f, n);
	f->desc[4].addr = FEED_DATA;
	for (uint16_t n = 0; n < 3; n++)
		feed_get(f, n);
	feed_store(f, FEED_DATA, 12);
	oracle_leave(f->oracle);
	oracle_enter(f->oracle);
	feed_use(f, 1, 12);
	feed_show(f);
	feed_want(f, false);
	feed_silent(f);
}

#define BOTH(name) FEED_BOTH(name, 0), FEED_BOTH(name, FEED_EVENT_IDX)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(waits_for_what_comes),
		BOTH(waits_though_something_came),
		BOTH(leaves_what_is_too_little),
		BOTH(leaves_what_is_enough),
		BOTH(keeps_what_it_took),
		BOTH(takes_both_again),
		BOTH(gives_none_back),
		BOTH(gives_back_this_entry_alone),
		BOTH(index_goes_back_after_that),
		BOTH(stores_into_what_it_gave_back),
		BOTH(fails_and_claims_nothing),
		BOTH(claims_nothing_of_what_it_stored),
		BOTH(fails_and_claims_what_it_did_not_store),
		FEED_TEST(leaves_the_other_one, 0),
		FEED_TEST(has_no_memory_for_the_other_one, 0),
		FEED_TEST(shares_its_bytes, 0),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
