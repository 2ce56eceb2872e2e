// SPDX-License-Identifier: BSD-2-Clause
/* heap: where the model driver places rings and buffers in guest memory. A bitmap of 64-byte blocks; no
 * malloc. */
#ifndef RINGSIDE_HEAP_H
#define RINGSIDE_HEAP_H

#include "vmem.h"

#define HEAP_BLOCK_LEN  64u
#define HEAP_BLOCKS_MAX 1024u

struct heap {
	uint64_t base;
	uint32_t nblocks;
	uint32_t seam; /* the block at which one region ends and the next begins, or another place of interest
			*/
	uint32_t low;  /* no block below it is free */
	uint64_t used[HEAP_BLOCKS_MAX / 64];
};

enum heap_place {
	HEAP_FIRST, /* lowest free address */
	HEAP_LAST,  /* highest: up to the very end */
	HEAP_SEAM,  /* across the seam */
};

void heap_init(struct heap *, uint64_t base, uint32_t len, uint64_t seam);
void heap_reset(struct heap *);
/* n > 0 bytes, from a block's start; false: no room. What cannot be had at SEAM or LAST is taken at FIRST. */
bool heap_get(struct heap *, uint32_t n, enum heap_place, gpa_t *);
void heap_put(struct heap *, gpa_t, uint32_t n); /* as they were got */
static inline uint32_t heap_round(uint32_t n)
{
	return (n + HEAP_BLOCK_LEN - 1) / HEAP_BLOCK_LEN * HEAP_BLOCK_LEN;
}

#endif
