// SPDX-License-Identifier: BSD-2-Clause
/*
 * pattern: what a sector holds, as two numbers: its 64 words count up from `base` by `step`. Made and
 * compared at the speed of memory, in words of 16 bytes that need no alignment.
 */
#ifndef RINGSIDE_PATTERN_H
#define RINGSIDE_PATTERN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PATTERN_LEN 512u /* bytes */

struct pattern {
	uint64_t base, step;
};

/* Not of 32 bytes: without AVX gcc keeps those in memory, and it takes five times as long. Unrolled,
 * because counting was a third of the instructions. */
typedef uint64_t pattern_words __attribute__((vector_size(16)));
typedef uint64_t pattern_bytes __attribute__((vector_size(16), aligned(1), may_alias));

static inline void pattern_make(struct pattern p, uint8_t *out)
{
	pattern_words v = {p.base, p.base + p.step};
	uint64_t s = 2 * p.step;
	pattern_words step = {s, s};
#pragma GCC unroll 4
	for (uint32_t i = 0; i < PATTERN_LEN; i += 16, v += step)
		*(pattern_bytes *)(void *)(out + i) = v;
}

static inline bool pattern_same(struct pattern p, const uint8_t *in)
{
	pattern_words v = {p.base, p.base + p.step};
	uint64_t s = 2 * p.step;
	pattern_words step = {s, s}, differ = {0};
#pragma GCC unroll 4
	for (uint32_t i = 0; i < PATTERN_LEN; i += 16, v += step)
		differ |= *(const pattern_bytes *)(const void *)(in + i) ^ v;
	return !(differ[0] | differ[1]);
}

/* The same for n bytes from `off` on. */
static inline bool pattern_part_same(struct pattern p, const uint8_t *in, uint32_t off, uint32_t n)
{
	uint8_t tmp[PATTERN_LEN];
	if (n == PATTERN_LEN)
		return pattern_same(p, in);
	pattern_make(p, tmp);
	return !memcmp(tmp + off, in, n);
}

static inline void pattern_part_make(struct pattern p, uint8_t *out, uint32_t off, uint32_t n)
{
	uint8_t tmp[PATTERN_LEN];
	if (n == PATTERN_LEN) {
		pattern_make(p, out);
		return;
	}
	pattern_make(p, tmp);
	memcpy(out, tmp + off, n);
}

#endif
