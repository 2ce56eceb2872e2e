// SPDX-License-Identifier: BSD-2-Clause
/*
 * tiny: the smallest device there is. One virtqueue in a memory of two regions, and the chains that were popped and not
 * completed yet. It knows nothing of requests; what it looks at is the ring: every chain that is popped lies in memory
 * and adds up, and nothing is stored but in the ring's own areas.
 */
#ifndef RINGSIDE_FUZZ_TINY_H
#define RINGSIDE_FUZZ_TINY_H

#include "vq.h"

enum { TINY_GPA = 0x10000, TINY_LEN = 0x5000 }; /* its memory, in bytes */

struct tiny_ring {
	uint16_t size;
	gpa_t area[VQ_DEVICE + 1];
	uint64_t features;
	bool watched; /* false: by nobody, so by the fast paths of vmem.h */
};

void tiny_start(const struct tiny_ring *); /* memory is zero; a ring that is too large is not enabled */
bool tiny_ready(void);
void tiny_poke(uint32_t at, uint8_t value); /* the guest stores; at: modulo TINY_LEN */
bool tiny_pop(bool back);                   /* back: given back at once. False: the guest broke a rule */
void tiny_complete(uint32_t which, uint32_t written);
void tiny_publish(void);
void tiny_kicks(bool on);
void tiny_reset(void);
uint64_t tiny_hash(void); /* of memory, the queue, and what is popped */

#endif
