// SPDX-License-Identifier: BSD-2-Clause
/* What only libFuzzer calls. Most changes are made op by op, the rest byte by byte. */
#include "mutate.h"
#include "target.h"

#define BYTES_OFTEN 8 /* one change in so many */

size_t LLVMFuzzerMutate(uint8_t *, size_t n, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *, size_t n, size_t max, unsigned seed);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	target_sample();
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t max, unsigned seed)
{
	return seed % BYTES_OFTEN ? mutate_program(bytes, n, max, seed) : LLVMFuzzerMutate(bytes, n, max);
}
