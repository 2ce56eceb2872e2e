// SPDX-License-Identifier: BSD-2-Clause
/* The fetch-once oracle: between two loads of the same bytes the driver may write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/feed.h"

static void descriptor_twice(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_desc(f, 1);
	feed_expect(f, ORACLE_FETCH_ONCE, "");
}

/* When the request completes, the address is read from the table once more. */
static void descriptor_twice_later(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_silent(f);
	feed_desc(f, 2);
	feed_expect(f, ORACLE_FETCH_ONCE, "");
}

static void field_twice(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_slot(f, 0, 0);
	feed_load(f, VMEM_DESC, FEED_DESC + 12, 2, &f->desc[0].flags);
	feed_load(f, VMEM_DESC, FEED_DESC + 12, 2, &f->desc[0].flags);
	feed_expect(f, ORACLE_FETCH_ONCE, "");
}

static void entry_twice(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_slot(f, 0, 0);
	feed_slot(f, 0, 0);
	feed_expect(f, ORACLE_FETCH_ONCE, "");
}

static void header_twice(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_header(f, FEED_HEADER, 16);
	feed_header(f, FEED_HEADER, 4);
	feed_expect(f, ORACLE_FETCH_ONCE, "");
}

static void header_byte_twice(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_header(f, FEED_HEADER, 9);
	feed_header(f, FEED_HEADER + 8, 8);
	feed_expect(f, ORACLE_FETCH_ONCE, "");
}

static void indirect_twice(void **state)
{
	struct feed *f = *state;
	f->desc[0] = (struct vring_desc){FEED_TABLE, 32, VRING_DESC_F_INDIRECT, 0};
	f->table[0] = (struct vring_desc){FEED_HEADER, 16, VRING_DESC_F_NEXT, 1};
	f->table[1] = (struct vring_desc){FEED_STATUS, 1, VRING_DESC_F_WRITE, 0};
	feed_get(f, 0);
	feed_load(f, VMEM_INDIRECT, FEED_TABLE, 16, &f->table[0]);
	feed_expect(f, ORACLE_FETCH_ONCE, "");
}

static void polling(void **state)
{
	struct feed *f = *state;
	uint16_t v = 0;
	for (int i = 0; i < 100; i++) {
		feed_load(f, VMEM_AVAIL_IDX, FEED_DRIVER + 2, 2, &v);
		feed_wish(f, 0);
	}
	feed_silent(f);
}

/* No room: the chain goes back unread, and is taken when the device runs again. */
static void given_back_and_taken_again(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_header(f, FEED_HEADER, 16);
	feed_silent(f);
	f->slot = 0;
	feed_good(f, 0);
	feed_silent(f);
}

/* The driver reuses what it got back. */
static void same_descriptors_again(void **state)
{
	struct feed *f = *state;
	feed_good(f, 0);
	feed_good(f, 0);
	feed_silent(f);
}

/* A chain that bites its tail: the device walks it until it has seen more than there can be. */
static void cycle(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	f->desc[2].flags |= VRING_DESC_F_NEXT;
	f->desc[2].next = 0;
	feed_get(f, 0);
	feed_silent(f);
}

/* Two chains end in the same descriptor. */
static void shared_tail(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_request(f, 1);
	f->desc[4].next = 2;
	feed_get(f, 0);
	feed_get(f, 1);
	feed_silent(f);
}

static void field_by_field(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_slot(f, 0, 2);
	feed_load(f, VMEM_DESC, FEED_DESC + 32 + 12, 2, &f->desc[2].flags);
	feed_load(f, VMEM_DESC, FEED_DESC + 32, 8, &f->desc[2].addr);
	feed_load(f, VMEM_DESC, FEED_DESC + 32 + 8, 4, &f->desc[2].len);
	feed_status(f, FEED_STATUS, 0);
	feed_used(f, 2, 1);
	feed_silent(f);
}

static void whole_table_at_once(void **state)
{
	struct feed *f = *state;
	f->desc[0] = (struct vring_desc){FEED_TABLE, 48, VRING_DESC_F_INDIRECT, 0};
	f->table[0] = (struct vring_desc){FEED_HEADER, 16, VRING_DESC_F_NEXT, 1};
	f->table[1] = (struct vring_desc){FEED_DATA, 64, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2};
	f->table[2] = (struct vring_desc){FEED_STATUS, 1, VRING_DESC_F_WRITE, 0};
	feed_slot(f, 0, 0);
	feed_desc(f, 0);
	feed_load(f, VMEM_INDIRECT, FEED_TABLE, 48, f->table);
	feed_header(f, FEED_HEADER, 16);
	feed_store(f, FEED_DATA, 64);
	feed_status(f, FEED_STATUS, 0);
	feed_use(f, 0, 65);
	feed_silent(f);
}

/* Field by field, in any order, from several segments. */
static void header_in_parts(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_header(f, FEED_HEADER + 8, 8);
	feed_header(f, FEED_HEADER, 4);
	feed_header(f, FEED_HEADER + 4, 4);
	feed_silent(f);
}

/* Two segments on the same memory: each of them is loaded once. */
static void overlapping_header_segments(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	f->desc[0].next = 3;
	f->desc[3] = (struct vring_desc){FEED_HEADER, 16, VRING_DESC_F_NEXT, 1};
	feed_get(f, 0);
	feed_header(f, FEED_HEADER, 16);
	feed_header(f, FEED_HEADER, 16);
	feed_silent(f);
}

/* Every chain is in the same slot. */
static void ring_of_one(void **state)
{
	struct feed *f = *state;
	feed_stop(f);
	feed_start(f, 0, 1);
	for (int i = 0; i < 3; i++) {
		f->desc[0] = (struct vring_desc){FEED_STATUS, 1, VRING_DESC_F_WRITE, 0};
		feed_get(f, 0);
		feed_status(f, FEED_STATUS, 0);
		feed_use(f, 0, 1);
	}
	feed_silent(f);
}

/* There, too, a chain may be given back, and is taken again when the device is entered next. */
static void ring_of_one_given_back(void **state)
{
	struct feed *f = *state;
	feed_stop(f);
	feed_start(f, 0, 1);
	f->desc[0] = (struct vring_desc){FEED_STATUS, 1, VRING_DESC_F_WRITE, 0};
	for (int i = 0; i < 3; i++) {
		feed_get(f, 0);
		feed_silent(f);
		f->slot = 0;
	}
	feed_get(f, 0);
	feed_status(f, FEED_STATUS, 0);
	feed_use(f, 0, 1);
	feed_silent(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FEED_TEST(descriptor_twice, 0),
		FEED_TEST(descriptor_twice_later, 0),
		FEED_TEST(field_twice, 0),
		FEED_TEST(entry_twice, 0),
		FEED_BOTH(header_twice, 0),
		FEED_BOTH(header_byte_twice, 0),
		FEED_TEST(indirect_twice, 0),
		FEED_TEST(polling, 0),
		FEED_TEST(given_back_and_taken_again, 0),
		FEED_BOTH(same_descriptors_again, 0),
		FEED_TEST(cycle, 0),
		FEED_TEST(shared_tail, 0),
		FEED_TEST(field_by_field, 0),
		FEED_TEST(whole_table_at_once, 0),
		FEED_BOTH(header_in_parts, 0),
		FEED_TEST(overlapping_header_segments, 0),
		FEED_TEST(ring_of_one, 0),
		FEED_TEST(ring_of_one_given_back, 0),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
