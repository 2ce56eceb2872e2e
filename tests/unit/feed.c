// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/feed.h"

static void on_violation(void *ctx, const struct violation *v)
{
	struct feed *f = ctx;
	f->nviolations++;
	f->last = *v;
}

void feed_start(struct feed *f, uint64_t features, uint16_t size)
{
	struct oracle_config c = {.nqueues = 2,
				  .queue_size_max = {FEED_SIZE, FEED_SIZE},
				  .status_byte = true,
				  .report = on_violation,
				  .ctx = f};
	memset(f, 0, sizeof(*f));
	f->size = size;
	f->oracle = oracle_create(&c);
	assert_non_null(f->oracle);
	oracle_features(f->oracle, features);
	oracle_queue_ready(f->oracle, 0, gpa(FEED_DESC), gpa(FEED_DRIVER), gpa(FEED_DEVICE), size);
	oracle_enter(f->oracle);
}

void feed_stop(struct feed *f)
{
	oracle_destroy(f->oracle);
}

void feed_request(struct feed *f, uint16_t n)
{
	uint64_t at = 0x10000ull * n;
	uint16_t i = (uint16_t)(3 * n);
	f->desc[i] = (struct vring_desc){FEED_HEADER + at, 16, VRING_DESC_F_NEXT, (uint16_t)(i + 1)};
	f->desc[i + 1] = (struct vring_desc){FEED_DATA + at, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE,
					     (uint16_t)(i + 2)};
	f->desc[i + 2] = (struct vring_desc){FEED_STATUS + at, 1, VRING_DESC_F_WRITE, 0};
}

void feed_load(struct feed *f, enum vmem_for what, uint64_t a, uint32_t n, const void *data)
{
	oracle_load(f->oracle, what, gpa(a), n, data);
}

void feed_slot(struct feed *f, uint16_t slot, uint16_t head)
{
	feed_load(f, VMEM_AVAIL_ENTRY, FEED_DRIVER + 4 + 2ull * slot, 2, &head);
}

void feed_desc(struct feed *f, uint16_t i)
{
	feed_load(f, VMEM_DESC, FEED_DESC + 16ull * i, 16, &f->desc[i]);
}

/* As a device walks: at most as many descriptors as there are, a cycle or not. */
void feed_take(struct feed *f, uint16_t head)
{
	uint16_t i = head, index = (uint16_t)(f->slot + 1);
	feed_load(f, VMEM_AVAIL_IDX, FEED_DRIVER + 2, 2, &index);
	feed_slot(f, f->slot++ & (f->size - 1), head);
	for (uint32_t left = f->size; left; left--) {
		feed_desc(f, i);
		if (f->desc[i].flags & VRING_DESC_F_INDIRECT)
			break;
		if (!(f->desc[i].flags & VRING_DESC_F_NEXT))
			return;
		i = f->desc[i].next;
	}
	for (i = 0; f->desc[head].flags & VRING_DESC_F_INDIRECT; i = f->table[i].next) {
		feed_load(f, VMEM_INDIRECT, FEED_TABLE + 16ull * i, 16, &f->table[i]);
		if (!(f->table[i].flags & VRING_DESC_F_NEXT))
			return;
	}
}

void feed_header(struct feed *f, uint64_t a, uint32_t n)
{
	static const uint8_t zero[64];
	feed_load(f, VMEM_HEADER, a, n, zero);
}

void feed_store(struct feed *f, uint64_t a, uint32_t n)
{
	static const uint8_t zero[4096];
	oracle_store(f->oracle, VMEM_PAYLOAD, gpa(a), n, zero);
}

void feed_status(struct feed *f, uint64_t a, uint8_t status)
{
	oracle_store(f->oracle, VMEM_STATUS, gpa(a), 1, &status);
}

void feed_used(struct feed *f, uint32_t id, uint32_t len)
{
	uint32_t elem[2] = {id, len};
	oracle_store(f->oracle, VMEM_USED_ENTRY, gpa(FEED_DEVICE + 4 + 8ull * (f->used++ & (f->size - 1u))),
		     8, elem);
}

void feed_index(struct feed *f, uint16_t index)
{
	oracle_store(f->oracle, VMEM_USED_IDX, gpa(FEED_DEVICE + 2), 2, &index);
}

void feed_wish(struct feed *f, uint16_t value)
{
	feed_load(f, VMEM_EVENT, FEED_DRIVER, 2, &value);
	feed_load(f, VMEM_EVENT, FEED_DRIVER + 4 + 2ull * f->size, 2, &value);
}

void feed_answer(struct feed *f, uint16_t n)
{
	uint64_t at = 0x10000ull * n;
	feed_store(f, FEED_DATA + at, 512);
	feed_status(f, FEED_STATUS + at, 0);
	feed_used(f, 3u * n, 513);
	feed_index(f, f->used);
	feed_wish(f, 0);
	oracle_interrupt(f->oracle, 0);
}

void feed_good(struct feed *f, uint16_t n)
{
	feed_request(f, n);
	feed_take(f, (uint16_t)(3 * n));
	feed_header(f, FEED_HEADER + 0x10000ull * n, 16);
	feed_answer(f, n);
}

void feed_expect(struct feed *f, enum oracle_kind kind, const char *clause)
{
	oracle_leave(f->oracle);
	if (f->nviolations != 1)
		print_message("last violation: %s: %s\n", f->nviolations ? f->last.oracle : "none",
			      f->last.what);
	assert_int_equal(f->nviolations, 1);
	assert_string_equal(f->last.oracle, oracle_name(kind));
	assert_string_equal(f->last.clause, clause);
	f->nviolations = 0;
	oracle_enter(f->oracle);
}

void feed_silent(struct feed *f)
{
	oracle_leave(f->oracle);
	if (f->nviolations)
		print_message("unexpected: %s: %s\n", f->last.oracle, f->last.what);
	assert_int_equal(f->nviolations, 0);
	oracle_enter(f->oracle);
}
