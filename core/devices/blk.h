// SPDX-License-Identifier: BSD-2-Clause
/*
 * blk: the virtio block device (virtio 1.4, 5.2).
 *
 * Decodes requests in any descriptor layout, checks them fully, lends their data buffers to a backend, and
 * answers in whatever order the backend completes. Payload bytes are touched by the backend alone.
 *
 * A frontend makes a backend (two calls), embeds struct blk, calls blk_init, and then blk_io_done for every
 * request that was submitted, from inside submit or drain or later, and blk_publish after a batch of later
 * ones.
 *
 * Saving: requests are saved with the addresses of their pieces, and lent and submitted anew by vdev_resume. All
 * of them are idempotent, so that one which the saver's backend has carried out as well does no harm; but that
 * backend must be through with it before the loader's guest runs, and the disk must be the one that the saver left.
 * Only what was never answered is done again. A request may lie beyond the capacity, where the disk became smaller
 * since it was submitted: backends fail such ones.
 */
#ifndef RINGSIDE_BLK_H
#define RINGSIDE_BLK_H

#include "vdev.h"

#define BLK_SECTOR_LEN   512u /* bytes; the unit of sector numbers whatever BLK_SIZE says */
#define BLK_QUEUES_MAX   4
#define BLK_QUEUE_SIZE   256
#define BLK_INFLIGHT_MAX 256 /* requests at the backend, all queues together */
#define BLK_SEG_MAX      (VQ_SEGS_MAX - 2)
#define BLK_SIZE_MAX     VMEM_PIN_MAX /* bytes of one segment, as offered; longer ones take several spans */
#define BLK_RANGES_MAX   16           /* of one discard or write-zeroes request */
#define BLK_RANGE_MAX    (1u << 22)   /* sectors of one range: 2 GiB */
/* Pieces of host memory of one request: a segment that crosses from one region to the next needs two. A
 * request of more pieces than this is answered IOERR. */
#define BLK_SPANS_MAX (VQ_SEGS_MAX + VMEM_REGIONS_MAX)

/* What a backend is asked to do; the order is part of the trace format. */
enum blk_io_type { BLK_IO_READ, BLK_IO_WRITE, BLK_IO_FLUSH, BLK_IO_DISCARD, BLK_IO_WRITE_ZEROES };

enum blk_result {
	BLK_DONE,        /* all of it */
	BLK_IO_ERROR,    /* EIO, ENOSPC, short transfer ...: the guest is told IOERR */
	BLK_UNSUPPORTED, /* the guest is told UNSUPP */
	BLK_RESULTS
};

struct blk_range {
	uint64_t sector;
	uint32_t nsectors;
	uint32_t unmap; /* write zeroes: may deallocate; discard: 0 */
};

/* One request at the backend: in capacity, not a write where the disk is read-only, spans adding up to len.
 */
struct blk_io {
	uint32_t type;   /* enum blk_io_type */
	uint32_t len;    /* bytes of data, a multiple of 512 */
	uint64_t sector; /* READ, WRITE */
	bool sync;       /* WRITE, DISCARD, WRITE_ZEROES: must be on stable storage when it completes
			    (write-through) */
	uint16_t id;     /* 0 .. BLK_INFLIGHT_MAX-1, unique among requests in flight */
	uint16_t nspans, nranges;
	struct vspan span[BLK_SPANS_MAX];
	struct blk_range range[BLK_RANGES_MAX];
};

enum blk_can { BLK_CAN_FLUSH = 1, BLK_CAN_DISCARD = 2, BLK_CAN_WRITE_ZEROES = 4, BLK_CAN_UNMAP = 8 };

struct blk_backend {
	void (*submit)(void *ctx, struct blk_io *);
	void (*drain)(void *ctx); /* returns when every submitted request has been answered by blk_io_done */
	uint64_t sectors;         /* capacity */
	uint32_t can;             /* enum blk_can */
	void *ctx;
};

struct blk_options {
	bool read_only;
	uint16_t nqueues;        /* 1 .. BLK_QUEUES_MAX; above 1 offers MQ */
	uint16_t queue_size;     /* 0: BLK_QUEUE_SIZE */
	uint8_t physical_exp;    /* physical block = 512 << this; 0..7 */
	uint32_t opt_io_sectors; /* TOPOLOGY's optimal I/O size; 0: none */
	uint64_t without;        /* feature bits not to offer */
	uint8_t ident[20];       /* GET_ID, zero-padded */
};

/* A request in flight: what the backend sees, and what is needed to answer. */
struct blk_req {
	struct blk_io io;
	struct vq_tok tok;
	uint16_t queue;
	uint32_t write_len; /* bytes of all device-writable buffers; the last one is the status */
	uint64_t nr;        /* of its submission: their order */
	gpa_t status;
	gpa_t span_gpa[BLK_SPANS_MAX];
};

struct blk {
	struct vdev vdev; /* first: a struct vdev * of this type is a struct blk * */
	struct blk_backend backend;
	struct blk_options options;
	uint8_t writeback; /* the configuration field */
	uint16_t inflight; /* requests at the backend, or unsent */
	uint32_t stalled;  /* bit per queue: waits for a completion */
	uint32_t staged;   /* bit per queue: has completions to publish */
	bool freed;        /* a completion made room since stalled queues were last woken */
	uint16_t nunsent;  /* requests that were loaded, and are not lent nor at the backend yet */
	uint64_t nsubmits; /* requests, in the device's life */
	uint64_t busy[BLK_INFLIGHT_MAX / 64];   /* bit per slot */
	uint64_t unsent[BLK_INFLIGHT_MAX / 64]; /* of them */
	struct blk_req req[BLK_INFLIGHT_MAX];   /* not initialised where not busy */
};

/* The backend's table is copied. Options are the host's own and must be right. */
void blk_init(struct blk *, struct vmem *, const struct host *, void *host_ctx, const struct blk_backend *,
	      const struct blk_options *);
/* bytes: of a READ, how many leading bytes of the spans were stored; fewer than io->len is an error whatever
 * result says. */
void blk_io_done(struct blk *, struct blk_io *, enum blk_result, uint32_t bytes);
/* After a batch of blk_io_done outside of submit: publishes used entries, interrupts, wakes stalled queues.
 */
void blk_publish(struct blk *);
/* The disk has another size now: capacity, configuration interrupt (5.2.6, blk.op.1). */
void blk_resize(struct blk *, uint64_t sectors);

#endif
