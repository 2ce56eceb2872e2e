// SPDX-License-Identifier: BSD-2-Clause
/* What the accesses of a device to a split ring say (virtio 1.4, 2.7). */
#include "oracle_int.h"

#define RING_IDX  2u /* offset of idx in both rings */
#define RING_BASE 4u /* offset of ring[] in both rings */

static void set_up(struct ring *r)
{
	r->round = 0x10000;
	r->len[VQ_DESC] = 16u * r->size;
	r->len[VQ_DRIVER] = RING_BASE + 2u * r->size + 2;
	r->len[VQ_DEVICE] = RING_BASE + 8u * r->size + 2;
}

static uint16_t value16(const uint8_t *data)
{
	uint16_t v;
	memcpy(&v, data, sizeof(v));
	return v;
}

/* -- the available ring ---------------------------------------------------------------------------------- */

/*
 * The chain that was taken last lives, and its entry is loaded again in a later entry into the device. In a
 * ring of one entry the next chain has the same; there the index tells whether there is a next one.
 */
static bool given_back(const struct oracle *o, const struct ring *r)
{
	return r->slot_entry != o->entry && r->latest && r->latest->live &&
	       (r->size > 1 || r->seen == r->taken);
}

/*
 * The same entry again: in one entry into the device that is a double fetch; later, the device had given the
 * chain back.
 */
static void load_again(struct oracle *o, struct ring *r)
{
	if (given_back(o, r)) {
		oracle_chain_unpop(r);
		return;
	}
	if (r->slot_entry == o->entry)
		oracle_cry(o, ORACLE_FETCH_ONCE, "", "queue %u: available entry %u is loaded twice",
			   ring_number(o, r), r->slot);
	else
		oracle_cry(o, ORACLE_USED_RING, "",
			   "queue %u: available entry %u is taken again after it was used", ring_number(o, r),
			   r->slot);
	r->taken = ring_add(r, r->taken, r->round - 1);
}

/* The device has the chain as soon as its head is known: what follows are its descriptors. */
static void load_slot(struct oracle *o, struct ring *r, uint32_t off, uint16_t head)
{
	uint16_t slot = (uint16_t)((off - RING_BASE) / 2);
	if (o->nloose)
		oracle_loose_flush(o);
	if (r->any_slot && slot == r->slot && (r->size > 1 || given_back(o, r)))
		load_again(o, r);
	r->taken = ring_add(r, r->taken, 1);
	r->any_slot = true;
	r->slot = slot;
	r->slot_entry = o->entry;
	struct chain *c = oracle_chain_begin(o, r, head, 16);
	c->id = head;
	c->ndesc = 1;
	if (!oracle_chain_taken(o, c))
		o->walk.chain = NULL;
}

/* The driver's wish, as the device saw it, decides whether it must notify. */
static void load_wish(const struct oracle *o, struct ring *r, uint32_t off, uint16_t v)
{
	if (!oracle_wish_counts(o, r))
		return;
	if (o->event_idx && off == RING_BASE + 2u * r->size)
		oracle_wish(r, vring_need_event(v, r->published, r->asked), false);
	else if (!o->event_idx && off == 0)
		oracle_wish(r, !(v & VRING_AVAIL_F_NO_INTERRUPT), true);
}

static void load(struct oracle *o, enum vmem_for what, uint64_t a, uint32_t n, const uint8_t *data)
{
	struct ring *r = oracle_ring_at(o, VQ_DRIVER, a);
	uint32_t off = r ? (uint32_t)(a - r->at[VQ_DRIVER]) : 0;
	if (!r) {
		oracle_no_ring(o, "the available ring is loaded", a);
	} else if (n != 2) {
		return; /* in parts, or all of it: nothing that we follow */
	} else if (what == VMEM_AVAIL_ENTRY) {
		if (off >= RING_BASE && off < RING_BASE + 2u * r->size)
			load_slot(o, r, off, value16(data));
	} else if (what == VMEM_EVENT) {
		load_wish(o, r, off, value16(data));
	} else if (off == RING_IDX) {
		r->seen = value16(data);
		oracle_looks(o, r);
	}
}

/* -- descriptors ----------------------------------------------------------------------------------------- */

static bool begin(struct oracle *o, uint64_t a, uint32_t n, const uint8_t *data)
{
	(void)o;
	(void)a;
	(void)n;
	(void)data;
	return false; /* with an available entry, not with a descriptor */
}

#define DESC_FIXED 0x3fffu /* address, length and flags; `next` counts only where NEXT is set */

static bool whole(const struct walk *w)
{
	struct vring_desc d;
	memcpy(&d, w->desc, sizeof(d));
	return (w->mask & DESC_FIXED) == DESC_FIXED && (w->mask == 0xffff || !(d.flags & VRING_DESC_F_NEXT));
}

static void step(struct oracle *o)
{
	struct walk *w = &o->walk;
	struct vring_desc d;
	bool more = true;
	memcpy(&d, w->desc, sizeof(d));
	if (!(d.flags & VRING_DESC_F_INDIRECT)) {
		oracle_chain_buffer(w->chain, d.addr, d.len, d.flags & VRING_DESC_F_WRITE);
		w->index = d.next;
		more = d.flags & VRING_DESC_F_NEXT;
	} else if (w->what == VMEM_DESC) {
		oracle_chain_table(w, d.addr, d.len);
	} else {
		more = false;
	}
	if (!more || w->index >= w->entries)
		w->chain = NULL;
}

/* -- the used ring --------------------------------------------------------------------------------------- */

static void store_entry(struct oracle *o, struct ring *r, uint32_t off, uint32_t n, const uint8_t *data)
{
	uint32_t slot = (off - RING_BASE) / 8, byte = (off - RING_BASE) % 8,
		 want = r->stored & (r->size - 1u);
	uint32_t elem[2];
	if (slot != want)
		oracle_cry(o, ORACLE_USED_RING, "",
			   "queue %u: used element %u is stored, but the next one is %u", ring_number(o, r),
			   slot, want);
	memcpy(r->elem + byte, data, n);
	r->elem_mask |= (uint8_t)(((1u << n) - 1) << byte);
	if (r->elem_mask != 0xff)
		return;
	r->elem_mask = 0;
	memcpy(elem, r->elem, sizeof(elem));
	r->stored = ring_add(r, r->stored, oracle_used(o, r, elem[0], elem[1]));
}

static void store_index(struct oracle *o, struct ring *r, uint16_t v)
{
	if (ring_distance(r, r->published, v) > ring_distance(r, r->published, r->stored))
		oracle_cry(o, ORACLE_USED_RING, "split.used.1",
			   "queue %u: used index %u is published, but the elements end at %u",
			   ring_number(o, r), v, r->stored);
	oracle_publish(o, r, v);
}

/* With event indices the flags stay 0. */
static void store_flags(struct oracle *o, struct ring *r, uint16_t v)
{
	if (v > !o->event_idx)
		oracle_cry(o, ORACLE_USED_RING, o->event_idx ? "split.availnotif.3" : "split.availnotif.1",
			   "queue %u: used ring flags are set to 0x%x", ring_number(o, r), v);
	if (o->event_idx)
		return;
	r->kicks = v & VRING_USED_F_NO_NOTIFY ? KICKS_NEVER : KICKS_ALWAYS;
	oracle_kicks(o, r);
}

static void store_event(struct oracle *o, struct ring *r, uint16_t v)
{
	r->kicks = KICKS_AT;
	r->kick_at = v;
	oracle_kicks(o, r);
}

/* Where the driver gave no room: avail_event without EVENT_IDX, for one (P11: SeaBIOS keeps its own data
 * there). */
static void store_elsewhere(struct oracle *o, uint64_t a, uint32_t n)
{
	oracle_cry(o, ORACLE_OWNERSHIP, oracle_any_ready(o) ? "" : "mmio.7",
		   "%u bytes of a used ring are stored at 0x%llx, which is not their place in any", n,
		   (unsigned long long)a);
}

static void store(struct oracle *o, enum vmem_for what, uint64_t a, uint32_t n, const uint8_t *data)
{
	struct ring *r = oracle_ring_at(o, VQ_DEVICE, a);
	uint32_t off = r ? (uint32_t)(a - r->at[VQ_DEVICE]) : 0, end = r ? RING_BASE + 8u * r->size : 0;
	bool elem = off >= RING_BASE && off < end && n <= 8 - (off - RING_BASE) % 8;
	if (what == VMEM_USED_ENTRY && r && elem)
		store_entry(o, r, off, n, data);
	else if (what == VMEM_USED_IDX && r && off == RING_IDX && n == 2)
		store_index(o, r, value16(data));
	else if (what == VMEM_EVENT && r && off == 0 && n == 2)
		store_flags(o, r, value16(data));
	else if (what == VMEM_EVENT && r && off == end && n == 2 && o->event_idx)
		store_event(o, r, value16(data));
	else
		store_elsewhere(o, a, n);
}

/* -- what is available ----------------------------------------------------------------------------------- */

static uint64_t watch(const struct ring *r)
{
	return r->at[VQ_DRIVER] + RING_IDX;
}

static bool waiting(const struct ring *r, uint16_t word)
{
	return word != r->taken;
}

/* What was given back right now is not left there: the device wants more than that. */
static bool seen_waiting(const struct ring *r)
{
	uint16_t back = r->any_slot ? 0 : (uint16_t)(r->reach - r->taken); /* so many went back to the ring */
	return (uint16_t)(r->seen - r->taken) > back;
}

const struct layout oracle_split = {
	set_up, load, store, begin, whole, step, watch, waiting, seen_waiting,
};
