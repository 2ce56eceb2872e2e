// SPDX-License-Identifier: BSD-2-Clause
/* What a device does to a packed ring, a step at a time. */
#include "tests/unit/feed.h"

#define AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define USED  (1u << VRING_PACKED_DESC_F_USED)

static uint16_t add(const struct feed *f, uint16_t pos, uint16_t n)
{
	return (uint16_t)((pos + n) % (2 * f->size));
}

static bool wrap(const struct feed *f, uint16_t pos)
{
	return pos % (2 * f->size) < f->size;
}

uint16_t feed_packed_slot(const struct feed *f, uint16_t pos)
{
	return pos % f->size;
}

static uint64_t slot_at(const struct feed *f, uint16_t pos)
{
	return FEED_DESC + 16ull * feed_packed_slot(f, pos);
}

uint16_t feed_packed_flags(const struct feed *f, uint16_t pos)
{
	return wrap(f, pos) ? AVAIL : USED;
}

uint16_t feed_packed_off_wrap(const struct feed *f, uint16_t pos)
{
	pos = add(f, pos, 0);
	return (uint16_t)(feed_packed_slot(f, pos) | wrap(f, pos) << VRING_PACKED_EVENT_F_WRAP_CTR);
}

void feed_packed_put(struct feed *f, uint64_t addr, uint32_t len, uint16_t id, uint16_t flags)
{
	f->ring[feed_packed_slot(f, f->put)] =
		(struct vring_packed_desc){addr, len, id, (uint16_t)(flags | feed_packed_flags(f, f->put))};
	f->put = add(f, f->put, 1);
}

void feed_packed_request(struct feed *f, uint16_t n)
{
	uint64_t at = 0x10000ull * n;
	feed_packed_put(f, FEED_HEADER + at, 16, 0, VRING_DESC_F_NEXT);
	feed_packed_put(f, FEED_DATA + at, 512, 0, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE);
	feed_packed_put(f, FEED_STATUS + at, 1, n, VRING_DESC_F_WRITE);
}

void feed_packed_poll(struct feed *f, uint16_t pos)
{
	feed_load(f, VMEM_AVAIL_IDX, slot_at(f, pos) + 14, 2, &f->ring[feed_packed_slot(f, pos)].flags);
}

void feed_packed_desc(struct feed *f, uint16_t pos, uint32_t n)
{
	feed_load(f, VMEM_DESC, slot_at(f, pos), n, &f->ring[feed_packed_slot(f, pos)]);
}

/* The chain at f->take: a list, or a table of what stands in f->table up to one without NEXT. */
void feed_packed_get(struct feed *f)
{
	const struct vring_packed_desc *d;
	feed_packed_poll(f, f->take);
	f->ndesc = 0;
	do {
		d = &f->ring[feed_packed_slot(f, f->take)];
		feed_packed_desc(f, f->take, f->ndesc ? 16 : 14);
		f->take = add(f, f->take, 1);
		f->ndesc++;
	} while (d->flags & VRING_DESC_F_NEXT && f->ndesc < f->size);
	for (uint32_t i = 0; d->flags & VRING_DESC_F_INDIRECT && i < d->len / 16; i++)
		feed_load(f, VMEM_INDIRECT, FEED_TABLE + 16ull * i, 16, &f->table[i]);
}

void feed_packed_entry(struct feed *f, uint16_t pos, uint16_t id, uint32_t len, bool flags)
{
	struct vring_packed_desc d = {
		0, len, id, (uint16_t)((wrap(f, pos) ? AVAIL | USED : 0) | (len ? VRING_DESC_F_WRITE : 0))};
	f->held = f->shown == pos ? d.flags : f->held;
	oracle_store(f->oracle, VMEM_USED_ENTRY, gpa(slot_at(f, pos) + 8), flags ? 8 : 6, &d.len);
}

void feed_packed_store_flags(struct feed *f, uint16_t pos, uint16_t flags)
{
	oracle_store(f->oracle, VMEM_USED_IDX, gpa(slot_at(f, pos) + 14), 2, &flags);
}

void feed_packed_use(struct feed *f, uint16_t id, uint32_t len)
{
	feed_packed_entry(f, f->store, id, len, f->store != f->shown);
	f->store = add(f, f->store, f->ndesc);
}

void feed_packed_show(struct feed *f)
{
	feed_packed_store_flags(f, f->shown, f->held);
	f->shown = f->store;
}

void feed_packed_event(struct feed *f, uint16_t off, uint16_t value)
{
	oracle_store(f->oracle, VMEM_EVENT, gpa(FEED_DEVICE + off), 2, &value);
}
