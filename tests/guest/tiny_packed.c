// SPDX-License-Identifier: BSD-2-Clause
#include "tests/guest/tiny_packed.h"

#define AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define USED  (1u << VRING_PACKED_DESC_F_USED)

bool packed_enable(struct packed *p, struct dev *d, uint64_t features, uint16_t size)
{
	*p = (struct packed){.dev = d, .size = size, .avail_wrap = true, .used_wrap = true};
	p->event_idx = features & F_EVENT;
	p->notify_data = features & F_DATA;
	p->in_order = features & F_IN_ORDER;
	p->desc = alloc(16u * size);
	p->driver = alloc(4);
	p->device = alloc(4);
	const struct ring r = {.dev = d,
			       .size = size,
			       .desc = (void *)(uint32_t)p->desc,
			       .avail = (void *)(uint32_t)p->driver,
			       .used = (void *)(uint32_t)p->device};
	return ring_enable(&r);
}

void packed_open(struct packed *p, struct dev *d, uint64_t features, uint16_t size)
{
	dev_negotiate(d, features | F_VERSION | F_PACKED);
	EXPECT(packed_enable(p, d, features, size));
	status_add(d, VIRTIO_CONFIG_S_DRIVER_OK);
	EXPECT_EQ(status_read(d), 15);
}

static void step(const struct packed *p, uint16_t *slot, bool *wrap, uint16_t n)
{
	*slot = (uint16_t)(*slot + n);
	if (*slot < p->size)
		return;
	*slot = (uint16_t)(*slot - p->size);
	*wrap = !*wrap;
}

/* Everything but the flags, which are answered: those of a chain's first descriptor are stored last. */
static uint16_t put(struct packed *p, const void *addr, uint32_t len, uint16_t id, uint16_t flags)
{
	volatile struct vring_packed_desc *d = &p->desc[p->avail];
	d->addr = (uint32_t)addr;
	d->len = len;
	d->id = id;
	flags |= p->avail_wrap ? AVAIL : USED;
	step(p, &p->avail, &p->avail_wrap, 1);
	p->posted++;
	return flags;
}

void packed_post(struct packed *p, const void *addr, uint32_t len, uint16_t id, uint16_t flags)
{
	uint16_t at = p->avail;
	flags = put(p, addr, len, id, flags);
	barrier();
	p->desc[at].flags = flags;
}

static uint16_t took(struct packed *p, uint16_t id, unsigned n)
{
	p->slots[id] = (uint16_t)n;
	p->inflight++;
	return id;
}

uint16_t packed_add(struct packed *p, const struct seg *s, unsigned n)
{
	uint16_t id = p->avail, first = 0;
	EXPECT(n <= p->size);
	for (unsigned i = 0; i < n; i++) {
		uint16_t flags = s[i].out ? VRING_DESC_F_WRITE : 0, at = p->avail;
		flags |= i + 1 < n ? VRING_DESC_F_NEXT : 0;
		flags = put(p, s[i].addr, s[i].len, id, flags);
		if (i)
			p->desc[at].flags = flags;
		else
			first = flags;
	}
	barrier();
	p->desc[id].flags = first;
	return took(p, id, n);
}

uint16_t packed_add_indirect(struct packed *p, void *table, const struct seg *s, unsigned n)
{
	uint16_t id = p->avail;
	struct vring_packed_desc *t = table;
	for (unsigned i = 0; i < n; i++)
		t[i] = (struct vring_packed_desc){(uint32_t)s[i].addr, s[i].len, 0,
						  s[i].out ? VRING_DESC_F_WRITE : 0};
	packed_post(p, table, 16 * n, id, VRING_DESC_F_INDIRECT);
	return took(p, id, 1);
}

void packed_kick(struct packed *p)
{
	uint32_t next = p->avail | (uint32_t)p->avail_wrap << 15;
	p->posted = 0;
	reg_write(p->dev, VIRTIO_MMIO_QUEUE_NOTIFY, p->notify_data ? next << 16 : 0);
}

bool packed_kick_if_wanted(struct packed *p)
{
	__sync_synchronize(); /* what we posted must be visible before we look */
	uint16_t flags = p->device->flags, off_wrap = p->device->off_wrap;
	uint16_t event = off_wrap & 0x7fff, old = (uint16_t)(p->avail - p->posted);
	if ((off_wrap >> 15) != p->avail_wrap)
		event = (uint16_t)(event - p->size);
	bool wanted = flags == VRING_PACKED_EVENT_FLAG_DESC ? vring_need_event(event, p->avail, old)
							    : flags == VRING_PACKED_EVENT_FLAG_ENABLE;
	EXPECT(flags != VRING_PACKED_EVENT_FLAG_DESC || p->event_idx);
	if (wanted)
		packed_kick(p);
	p->posted = 0;
	return wanted;
}

bool packed_has_used(const struct packed *p)
{
	uint16_t flags = p->desc[p->used].flags;
	return (flags & (AVAIL | USED)) == (p->used_wrap ? AVAIL | USED : 0);
}

/* With IN_ORDER one entry may stand for several chains, the last of which it names. */
struct packed_used packed_reap(struct packed *p)
{
	patience_begin();
	while (!packed_has_used(p))
		if (patience_over())
			FAIL("no answer in time");
	barrier();
	volatile struct vring_packed_desc *d = &p->desc[p->used];
	struct packed_used u = {d->id, d->len};
	EXPECT(u.id < p->size);
	for (uint16_t id = p->in_order ? p->used : u.id;; id = p->used) {
		EXPECT(p->slots[id] && p->inflight);
		step(p, &p->used, &p->used_wrap, p->slots[id]);
		p->slots[id] = 0;
		p->inflight--;
		if (id == u.id)
			return u;
	}
}

uint32_t packed_run(struct packed *p, uint16_t id)
{
	packed_kick(p);
	struct packed_used u = packed_reap(p);
	EXPECT_EQ(u.id, id);
	EXPECT(!packed_has_used(p));
	return u.len;
}

void packed_wish(struct packed *p, uint16_t flags, uint16_t slots)
{
	uint16_t slot = p->used;
	bool wrap = p->used_wrap;
	step(p, &slot, &wrap, slots);
	p->driver->off_wrap = (uint16_t)(slot | wrap << 15);
	barrier();
	p->driver->flags = flags;
}

void packed_works(struct packed *p, struct blk *b, void *table, uint32_t seed)
{
	uint8_t *data = alloc(SECTOR_LEN);
	struct seg s[3] = {
		{b->header, sizeof(*b->header), false}, {data, SECTOR_LEN, false}, {b->status, 1, true}};
	for (unsigned read = 0; read < 2; read++) {
		if (read)
			memset(data, 0, SECTOR_LEN);
		else
			pattern_fill(data, SECTOR_LEN, seed);
		s[1].out = read;
		blk_begin(b, read ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT, seed % 64);
		uint32_t len =
			packed_run(p, table ? packed_add_indirect(p, table, s, 3) : packed_add(p, s, 3));
		EXPECT_EQ(*b->status, VIRTIO_BLK_S_OK);
		EXPECT_EQ(len, read ? SECTOR_LEN + 1 : 1);
	}
	pattern_expect(data, SECTOR_LEN, seed);
}
