// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_ids.h>

#include "trace/remake.h"
#include "twin.h"

static struct blk *blk_of(struct twin_device *d)
{
	return (struct blk *)(void *)d->vdev;
}

static void submit(void *ctx, struct blk_io *io)
{
	struct twin_device *d = ctx;
	struct op op = {.code = OP_SUBMIT, .dev = d->nr, .data = (const uint8_t *)io->range};
	uint64_t arg[OP_ARGS_MAX] = {io->id, io->type, io->sector, io->len, io->sync, io->nspans};
	memcpy(op.arg, arg, sizeof(arg));
	op.len = io->nranges * (uint32_t)sizeof(io->range[0]);
	twin_submit(d, io, &op);
}

static bool make(struct twin_device *d, const struct trace_device *t)
{
	struct blk_options o;
	struct blk_backend b = {.submit = submit, .drain = twin_drain, .ctx = d};
	if (!remake_blk(t, &o, &b))
		return false;
	blk_init(blk_of(d), &d->mem, &d->twin->doors->host, d, &b, &o);
	return true;
}

static bool done(struct twin_device *d, void *io, uint64_t result, uint64_t bytes)
{
	if (result >= BLK_RESULTS || bytes > UINT32_MAX)
		return false;
	blk_io_done(blk_of(d), io, (enum blk_result)result, (uint32_t)bytes);
	return true;
}

static void publish(struct twin_device *d)
{
	blk_publish(blk_of(d));
}

static bool input(struct twin_device *d, const struct op *op)
{
	if (op->code != OP_RESIZE)
		return false;
	blk_resize(blk_of(d), op->arg[0]);
	return true;
}

const struct twin_type twin_blk = {
	.id = VIRTIO_ID_BLOCK,
	.size = sizeof(struct blk),
	.make = make,
	.done = done,
	.lost = BLK_IO_ERROR,
	.publish = publish,
	.input = input,
};
