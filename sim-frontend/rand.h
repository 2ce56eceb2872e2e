// SPDX-License-Identifier: BSD-2-Clause
/*
 * rand: the generator's numbers, from a seed, or from a tape: bytes that somebody else chose, zeroes behind its end.
 * From a seed: One word of state, one multiplication a draw, no division: a
 * simulated request costs some hundred nanoseconds, and its decisions must not be a tenth of that. The same
 * on every build and machine. One draw at
 * most belongs into the arguments of a call: C does not tell which comes first. Not for secrets.
 */
#ifndef RINGSIDE_RAND_H
#define RINGSIDE_RAND_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "hash.h"

struct rand {
	uint64_t state;
	uint64_t pool; /* bits that were drawn and not used yet */
	uint32_t left; /* how many */
	bool taped;
	const uint8_t *tape; /* what is left of it */
	size_t tape_len;
};

static inline void rand_seed(struct rand *r, uint64_t seed)
{
	r->state = hash_u64(hash_u64(HASH_SEED, seed), seed);
	r->left = 0;
	r->taped = false;
}

/* The tape must stay where it is. */
static inline void rand_tape(struct rand *r, const uint8_t *tape, size_t n)
{
	*r = (struct rand){.taped = true, .tape = tape, .tape_len = n};
}

static inline uint64_t rand_next_taped(struct rand *r)
{
	uint64_t v = 0;
	size_t n = r->tape_len < sizeof(v) ? r->tape_len : sizeof(v);
	if (n)
		memcpy(&v, r->tape, n);
	r->tape += n;
	r->tape_len -= n;
	return v;
}

static inline uint64_t rand_u64(struct rand *r)
{
	if (r->taped)
		return rand_next_taped(r);
	r->state += HASH_SEED;
	unsigned __int128 p =
		(unsigned __int128)(r->state ^ 0xff51afd7ed558ccdull) * (r->state ^ 0xd1342543de82ef95ull);
	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* n bits, 1 .. 32 */
static inline uint32_t rand_bits(struct rand *r, uint32_t n)
{
	if (r->left < n) {
		r->pool = rand_u64(r);
		r->left = 64;
	}
	uint32_t v = (uint32_t)(r->pool & ((1ull << n) - 1));
	r->pool >>= n;
	r->left -= n;
	return v;
}

/* 0 .. n - 1; n at most 2^32 */
static inline uint32_t rand_below(struct rand *r, uint64_t n)
{
	return (uint32_t)(n * rand_bits(r, 32) >> 32);
}

/* True once in 2^bits times. */
static inline bool rand_once(struct rand *r, uint32_t bits)
{
	return rand_bits(r, bits) == 0;
}

#endif
