// SPDX-License-Identifier: BSD-2-Clause
/*
 * VIRTIO_F_IN_ORDER (virtio 1.4, 2.7.9, 2.8.8): chains are used in the order in which they were made
 * available (rfeat.5), so a completion waits until all earlier ones are there.
 *
 * Chains in a row that are done by the time of publishing share one used entry: it stands where the first
 * one's would, and holds the id and the written length of the last. The driver takes it that the chains which
 * such an entry skips were used completely. So a chain may be skipped only when all of its device-writable
 * bytes were written (or it has none); one that was written in part, after an error for example, ends its
 * batch and tells its own length.
 *
 * Until its entry is staged a chain counts as in flight, and its id may not come again.
 */
#include "vq_ring.h"

static uint32_t order_slot(const struct vq *q, uint32_t nth)
{
	uint32_t slot = q->oldest + nth;
	return slot < q->size ? slot : slot - q->size;
}

/* There is room: ids in flight are distinct and below size. */
void order_pop(struct vq *q, const struct vq_chain *c)
{
	q->order[order_slot(q, q->inflight)] = c->tok.id;
	q->wait[c->tok.id] = (struct vq_wait){.bytes = c->write_len, .ndesc = c->tok.ndesc};
}

void order_flush(struct vq *q, struct vmem *m)
{
	const struct vq_batch *b = &q->batch;
	if (!b->open)
		return;
	if (q->packed)
		packed_stage(q, m, b->at, b->id, b->len);
	else
		split_stage(q, m, b->at, b->id, b->len);
	q->batch.open = false;
}

/* The oldest chain is done: it joins the batch, or begins a new one. */
static void use_oldest(struct vq *q, struct vmem *m)
{
	uint16_t id = q->order[q->oldest];
	const struct vq_wait *w = &q->wait[id];
	if (q->batch.open && !q->batch.whole)
		order_flush(q, m);
	vq_pos at = q->batch.open ? q->batch.at : q->next_used;
	q->batch = (struct vq_batch){.at = at, .id = id, .len = w->bytes, .open = true, .whole = w->whole};
	q->next_used = pos_add(q, q->next_used, w->ndesc);
	q->oldest = (uint16_t)order_slot(q, 1);
	drop_chain(q, id);
}

void order_complete(struct vq *q, struct vmem *m, struct vq_tok tok, uint32_t written)
{
	struct vq_wait *w = &q->wait[tok.id];
	core_check(!w->done && written <= w->bytes);
	w->whole = written == w->bytes;
	w->bytes = written;
	w->done = true;
	while (q->inflight && q->wait[q->order[q->oldest]].done)
		use_oldest(q, m);
}
