// SPDX-License-Identifier: BSD-2-Clause
#include "tests/unit/packed.h"

#define F_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define F_USED  (1u << VRING_PACKED_DESC_F_USED)

void packed_init(struct packed *p, struct guest *g, uint64_t base, uint16_t size)
{
	memset(p, 0, sizeof(*p));
	p->g = g;
	p->size = size;
	p->desc = base;
	p->driver = base + 16ull * size;
	p->device = p->driver + 4;
	p->next = p->seen = POS_WRAP;
	for (uint64_t a = base; a < p->device + 4; a++)
		*at(g, a) = 0;
}

enum offence packed_enable(const struct packed *p, struct vq *q, uint64_t features)
{
	q->size = p->size;
	q->area[VQ_DESC] = gpa(p->desc);
	q->area[VQ_DRIVER] = gpa(p->driver);
	q->area[VQ_DEVICE] = gpa(p->device);
	return vq_enable(q, &p->g->mem, features | 1ull << VIRTIO_F_RING_PACKED);
}

/* What lies behind the position must look as if the ring had been used up to there. */
void packed_start(struct packed *p, struct vq *q, struct guest *g, uint16_t size, uint64_t features,
		  uint16_t pos)
{
	packed_init(p, g, 0x2000, size);
	assert_int_equal(packed_enable(p, q, features), OFFENCE_NONE);
	uint16_t slot = pos & (POS_WRAP - 1);
	for (uint16_t i = 0; i < size; i++) {
		bool wrap = (i < slot) == !!(pos & POS_WRAP);
		put16(g, packed_slot(p, i) + 14, wrap ? F_AVAIL | F_USED : 0);
	}
	p->next = p->seen = pos;
	q->next_avail = q->next_used = q->published = pos;
}

uint16_t packed_step(const struct packed *p, uint16_t pos, uint16_t n)
{
	uint32_t slot = (pos & (POS_WRAP - 1)) + (uint32_t)n, wrap = pos & POS_WRAP;
	while (slot >= p->size) {
		slot -= p->size;
		wrap ^= POS_WRAP;
	}
	return (uint16_t)(slot | wrap);
}

uint64_t packed_slot(const struct packed *p, uint16_t pos)
{
	return p->desc + 16ull * (pos & (POS_WRAP - 1));
}

uint16_t packed_avail(uint16_t pos)
{
	return pos & POS_WRAP ? F_AVAIL : F_USED;
}

void packed_desc(struct packed *p, uint16_t pos, uint64_t addr, uint32_t len, uint16_t id, uint16_t flags)
{
	uint64_t a = packed_slot(p, pos);
	put64(p->g, a, addr);
	put32(p->g, a + 8, len);
	put16(p->g, a + 12, id);
	put16(p->g, a + 14, flags);
}

void packed_post_id(struct packed *p, uint16_t id, const struct buf *b, uint16_t n)
{
	for (uint16_t i = n; i-- > 0;) {
		uint16_t pos = packed_step(p, p->next, i);
		uint16_t flags = packed_avail(pos) | (b[i].write ? VRING_DESC_F_WRITE : 0);
		if (i + 1 < n)
			flags |= VRING_DESC_F_NEXT;
		packed_desc(p, pos, b[i].addr, b[i].len, i + 1 < n ? 0xbad : id, flags);
	}
	p->next = packed_step(p, p->next, n);
	p->ndesc[id % 1024] = n;
}

static uint16_t take_id(struct packed *p)
{
	uint16_t id = p->next_id;
	p->next_id = (uint16_t)((id + 1) % p->size);
	return id;
}

uint16_t packed_post(struct packed *p, const struct buf *b, uint16_t n)
{
	uint16_t id = take_id(p);
	packed_post_id(p, id, b, n);
	return id;
}

uint16_t packed_post_indirect(struct packed *p, uint64_t table, const struct buf *b, uint16_t n)
{
	uint16_t id = take_id(p);
	for (uint16_t i = 0; i < n; i++) /* half 0 is the id, which means nothing here */
		desc_at(p->g, table, i, b[i].addr, b[i].len, 0xbad, b[i].write ? VRING_DESC_F_WRITE : 0);
	packed_desc(p, p->next, table, 16u * n, id, VRING_DESC_F_INDIRECT | packed_avail(p->next));
	p->next = packed_step(p, p->next, 1);
	p->ndesc[id] = 1;
	return id;
}

bool packed_take(struct packed *p, struct packed_used *u)
{
	uint64_t a = packed_slot(p, p->seen);
	u->flags = get16(p->g, a + 14);
	if ((u->flags & (F_AVAIL | F_USED)) != (p->seen & POS_WRAP ? F_AVAIL | F_USED : 0))
		return false;
	u->len = get32(p->g, a + 8);
	u->id = get16(p->g, a + 12);
	p->seen = packed_step(p, p->seen, p->ndesc[u->id % 1024]);
	return true;
}

void packed_event(struct packed *p, uint16_t flags, uint16_t pos)
{
	put16(p->g, p->driver, pos);
	put16(p->g, p->driver + 2, flags);
}
