// SPDX-License-Identifier: BSD-2-Clause
/* The oracles of what must happen in the end: bounded work, notifications, liveness, resources. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/feed.h"

static void endless_work(void **state)
{
	struct feed *f = *state;
	uint16_t v = 0;
	for (int i = 0; i < 1000000; i++)
		feed_load(f, VMEM_AVAIL_IDX, FEED_DRIVER + 2, 2, &v);
	feed_expect(f, ORACLE_WORK, "");
}

/* Many small entries are as good as few large ones. */
static void much_work(void **state)
{
	struct feed *f = *state;
	uint16_t v = 0;
	for (int i = 0; i < 1000000; i++) {
		if (i % 50000 == 0)
			feed_silent(f);
		feed_load(f, VMEM_AVAIL_IDX, FEED_DRIVER + 2, 2, &v);
	}
	feed_silent(f);
}

static void interrupt_lost(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_status(f, FEED_STATUS, 1);
	feed_use(f, 0, 0);
	feed_show(f);
	feed_want(f, true);
	feed_expect(f, ORACLE_NOTIFICATION, "split.usednotif.3");
}

static void interrupt_lost_event_idx(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_status(f, FEED_STATUS, 1);
	feed_use(f, 0, 0);
	feed_show(f);
	feed_wish(f, 0);
	feed_expect(f, ORACLE_NOTIFICATION, "split.usednotif.5");
}

static void published_without_a_look(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_status(f, FEED_STATUS, 1);
	feed_use(f, 0, 0);
	feed_show(f);
	feed_expect(f, ORACLE_NOTIFICATION, "split.usednotif.3");
}

static void suppressed(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_status(f, FEED_STATUS, 1);
	feed_use(f, 0, 0);
	feed_show(f);
	feed_want(f, false);
	feed_silent(f);
}

/* The driver wants to hear of the third: the flags mean nothing then. */
static void suppressed_event_idx(void **state)
{
	struct feed *f = *state;
	for (uint16_t i = 0; i < 3; i++) {
		feed_request(f, i);
		feed_get(f, i);
		feed_status(f, FEED_STATUS + 0x10000ull * i, 1);
		feed_use(f, i, 0);
		feed_index(f, (uint16_t)(i + 1));
		feed_wish(f, 2);
		if (i == 2)
			oracle_interrupt(f->oracle, 0);
		feed_silent(f);
	}
}

static void never_completed(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_quiet(f, false);
	feed_expect(f, ORACLE_LIVENESS, "");
}

static void never_taken(void **state)
{
	struct feed *f = *state;
	feed_quiet(f, true);
	feed_expect(f, ORACLE_LIVENESS, "");
}

static void never_published(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_status(f, FEED_STATUS, 1);
	feed_use(f, 0, 0);
	feed_quiet(f, false);
	feed_expect(f, ORACLE_LIVENESS, "");
}

static void all_done(void **state)
{
	struct feed *f = *state;
	feed_good(f, 0);
	feed_quiet(f, false);
	oracle_quiet(f->oracle, 1, 77);
	feed_silent(f);
}

static void pin_left_after_reset(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	oracle_pin(f->oracle, 3, VMEM_STORE, gpa(FEED_DATA), 512);
	feed_silent(f);
	oracle_reset(f->oracle);
	feed_expect(f, ORACLE_RESOURCES, "");
}

static void pin_left_after_disabling(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	oracle_pin(f->oracle, 3, VMEM_LOAD, gpa(FEED_HEADER), 16);
	feed_silent(f);
	oracle_queue_gone(f->oracle, 0);
	feed_expect(f, ORACLE_RESOURCES, "");
}

static void pins_of_another_queue(void **state)
{
	struct feed *f = *state;
	oracle_queue_ready(f->oracle, 1, gpa(0x9000), gpa(0xa000), gpa(0xb000), FEED_SIZE);
	feed_request(f, 0);
	feed_get(f, 0);
	oracle_pin(f->oracle, 3, VMEM_STORE, gpa(FEED_DATA), 512);
	oracle_queue_gone(f->oracle, 1);
	oracle_unpin(f->oracle, 3, 0);
	oracle_reset(f->oracle);
	feed_silent(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FEED_TEST(endless_work, 0),
		FEED_TEST(much_work, 0),
		FEED_BOTH(interrupt_lost, 0),
		FEED_TEST(interrupt_lost_event_idx, FEED_EVENT_IDX),
		FEED_BOTH(published_without_a_look, 0),
		FEED_BOTH(suppressed, 0),
		FEED_TEST(suppressed_event_idx, FEED_EVENT_IDX),
		FEED_BOTH(never_completed, 0),
		FEED_BOTH(never_taken, 0),
		FEED_BOTH(never_published, 0),
		FEED_BOTH(all_done, 0),
		FEED_BOTH(pin_left_after_reset, 0),
		FEED_BOTH(pin_left_after_disabling, 0),
		FEED_BOTH(pins_of_another_queue, 0),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
