// SPDX-License-Identifier: BSD-2-Clause
/*
 * The split virtqueue (virtio 1.4, 2.7): the only code that knows its layout.
 *
 *   descriptor table   size x 16 bytes, aligned to 16
 *   available ring     flags u16, idx u16, ring[size] u16, used_event u16; aligned to 2
 *   used ring          flags u16, idx u16, ring[size] {id u32, len u32}, avail_event u16; aligned to 4
 */
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "vq.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rings are little-endian, and so are we");
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
 * A driver need not reserve room for the event fields where EVENT_IDX is not negotiated (SeaBIOS keeps its own data there), so
 * the ranges that must be memory depend on it.
 */
enum offence vq_enable(struct vq *q, struct vmem *m, uint64_t features)
{
	uint64_t event = features >> VIRTIO_RING_F_EVENT_IDX & 1 ? 2 : 0;
	bool size_ok = q->size && q->size <= q->size_max && !(q->size & (q->size - 1));
	bool aligned = !(q->area[VQ_DESC].v & 15) && !(q->area[VQ_DRIVER].v & 1) && !(q->area[VQ_DEVICE].v & 3);
	if (!size_ok || !aligned || !vmem_covers(m, q->area[VQ_DESC], 16ull * q->size) ||
	    !vmem_covers(m, q->area[VQ_DRIVER], RING_BASE + 2ull * q->size + event) ||
	    !vmem_covers(m, q->area[VQ_DEVICE], RING_BASE + 8ull * q->size + event))
		return OFFENCE_QUEUE_LAYOUT;
	q->next_avail = q->seen_avail = q->next_used = q->published = q->inflight = 0;
	q->kicks_off = false;
	q->event_idx = event;
	q->indirect = features >> VIRTIO_RING_F_INDIRECT_DESC & 1;
	q->ready = true;
	return OFFENCE_NONE;
}

/* The walk over one chain. The table is the ring's own, or an indirect one; left counts its entries not yet visited. */
struct walk {
	struct vq_chain *c;
	gpa_t table;
	uint32_t entries, left;
	uint16_t index, nsegs;
	enum vmem_for what;
	uint64_t read_len, write_len;
};

static enum offence walk_buffer(struct walk *w, const struct vmem *m, const struct vring_desc *d)
{
	bool writable = d->flags & VRING_DESC_F_WRITE;
	if (w->nsegs == VQ_SEGS_MAX)
		return OFFENCE_CHAIN_SEGMENTS;
	if (!writable && w->c->nwrite)
		return OFFENCE_READ_AFTER_WRITE;
	if (!vmem_covers(m, gpa(d->addr), d->len))
		return OFFENCE_BUFFER_RANGE;
	w->c->seg[w->nsegs++] = (struct vq_seg){gpa(d->addr), d->len};
	if (writable) {
		w->c->nwrite++;
		w->write_len += d->len;
	} else {
		w->c->nread++;
		w->read_len += d->len;
	}
	return OFFENCE_NONE;
}

/* Goes on in the indirect table that d names; the write-only flag of d means nothing (2.7.5.3.2). */
static enum offence walk_indirect(struct walk *w, const struct vq *q, const struct vmem *m, const struct vring_desc *d)
{
	if (!q->indirect)
		return OFFENCE_INDIRECT_FEATURE;
	if (w->what == VMEM_INDIRECT)
		return OFFENCE_INDIRECT_NESTED;
	if (d->flags & VRING_DESC_F_NEXT)
		return OFFENCE_INDIRECT_NEXT;
	if (d->len == 0 || d->len % sizeof(*d))
		return OFFENCE_INDIRECT_LENGTH;
	if (!vmem_covers(m, gpa(d->addr), d->len))
		return OFFENCE_INDIRECT_RANGE;
	w->table = gpa(d->addr);
	w->entries = w->left = d->len / (uint32_t)sizeof(*d);
	w->index = 0;
	w->what = VMEM_INDIRECT;
	return OFFENCE_NONE;
}

/*
 * Each step visits one descriptor, copied out once. `left` bounds the steps: a cyclic chain runs out of entries, in a
 * direct and in an indirect table alike, whatever its lengths are.
 */
static enum offence walk_chain(struct walk *w, const struct vq *q, struct vmem *m)
{
	enum offence bad;
	for (;;) {
		struct vmem_desc raw;
		if (w->index >= w->entries)
			return OFFENCE_NEXT_RANGE;
		if (w->left-- == 0)
			return OFFENCE_CHAIN_LOOP;
		if (!vmem_read_desc(m, w->what, gpa_add(w->table, 16ull * w->index), &raw))
			return OFFENCE_INDIRECT_RANGE; /* covered when the walk entered the table */
		struct vring_desc d = {raw.addr, raw.len, raw.half[0], raw.half[1]};
		if (d.flags & VRING_DESC_F_INDIRECT) {
			bad = walk_indirect(w, q, m, &d);
		} else {
			bad = walk_buffer(w, m, &d);
			if (!bad && !(d.flags & VRING_DESC_F_NEXT))
				return OFFENCE_NONE;
			w->index = d.next;
		}
		if (bad)
			return bad;
	}
}

/* Fills c from the chain that starts at head. */
static enum offence take_chain(struct vq *q, struct vmem *m, uint16_t head, struct vq_chain *c)
{
	struct walk w = {.c = c, .table = q->area[VQ_DESC], .entries = q->size, .left = q->size, .index = head};
	w.what = VMEM_DESC;
	c->nread = c->nwrite = 0;
	if (head >= q->size)
		return OFFENCE_HEAD_RANGE;
	if (q->live[head])
		return OFFENCE_HEAD_IN_FLIGHT;
	enum offence bad = walk_chain(&w, q, m);
	if (bad)
		return bad;
	if (w.read_len + w.write_len > UINT32_MAX)
		return OFFENCE_CHAIN_BYTES;
	c->read_len = (uint32_t)w.read_len;
	c->write_len = (uint32_t)w.write_len;
	return OFFENCE_NONE;
}

/* Loads the driver's index when we have used up what we saw of it. */
static void look(struct vq *q, struct vmem *m)
{
	core_check(vmem_load16(m, VMEM_AVAIL_IDX, gpa_add(q->area[VQ_DRIVER], RING_IDX), &q->seen_avail));
}

enum vq_err vq_pop(struct vq *q, struct vmem *m, struct vq_chain *c)
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
	core_check(vmem_load16(m, VMEM_AVAIL_ENTRY, gpa_add(q->area[VQ_DRIVER], RING_BASE + 2ull * slot), &head));
	q->offence = take_chain(q, m, head, c);
	if (q->offence)
		return VQ_OFFENCE;
	q->next_avail++;
	q->inflight++;
	if (++q->seq == 0)
		q->seq = 1; /* 0 means: not in flight */
	q->live[head] = q->seq;
	c->tok = (struct vq_tok){head, 1, q->seq};
	return VQ_OK;
}

void vq_unpop(struct vq *q, struct vq_tok tok)
{
	core_check(tok.seq == q->seq && q->live[tok.id] == tok.seq);
	q->live[tok.id] = 0;
	q->inflight--;
	q->next_avail--;
}

void vq_complete(struct vq *q, struct vmem *m, struct vq_tok tok, uint32_t written)
{
	core_check(q->ready && tok.id < q->size && q->live[tok.id] == tok.seq);
	struct vring_used_elem e = {.id = tok.id, .len = written};
	uint64_t slot = q->next_used & (q->size - 1u);
	core_check(vmem_write(m, VMEM_USED_ENTRY, gpa_add(q->area[VQ_DEVICE], RING_BASE + 8 * slot), &e, sizeof(e)));
	q->live[tok.id] = 0;
	q->inflight--;
	q->next_used++;
}

/*
 * The fence stands between the store of the index and the load of what the driver wants to hear of: without it both
 * sides may see each other's old value, and both sleep (2.7.7.2, 2.7.8).
 */
bool vq_publish(struct vq *q, struct vmem *m)
{
	uint16_t before = q->published, v = 0;
	if (q->next_used == before)
		return false;
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

void vq_kicks_stop(struct vq *q, struct vmem *m)
{
	if (q->kicks_off)
		return;
	q->kicks_off = true;
	if (!q->event_idx) /* with event indices, leaving avail_event behind says it already */
		core_check(vmem_store16(m, VMEM_EVENT, q->area[VQ_DEVICE], VRING_USED_F_NO_NOTIFY));
}

bool vq_kicks_resume(struct vq *q, struct vmem *m)
{
	if (q->event_idx)
		core_check(vmem_store16(m, VMEM_EVENT, avail_event_at(q), q->next_avail));
	else if (q->kicks_off)
		core_check(vmem_store16(m, VMEM_EVENT, q->area[VQ_DEVICE], 0));
	q->kicks_off = false;
	vmem_fence(m);
	look(q, m);
	return q->seen_avail != q->next_avail;
}
