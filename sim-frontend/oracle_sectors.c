// SPDX-License-Identifier: BSD-2-Clause
#include "oracle_sectors.h"

struct pattern sector_pattern(uint64_t sector, uint32_t version)
{
	if (version & VERSION_ZEROES)
		return (struct pattern){0, 0};
	if (version == VERSION_MADE)
		return (struct pattern){simdisk_made(sector), 1};
	return (struct pattern){version * 0x9e3779b97f4a7c15ull ^ sector * 0xc2b2ae3d27d4eb4full,
				0x9fb21c651e98df25ull};
}

struct content_sector *sector_of(struct content *c, uint64_t sector)
{
	struct content_sector *s = &c->sector[sector];
	if (s->era == c->era)
		return s;
	s->era = c->era;
	s->forgot = 0;
	s->nlive = s->nalts = 1;
	s->was_cut = false;
	s->alt[0] = (struct content_alt){.version = VERSION_MADE};
	if (c->unknown || sector >= c->shrunk)
		s->alt[0] = (struct content_alt){.version = VERSION_ANY, .over = c->doubted};
	if (c->top <= sector)
		c->top = (uint32_t)sector + 1;
	return s;
}

/* -- lists ----------------------------------------------------------------------------------------------- */

/* When the oldest read in flight was posted: it may meet what went later. Before any read nothing does. */
static uint32_t first_read(const struct content *c)
{
	return c->oldest_read ? c->slot[c->oldest_read].posted : UINT32_MAX;
}

/* Nobody can meet it any more: no read that was posted before it went, and no power cut. */
static bool is_past(const struct content_alt *a, uint32_t first, uint32_t stable)
{
	return a->gone && a->gone <= first && (a->for_good || a->gone < stable);
}

static void drop(struct content_sector *s, uint32_t i)
{
	s->alt[i] = s->alt[--s->nalts];
}

static void drop_past(const struct content *c, struct content_sector *s)
{
	uint32_t first = first_read(c), stable = c->stable;
	for (uint32_t i = s->nlive; i < s->nalts;) {
		if (is_past(&s->alt[i], first, stable))
			drop(s, i);
		else
			i++;
	}
}

/* The i-th can not be there any more. */
static void retire(struct content *c, struct content_sector *s, uint32_t i, bool for_good)
{
	struct content_alt a = s->alt[i];
	a.gone = c->now;
	a.for_good = for_good;
	s->alt[i] = s->alt[--s->nlive];
	s->alt[s->nlive] = a;
}

static struct content_alt *find(struct content_sector *s, uint32_t version)
{
	for (uint32_t i = 0; i < s->nlive; i++)
		if (s->alt[i].version == version)
			return &s->alt[i];
	return NULL;
}

static void add(struct content_sector *s, uint32_t version, uint32_t over)
{
	s->alt[s->nalts++] = s->alt[s->nlive];
	s->alt[s->nlive++] = (struct content_alt){.version = version, .over = over};
}

/* One of those that are gone is forgotten, for a power cut may bring anything then; not while a read may see
 * it. */
static bool make_room(struct content *c, struct content_sector *s)
{
	uint32_t first = first_read(c);
	drop_past(c, s);
	for (uint32_t i = s->nlive; s->nalts == CONTENT_ALTS_MAX && i < s->nalts; i++) {
		if (s->alt[i].gone > first)
			continue;
		s->forgot = s->alt[i].gone > s->forgot ? s->alt[i].gone : s->forgot;
		drop(s, i);
	}
	return s->nalts < CONTENT_ALTS_MAX;
}

/* What ended is among anything; what is in flight still has to end. */
void sector_anything(struct content *c, struct content_sector *s)
{
	for (uint32_t i = 0; i < s->nlive;) {
		if (s->alt[i].over == IN_FLIGHT) {
			i++;
			continue;
		}
		s->alt[i] = s->alt[--s->nlive];
		drop(s, s->nlive);
	}
	if (!make_room(c, s))
		s->nalts = s->nlive = 0;
	add(s, VERSION_ANY, c->now);
}

void sector_begin(struct content *c, struct content_sector *s, uint32_t version)
{
	bool full = s->nalts == CONTENT_ALTS_MAX && !make_room(c, s);
	if (full)
		sector_anything(c, s);
	if (s->nalts == CONTENT_ALTS_MAX)
		return; /* it is among anything, until all that is in flight has ended (sector_settle) */
	if (full)
		s->alt[s->nlive - 1].over--; /* it is not */
	add(s, version, IN_FLIGHT);
}

void sector_end(struct content *c, struct content_sector *s, uint32_t version)
{
	struct content_alt *a = find(s, version);
	if (a)
		a->over = c->now;
	else
		sector_anything(c, s);
}

void sector_settle(struct content *c, struct content_sector *s, uint32_t version, uint32_t posted,
		   bool for_good)
{
	if (s->nalts > s->nlive)
		drop_past(c, s);
	for (uint32_t i = 0; i < s->nlive;) {
		struct content_alt *a = &s->alt[i];
		bool may_come = a->version == VERSION_ANY && a->over > c->quiet;
		if (a->version == version)
			a->over = c->now;
		else if (a->over < posted && !may_come) {
			retire(c, s, i, for_good);
			continue;
		}
		i++;
	}
	if (!find(s, version))
		sector_anything(c, s);
}

/* -- reading --------------------------------------------------------------------------------------------- */

static bool may_see(const struct content_alt *a, uint32_t posted)
{
	return !a->gone || a->gone > posted;
}

/* Each byte may be of another version: a read and a write that meet are not atomic. */
static bool bytes_allowed(const struct content_sector *s, uint64_t sector, uint32_t posted, const uint8_t *in,
			  uint32_t off, uint32_t n)
{
	uint8_t tmp[PATTERN_LEN], allowed[PATTERN_LEN] = {0};
	uint32_t good = 0;
	for (uint32_t i = 0; i < s->nalts; i++) {
		if (!may_see(&s->alt[i], posted))
			continue;
		pattern_make(sector_pattern(sector, s->alt[i].version), tmp);
		for (uint32_t k = 0; k < n; k++)
			allowed[k] |= tmp[off + k] == in[k];
	}
	for (uint32_t k = 0; k < n; k++)
		good += allowed[k];
	return good == n;
}

/*
 * The i-th was read, and nothing was on its way: then it is the one. But what was discarded may read
 * otherwise each time.
 */
static void settle_for(struct content *c, struct content_sector *s, uint32_t i, uint32_t posted)
{
	for (uint32_t k = 0; k < s->nlive; k++)
		if (s->alt[k].over >= posted || (s->alt[k].version & VERSION_DISCARD))
			return;
	struct content_alt seen = s->alt[i];
	s->alt[i] = s->alt[0];
	s->alt[0] = seen;
	while (s->nlive > 1)
		retire(c, s, 1, false);
	drop_past(c, s);
}

static bool allows_some(struct content *c, uint64_t sector, uint32_t posted, const uint8_t *in, uint32_t off,
			uint32_t n)
{
	struct content_sector *s = &c->sector[sector];
	for (uint32_t i = 0; i < s->nalts; i++)
		if (s->alt[i].version == VERSION_ANY && may_see(&s->alt[i], posted))
			return true;
	for (uint32_t i = 0; i < s->nalts; i++) {
		struct pattern p = sector_pattern(sector, s->alt[i].version);
		if (!may_see(&s->alt[i], posted) || !pattern_part_same(p, in, off, n))
			continue;
		if (i < s->nlive && n == PATTERN_LEN)
			settle_for(c, s, i, posted);
		return true;
	}
	return s->nalts > 1 && bytes_allowed(s, sector, posted, in, off, n);
}

bool sector_allows(struct content *c, uint64_t sector, uint32_t posted, const uint8_t *in, uint32_t off,
		   uint32_t n)
{
	const struct content_sector *s = sector_of(c, sector);
	if (s->nlive == 1 && s->alt[0].version != VERSION_ANY &&
	    pattern_part_same(sector_pattern(sector, s->alt[0].version), in, off, n))
		return true;
	return allows_some(c, sector, posted, in, off, n);
}

/* -- power ----------------------------------------------------------------------------------------------- */

void sector_power_cut(struct content *c, struct content_sector *s)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < s->nalts; i++) {
		struct content_alt a = s->alt[i];
		if (a.gone && (a.for_good || a.gone < c->stable))
			continue;
		s->alt[kept++] = (struct content_alt){.version = a.version, .over = c->now};
	}
	s->nlive = s->nalts = (uint8_t)kept;
	s->was_cut = true;
	if (s->forgot && s->forgot >= c->stable)
		sector_anything(c, s);
	s->forgot = 0;
}
