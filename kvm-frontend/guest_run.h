// SPDX-License-Identifier: BSD-2-Clause
/*
 * guest_run: a program on a real processor (--guest-program). The file is a trace that `ringside run
 * --record` made of it: what the guest stored and which registers it accessed, what the backend answered, and
 * everything that the devices did.
 *
 * The vCPU makes the guest's stores and register accesses (guest_code.h), in their order; what is the host's
 * (completions, runs that a device asked for, resizes) comes in between, in the vCPU's thread too, while the
 * vCPU waits. So there is one order, the trace's. Backends answer what the trace says. The devices are
 * recorded as ever, and each record must be the one that the simulator made: the first that is not ends the
 * run.
 *
 * A store in the middle of a device's work (a race) was another processor's doing: the host makes it just
 * ahead of the load that saw it, and says how often it did.
 */
#ifndef KVM_GUEST_RUN_H
#define KVM_GUEST_RUN_H

#include "guest_code.h"
#include "guest_trace.h"
#include "record.h"
#include "virtio_dev.h"

struct guest_run;
struct guest_type;

/* What a device of the trace is to its taps and its backend. */
struct guest_dev {
	struct guest_run *run;
	struct virtio_dev *dev;
	const struct guest_type *type;
	void *io[BLK_INFLIGHT_MAX]; /* the type's requests by id; NULL: not in flight */
	uint32_t inflight;
};

struct guest_count {
	uint64_t stores, store_bytes, writes, reads, host, checked, races;
};

struct guest_run {
	struct vmm *vmm;
	struct guest_trace trace;
	struct guest_mail *mail;
	struct record record; /* in memory: its records are compared and dropped */
	struct guest_dev dev[OP_DEV_MAX];
	uint32_t at;             /* the next op of the trace */
	uint32_t done;           /* of a poke: bytes that are stored */
	const struct op *access; /* which the mailbox asks for; NULL: none */
	bool working;            /* inside of a device */
	bool diverged;
	struct guest_count count;
};

/* Loads the trace and makes the memory that it tells of. NULL and one clear line. */
struct guest_run *guest_run_create(struct vmm *, const char *path, char err[ERR_MAX]);
/* The trace's nr-th device was made: it is recorded, and its backend is here. */
int guest_run_add(struct guest_run *, struct virtio_dev *, uint32_t nr, char err[ERR_MAX]);
int guest_run_start(struct guest_run *, char err[ERR_MAX]); /* the vCPU was created */
void guest_run_next(struct guest_run *);                    /* the vCPU has done what the mailbox said */
/* Prints the sum; answers ringside-vmm's exit status. */
int guest_run_report(const struct guest_run *, int status);
void guest_run_destroy(struct guest_run *);

/* -- between the parts ---------------------------------------------------------------------------------- */
/* guest_match.c: takes the records that the devices have made so far, and compares. */
void guest_match(struct guest_run *);
/* From op number *at on the next buffer that a device gives back with what the backend stored; NULL: none. */
const struct op *guest_next_unpin(const struct guest_run *, uint8_t dev, uint32_t *at);
void guest_diverge(struct guest_run *, const struct op *device_did);
/* A processor stores and loads what fits: of a wider value in a program nothing more is left. */
uint64_t guest_narrow(uint64_t value, uint64_t size);
/* The next op of the trace; NULL: there is none, or the run has diverged. */
const struct op *guest_next(const struct guest_run *);
/* guest_tell.c: in the words of `ringside run`. */
void guest_tell(const struct guest_run *, const struct op *);
/* guest_back.c: the backend's side. */
extern const struct vmem_tap guest_tap;  /* ctx: struct guest_dev * */
int guest_back_init(struct guest_dev *); /* -1: no program has such a device */
bool guest_back_done(struct guest_dev *, const struct op *done);

#endif
