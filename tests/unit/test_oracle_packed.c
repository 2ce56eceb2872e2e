// SPDX-License-Identifier: BSD-2-Clause
/* What the oracles know of packed rings alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/feed.h"

#define F_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define F_USED  (1u << VRING_PACKED_DESC_F_USED)

/* Requests 0 .. n-1 are taken and filled. */
static void take(struct feed *f, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		feed_request(f, i);
		feed_get(f, i);
		feed_fill(f, i);
	}
}

/* -- used entries ---------------------------------------------------------------------------------------- */

/* P07: entries of a batch in consecutive slots, not as far apart as their chains are long. */
static void batch_in_consecutive_slots(void **state)
{
	struct feed *f = *state;
	take(f, 2);
	feed_packed_entry(f, 0, 0, 513, false);
	feed_packed_entry(f, 1, 1, 513, true);
	feed_expect(f, ORACLE_USED_RING, "");
}

static void batch(void **state)
{
	struct feed *f = *state;
	take(f, 5);
	for (uint16_t i = 0; i < 5; i++)
		feed_use(f, i, 513);
	feed_show(f);
	feed_want(f, false);
	feed_quiet(f, false);
	feed_silent(f);
}

/* The flags of the first are held back; those after it may be whole, or come in any order. */
static void flags_in_any_order(void **state)
{
	struct feed *f = *state;
	take(f, 3);
	feed_packed_entry(f, 0, 0, 513, false);
	feed_packed_entry(f, 3, 1, 513, false);
	feed_packed_entry(f, 6, 2, 513, true);
	feed_packed_store_flags(f, 3, F_AVAIL | F_USED | VRING_DESC_F_WRITE);
	feed_packed_store_flags(f, 0, F_AVAIL | F_USED | VRING_DESC_F_WRITE);
	feed_want(f, false);
	feed_quiet(f, false);
	feed_silent(f);
}

/* The driver sees the first two and not the third. */
static void one_entry_is_held_back(void **state)
{
	struct feed *f = *state;
	take(f, 3);
	feed_packed_entry(f, 0, 0, 513, false);
	feed_packed_entry(f, 3, 1, 513, true);
	feed_packed_entry(f, 6, 2, 513, false);
	feed_packed_store_flags(f, 0, F_AVAIL | F_USED | VRING_DESC_F_WRITE);
	feed_want(f, false);
	feed_silent(f);
	feed_quiet(f, false);
	feed_expect(f, ORACLE_LIVENESS, "");
}

static void flags_before_the_rest(void **state)
{
	struct feed *f = *state;
	take(f, 1);
	feed_packed_store_flags(f, 0, F_AVAIL | F_USED | VRING_DESC_F_WRITE);
	feed_expect(f, ORACLE_USED_RING, "");
}

/* One copy of all has no order: the driver may see the flags first. */
static void first_entry_in_one_piece(void **state)
{
	struct feed *f = *state;
	take(f, 1);
	feed_packed_entry(f, 0, 0, 513, true);
	feed_want(f, false);
	feed_expect(f, ORACLE_USED_RING, "");
}

static void wrong_wrap_counter(void **state)
{
	struct feed *f = *state;
	take(f, 1);
	feed_packed_entry(f, 0, 0, 513, false);
	feed_packed_store_flags(f, 0, VRING_DESC_F_WRITE);
	feed_want(f, false);
	feed_expect(f, ORACLE_USED_RING, "");
}

/* Without WRITE the driver ignores the length. */
static void length_without_write(void **state)
{
	struct feed *f = *state;
	take(f, 1);
	feed_packed_entry(f, 0, 0, 513, false);
	feed_packed_store_flags(f, 0, F_AVAIL | F_USED);
	feed_want(f, false);
	feed_expect(f, ORACLE_USED_RING, "");
}

/* WRITE says that something was written (2.8.4): of a chain with nothing to write to that is never so; else it may be
 * set though no byte is counted. */
static void write_without_room(void **state)
{
	struct feed *f = *state;
	take(f, 1);
	feed_packed_entry(f, 0, 0, 513, false);
	feed_packed_store_flags(f, 0, F_AVAIL | F_USED | VRING_DESC_F_WRITE);
	feed_want(f, false);
	feed_silent(f);
	feed_packed_put(f, FEED_HEADER, 16, 1, 0);
	feed_packed_get(f);
	feed_packed_entry(f, 3, 1, 0, false);
	feed_packed_store_flags(f, 3, F_AVAIL | F_USED | VRING_DESC_F_WRITE);
	feed_want(f, false);
	feed_expect(f, ORACLE_USED_RING, "");
}

static void changed_after_it_was_used(void **state)
{
	struct feed *f = *state;
	uint32_t len = 1;
	take(f, 2);
	feed_packed_entry(f, 0, 0, 513, false);
	feed_packed_entry(f, 3, 1, 513, true);
	oracle_store(f->oracle, VMEM_USED_ENTRY, gpa(FEED_DESC + 3 * 16 + 8), 4, &len);
	feed_expect(f, ORACLE_USED_RING, "packed.desc.3");
}

static void changed_after_it_was_shown(void **state)
{
	struct feed *f = *state;
	feed_good(f, 0);
	feed_packed_store_flags(f, 0, F_AVAIL | F_USED);
	feed_expect(f, ORACLE_OWNERSHIP, "packed.desc.3");
}

/* Out of order: the entry stands in the slots of another chain, which is still in flight. */
static void used_out_of_order(void **state)
{
	struct feed *f = *state;
	take(f, 3);
	feed_use(f, 2, 513);
	feed_show(f);
	feed_want(f, false);
	feed_use(f, 0, 513);
	feed_use(f, 1, 513);
	feed_show(f);
	feed_want(f, false);
	feed_quiet(f, false);
	feed_silent(f);
}

/* The whole entry with its address: that is nobody's any more. */
static void address_is_overwritten(void **state)
{
	struct feed *f = *state;
	struct vring_packed_desc d = {0, 513, 0, 0};
	take(f, 1);
	oracle_store(f->oracle, VMEM_USED_ENTRY, gpa(FEED_DESC), 14, &d);
	feed_packed_store_flags(f, 0, F_AVAIL | F_USED | VRING_DESC_F_WRITE);
	feed_want(f, false);
	feed_silent(f);
}

static void no_ring_there(void **state)
{
	struct feed *f = *state;
	take(f, 1);
	feed_packed_store_flags(f, 0, 0);
	f->nviolations = 0;
	oracle_store(f->oracle, VMEM_USED_IDX, gpa(FEED_DESC + 16 * FEED_SIZE + 14), 2, &f->held);
	feed_expect(f, ORACLE_OWNERSHIP, "");
}

/* Descriptors are stored as payload: they are no buffer. */
static void payload_into_the_ring(void **state)
{
	struct feed *f = *state;
	take(f, 1);
	feed_store(f, FEED_DESC + 16, 2);
	feed_expect(f, ORACLE_OWNERSHIP, "");
}

/* -- taking ---------------------------------------------------------------------------------------------- */

/* The flags said that there is nothing. */
static void taken_although_not_available(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	f->ring[0].flags ^= F_AVAIL | F_USED;
	feed_get(f, 0);
	feed_silent(f);
	feed_packed_use(f, 0, 0);
	feed_expect(f, ORACLE_USED_RING, "packed.desc.2");
}

/* The second descriptor is one of the round before: the list is torn. */
static void taken_although_torn(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	f->ring[1].flags ^= F_AVAIL;
	feed_get(f, 0);
	feed_silent(f);
	feed_packed_use(f, 0, 0);
	feed_expect(f, ORACLE_USED_RING, "packed.desc.2");
}

static void id_beyond_the_ring(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	f->ring[2].id = FEED_SIZE;
	feed_get(f, 0);
	feed_silent(f);
	feed_packed_use(f, FEED_SIZE, 0);
	feed_expect(f, ORACLE_USED_RING, "");
}

static void id_twice(void **state)
{
	struct feed *f = *state;
	take(f, 1);
	feed_request(f, 0);
	feed_get(f, 0);
	feed_use(f, 0, 513);
	feed_silent(f);
	feed_use(f, 0, 513);
	feed_expect(f, ORACLE_USED_RING, "");
}

static void descriptor_twice(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_packed_desc(f, 1, 16);
	feed_expect(f, ORACLE_FETCH_ONCE, "");
}

/* P04: right after it was loaded, while the chain is still being walked. */
static void first_descriptor_twice(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_packed_poll(f, 0);
	feed_packed_desc(f, 0, 14);
	feed_packed_desc(f, 0, 14);
	feed_expect(f, ORACLE_FETCH_ONCE, "");
}

static void table_entry_twice(void **state)
{
	struct feed *f = *state;
	f->table[0] = (struct vring_desc){FEED_STATUS, 1, 0, VRING_DESC_F_WRITE};
	feed_packed_put(f, FEED_TABLE, 16, 0, VRING_DESC_F_INDIRECT);
	feed_get(f, 0);
	feed_load(f, VMEM_INDIRECT, FEED_TABLE, 16, &f->table[0]);
	feed_expect(f, ORACLE_FETCH_ONCE, "");
}

/* All entries are the chain, whatever their flags and ids say (2.8.7). */
static void table(void **state)
{
	struct feed *f = *state;
	f->table[0] = (struct vring_desc){FEED_HEADER, 16, 77, VRING_DESC_F_NEXT};
	f->table[1] = (struct vring_desc){FEED_DATA, 512, 78, VRING_DESC_F_WRITE};
	f->table[2] = (struct vring_desc){FEED_STATUS, 1, 79, VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT};
	feed_packed_put(f, FEED_TABLE, 48, 9, VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE);
	feed_get(f, 0);
	feed_header(f, FEED_HEADER, 16);
	feed_fill(f, 0);
	feed_use(f, 9, 513);
	feed_show(f);
	feed_want(f, false);
	feed_quiet(f, false);
	feed_silent(f);
}

/* The flags are loaded with the rest after they were polled; field by field; all at once with the next ones.
 */
static void loaded_in_other_ways(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_packed_poll(f, 0);
	feed_packed_desc(f, 0, 48);
	f->take = 3;
	feed_answer(f, 0);
	feed_request(f, 1);
	feed_packed_poll(f, 3);
	feed_load(f, VMEM_DESC, FEED_DESC + 48 + 8, 4, &f->ring[3].len);
	feed_load(f, VMEM_DESC, FEED_DESC + 48, 8, &f->ring[3].addr);
	feed_load(f, VMEM_DESC, FEED_DESC + 48 + 12, 2, &f->ring[3].id);
	feed_packed_desc(f, 4, 16);
	feed_packed_desc(f, 5, 16);
	f->take = 6;
	feed_answer(f, 1);
	feed_quiet(f, false);
	feed_silent(f);
}

/* What is not available may be looked at. */
static void prefetched(void **state)
{
	struct feed *f = *state;
	feed_packed_poll(f, 0);
	feed_packed_desc(f, 0, 16);
	feed_packed_desc(f, 0, 16);
	feed_good(f, 0);
	feed_silent(f);
}

/* No room: the chain goes back unread, and is taken when the device runs again. */
static void given_back(void **state)
{
	struct feed *f = *state;
	feed_request(f, 0);
	feed_get(f, 0);
	feed_silent(f);
	f->take = 0;
	feed_look(f, true);
	feed_get(f, 0);
	feed_answer(f, 0);
	feed_quiet(f, false);
	feed_silent(f);
}

/* A chain that fills the ring ends where it begins. */
static void given_back_and_fills_the_ring(void **state)
{
	struct feed *f = *state;
	feed_stop(f);
	feed_start(f, FEED_PACKED, 3);
	for (uint16_t i = 0; i < 5; i++) {
		feed_request(f, 0);
		feed_get(f, 0);
		feed_silent(f);
		f->take = (uint16_t)((f->take + 3) % 6);
		feed_get(f, 0);
		feed_look(f, false);
		feed_answer(f, 0);
		feed_quiet(f, false);
		feed_silent(f);
	}
}

static void ring_of_one(void **state)
{
	struct feed *f = *state;
	feed_stop(f);
	feed_start(f, FEED_PACKED, 1);
	for (int i = 0; i < 3; i++) {
		feed_packed_put(f, FEED_STATUS, 1, 0, VRING_DESC_F_WRITE);
		feed_get(f, 0);
		feed_status(f, FEED_STATUS, 0);
		feed_use(f, 0, 1);
		feed_show(f);
		feed_want(f, false);
		feed_quiet(f, false);
		feed_silent(f);
	}
}

#define PACKED(name) FEED_TEST(name, FEED_PACKED)

/* -- given back ------------------------------------------------------------------------------------------ */

/* The only slot of a ring is taken; memory could not be pinned, or could. */
static void take_all(struct feed *f, bool refused)
{
	feed_stop(f);
	feed_start(f, FEED_PACKED, 1);
	feed_packed_put(f, FEED_STATUS, 1, 0, VRING_DESC_F_WRITE);
	feed_packed_get(f);
	if (refused)
		oracle_pin_refused(f->oracle);
	feed_silent(f);
}

/* Then the driver breaks the rules and says in that slot that nothing is there: nobody can see it given back. */
static void full_ring_given_back(void **state)
{
	struct feed *f = *state;
	take_all(f, true);
	feed_quiet(f, false);
	feed_silent(f);
}

static void full_ring_forgotten(void **state)
{
	struct feed *f = *state;
	take_all(f, false);
	feed_quiet(f, false);
	feed_expect(f, ORACLE_LIVENESS, "");
}

/* It is there all the same, and waits for the device. */
static void full_ring_given_back_and_forgotten(void **state)
{
	struct feed *f = *state;
	take_all(f, true);
	oracle_quiet(f->oracle, 0, F_AVAIL);
	feed_expect(f, ORACLE_LIVENESS, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PACKED(batch_in_consecutive_slots),
		PACKED(batch),
		PACKED(flags_in_any_order),
		PACKED(one_entry_is_held_back),
		PACKED(flags_before_the_rest),
		PACKED(first_entry_in_one_piece),
		PACKED(wrong_wrap_counter),
		PACKED(length_without_write),
		PACKED(write_without_room),
		PACKED(changed_after_it_was_used),
		PACKED(changed_after_it_was_shown),
		PACKED(used_out_of_order),
		PACKED(address_is_overwritten),
		PACKED(no_ring_there),
		PACKED(payload_into_the_ring),
		PACKED(taken_although_not_available),
		PACKED(taken_although_torn),
		PACKED(id_beyond_the_ring),
		PACKED(id_twice),
		PACKED(descriptor_twice),
		PACKED(first_descriptor_twice),
		PACKED(table_entry_twice),
		PACKED(table),
		PACKED(loaded_in_other_ways),
		PACKED(prefetched),
		PACKED(given_back),
		PACKED(given_back_and_fills_the_ring),
		PACKED(ring_of_one),
		PACKED(full_ring_given_back),
		PACKED(full_ring_forgotten),
		PACKED(full_ring_given_back_and_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
