// SPDX-License-Identifier: BSD-2-Clause
/*
 * twin: the devices and the guest memory of a trace, made afresh from its head. What a device asks of the
 * outside goes to the functions of struct twin_doors, so that the one who replays decides what to answer.
 */
#ifndef RINGSIDE_TWIN_H
#define RINGSIDE_TWIN_H

#include "devices/blk.h"
#include "trace/file.h"
#include "transport/mmio.h"

struct twin_device;

/* Doors out, all with the device that calls. */
struct twin_doors {
	struct host host;                                        /* ctx: struct twin_device * */
	struct vmem_tap tap;                                     /* ctx: struct twin_device * */
	void (*submit)(struct twin_device *, const struct op *); /* as OP_SUBMIT would record it */
	void (*drain)(struct twin_device *); /* must answer everything that twin_drains tells */
	void (*tell)(struct twin_device *, const struct op *); /* anything else, as it would be recorded */
};

/* A type of device: what of it is its own. One file each: twin_blk.c ... */
struct twin_type {
	uint16_t id; /* virtio device id */
	size_t size; /* bytes of the core's struct, which begins with its struct vdev */
	/* Makes it in d->vdev, fresh memory, as the head tells. False: none can be made like that. */
	bool (*make)(struct twin_device *, const struct trace_device *);
	/* Answers a request. False: the result can not be. */
	bool (*done)(struct twin_device *, void *io, uint64_t result, uint64_t bytes);
	uint64_t lost; /* the result of a request that nobody answered when it was drained */
	void (*publish)(struct twin_device *);
	/* NULL: it has none. An input of the type's own. False: it can not be given. */
	bool (*input)(struct twin_device *, const struct op *);
};

extern const struct twin_type twin_blk, twin_rng, twin_console, twin_net;

struct twin_device {
	struct twin *twin;
	uint8_t nr;
	const struct trace_device *head;
	const struct twin_type *type;
	struct vdev *vdev; /* of type->size bytes */
	struct mmio mmio;
	struct vmem mem;
	void *io[BLK_INFLIGHT_MAX];    /* submitted requests by id; NULL: none */
	bool drains[BLK_INFLIGHT_MAX]; /* while it drains: which of them */
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
/* An input that is neither a register access nor a run, a completion or their publishing. False: the device takes
 * none like that. */
bool twin_input(struct twin_device *, const struct op *);
/* While the device drains: request id is in flight and must be answered. */
bool twin_drains(const struct twin_device *, uint64_t id);

/* -- for the types --------------------------------------------------------------------------------------- */
void twin_submit(struct twin_device *, void *io, const struct op *); /* op: as OP_SUBMIT would record it */
/* All requests in flight; a type that drains fewer sets `drains` itself and calls the door. */
void twin_drain(void *ctx);

#endif
