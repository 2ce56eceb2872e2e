// SPDX-License-Identifier: BSD-2-Clause
/* The used ring and what the driver is told about it. */
#include <linux/virtio_ring.h>

#include "oracle_int.h"

static struct ring *used_ring_at(struct oracle *o, uint64_t a)
{
	for (uint16_t i = 0; i < o->config.nqueues; i++) {
		struct ring *r = &o->ring[i];
		if (r->ready && a - r->device < 6 + 8ull * r->size)
			return r;
	}
	return NULL;
}

static uint16_t number(const struct oracle *o, const struct ring *r)
{
	return (uint16_t)(r - o->ring);
}

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

static void judge_length(struct oracle *o, uint16_t queue, const struct chain *c, uint32_t len)
{
	bool failed = o->config.status_byte && c->status > 0;
	if (c->unsure || (len == c->prefix && !failed))
		return;
	if (len > c->write_len)
		oracle_cry(o, ORACLE_USED_RING, "split.used.2",
			   "queue %u: used.len %u for a chain with %u writable bytes", queue, len,
			   c->write_len);
	else if (len > c->prefix && !overlaps_itself(c))
		oracle_cry(o, ORACLE_USED_RING, "split.used.2",
			   "queue %u: used.len %u, but only the first %u bytes were stored", queue, len,
			   c->prefix);
	else if (failed && len && c->write_len > 1)
		oracle_cry(o, ORACLE_USED_RING, "", "queue %u: a failed request (status %d) claims %u bytes",
			   queue, c->status, len);
	else if (!failed && len < c->prefix && !overlaps_itself(c))
		oracle_cry(o, ORACLE_USED_RING, "",
			   "queue %u: used.len %u for a request that stored %u bytes", queue, len, c->prefix);
}

static void complete(struct oracle *o, struct ring *r, uint32_t id, uint32_t len)
{
	uint16_t queue = number(o, r);
	r->stored++;
	if (!oracle_owns(r, id)) {
		oracle_cry(o, ORACLE_USED_RING, "", "queue %u: id %u is completed, but is not in flight",
			   queue, id);
		return;
	}
	struct chain *c = &r->chain[id];
	if (o->nloose)
		oracle_loose_settle(o, c);
	judge_length(o, queue, c, len);
	oracle_own(r, id, false);
}

void oracle_used_entry(struct oracle *o, uint64_t a, uint32_t n, const uint8_t *data)
{
	struct ring *r = used_ring_at(o, a);
	uint64_t off = r ? a - r->device - 4 : 0;
	uint32_t id, len;
	if (!r || off >= 8ull * r->size || n > 8 - off % 8) {
		oracle_cry(o, ORACLE_OWNERSHIP, "split.desc.1",
			   "used element stored at 0x%llx, which is in no used ring", (unsigned long long)a);
		return;
	}
	uint16_t want = r->stored & (r->size - 1);
	if (off / 8 != want)
		oracle_cry(o, ORACLE_USED_RING, "",
			   "queue %u: used element %llu is stored, but the next one is %u", number(o, r),
			   (unsigned long long)(off / 8), want);
	memcpy(r->elem + off % 8, data, n);
	r->elem_mask |= (uint16_t)(((1u << n) - 1) << (off % 8));
	if (r->elem_mask != 0xff)
		return;
	r->elem_mask = 0;
	memcpy(&id, r->elem, 4);
	memcpy(&len, r->elem + 4, 4);
	complete(o, r, id, len);
}

void oracle_used_index(struct oracle *o, uint64_t a, uint32_t n, const uint8_t *data)
{
	struct ring *r = used_ring_at(o, a);
	uint16_t v;
	if (!r || a != r->device + 2 || n != 2) {
		oracle_cry(o, ORACLE_OWNERSHIP, "split.desc.1",
			   "used index stored at 0x%llx, which is in no used ring", (unsigned long long)a);
		return;
	}
	memcpy(&v, data, 2);
	if ((uint16_t)(v - r->published) > (uint16_t)(r->stored - r->published))
		oracle_cry(o, ORACLE_USED_RING, "split.used.1",
			   "queue %u: used index %u is published, but the elements end at %u", number(o, r),
			   v, r->stored);
	r->published = v;
	r->sampled = false;
	o->touched |= 1u << number(o, r);
}

/* With event indices the flags stay 0; without them the driver may have no room for avail_event. */
void oracle_event_store(struct oracle *o, uint64_t a, uint32_t n, const uint8_t *data)
{
	struct ring *r = used_ring_at(o, a);
	uint16_t v;
	bool event_idx = oracle_event_idx(o);
	if (n != 2 || !r || (a != r->device && (!event_idx || a != r->device + 4 + 8ull * r->size))) {
		oracle_cry(o, ORACLE_OWNERSHIP, "split.desc.1",
			   "an event field is stored at 0x%llx, where the driver gave none",
			   (unsigned long long)a);
		return;
	}
	memcpy(&v, data, 2);
	if (a == r->device && v > !event_idx)
		oracle_cry(o, ORACLE_USED_RING, event_idx ? "split.availnotif.3" : "split.availnotif.1",
			   "queue %u: used ring flags are set to 0x%x", number(o, r), v);
}

/* The driver's wish, as the device saw it, decides whether it must notify. */
void oracle_event_load(struct oracle *o, uint64_t a, const uint8_t *data)
{
	for (uint16_t i = 0; i < o->config.nqueues; i++) {
		struct ring *r = &o->ring[i];
		uint64_t at = oracle_event_idx(o) ? r->driver + 4 + 2ull * r->size : r->driver;
		uint16_t v;
		if (!r->ready || a != at || r->sampled)
			continue;
		memcpy(&v, data, 2);
		if (oracle_event_idx(o) ? vring_need_event(v, r->published, r->asked)
					: !(v & VRING_AVAIL_F_NO_INTERRUPT))
			r->irq_due = true;
		r->sampled = true;
		r->asked = r->published;
		return;
	}
}
