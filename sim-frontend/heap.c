// SPDX-License-Identifier: BSD-2-Clause
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
	h->low = 0;
	memset(h->used, 0, sizeof(h->used));
}

/* The first block from i on, below end, that is used (or free), or end. */
static uint32_t next(const struct heap *h, uint32_t i, uint32_t end, bool used)
{
	uint64_t flip = used ? 0 : UINT64_MAX;
	for (uint32_t from = i % 64; i < end; i += 64 - from, from = 0) {
		uint64_t bits = (h->used[i / 64] ^ flip) >> from;
		if (bits) {
			i += (uint32_t)__builtin_ctzll(bits);
			return i < end ? i : end;
		}
	}
	return end;
}

/* One more than the last block below i, not below end, that is used (or free), or end. */
static uint32_t last(const struct heap *h, uint32_t i, uint32_t end, bool used)
{
	uint64_t flip = used ? 0 : UINT64_MAX;
	while (i > end) {
		uint32_t above = 63 - (i - 1) % 64;
		uint64_t bits = (h->used[(i - 1) / 64] ^ flip) << above;
		if (bits) {
			i -= (uint32_t)__builtin_clzll(bits);
			break;
		}
		i = i > 64 - above ? i - (64 - above) : 0;
	}
	return i > end ? i : end;
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

/* The first run of n free blocks, or nblocks. */
static uint32_t first_run(struct heap *h, uint32_t n)
{
	uint32_t i = h->low = next(h, h->low, h->nblocks, false);
	while (i + n <= h->nblocks) {
		uint32_t end = next(h, i, i + n, true);
		if (end == i + n)
			return i;
		i = next(h, end, h->nblocks, false);
	}
	return h->nblocks;
}

static uint32_t last_run(const struct heap *h, uint32_t n)
{
	for (uint32_t i = h->nblocks, end; (i = last(h, i, 0, false)) >= n; i = end) {
		end = last(h, i, i - n, true);
		if (end == i - n)
			return end;
	}
	return h->nblocks;
}

static uint32_t seam_run(struct heap *h, uint32_t n)
{
	uint32_t before = (n + 1) / 2;
	uint32_t first = h->seam >= before ? h->seam - before : 0;
	bool is_free = first + n <= h->nblocks && next(h, first, first + n, true) == first + n;
	return is_free ? first : first_run(h, n);
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
	if (first == h->low)
		h->low += need;
	*out = gpa(h->base + (uint64_t)first * HEAP_BLOCK_LEN);
	return true;
}

void heap_put(struct heap *h, gpa_t a, uint32_t n)
{
	uint32_t first = (uint32_t)((a.v - h->base) / HEAP_BLOCK_LEN);
	h->low = first < h->low ? first : h->low;
	flip(h, first, heap_round(n) / HEAP_BLOCK_LEN);
}
