// SPDX-License-Identifier: BSD-2-Clause
/*
 * Both sides fall asleep: interrupts that are lost because the device looked too early, kicks that are lost
 * because it did not look again; promises to go on; changes that nobody is told of. On both rings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/feed.h"

static void complete(struct feed *f, uint16_t n)
{
	feed_request(f, n);
	feed_get(f, n);
	feed_fill(f, n);
	feed_use(f, n, 513);
}

/* -- interrupts ------------------------------------------------------------------------------------------ */

/* P10: the wish is loaded, the driver changes its mind and finds nothing, the entry becomes visible. */
static void looks_before_it_shows(void **state)
{
	struct feed *f = *state;
	complete(f, 0);
	feed_want(f, false);
	feed_show(f);
	feed_expect(f, ORACLE_NOTIFICATION, "split.usednotif.3");
}

/* Before and after: only the later look counts. */
static void looks_twice(void **state)
{
	struct feed *f = *state;
	complete(f, 0);
	feed_want(f, true);
	feed_show(f);
	feed_want(f, false);
	feed_silent(f);
}

/* The driver has not taken notice of the one before: it will find this one, too. */
static void one_interrupt_for_two(void **state)
{
	struct feed *f = *state;
	feed_good(f, 0);
	feed_silent(f);
	complete(f, 1);
	feed_show(f);
	feed_want(f, true);
	feed_silent(f);
}

/* It had: what it found was all there was. */
static void acknowledged_before(void **state)
{
	struct feed *f = *state;
	feed_good(f, 0);
	feed_silent(f);
	oracle_acknowledged(f->oracle);
	complete(f, 1);
	feed_show(f);
	feed_want(f, true);
	feed_expect(f, ORACLE_NOTIFICATION, "split.usednotif.3");
}

/* In the midst of the device's work, and then it looks at the ring. */
static void acknowledged_after(void **state)
{
	struct feed *f = *state;
	feed_good(f, 0);
	feed_silent(f);
	complete(f, 1);
	feed_show(f);
	oracle_acknowledged(f->oracle);
	feed_want(f, true);
	feed_silent(f);
}

/* The processor may load the wish before it stores the entry. */
static void looks_without_a_fence(void **state)
{
	struct feed *f = *state;
	complete(f, 0);
	f->weak = true;
	feed_show(f);
	feed_want(f, false);
	feed_expect(f, ORACLE_NOTIFICATION, "split.usednotif.3");
}

static void interrupts_without_a_look(void **state)
{
	struct feed *f = *state;
	complete(f, 0);
	feed_show(f);
	oracle_interrupt(f->oracle, 0);
	feed_silent(f);
	assert_int_equal(oracle_wasted(f->oracle), 0);
}

/* The driver asked for none. A hostile guest's event index may have been anything when; flags are plain. */
static void unasked(struct feed *f, bool lawless)
{
	f->lawless = lawless;
	complete(f, 0);
	feed_show(f);
	feed_want(f, false);
	feed_silent(f);
	oracle_interrupt(f->oracle, 0);
	assert_int_equal(oracle_wasted(f->oracle), 1);
	if (!lawless || f->packed || !f->event_idx)
		feed_expect(f, ORACLE_NOTIFICATION, f->event_idx ? "split.usednotif.6" : "split.usednotif.2");
	else
		feed_silent(f);
}

static void interrupts_unasked(void **state)
{
	unasked(*state, false);
}

static void interrupts_unasked_by_the_lawless(void **state)
{
	unasked(*state, true);
}

/* Shown in two steps, and looked once after the second: the wish is for either. */
static void one_look_for_two_steps(void **state)
{
	struct feed *f = *state;
	complete(f, 0);
	feed_show(f);
	complete(f, 1);
	feed_show(f);
	feed_want(f, true);
	feed_expect(f, ORACLE_NOTIFICATION, "split.usednotif.3");
}

static void interrupt_of_a_queue_that_is_not_there(void **state)
{
	struct feed *f = *state;
	oracle_interrupt(f->oracle, 1);
	feed_expect(f, ORACLE_NOTIFICATION, "vqreset.1");
}

static void interrupt_after_a_reset(void **state)
{
	struct feed *f = *state;
	oracle_reset(f->oracle);
	oracle_interrupt(f->oracle, 0);
	feed_expect(f, ORACLE_NOTIFICATION, "reset.2");
}

/* -- kicks ----------------------------------------------------------------------------------------------- */

static void asks_and_does_not_look(void **state)
{
	struct feed *f = *state;
	feed_good(f, 0);
	feed_look(f, false);
	feed_ask(f, 0);
	feed_expect(f, ORACLE_NOTIFICATION, "");
}

static void asks_and_looks_without_a_fence(void **state)
{
	struct feed *f = *state;
	feed_good(f, 0);
	f->weak = true;
	feed_ask(f, 0);
	feed_look(f, false);
	feed_expect(f, ORACLE_NOTIFICATION, "");
}

/* The first look does not count, the second one does. */
static void asks_and_looks_twice(void **state)
{
	struct feed *f = *state;
	feed_good(f, 0);
	f->weak = true;
	feed_ask(f, 0);
	feed_look(f, false);
	f->weak = false;
	feed_look(f, false);
	feed_silent(f);
}

static void asks_looks_and_leaves_it(void **state)
{
	struct feed *f = *state;
	feed_good(f, 0);
	feed_ask(f, 0);
	feed_look(f, true);
	feed_expect(f, ORACLE_NOTIFICATION, "");
}

static void asks_and_looks(void **state)
{
	struct feed *f = *state;
	feed_mute(f);
	feed_good(f, 0);
	feed_ask(f, 0);
	feed_look(f, false);
	feed_quiet(f, false);
	feed_silent(f);
}

static void finds_more_and_takes_it(void **state)
{
	struct feed *f = *state;
	feed_good(f, 0);
	feed_ask(f, 0);
	feed_look(f, true);
	feed_good(f, 1);
	feed_ask(f, 0);
	feed_look(f, false);
	feed_quiet(f, false);
	feed_silent(f);
}

/* Its bound is spent: it will be run again, and then look. */
static void finds_more_and_asks_to_go_on(void **state)
{
	struct feed *f = *state;
	feed_good(f, 0);
	feed_ask(f, 0);
	feed_look(f, true);
	oracle_again(f->oracle, 0);
	feed_silent(f);
	oracle_runs(f->oracle, 0);
	feed_good(f, 1);
	feed_ask(f, 0);
	feed_look(f, false);
	feed_quiet(f, false);
	feed_silent(f);
}

/* No room: the completion of what is in flight brings it back. */
static void leaves_it_until_there_is_room(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_ask(f, 0);
	feed_look(f, true);
	feed_silent(f);
}

/* A broken device serves nobody. */
static void breaks(void **state)
{
	struct feed *f = *state;
	feed_ask(f, 0);
	f->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	feed_silent(f);
}

static void mutes(void **state)
{
	struct feed *f = *state;
	feed_mute(f);
	feed_silent(f);
}

/* -- in the end ------------------------------------------------------------------------------------------ */

static void never_run_again(void **state)
{
	struct feed *f = *state;
	feed_good(f, 0);
	oracle_again(f->oracle, 0);
	feed_quiet(f, false);
	feed_expect(f, ORACLE_LIVENESS, "");
}

static void sleeps_muted(void **state)
{
	struct feed *f = *state;
	feed_mute(f);
	feed_good(f, 0);
	feed_silent(f);
	feed_quiet(f, false);
	feed_expect(f, ORACLE_LIVENESS, "");
}

/* With EVENT_IDX: it asked for the chain after the next. */
static void sleeps_for_the_one_after(void **state)
{
	struct feed *f = *state;
	feed_good(f, 0);
	feed_ask(f, 1);
	feed_look(f, false);
	feed_silent(f);
	feed_quiet(f, false);
	feed_expect(f, ORACLE_LIVENESS, "");
}

/* -- configuration --------------------------------------------------------------------------------------- */

static void change_is_not_told(void **state)
{
	struct feed *f = *state;
	oracle_config_changes(f->oracle);
	feed_expect(f, ORACLE_NOTIFICATION, "blk.op.2");
}

static void change_is_told(void **state)
{
	struct feed *f = *state;
	oracle_config_changes(f->oracle);
	oracle_interrupt(f->oracle, HOST_SOURCE_CONFIG);
	feed_silent(f);
}

/* The driver has not taken notice of the one before: it will read what is new, too. Once it has, it must be told again. */
static void change_while_another_is_told(void **state)
{
	struct feed *f = *state;
	oracle_config_changes(f->oracle);
	oracle_interrupt(f->oracle, HOST_SOURCE_CONFIG);
	feed_silent(f);
	oracle_acknowledged(f->oracle); /* of the other kind */
	oracle_config_changes(f->oracle);
	feed_silent(f);
	oracle_config_acknowledged(f->oracle);
	oracle_config_changes(f->oracle);
	feed_expect(f, ORACLE_NOTIFICATION, "blk.op.2");
}

static void change_before_there_is_a_driver(void **state)
{
	struct feed *f = *state;
	f->status = 0;
	oracle_config_changes(f->oracle);
	feed_silent(f);
}

/* -- queue reset ----------------------------------------------------------------------------------------- */

static void used_entry_after_queue_reset(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_fill(f, 0);
	feed_silent(f);
	oracle_queue_gone(f->oracle, 0);
	feed_use(f, 0, 513);
	feed_expect(f, ORACLE_OWNERSHIP, "mmio.7");
}

static void ring_is_read_after_queue_reset(void **state)
{
	struct feed *f = *state;
	oracle_queue_gone(f->oracle, 0);
	feed_look(f, false);
	feed_expect(f, ORACLE_OWNERSHIP, "mmio.7");
}

static void begins_anew_after_queue_reset(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_silent(f);
	oracle_queue_gone(f->oracle, 0);
	oracle_queue_ready(f->oracle, 0, gpa(FEED_DESC), gpa(FEED_DRIVER), gpa(FEED_DEVICE), FEED_SIZE);
	f->slot = f->used = f->put = f->take = f->store = f->shown = 0;
	feed_good(f, 0);
	feed_good(f, 1);
	feed_quiet(f, false);
	feed_silent(f);
}

/* A guest's step runs inside of the device's work: the entry ends when the device returns. */
static void entries_may_nest(void **state)
{
	struct feed *f = *state;
	complete(f, 0);
	feed_show(f);
	oracle_enter(f->oracle);
	oracle_leave(f->oracle);
	feed_want(f, false);
	feed_silent(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FEED_BOTH(looks_before_it_shows, 0),
		FEED_BOTH(looks_twice, 0),
		FEED_BOTH(one_interrupt_for_two, 0),
		FEED_BOTH(acknowledged_before, 0),
		FEED_BOTH(acknowledged_after, 0),
		FEED_BOTH(looks_without_a_fence, 0),
		FEED_BOTH(looks_twice, FEED_EVENT_IDX),
		FEED_BOTH(interrupts_without_a_look, 0),
		FEED_BOTH(interrupts_unasked, 0),
		FEED_BOTH(interrupts_unasked, FEED_EVENT_IDX),
		FEED_BOTH(interrupts_unasked_by_the_lawless, 0),
		FEED_BOTH(interrupts_unasked_by_the_lawless, FEED_EVENT_IDX),
		FEED_BOTH(one_look_for_two_steps, 0),
		FEED_BOTH(interrupt_of_a_queue_that_is_not_there, 0),
		FEED_BOTH(interrupt_after_a_reset, 0),
		FEED_BOTH(asks_and_does_not_look, 0),
		FEED_BOTH(asks_and_does_not_look, FEED_EVENT_IDX),
		FEED_BOTH(asks_and_looks_without_a_fence, 0),
		FEED_BOTH(asks_and_looks_without_a_fence, FEED_EVENT_IDX),
		FEED_BOTH(asks_and_looks_twice, 0),
		FEED_BOTH(asks_looks_and_leaves_it, 0),
		FEED_BOTH(asks_looks_and_leaves_it, FEED_EVENT_IDX),
		FEED_BOTH(asks_and_looks, 0),
		FEED_BOTH(asks_and_looks, FEED_EVENT_IDX),
		FEED_BOTH(finds_more_and_takes_it, 0),
		FEED_BOTH(finds_more_and_takes_it, FEED_EVENT_IDX),
		FEED_BOTH(finds_more_and_asks_to_go_on, FEED_EVENT_IDX),
		FEED_BOTH(leaves_it_until_there_is_room, FEED_EVENT_IDX),
		FEED_BOTH(breaks, 0),
		FEED_BOTH(mutes, 0),
		FEED_BOTH(mutes, FEED_EVENT_IDX),
		FEED_BOTH(never_run_again, 0),
		FEED_BOTH(sleeps_muted, 0),
		FEED_BOTH(sleeps_muted, FEED_EVENT_IDX),
		FEED_BOTH(sleeps_for_the_one_after, FEED_EVENT_IDX),
		FEED_BOTH(change_is_not_told, 0),
		FEED_BOTH(change_is_told, 0),
		FEED_BOTH(change_while_another_is_told, 0),
		FEED_BOTH(change_before_there_is_a_driver, 0),
		FEED_BOTH(used_entry_after_queue_reset, 0),
		FEED_BOTH(ring_is_read_after_queue_reset, 0),
		FEED_BOTH(begins_anew_after_queue_reset, 0),
		FEED_BOTH(entries_may_nest, 0),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
