// SPDX-License-Identifier: BSD-2-Clause
/* The oracles of what must happen in the end: bounded work, notifications, liveness, resources. */
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

static void endless_work(void **state)
{
	(void)state;
	uint16_t v = 0;
	for (int i = 0; i < 1000000; i++)
		feed_load(&f, VMEM_AVAIL_IDX, FEED_DRIVER + 2, 2, &v);
	feed_expect(&f, ORACLE_WORK, "");
}

/* Many small entries are as good as few large ones. */
static void much_work(void **state)
{
	(void)state;
	uint16_t v = 0;
	for (int i = 0; i < 1000000; i++) {
		if (i % 50000 == 0)
			feed_silent(&f);
		feed_load(&f, VMEM_AVAIL_IDX, FEED_DRIVER + 2, 2, &v);
	}
	feed_silent(&f);
}

static void interrupt_lost(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_status(&f, FEED_STATUS, 1);
	feed_used(&f, 0, 0);
	feed_index(&f, 1);
	feed_wish(&f, 0);
	feed_expect(&f, ORACLE_NOTIFICATION, "split.usednotif.3");
}

static void interrupt_lost_event_idx(void **state)
{
	(void)state;
	oracle_features(f.oracle, FEED_EVENT_IDX);
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_status(&f, FEED_STATUS, 1);
	feed_used(&f, 0, 0);
	feed_index(&f, 1);
	feed_wish(&f, 0);
	feed_expect(&f, ORACLE_NOTIFICATION, "split.usednotif.5");
}

static void published_without_a_look(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_status(&f, FEED_STATUS, 1);
	feed_used(&f, 0, 0);
	feed_index(&f, 1);
	feed_expect(&f, ORACLE_NOTIFICATION, "split.usednotif.3");
}

static void suppressed(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_status(&f, FEED_STATUS, 1);
	feed_used(&f, 0, 0);
	feed_index(&f, 1);
	feed_wish(&f, VRING_AVAIL_F_NO_INTERRUPT);
	feed_silent(&f);
}

/* The driver wants to hear of the third: the flags mean nothing then. */
static void suppressed_event_idx(void **state)
{
	(void)state;
	oracle_features(f.oracle, FEED_EVENT_IDX);
	for (uint16_t i = 0; i < 3; i++) {
		feed_request(&f, i);
		feed_take(&f, (uint16_t)(3 * i));
		feed_status(&f, FEED_STATUS + 0x10000ull * i, 1);
		feed_used(&f, 3u * i, 0);
		feed_index(&f, (uint16_t)(i + 1));
		feed_wish(&f, 2);
		if (i == 2)
			oracle_interrupt(f.oracle, 0);
		feed_silent(&f);
	}
}

/* A waste (the rule is a SHOULD), no loss. */
static void sent_although_suppressed(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_status(&f, FEED_STATUS, 1);
	feed_used(&f, 0, 0);
	feed_index(&f, 1);
	feed_wish(&f, VRING_AVAIL_F_NO_INTERRUPT);
	oracle_interrupt(f.oracle, 0);
	feed_silent(&f);
}

static void never_completed(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	oracle_quiet(f.oracle, 0, 1);
	feed_expect(&f, ORACLE_LIVENESS, "");
}

static void never_taken(void **state)
{
	(void)state;
	oracle_quiet(f.oracle, 0, 1);
	feed_expect(&f, ORACLE_LIVENESS, "");
}

static void never_published(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	feed_status(&f, FEED_STATUS, 1);
	feed_used(&f, 0, 0);
	oracle_quiet(f.oracle, 0, 1);
	feed_expect(&f, ORACLE_LIVENESS, "");
}

static void all_done(void **state)
{
	(void)state;
	feed_good(&f, 0);
	oracle_quiet(f.oracle, 0, 1);
	oracle_quiet(f.oracle, 1, 77);
	feed_silent(&f);
}

static void pin_left_after_reset(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	oracle_pin(f.oracle, 3, VMEM_STORE, gpa(FEED_DATA), 512);
	feed_silent(&f);
	oracle_reset(f.oracle);
	feed_expect(&f, ORACLE_RESOURCES, "");
}

static void pin_left_after_disabling(void **state)
{
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	oracle_pin(f.oracle, 3, VMEM_LOAD, gpa(FEED_HEADER), 16);
	feed_silent(&f);
	oracle_queue_gone(f.oracle, 0);
	feed_expect(&f, ORACLE_RESOURCES, "");
}

static void pins_of_another_queue(void **state)
{
	(void)state;
	oracle_queue_ready(f.oracle, 1, gpa(0x9000), gpa(0xa000), gpa(0xb000), FEED_SIZE);
	feed_request(&f, 0);
	feed_take(&f, 0);
	oracle_pin(f.oracle, 3, VMEM_STORE, gpa(FEED_DATA), 512);
	oracle_queue_gone(f.oracle, 1);
	oracle_unpin(f.oracle, 3, 0);
	oracle_reset(f.oracle);
	feed_silent(&f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(endless_work),
		TEST(much_work),
		TEST(interrupt_lost),
		TEST(interrupt_lost_event_idx),
		TEST(published_without_a_look),
		TEST(suppressed),
		TEST(suppressed_event_idx),
		TEST(sent_although_suppressed),
		TEST(never_completed),
		TEST(never_taken),
		TEST(never_published),
		TEST(all_done),
		TEST(pin_left_after_reset),
		TEST(pin_left_after_disabling),
		TEST(pins_of_another_queue),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
