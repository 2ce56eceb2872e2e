// SPDX-License-Identifier: BSD-2-Clause
#include "virtio_rng.h"
#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <string.h>

/* -- the backend: what passes is recorded ---------------------------------------------------------------- */

static void submit(void *ctx, struct rng_io *io)
{
	struct virtio_rng *r = ctx;

	if (r->dev.record)
		recorder_enter_rng(&r->dev.rec, io);
	r->backend.submit(r->backend.ctx, io);
	if (r->dev.record)
		recorder_leave(&r->dev.rec, false);
}

static void drain(void *ctx)
{
	struct virtio_rng *r = ctx;

	if (r->dev.record)
		recorder_enter_drain(&r->dev.rec);
	r->backend.drain(r->backend.ctx);
	if (r->dev.record)
		recorder_leave(&r->dev.rec, true);
}

void virtio_rng_done(void *ctx, struct rng_io *io, uint32_t bytes)
{
	struct virtio_rng *r = ctx;

	if (r->dev.record)
		recorder_done_rng(&r->dev.rec, io, bytes);
	rng_io_done(&r->rng, io, bytes);
}

/* -- life ------------------------------------------------------------------------------------------------ */

static struct vdev *init(struct virtio_dev *d)
{
	struct virtio_rng *r = virtio_rng(d);
	const struct rng_backend backend = {.submit = submit, .drain = drain, .ctx = r};

	rng_init(&r->rng, &d->mem, &virtio_host, d, &backend);
	return &r->rng.vdev;
}

static struct vdev *remake(struct virtio_dev *d, const struct trace_device *t)
{
	(void)t;
	return init(d);
}

static int create(struct virtio_dev *d, uint64_t offer, char err[ERR_MAX])
{
	struct virtio_rng *r = virtio_rng(d);
	struct vdev *vdev = init(d);

	snprintf(d->name, sizeof(d->name), "rng");
	if (!rng_host_ready())
		return err_set(err, "--rng: the host gives no random numbers: %s", strerror(errno));
	r->host = (struct rng_host){virtio_rng_done, r};
	r->backend = rng_host_backend(&r->host);
	vdev_offer(vdev, offer);
	d->kicks_here = true; /* each is asked for by itself, and answered without waiting */
	return virtio_dev_attach(d, vdev, err);
}

struct virtio_dev *virtio_rng_create(struct vmm *vmm, uint64_t offer, char err[ERR_MAX])
{
	struct virtio_dev *d = virtio_dev_new(vmm, &virtio_rng_type, err);

	if (!d || !create(d, offer, err))
		return d;
	virtio_dev_destroy(d);
	return NULL;
}

static void publish(struct virtio_dev *d)
{
	rng_publish(&virtio_rng(d)->rng);
}

const struct virtio_type virtio_rng_type = {
	.name = "rng",
	.id = VIRTIO_ID_RNG,
	.size = sizeof(struct virtio_rng),
	.remake = remake,
	.publish = publish,
};
