// SPDX-License-Identifier: BSD-2-Clause
/* The part of a virtqueue that does not depend on the ring's layout: enabling, completion, offence names,
 * reset, cursors. */
#include <linux/virtio_config.h>

#include "compat.h"
#include "vq_ring.h"

static const struct offence_info offences[OFFENCE_COUNT] = {
	[OFFENCE_NONE] = {"none", "", "nothing", OFFENCE_IGNORE},
#define OFFENCE(NAME, text, reaction, clause, what) \
	[OFFENCE_##NAME] = {text, clause, what, OFFENCE_##reaction},
#include "offence.def"
#undef OFFENCE
};

const struct offence_info *offence_info(enum offence o)
{
	return &offences[(unsigned)o < OFFENCE_COUNT ? o : OFFENCE_NONE];
}

void vq_init(struct vq *q, uint16_t size_max)
{
	memset(q, 0, offsetof(struct vq, live));
	q->size_max = size_max;
}

void vq_reset(struct vq *q)
{
	uint16_t size_max = q->size_max;
	uint32_t seq = q->seq;
	memset(q, 0, offsetof(struct vq, live));
	q->size_max = size_max;
	q->seq = seq; /* goes on, so that a token from before can not name a chain from after */
}

enum offence vq_enable(struct vq *q, struct vmem *m, uint64_t features)
{
	bool packed = features >> VIRTIO_F_RING_PACKED & 1,
	     event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1;
	if (!q->size || q->size > q->size_max || !(packed ? packed_fits(q, m) : split_fits(q, m, event_idx)))
		return OFFENCE_QUEUE_LAYOUT;
	q->next_avail = q->seen_avail = q->next_used = q->published = packed ? VQ_POS_WRAP : 0;
	memset(q->live, 0, q->size * sizeof(q->live[0]));
	q->inflight = q->oldest = 0;
	q->kicks_off = q->batch.open = false;
	q->packed = packed;
	q->event_idx = event_idx;
	q->indirect = features >> VIRTIO_RING_F_INDIRECT_DESC & 1;
	q->in_order = features >> VIRTIO_F_IN_ORDER & 1;
	q->ready = true;
	return OFFENCE_NONE;
}

enum vq_err vq_pop(struct vq *q, struct vmem *m, struct vq_chain *c)
{
	return q->packed ? packed_pop(q, m, c) : split_pop(q, m, c);
}

void vq_unpop(struct vq *q, struct vq_tok tok)
{
	core_check(tok.seq == q->latest && q->live[tok.id] == tok.seq &&
		   !(q->in_order && q->wait[tok.id].done));
	drop_chain(q, tok.id);
	q->next_avail = pos_sub(q, q->next_avail, tok.ndesc);
	q->latest = tok.seq == 1 ? UINT32_MAX : tok.seq - 1;
}

void vq_complete(struct vq *q, struct vmem *m, struct vq_tok tok, uint32_t written)
{
	core_check(q->ready && tok.id < q->size && q->live[tok.id] == tok.seq);
	if (q->in_order)
		order_complete(q, m, tok, written);
	else if (q->packed)
		packed_complete(q, m, tok, written);
	else
		split_complete(q, m, tok, written);
}

bool vq_publish(struct vq *q, struct vmem *m)
{
	if (q->next_used == q->published)
		return false;
	if (q->in_order)
		order_flush(q, m);
	return q->packed ? packed_publish(q, m) : split_publish(q, m);
}

void vq_kicks_stop(struct vq *q, struct vmem *m)
{
	if (q->kicks_off)
		return;
	q->kicks_off = true;
	/* With event indices, leaving the one behind that was stored last says it already. */
	if (!q->event_idx && q->packed)
		packed_kicks_stop(q, m);
	else if (!q->event_idx)
		split_kicks_stop(q, m);
}

/*
 * Stores the wish first, then a full fence, and only then looks: without the fence both sides may see each
 * other's old value, the driver would not kick and we would not look (2.7.10, 2.8.10).
 */
bool vq_kicks_resume(struct vq *q, struct vmem *m)
{
	bool more = q->packed ? packed_kicks_resume(q, m) : split_kicks_resume(q, m);
	q->kicks_off = false;
	return more;
}

bool vq_waiting(struct vq *q, struct vmem *m)
{
	return q->packed ? packed_waiting(q, m) : split_waiting(q, m);
}

gpa_t vq_last_byte(const struct vq_chain *c)
{
	const struct vq_seg *s = &c->seg[c->nread + c->nwrite - 1];
	core_check(c->write_len != 0);
	while (s->len == 0)
		s--;
	return gpa_add(s->addr, s->len - 1);
}

void vq_skip_slow(struct vq_cursor *cur, uint32_t n)
{
	gpa_t at;
	core_check(n <= cur->left);
	while (n)
		n -= vq_take(cur, n, &at);
}

bool vq_read(struct vq_cursor *cur, struct vmem *m, enum vmem_for what, void *out, uint32_t n)
{
	uint8_t *p = out;
	gpa_t at;
	if (n > cur->left)
		return false;
	while (n) {
		uint32_t part = vq_take(cur, n, &at);
		core_check(part && vmem_read(m, what, at, p, part)); /* the range was checked at pop */
		p += part;
		n -= part;
	}
	return true;
}

bool vq_write(struct vq_cursor *cur, struct vmem *m, enum vmem_for what, const void *in, uint32_t n)
{
	const uint8_t *p = in;
	gpa_t at;
	if (n > cur->left)
		return false;
	while (n) {
		uint32_t part = vq_take(cur, n, &at);
		core_check(part && vmem_write(m, what, at, p, part));
		p += part;
		n -= part;
	}
	return true;
}
