// SPDX-License-Identifier: BSD-2-Clause
/*
 * bench: variants measured in turn, in one run, so that a slower minute of the machine hits all of them; the
 * median of the rounds is printed as `bench NAME VALUE UNIT`.
 */
#ifndef RINGSIDE_BENCH_H
#define RINGSIDE_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BENCH_ROUNDS 201 /* short ones: a round in which another program had the processor is an outlier */

struct bench {
	const char *name;
	void (*run)(void *ctx, uint32_t n); /* n operations */
	void *ctx;
	double ns[BENCH_ROUNDS]; /* per operation */
};

/* The processor's time spent on this thread: what is measured neither waits nor sleeps, and a loaded machine
 * counts less. */
static inline uint64_t bench_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline int bench_order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static inline double bench_median(double *v, uint32_t n)
{
	qsort(v, n, sizeof(*v), bench_order);
	return v[n / 2];
}

/* Measures all variants in turn, `ops` operations a round, after one round that is thrown away. */
static inline void bench_measure(struct bench *b, uint32_t nbenches, uint32_t ops)
{
	for (uint32_t round = 0; round <= BENCH_ROUNDS; round++)
		for (uint32_t i = 0; i < nbenches; i++) {
			uint64_t begun = bench_now_ns();
			b[i].run(b[i].ctx, ops);
			double ns = (double)(bench_now_ns() - begun) / ops;
			if (round)
				b[i].ns[round - 1] = ns;
		}
}

static inline void bench_print(const char *name, double value, const char *unit)
{
	printf("bench %s %.1f %s\n", name, value, unit);
}

/* Ends the program: a benchmark that measures the wrong thing is worse than none. */
static inline void bench_check(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

#endif
