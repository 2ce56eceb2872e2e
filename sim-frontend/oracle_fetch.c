// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the device loads: follows the device's walk along the rings, so that the other oracles know which
 * chains it took and what they read like, and tells where it loads something for the second time: between two
 * loads the driver may write.
 */
#include <linux/virtio_ring.h>

#include "oracle_int.h"

/* -- chains
 * -------------------------------------------------------------------------------------------------------- */

static void begin(struct oracle *o, struct ring *r, uint16_t queue, uint16_t head)
{
	r->latest = o->newest = o->walk.chain = NULL;
	if (head >= r->size || oracle_owns(r, head))
		return; /* the device has to refuse these */
	struct chain *c = &r->chain[head];
	c->serial = ++o->serial;
	c->queue = queue;
	c->head = head;
	c->unsure = false;
	c->status = -1;
	c->nread = c->nwrite = c->ngaps = c->hint = 0;
	c->read_len = c->write_len = c->prefix = 0;
	memset(c->header, 0, sizeof(c->header));
	oracle_own(r, head, true);
	r->latest = o->newest = o->walk.chain = c;
	o->walk.what = VMEM_DESC;
	o->walk.table = r->desc;
	o->walk.index = head;
	o->walk.entries = r->size;
	o->walk.mask = 0;
}

/*
 * The same entry again: in one entry into the device that is a double fetch; later, the device had given the
 * chain back. In a ring of one entry every chain is in the same slot.
 */
static void again(struct oracle *o, struct ring *r, uint16_t queue)
{
	if (r->slot_entry == o->entry)
		oracle_cry(o, ORACLE_FETCH_ONCE, "", "queue %u: available entry %u is loaded twice", queue,
			   r->slot);
	else if (r->latest && oracle_lives(o, r->latest, r->latest->serial))
		oracle_own(r, r->latest->head, false);
	else
		oracle_cry(o, ORACLE_USED_RING, "",
			   "queue %u: available entry %u is taken again after it was used", queue, r->slot);
}

static void load_slot(struct oracle *o, uint64_t a, uint32_t n, const uint8_t *data)
{
	for (uint16_t i = 0; i < o->config.nqueues; i++) {
		struct ring *r = &o->ring[i];
		uint64_t off = a - r->driver - 4;
		uint16_t head;
		if (!r->ready || off >= 2ull * r->size || n != 2)
			continue;
		uint16_t slot = (uint16_t)(off / 2);
		oracle_loose_flush(o);
		if (r->any_slot && slot == r->slot && r->size > 1)
			again(o, r, i);
		else
			r->taken++;
		r->any_slot = true;
		r->slot = slot;
		r->slot_entry = o->entry;
		memcpy(&head, data, 2);
		begin(o, r, i, head);
		return;
	}
}

/* -- descriptors
 * --------------------------------------------------------------------------------------------------- */

static void add_segment(struct chain *c, const struct vring_desc *d)
{
	bool writable = d->flags & VRING_DESC_F_WRITE;
	unsigned i = c->nread + c->nwrite;
	uint32_t *len = writable ? &c->write_len : &c->read_len;
	if (i == SEGS_MAX || (!writable && c->nwrite) || *len + d->len < d->len) {
		c->unsure = true; /* too many, out of order, 4 GiB: the device has to refuse it */
		return;
	}
	c->seg[i].addr = d->addr;
	c->seg[i].len = d->len;
	c->seg[i].at = *len;
	*len += d->len;
	if (writable)
		c->nwrite++;
	else
		c->nread++;
}

static void enter_table(struct walk *w, const struct vring_desc *d)
{
	w->what = VMEM_INDIRECT;
	w->table = w->indirect = d->addr;
	w->entries = d->len / 16;
	w->indirect_len = d->len;
	w->indirect_serial = w->chain->serial;
	w->index = 0;
}

/* A whole descriptor was loaded: where does the chain go on? */
static void step(struct oracle *o, const struct vring_desc *d)
{
	struct walk *w = &o->walk;
	struct chain *c = w->chain;
	bool more = true;
	w->mask = 0;
	if (w->what == VMEM_DESC)
		o->ring[c->queue].stamp[w->index] = (struct stamp){c->serial, c->head};
	else if (w->index < TABLE_MAX)
		o->table_stamp[w->index] = c->serial;
	if (!(d->flags & VRING_DESC_F_INDIRECT)) {
		add_segment(c, d);
		w->index = d->next;
		more = d->flags & VRING_DESC_F_NEXT;
	} else if (w->what == VMEM_DESC) {
		enter_table(w, d);
	} else {
		more = false;
	}
	if (!more || w->index >= w->entries)
		w->chain = NULL;
}

/* A descriptor is loaded that is not the next of the chain: prefetching is no offence, fetching again is. */
static void load_elsewhere(struct oracle *o, enum vmem_for what, uint64_t a)
{
	const struct walk *w = &o->walk;
	if (what == VMEM_INDIRECT) {
		uint64_t i = (a - w->indirect) / 16;
		if (w->indirect_serial && i < w->indirect_len / 16 && i < TABLE_MAX &&
		    o->table_stamp[i] == w->indirect_serial)
			oracle_cry(o, ORACLE_FETCH_ONCE, "",
				   "entry %llu of an indirect table is loaded twice", (unsigned long long)i);
		return;
	}
	for (uint16_t q = 0; q < o->config.nqueues; q++) {
		const struct ring *r = &o->ring[q];
		uint64_t i = (a - r->desc) / 16;
		if (!r->ready || a < r->desc || i >= r->size || !r->stamp[i].serial)
			continue;
		if (oracle_lives(o, &r->chain[r->stamp[i].head], r->stamp[i].serial))
			oracle_cry(o, ORACLE_FETCH_ONCE, "",
				   "queue %u: descriptor %llu is loaded twice for the same chain", q,
				   (unsigned long long)i);
		return;
	}
}

#define DESC_FIXED 0x3fffu /* address, length and flags; `next` counts only where NEXT is set */

/* Puts together what is loaded in parts. */
static void load_part(struct oracle *o, uint32_t off, uint32_t n, const uint8_t *data)
{
	struct walk *w = &o->walk;
	uint32_t bits = ((1u << n) - 1) << off;
	struct vring_desc d;
	if (w->mask & bits)
		oracle_cry(o, ORACLE_FETCH_ONCE, "", "descriptor %u: a field is loaded twice", w->index);
	memcpy(w->desc + off, data, n);
	w->mask |= (uint16_t)bits;
	memcpy(&d, w->desc, sizeof(d));
	if ((w->mask & DESC_FIXED) == DESC_FIXED && (w->mask == 0xffff || !(d.flags & VRING_DESC_F_NEXT)))
		step(o, &d);
}

/* Field by field, one descriptor or several at a time: all are ways to load a table. */
static void load_desc(struct oracle *o, enum vmem_for what, uint64_t a, uint32_t n, const uint8_t *data)
{
	struct walk *w = &o->walk;
	while (n) {
		uint64_t at = w->table + 16ull * w->index;
		bool expected = w->chain && w->what == what && a - at < 16;
		uint32_t off = expected ? (uint32_t)(a - at) : 0, part = n < 16 - off ? n : 16 - off;
		struct vring_desc d;
		if (!expected) {
			load_elsewhere(o, what, a);
		} else if (part == 16 && !w->mask) {
			memcpy(&d, data, sizeof(d));
			step(o, &d);
		} else {
			load_part(o, off, part, data);
		}
		a += part;
		data += part;
		n -= part;
	}
}

/* -- headers
 * ------------------------------------------------------------------------------------------------------- */

/* Marks n header bytes from `at` on; false: some were loaded before. */
static bool mark_header(struct chain *c, uint32_t at, uint32_t n)
{
	bool fresh = true;
	while (n && at < HEADER_MAX) {
		uint32_t bit = at % 64, part = n < 64 - bit ? n : 64 - bit;
		uint64_t bits = (part == 64 ? UINT64_MAX : (1ull << part) - 1) << bit;
		fresh &= !(c->header[at / 64] & bits);
		c->header[at / 64] |= bits;
		at += part;
		n -= part;
	}
	return fresh;
}

/* Where segments overlap, each may be loaded once: look for a place that was not. Begins at the segment of
 * the last load. */
static bool load_header_of(struct chain *c, uint64_t a, uint32_t n)
{
	bool found = false;
	for (unsigned k = 0, i = c->hint < c->nread ? c->hint : 0; k < c->nread;
	     k++, i = i + 1u == c->nread ? 0 : i + 1u) {
		uint64_t off = a - c->seg[i].addr;
		if (off >= c->seg[i].len || n > c->seg[i].len - off)
			continue;
		found = true;
		if (mark_header(c, c->seg[i].at + (uint32_t)off, n)) {
			c->hint = (uint16_t)i;
			return true;
		}
	}
	return !found;
}

/* Headers are loaded right after the chain was taken, or are not judged. */
static void load_header(struct oracle *o, uint64_t a, uint32_t n)
{
	struct chain *c = o->newest;
	if (c && !c->unsure && !load_header_of(c, a, n))
		oracle_cry(o, ORACLE_FETCH_ONCE, "", "queue %u: %u header bytes at 0x%llx are loaded twice",
			   c->queue, n, (unsigned long long)a);
}

static void count_step(struct oracle *o)
{
	if (++o->steps <= o->steps_max || o->worked)
		return;
	o->worked = true;
	oracle_cry(o, ORACLE_WORK, "", "more than %llu accesses to memory in one go",
		   (unsigned long long)o->steps_max);
}

void oracle_load(struct oracle *o, enum vmem_for what, gpa_t a, uint32_t n, const void *data)
{
	count_step(o);
	if (!oracle_judges(o))
		return;
	if (what == VMEM_AVAIL_ENTRY)
		load_slot(o, a.v, n, data);
	else if (what == VMEM_DESC || what == VMEM_INDIRECT)
		load_desc(o, what, a.v, n, data);
	else if (what == VMEM_HEADER)
		load_header(o, a.v, n);
	else if (what == VMEM_EVENT)
		oracle_event_load(o, a.v, data);
}

void oracle_store(struct oracle *o, enum vmem_for what, gpa_t a, uint32_t n, const void *data)
{
	count_step(o);
	if (!oracle_judges(o))
		return;
	if (what == VMEM_USED_ENTRY)
		oracle_used_entry(o, a.v, n, data);
	else if (what == VMEM_USED_IDX)
		oracle_used_index(o, a.v, n, data);
	else if (what == VMEM_EVENT)
		oracle_event_store(o, a.v, n, data);
	else
		oracle_loose_store(o, what, a.v, n, data);
}
