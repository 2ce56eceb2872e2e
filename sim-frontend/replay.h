// SPDX-License-Identifier: BSD-2-Clause
/*
 * replay: gives a trace's inputs to fresh devices, without the guest, and holds what they do against what
 * they did.
 *
 * Strict: the same code must do the same. Each load must ask for the same bytes in the same order and gets
 * them as they were (the tap writes them into guest memory just ahead of the load); each output must match.
 * The first difference ends it. Loose: for changed code. The loads of a step (one input and all that follows
 * from it) are a pool that the device may read in any order; requests are matched to the recorded ones by
 * what they ask; what the guest could see is compared.
 *
 * A trace of a restored machine begins with its devices' saved states. What the oracles would have had to see before that
 * (rings, what is in flight) they have not: they judge such a device from the first reset by its driver on.
 */
#ifndef RINGSIDE_REPLAY_H
#define RINGSIDE_REPLAY_H

#include <setjmp.h>

#include "mark.h"
#include "oracle.h"
#include "trace/op.h"
#include "tracefile.h"
#include "twin.h"

#define REPLAY_REFUSED "is damaged, or another build's: it can not be loaded"

struct replay_counts {
	uint64_t events, loads, interrupts, inputs;
};

struct replay {
	struct twin twin;
	struct trace_reader *trace;
	struct op next; /* the next op of the trace, where have_next */
	bool have_next;
	struct replay_counts count;
	uint64_t output_hash;
	/* The first divergence. */
	bool diverged;
	bool device_did; /* `did` says what; else the device did nothing where the trace says something */
	bool trace_says; /* `says` holds it; else the trace is over */
	uint64_t at;     /* op number, from 1 */
	struct op did, says;
	uint8_t did_data[64];
	uint32_t did_len; /* bytes of data; the first 64 are kept */
	/* A device's saved state is not one that this build can load: the op after count.events. */
	bool refused;
	uint8_t refused_dev;
	/* The first violation: of the oracles, where they judge (replay_judge.c), or (marked) that the recording tells of. */
	bool violated, marked;
	struct violation violation;
	uint8_t violated_dev;
	uint64_t violated_at; /* op number, from 1 */
	struct judge *judge;  /* NULL: nobody does */
	struct mark mark;     /* where it is the recording's */
	uint64_t step_at;     /* ops before the step under way */
	jmp_buf out;          /* of a device's work, which might never end */
	bool running;
};

/* False, with a reason in err, when the head can not be met. */
bool replay_create(struct replay *, struct trace_reader *, char *err, size_t max);
/* From now on oracles judge what the devices do; what needs a backend's data or the guest's memory as it is
 * they can not. False: no memory. */
bool replay_judge(struct replay *);
void replay_run(struct replay *);                  /* to the end, the first divergence or violation */
uint64_t replay_state_hash(const struct replay *); /* of all outputs and all devices' final state */
void replay_destroy(struct replay *);

/* Not inlined: a debugger stops here, where a step (one input, and all that follows from it) begins; count.events ops
 * were before it. */
void replay_step(struct replay *);

/* The first divergence or violation is told: this ends the replay, in the midst of the device's work. */
void replay_leave(struct replay *);

/* -- for replay.c: what the judges hear; all of them do nothing where nobody judges */
void judge_restored(struct replay *, struct twin_device *); /* heard of again from its next reset on */
void judge_begins(struct replay *, struct twin_device *, const struct op *);
void judge_ends(struct replay *, struct twin_device *, const struct op *);
void judge_memory(struct replay *, struct twin_device *, enum vmem_kind, enum vmem_for, gpa_t, uint32_t n,
		  const void *data);
void judge_submit(struct replay *, struct twin_device *, uint64_t request);
void judge_done(struct replay *, struct twin_device *, uint64_t request, uint64_t result);
void judge_tell(struct replay *, struct twin_device *, const struct op *);
void judge_fence(struct replay *, struct twin_device *);
void judge_pin(struct replay *, struct twin_device *, enum vmem_kind, gpa_t, uint32_t n);
void judge_refused(struct replay *, struct twin_device *); /* there is no room to pin more */
void judge_unpin(struct replay *, struct twin_device *, enum vmem_kind, gpa_t, uint32_t n, uint32_t stored);
void judge_interrupt(struct replay *, struct twin_device *, uint16_t source);
void judge_again(struct replay *, struct twin_device *, uint16_t queue);
void judge_free(struct replay *);
/* Not inlined: a debugger stops here, in the midst of what the device does. */
void replay_violation(void *ctx, const struct violation *);

/* The loose kind, in loose.c; prints its findings to standard output. Returns the number of differences. */
uint64_t loose_run(struct trace_reader *, struct replay_counts *, char *err, size_t max);

#endif
