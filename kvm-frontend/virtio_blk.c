// SPDX-License-Identifier: BSD-2-Clause
#include "virtio_blk.h"
#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "trace/remake.h"

/* -- the backend: what passes is recorded ---------------------------------------------------------------- */

static void submit(void *ctx, struct blk_io *io)
{
	struct virtio_blk *b = ctx;

	if (b->dev.record)
		recorder_enter_blk(&b->dev.rec, io);
	b->backend.submit(b->backend.ctx, io);
	if (b->dev.record)
		recorder_leave(&b->dev.rec, false);
}

static void drain(void *ctx)
{
	struct virtio_blk *b = ctx;

	if (b->dev.record)
		recorder_enter_drain(&b->dev.rec);
	b->backend.drain(b->backend.ctx);
	if (b->dev.record)
		recorder_leave(&b->dev.rec, true);
}

void virtio_blk_done(void *ctx, struct blk_io *io, enum blk_result result, uint32_t bytes)
{
	struct virtio_blk *b = ctx;

	if (b->dev.record)
		recorder_done_blk(&b->dev.rec, io, result, bytes);
	b->dev.finished++;
	blk_io_done(&b->blk, io, result, bytes);
}

/* -- what comes in --------------------------------------------------------------------------------------- */

static void on_disk(void *ctx)
{
	virtio_dev_enter(ctx);
	virtio_dev_leave(ctx); /* which takes what is finished */
}

void virtio_blk_resize(struct virtio_dev *d)
{
	struct virtio_blk *b = virtio_blk(d);

	if (d->type != &virtio_blk_type || !b->disk)
		return;
	virtio_dev_enter(d);
	if (disk_file_resized(&b->disk->file)) {
		if (d->record)
			recorder_resize(&d->rec, b->disk->file.sectors);
		blk_resize(&b->blk, b->disk->file.sectors);
	}
	virtio_dev_leave(d);
}

/* -- life ------------------------------------------------------------------------------------------------ */

/* The serial number that the guest sees, and our name for messages: the file's own name. */
static void set_names(struct virtio_dev *d, const char *path, struct blk_options *o)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t n = strlen(base);

	snprintf(d->name, sizeof(d->name), "disk %.40s", base);
	memcpy(o->ident, base, n < sizeof(o->ident) ? n : sizeof(o->ident));
}

static int open_disk(struct virtio_blk *b, const struct option_disk *o, char err[ERR_MAX])
{
	struct disk *disk = calloc(1, sizeof(*disk));

	if (!disk)
		return err_set(err, "out of memory");
	if (disk_open(disk, o->path, o->readonly, err)) {
		free(disk);
		return -1;
	}
	disk->done = virtio_blk_done;
	disk->done_ctx = b;
	b->disk = disk;
	b->backend = disk_backend(disk);
	return 0;
}

static int create(struct virtio_blk *b, const struct option_disk *o, char err[ERR_MAX])
{
	struct virtio_dev *d = &b->dev;
	unsigned cpus = d->vmm->cpus, queues = cpus < BLK_QUEUES_MAX ? cpus : BLK_QUEUES_MAX;
	struct blk_options options = {.read_only = o->readonly,
				      .nqueues = (uint16_t)(o->queues ? o->queues : queues)};
	struct blk_backend backend;
	int watch_fd;

	set_names(d, o->path, &options);
	if (open_disk(b, o, err))
		return -1;
	backend = b->backend;
	backend.submit = submit;
	backend.drain = drain;
	backend.ctx = b;
	options.physical_exp = b->disk->file.physical_exp;
	blk_init(&b->blk, &d->mem, &virtio_host, d, &backend, &options);
	vdev_offer(&b->blk.vdev, o->offer);
	watch_fd = b->disk->engine.watch_fd;
	d->lingers = true;
	/* An image in memory where there is one processor: the loop's thread could run only instead of the
	 * guest. Where there are more, the guest goes on and posts more meanwhile. */
	d->kicks_here = b->disk->file.in_memory && watch_fd < 0 && virtio_one_processor();
	if (virtio_dev_attach(d, &b->blk.vdev, err))
		return -1;
	if (watch_fd >= 0 && !(b->watch = loop_add_fd(&d->vmm->loop, watch_fd, on_disk, d)))
		return err_set(err, "%s: epoll: %s", d->name, strerror(errno));
	return 0;
}

struct virtio_dev *virtio_blk_create(struct vmm *vmm, const struct option_disk *o, char err[ERR_MAX])
{
	struct virtio_dev *d = virtio_dev_new(vmm, &virtio_blk_type, err);

	if (!d || !create(virtio_blk(d), o, err))
		return d;
	virtio_dev_destroy(d);
	return NULL;
}

static struct vdev *remake(struct virtio_dev *d, const struct trace_device *t)
{
	struct virtio_blk *b = virtio_blk(d);
	struct blk_backend backend = {.submit = submit, .drain = drain, .ctx = b};
	struct blk_options options;

	if (!remake_blk(t, &options, &backend))
		return NULL;
	blk_init(&b->blk, &d->mem, &virtio_host, d, &backend, &options);
	return &b->blk.vdev;
}

static void publish(struct virtio_dev *d)
{
	blk_publish(&virtio_blk(d)->blk);
}

static void describe(struct virtio_dev *d, char *out, size_t n)
{
	const struct disk_file *f = &virtio_blk(d)->disk->file;

	snprintf(out, n, "%llu sectors%s", (unsigned long long)f->sectors, f->read_only ? ", read-only" : "");
}

static bool poll_disk(struct virtio_dev *d)
{
	struct virtio_blk *b = virtio_blk(d);

	return b->disk && disk_poll(b->disk);
}

static bool finish(struct virtio_dev *d)
{
	struct virtio_blk *b = virtio_blk(d);

	if (!b->disk || !b->disk->inflight)
		return false;
	disk_drain(b->disk);
	return true;
}

static void destroy(struct virtio_dev *d)
{
	struct virtio_blk *b = virtio_blk(d);

	if (b->watch)
		loop_remove_fd(&d->vmm->loop, b->watch);
	if (b->disk)
		disk_close(b->disk);
	free(b->disk);
}

const struct virtio_type virtio_blk_type = {
	.name = "blk",
	.id = VIRTIO_ID_BLOCK,
	.size = sizeof(struct virtio_blk),
	.remake = remake,
	.publish = publish,
	.describe = describe,
	.poll = poll_disk,
	.finish = finish,
	.destroy = destroy,
};
