// SPDX-License-Identifier: BSD-2-Clause
/*
 * Whose bytes the device stores, and which of them: pins belong to the chain that was being decoded when they
 * were made; a store outside of pins (status, identification) belongs to the chain that is completed next,
 * where it lies in that one's buffers, else it must lie in those of some chain that the device still has.
 */
#include "oracle_int.h"

/* -- places in a chain ----------------------------------------------------------------------------------- */

/* The place of [a, a+n) in one half of a chain, all of it within adjacent segments; false: not there. */
static bool place_at(const struct chain *c, unsigned i, unsigned end, uint64_t a, uint32_t n, uint32_t *at)
{
	uint64_t off = a - c->seg[i].addr;
	if (off >= c->seg[i].len)
		return false;
	*at = c->seg[i].at + (uint32_t)off;
	while (n > c->seg[i].len - off) {
		uint32_t part = c->seg[i].len - (uint32_t)off;
		n -= part;
		a += part;
		off = 0;
		if (++i == end || c->seg[i].addr != a)
			return false;
	}
	return true;
}

static bool find_place(const struct chain *c, bool writable, unsigned hint, uint64_t a, uint32_t n,
		       uint32_t *at, unsigned *seg)
{
	unsigned first = writable ? c->nread : 0, end = first + (writable ? c->nwrite : c->nread);
	if (hint < first || hint >= end)
		hint = first;
	for (unsigned k = 0, i = hint; k < end - first; k++, i = i + 1 == end ? first : i + 1) {
		*seg = i;
		if (place_at(c, i, end, a, n, at))
			return true;
	}
	return false;
}

/* Writable bytes [from, from + n) were stored. */
static void stored_at(struct chain *c, uint32_t from, uint32_t n)
{
	uint32_t to = from + n;
	bool grown = true;
	if (from > c->prefix) {
		if (c->ngaps == GAPS_MAX)
			c->unsure = true;
		else
			c->gap[c->ngaps++] = (struct range){from, to};
		return;
	}
	c->prefix = to > c->prefix ? to : c->prefix;
	while (grown) {
		grown = false;
		for (uint16_t i = 0; i < c->ngaps; i++) {
			if (c->gap[i].from > c->prefix)
				continue;
			c->prefix = c->gap[i].to > c->prefix ? c->gap[i].to : c->prefix;
			c->gap[i] = c->gap[--c->ngaps];
			grown = true;
		}
	}
}

/* Where a look at all chains that the device has is; all 0 at the beginning. */
struct survey {
	uint16_t queue;
	uint32_t id;
};

/* The next one; NULL: there are no more. */
static struct chain *next_live(const struct oracle *o, struct survey *s)
{
	for (; s->queue < o->config.nqueues; s->queue++, s->id = 0) {
		const struct ring *r = &o->ring[s->queue];
		while (r->nowned && s->id < r->size) {
			uint64_t bits = r->owned[s->id / 64] >> (s->id % 64);
			uint32_t id = s->id + (bits ? (uint32_t)__builtin_ctzll(bits) : 0);
			s->id = bits ? id + 1 : (s->id | 63) + 1;
			if (bits)
				return r->chain[id];
		}
	}
	return NULL;
}

/* Some chain whose half holds [a, a+n), or may: nobody counted its bytes. */
static struct chain *find_any(const struct oracle *o, bool writable, uint64_t a, uint32_t n, uint32_t *at,
			      unsigned *seg)
{
	struct chain *c, *maybe = NULL;
	for (struct survey s = {0}; (c = next_live(o, &s));) {
		if (find_place(c, writable, c->nread, a, n, at, seg))
			return c;
		maybe = c->unsure ? c : maybe;
	}
	return maybe;
}

/* The chain taken last is the likeliest. */
static struct chain *find_owner(struct oracle *o, bool writable, uint64_t a, uint32_t n, uint32_t *at,
				unsigned *seg)
{
	struct chain *newest = o->newest;
	if (newest && newest->live && find_place(newest, writable, newest->hint, a, n, at, seg))
		return newest;
	return find_any(o, writable, a, n, at, seg);
}

/* Which rule a store breaks that is in no writable buffer, or a load that is in no readable one. */
static const char *clause_of(struct oracle *o, bool store, uint64_t a, uint32_t n)
{
	uint32_t at;
	unsigned seg;
	if (!oracle_any_ready(o))
		return "reset.2";
	if (find_owner(o, !store, a, n, &at, &seg))
		return o->packed ? "packed.desc.1" : "split.desc.1";
	return store && !o->packed && oracle_ring_at(o, VQ_DESC, a) ? "split.desc.2" : "";
}

void oracle_no_ring(struct oracle *o, const char *what, uint64_t a)
{
	oracle_cry(o, ORACLE_OWNERSHIP, oracle_any_ready(o) ? "" : "mmio.7",
		   "%s at 0x%llx, where no queue that is ready has it", what, (unsigned long long)a);
}

/* -- stores outside of pins ------------------------------------------------------------------------------ */

void oracle_loose_store(struct oracle *o, enum vmem_for what, uint64_t a, uint32_t n, const uint8_t *data)
{
	if (o->nloose == LOOSE_MAX)
		oracle_loose_flush(o);
	o->loose[o->nloose++] = (struct loose){a, n, data[0], what == VMEM_STATUS};
}

static void settle(struct chain *c, const struct loose *l, uint32_t at)
{
	stored_at(c, at, l->n);
	if (l->status)
		c->status = l->first;
}

void oracle_loose_settle(struct oracle *o, struct chain *c)
{
	uint16_t kept = 0;
	for (uint16_t i = 0; i < o->nloose; i++) {
		uint32_t at;
		unsigned seg;
		unsigned hint = o->loose[i].status ? c->nread + c->nwrite - 1u : c->nread;
		if (find_place(c, true, hint, o->loose[i].addr, o->loose[i].n, &at, &seg))
			settle(c, &o->loose[i], at);
		else
			o->loose[kept++] = o->loose[i];
	}
	o->nloose = kept;
}

/* The used entry may come much later: whose a byte is that chains share can not be told. */
static void doubt(const struct oracle *o, struct chain *owner, const struct loose *l)
{
	struct chain *c;
	uint32_t at;
	unsigned seg;
	for (struct survey s = {0}; (c = next_live(o, &s));)
		if (c != owner && find_place(c, true, c->nread, l->addr, l->n, &at, &seg))
			c->unsure = owner->unsure = true;
}

void oracle_loose_flush(struct oracle *o)
{
	for (uint16_t i = 0; i < o->nloose; i++) {
		const struct loose *l = &o->loose[i];
		uint32_t at;
		unsigned seg;
		struct chain *c = find_owner(o, true, l->addr, l->n, &at, &seg);
		if (!c)
			oracle_cry(o, ORACLE_OWNERSHIP, clause_of(o, true, l->addr, l->n),
				   "%u bytes stored at 0x%llx, which is in no writable buffer that the "
				   "device has",
				   l->n, (unsigned long long)l->addr);
		else if (!c->unsure)
			settle(c, l, at);
		if (c)
			doubt(o, c, l);
	}
	o->nloose = 0;
}

/* -- pins ------------------------------------------------------------------------------------------------ */

void oracle_pin(struct oracle *o, uint32_t pin, enum vmem_kind kind, gpa_t a, uint32_t n)
{
	struct pin *p = &o->pin[pin];
	bool store = kind == VMEM_STORE;
	uint32_t at = 0;
	unsigned seg = 0;
	o->steps++;
	if (o->tangled)
		return;
	struct chain *c = find_owner(o, store, a.v, n, &at, &seg);
	*p = (struct pin){.chain = c, .addr = a.v, .at = at, .n = n, .live = true, .store = store};
	o->npins++;
	if (!c) {
		oracle_cry(o, ORACLE_OWNERSHIP, clause_of(o, store, a.v, n),
			   "%u bytes at 0x%llx are pinned for %s, which are in no such buffer that the "
			   "device has",
			   n, (unsigned long long)a.v, store ? "storing" : "loading");
		return;
	}
	p->serial = c->serial;
	c->hint = (uint16_t)seg;
}

void oracle_pin_refused(struct oracle *o)
{
	if (o->newest && o->newest->live && o->newest->entry == o->entry)
		o->newest->refused = true;
}

void oracle_unpin(struct oracle *o, uint32_t pin, uint32_t stored)
{
	struct pin *p = &o->pin[pin];
	o->steps++;
	if (!p->live)
		return;
	p->live = false;
	o->npins--;
	if (!p->chain || !p->store || !stored || o->tangled)
		return;
	if (!oracle_lives(p->chain, p->serial))
		oracle_cry(o, ORACLE_OWNERSHIP, "",
			   "%u bytes stored at 0x%llx, in a buffer that the device had given back", stored,
			   (unsigned long long)p->addr);
	else if (!p->chain->unsure)
		stored_at(p->chain, p->at, stored);
}
