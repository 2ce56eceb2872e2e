// SPDX-License-Identifier: BSD-2-Clause
/*
 * sim: seeded runs of a machine. A run's seed decides what devices there are, what their guests do and what
 * goes wrong at their backends: each decision becomes an op (core/trace/ops.def), is appended to the run's
 * log, and is executed by program_step like any program's. So the log is the test case: executed again
 * without a generator it does the same again.
 *
 * A run: a configuration (swarm: whole features, kinds of faults and behaviours are off), a safety phase in
 * which things go wrong, then the liveness phase (program_quiesce) in which all must drain; then everything
 * that the guest can see is hashed.
 */
#ifndef RINGSIDE_SIM_H
#define RINGSIDE_SIM_H

#include <setjmp.h>

#include "machine.h"
#include "rand.h"
#include "trace/op.h"
#include "twice.h"

#define SIM_OPS_MAX  2048 /* of one run */
#define SIM_DATA_MAX 32768

enum sim_guest { SIM_GUEST_MIX, SIM_GUEST_GOOD, SIM_GUEST_SLOPPY, SIM_GUEST_HOSTILE };
enum sim_ring { SIM_RING_ANY, SIM_RING_SPLIT, SIM_RING_PACKED, SIM_RING_BOTH };

/* What may go wrong on the host's side. */
enum sim_fault {
#define SIM_FAULT(NAME, text, what) SIM_FAULT_##NAME,
#include "sim_faults.def"
#undef SIM_FAULT
	SIM_FAULTS
};

const char *sim_fault_name(enum sim_fault);

struct sim_options {
	uint64_t seed;
	uint16_t device_id; /* 0: one of each type */
	enum sim_guest guest;
	enum sim_ring ring;
	uint32_t faults;      /* bit per enum sim_fault */
	uint32_t oracles_off; /* bit per enum oracle_kind */
	uint32_t request_len; /* 0: all is drawn; else plain reads and writes of so many bytes: benchmarks */
};

/* One run's ops, in the order in which they were executed. */
struct sim_log {
	uint64_t seed; /* the run's */
	uint32_t nops, ndata;
	struct op op[SIM_OPS_MAX];
	uint8_t data[SIM_DATA_MAX]; /* what the ops' data points to */
};

struct sim_violation {
	struct violation v; /* v.oracle NULL: there was none */
	uint64_t op;        /* from 1; one more than there are: in the liveness phase */
	uint8_t dev;
	uint64_t hash; /* of what had happened by then */
};

/* What was done, all runs together. */
struct sim_count {
	struct machine_stats machine;
	uint64_t taken, clock_ns, again; /* again: runs that were done twice and compared */
	uint64_t fault[SIM_FAULTS];
	uint32_t areas; /* bit per enum clause_area: what of the specification was at work */
	uint64_t hash;  /* of all runs' hashes */
};

struct sim_plan; /* what one run's generator may do; sim_int.h */

struct sim {
	struct machine machine; /* first */
	struct sim_options options;
	struct sim_log *log;
	struct sim_plan *plan;
	struct sim_count count;
	struct sim_violation violation; /* of the latest run */
	uint64_t hash;                  /* of the latest run */
	struct heard heard;             /* so far in this run */
	jmp_buf out;                    /* a violation ends the run at once */
};

/* Virtio device ids of the machine that these options make; how many there are. */
uint32_t sim_device_ids(const struct sim_options *, uint16_t ids[MACHINE_DEVICES_MAX]);

/* log: where runs are written to; it may be memory that another process reads. False: no memory. */
bool sim_create(struct sim *, const struct sim_options *, struct sim_log *);
void sim_destroy(struct sim *);
/* One run of that seed. False: an oracle was violated. */
bool sim_run(struct sim *, uint64_t seed);
/* One run whose decisions are the tape's bytes, the first ones behind its end; a tape that is little changed is a run that
 * is little changed. */
bool sim_run_tape(struct sim *, const uint8_t *tape, size_t n);
/* The ops of the log, once more. False: an oracle was violated. */
bool sim_again(struct sim *);
/* The seed of the n-th run of a seed. */
uint64_t sim_nth_seed(uint64_t seed, uint64_t n);
/* Adds up two processes' counts. */
void sim_count_add(struct sim_count *, const struct sim_count *);

#endif
