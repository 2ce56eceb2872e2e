// SPDX-License-Identifier: BSD-2-Clause
#include "hash.h"

static uint64_t word(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

/* Four lanes of 8 bytes a step, so that the multiplications overlap; the length goes in, so that zeroes count. */
uint64_t hash_bytes(uint64_t h, const void *data, size_t n)
{
	const uint8_t *p = data;
	uint64_t lane[4] = {h, h + 1, h + 2, h + 3};
	h = hash_u64(h, n);
	if (n >= 32) {
		for (; n >= 32; p += 32, n -= 32)
			for (int i = 0; i < 4; i++)
				lane[i] = hash_u64(lane[i], word(p + 8 * i));
		for (int i = 0; i < 4; i++)
			h = hash_u64(h, lane[i]);
	}
	for (; n >= 8; p += 8, n -= 8)
		h = hash_u64(h, word(p));
	uint64_t rest = 0;
	memcpy(&rest, p, n);
	return hash_u64(h, rest);
}
