// SPDX-License-Identifier: BSD-2-Clause
#include <string.h>

#include "arena.h"
#include "host.h"

void arena_init(struct arena *a, uint8_t *base, uint32_t block_len, uint32_t nblocks)
{
	core_check(nblocks <= ARENA_BLOCKS_MAX);
	memset(a, 0, sizeof(*a));
	a->base = base;
	a->block_len = block_len;
	a->nblocks = a->free = nblocks;
}

static bool is_used(const struct arena *a, uint32_t i)
{
	return a->used[i / 64] >> (i % 64) & 1;
}

static void mark(struct arena *a, uint32_t first, uint32_t n)
{
	for (uint32_t i = first; i < first + n; i++)
		a->used[i / 64] ^= 1ull << (i % 64);
}

void *arena_get(struct arena *a, uint32_t n)
{
	uint32_t need = (n - 1) / a->block_len + 1, run = 0;
	if (need > a->free)
		return NULL;
	for (uint32_t i = 0; i < a->nblocks; i++) {
		if (i % 64 == 0 && a->used[i / 64] == UINT64_MAX) {
			run = 0;
			i += 63;
			continue;
		}
		run = is_used(a, i) ? 0 : run + 1;
		if (run < need)
			continue;
		uint32_t first = i + 1 - need;
		mark(a, first, need);
		a->free -= need;
		return a->base + (uint64_t)first * a->block_len;
	}
	return NULL;
}

void arena_put(struct arena *a, const void *p, uint32_t n)
{
	uint64_t off = (uint64_t)((const uint8_t *)p - a->base);
	uint32_t first = (uint32_t)(off / a->block_len), need = (n - 1) / a->block_len + 1;
	core_check(off % a->block_len == 0 && first + need <= a->nblocks && is_used(a, first));
	mark(a, first, need);
	a->free += need;
}
