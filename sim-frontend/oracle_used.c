// SPDX-License-Identifier: BSD-2-Clause
/* Chains that are completed: once each, and with a length that was stored. */
#include "oracle_int.h"

/* Buffers on top of each other: bytes of one are bytes of the other, and nobody can count them. */
static bool overlaps_itself(const struct chain *c)
{
	unsigned end = (unsigned)c->nread + c->nwrite;
	for (unsigned i = c->nread; i < end; i++)
		for (unsigned k = i + 1; k < end; k++)
			if (c->seg[i].addr < c->seg[k].addr + c->seg[k].len &&
			    c->seg[k].addr < c->seg[i].addr + c->seg[i].len)
				return true;
	return false;
}

static void judge_length(struct oracle *o, const struct chain *c, uint32_t len)
{
	bool failed = c->failed || (o->config.status_byte && c->status > 0);
	const char *clause = o->packed ? "" : "split.used.2";
	if (c->unsure || (len == c->prefix && !failed))
		return;
	if (len > c->write_len)
		oracle_cry(o, ORACLE_USED_RING, clause,
			   "queue %u: used.len %u for a chain with %u writable bytes", c->queue, len,
			   c->write_len);
	else if (len > c->prefix && !overlaps_itself(c))
		oracle_cry(o, ORACLE_USED_RING, clause,
			   "queue %u: used.len %u, but only the first %u bytes were stored", c->queue, len,
			   c->prefix);
	else if (failed && len && c->write_len > 1)
		oracle_cry(o, ORACLE_USED_RING, "", "queue %u: a failed request (status %d) claims %u bytes",
			   c->queue, c->status, len);
	else if (!failed && len < c->prefix && !overlaps_itself(c))
		oracle_cry(o, ORACLE_USED_RING, "",
			   "queue %u: used.len %u for a request that stored %u bytes", c->queue, len,
			   c->prefix);
}

/* No entry of its own: the driver takes it that all of its writable bytes were stored. */
static void judge_skipped(struct oracle *o, const struct chain *c, uint32_t id)
{
	if (!c->unsure && c->prefix < c->write_len && !overlaps_itself(c))
		oracle_cry(o, ORACLE_USED_RING, "rfeat.5",
			   "queue %u: the used entry of id %u covers the earlier id %u, of which only %u of "
			   "%u bytes were stored",
			   c->queue, id, c->id, c->prefix, c->write_len);
}

uint16_t oracle_used(struct oracle *o, struct ring *r, uint32_t id, uint32_t len)
{
	uint32_t span = 0;
	if (!oracle_owns(r, id)) {
		oracle_cry(o, ORACLE_USED_RING, r->unavailable ? "packed.desc.2" : "",
			   "queue %u: id %u is completed, but is not in flight", ring_number(o, r), id);
		return 1;
	}
	struct chain *c = r->chain[id], *first = c;
	if (o->nloose && o->in_order)
		oracle_loose_flush(o);
	else if (o->nloose)
		oracle_loose_settle(o, c);
	if (o->config.used)
		o->config.used(o->config.ctx, c->serial, len);
	do {
		if (o->in_order)
			first = r->chain[r->order[r->oldest]];
		if (first == c)
			judge_length(o, c, len);
		else
			judge_skipped(o, first, id);
		oracle_chain_drop(r, first);
		span += first->ndesc;
	} while (first != c);
	return (uint16_t)span;
}
