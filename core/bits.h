// SPDX-License-Identifier: BSD-2-Clause
/* bits: looking for room in a bitmap, 64 entries at a time. */
#ifndef RINGSIDE_BITS_H
#define RINGSIDE_BITS_H

#include <stdint.h>

/*
 * The bits of the first word at which a run of n ones begins (n from 1 to 64); the run may end in the second
 * word. Each step doubles the length of the runs that are known.
 */
static inline uint64_t bits_runs(uint64_t first, uint64_t second, uint32_t n)
{
	unsigned __int128 ones = (unsigned __int128)second << 64 | first;
	for (uint32_t have = 1, step; have < n; have += step) {
		step = have < n - have ? have : n - have;
		ones &= ones >> step;
	}
	return (uint64_t)ones;
}

/* Bits of word `word` of a map that lie at or beyond entry n, as ones: marked as used for good. */
static inline uint64_t bits_beyond(uint32_t word, uint32_t n)
{
	if (64 * word >= n)
		return UINT64_MAX;
	return n - 64 * word >= 64 ? 0 : UINT64_MAX << (n % 64);
}

#endif
