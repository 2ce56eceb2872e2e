// SPDX-License-Identifier: BSD-2-Clause
/*
 * small: a queue of a few entries, a driver and a device, as one value that can be saved, loaded and hashed.
 *
 * The driver publishes chains, kicks where the device asked for it, takes used entries, and either suppresses
 * interrupts or arms them, looks once more, and sleeps until one comes. The device sleeps until it is kicked,
 * pops, gives back, completes in any order, publishes, and asks for kicks again before it sleeps. Arming and
 * looking, publishing and kicking are steps of their own, and a driver's steps may also come between any two
 * accesses that vq_publish and vq_kicks_resume make: so every interleaving in which both sides could miss
 * each other is there.
 *
 * small_hash.c tells which states count as the same.
 */
#ifndef RINGSIDE_TESTS_SMALL_H
#define RINGSIDE_TESTS_SMALL_H

#include "tests/unit/guest.h"

#define SMALL_SIZE_MAX 4

struct small_config {
	uint16_t size;
	bool packed, event_idx, in_order;
};

enum small_life { CHAIN_FREE, CHAIN_POSTED, CHAIN_POPPED, CHAIN_DONE };

/* What stands in the model is what both sides may know of the ring without it. */
struct small_model {
	uint16_t avail, kicked, seen; /* indices, or positions in a packed ring */
	uint8_t ndesc[SMALL_SIZE_MAX], life[SMALL_SIZE_MAX], written[SMALL_SIZE_MAX]; /* by id */
	uint8_t desc_owner[SMALL_SIZE_MAX];      /* split: id + 1 of the chain that a descriptor is in */
	uint8_t posted[SMALL_SIZE_MAX], nposted; /* ids not popped, oldest first */
	uint8_t unused[SMALL_SIZE_MAX], nunused; /* ids not taken back, oldest first */
	uint8_t nfree, unkicked;                 /* descriptors; of them, posted since the last kick */
	bool irq, kick;                          /* under way */
	bool armed, driver_sleeps, device_sleeps;
	uint8_t ninflight;
	struct vq_tok inflight[SMALL_SIZE_MAX];
};

#define SMALL_RING_LEN 144u

struct small {
	uint8_t ring[SMALL_RING_LEN];
	uint8_t vq[offsetof(struct vq, live)];
	uint32_t live[SMALL_SIZE_MAX];
	uint16_t order[SMALL_SIZE_MAX];
	struct vq_wait wait[SMALL_SIZE_MAX];
	struct small_model model;
};

#define SMALL_STEPS 13u

/* A fresh ring; split indices start just below their wrap. */
void small_start(const struct small_config *);
/*
 * The same, from index 0, and the ring's oracles (sim-frontend/oracle.h) judge what the device does until the
 * end, at which everything drains: both fail the test where one cries. Steps must be possible.
 */
void small_start_judged(const struct small_config *);
void small_end_judged(void);
void small_save(struct small *);
void small_load(const struct small *);
/* Moves split indices by whole rounds, to the last ones before their wrap; the state is the same as before.
 */
void small_rewind(void);
/* Of all that can matter from here on, after small_rewind; of where the ring stands only if told so. */
uint64_t small_hash(bool place);
/* How many ways there are to take that step. */
uint32_t small_variants(uint32_t step);
/* NO: not possible now, and nothing changed; SPOILT: not possible as it turned out, and what there is now is
 * no state. A step's variants come in order, from the same state. */
enum small_done { SMALL_NO, SMALL_DONE, SMALL_SPOILT };
enum small_done small_step(uint32_t step, uint32_t variant);
/* Fails the test where a promise is broken. */
void small_check(void);
/* Lets both sides work, without new chains, until nothing moves; fails when a chain was not used. Destroys
 * the state. */
void small_drain(void);

#endif
