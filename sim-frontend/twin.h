// SPDX-License-Identifier: BSD-2-Clause
/*
 * twin: the devices and the guest memory of a trace, made afresh from its head. What a device asks of the
 * outside goes to the functions of struct twin_doors, so that the one who replays decides what to answer.
 */
#ifndef RINGSIDE_TWIN_H
#define RINGSIDE_TWIN_H

#include "devices/blk.h"
#include "devices/rng.h"
#include "trace/file.h"
#include "transport/mmio.h"

struct twin_device;

/* Doors out, all with the device that calls. */
struct twin_doors {
	struct host host;                                        /* ctx: struct twin_device * */
	struct vmem_tap tap;                                     /* ctx: struct twin_device * */
	void (*submit)(struct twin_device *, const struct op *); /* as OP_SUBMIT would record it */
	void (*drain)(struct twin_device *);                     /* must answer everything in flight */
};

struct twin_device {
	struct twin *twin;
	uint8_t nr;
	const struct trace_device *head;
	struct vdev *vdev; /* points into blk or rng */
	struct blk *blk;
	struct rng *rng;
	struct mmio mmio;
	struct vmem mem;
	void *io[BLK_INFLIGHT_MAX]; /* submitted requests by id; NULL: none */
	uint32_t ninflight;
	uint32_t nhashes, next_hash; /* of what the next completion delivers (OP_PAYLOAD) */
	uint64_t hash[BLK_SPANS_MAX];
};

struct twin {
	const struct twin_doors *doors;
	void *owner; /* of whoever replays */
	struct vmem_map map;
	uint32_t ndevices;
	struct twin_device device[OP_DEV_MAX];
};

/* False, with a reason in err: the head can not be met by this build (device, feature, limits, memory). */
bool twin_create(struct twin *, const struct trace_head *, const struct twin_doors *, char *err, size_t max);
void twin_destroy(struct twin *);
/* Completes a request in flight. False: there is none of that id, or the result can not be. */
bool twin_done(struct twin_device *, uint64_t id, uint64_t result, uint64_t bytes);
void twin_publish(struct twin_device *);
bool twin_resize(struct twin_device *, uint64_t sectors); /* false: the device has no size */

#endif
