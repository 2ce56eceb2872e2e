// SPDX-License-Identifier: BSD-2-Clause
/* How fast a trace is replayed strictly: decoding, devices, comparing. `bench_replay FILE`: at least a
 * second, median of 5. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "replay.h"

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t replay_once(const char *path, double *seconds)
{
	static struct replay r;
	struct trace_reader t;
	char err[256] = "";
	if (!trace_open(&t, path)) {
		fprintf(stderr, "%s\n", t.error);
		exit(2);
	}
	bool ok = replay_create(&r, &t, err, sizeof(err));
	double start = now();
	if (ok)
		replay_run(&r);
	*seconds += now() - start;
	if (!ok || r.diverged || t.bad) {
		fprintf(stderr, "%s: does not replay: %s%s\n", path, err, t.error);
		exit(1);
	}
	replay_destroy(&r);
	trace_close(&t);
	return r.count.events;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	double rate[5];
	if (argc != 2) {
		fprintf(stderr, "usage: bench_replay FILE.vtrace\n");
		return 2;
	}
	for (int round = 0; round < 5; round++) {
		uint64_t events = 0;
		double seconds = 0;
		while (seconds < 0.2)
			events += replay_once(argv[1], &seconds);
		rate[round] = (double)events / seconds;
	}
	qsort(rate, 5, sizeof(rate[0]), by_value);
	printf("bench replay %.0f events/s\n", rate[2]);
	return 0;
}
