// SPDX-License-Identifier: BSD-2-Clause
/* bits: looking for room in a bitmap, 64 entries at a time. */
#ifndef RINGSIDE_BITS_H
#define RINGSIDE_BITS_H

#include <stdint.h>

/*
 * Where the first run of n ones (n from 1 to 64) begins in the first word; it may end in the second. 64:
 * there is none. Each step doubles the length of the runs that are known. A run inside of the first word
 * begins before any that reaches into the second.
 */
static inline uint32_t bits_first_run(uint64_t first, uint64_t second, uint32_t n)
{
	uint64_t ones = first;
	unsigned __int128 both = (unsigned __int128)second << 64 | first;
	for (uint32_t have = 1, step; have < n; have += step) {
		step = have < n - have ? have : n - have;
		ones &= ones >> step;
	}
	if (ones)
		return (uint32_t)__builtin_ctzll(ones);
	for (uint32_t have = 1, step; have < n; have += step) {
		step = have < n - have ? have : n - have;
		both &= both >> step;
	}
	return (uint64_t)both ? (uint32_t)__builtin_ctzll((uint64_t)both) : 64;
}

#endif
