// SPDX-License-Identifier: BSD-2-Clause
/* must: what always holds, whatever the input is. Where it does not, that is a finding. */
#ifndef RINGSIDE_FUZZ_MUST_H
#define RINGSIDE_FUZZ_MUST_H

#include <stdbool.h>
#include <stdlib.h>

static inline void must(bool holds)
{
	if (!holds)
		abort();
}

#endif
