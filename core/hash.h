// SPDX-License-Identifier: BSD-2-Clause
/* hash: a fast 64-bit hash of bytes, the same on every build and machine. Not for secrets, nor against an
 * attacker. */
#ifndef RINGSIDE_HASH_H
#define RINGSIDE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HASH_SEED 0x9e3779b97f4a7c15ull

static inline uint64_t hash_u64(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0xff51afd7ed558ccdull;
	return h ^ (h >> 32);
}

uint64_t hash_bytes(uint64_t h, const void *, size_t n);

#endif
