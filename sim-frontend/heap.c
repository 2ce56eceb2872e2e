// SPDX-License-Identifier: BSD-2-Clause
#include "bits.h"
#include "heap.h"

void heap_init(struct heap *h, uint64_t base, uint32_t len, uint64_t seam)
{
	*h = (struct heap){.base = base,
			   .nblocks = len / HEAP_BLOCK_LEN,
			   .seam = (uint32_t)((seam - base) / HEAP_BLOCK_LEN)};
	heap_reset(h);
}

void heap_reset(struct heap *h)
{
	for (uint32_t i = 0; i < sizeof(h->used) / sizeof(h->used[0]); i++)
		h->used[i] = bits_beyond(i, h->nblocks);
}

static bool is_used(const struct heap *h, uint32_t i)
{
	return h->used[i / 64] >> (i % 64) & 1;
}

static bool is_free(const struct heap *h, uint32_t first, uint32_t n)
{
	for (uint32_t i = first; i < first + n; i++)
		if (is_used(h, i))
			return false;
	return true;
}

static void flip(struct heap *h, uint32_t first, uint32_t n)
{
	while (n) {
		uint32_t bit = first % 64, part = n < 64 - bit ? n : 64 - bit;
		uint64_t ones = part == 64 ? UINT64_MAX : (1ull << part) - 1;
		h->used[first / 64] ^= ones << bit;
		first += part;
		n -= part;
	}
}

/* Block by block. */
static uint32_t first_long_run(const struct heap *h, uint32_t n)
{
	uint32_t run = 0;
	for (uint32_t i = 0; i < h->nblocks; i++) {
		run = is_used(h, i) ? 0 : run + 1;
		if (run == n)
			return i + 1 - n;
	}
	return h->nblocks;
}

/* The first run of n free blocks, or nblocks. */
static uint32_t first_run(const struct heap *h, uint32_t n)
{
	if (n > 64)
		return first_long_run(h, n);
	for (uint32_t i = 0; 64 * i < h->nblocks; i++) {
		uint32_t at = bits_first_run(~h->used[i], ~h->used[i + 1], n);
		if (at < 64)
			return 64 * i + at;
	}
	return h->nblocks;
}

static uint32_t last_run(const struct heap *h, uint32_t n)
{
	uint32_t run = 0;
	for (uint32_t i = h->nblocks; i-- > 0;) {
		run = is_used(h, i) ? 0 : run + 1;
		if (run == n)
			return i;
	}
	return h->nblocks;
}

static uint32_t seam_run(const struct heap *h, uint32_t n)
{
	uint32_t before = (n + 1) / 2;
	uint32_t first = h->seam >= before ? h->seam - before : 0;
	return first + n <= h->nblocks && is_free(h, first, n) ? first : first_run(h, n);
}

bool heap_get(struct heap *h, uint32_t n, enum heap_place place, gpa_t *out)
{
	uint32_t need = heap_round(n) / HEAP_BLOCK_LEN, first;
	if (need > h->nblocks)
		return false;
	first = place == HEAP_LAST   ? last_run(h, need)
		: place == HEAP_SEAM ? seam_run(h, need)
				     : first_run(h, need);
	if (first == h->nblocks)
		return false;
	flip(h, first, need);
	*out = gpa(h->base + (uint64_t)first * HEAP_BLOCK_LEN);
	return true;
}

void heap_put(struct heap *h, gpa_t a, uint32_t n)
{
	flip(h, (uint32_t)((a.v - h->base) / HEAP_BLOCK_LEN), heap_round(n) / HEAP_BLOCK_LEN);
}
