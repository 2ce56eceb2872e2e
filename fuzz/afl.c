// SPDX-License-Identifier: BSD-2-Clause
/*
 * A fuzz target under AFL++: persistent mode, test cases through shared memory. The machine is made before
 * the fork server starts, and each run begins by resetting what the last one dirtied, so one process serves
 * many runs.
 *
 * Without afl-fuzz around it, the program reads one test case from standard input.
 */
#include <unistd.h>

#include "target.h"

#pragma clang diagnostic ignored "-Wconversion" /* inside of AFL++'s own macros */
#pragma clang diagnostic ignored "-Wshorten-64-to-32"
__AFL_FUZZ_INIT();

#define RUNS_PER_PROCESS 100000

int main(void)
{
	target_sample();
	LLVMFuzzerTestOneInput(NULL, 0);
#ifdef __AFL_HAVE_MANUAL_CONTROL
	__AFL_INIT();
#endif
	const unsigned char *bytes = __AFL_FUZZ_TESTCASE_BUF;
	while (__AFL_LOOP(RUNS_PER_PROCESS))
		LLVMFuzzerTestOneInput(bytes, (size_t)__AFL_FUZZ_TESTCASE_LEN);
	return 0;
}
