// SPDX-License-Identifier: BSD-2-Clause
#include <string.h>

#include "arena.h"
#include "bits.h"
#include "host.h"

void arena_init(struct arena *a, uint8_t *base, uint32_t block_len, uint32_t nblocks)
{
	core_check(nblocks <= ARENA_BLOCKS_MAX);
	memset(a, 0, sizeof(*a));
	a->base = base;
	a->block_len = block_len;
	a->nblocks = a->free = nblocks;
	for (uint32_t i = nblocks / 64; i < sizeof(a->used) / sizeof(a->used[0]); i++)
		a->used[i] = UINT64_MAX;
	a->used[nblocks / 64] <<= nblocks % 64;
}

static bool is_used(const struct arena *a, uint32_t i)
{
	return a->used[i / 64] >> (i % 64) & 1;
}

static void mark(struct arena *a, uint32_t first, uint32_t n)
{
	for (uint32_t part; n; first += part, n -= part) {
		uint32_t bit = first % 64;
		part = n < 64 - bit ? n : 64 - bit;
		a->used[first / 64] ^= UINT64_MAX >> (64 - part) << bit;
	}
}

/* The first run of n free blocks, or nblocks. Long ones block by block. */
static uint32_t first_run(const struct arena *a, uint32_t n)
{
	uint32_t run = 0;
	for (uint32_t i = 0; n <= 64 && i < a->nblocks; i += 64) {
		uint32_t at = bits_first_run(~a->used[i / 64], ~a->used[i / 64 + 1], n);
		if (at < 64)
			return i + at;
	}
	for (uint32_t i = 0; n > 64 && i < a->nblocks; i++) {
		run = is_used(a, i) ? 0 : run + 1;
		if (run == n)
			return i + 1 - n;
	}
	return a->nblocks;
}

void *arena_get(struct arena *a, uint32_t n)
{
	uint32_t need = (n - 1) / a->block_len + 1;
	uint32_t first = need <= a->free ? first_run(a, need) : a->nblocks;
	if (first == a->nblocks)
		return NULL;
	mark(a, first, need);
	a->free -= need;
	return a->base + (uint64_t)first * a->block_len;
}

void arena_put(struct arena *a, const void *p, uint32_t n)
{
	uint64_t off = (uint64_t)((const uint8_t *)p - a->base);
	uint32_t first = (uint32_t)(off / a->block_len), need = (n - 1) / a->block_len + 1;
	core_check(off % a->block_len == 0 && first + need <= a->nblocks && is_used(a, first));
	mark(a, first, need);
	a->free += need;
}
