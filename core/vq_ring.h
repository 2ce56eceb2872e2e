// SPDX-License-Identifier: BSD-2-Clause
/*
 * vq_ring: inside the virtqueue, for vq*.c only. What each layout must be able to do (split_*, packed_*),
 * what both do alike (walking buffers into a chain, counting it as popped), and holding completions back for
 * IN_ORDER (vq_order.c).
 */
#ifndef RINGSIDE_VQ_RING_H
#define RINGSIDE_VQ_RING_H

#include <linux/virtio_ring.h>

#include "vq.h"

_Static_assert(sizeof(struct vq_tok) == 8 && offsetof(struct vq_tok, ndesc) == 2 &&
		       offsetof(struct vq_tok, seq) == 4,
	       "pop_chain stores it as a word");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rings are little-endian, and so are we");

/* -- a layout -------------------------------------------------------------------------------------------- */

/* The size fits the layout, the areas are aligned, and every byte that will be touched is guest memory. */
bool split_fits(const struct vq *, struct vmem *, bool event_idx);
bool packed_fits(const struct vq *, struct vmem *);
enum vq_err split_pop(struct vq *, struct vmem *, struct vq_chain *);
enum vq_err packed_pop(struct vq *, struct vmem *, struct vq_chain *);
/* Completes a chain in flight, where order does not matter: stages its used entry and moves on. */
void split_complete(struct vq *, struct vmem *, struct vq_tok, uint32_t written);
void packed_complete(struct vq *, struct vmem *, struct vq_tok, uint32_t written);
/* Stores one used entry at a place that the driver does not look at yet. */
void split_stage(struct vq *, struct vmem *, vq_pos at, uint16_t id, uint32_t written);
void packed_stage(struct vq *, struct vmem *, vq_pos at, uint16_t id, uint32_t written);
/* Something is staged. True: an interrupt is due. */
bool split_publish(struct vq *, struct vmem *);
bool packed_publish(struct vq *, struct vmem *);
/* kicks_off is as it was before. */
void split_kicks_stop(struct vq *, struct vmem *);
void packed_kicks_stop(struct vq *, struct vmem *);
bool split_kicks_resume(struct vq *, struct vmem *);
bool packed_kicks_resume(struct vq *, struct vmem *);
/* Something is available. */
bool split_waiting(struct vq *, struct vmem *);
bool packed_waiting(struct vq *, struct vmem *);

#define VQ_POS_WRAP \
	(1u << VRING_PACKED_EVENT_F_WRAP_CTR) /* packed: a position's wrap counter; it starts as 1 */

static inline uint16_t pos_slot(vq_pos p)
{
	return p & (VQ_POS_WRAP - 1);
}

/* n entries further on, at most one round. */
static inline vq_pos packed_add(const struct vq *q, vq_pos p, uint16_t n)
{
	uint32_t slot = (uint32_t)pos_slot(p) + n;
	uint32_t wrap = p & VQ_POS_WRAP;
	return (vq_pos)(slot < q->size ? slot | wrap : (slot - q->size) | (wrap ^ VQ_POS_WRAP));
}

static inline vq_pos pos_add(const struct vq *q, vq_pos p, uint16_t n)
{
	return q->packed ? packed_add(q, p, n) : (vq_pos)(p + n);
}

/* n entries back. */
static inline vq_pos pos_sub(const struct vq *q, vq_pos p, uint16_t n)
{
	if (!q->packed)
		return (vq_pos)(p - n);
	uint32_t slot = pos_slot(p);
	uint32_t wrap = p & VQ_POS_WRAP;
	return (vq_pos)(slot >= n ? (slot - n) | wrap : (slot + q->size - n) | (wrap ^ VQ_POS_WRAP));
}

/* Packed: how far it is from one position to another one, in slots; wrap counters tell positions of two
 * rounds apart. */
static inline uint32_t packed_distance(const struct vq *q, vq_pos from, vq_pos to)
{
	uint32_t round = 2u * q->size, a = pos_slot(from), b = pos_slot(to);
	if ((from ^ to) & VQ_POS_WRAP)
		b += q->size;
	return b >= a ? b - a : b + round - a;
}

/* -- IN_ORDER -------------------------------------------------------------------------------------------- */

/* The chain was popped just now. */
void order_pop(struct vq *, const struct vq_chain *);
void order_complete(struct vq *, struct vmem *, struct vq_tok, uint32_t written);
/* Stores the used entry that was growing, if there is one. */
void order_flush(struct vq *, struct vmem *);

/* -- popping --------------------------------------------------------------------------------------------- */

/* The walk over one chain, as far as it does not depend on the layout. */
struct walk {
	struct vq_chain *c;
	uint16_t nsegs;
	uint64_t read_len, write_len;
};

static inline struct walk walk_begin(struct vq_chain *c)
{
	c->nread = c->nwrite = 0;
	return (struct walk){.c = c};
}

static inline enum offence walk_buffer(struct walk *w, struct vmem *m, gpa_t addr, uint32_t len,
				       bool writable)
{
	if (w->nsegs == VQ_SEGS_MAX)
		return OFFENCE_CHAIN_SEGMENTS;
	if (!writable && w->c->nwrite)
		return OFFENCE_READ_AFTER_WRITE;
	if (!vmem_covers(m, addr, len))
		return OFFENCE_BUFFER_RANGE;
	w->c->seg[w->nsegs++] = (struct vq_seg){addr, len};
	if (writable) {
		w->c->nwrite++;
		w->write_len += len;
	} else {
		w->c->nread++;
		w->read_len += len;
	}
	return OFFENCE_NONE;
}

/* An indirect table of that length may be walked. */
static inline enum offence walk_table(struct vmem *m, gpa_t addr, uint32_t len)
{
	if (len == 0 || len % VMEM_DESC_LEN)
		return OFFENCE_INDIRECT_LENGTH;
	return vmem_covers(m, addr, len) ? OFFENCE_NONE : OFFENCE_INDIRECT_RANGE;
}

static inline enum offence walk_end(const struct walk *w)
{
	if (w->read_len + w->write_len > UINT32_MAX)
		return OFFENCE_CHAIN_BYTES;
	w->c->read_len = (uint32_t)w->read_len;
	w->c->write_len = (uint32_t)w->write_len;
	return OFFENCE_NONE;
}

/* The chain is good and takes ndesc entries of the ring, which next_avail has left behind: counts it as
 * popped and names it. */
static inline void pop_chain(struct vq *q, struct vq_chain *c, uint16_t id, uint16_t ndesc)
{
	if (++q->seq == 0)
		q->seq = 1; /* 0 means: not in flight */
	q->live[id] = q->latest = q->seq;
	/* In one store: it is loaded as a whole soon, which would wait for several (10 ns). */
	uint64_t tok = (uint64_t)q->seq << 32 | (uint64_t)ndesc << 16 | id;
	memcpy(&c->tok, &tok, sizeof(tok));
	if (q->in_order)
		order_pop(q, c);
	q->inflight++;
}

/* The chain is not in flight any more. */
static inline void drop_chain(struct vq *q, uint16_t id)
{
	q->live[id] = 0;
	q->inflight--;
}

#endif
