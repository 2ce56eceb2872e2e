// SPDX-License-Identifier: BSD-2-Clause
/*
 * arena: a bounded pool for lent copies of guest buffers. It never grows: when it is full the answer is NULL,
 * which becomes "not now", so nothing that a guest writes makes the host allocate. First fit, lowest address
 * first.
 */
#ifndef RINGSIDE_ARENA_H
#define RINGSIDE_ARENA_H

#include <stdbool.h>
#include <stdint.h>

#define ARENA_BLOCKS_MAX 4096

struct arena {
	uint8_t *base;
	uint32_t block_len, nblocks;              /* capacity: block_len * nblocks bytes */
	uint32_t free;                            /* blocks */
	uint64_t used[ARENA_BLOCKS_MAX / 64 + 1]; /* what lies beyond nblocks is used */
};

/* base: at least block_len * nblocks bytes, aligned as its borrowers want; nblocks at most ARENA_BLOCKS_MAX.
 */
void arena_init(struct arena *, uint8_t *base, uint32_t block_len, uint32_t nblocks);
void *arena_get(struct arena *, uint32_t n);              /* n > 0 bytes in one piece, or NULL */
void arena_put(struct arena *, const void *, uint32_t n); /* what arena_get gave for n */

#endif
