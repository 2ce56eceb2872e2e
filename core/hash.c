// SPDX-License-Identifier: BSD-2-Clause
#include "hash.h"

static uint64_t word(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

/* Both halves of the 128-bit product, so that every bit of a reaches every bit of the result. */
static inline uint64_t fold(uint64_t a, const uint8_t *p)
{
	unsigned __int128 product = (unsigned __int128)(a ^ word(p)) * (word(p + 8) ^ 0xff51afd7ed558ccdull);
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Four lanes of 16 bytes a step, so that the multiplications overlap; the length goes in, so that zeroes
 * count. */
uint64_t hash_bytes(uint64_t h, const void *data, size_t n)
{
	const uint8_t *p = data;
	uint64_t a = h, b = h + 1, c = h + 2, d = h + 3;
	h = hash_u64(h, n);
	for (; n >= 64; p += 64, n -= 64) {
		a = fold(a, p);
		b = fold(b, p + 16);
		c = fold(c, p + 32);
		d = fold(d, p + 48);
	}
	if (p != data)
		h = hash_u64(hash_u64(hash_u64(hash_u64(h, a), b), c), d);
	for (; n >= 8; p += 8, n -= 8)
		h = hash_u64(h, word(p));
	uint64_t rest = 0;
	if (n) /* else p may be NULL */
		memcpy(&rest, p, n);
	return hash_u64(h, rest);
}
