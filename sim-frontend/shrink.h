// SPDX-License-Identifier: BSD-2-Clause
/*
 * shrink: makes a failing program short and plain, as long as the same check fails (trial.h). What it tries,
 * again and again until nothing more can go:
 *
 *   devices, queues   all ops that are about one of them
 *   ops               in chunks, halved down to single ones; then pairs
 *   features          bits of offer, make and negotiate, one at a time
 *   fields            toward 0; data shorter, or all zero
 *
 * What comes out depends on the program and the build alone, unless the time is over first.
 */
#ifndef RINGSIDE_SHRINK_H
#define RINGSIDE_SHRINK_H

#include "trial.h"

struct shrink {
	struct listing *best;
	struct outcome verdict; /* of best */
	uint64_t tries;
	double seconds_max;
	bool late; /* the time was over before it was done */
	/* Tells how far it is, or NULL. */
	void (*progress)(void *ctx, const struct shrink *);
	void *ctx;
	/* -- its own */
	struct trials *trials;
	struct op *ops; /* the candidate's */
	double begun;
};

/*
 * best: a program that fails, and what it came to. It is replaced by the shorter one; what it points to is
 * shared with the program that it was read from. False: no memory.
 */
bool shrink_run(struct shrink *, struct trials *, struct listing *best, const struct outcome *);

#endif
