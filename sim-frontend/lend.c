// SPDX-License-Identifier: BSD-2-Clause
#include <stdlib.h>

#include "lend.h"
#include "poison.h"

#define LEND_LEN ((size_t)LEND_BLOCK_LEN * LEND_BLOCKS)

bool lend_create(struct lend *l)
{
	l->base = aligned_alloc(LEND_BLOCK_LEN, LEND_LEN);
	if (!l->base)
		return false;
	arena_init(&l->arena, l->base, LEND_BLOCK_LEN, LEND_BLOCKS);
	poison(l->base, LEND_LEN);
	return true;
}

void lend_destroy(struct lend *l)
{
	if (l->base)
		unpoison(l->base, LEND_LEN);
	free(l->base);
	l->base = NULL;
}

void lend_reset(struct lend *l)
{
	if (l->arena.free == LEND_BLOCKS)
		return;
	arena_init(&l->arena, l->base, LEND_BLOCK_LEN, LEND_BLOCKS);
	poison(l->base, LEND_LEN);
}

void *lend_get(struct lend *l, uint32_t n)
{
	uint8_t *p = n <= LEND_LEN ? arena_get(&l->arena, n + LEND_GAP) : NULL;
	if (!p)
		return NULL;
	unpoison(p + LEND_GAP, n);
	return p + LEND_GAP;
}

void lend_put(struct lend *l, void *lent, uint32_t n)
{
	uint8_t *p = lent;
	poison(p, n);
	arena_put(&l->arena, p - LEND_GAP, n + LEND_GAP);
}
