// SPDX-License-Identifier: BSD-2-Clause
/*
 * disk_step: turns one block request into system calls, one after the other. Pure: it makes none of them, so
 * that any engine (io_uring, plain calls, a test's) can run them, and whatever one answers is judged in one
 * place.
 *
 *   READ, WRITE   one transfer, continued where it falls short
 *   FLUSH         fdatasync
 *   DISCARD       ranges in order: BLKDISCARD on a device, a punched hole in a file; where neither
 *                 is known, nothing (a discard is a hint, blk.op.6)
 *   WRITE_ZEROES  ranges in order: a hole where the guest allows one, else the range zeroed, else
 *                 zeroes written
 *   `sync`        writes carry RWF_DSYNC; the others end with an fdatasync
 */
#ifndef KVM_DISK_STEP_H
#define KVM_DISK_STEP_H

#include "devices/blk.h"

enum disk_op_kind { DISK_OP_READ, DISK_OP_WRITE, DISK_OP_SYNC, DISK_OP_ALLOCATE, DISK_OP_DISCARD };

/* One system call. Of a transfer, `skip` bytes of the first span are done with. */
struct disk_op {
	enum disk_op_kind kind;
	int flags;       /* ALLOCATE: FALLOC_FL_*; WRITE: RWF_* */
	uint64_t offset; /* bytes into the file */
	uint64_t len;    /* bytes */
	const struct vspan *span;
	uint32_t nspans;
	size_t skip;
};

/* How a range is zeroed or given back, the best way first. */
enum disk_how { DISK_BLKDISCARD, DISK_PUNCH, DISK_ZERO_RANGE, DISK_WRITE_ZEROES, DISK_NOTHING };

/* What does not change from request to request, and what was learned about the file. */
struct disk_steps {
	bool block;
	bool no_punch, no_zero_range; /* refused once for good */
	struct vspan zeroes;          /* a buffer that holds zeroes only */
};

/* One request on its way. */
struct disk_req {
	struct blk_io *io;
	struct disk_op op;
	struct vspan zeroes; /* what a write of zeroes sends */
	struct vspan part;   /* the engine's: the rest of a span */
	uint64_t done;       /* bytes of the transfer, or of the range */
	uint16_t range;      /* the one at work */
	enum disk_how how;
	bool synced;
	uint8_t tries;
	int error; /* errno, or 0 */
};

void disk_step_begin(struct disk_req *, struct blk_io *, const struct disk_steps *);
/* Fills req->op with the next call; false: the request is over, with req->error, and `done` bytes of a
 * transfer. */
bool disk_step_next(struct disk_req *, const struct disk_steps *);
/* What the call answered: a number of bytes, or -errno. */
void disk_step_result(struct disk_req *, struct disk_steps *, int64_t result);

#endif
