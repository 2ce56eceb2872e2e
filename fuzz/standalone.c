// SPDX-License-Identifier: BSD-2-Clause
/*
 * A plain main for a fuzz target: runs program files once each, under any compiler, so that the corpus is a
 * test. Every program is run twice, and must come out the same.
 */
#include <stdio.h>
#include <string.h>

#include "files.h"
#include "target.h"

static int different;

static void run(void *ctx, const char *path, const uint8_t *bytes, size_t n)
{
	(void)ctx;
	target_name(path);
	LLVMFuzzerTestOneInput(bytes, n);
	uint64_t first = target_hash();
	LLVMFuzzerTestOneInput(bytes, n);
	if (target_hash() == first)
		return;
	fprintf(stderr, "%s: two runs end in different states\n", path);
	different = 1;
}

int main(int argc, char **argv)
{
	if (argc < 2 || !strcmp(argv[1], "--help")) {
		printf("usage: %s FILE|DIRECTORY...\nRuns fuzzer programs, each twice; stops at what an "
		       "oracle or a sanitizer finds.\n",
		       argv[0]);
		return argc < 2 ? 2 : 0;
	}
	for (int i = 1; i < argc; i++) {
		int n = files_each(argv[i], run, NULL);
		if (n < 0)
			return 2;
		if (!different)
			printf("PASS %s (%d programs)\n", argv[i], n);
	}
	return different;
}
