// SPDX-License-Identifier: BSD-2-Clause
/*
 * guest: what the unit tests of core share: guest memory in separately allocated regions, a host that counts,
 * and a tap that logs, lends and perturbs. ring.h adds a driver for one split ring, disk.h one for the block
 * device.
 *
 *   low    0x1000 .. 0x51000   the largest: the near region of vmem
 *   next   0x51000 .. 0x59000  touches low, in another allocation
 *   hole
 *   high   0x80000 .. 0x90000
 */
#ifndef RINGSIDE_TESTS_GUEST_H
#define RINGSIDE_TESTS_GUEST_H

/* cmocka wants these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arena.h"
#include "host.h"
#include "vdev.h"
#include "vmem.h"

#define LOW      0x1000ull
#define LOW_END  0x51000ull
#define NEXT     0x51000ull
#define NEXT_END 0x59000ull
#define HOLE     0x60000ull
#define HIGH     0x80000ull
#define HIGH_END 0x90000ull

#define RAM_FILL 0xa5 /* what fresh memory holds */

struct guest {
	struct vmem_map map;
	struct vmem mem;
	uint8_t *ram[3];
	uint32_t irqs[VDEV_QUEUES_MAX], config_irqs;
	uint32_t again; /* bit per queue: vdev_run was asked for */
	uint32_t offences[OFFENCE_COUNT], offences_all;
};

extern const struct host guest_host; /* ctx: struct guest * */

void guest_init(struct guest *);
void guest_free(struct guest *);
uint8_t *at(struct guest *, uint64_t gpa); /* traps outside memory */
uint16_t get16(struct guest *, uint64_t gpa);
uint32_t get32(struct guest *, uint64_t gpa);
void put16(struct guest *, uint64_t gpa, uint16_t);
void put32(struct guest *, uint64_t gpa, uint32_t);
void put64(struct guest *, uint64_t gpa, uint64_t);
/* Fills [gpa, gpa + n) with bytes that tell their address, from a seed. */
void fill(struct guest *, uint64_t gpa, uint32_t n, uint8_t seed);
bool filled(struct guest *, uint64_t gpa, uint32_t n, uint8_t seed);
bool untouched(struct guest *, uint64_t gpa, uint32_t n); /* all RAM_FILL */

enum event_op { EV_LOAD, EV_STORE, EV_FENCE, EV_PIN, EV_UNPIN, EV_IRQ };

struct event {
	enum event_op op;
	enum vmem_for what; /* loads and stores */
	uint64_t addr;
	uint32_t n;
	uint64_t value; /* the first 8 bytes */
};

#define EVENTS_MAX 8192

struct taplog {
	struct event ev[EVENTS_MAX];
	uint32_t n;
	/* Called before each access, with the event as far as it is known; may change guest memory. */
	void (*before)(struct taplog *, const struct event *);
	void *arg;
	/* Pins lend copies from here when pool is set; else guest memory itself. */
	struct arena arena;
	uint8_t *pool;
	uint32_t pinned; /* pins out */
	struct guest *g;
};

extern const struct vmem_tap taplog_tap; /* ctx: struct taplog * */

struct taplog *taplog_new(struct guest *,
			  uint32_t lend_blocks); /* blocks of 512 bytes; 0: lends guest memory */
void taplog_free(struct taplog *);               /* takes the tap away */
uint32_t taplog_count(const struct taplog *, enum event_op, enum vmem_for);
/* Index of the nth (from 0) such event; fails the test when there is none. */
uint32_t taplog_find(const struct taplog *, enum event_op, enum vmem_for, uint32_t nth);

#endif
