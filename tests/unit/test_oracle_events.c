// SPDX-License-Identifier: BSD-2-Clause
/* Event suppression on packed rings: the driver's and the device's structures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/feed.h"

/* Requests 0 .. n-1 are taken and filled. */
static void take(struct feed *f, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		feed_request(f, i);
		feed_get(f, i);
		feed_fill(f, i);
	}
}

static void events(struct feed *f, uint16_t flags, uint16_t off_wrap)
{
	oracle_fence(f->oracle);
	feed_load(f, VMEM_EVENT, FEED_DRIVER + 2, 2, &flags);
	feed_load(f, VMEM_EVENT, FEED_DRIVER, 2, &off_wrap);
}

/* The driver waits for the second of three. */
static void position_is_reached(void **state)
{
	struct feed *f = *state;
	take(f, 3);
	for (uint16_t i = 0; i < 3; i++)
		feed_use(f, i, 513);
	feed_show(f);
	events(f, VRING_PACKED_EVENT_FLAG_DESC, 3 | 1u << VRING_PACKED_EVENT_F_WRAP_CTR);
	feed_expect(f, ORACLE_NOTIFICATION, "");
}

/* It waits for the fourth; or for that slot in the round before. */
static void position_is_not_reached(void **state)
{
	struct feed *f = *state;
	take(f, 3);
	feed_use(f, 0, 513);
	feed_show(f);
	events(f, VRING_PACKED_EVENT_FLAG_DESC, 9 | 1u << VRING_PACKED_EVENT_F_WRAP_CTR);
	feed_use(f, 1, 513);
	feed_show(f);
	events(f, VRING_PACKED_EVENT_FLAG_DESC, 3);
	feed_silent(f);
}

/* DESC means the position: without it nobody knows. */
static void position_is_not_loaded(void **state)
{
	struct feed *f = *state;
	uint16_t flags = VRING_PACKED_EVENT_FLAG_DESC;
	take(f, 1);
	feed_use(f, 0, 513);
	feed_show(f);
	oracle_fence(f->oracle);
	feed_load(f, VMEM_EVENT, FEED_DRIVER + 2, 2, &flags);
	feed_expect(f, ORACLE_NOTIFICATION, "");
}

/* A mode that does not exist, a slot that is not there: the driver's fault. */
static void senseless_wishes(void **state)
{
	struct feed *f = *state;
	take(f, 2);
	feed_use(f, 0, 513);
	feed_show(f);
	events(f, 3, 0);
	feed_use(f, 1, 513);
	feed_show(f);
	events(f, VRING_PACKED_EVENT_FLAG_DESC, 0x7fff);
	feed_silent(f);
}

static void desc_mode_without_event_idx(void **state)
{
	struct feed *f = *state;
	feed_packed_event(f, 2, VRING_PACKED_EVENT_FLAG_DESC);
	feed_look(f, false);
	feed_expect(f, ORACLE_USED_RING, "");
}

static void mode_that_is_reserved(void **state)
{
	struct feed *f = *state;
	feed_packed_event(f, 2, 3);
	feed_expect(f, ORACLE_USED_RING, "");
}

static void position_without_a_slot(void **state)
{
	struct feed *f = *state;
	feed_packed_event(f, 0, FEED_SIZE);
	feed_expect(f, ORACLE_USED_RING, "");
}

static void events_beyond_their_area(void **state)
{
	struct feed *f = *state;
	uint64_t v = 0;
	oracle_store(f->oracle, VMEM_EVENT, gpa(FEED_DEVICE + 2), 4, &v);
	feed_expect(f, ORACLE_OWNERSHIP, "");
}

/* All four bytes at once, and without EVENT_IDX too: the area is the device's, whatever was negotiated. */
static void events_in_one_piece(void **state)
{
	struct feed *f = *state;
	uint16_t event[2] = {1u << VRING_PACKED_EVENT_F_WRAP_CTR, VRING_PACKED_EVENT_FLAG_ENABLE};
	oracle_store(f->oracle, VMEM_EVENT, gpa(FEED_DEVICE), 4, event);
	feed_look(f, false);
	feed_silent(f);
}

#define PACKED(name) FEED_TEST(name, FEED_PACKED)
#define EVENTS(name) FEED_TEST(name, FEED_PACKED | FEED_EVENT_IDX)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EVENTS(position_is_reached),         EVENTS(position_is_not_reached),
		EVENTS(position_is_not_loaded),      EVENTS(senseless_wishes),
		PACKED(desc_mode_without_event_idx), PACKED(mode_that_is_reserved),
		PACKED(position_without_a_slot),     PACKED(events_beyond_their_area),
		PACKED(events_in_one_piece),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
