// SPDX-License-Identifier: BSD-2-Clause
/*
 * lift: turns a recorded guest into programs for the simulator (trace -> program). What the guest did with
 * its rings is told again in driver-level ops: negotiate, queue, post, kick, reap; requests keep their type,
 * size and cut into descriptors, relocated into the simulator's small memory and disk; completions come as
 * late and in the order in which they came.
 *
 * A boot is cut into pieces of a size that fuzzers like. Each piece begins with the guest's own set-up, and a
 * piece that does nothing new (the same requests cut the same way, whatever the sectors) is dropped.
 */
#ifndef RINGSIDE_LIFT_H
#define RINGSIDE_LIFT_H

#include "trace/op.h"
#include "tracefile.h"

#define LIFT_OPS_MAX  512 /* of one piece */
#define LIFT_DATA_LEN 28  /* bytes that an op has, at most: the beginning of a frame */

struct lift_piece {
	uint32_t nops;
	struct op op[LIFT_OPS_MAX];
	uint32_t nrequests, nbytes;                /* requests posted; length as a program */
	uint8_t data[LIFT_OPS_MAX][LIFT_DATA_LEN]; /* of each op that has any (lift_place) */
};

struct lift_options {
	uint8_t device;     /* number in the trace */
	uint32_t bytes_max; /* of a piece, as a program */
	uint64_t sectors;   /* of the simulated disk */
	uint32_t data_max;  /* bytes of one request's data; longer ones are shortened */
};

/* What the guest did against the rules, as the device said. */
struct lift_told {
	uint64_t broken; /* told again: a break, and the request that it breaks */
	uint64_t lost;   /* not: registers, messages and frames that are out of order */
};

/* After a piece was copied: its ops' data is its own. */
static inline void lift_place(struct lift_piece *p)
{
	for (uint32_t i = 0; i < p->nops; i++)
		if (p->op[i].len)
			p->op[i].data = p->data[i];
}

/*
 * Reads the trace to its end and gives each piece to `piece`. Returns false when that does (it could not
 * write it). After it, trace->bad tells whether the trace was whole.
 */
bool lift_trace(struct trace_reader *, const struct lift_options *,
		bool (*piece)(void *ctx, const struct lift_piece *), void *ctx, struct lift_told *);

#endif
