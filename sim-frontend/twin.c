// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>

#include <linux/virtio_ids.h>

#include "trace/remake.h"
#include "tracemem.h"
#include "twin.h"

/* -- backends: everything goes to the doors -------------------------------------------------------------- */

static void submit(struct twin_device *d, uint16_t id, void *io, const struct op *op)
{
	d->io[id] = io;
	d->ninflight++;
	d->twin->doors->submit(d, op);
}

static void blk_submit(void *ctx, struct blk_io *io)
{
	struct twin_device *d = ctx;
	struct op op = {.code = OP_SUBMIT, .dev = d->nr, .data = (const uint8_t *)io->range};
	uint64_t arg[OP_ARGS_MAX] = {io->id, io->type, io->sector, io->len, io->sync, io->nspans};
	memcpy(op.arg, arg, sizeof(arg));
	op.len = io->nranges * (uint32_t)sizeof(io->range[0]);
	submit(d, io->id, io, &op);
}

static void rng_submit(void *ctx, struct rng_io *io)
{
	struct twin_device *d = ctx;
	struct op op = {.code = OP_SUBMIT, .dev = d->nr, .arg = {io->id, 0, 0, io->span.len, 0, 1}};
	submit(d, io->id, io, &op);
}

static void drain(void *ctx)
{
	struct twin_device *d = ctx;
	d->twin->doors->drain(d);
}

bool twin_done(struct twin_device *d, uint64_t id, uint64_t result, uint64_t bytes)
{
	void *io = id < BLK_INFLIGHT_MAX ? d->io[id] : NULL;
	if (!io || result >= BLK_RESULTS || bytes > UINT32_MAX)
		return false;
	if (d->rng && bytes > ((struct rng_io *)io)->span.len)
		return false;
	d->io[id] = NULL;
	d->ninflight--;
	if (d->blk)
		blk_io_done(d->blk, io, (enum blk_result)result, (uint32_t)bytes);
	else
		rng_io_done(d->rng, io, (uint32_t)bytes);
	return true;
}

void twin_publish(struct twin_device *d)
{
	if (d->blk)
		blk_publish(d->blk);
	else
		rng_publish(d->rng);
}

bool twin_resize(struct twin_device *d, uint64_t sectors)
{
	if (!d->blk)
		return false;
	blk_resize(d->blk, sectors);
	return true;
}

/* -- making the devices ---------------------------------------------------------------------------------- */

static bool create_blk(struct twin_device *d, const struct trace_device *t)
{
	struct blk_options o;
	struct blk_backend b = {.submit = blk_submit, .drain = drain, .ctx = d};
	if (!remake_blk(t, &o, &b))
		return false;
	d->blk = malloc(sizeof(*d->blk));
	if (!d->blk)
		return false;
	blk_init(d->blk, &d->mem, &d->twin->doors->host, d, &b, &o);
	d->vdev = &d->blk->vdev;
	return true;
}

static bool create_rng(struct twin_device *d, const struct trace_device *t)
{
	struct rng_backend b = {.submit = rng_submit, .drain = drain, .ctx = d};
	d->rng = t->nqueues == 1 ? malloc(sizeof(*d->rng)) : NULL;
	if (!d->rng)
		return false;
	rng_init(d->rng, &d->mem, &d->twin->doors->host, d, &b);
	d->vdev = &d->rng->vdev;
	return true;
}

static bool create_device(struct twin *w, uint32_t nr, const struct trace_device *t, char *err, size_t max)
{
	struct twin_device *d = &w->device[nr];
	bool made = false;
	*d = (struct twin_device){.twin = w, .nr = (uint8_t)nr, .head = t};
	vmem_init(&d->mem, &w->map);
	vmem_set_tap(&d->mem, &w->doors->tap, d);
	if (t->transport == 0 && t->id == VIRTIO_ID_BLOCK)
		made = create_blk(d, t);
	else if (t->transport == 0 && t->id == VIRTIO_ID_RNG)
		made = create_rng(d, t);
	if (!made) {
		snprintf(err, max, "device %u (virtio id %u, transport %u) can not be made by this build", nr,
			 t->id, t->transport);
		return false;
	}
	if (!remake_limits(t, d->vdev)) {
		snprintf(err, max,
			 "device %u offered features that this build lacks (0x%llx), or has queues of more "
			 "than %u entries",
			 nr, (unsigned long long)(t->features & ~d->vdev->offered), VQ_SIZE_MAX);
		return false;
	}
	mmio_init(&d->mmio, d->vdev);
	return true;
}

bool twin_create(struct twin *w, const struct trace_head *h, const struct twin_doors *doors, char *err,
		 size_t max)
{
	memset(w, 0, sizeof(*w));
	w->doors = doors;
	if (!tracemem_create(&w->map, h, err, max))
		return false;
	for (uint32_t i = 0; i < h->ndevices; i++) {
		w->ndevices = i + 1;
		if (!create_device(w, i, &h->device[i], err, max))
			return false;
	}
	return true;
}

void twin_destroy(struct twin *w)
{
	tracemem_destroy(&w->map);
	for (uint32_t i = 0; i < w->ndevices; i++) {
		free(w->device[i].blk);
		free(w->device[i].rng);
	}
}
