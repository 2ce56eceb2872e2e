// SPDX-License-Identifier: BSD-2-Clause
#include "tests/unit/ring.h"

uint64_t ring_used_event(const struct ring *r)
{
	return r->avail + 4 + 2ull * r->size;
}

uint64_t ring_avail_event(const struct ring *r)
{
	return r->used + 4 + 8ull * r->size;
}

void ring_init(struct ring *r, struct guest *g, uint64_t base, uint16_t size)
{
	*r = (struct ring){.g = g, .size = size, .desc = base, .avail = base + 16ull * size};
	r->used = (ring_used_event(r) + 2 + 3) & ~3ull;
	for (uint64_t a = r->desc; a < ring_used_event(r); a++)
		*at(g, a) = 0;
	for (uint64_t a = r->used; a < ring_avail_event(r); a++)
		*at(g, a) = 0;
}

void ring_seek(struct ring *r, uint16_t idx)
{
	r->idx = r->seen = idx;
	put16(r->g, r->avail + 2, idx);
	put16(r->g, r->used + 2, idx);
}

void desc_at(struct guest *g, uint64_t table, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
	     uint16_t next)
{
	uint64_t a = table + 16ull * i;
	put64(g, a, addr);
	put32(g, a + 8, len);
	put16(g, a + 12, flags);
	put16(g, a + 14, next);
}

enum offence ring_enable(const struct ring *r, struct vq *q, uint64_t features)
{
	q->size = r->size;
	q->area[VQ_DESC] = gpa(r->desc);
	q->area[VQ_DRIVER] = gpa(r->avail);
	q->area[VQ_DEVICE] = gpa(r->used);
	return vq_enable(q, &r->g->mem, features);
}

void ring_start(struct ring *r, struct vq *q, struct guest *g, uint16_t size, uint64_t features, uint16_t idx)
{
	ring_init(r, g, 0x2000, size);
	assert_int_equal(ring_enable(r, q, features), OFFENCE_NONE);
	ring_seek(r, idx);
	q->next_avail = q->seen_avail = q->next_used = q->published = idx;
}

void ring_desc(struct ring *r, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	desc_at(r->g, r->desc, i, addr, len, flags, next);
}

void ring_publish(struct ring *r, uint16_t head)
{
	put16(r->g, r->avail + 4 + 2ull * (r->idx % r->size), head);
	put16(r->g, r->avail + 2, ++r->idx);
}

static void put_chain(struct guest *g, uint64_t table, uint16_t first, uint16_t wrap, const struct buf *b,
		      uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		uint16_t here = (uint16_t)((first + i) % wrap), next = (uint16_t)((first + i + 1) % wrap);
		uint16_t flags = b[i].write ? VRING_DESC_F_WRITE : 0;
		if (i + 1 < n)
			flags |= VRING_DESC_F_NEXT;
		desc_at(g, table, here, b[i].addr, b[i].len, flags, next);
	}
}

void ring_post_at(struct ring *r, uint16_t head, const struct buf *b, uint16_t n)
{
	put_chain(r->g, r->desc, head, r->size, b, n);
	ring_publish(r, head);
}

uint16_t ring_post(struct ring *r, const struct buf *b, uint16_t n)
{
	uint16_t head = r->next_desc;
	r->next_desc = (uint16_t)((head + n) % r->size);
	ring_post_at(r, head, b, n);
	return head;
}

uint16_t ring_post_indirect(struct ring *r, uint64_t table, const struct buf *b, uint16_t n)
{
	uint16_t head = r->next_desc;
	r->next_desc = (uint16_t)((head + 1) % r->size);
	put_chain(r->g, table, 0, n, b, n);
	ring_desc(r, head, table, 16u * n, VRING_DESC_F_INDIRECT, 0);
	ring_publish(r, head);
	return head;
}

uint16_t ring_used_idx(struct ring *r)
{
	return get16(r->g, r->used + 2);
}

bool ring_take(struct ring *r, uint32_t *id, uint32_t *len)
{
	if (ring_used_idx(r) == r->seen)
		return false;
	uint64_t a = r->used + 4 + 8ull * (r->seen++ % r->size);
	*id = get32(r->g, a);
	*len = get32(r->g, a + 4);
	return true;
}
