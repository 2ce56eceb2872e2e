// SPDX-License-Identifier: BSD-2-Clause
/*
 * oracle_backend: what the device asks of its backend, held against the chain that it took, and what it tells
 * the driver, held against what the backend said.
 *
 *   asked     whole sectors inside of the capacity; nothing written to a read-only disk; type,
 *             sector, length and ranges as in the header that the device loaded; write-through where
 *             the driver can not flush or turned the cache off
 *   answered  OK only after the backend has done all of it, and of a flush only after one that was
 *             submitted when all that the driver knows to be written was; entropy: as many bytes as
 *             the source gave
 *   reset     what was in flight reaches the guest no more
 *
 * Legal, though odd: a request refused with an error for the device's own reasons; OK without the backend
 * where there is nothing to do; one flush for several; more write-through than was asked for.
 */
#ifndef RINGSIDE_ORACLE_BACKEND_H
#define RINGSIDE_ORACLE_BACKEND_H

#include "devices/blk.h"
#include "devices/console.h"
#include "devices/net.h"
#include "devices/rng.h"
#include "oracle.h"

#define BACKEND_HEADER_MAX (16u + 16u * BLK_RANGES_MAX)

enum backend_state { ASK_NONE, ASK_SUBMITTED, ASK_DONE };

struct chain; /* oracle_int.h */

/* A request at the backend, or back from it and not yet answered; by its id. */
struct backend_ask {
	uint8_t state; /* enum backend_state */
	uint8_t type;
	bool sync, must_sync;
	uint8_t result; /* enum blk_result, once it is done */
	uint16_t queue;
	uint32_t bytes;     /* given */
	uint32_t epoch;     /* of its queue */
	uint32_t cache;     /* when the cache was last switched */
	uint64_t serial;    /* of its chain; 0: not known */
	uint64_t status_at; /* where its status byte is; 0: not known */
	uint64_t need;      /* flush: so many writes must be stable with it */
	uint64_t covers;    /* flush: so many are */
};

struct oracle_backend {
	struct oracle *oracle;
	struct vdev *vdev;
	uint64_t capacity; /* sectors */
	uint64_t writes;   /* volatile ones that were answered OK, ever */
	uint64_t stable;   /* so many of them are stable */
	uint32_t cache;    /* how often the driver wrote to the configuration */
	uint32_t epoch[VDEV_QUEUES_MAX];
	uint16_t completing; /* id + 1 while the device is told that it is done; 0: none */
	bool agreed;         /* FEATURES_OK stands */
	bool cache_off;      /* the driver can flush, but turned the cache off */
	uint32_t top;        /* ids that were used end here */
	/* The chain being decoded. */
	const struct chain *chain;
	uint64_t serial; /* 0: not known */
	uint64_t need;
	bool answered; /* or submitted */
	uint32_t header_len;
	uint8_t header[BACKEND_HEADER_MAX];
	struct backend_ask ask[BLK_INFLIGHT_MAX];
};

void oracle_backend_init(struct oracle_backend *, struct oracle *, struct vdev *);
void oracle_backend_restart(struct oracle_backend *, uint64_t sectors); /* a fresh device */
void oracle_backend_resized(struct oracle_backend *, uint64_t sectors);
/* The request is not at the backend any more, and nobody was told what became of it. */
void oracle_backend_lost(struct oracle_backend *, uint16_t id);
/* Queues that are not ready after a register write, or a reset. */
void oracle_backend_write_ends(struct oracle_backend *, uint64_t off, uint64_t value);

/* -- what the device does -------------------------------------------------------------------------------- */
void oracle_backend_header(struct oracle_backend *, uint32_t n, const void *data);
void oracle_backend_status(struct oracle_backend *, uint64_t a, uint8_t status);
void oracle_backend_stored(struct oracle_backend *, uint32_t n); /* while `completing` */
/* A chain was given back, with so many bytes. */
void oracle_backend_used(struct oracle_backend *, uint64_t serial, uint32_t len);

/* -- the backend ----------------------------------------------------------------------------------------- */
void oracle_backend_submit_blk(struct oracle_backend *, const struct blk_io *);
/* offered: bytes that the host has, while it asks for room for them. */
void oracle_backend_submit_console(struct oracle_backend *, const struct console_io *, uint32_t offered);
void oracle_backend_submit_net(struct oracle_backend *, const struct net_io *);
/* Room is lent, or said to be, for a frame that the backend does not have. */
void oracle_backend_unasked(struct oracle_backend *, uint16_t id);
void oracle_backend_submit_rng(struct oracle_backend *, const struct rng_io *);
/* Around telling the device that request `id` is done; whole: all that was asked for. */
void oracle_backend_done_begins(struct oracle_backend *, uint16_t id, enum blk_result, uint32_t bytes,
				bool whole);
void oracle_backend_done_ends(struct oracle_backend *);

#endif
