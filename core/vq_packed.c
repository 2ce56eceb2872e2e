// SPDX-License-Identifier: BSD-2-Clause
/*
 * The packed virtqueue (virtio 1.4, 2.8): the only code that knows its layout.
 *
 *   descriptor ring          size x {addr u64, len u32, id u16, flags u16}, aligned to 16; any size
 *   driver event suppression {off_wrap u16, flags u16}, aligned to 4; the driver writes it
 *   device event suppression the same; we write it
 *
 * One ring holds what is available and what is used. A slot is available when its AVAIL bit equals the wrap
 * counter of the position that we are at and its USED bit does not; it is used when both equal it. A chain
 * takes as many slots as it has descriptors (an indirect one takes one), and its used entry stands in the
 * first of them: the position moves on by all of them, and the slots in between keep what was there (P07).
 *
 *   published .. next_used .. next_avail       at most size slots
 *     staged       in flight
 */
#include "vq_ring.h"

#define FLAGS_AT    14u /* offset of flags in a descriptor */
#define LEN_AT      8u  /* offset of len, which id and flags follow */
#define EVENT_POS   0u  /* offsets in an event suppression structure */
#define EVENT_FLAGS 2u
#define EVENT_LEN   4u
#define EVENT_MODE  3u /* the bits of its flags that are not reserved */
#define F_AVAIL     (1u << VRING_PACKED_DESC_F_AVAIL)
#define F_USED      (1u << VRING_PACKED_DESC_F_USED)

_Static_assert(sizeof(struct vring_packed_desc) == VMEM_DESC_LEN &&
		       offsetof(struct vring_packed_desc, flags) == FLAGS_AT,
	       "wire struct");

/* Both event areas are used whatever was negotiated: their flags always count. */
bool packed_fits(const struct vq *q, struct vmem *m)
{
	bool aligned =
		!(q->area[VQ_DESC].v & 15) && !(q->area[VQ_DRIVER].v & 3) && !(q->area[VQ_DEVICE].v & 3);
	return aligned && vmem_covers(m, q->area[VQ_DESC], 16ull * q->size) &&
	       vmem_covers(m, q->area[VQ_DRIVER], EVENT_LEN) && vmem_covers(m, q->area[VQ_DEVICE], EVENT_LEN);
}

static gpa_t slot_at(const struct vq *q, vq_pos p)
{
	return gpa_add(q->area[VQ_DESC], 16ull * pos_slot(p));
}

/* -- popping --------------------------------------------------------------------------------------------- */

static bool is_available(vq_pos p, uint16_t flags)
{
	return (flags & (F_AVAIL | F_USED)) == (p & VQ_POS_WRAP ? F_AVAIL : F_USED);
}

/* With acquire: what the driver stored before these flags is seen by every later load (drv.packed.sg.6: it
 * makes the first one of a list available last). */
static uint16_t poll_flags(const struct vq *q, struct vmem *m)
{
	uint16_t flags = 0;
	core_check(vmem_load16(m, VMEM_AVAIL_IDX, gpa_add(slot_at(q, q->next_avail), FLAGS_AT), &flags));
	return flags;
}

/*
 * All entries of a table are its chain, in their order. Of their flags only WRITE means anything, and their
 * id nothing: the rest is reserved and ignored, NEXT and INDIRECT too (2.8.7), so there is no way to nest or
 * to loop.
 */
static enum offence __attribute__((noinline))
take_table(const struct vq *q, struct vmem *m, gpa_t table, uint32_t len, struct vq_chain *c)
{
	struct walk w = walk_begin(c);
	struct vmem_desc d;
	enum offence bad = q->indirect ? walk_table(m, table, len) : OFFENCE_INDIRECT_FEATURE;
	for (uint32_t off = 0; !bad && off < len; off += VMEM_DESC_LEN) {
		/* covered by the check of the whole table */
		core_check(vmem_read_desc(m, VMEM_INDIRECT, gpa_add(table, off), &d, VMEM_DESC_LEN));
		bad = walk_buffer(&w, m, gpa(d.addr), d.len, d.half[1] & VRING_DESC_F_WRITE);
	}
	return bad ? bad : walk_end(&w);
}

/* A list in the ring. */
struct list {
	uint32_t room, ndesc; /* slots that it may have, and has */
	vq_pos at;
	uint16_t id;
};

/*
 * Walks a list whose first slot is d; each other one is copied out once. It ends at the last slot that is not
 * in use at the latest, so it never meets itself. The flags of every slot must say "available": what is left
 * there from the round before belongs to nobody (packed.desc.2). It has only direct descriptors
 * (drv.packed.indirect.4).
 */
static enum offence take_list(const struct vq *q, struct vmem *m, struct list *l, struct vmem_desc d,
			      struct vq_chain *c)
{
	struct walk w = walk_begin(c);
	vq_pos at = l->at;
	for (l->ndesc = 1;; l->ndesc++) {
		uint16_t flags = d.half[1];
		if (flags & VRING_DESC_F_INDIRECT)
			return OFFENCE_INDIRECT_LIST;
		enum offence bad = walk_buffer(&w, m, gpa(d.addr), d.len, flags & VRING_DESC_F_WRITE);
		if (bad)
			return bad;
		if (!(flags & VRING_DESC_F_NEXT))
			break;
		if (l->ndesc == l->room)
			return OFFENCE_RING_OVERRUN;
		at = packed_add(q, at, 1);
		core_check(vmem_read_desc(m, VMEM_DESC, slot_at(q, at), &d, VMEM_DESC_LEN));
		if (!is_available(at, d.half[1]))
			return OFFENCE_LIST_TORN;
	}
	l->id = d.half[0]; /* the last one's counts; others are reserved (2.8.6) */
	return walk_end(&w);
}

/*
 * Fills c from the slot whose flags were polled: they are not fetched again, the rest of it once. No more can
 * be in flight than the ring has, and slots that we have staged but not published are not the driver's yet.
 */
static enum offence take_chain(const struct vq *q, struct vmem *m, uint16_t flags, struct list *l,
			       struct vq_chain *c)
{
	struct vmem_desc d;
	if (l->room == 0)
		return OFFENCE_RING_OVERRUN;
	core_check(vmem_read_desc(m, VMEM_DESC, slot_at(q, l->at), &d, VMEM_DESC_BUT_FLAGS));
	d.half[1] = flags;
	l->id = d.half[0];
	if ((flags & (VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT)) == VRING_DESC_F_INDIRECT)
		return take_table(q, m, gpa(d.addr), d.len, c);
	return take_list(q, m, l, d, c);
}

/* P06: the id is the driver's to choose, but it indexes what we keep. */
static enum offence check_id(const struct vq *q, uint16_t id)
{
	if (id >= q->size)
		return OFFENCE_ID_RANGE;
	return q->live[id] ? OFFENCE_ID_IN_FLIGHT : OFFENCE_NONE;
}

enum vq_err packed_pop(struct vq *q, struct vmem *m, struct vq_chain *c)
{
	uint16_t flags = poll_flags(q, m);
	if (!is_available(q->next_avail, flags))
		return VQ_EMPTY;
	struct list l = {.room = q->size - packed_distance(q, q->published, q->next_avail),
			 .ndesc = 1,
			 .at = q->next_avail};
	q->offence = take_chain(q, m, flags, &l, c);
	if (!q->offence)
		q->offence = check_id(q, l.id);
	if (q->offence)
		return VQ_OFFENCE;
	q->next_avail = packed_add(q, l.at, (uint16_t)l.ndesc);
	c->ndesc = (uint16_t)l.ndesc;
	pop_chain(q, c, l.id, (uint16_t)l.ndesc);
	return VQ_OK;
}

/* -- completion ------------------------------------------------------------------------------------------ */

/*
 * The first entry's flags are kept back: the driver takes used entries strictly in order of slots, so it sees
 * none of the batch before it sees that one. WRITE tells that len means something.
 */
void packed_stage(struct vq *q, struct vmem *m, vq_pos at, uint16_t id, uint32_t written)
{
	struct {
		uint32_t len;
		uint16_t id, flags;
	} e = {written, id, 0};
	e.flags = (uint16_t)((at & VQ_POS_WRAP ? F_AVAIL | F_USED : 0) | (written ? VRING_DESC_F_WRITE : 0));
	gpa_t to = gpa_add(slot_at(q, at), LEN_AT);
	if (at == q->published) {
		q->used_flags = e.flags;
		core_check(vmem_write(m, VMEM_USED_ENTRY, to, &e, FLAGS_AT - LEN_AT));
	} else {
		core_check(vmem_write(m, VMEM_USED_ENTRY, to, &e, sizeof(e)));
	}
}

void packed_complete(struct vq *q, struct vmem *m, struct vq_tok tok, uint32_t written)
{
	packed_stage(q, m, q->next_used, tok.id, written);
	drop_chain(q, tok.id);
	q->next_used = packed_add(q, q->next_used, tok.ndesc);
}

/*
 * What the driver wants to hear of. Its flags are loaded before its position, which it stores first: the
 * position is at least as new as the flags that say to look at it. A position that no slot has, or a mode
 * that was not negotiated: better one interrupt too many.
 */
static bool wants_interrupt(const struct vq *q, struct vmem *m, vq_pos before)
{
	uint16_t flags = 0, event = 0;
	core_check(vmem_load16(m, VMEM_EVENT, gpa_add(q->area[VQ_DRIVER], EVENT_FLAGS), &flags));
	flags &= EVENT_MODE;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !q->event_idx)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	core_check(vmem_load16(m, VMEM_EVENT, gpa_add(q->area[VQ_DRIVER], EVENT_POS), &event));
	return pos_slot(event) >= q->size ||
	       packed_distance(q, before, event) < packed_distance(q, before, q->published);
}

/*
 * One store, with release, makes the whole batch visible: the flags of its first slot. The fence stands
 * between it and the load of what the driver wants to hear of: without it both sides may see each other's old
 * value, and both sleep (2.8.10).
 */
bool packed_publish(struct vq *q, struct vmem *m)
{
	vq_pos before = q->published;
	q->published = q->next_used;
	core_check(vmem_store16(m, VMEM_USED_IDX, gpa_add(slot_at(q, before), FLAGS_AT), q->used_flags));
	vmem_fence(m);
	return wants_interrupt(q, m, before);
}

/* -- kicks ----------------------------------------------------------------------------------------------- */

static void store_event(const struct vq *q, struct vmem *m, uint32_t off, uint16_t v)
{
	core_check(vmem_store16(m, VMEM_EVENT, gpa_add(q->area[VQ_DEVICE], off), v));
}

void packed_kicks_stop(struct vq *q, struct vmem *m)
{
	store_event(q, m, EVENT_FLAGS, VRING_PACKED_EVENT_FLAG_DISABLE);
}

bool packed_waiting(struct vq *q, struct vmem *m)
{
	return is_available(q->next_avail, poll_flags(q, m));
}

/* The position first: a driver that sees the flags must not go by one from before we ever stored any. */
bool packed_kicks_resume(struct vq *q, struct vmem *m)
{
	if (q->event_idx) {
		store_event(q, m, EVENT_POS, q->next_avail);
		store_event(q, m, EVENT_FLAGS, VRING_PACKED_EVENT_FLAG_DESC);
	} else if (q->kicks_off) {
		store_event(q, m, EVENT_FLAGS, VRING_PACKED_EVENT_FLAG_ENABLE);
	}
	vmem_fence(m);
	return packed_waiting(q, m);
}
