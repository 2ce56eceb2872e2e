// SPDX-License-Identifier: BSD-2-Clause
/* The first byte chooses a machine, with one device or several, and what they offer (machine_byte.h); the rest is a
 * whole program (driver ops, registers, guest stores, what the host does, completions) for it. */
#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	target_run_chosen(bytes, n);
	return 0;
}
