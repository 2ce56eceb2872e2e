// SPDX-License-Identifier: BSD-2-Clause
/*
 * backend: what the simulated disk and entropy source have in common: which requests are kept back, and which
 * fail. All of it is told from outside (a program's ops; later a tape), nothing is drawn here.
 */
#ifndef RINGSIDE_BACKEND_H
#define RINGSIDE_BACKEND_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BACKEND_HELD_MAX 256
#define BACKEND_ALL      UINT32_MAX /* bytes: as many as were asked for */

/* How a request ends: result is an enum blk_result; fewer bytes than asked for are a short transfer. */
struct verdict {
	uint32_t result, bytes;
};

struct backend {
	uint32_t hold;   /* so many of the next requests are kept back */
	uint32_t faults; /* so many of the next ones to be done end by `fault` */
	struct verdict fault;
	uint32_t nheld;
	void *held[BACKEND_HELD_MAX]; /* oldest first */
};

static inline void backend_reset(struct backend *b)
{
	b->hold = b->faults = b->nheld = 0;
}

/* True: the request is kept back. */
static inline bool backend_keep(struct backend *b, void *io)
{
	if (!b->hold || b->nheld == BACKEND_HELD_MAX)
		return false;
	b->hold--;
	b->held[b->nheld++] = io;
	return true;
}

/* Takes the i-th held request (i < nheld). */
static inline void *backend_take(struct backend *b, uint32_t i)
{
	void *io = b->held[i];
	b->nheld--;
	memmove(&b->held[i], &b->held[i + 1], (b->nheld - i) * sizeof(b->held[0]));
	return io;
}

/* How the next request ends that nobody decided about. */
static inline struct verdict backend_verdict(struct backend *b)
{
	if (!b->faults)
		return (struct verdict){0, BACKEND_ALL};
	b->faults--;
	return b->fault;
}

#endif
