// SPDX-License-Identifier: BSD-2-Clause
/*
 * lend: exactly sized copies of guest buffers for the backends, from a bounded arena that is poisoned all
 * around them: a backend or a device that goes one byte too far is caught on that byte. When the arena is
 * full the answer is "not now".
 */
#ifndef RINGSIDE_LEND_H
#define RINGSIDE_LEND_H

#include "arena.h"

#define LEND_BLOCK_LEN 256u
#define LEND_BLOCKS    256u /* 64 KiB: less than the guest has, so that it runs out */
#define LEND_GAP       16u  /* poisoned bytes ahead of each copy */

struct lend {
	struct arena arena;
	uint8_t *base;
};

bool lend_create(struct lend *); /* false: no memory */
void lend_destroy(struct lend *);
void lend_reset(struct lend *); /* takes everything back */
void *lend_get(struct lend *, uint32_t n);
void lend_put(struct lend *, void *, uint32_t n);
static inline bool lend_owns(const struct lend *l, const void *p)
{
	return (uintptr_t)p - (uintptr_t)l->base < LEND_BLOCK_LEN * LEND_BLOCKS;
}
/* A number below LEND_BLOCKS for each lent piece. */
static inline uint32_t lend_index(const struct lend *l, const void *p)
{
	return (uint32_t)((const uint8_t *)p - l->base) / LEND_BLOCK_LEN;
}

#endif
