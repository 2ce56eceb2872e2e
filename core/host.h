// SPDX-License-Identifier: BSD-2-Clause
/*
 * host: all that core may ask of the outside, besides guest memory (vmem.h) and a device's own backend.
 *
 * Called with the device's lock held, and must not call back into the device: what it causes comes in later,
 * by the transport's or the device's entry points.
 */
#ifndef RINGSIDE_HOST_H
#define RINGSIDE_HOST_H

#include <stdint.h>

/* How a device answers a rule that the guest broke; offence.def tells each. */
enum offence_reaction { OFFENCE_IGNORE, OFFENCE_REFUSE, OFFENCE_STATUS, OFFENCE_BREAK };

enum offence {
	OFFENCE_NONE,
#define OFFENCE(NAME, ...) OFFENCE_##NAME,
#include "offence.def"
#undef OFFENCE
	OFFENCE_COUNT
};

struct offence_info {
	const char *name, *clause, *what;
	enum offence_reaction reaction;
};

const struct offence_info *offence_info(enum offence); /* never NULL */

#define HOST_SOURCE_CONFIG 0xffffu /* interrupt source: configuration; others are queue numbers */

/* Every member must be there. */
struct host {
	void (*interrupt)(void *ctx, uint16_t source); /* the cause already stands in the interrupt status */
	void (*again)(void *ctx, uint16_t queue);      /* call vdev_run for this queue, soon, once */
	uint64_t (*clock_ns)(void *ctx);               /* monotonic */
	void (*offence)(void *ctx, enum offence);      /* to log; the reaction has been decided */
};

/* Our own mistake, which no guest byte may be able to reach. */
static inline void core_check(int ok)
{
	if (!ok)
		__builtin_trap();
}

#endif
