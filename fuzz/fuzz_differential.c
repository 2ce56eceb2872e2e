// SPDX-License-Identifier: BSD-2-Clause
/* The same legal guest on split and on packed rings: an input is the tape from which it decides (differ.h). */
#include "differ.h"
#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	target_begin(differ_hash);
	differ_run(bytes, n);
	return 0;
}
