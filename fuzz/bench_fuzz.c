// SPDX-License-Identifier: BSD-2-Clause
/*
 * How fast a fuzz target is by itself: a fixed set of programs, again and again, oracles on, what is dear in the same share
 * of the programs as under a fuzzer, but no fuzzer around it.
 * bench_fuzz NAME DIRECTORY [SECONDS [BYTES]]     prints `bench NAME-requests VALUE requests/s` and `bench NAME-runs
 * VALUE runs/s`, of the programs that are at most so long
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "files.h"
#include "target.h"

#define PROGRAMS_MAX 4096

static struct {
	uint8_t *bytes;
	size_t n;
} program[PROGRAMS_MAX];
static int nprograms;
static size_t bytes_max = FILES_BYTES_MAX;

static void keep(void *ctx, const char *path, const uint8_t *bytes, size_t n)
{
	(void)ctx;
	(void)path;
	if (nprograms == PROGRAMS_MAX || n > bytes_max)
		return;
	program[nprograms].bytes = malloc(n ? n : 1);
	memcpy(program[nprograms].bytes, bytes, n);
	program[nprograms++].n = n;
}

static double now(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void all(void)
{
	for (int i = 0; i < nprograms; i++)
		LLVMFuzzerTestOneInput(program[i].bytes, program[i].n);
}

int main(int argc, char **argv)
{
	double want = argc > 3 ? strtod(argv[3], NULL) : 1;
	if (argc > 4)
		bytes_max = strtoul(argv[4], NULL, 10);
	if (argc < 3 || files_each(argv[2], keep, NULL) < 1 || !nprograms) {
		fprintf(stderr, "usage: %s NAME DIRECTORY [SECONDS [BYTES]]\n", argv[0]);
		return 2;
	}
	target_sample();
	all();
	struct target_count before = target_count();
	double start = now(CLOCK_PROCESS_CPUTIME_ID), t;
	do
		all();
	while ((t = now(CLOCK_PROCESS_CPUTIME_ID) - start) < want);
	struct target_count after = target_count();
	double runs = (double)(after.runs - before.runs),
	       requests = (double)(after.requests - before.requests);
	printf("bench %s-requests %.0f requests/s\n", argv[1], requests / t);
	printf("bench %s-runs %.0f runs/s\n", argv[1], runs / t);
	fprintf(stderr, "%d programs, %.1f requests and %.1f ops a run, %.1f us a run\n", nprograms,
		requests / runs, (double)(after.ops - before.ops) / runs, 1e6 * t / runs);
	return 0;
}
