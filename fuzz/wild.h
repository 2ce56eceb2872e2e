// SPDX-License-Identifier: BSD-2-Clause
/*
 * wild: for the mutator, what a guest does by hand: addresses that mean something, raw descriptors, and stores where the
 * device looks. Where rings and buffers lie is not told by a program, but follows from it: this knows where the model driver
 * puts those of the plainest programs (queues that were set up in their order, requests one after the other).
 *
 * Chains are good, or good but for one thing, so that what is behind the first check is reached too.
 */
#ifndef RINGSIDE_FUZZ_WILD_H
#define RINGSIDE_FUZZ_WILD_H

#include <stdbool.h>
#include <stdint.h>

#include "hash.h"
#include "trace/op.h"

/* Numbers from a seed: all that is made or changed is drawn from these. */
struct draws {
	uint64_t state, drawn;
};

static inline struct draws draws_from(uint64_t seed)
{
	return (struct draws){.state = hash_u64(HASH_SEED, seed)};
}

/* Two rounds: after one, what is drawn next hangs on what was drawn before. */
static inline uint64_t draw(struct draws *d, uint64_t below)
{
	return hash_u64(hash_u64(d->state, ++d->drawn), d->state) % below;
}

/* A number as programs like them: small, a power of two and its neighbours, just before all bits (where indices
 * wrap and sums overflow), or anything. bound: below it; 0: none. */
uint64_t wild_number(struct draws *, uint64_t bound);
/* On a ring, in a request, at an edge of memory or across it, outside of it. */
uint64_t wild_address(struct draws *);
uint64_t wild_ring(bool packed, uint64_t queue, uint32_t part); /* enum vq_area; of a device that is alone */
uint64_t wild_buffer(uint32_t n);                               /* the n-th block; 0: of the first request */

/* Data for an OP_CHAIN (and its head) or OP_POKE (and its address) that has none; it stays until the next call. */
void wild_chain(struct draws *, bool packed, struct op *);
void wild_poke(struct draws *, bool packed, struct op *);
/* The data of any op becomes longer, shorter, or another in a part of it; that of a chain in one descriptor. */
void wild_change(struct draws *, bool packed, struct op *);

#endif
