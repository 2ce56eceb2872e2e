// SPDX-License-Identifier: BSD-2-Clause
#include <stdlib.h>

#include "guestlog.h"

#define BLOCK_LEN 64u /* bytes that are compared at once; one poke covers changed blocks in a row */

bool guestlog_create(struct guestlog *g, const struct ram *ram)
{
	*g = (struct guestlog){.ram = ram};
	for (int i = 0; i < RAM_REGIONS; i++) {
		g->copy[i] = calloc(1, ram->map.region[i].len); /* as if all that is there now were to come */
		if (!g->copy[i]) {
			guestlog_destroy(g);
			return false;
		}
	}
	return true;
}

void guestlog_destroy(struct guestlog *g)
{
	for (int i = 0; i < RAM_REGIONS; i++)
		free(g->copy[i]);
	*g = (struct guestlog){0};
}

void guestlog_device_stored(struct guestlog *g, gpa_t a, uint32_t n)
{
	for (int i = 0; i < RAM_REGIONS; i++) {
		const struct vmem_region *r = &g->ram->map.region[i];
		uint64_t from = a.v > r->gpa ? a.v - r->gpa : 0;
		uint64_t to = a.v + n > r->gpa ? a.v + n - r->gpa : 0;
		to = to < r->len ? to : r->len;
		if (from < to)
			memcpy(g->copy[i] + from, r->host + from, to - from);
	}
}

/* Where the changed bytes end that begin in the block at `at`; at itself: none are changed there. */
static uint64_t changed_until(const struct guestlog *g, int i, uint64_t at)
{
	const struct vmem_region *r = &g->ram->map.region[i];
	while (at < r->len && memcmp(g->copy[i] + at, r->host + at, BLOCK_LEN) != 0)
		at += BLOCK_LEN;
	return at;
}

static void put(struct guestlog *g, struct recorder_dev *d, int i, uint64_t from, uint64_t to)
{
	const struct vmem_region *r = &g->ram->map.region[i];
	while (r->host[from] == g->copy[i][from])
		from++;
	while (r->host[to - 1] == g->copy[i][to - 1])
		to--;
	struct op poke = {.code = OP_POKE,
			  .dev = d->dev,
			  .arg = {r->gpa + from},
			  .data = r->host + from,
			  .len = (uint32_t)(to - from)};
	recorder_put(d->rec, &poke);
	memcpy(g->copy[i] + from, r->host + from, to - from);
}

void guestlog_put(struct guestlog *g, struct recorder_dev *d)
{
	for (int i = 0; i < RAM_REGIONS; i++) {
		for (uint64_t at = 0; at < g->ram->map.region[i].len; at += BLOCK_LEN) {
			uint64_t end = changed_until(g, i, at);
			if (end == at)
				continue;
			put(g, d, i, at, end);
			at = end;
		}
	}
}
