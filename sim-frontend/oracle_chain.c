// SPDX-License-Identifier: BSD-2-Clause
/*
 * Chains as the device loads them, so that the other oracles know which it took and what they read like; and
 * where it loads something for the second time: between two loads the driver may write.
 */
#include "oracle_int.h"

/* -- taken and given back -------------------------------------------------------------------------------- */

static void own(struct ring *r, struct chain *c, bool on)
{
	r->owned[c->id / 64] ^= 1ull << (c->id % 64);
	r->nowned += on ? 1u : UINT32_MAX;
	c->live = on;
}

static uint32_t order_slot(const struct ring *r, uint32_t nth)
{
	uint32_t i = r->oldest + nth;
	return i < r->size ? i : i - r->size;
}

struct chain *oracle_chain_begin(struct oracle *o, struct ring *r, uint32_t index, uint16_t n)
{
	struct chain *c = r->spare;
	c->serial = ++o->serial;
	c->queue = ring_number(o, r);
	c->entry = o->entry;
	c->unsure = c->failed = c->refused = false;
	c->status = -1;
	c->ndesc = c->nread = c->nwrite = c->ngaps = c->hint = 0;
	c->read_len = c->write_len = c->prefix = 0;
	memset(c->header, 0, sizeof(c->header));
	o->walk.chain = c;
	o->walk.what = VMEM_DESC;
	o->walk.table = r->at[VQ_DESC];
	o->walk.index = index;
	o->walk.entries = r->size;
	o->walk.need = n;
	o->walk.mask = 0;
	return c;
}

bool oracle_chain_taken(struct oracle *o, struct chain *c)
{
	struct ring *r = &o->ring[c->queue];
	bool twice = oracle_owns(r, c->id);
	r->latest = o->newest = NULL;
	/* With IN_ORDER the device may be done with the first one, and nobody can see it yet. */
	o->tangled |= twice && o->in_order;
	if (c->id >= r->size || twice)
		return false;
	r->spare = r->chain[c->id];
	r->chain[c->id] = c;
	r->order[order_slot(r, r->nowned)] = c->id;
	own(r, c, true);
	c->turn = r->ntaken++;
	r->latest = o->newest = c;
	return true;
}

/* Used in any order where IN_ORDER was not negotiated; then nobody looks at order[]. */
void oracle_chain_drop(struct ring *r, struct chain *c)
{
	own(r, c, false);
	r->oldest = (uint16_t)order_slot(r, 1);
}

void oracle_chain_unpop(struct ring *r)
{
	struct chain *c = r->latest;
	own(r, c, false);
	r->starved |= c->refused;
	r->ntaken--;
	r->taken = ring_add(r, r->taken, r->round - c->ndesc);
	r->latest = NULL;
}

/*
 * The end of order[] holds those that were taken last, whether or not they are kept in order; but an id may stand
 * there twice, for a chain that is gone, too.
 */
void oracle_given_back(struct oracle *o, uint16_t queue, uint32_t least)
{
	struct ring *r = &o->ring[queue];
	struct chain *c;
	uint32_t ntaken = 0, n;
	for (; ntaken < r->nowned; ntaken++) {
		c = r->chain[r->order[order_slot(r, r->nowned - 1 - ntaken)]];
		if (!c->live || c->entry != o->entry || c->turn != r->ntaken - 1 - ntaken)
			break;
	}
	for (n = ntaken; n; n--)
		if (r->chain[r->order[order_slot(r, r->nowned - n)]]->write_len >= least)
			break;
	if (n)
		r->reach = r->taken;
	for (; n; n--) {
		r->latest = r->chain[r->order[order_slot(r, r->nowned - 1)]];
		oracle_chain_unpop(r);
		r->any_slot = false;
	}
	o->newest = NULL;
}

void oracle_latest_given_back(struct oracle *o, uint16_t queue)
{
	struct ring *r = &o->ring[queue];
	if (!r->ready || o->tangled || !r->latest || !r->latest->live)
		return;
	oracle_chain_unpop(r);
	r->reach = r->taken;
	r->any_slot = false;
	o->newest = NULL;
}

void oracle_chain_failed(struct oracle *o, uint16_t queue, uint16_t id)
{
	struct ring *r = &o->ring[queue];
	if (r->ready && oracle_owns(r, id))
		r->chain[id]->failed = true;
}

/* -- descriptors ----------------------------------------------------------------------------------------- */

void oracle_chain_buffer(struct chain *c, uint64_t addr, uint32_t n, bool writable)
{
	unsigned i = c->nread + c->nwrite;
	uint32_t *len = writable ? &c->write_len : &c->read_len;
	if (i == SEGS_MAX || (!writable && c->nwrite) || *len + n < n) {
		c->unsure = true; /* too many, out of order, 4 GiB: the device has to refuse it */
		return;
	}
	c->seg[i].addr = addr;
	c->seg[i].len = n;
	c->seg[i].at = *len;
	*len += n;
	if (writable)
		c->nwrite++;
	else
		c->nread++;
}

void oracle_chain_table(struct walk *w, uint64_t addr, uint32_t len)
{
	w->what = VMEM_INDIRECT;
	w->table = w->indirect = addr;
	w->entries = len / 16;
	w->indirect_len = len;
	w->indirect_serial = w->chain->serial;
	w->index = 0;
	w->need = 16;
}

/* A descriptor is loaded that is not the next of the chain: prefetching is no offence, fetching again is. */
static void load_elsewhere(struct oracle *o, enum vmem_for what, uint64_t a)
{
	const struct walk *w = &o->walk;
	if (what == VMEM_INDIRECT) {
		uint64_t i = (a - w->indirect) / 16;
		if (w->indirect_serial && i < w->indirect_len / 16 && i < TABLE_MAX &&
		    o->table_stamp[i] == w->indirect_serial)
			oracle_cry(o, ORACLE_FETCH_ONCE, "",
				   "entry %llu of an indirect table is loaded twice", (unsigned long long)i);
		return;
	}
	struct ring *r = oracle_ring_at(o, VQ_DESC, a);
	if (!r) {
		oracle_no_ring(o, "a descriptor is loaded", a);
		return;
	}
	uint64_t i = (a - r->at[VQ_DESC]) / 16;
	const struct stamp *s = &r->stamp[i];
	if (s->serial && s->chain->serial == s->serial && (s->chain->live || s->chain == w->chain))
		oracle_cry(o, ORACLE_FETCH_ONCE, "",
			   "queue %u: descriptor %llu is loaded twice for the same chain", s->chain->queue,
			   (unsigned long long)i);
}

static void step(struct oracle *o)
{
	struct walk *w = &o->walk;
	struct chain *c = w->chain;
	w->mask = 0;
	if (w->what == VMEM_DESC)
		o->ring[c->queue].stamp[w->index] = (struct stamp){c->serial, c};
	else if (w->index < TABLE_MAX)
		o->table_stamp[w->index] = c->serial;
	o->layout->step(o);
}

/* Puts together what is loaded in parts. */
static void load_part(struct oracle *o, uint32_t off, uint32_t n, const uint8_t *data)
{
	struct walk *w = &o->walk;
	uint32_t bits = ((1u << n) - 1) << off;
	if (w->mask & bits)
		oracle_cry(o, ORACLE_FETCH_ONCE, "", "descriptor %u: a field is loaded twice", w->index);
	memcpy(w->desc + off, data, n);
	w->mask |= (uint16_t)bits;
	if (o->layout->whole(w))
		step(o);
}

/* The walk wants the descriptor that a lies in. */
static bool expects(const struct walk *w, enum vmem_for what, uint64_t a)
{
	return w->chain && w->what == what && a - w->table - 16ull * w->index < 16;
}

/* Field by field, one descriptor or several at a time: all are ways to load a table. */
static void load_desc(struct oracle *o, enum vmem_for what, uint64_t a, uint32_t n, const uint8_t *data)
{
	struct walk *w = &o->walk;
	while (n) {
		bool wanted = expects(w, what, a) ||
			      (what == VMEM_DESC && o->layout->begin(o, a, n, data) && expects(w, what, a));
		uint32_t off = wanted ? (uint32_t)(a - w->table - 16ull * w->index) : 0;
		uint32_t part = n < 16 - off ? n : 16 - off;
		if (!wanted) {
			load_elsewhere(o, what, a);
		} else if (part == w->need && !off && !w->mask) {
			memcpy(w->desc, data, part);
			step(o);
		} else {
			load_part(o, off, part, data);
		}
		a += part;
		data += part;
		n -= part;
	}
}

void oracle_desc_load(struct oracle *o, enum vmem_for what, uint64_t a, uint32_t n, const uint8_t *data)
{
	struct walk *w = &o->walk;
	if (n == 16 && w->need == 16 && !w->mask && w->chain && w->what == what &&
	    a == w->table + 16ull * w->index) {
		memcpy(w->desc, data, 16); /* as nearly always */
		step(o);
	} else {
		load_desc(o, what, a, n, data);
	}
}

/* -- headers --------------------------------------------------------------------------------------------- */

/* Marks n header bytes from `at` on; false: some were loaded before. */
static bool mark_header(struct chain *c, uint32_t at, uint32_t n)
{
	bool fresh = true;
	while (n && at < HEADER_MAX) {
		uint32_t bit = at % 64, part = n < 64 - bit ? n : 64 - bit;
		uint64_t bits = (part == 64 ? UINT64_MAX : (1ull << part) - 1) << bit;
		fresh &= !(c->header[at / 64] & bits);
		c->header[at / 64] |= bits;
		at += part;
		n -= part;
	}
	return fresh;
}

/* Where segments overlap, each may be loaded once: look for a place that was not. Begins at the segment of
 * the last load. */
static bool load_header_of(struct chain *c, uint64_t a, uint32_t n)
{
	bool found = false;
	for (unsigned k = 0, i = c->hint < c->nread ? c->hint : 0; k < c->nread;
	     k++, i = i + 1u == c->nread ? 0 : i + 1u) {
		uint64_t off = a - c->seg[i].addr;
		if (off >= c->seg[i].len || n > c->seg[i].len - off)
			continue;
		found = true;
		if (mark_header(c, c->seg[i].at + (uint32_t)off, n)) {
			c->hint = (uint16_t)i;
			return true;
		}
	}
	return !found;
}

/* Headers are loaded right after the chain was taken, or are not judged. */
void oracle_header_load(struct oracle *o, uint64_t a, uint32_t n)
{
	struct chain *c = o->newest;
	if (c && !c->unsure && !load_header_of(c, a, n))
		oracle_cry(o, ORACLE_FETCH_ONCE, "", "queue %u: %u header bytes at 0x%llx are loaded twice",
			   c->queue, n, (unsigned long long)a);
}
