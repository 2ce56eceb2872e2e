// SPDX-License-Identifier: BSD-2-Clause
/*
 * canary: what a planted bug tells of itself. Each patch of fuzz/bugs/ calls canary() where it planted: that
 * counts as reached, and as triggered where the condition holds, which is when the bug matters. A bug that
 * was triggered but not found is a gap in the oracles; one that was never triggered is a gap in what the
 * guest does.
 *
 * Only planted copies of the tree are built with it (fuzz/bugs/plant.sh); core/ itself knows nothing of it.
 */
#ifndef RINGSIDE_CANARY_H
#define RINGSIDE_CANARY_H

#include "vmem.h"

/* The condition again. */
bool canary(bool triggered);

/* Looks at guest memory without the device's doors noticing; 0 where there is none. */
static inline uint16_t canary_peek16(const struct vmem *m, gpa_t a)
{
	uint16_t v = 0;
	for (uint32_t i = 0; i < m->map->nregions; i++) {
		const struct vmem_region *r = &m->map->region[i];
		if (a.v - r->gpa < r->len - 1)
			memcpy(&v, r->host + (a.v - r->gpa), sizeof(v));
	}
	return v;
}

#endif
