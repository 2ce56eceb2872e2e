// SPDX-License-Identifier: BSD-2-Clause
/* What only libFuzzer calls. Most changes are made op by op, the rest byte by byte. */
#include <stdlib.h>
#include <string.h>

#include "mutate.h"
#include "target.h"

#define BYTES_OFTEN 8 /* one change in so many */

size_t LLVMFuzzerMutate(uint8_t *, size_t n, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *, size_t n, size_t max, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *, size_t, const uint8_t *, size_t, uint8_t *, size_t,
				 unsigned);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static bool by_bytes; /* no change is made op by op: what is lost then? (fuzz/enginebench.sh) */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	target_sample();
	by_bytes = getenv("RINGSIDE_FUZZ_BY_BYTES");
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t max, unsigned seed)
{
	if (by_bytes)
		return LLVMFuzzerMutate(bytes, n, max);
	if (target_chooses())
		mutate_for_chosen();
	else
		mutate_for(target_device());
	if (seed % BYTES_OFTEN)
		return mutate_program(bytes, n, max, seed);
	size_t ahead = n > mutate_ahead() ? mutate_ahead() : 0;
	return ahead + LLVMFuzzerMutate(bytes + ahead, n - ahead, max - ahead);
}

/* Pieces of the one and of the other by turns, as libFuzzer does it where nobody knows better. */
static size_t cross_bytes(const uint8_t *a, size_t na, const uint8_t *b, size_t nb, uint8_t *out, size_t max,
			  unsigned seed)
{
	size_t n = 0;
	for (bool from_a = true; n < max && (na || nb); from_a = !from_a) {
		const uint8_t **from = from_a ? &a : &b;
		size_t *left = from_a ? &na : &nb, part;
		seed = seed * 1664525u + 1013904223u;
		part = *left ? 1 + (seed >> 8) % *left : 0;
		part = part < max - n ? part : max - n;
		memcpy(out + n, *from, part);
		*from += part;
		*left -= part;
		n += part;
	}
	return n;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b, size_t nb, uint8_t *out,
				 size_t max, unsigned seed)
{
	if (by_bytes)
		return cross_bytes(a, na, b, nb, out, max, seed);
	return mutate_cross(a, na, b, nb, out, max, seed);
}
