// SPDX-License-Identifier: BSD-2-Clause
/* The generator's own; shared by sim*.c alone. */
#ifndef RINGSIDE_SIM_INT_H
#define RINGSIDE_SIM_INT_H

#include "clauses.h"
#include "driver.h"
#include "sim.h"

/* What a generator may do next. Those up to ACT_GOOD_LAST are legal for any driver and host. */
enum sim_act {
	ACT_POST, /* some requests, a notification, and often taking the answers */
	ACT_KICK,
	ACT_REAP,
	ACT_WISH,
	ACT_LOOK,
	ACT_FAULT,
	ACT_HOLD,
	ACT_DONE,
	ACT_DELAY,
	ACT_POWER,
	ACT_TICK,
	ACT_RESIZE,
	ACT_RESTART,
	ACT_QUEUE,
	ACT_RUN,
	ACT_WHEN,
	ACT_SAVE,
	ACT_INPUT, /* what comes to a device from outside */
	ACT_HOST,  /* and what else its host does to it */
	ACT_GOOD_LAST = ACT_HOST,
	ACT_SLOPPY,
	ACT_BREAK,
	ACT_RACE,
	ACT_CHAIN,
	ACT_PUBLISH,
	ACT_POKE,
	ACT_WRITE,
	SIM_ACTS
};

#define SIM_TURNS 64 /* acts are drawn from a table of so many places */
#define SIM_ON    4  /* so many devices are in use in one run, at most */

/* What differs between types of devices, for the generator. NULL: as for a disk. */
struct sim_device_plan;
struct sim_kind {
	uint16_t id;
	enum clause_area area;
	uint32_t rare;                                        /* flags of OP_MAKE that it seldom has */
	void (*draw)(struct sim *, struct sim_device_plan *); /* what requests say */
	uint64_t (*size)(struct rand *);                      /* OP_MAKE's second number */
	uint8_t (*queues)(struct sim *, uint32_t dev);        /* how many the driver sets up */
	void (*post)(struct sim *, uint32_t dev, uint32_t queue);
	/* NULL: there is no such thing. */
	void (*input)(struct sim *, uint32_t dev);
	void (*host)(struct sim *, uint32_t dev);
};

struct sim_device_plan {
	const struct sim_kind *kind;
	bool on;
	uint8_t nqueues; /* in use */
	uint8_t type[8]; /* what requests say, drawn evenly */
	uint16_t len[8];
	uint32_t sectors;    /* requests begin below it: small means that they overlap */
	uint16_t shape_mask; /* of driver_request.shape */
	uint8_t batch;       /* requests ahead of a notification, at most */
};

struct sim_plan {
	struct rand rand;
	enum sim_guest guest; /* never mix */
	enum sim_ring ring;   /* split or packed */
	bool plain;           /* a benchmark: nothing but plain requests */
	bool twice;           /* the program runs on both: it must not depend on the ring, or on time */
	bool inputs;          /* some device has an outside */
	uint32_t faults;      /* that this run may have */
	uint32_t steps;       /* acts */
	uint8_t turn[SIM_TURNS];
	uint8_t ndevices, device_of_turn[SIM_ON];
	struct sim_device_plan device[MACHINE_DEVICES_MAX];
};

/* sim.c: appends an op and executes it. Once the log is full nothing happens any more. */
void sim_op(struct sim *, uint8_t code, uint32_t dev, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
void sim_op5(struct sim *, uint8_t code, uint32_t dev, const uint64_t arg[5]);
void sim_op3_data(struct sim *, uint8_t code, uint32_t dev, const uint64_t arg[3], const void *, uint32_t n);
void sim_op_data(struct sim *, uint8_t code, uint32_t dev, uint64_t a, uint64_t b, const void *, uint32_t n);
static inline bool sim_full(const struct sim *s)
{
	return s->log->nops >= SIM_OPS_MAX;
}

extern const struct sim_kind sim_kind_net;     /* sim_wire.c */
extern const struct sim_kind sim_kind_console; /* sim_tty.c */
/* sim_kinds.c */
const struct sim_kind *sim_kind(uint16_t id); /* NULL: none of that id */
/* sim_plan.c: draws the plan, and sets the devices up by it */
void sim_draw_plan(struct sim *);
void sim_set_up(struct sim *, uint32_t dev);
void sim_start(struct sim *, uint32_t dev); /* the driver's half of it: the device stays what it is */
/* sim_act.c */
void sim_act(struct sim *, enum sim_act, uint32_t dev);
void sim_post(struct sim *, uint32_t dev, uint32_t queue);
/* sim_sloppy.c */
void sim_sloppy(struct sim *, uint32_t dev);
/* sim_hostile.c */
void sim_hostile(struct sim *, enum sim_act, uint32_t dev);

#endif
