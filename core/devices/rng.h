// SPDX-License-Identifier: BSD-2-Clause
/*
 * rng: the virtio entropy device (virtio 1.4, 5.4). One queue; each request is answered with at least one
 * random byte, as many as the source gives, at most RNG_BYTES_MAX of the first writable buffer (rng.op.1
 * allows less than all).
 */
#ifndef RINGSIDE_RNG_H
#define RINGSIDE_RNG_H

#include "vdev.h"

#define RNG_QUEUE_SIZE   64
#define RNG_INFLIGHT_MAX 16
#define RNG_BYTES_MAX    4096u

/* One request at the source: fill span (span.len bytes at most), then rng_io_done. */
struct rng_io {
	uint16_t id; /* 0 .. RNG_INFLIGHT_MAX-1 */
	struct vspan span;
	struct vq_tok tok;
	gpa_t at;
};

struct rng_backend {
	void (*submit)(void *ctx, struct rng_io *);
	void (*drain)(void *ctx); /* returns when every submitted request has been answered by rng_io_done */
	void *ctx;
};

struct rng {
	struct vdev vdev; /* first */
	struct rng_backend backend;
	uint16_t busy;   /* bit per slot */
	uint16_t failed; /* of them: the source gave nothing, and is asked again when the queue runs next */
	uint16_t unsent; /* of them: loaded, and not lent yet */
	bool stalled;
	struct rng_io io[RNG_INFLIGHT_MAX];
};

void rng_init(struct rng *, struct vmem *, const struct host *, void *host_ctx, const struct rng_backend *);
/* bytes: how many leading bytes of the span were stored; 0: the source failed. The driver can not be told so
 * (rng.op.1), so the request is submitted again, through host->again. */
void rng_io_done(struct rng *, struct rng_io *, uint32_t bytes);
/* After a batch of rng_io_done outside of submit. */
void rng_publish(struct rng *);

#endif
