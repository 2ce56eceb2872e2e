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

static bool owes(void *ctx, uint16_t queue)
{
	const struct feed *f = ctx;
	(void)queue;
	return !f->idle;
}

void feed_start(struct feed *f, uint64_t features, uint16_t size)
{
	struct oracle_config c = {.nqueues = 2,
				  .queue_size_max = {FEED_SIZE, FEED_SIZE},
				  .status_byte = true,
				  .status = &f->status,
				  .lawless = &f->lawless,
				  .report = on_violation,
				  .owes = owes,
				  .ctx = f};
	memset(f, 0, sizeof(*f));
	f->size = size;
	f->features = features;
	f->packed = features & FEED_PACKED;
	f->event_idx = features & FEED_EVENT_IDX;
	f->status = VIRTIO_CONFIG_S_DRIVER_OK;
	f->ndesc = 3;
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

int feed_setup(void **state)
{
	static struct feed f;
	feed_start(&f, (uint64_t)(uintptr_t)*state, FEED_SIZE);
	*state = &f;
	return 0;
}

int feed_teardown(void **state)
{
	feed_stop(*state);
	return 0;
}

void feed_request(struct feed *f, uint16_t n)
{
	uint64_t at = 0x10000ull * n;
	uint16_t i = (uint16_t)(3 * n);
	if (f->packed) {
		feed_packed_request(f, n);
		return;
	}
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

static void fence(struct feed *f)
{
	if (!f->weak)
		oracle_fence(f->oracle);
}

void feed_wish(struct feed *f, uint16_t value)
{
	fence(f);
	feed_load(f, VMEM_EVENT, FEED_DRIVER, 2, &value);
	feed_load(f, VMEM_EVENT, FEED_DRIVER + 4 + 2ull * f->size, 2, &value);
}

/* -- on both rings */

void feed_get(struct feed *f, uint16_t n)
{
	if (f->packed)
		feed_packed_get(f);
	else
		feed_take(f, (uint16_t)(3 * n));
}

void feed_use(struct feed *f, uint16_t n, uint32_t len)
{
	if (f->packed)
		feed_packed_use(f, n, len);
	else
		feed_used(f, 3u * n, len);
}

void feed_show(struct feed *f)
{
	if (f->packed)
		feed_packed_show(f);
	else
		feed_index(f, f->used);
}

void feed_want(struct feed *f, bool wanted)
{
	uint16_t event[2] = {0, wanted ? VRING_PACKED_EVENT_FLAG_ENABLE : VRING_PACKED_EVENT_FLAG_DISABLE};
	uint16_t at = wanted ? (uint16_t)(f->used - 1) : f->used;
	fence(f);
	if (f->packed)
		feed_load(f, VMEM_EVENT, FEED_DRIVER, 4, event);
	else
		feed_wish(f, f->event_idx ? at : !wanted);
}

void feed_ask(struct feed *f, uint16_t ahead)
{
	uint16_t at = (uint16_t)(f->slot + ahead), on = 0;
	if (f->packed) {
		feed_packed_event(f, 0, feed_packed_off_wrap(f, (uint16_t)(f->take + ahead)));
		feed_packed_event(
			f, 2, f->event_idx ? VRING_PACKED_EVENT_FLAG_DESC : VRING_PACKED_EVENT_FLAG_ENABLE);
	} else if (f->event_idx) {
		oracle_store(f->oracle, VMEM_EVENT, gpa(FEED_DEVICE + 4 + 8ull * f->size), 2, &at);
	} else {
		oracle_store(f->oracle, VMEM_EVENT, gpa(FEED_DEVICE), 2, &on);
	}
}

/* With EVENT_IDX: by leaving an index behind. */
void feed_mute(struct feed *f)
{
	uint16_t off = VRING_USED_F_NO_NOTIFY;
	if (f->packed)
		feed_packed_event(f, 2, VRING_PACKED_EVENT_FLAG_DISABLE);
	else if (f->event_idx)
		feed_ask(f, UINT16_MAX);
	else
		oracle_store(f->oracle, VMEM_EVENT, gpa(FEED_DEVICE), 2, &off);
}

static uint16_t avail_word(const struct feed *f, bool available)
{
	if (f->packed)
		return available ? feed_packed_flags(f, f->take) : 0;
	return (uint16_t)(f->slot + available);
}

void feed_look(struct feed *f, bool available)
{
	uint16_t word = avail_word(f, available);
	fence(f);
	if (f->packed)
		feed_load(f, VMEM_AVAIL_IDX, FEED_DESC + 16ull * feed_packed_slot(f, f->take) + 14, 2, &word);
	else
		feed_load(f, VMEM_AVAIL_IDX, FEED_DRIVER + 2, 2, &word);
}

void feed_quiet(struct feed *f, bool available)
{
	oracle_quiet(f->oracle, 0, avail_word(f, available));
}

void feed_fill(struct feed *f, uint16_t n)
{
	feed_store(f, FEED_DATA + 0x10000ull * n, 512);
	feed_status(f, FEED_STATUS + 0x10000ull * n, 0);
}

void feed_answer(struct feed *f, uint16_t n)
{
	feed_fill(f, n);
	feed_use(f, n, 513);
	feed_show(f);
	feed_want(f, true);
	oracle_interrupt(f->oracle, 0);
}

void feed_good(struct feed *f, uint16_t n)
{
	feed_request(f, n);
	feed_get(f, n);
	feed_header(f, FEED_HEADER + 0x10000ull * n, 16);
	feed_answer(f, n);
}

static const char *packed_clause(const char *clause)
{
	if (!strcmp(clause, "split.desc.1"))
		return "packed.desc.1";
	return strncmp(clause, "split.", 6) ? clause : "";
}

void feed_expect(struct feed *f, enum oracle_kind kind, const char *clause)
{
	oracle_leave(f->oracle);
	if (f->nviolations != 1)
		print_message("last violation: %s: %s\n", f->nviolations ? f->last.oracle : "none",
			      f->last.what);
	assert_int_equal(f->nviolations, 1);
	assert_string_equal(f->last.oracle, oracle_name(kind));
	assert_string_equal(f->last.clause, f->packed ? packed_clause(clause) : clause);
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
