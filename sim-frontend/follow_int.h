// SPDX-License-Identifier: BSD-2-Clause
/* What follow.c (registers, backends) and follow_ring.c (rings) share. */
#ifndef RINGSIDE_FOLLOW_INT_H
#define RINGSIDE_FOLLOW_INT_H

#include "follow.h"

static inline bool follow_has(const struct follow_device *d, unsigned feature)
{
	return d->accepted >> feature & 1;
}

/* The requests that the op makes visible begin. */
void follow_published(struct follow *);
/* A queue has just become ready, with its area, size and the features set: its ring is at its beginning. */
void follow_ring_start(struct follow_queue *);
/* A device goes on from its saved state; where this build can not load that, it is as a fresh one. */
void follow_restored(struct follow *, const struct op *);
/* Loads and stores; memory holds what they say already. */
void follow_load(struct follow *, const struct op *);
void follow_store(struct follow *, const struct op *);
/* The queue of the device that has its ring or its events there, or FOLLOW_NO_QUEUE. */
uint16_t follow_queue_at(const struct follow_device *, uint64_t gpa, uint32_t n);
/* All that is live in the queue ends. */
void follow_drop(struct follow *, struct follow_device *, struct follow_queue *, enum follow_end);

#endif
