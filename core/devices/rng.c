// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_ids.h>

#include "devices/rng.h"
#include "hash.h"

static struct rng *rng_of(struct vdev *d)
{
	return (struct rng *)(void *)d;
}

void rng_io_done(struct rng *r, struct rng_io *io, uint32_t bytes)
{
	core_check(io == &r->io[io->id] && r->busy >> io->id & 1 && bytes <= io->span.len);
	bool wanted = vdev_live(&r->vdev) && r->vdev.queue[0].ready;
	vmem_unpin(r->vdev.mem, VMEM_STORE, io->at, io->span, wanted ? bytes : 0);
	if (wanted)
		vdev_complete(&r->vdev, 0, io->tok, bytes);
	r->busy &= (uint16_t) ~(1u << io->id);
}

void rng_publish(struct rng *r)
{
	vdev_publish(&r->vdev, 0);
	if (!r->stalled)
		return;
	r->stalled = false;
	r->vdev.host->again(r->vdev.host_ctx, 0);
}

/* False: no room now. */
static bool start(struct vdev *d, uint16_t queue, const struct vq_chain *c)
{
	struct rng *r = rng_of(d);
	struct vq_cursor out = vq_writer(c);
	gpa_t at;
	if (c->read_len)
		vdev_offend(&r->vdev, OFFENCE_RNG_READABLE);
	uint32_t n = vq_take(&out, RNG_BYTES_MAX, &at);
	if (!n) {
		vdev_offend(&r->vdev, OFFENCE_RNG_EMPTY);
		vdev_complete(&r->vdev, queue, c->tok, 0);
		return true;
	}
	if (r->busy == UINT16_MAX)
		return false;
	uint16_t id = (uint16_t)__builtin_ctz(~(unsigned)r->busy);
	struct rng_io *io = &r->io[id];
	*io = (struct rng_io){.id = id, .tok = c->tok, .at = at};
	if (!vmem_pin(r->vdev.mem, VMEM_STORE, at, n, &io->span)) {
		if (r->busy)
			return false;
		vdev_complete(&r->vdev, queue, c->tok,
			      0); /* with nothing in flight, "later" would be never */
		return true;
	}
	r->busy |= (uint16_t)(1u << id);
	r->backend.submit(r->backend.ctx, io);
	return true;
}

static void kick(struct vdev *d, uint16_t queue)
{
	if (!vdev_serve(d, queue, start))
		rng_of(d)->stalled = true;
	vdev_publish(d, queue);
}

static void reset(struct vdev *d)
{
	struct rng *r = rng_of(d);
	if (r->busy)
		r->backend.drain(r->backend.ctx);
	core_check(r->busy == 0);
	r->stalled = false;
}

static void queue_reset(struct vdev *d, uint16_t queue)
{
	(void)queue;
	reset(d);
}

static uint64_t hash(const struct vdev *d, uint64_t h)
{
	const struct rng *r = (const struct rng *)(const void *)d;
	return hash_u64(h, (uint64_t)r->stalled << 16 | r->busy);
}

static const struct vdev_ops ops = {
	.name = "rng",
	.id = VIRTIO_ID_RNG,
	.nqueues = 1,
	.queue_size_max = {RNG_QUEUE_SIZE},
	.kick = kick,
	.queue_reset = queue_reset,
	.reset = reset,
	.hash = hash,
};

void rng_init(struct rng *r, struct vmem *mem, const struct host *host, void *host_ctx,
	      const struct rng_backend *backend)
{
	vdev_init(&r->vdev, &ops, mem, host, host_ctx, 0);
	r->backend = *backend;
	r->busy = 0;
	r->stalled = false;
}
