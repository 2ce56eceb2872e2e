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
#define BACKEND_NEVER    UINT64_MAX
#define BACKEND_ALL      UINT32_MAX /* bytes: as many as were asked for */

/* How a request ends: result is an enum blk_result; fewer bytes than asked for are a short transfer. */
struct verdict {
	uint32_t result, bytes;
};

struct backend {
	uint32_t hold;  /* so many of the next requests are kept back */
	uint32_t delay; /* and after them so many take delay_ns */
	uint64_t delay_ns;
	uint32_t faults; /* so many of the next ones to be done end by `fault` */
	struct verdict fault;
	uint32_t nheld;
	void *held[BACKEND_HELD_MAX];   /* oldest first */
	uint64_t due[BACKEND_HELD_MAX]; /* when each completes by itself, or BACKEND_NEVER */
};

static inline void backend_reset(struct backend *b)
{
	b->hold = b->delay = b->faults = b->nheld = 0;
}

/* True: the request is kept back. */
static inline bool backend_keep(struct backend *b, void *io, uint64_t now_ns)
{
	if (!(b->hold | b->delay) || b->nheld == BACKEND_HELD_MAX)
		return false;
	b->due[b->nheld] = b->hold ? BACKEND_NEVER : now_ns + b->delay_ns;
	if (b->hold)
		b->hold--;
	else
		b->delay--;
	b->held[b->nheld++] = io;
	return true;
}

/* The held request that is due first, by then; nheld: none is. */
static inline uint32_t backend_due(const struct backend *b, uint64_t now_ns)
{
	uint32_t first = b->nheld;
	for (uint32_t i = 0; i < b->nheld; i++)
		if (b->due[i] <= now_ns && (first == b->nheld || b->due[i] < b->due[first]))
			first = i;
	return first;
}

/* Takes the i-th held request (i < nheld). */
static inline void *backend_take(struct backend *b, uint32_t i)
{
	void *io = b->held[i];
	b->nheld--;
	memmove(&b->held[i], &b->held[i + 1], (b->nheld - i) * sizeof(b->held[0]));
	memmove(&b->due[i], &b->due[i + 1], (b->nheld - i) * sizeof(b->due[0]));
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
