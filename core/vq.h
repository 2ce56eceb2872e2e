// SPDX-License-Identifier: BSD-2-Clause
/*
 * vq: one virtqueue, seen from the device. Devices speak to this interface and do not know a ring's layout; vq_split.c
 * is the only code that knows the split one (virtio 1.4, 2.7).
 *
 *   vq_pop       takes the next available chain, checked whole: ids, order of buffers, every range in guest memory
 *   vq_read ...  walk a chain with forward-only cursors: no byte is fetched twice
 *   vq_complete  stages one used entry; any order
 *   vq_publish   one index store for all staged entries; tells whether an interrupt is due
 *   vq_kicks_*   when the driver need not notify us, and the second look that makes that safe
 *
 * The driver may rewrite everything in the ring at any time. Each descriptor is copied out once, at pop; a chain that
 * breaks a rule is an offence, never an end of chain, and after it the queue must not be popped again.
 */
#ifndef RINGSIDE_VQ_H
#define RINGSIDE_VQ_H

#include "host.h"
#include "vmem.h"

#define VQ_SIZE_MAX 1024 /* entries */
#define VQ_SEGS_MAX 128  /* segments of one chain */

/* One buffer of a chain; it was guest memory when it was popped, and still is: regions never change. */
struct vq_seg {
	gpa_t addr;
	uint32_t len; /* bytes, may be 0 */
};

/* Names one pop. seq tells a chain from an earlier one of the same id. */
struct vq_tok {
	uint16_t id, ndesc;
	uint32_t seq;
};

/* Device-readable segments come first: seg[0 .. nread), then device-writable ones: seg[nread .. nread + nwrite). */
struct vq_chain {
	struct vq_tok tok;
	uint16_t nread, nwrite;
	uint32_t read_len, write_len; /* bytes; neither sum overflows */
	struct vq_seg seg[VQ_SEGS_MAX];
};

enum vq_area { VQ_DESC, VQ_DRIVER, VQ_DEVICE }; /* split: descriptor table, available ring, used ring */

struct vq {
	gpa_t area[3];
	uint16_t size;       /* entries; a power of two while ready */
	uint16_t size_max;   /* what the device offers; 0: no such queue */
	uint16_t next_avail; /* the available entry to take next */
	uint16_t seen_avail; /* the driver's index as it was last loaded */
	uint16_t next_used;  /* the used entry to write next: staged ones included */
	uint16_t published;  /* the used index as the driver sees it */
	uint16_t inflight;   /* popped and not completed; at most size */
	bool ready, event_idx, indirect, kicks_off;
	enum offence offence;       /* why vq_pop answered VQ_OFFENCE */
	uint32_t seq;               /* of the latest pop */
	uint32_t live[VQ_SIZE_MAX]; /* by id: seq of the pop in flight, or 0 */
};

enum vq_err { VQ_OK, VQ_EMPTY, VQ_OFFENCE };

/* Touches no more than a queue of that size can use: fuzzers make a fresh device for each run. */
void vq_init(struct vq *, uint16_t size_max);
/* No queue set up; size_max stays. */
void vq_reset(struct vq *);
/* Checks size, alignments and ranges (2.7) and starts with empty indices. */
enum offence vq_enable(struct vq *, struct vmem *, uint64_t features);
enum vq_err vq_pop(struct vq *, struct vmem *, struct vq_chain *);
/* Gives the latest chain back, as if it had not been popped; it must not have been completed. */
void vq_unpop(struct vq *, struct vq_tok);
/* The first `written` device-writable bytes of the chain were all stored. */
void vq_complete(struct vq *, struct vmem *, struct vq_tok, uint32_t written);
/* True: an interrupt is due (2.7.7.2). */
bool vq_publish(struct vq *, struct vmem *);
/* Asks the driver not to notify; a hint. */
void vq_kicks_stop(struct vq *, struct vmem *);
/* Asks it to notify again, then looks once more: true when something is available by now (no kick may come for it). */
bool vq_kicks_resume(struct vq *, struct vmem *);

/* A place in one half of a chain. The chain must outlive it. */
struct vq_cursor {
	const struct vq_seg *seg, *end;
	uint32_t off;  /* in *seg */
	uint32_t left; /* bytes up to the end of the half */
};

struct vq_cursor vq_reader(const struct vq_chain *);
struct vq_cursor vq_writer(const struct vq_chain *);
/* Move n bytes on; false, and nothing done, when fewer are left. */
bool vq_skip(struct vq_cursor *, uint32_t n);
bool vq_read(struct vq_cursor *, struct vmem *, enum vmem_for, void *, uint32_t n);
bool vq_write(struct vq_cursor *, struct vmem *, enum vmem_for, const void *, uint32_t n);
/* The address under the cursor and how many bytes of at most n lie there in one segment, then moves on; 0: at the end. */
uint32_t vq_take(struct vq_cursor *, uint32_t n, gpa_t *);

#endif
