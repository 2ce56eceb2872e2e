// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the accesses of a device to a packed ring say (virtio 1.4, 2.8).
 *
 *   published .. stored .. taken       positions; at most size entries from the first to the last
 *     staged      in flight
 *
 * A used entry stands in the first slot of those that its chain had, and the next one as many slots further
 * on (P07); the driver sees it when its flags say so and it sees all before it.
 */
#include "oracle_int.h"

#define FLAGS_AT       14u /* offset of flags in a descriptor */
#define LEN_AT         8u  /* offset of len, which id and flags follow */
#define EVENT_LEN      4u  /* off_wrap, flags */
#define EVENT_MODE     3u
#define F_AVAIL        (1u << VRING_PACKED_DESC_F_AVAIL)
#define F_USED         (1u << VRING_PACKED_DESC_F_USED)
#define OFF_WRAP       (1u << VRING_PACKED_EVENT_F_WRAP_CTR)
#define ELEM_BUT_FLAGS 0x3fu /* bytes of an entry, from LEN_AT on */
#define ELEM_FLAGS     0xc0u

static void set_up(struct ring *r)
{
	r->round = 2u * r->size;
	r->len[VQ_DESC] = 16u * r->size;
	r->len[VQ_DRIVER] = r->len[VQ_DEVICE] = EVENT_LEN;
}

static uint16_t value16(const uint8_t *data)
{
	uint16_t v;
	memcpy(&v, data, sizeof(v));
	return v;
}

static uint16_t slot_of(const struct ring *r, ring_pos p)
{
	return p < r->size ? p : (uint16_t)(p - r->size);
}

static bool wrap_of(const struct ring *r, ring_pos p)
{
	return p < r->size; /* the wrap counter starts as 1 */
}

static bool is_available(const struct ring *r, ring_pos p, uint16_t flags)
{
	return (flags & (F_AVAIL | F_USED)) == (wrap_of(r, p) ? F_AVAIL : F_USED);
}

/* -- what is available ----------------------------------------------------------------------------------- */

static uint64_t watch(const struct ring *r)
{
	return r->at[VQ_DESC] + 16ull * slot_of(r, r->taken) + FLAGS_AT;
}

static bool waiting(const struct ring *r, uint16_t word)
{
	return is_available(r, r->taken, word);
}

static bool seen_waiting(const struct ring *r)
{
	return r->any_slot && r->slot == slot_of(r, r->taken) && waiting(r, r->seen);
}

/*
 * The device looks where it stands. Where that is the beginning of the chain that it took last, it had given
 * that back. (Of a chain that fills the ring both are the same slot: is_refill.)
 */
static void poll(const struct oracle *o, struct ring *r, uint16_t slot, uint16_t flags)
{
	const struct chain *c = r->latest;
	if (c && c->live && slot != slot_of(r, r->taken) &&
	    slot == slot_of(r, ring_add(r, r->taken, r->round - c->ndesc)))
		oracle_chain_unpop(r);
	r->any_slot = true;
	r->slot = slot;
	r->seen = flags;
	oracle_looks(o, r);
}

/* -- descriptors ----------------------------------------------------------------------------------------- */

/* The flags say that a chain which fills the ring is still there: it was given back in an earlier entry. */
static bool is_refill(const struct oracle *o, const struct ring *r, uint16_t flags)
{
	const struct chain *c = r->latest;
	return c && c->live && c->ndesc == r->size && r->slot_entry != o->entry &&
	       is_available(r, ring_add(r, r->taken, r->size), flags);
}

/* The descriptor is one of the chain that is being loaded. */
static bool is_walked(const struct walk *w, const struct ring *r, uint16_t slot)
{
	return w->chain && r->stamp[slot].chain == w->chain && r->stamp[slot].serial == w->chain->serial;
}

/*
 * A chain begins where the device stands, with a slot whose flags were polled or are loaded now; those that
 * are loaded last count. What is loaded from slots that are not available is nobody's business, as long as it
 * is not used.
 */
static bool begin(struct oracle *o, uint64_t a, uint32_t n, const uint8_t *data)
{
	struct ring *r = oracle_ring_at(o, VQ_DESC, a);
	uint32_t off = r ? (uint32_t)(a - r->at[VQ_DESC]) : 0;
	uint16_t slot = (uint16_t)(off / 16);
	if (!r || is_walked(&o->walk, r, slot))
		return false;
	if (off % 16 == FLAGS_AT && n == 2) {
		poll(o, r, slot, value16(data));
		return false;
	}
	bool polled = r->any_slot && r->slot == slot, all = off % 16 == 0 && n >= 16;
	if (slot != slot_of(r, r->taken))
		return false;
	if (polled && is_refill(o, r, r->seen))
		oracle_chain_unpop(r);
	r->unavailable = !all && !(polled && waiting(r, r->seen));
	if (r->unavailable)
		return false;
	if (o->nloose)
		oracle_loose_flush(o);
	oracle_chain_begin(o, r, slot, all ? 16 : FLAGS_AT);
	memcpy(o->walk.desc + FLAGS_AT, &r->seen, sizeof(r->seen));
	return true;
}

/* Of a slot whose flags were polled all but those; of a table's entry all but the id. */
static bool whole(const struct walk *w)
{
	uint16_t need = w->what == VMEM_INDIRECT ? 0xcfff : w->need == FLAGS_AT ? 0x3fff : 0xffff;
	return (w->mask & need) == need;
}

static void taken(struct oracle *o, struct chain *c)
{
	struct ring *r = &o->ring[c->queue];
	o->walk.chain = NULL;
	if (ring_distance(r, r->published, r->taken) + c->ndesc > r->size || !oracle_chain_taken(o, c))
		return; /* no room, or a bad id: the device has to refuse it */
	r->slot_entry = o->entry;
	r->taken = ring_add(r, r->taken, c->ndesc);
}

/* All entries of a table are its chain, in their order; of their flags only WRITE means anything (2.8.7). */
static void step_table(struct oracle *o, const struct vring_packed_desc *d)
{
	struct walk *w = &o->walk;
	oracle_chain_buffer(w->chain, d->addr, d->len, d->flags & VRING_DESC_F_WRITE);
	if (++w->index == w->entries)
		taken(o, w->chain);
}

/* The slots of a list must all be available; a table stands alone. What is otherwise the device has to
 * refuse. */
static void step_slot(struct oracle *o, const struct vring_packed_desc *d)
{
	struct walk *w = &o->walk;
	struct chain *c = w->chain;
	struct ring *r = &o->ring[c->queue];
	bool more = d->flags & VRING_DESC_F_NEXT, table = d->flags & VRING_DESC_F_INDIRECT;
	r->unavailable = !is_available(r, ring_add(r, r->taken, c->ndesc), d->flags);
	bool fits = !r->unavailable && (!table || (!more && !c->ndesc && d->len >= 16)) &&
		    (!more || c->ndesc + 1u < r->size);
	c->ndesc++;
	c->id = d->id;
	w->need = 16;
	if (!fits) {
		w->chain = NULL;
		return;
	}
	if (table) {
		oracle_chain_table(w, d->addr, d->len);
		return;
	}
	oracle_chain_buffer(c, d->addr, d->len, d->flags & VRING_DESC_F_WRITE);
	w->index = w->index + 1 == r->size ? 0 : w->index + 1;
	if (!more)
		taken(o, c);
}

static void step(struct oracle *o)
{
	struct vring_packed_desc d;
	memcpy(&d, o->walk.desc, sizeof(d));
	if (o->walk.what == VMEM_INDIRECT)
		step_table(o, &d);
	else
		step_slot(o, &d);
}

/* -- the driver's wish ----------------------------------------------------------------------------------- */

/* The used entry at the position off_wrap was made visible since the wish was loaded last. */
static bool was_reached(const struct ring *r, uint16_t off_wrap)
{
	uint16_t slot = off_wrap & (OFF_WRAP - 1);
	ring_pos p = (ring_pos)(off_wrap & OFF_WRAP ? slot : slot + r->size);
	return slot < r->size && ring_distance(r, r->asked, p) < ring_distance(r, r->asked, r->published);
}

/* A position that no slot has, a mode that was not negotiated or that does not exist: the driver's own fault.
 */
static void load_wish(const struct oracle *o, struct ring *r, uint32_t off, uint32_t n, const uint8_t *data)
{
	if (!oracle_wish_counts(o, r) || n > EVENT_LEN - off)
		return;
	memcpy(r->wish + off, data, n);
	r->wish_loaded |= (uint8_t)(((1u << n) - 1) << off);
	if ((r->wish_loaded & 0xc) != 0xc)
		return;
	uint16_t mode = value16(r->wish + 2) & EVENT_MODE;
	if (mode != VRING_PACKED_EVENT_FLAG_DESC || !o->event_idx)
		oracle_wish(r, mode == VRING_PACKED_EVENT_FLAG_ENABLE,
			    mode == VRING_PACKED_EVENT_FLAG_DISABLE);
	else if (r->wish_loaded == 0xf)
		oracle_wish(r, was_reached(r, value16(r->wish)), false);
}

static void load(struct oracle *o, enum vmem_for what, uint64_t a, uint32_t n, const uint8_t *data)
{
	struct ring *r = oracle_ring_at(o, what == VMEM_EVENT ? VQ_DRIVER : VQ_DESC, a);
	if (!r)
		oracle_no_ring(o, "a descriptor or the driver's events are loaded", a);
	else if (what == VMEM_EVENT)
		load_wish(o, r, (uint32_t)(a - r->at[VQ_DRIVER]), n, data);
	else if (n == 2 && (a - r->at[VQ_DESC]) % 16 == FLAGS_AT)
		poll(o, r, (uint16_t)((a - r->at[VQ_DESC]) / 16), value16(data));
}

/* -- used entries ---------------------------------------------------------------------------------------- */

/* All entries in a row that are there, from the first one that the driver does not see, become visible. */
static void show(struct oracle *o, struct ring *r)
{
	ring_pos p = r->published;
	while (p != r->stored) {
		struct staged *e = &r->staged[slot_of(r, p)];
		if (!e->span || !e->flags)
			break;
		p = ring_add(r, p, e->span);
		e->span = 0;
	}
	if (p != r->published)
		oracle_publish(o, r, p);
}

/* WRITE tells that something was written, so that len means something. */
static void judge_flags(struct oracle *o, const struct ring *r, const struct staged *e, uint16_t flags)
{
	uint16_t used = F_AVAIL | F_USED, want = wrap_of(r, e->pos) ? used : 0;
	if ((flags & used) != want)
		oracle_cry(o, ORACLE_USED_RING, "",
			   "queue %u: used entry %u has flags 0x%x, which say 'used' in another round",
			   ring_number(o, r), slot_of(r, e->pos), flags);
	else if (e->len && !(flags & VRING_DESC_F_WRITE))
		oracle_cry(
			o, ORACLE_USED_RING, "",
			"queue %u: used entry %u has used.len %u, which means nothing without the WRITE flag",
			ring_number(o, r), slot_of(r, e->pos), e->len);
	else if (e->blank && flags & VRING_DESC_F_WRITE)
		oracle_cry(
			o, ORACLE_USED_RING, "",
			"queue %u: used entry %u has the WRITE flag, but its chain has nothing to write to",
			ring_number(o, r), slot_of(r, e->pos));
}

/* The entry at `stored` has its id and length, and perhaps its flags. */
static void stage(struct oracle *o, struct ring *r)
{
	struct staged *e = &r->staged[slot_of(r, r->stored)];
	uint16_t id = value16(r->elem + 4);
	e->pos = r->stored;
	e->flags = (r->elem_mask & ELEM_FLAGS) == ELEM_FLAGS;
	memcpy(&e->len, r->elem, sizeof(e->len));
	r->elem_mask = 0;
	e->blank = oracle_owns(r, id) && !r->chain[id]->unsure && !r->chain[id]->write_len;
	if (e->flags)
		judge_flags(o, r, e, value16(r->elem + 6));
	e->span = oracle_used(o, r, id, e->len);
	r->stored = ring_add(r, r->stored, e->span);
	show(o, r);
}

/*
 * Some of the entry at `stored`; the address is nobody's any more. Of the entry that the driver waits for the
 * flags come last and by themselves: it may look between any two bytes.
 */
static void assemble(struct oracle *o, struct ring *r, uint32_t off, uint32_t n, const uint8_t *data)
{
	uint32_t skip = off < LEN_AT ? LEN_AT - off : 0;
	if (n <= skip)
		return;
	off = off + skip - LEN_AT;
	n -= skip;
	uint32_t bits = ((1u << n) - 1) << off;
	if (bits & ELEM_FLAGS && r->stored == r->published)
		oracle_cry(
			o, ORACLE_USED_RING, "",
			"queue %u: the flags of used entry %u are stored before its id and length are there",
			ring_number(o, r), slot_of(r, r->stored));
	memcpy(r->elem + off, data + skip, n);
	r->elem_mask |= (uint8_t)bits;
	if ((r->elem_mask & ELEM_BUT_FLAGS) == ELEM_BUT_FLAGS)
		stage(o, r);
}

/* Its flags are to follow, once. */
static void restage(struct oracle *o, struct ring *r, struct staged *e, uint32_t off, uint32_t n,
		    const uint8_t *data)
{
	bool flags = off == FLAGS_AT && n == 2;
	if (e->flags || !flags) {
		oracle_cry(o, ORACLE_USED_RING, e->flags ? "packed.desc.3" : "",
			   "queue %u: used entry %u is changed after it was stored", ring_number(o, r),
			   slot_of(r, e->pos));
		return;
	}
	e->flags = true;
	judge_flags(o, r, e, value16(data));
	show(o, r);
}

static void store_slot(struct oracle *o, struct ring *r, uint64_t a, uint32_t n, const uint8_t *data)
{
	uint32_t at = (uint32_t)(a - r->at[VQ_DESC]), first = slot_of(r, r->published), slot = at / 16;
	uint32_t rel = slot >= first ? slot - first : slot + r->size - first;
	uint32_t nstaged = ring_distance(r, r->published, r->stored);
	struct staged *e = &r->staged[slot];
	if (rel < nstaged && e->span)
		restage(o, r, e, at % 16, n, data);
	else if (rel == nstaged)
		assemble(o, r, at % 16, n, data);
	else if (rel < ring_distance(r, r->published, r->taken))
		oracle_cry(o, ORACLE_USED_RING, "",
			   "queue %u: a used entry is stored in slot %u, but the next one is slot %u",
			   ring_number(o, r), slot, slot_of(r, r->stored));
	else
		oracle_cry(o, ORACLE_OWNERSHIP, "packed.desc.3",
			   "queue %u: %u bytes are stored in slot %u, which is the driver's",
			   ring_number(o, r), n, slot);
}

static void store_slots(struct oracle *o, uint64_t a, uint32_t n, const uint8_t *data)
{
	while (n) {
		struct ring *r = oracle_ring_at(o, VQ_DESC, a);
		uint32_t left = r ? 16 - (uint32_t)(a - r->at[VQ_DESC]) % 16 : n, part = n < left ? n : left;
		if (r)
			store_slot(o, r, a, part, data);
		else
			oracle_no_ring(o, "a used entry is stored", a);
		a += part;
		data += part;
		n -= part;
	}
}

/* -- the device's events: always its own, whatever was negotiated ---------------------------------------- */

static void store_position(struct oracle *o, struct ring *r, uint16_t off_wrap)
{
	uint16_t slot = off_wrap & (OFF_WRAP - 1);
	if (slot >= r->size)
		oracle_cry(o, ORACLE_USED_RING, "",
			   "queue %u: kicks are asked for at slot %u of a ring with %u", ring_number(o, r),
			   slot, r->size);
	r->kick_at = (ring_pos)(slot % r->size + (off_wrap & OFF_WRAP ? 0u : r->size));
}

static void store_mode(struct oracle *o, struct ring *r, uint16_t mode)
{
	bool desc = mode == VRING_PACKED_EVENT_FLAG_DESC;
	if (mode > VRING_PACKED_EVENT_FLAG_DESC || (desc && !o->event_idx))
		oracle_cry(o, ORACLE_USED_RING, "", "queue %u: the device's event flags are set to 0x%x",
			   ring_number(o, r), mode);
	if (desc)
		r->kicks = KICKS_AT;
	else
		r->kicks = mode == VRING_PACKED_EVENT_FLAG_ENABLE ? KICKS_ALWAYS : KICKS_NEVER;
}

static void store_event(struct oracle *o, uint64_t a, uint32_t n, const uint8_t *data)
{
	struct ring *r = oracle_ring_at(o, VQ_DEVICE, a);
	uint32_t off = r ? (uint32_t)(a - r->at[VQ_DEVICE]) : 0;
	if (!r) {
		oracle_no_ring(o, "the device's events are stored", a);
		return;
	}
	if ((off | n) & 1 || n > EVENT_LEN - off) {
		oracle_cry(o, ORACLE_OWNERSHIP, "", "queue %u: %u bytes are stored at %u of its events",
			   ring_number(o, r), n, off);
		return;
	}
	if (off == 0)
		store_position(o, r, value16(data));
	if (off + n == EVENT_LEN)
		store_mode(o, r, value16(data + 2 - off));
	oracle_kicks(o, r);
}

static void store(struct oracle *o, enum vmem_for what, uint64_t a, uint32_t n, const uint8_t *data)
{
	if (what == VMEM_EVENT)
		store_event(o, a, n, data);
	else
		store_slots(o, a, n, data);
}

const struct layout oracle_packed = {
	set_up, load, store, begin, whole, step, watch, waiting, seen_waiting,
};
