// SPDX-License-Identifier: BSD-2-Clause
/*
 * The first byte chooses a machine, with one device or several, and what they offer (machine_byte.h); the rest is a
 * whole program (driver ops, registers, guest stores, what the host does, completions) for it.
 *
 * One input in DIFFER_SELDOM, told by its bytes, is then a tape too, from which a legal guest decides what it does on split
 * and on packed rings (differ.h). That costs as much as four programs.
 */
#include "differ.h"
#include "hash.h"
#include "target.h"

#define DIFFER_SELDOM 256

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	target_run_chosen(bytes, n);
	if (n && hash_bytes(HASH_SEED, bytes, n) % DIFFER_SELDOM == 0)
		differ_run(bytes, n);
	return 0;
}
