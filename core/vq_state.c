// SPDX-License-Identifier: BSD-2-Clause
/*
 * Saving a virtqueue, and loading it: nothing in the bytes is believed. What indexes anything is checked
 * against the size, what is an address against guest memory, and the positions against each other: between
 * next_used and next_avail lie exactly the chains in flight.
 *
 * Which chains are in flight is not written here, but for those that IN_ORDER knows: the device type names
 * each of its own (vq_claim), so that none is named twice and none without an owner is left.
 */
#include "vq_ring.h"

enum { READY = 1, EVENT_IDX = 2, INDIRECT = 4, KICKS_OFF = 8, PACKED = 16, IN_ORDER = 32, ALL_FLAGS = 63 };

static uint8_t flags_of(const struct vq *q)
{
	return (uint8_t)((q->ready ? READY : 0) | (q->event_idx ? EVENT_IDX : 0) |
			 (q->indirect ? INDIRECT : 0) | (q->kicks_off ? KICKS_OFF : 0) |
			 (q->packed ? PACKED : 0) | (q->in_order ? IN_ORDER : 0));
}

static uint16_t nth_id(const struct vq *q, uint32_t nth)
{
	return q->order[(q->oldest + nth) % q->size];
}

/* -- saving ---------------------------------------------------------------------------------------------- */

static void save_order(const struct vq *q, struct state_out *out)
{
	const struct vq_batch *b = &q->batch;
	state_put_bool(out, b->open);
	if (b->open) {
		state_put_u16(out, b->at);
		state_put_u16(out, b->id);
		state_put_u32(out, b->len);
		state_put_bool(out, b->whole);
	}
	for (uint32_t i = 0; i < q->inflight; i++) {
		uint16_t id = nth_id(q, i);
		const struct vq_wait *w = &q->wait[id];
		state_put_u16(out, id);
		state_put_u16(out, w->ndesc);
		state_put_u32(out, w->bytes);
		state_put_bool(out, w->done);
		state_put_bool(out, w->whole);
	}
}

/* A queue that is not ready has no more than its registers. */
void vq_save(const struct vq *q, struct state_out *out)
{
	for (int i = 0; i < 3; i++)
		state_put_u64(out, q->area[i].v);
	state_put_u16(out, q->size);
	state_put_u32(out, q->seq);
	state_put_u8(out, flags_of(q));
	if (!q->ready)
		return;
	state_put_u16(out, q->next_avail);
	state_put_u16(out, q->seen_avail);
	state_put_u16(out, q->next_used);
	state_put_u16(out, q->published);
	state_put_u16(out, q->inflight);
	state_put_u16(out, q->used_flags);
	if (q->in_order)
		save_order(q, out);
}

/* -- loading --------------------------------------------------------------------------------------------- */

static uint32_t steps(const struct vq *q, vq_pos from, vq_pos to)
{
	return q->packed ? packed_distance(q, from, to) : (uint16_t)(to - from);
}

/* Where packed slots are indices, and the chains in flight fit between the positions, which are in order. */
static bool positions_fit(const struct vq *q)
{
	uint32_t flying = steps(q, q->next_used, q->next_avail),
		 staged = steps(q, q->published, q->next_used);
	if (!q->packed)
		return flying == q->inflight;
	return pos_slot(q->next_avail) < q->size && pos_slot(q->next_used) < q->size &&
	       pos_slot(q->published) < q->size && q->inflight <= flying && flying <= q->size &&
	       staged <= q->size - flying;
}

/* It is not in the ring yet, and it was not published. */
static bool batch_fits(const struct vq *q)
{
	const struct vq_batch *b = &q->batch;
	bool slot = !q->packed || pos_slot(b->at) < q->size;
	return slot && b->id < q->size &&
	       steps(q, q->published, b->at) < steps(q, q->published, q->next_used);
}

static bool known(const struct vq *q, uint16_t id, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (q->order[i] == id)
			return true;
	return false;
}

/* What is done has no owner any more: it is in flight as far as the ring goes, with a number of its own. */
static void load_order(struct vq *q, struct state_in *in)
{
	struct vq_batch *b = &q->batch;
	b->open = state_get_bool(in);
	if (b->open) {
		b->at = state_get_u16(in);
		b->id = state_get_u16(in);
		b->len = state_get_u32(in);
		b->whole = state_get_bool(in);
		if (!state_need(in, batch_fits(q)))
			return;
	}
	for (uint32_t i = 0; i < q->inflight; i++) {
		uint16_t id = state_get_u16(in);
		if (!state_need(in, id < q->size && !known(q, id, i)))
			return;
		struct vq_wait *w = &q->wait[id];
		w->ndesc = state_get_u16(in);
		w->bytes = state_get_u32(in);
		w->done = state_get_bool(in);
		w->whole = state_get_bool(in);
		state_need(in, w->ndesc && (w->done || !w->whole));
		state_need(in, i || !w->done); /* the oldest would have been used */
		q->order[i] = id;
		q->live[id] = w->done;
	}
}

static void load_flags(struct vq *q, struct state_in *in)
{
	uint8_t flags = state_get_u8(in);
	state_need(in, !(flags & ~ALL_FLAGS) && (flags & READY || !flags));
	q->ready = flags & READY;
	q->event_idx = flags & EVENT_IDX;
	q->indirect = flags & INDIRECT;
	q->kicks_off = flags & KICKS_OFF;
	q->packed = flags & PACKED;
	q->in_order = flags & IN_ORDER;
}

/* Of what is staged; what was published stands in the ring. */
static bool used_flags_fit(const struct vq *q)
{
	uint16_t ours = 1u << VRING_PACKED_DESC_F_AVAIL | 1u << VRING_PACKED_DESC_F_USED | VRING_DESC_F_WRITE;
	return !(q->used_flags & ~ours) && (q->packed || !q->used_flags);
}

void vq_load(struct vq *q, struct vmem *m, struct state_in *in)
{
	for (int i = 0; i < 3; i++)
		q->area[i] = gpa(state_get_u64(in));
	uint16_t size = state_get_u16(in);
	if (!state_need(in, size <= q->size_max))
		return;
	q->size = size;
	memset(q->live, 0, size * sizeof(q->live[0]));
	q->seq = q->latest = state_get_u32(in); /* of earlier ones none goes back */
	load_flags(q, in);
	if (in->bad || !q->ready)
		return;
	q->next_avail = state_get_u16(in);
	q->seen_avail = state_get_u16(in);
	q->next_used = state_get_u16(in);
	q->published = state_get_u16(in);
	q->inflight = state_get_u16(in);
	q->used_flags = state_get_u16(in);
	bool fits = size && q->inflight <= size && positions_fit(q) && used_flags_fit(q) &&
		    (q->packed ? packed_fits(q, m) : split_fits(q, m, q->event_idx));
	if (state_need(in, fits) && q->in_order)
		load_order(q, in);
}

/* wait[] of a ring that keeps no order remembers ndesc, until vq_claimed has looked at it. */
bool vq_claim(struct vq *q, struct vq_tok tok, uint32_t write_len)
{
	if (!q->ready || tok.id >= q->size || !tok.seq || q->live[tok.id] || !tok.ndesc)
		return false;
	struct vq_wait *w = &q->wait[tok.id];
	if (!q->in_order)
		*w = (struct vq_wait){.bytes = write_len, .ndesc = tok.ndesc};
	else if (!known(q, tok.id, q->inflight) || w->ndesc != tok.ndesc || w->bytes < write_len)
		return false;
	q->live[tok.id] = tok.seq;
	return true;
}

bool vq_claimed(const struct vq *q, bool all)
{
	uint32_t n = 0, ndesc = 0;
	for (uint16_t id = 0; id < q->size; id++) {
		if (!q->live[id])
			continue;
		n++;
		ndesc += q->wait[id].ndesc;
	}
	uint32_t flying = q->ready ? steps(q, q->next_used, q->next_avail) : 0;
	return all ? n == q->inflight && ndesc == flying : n <= q->inflight && ndesc <= flying;
}
