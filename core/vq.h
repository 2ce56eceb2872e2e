// SPDX-License-Identifier: BSD-2-Clause
/*
 * vq: one virtqueue, seen from the device. Devices speak to this interface and do not know which ring they
 * are on; only vq_split.c (virtio 1.4, 2.7) and vq_packed.c (2.8) know a layout.
 *
 *   vq_pop       takes the next available chain, checked whole: ids, order of buffers, ranges
 *   vq_read ...  walk a chain with forward-only cursors: no byte is fetched twice
 *   vq_complete  stages one used entry; any order. With IN_ORDER it waits for those of all
 *                earlier chains (vq_order.c)
 *   vq_publish   one store makes all staged entries visible; tells whether an interrupt is due
 *   vq_kicks_*   when the driver need not notify us, and the second look that makes that safe
 *
 * The driver may rewrite everything in the ring at any time. Each descriptor is copied out once, at pop; a
 * chain that breaks a rule is an offence, never an end of chain, and after it the queue must not be popped
 * again.
 */
#ifndef RINGSIDE_VQ_H
#define RINGSIDE_VQ_H

#include "host.h"
#include "state.h"
#include "vmem.h"

#define VQ_SIZE_MAX 1024 /* entries */
#define VQ_SEGS_MAX 128  /* segments of one chain */

/* One buffer of a chain; it was guest memory when it was popped, and still is: regions never change. */
struct vq_seg {
	gpa_t addr;
	uint32_t len; /* bytes, may be 0 */
};

/* Names one pop. seq tells a chain from an earlier one of the same id. ndesc: entries of the ring it takes
 * (split: 1). */
struct vq_tok {
	uint16_t id, ndesc;
	uint32_t seq;
};

/* Device-readable segments come first: seg[0 .. nread), then device-writable ones: seg[nread .. nread +
 * nwrite). */
struct vq_chain {
	struct vq_tok tok;
	uint16_t nread, nwrite;
	uint16_t ndesc;               /* entries of the descriptor ring, or table, that it takes */
	uint32_t read_len, write_len; /* bytes; neither sum overflows */
	struct vq_seg seg[VQ_SEGS_MAX];
};

/* split: descriptor table, available ring, used ring; packed: descriptor ring, the driver's events, the
 * device's */
enum vq_area { VQ_DESC, VQ_DRIVER, VQ_DEVICE };

/*
 * A place in the ring. Split: a free-running index. Packed: the slot in the lower 15 bits, the wrap counter
 * above them, as 2.8 writes it in off_wrap.
 */
typedef uint16_t vq_pos;

/* IN_ORDER: what is known of one popped chain, by id, until its turn comes. */
struct vq_wait {
	uint32_t bytes; /* device-writable ones; once done, those that were written */
	uint16_t ndesc;
	bool done, whole; /* whole: all that was writable was written */
};

/* IN_ORDER: the used entry that grows while more chains in a row are done; not in the ring yet. */
struct vq_batch {
	vq_pos at;    /* of its first chain */
	uint16_t id;  /* of its last */
	uint32_t len; /* of its last */
	bool open;    /* there is one */
	bool whole;   /* its last chain may be skipped too */
};

struct vq {
	gpa_t area[3];
	uint16_t size;       /* entries; split: a power of two while ready */
	uint16_t size_max;   /* what the device offers; 0: no such queue */
	vq_pos next_avail;   /* the available entry to take next */
	uint16_t seen_avail; /* split: the driver's index as it was last loaded */
	vq_pos next_used;    /* the used entry to write next: staged ones included */
	vq_pos published;    /* the used entry that the driver waits for */
	uint16_t inflight;   /* chains popped and not staged, held back ones included; at most size */
	uint16_t used_flags; /* packed: flags of the first staged entry, whose store publishes all of them */
	bool ready, event_idx, indirect, kicks_off, packed, in_order;
	enum offence offence;  /* why vq_pop answered VQ_OFFENCE */
	uint32_t seq;          /* of the latest pop */
	uint32_t latest;       /* seq of the chain that may be given back now */
	uint16_t oldest;       /* IN_ORDER: where order[] starts; it has inflight entries */
	struct vq_batch batch; /* IN_ORDER */
	/* What follows is not touched before the queue is enabled, and then as far as its size goes. */
	uint32_t live[VQ_SIZE_MAX]; /* by id: seq of the pop in flight, or 0 */
	/* IN_ORDER only; each entry is set by a pop before anyone looks at it, so nobody clears them. */
	uint16_t order[VQ_SIZE_MAX]; /* ids in order of pops, round and round */
	struct vq_wait wait[VQ_SIZE_MAX];
};

enum vq_err { VQ_OK, VQ_EMPTY, VQ_OFFENCE };

/* Costs little, whatever the size: fuzzers make a fresh device for each run. */
void vq_init(struct vq *, uint16_t size_max);
/* No queue set up; size_max stays. */
void vq_reset(struct vq *);
/* Checks size, alignments and ranges (2.7, 2.8) and starts with an empty ring, of the kind that was
 * negotiated. */
enum offence vq_enable(struct vq *, struct vmem *, uint64_t features);
enum vq_err vq_pop(struct vq *, struct vmem *, struct vq_chain *);
/* Gives the latest chain back, as if it had not been popped; it must not have been completed. Of several that
 * were popped in a row, all go back in reverse. */
void vq_unpop(struct vq *, struct vq_tok);
/* The first `written` device-writable bytes of the chain were all stored. Once for each chain. */
void vq_complete(struct vq *, struct vmem *, struct vq_tok, uint32_t written);
/* True: an interrupt is due (2.7.7.2, 2.8.10). */
bool vq_publish(struct vq *, struct vmem *);
/* Asks the driver not to notify; a hint. */
void vq_kicks_stop(struct vq *, struct vmem *);
/* Asks it to notify again, then looks once more: true when something is available by now (no kick may come
 * for it). */
bool vq_kicks_resume(struct vq *, struct vmem *);
/* Looks at the ring, without a fence: something is available. */
bool vq_waiting(struct vq *, struct vmem *);

/*
 * Saving and loading (vq_state.c). Which chains are in flight is told by the device type, which holds their
 * tokens: after vq_load it claims each of them once, and vq_claimed tells whether those are all there are (or,
 * with all = false, no more than that: a broken device has let go of some). False: not in flight, or claimed
 * before, or with IN_ORDER not of so many device-writable bytes. write_len: at most so much will be told
 * in vq_complete.
 */
void vq_save(const struct vq *, struct state_out *);
void vq_load(struct vq *, struct vmem *, struct state_in *);
bool vq_claim(struct vq *, struct vq_tok, uint32_t write_len);
bool vq_claimed(const struct vq *, bool all);

/* A place in one half of a chain. The chain must outlive it. */
struct vq_cursor {
	const struct vq_seg *seg, *end;
	uint32_t off;  /* in *seg */
	uint32_t left; /* bytes up to the end of the half */
};

static inline struct vq_cursor vq_reader(const struct vq_chain *c)
{
	return (struct vq_cursor){c->seg, c->seg + c->nread, 0, c->read_len};
}

static inline struct vq_cursor vq_writer(const struct vq_chain *c)
{
	return (struct vq_cursor){c->seg + c->nread, c->seg + c->nread + c->nwrite, 0, c->write_len};
}

void vq_skip_slow(struct vq_cursor *, uint32_t n);

/* Moves n bytes on; so many are left. */
static inline void vq_skip(struct vq_cursor *cur, uint32_t n)
{
	if (cur->seg == cur->end || n > cur->seg->len - cur->off) {
		vq_skip_slow(cur, n);
		return;
	}
	cur->off += n;
	cur->left -= n;
}

/* Moves on by what was copied; false, and nothing done, when fewer are left. */
bool vq_read(struct vq_cursor *, struct vmem *, enum vmem_for, void *, uint32_t n);
bool vq_write(struct vq_cursor *, struct vmem *, enum vmem_for, const void *, uint32_t n);
/* Where the chain's last device-writable byte is; it has one. */
gpa_t vq_last_byte(const struct vq_chain *);

/* The address under the cursor and how many bytes of at most n lie there in one segment, then moves on; 0: at
 * the end. */
static inline uint32_t vq_take(struct vq_cursor *cur, uint32_t n, gpa_t *at)
{
	while (cur->seg < cur->end && cur->off == cur->seg->len) {
		cur->seg++;
		cur->off = 0;
	}
	if (cur->seg == cur->end || n == 0)
		return 0;
	uint32_t here = cur->seg->len - cur->off;
	uint32_t part = n < here ? n : here;
	*at = gpa_add(cur->seg->addr, cur->off);
	cur->off += part;
	cur->left -= part;
	return part;
}

#endif
