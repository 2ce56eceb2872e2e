// SPDX-License-Identifier: BSD-2-Clause
/*
 * follow: what the ops of a trace tell about its queues: where they lie, which requests the driver has published,
 * which of them the device took, gave to its backend, and used. It looks only at what passed the device's doors,
 * so it follows any trace: one that was cut short, one that no build can replay, one whose device was wrong.
 *
 * A request begins when its publication is first seen: where the trace holds the guest's stores, at the store;
 * else where the device looks and finds it. It ends where its used entry is stored. For those who show a trace to
 * people (export_*.c).
 */
#ifndef RINGSIDE_FOLLOW_H
#define RINGSIDE_FOLLOW_H

#include "trace/file.h"
#include "trace/op.h"
#include "vq.h"

#define FOLLOW_QUEUES_MAX TRACE_QUEUES_MAX
#define FOLLOW_NAME_MAX   64
#define FOLLOW_NO_QUEUE   0xffffu

enum follow_end {
	FOLLOW_OPEN,    /* the trace is over */
	FOLLOW_USED,    /* it has a used entry */
	FOLLOW_BATCH,   /* IN_ORDER: the used entry of a later one stands for it too */
	FOLLOW_DROPPED, /* the queue was reset, or the device broke */
};

struct follow_seg {
	uint64_t addr;
	uint32_t len;
	bool write; /* for the device */
};

/* Op numbers are from 1; 0: it has not come to that. */
struct follow_request {
	struct follow_request *next; /* of the same queue, in order of publication */
	uint64_t published, popped, submitted, done, ended;
	uint32_t serial; /* in the trace, from 0, in order of publication */
	uint16_t queue;
	uint8_t dev;
	uint16_t slot;     /* entry of the available ring; packed: of its first descriptor in the ring */
	bool wrap;         /* packed: the driver's wrap counter there */
	uint16_t ndesc;    /* entries of the ring that it takes (split: 1) */
	uint16_t id;       /* split: the chain's head; packed: its buffer's id; since it was popped */
	uint16_t io;       /* its id at the backend, since it was submitted */
	int16_t status;    /* the last status byte that was stored meanwhile, or -1 */
	uint32_t used_len; /* as its used entry says */
	uint64_t table;    /* indirect: where; table_len 0: it is not */
	uint32_t table_len;
	uint32_t read_len, write_len; /* bytes of its segments */
	uint16_t nsegs;
	struct follow_seg seg[VQ_SEGS_MAX];
	uint32_t mark;              /* the listener's own */
	char name[FOLLOW_NAME_MAX]; /* what it asks of the backend, or what its buffers are */
};

struct follow_queue {
	bool ready;
	uint16_t size;
	uint64_t area[3]; /* enum vq_area */
	/* The driver's side: split: the index that was last seen; packed: the slot that is published next. */
	uint16_t published;
	bool wrap;
	struct follow_request *first, **last; /* live ones */
	uint32_t navailable, ninflight;       /* published and not popped; popped and not ended */
};

struct follow_device {
	uint64_t accepted; /* features */
	uint32_t status, features_sel, queue_sel;
	struct follow_queue queue[FOLLOW_QUEUES_MAX];
	struct follow_request *current; /* the request that the device is at, or NULL */
	uint16_t at;                    /* the queue that it is at, or FOLLOW_NO_QUEUE */
};

/* All of them may look at the state, which is as it is behind the op. */
struct follow_events {
	void (*began)(void *ctx, struct follow_request *);
	void (*ended)(void *ctx, const struct follow_request *,
		      enum follow_end); /* it is freed behind this */
	/* It became ready, or is not any more. */
	void (*queue)(void *ctx, uint8_t dev, uint16_t queue);
};

struct follow {
	struct follow_device device[OP_DEV_MAX];
	uint64_t nr;    /* of the op under way */
	uint16_t about; /* the queue that the latest op is about, or FOLLOW_NO_QUEUE */
	/* private */
	const struct trace_head *head;
	const struct follow_events *events;
	void *ctx;
	struct vmem_map map;
	uint32_t nrequests;
	bool guest_stores; /* the trace holds them */
	bool failed;       /* out of memory */
};

/* NULL: err tells. The head must outlive it. */
struct follow *follow_create(const struct trace_head *, const struct follow_events *, void *ctx, char *err,
			     size_t max);
/* The next op. False: out of memory. */
bool follow_op(struct follow *, const struct op *);
/* The trace is over: what is live ends, as FOLLOW_OPEN. */
void follow_end(struct follow *);
void follow_destroy(struct follow *);

#endif
