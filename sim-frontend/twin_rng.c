// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_ids.h>

#include "devices/rng.h"
#include "twin.h"

static struct rng *rng_of(struct twin_device *d)
{
	return (struct rng *)(void *)d->vdev;
}

static void submit(void *ctx, struct rng_io *io)
{
	struct twin_device *d = ctx;
	struct op op = {.code = OP_SUBMIT, .dev = d->nr, .arg = {io->id, 0, 0, io->span.len, 0, 1}};
	twin_submit(d, io, &op);
}

static bool make(struct twin_device *d, const struct trace_device *t)
{
	struct rng_backend b = {.submit = submit, .drain = twin_drain, .ctx = d};
	if (t->nqueues != 1)
		return false;
	rng_init(rng_of(d), &d->mem, &d->twin->doors->host, d, &b);
	return true;
}

static bool done(struct twin_device *d, void *io, uint64_t result, uint64_t bytes)
{
	const struct rng_io *r = io;
	if (result >= BLK_RESULTS || bytes > r->span.len)
		return false;
	rng_io_done(rng_of(d), io, (uint32_t)bytes);
	return true;
}

static void publish(struct twin_device *d)
{
	rng_publish(rng_of(d));
}

const struct twin_type twin_rng = {
	.id = VIRTIO_ID_RNG,
	.size = sizeof(struct rng),
	.make = make,
	.done = done,
	.lost = BLK_DONE,
	.publish = publish,
};
