// SPDX-License-Identifier: BSD-2-Clause
/*
 * The split virtqueue (virtio 1.4, 2.7): the only code that knows its layout.
 *
 *   descriptor table   size x 16 bytes, aligned to 16
 *   available ring     flags u16, idx u16, ring[size] u16, used_event u16; aligned to 2
 *   used ring          flags u16, idx u16, ring[size] {id u32, len u32}, avail_event u16; aligned to 4
 */
#include "vq_ring.h"

_Static_assert(sizeof(struct vring_desc) == 16 && sizeof(struct vring_used_elem) == 8, "wire structs");

#define RING_IDX  2u /* offset of idx in both rings */
#define RING_BASE 4u /* offset of ring[] in both rings */

static gpa_t used_event_at(const struct vq *q)
{
	return gpa_add(q->area[VQ_DRIVER], RING_BASE + 2u * q->size);
}

static gpa_t avail_event_at(const struct vq *q)
{
	return gpa_add(q->area[VQ_DEVICE], RING_BASE + 8u * q->size);
}

/*
 * A driver need not reserve room for the event fields where EVENT_IDX is not negotiated (SeaBIOS keeps its
 * own data there), so the ranges that must be memory depend on it.
 */
bool split_fits(const struct vq *q, struct vmem *m, bool event_idx)
{
	uint64_t event = event_idx ? 2 : 0;
	bool aligned =
		!(q->area[VQ_DESC].v & 15) && !(q->area[VQ_DRIVER].v & 1) && !(q->area[VQ_DEVICE].v & 3);
	return !(q->size & (q->size - 1)) && aligned && vmem_covers(m, q->area[VQ_DESC], 16ull * q->size) &&
	       vmem_covers(m, q->area[VQ_DRIVER], RING_BASE + 2ull * q->size + event) &&
	       vmem_covers(m, q->area[VQ_DEVICE], RING_BASE + 8ull * q->size + event);
}

/* Where the walk over one chain is. The table is the ring's own, or an indirect one; left counts its entries
 * not yet visited. */
struct place {
	gpa_t table;
	uint32_t entries, left;
	uint16_t index, direct; /* direct: entries of the ring's table that lead to an indirect one */
	enum vmem_for what;
};

/* Goes on in the indirect table that d names; the write-only flag of d means nothing (2.7.5.3.2). */
static enum offence enter_table(struct place *p, const struct vq *q, struct vmem *m,
				const struct vring_desc *d)
{
	if (!q->indirect)
		return OFFENCE_INDIRECT_FEATURE;
	if (p->what == VMEM_INDIRECT)
		return OFFENCE_INDIRECT_NESTED;
	if (d->flags & VRING_DESC_F_NEXT)
		return OFFENCE_INDIRECT_NEXT;
	enum offence bad = walk_table(m, gpa(d->addr), d->len);
	if (bad)
		return bad;
	p->direct = (uint16_t)(q->size - p->left);
	p->table = gpa(d->addr);
	p->entries = p->left = d->len / VMEM_DESC_LEN;
	p->index = 0;
	p->what = VMEM_INDIRECT;
	return OFFENCE_NONE;
}

/*
 * Each step visits one descriptor, copied out once. `left` bounds the steps: a cyclic chain runs out of
 * entries, in a direct and in an indirect table alike, whatever its lengths are.
 */
static enum offence walk_chain(struct walk *w, struct place *p, const struct vq *q, struct vmem *m)
{
	enum offence bad;
	for (;;) {
		struct vmem_desc raw;
		if (p->index >= p->entries)
			return OFFENCE_NEXT_RANGE;
		if (p->left-- == 0)
			return OFFENCE_CHAIN_LOOP;
		gpa_t at = gpa_add(p->table, 16ull * p->index); /* covered when the walk entered the table */
		core_check(vmem_read_desc(m, p->what, at, &raw, VMEM_DESC_LEN));
		struct vring_desc d = {raw.addr, raw.len, raw.half[0], raw.half[1]};
		if (d.flags & VRING_DESC_F_INDIRECT) {
			bad = enter_table(p, q, m, &d);
		} else {
			bad = walk_buffer(w, m, gpa(d.addr), d.len, d.flags & VRING_DESC_F_WRITE);
			if (!bad && !(d.flags & VRING_DESC_F_NEXT))
				return OFFENCE_NONE;
			p->index = d.next;
		}
		if (bad)
			return bad;
	}
}

/* Fills c from the chain that starts at head. */
static enum offence take_chain(const struct vq *q, struct vmem *m, uint16_t head, struct vq_chain *c)
{
	struct walk w = walk_begin(c);
	struct place p = {q->area[VQ_DESC], q->size, q->size, head, 0, VMEM_DESC};
	if (head >= q->size)
		return OFFENCE_HEAD_RANGE;
	if (q->live[head])
		return OFFENCE_HEAD_IN_FLIGHT;
	enum offence bad = walk_chain(&w, &p, q, m);
	c->ndesc = p.what == VMEM_INDIRECT ? p.direct : (uint16_t)(q->size - p.left);
	return bad ? bad : walk_end(&w);
}

/* Loads the driver's index when we have used up what we saw of it. */
static void look(struct vq *q, struct vmem *m)
{
	core_check(vmem_load16(m, VMEM_AVAIL_IDX, gpa_add(q->area[VQ_DRIVER], RING_IDX), &q->seen_avail));
}

enum vq_err split_pop(struct vq *q, struct vmem *m, struct vq_chain *c)
{
	uint16_t head = 0;
	if (q->seen_avail == q->next_avail)
		look(q, m);
	uint16_t pending = (uint16_t)(q->seen_avail - q->next_avail);
	if (pending == 0)
		return VQ_EMPTY;
	uint32_t slot = q->next_avail & (q->size - 1u);
	q->offence = OFFENCE_AVAIL_JUMP;
	if (pending > q->size)
		return VQ_OFFENCE;
	core_check(vmem_load16(m, VMEM_AVAIL_ENTRY, gpa_add(q->area[VQ_DRIVER], RING_BASE + 2ull * slot),
			       &head));
	q->offence = take_chain(q, m, head, c);
	if (q->offence)
		return VQ_OFFENCE;
	q->next_avail++;
	pop_chain(q, c, head, 1);
	return VQ_OK;
}

void split_stage(struct vq *q, struct vmem *m, vq_pos at, uint16_t id, uint32_t written)
{
	struct vring_used_elem e = {.id = id, .len = written};
	uint64_t slot = at & (q->size - 1u);
	core_check(vmem_write(m, VMEM_USED_ENTRY, gpa_add(q->area[VQ_DEVICE], RING_BASE + 8 * slot), &e,
			      sizeof(e)));
}

void split_complete(struct vq *q, struct vmem *m, struct vq_tok tok, uint32_t written)
{
	split_stage(q, m, q->next_used, tok.id, written);
	drop_chain(q, tok.id);
	q->next_used++;
}

/*
 * The fence stands between the store of the index and the load of what the driver wants to hear of: without
 * it both sides may see each other's old value, and both sleep (2.7.7.2, 2.7.8).
 */
bool split_publish(struct vq *q, struct vmem *m)
{
	uint16_t before = q->published, v = 0;
	q->published = q->next_used;
	core_check(vmem_store16(m, VMEM_USED_IDX, gpa_add(q->area[VQ_DEVICE], RING_IDX), q->published));
	vmem_fence(m);
	if (q->event_idx) {
		core_check(vmem_load16(m, VMEM_EVENT, used_event_at(q), &v));
		return vring_need_event(v, q->published, before);
	}
	core_check(vmem_load16(m, VMEM_EVENT, q->area[VQ_DRIVER], &v));
	return !(v & VRING_AVAIL_F_NO_INTERRUPT);
}

void split_kicks_stop(struct vq *q, struct vmem *m)
{
	core_check(vmem_store16(m, VMEM_EVENT, q->area[VQ_DEVICE], VRING_USED_F_NO_NOTIFY));
}

bool split_waiting(struct vq *q, struct vmem *m)
{
	look(q, m);
	return q->seen_avail != q->next_avail;
}

bool split_kicks_resume(struct vq *q, struct vmem *m)
{
	if (q->event_idx)
		core_check(vmem_store16(m, VMEM_EVENT, avail_event_at(q), q->next_avail));
	else if (q->kicks_off)
		core_check(vmem_store16(m, VMEM_EVENT, q->area[VQ_DEVICE], 0));
	vmem_fence(m);
	return split_waiting(q, m);
}
