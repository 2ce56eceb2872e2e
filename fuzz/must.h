// SPDX-License-Identifier: BSD-2-Clause
/* must: what always holds, whatever the input is. Where it does not, that is a finding, told with the place (fuzz/run.sh looks for
 * "ORACLE"). */
#ifndef RINGSIDE_FUZZ_MUST_H
#define RINGSIDE_FUZZ_MUST_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static inline void must_at(bool holds, const char *what, const char *file, int line)
{
	if (holds)
		return;
	fprintf(stderr, "\nORACLE must: %s:%d: not so: %s\n", file, line, what);
	abort();
}
#define must(holds) must_at((holds), #holds, __FILE__, __LINE__)

#endif
