// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_ids.h>

#include "devices/rng.h"
#include "hash.h"

static struct rng *rng_of(struct vdev *d)
{
	return (struct rng *)(void *)d;
}

static void release(struct rng *r, const struct rng_io *io, uint32_t stored)
{
	vmem_unpin(r->vdev.mem, VMEM_STORE, io->at, io->span, stored);
	r->busy &= (uint16_t) ~(1u << io->id);
}

/* There is no way to tell the driver of a failure: an answer has a random byte at least (rng.op.1). */
void rng_io_done(struct rng *r, struct rng_io *io, uint32_t bytes)
{
	core_check(io == &r->io[io->id] && r->busy >> io->id & 1 && bytes <= io->span.len);
	bool wanted = vdev_live(&r->vdev) && r->vdev.queue[0].ready;
	if (wanted && !bytes) {
		r->failed |= (uint16_t)(1u << io->id);
		return;
	}
	release(r, io, wanted ? bytes : 0);
	if (wanted)
		vdev_complete(&r->vdev, 0, io->tok, bytes);
}

/* Runs the queue again, soon, where something waits for that. */
static void ask_again(struct rng *r)
{
	if (r->stalled || r->failed || r->unsent)
		r->vdev.host->again(r->vdev.host_ctx, 0);
}

void rng_publish(struct rng *r)
{
	vdev_publish(&r->vdev, 0);
	ask_again(r);
	r->stalled = false;
}

/* Each failed request once: those that fail again wait for the next run. */
static void retry(struct rng *r)
{
	uint16_t failed = r->failed & (uint16_t)~r->unsent;
	r->failed &= r->unsent;
	for (uint16_t id = 0; failed; id++, failed >>= 1)
		if (failed & 1)
			r->backend.submit(r->backend.ctx, &r->io[id]);
}

/* Fewer bytes where the host can not lend so many now. 0: none at all, as others have everything. */
static uint32_t pin(struct rng *r, struct rng_io *io, uint32_t n)
{
	while (n && !vmem_pin(r->vdev.mem, VMEM_STORE, io->at, n, &io->span))
		n /= 2;
	return n;
}

/* At the source: their completions will come. */
static uint16_t at_source(const struct rng *r)
{
	return r->busy & (uint16_t) ~(r->failed | r->unsent);
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
	/* With nothing in flight "later" would be never: then fewer bytes must do. */
	if (r->busy ? !vmem_pin(r->vdev.mem, VMEM_STORE, at, n, &io->span) : !pin(r, io, n))
		return false;
	r->busy |= (uint16_t)(1u << id);
	r->backend.submit(r->backend.ctx, io);
	return true;
}

/* The slot, out of these, of the chain that was popped first; some bit is set. */
static uint16_t oldest(const struct rng *r, uint16_t slots)
{
	uint16_t found = (uint16_t)__builtin_ctz(slots);
	for (uint16_t id = found; id < RNG_INFLIGHT_MAX; id++)
		if (slots >> id & 1 && (int32_t)(r->io[id].tok.seq - r->io[found].tok.seq) < 0)
			found = id;
	return found;
}

/* Lends and submits what was loaded and was not yet, as far as there is room. What had failed waits for its
 * turn. */
static void send(struct rng *r)
{
	while (r->unsent) {
		uint16_t id = oldest(r, r->unsent), bit = (uint16_t)(1u << id);
		struct rng_io *io = &r->io[id];
		uint32_t n = (uint32_t)io->span.len;
		bool alone = r->busy == r->unsent;
		if (alone ? !pin(r, io, n) : !vmem_pin(r->vdev.mem, VMEM_STORE, io->at, n, &io->span)) {
			io->span = (struct vspan){NULL, n};
			return;
		}
		r->unsent &= (uint16_t)~bit;
		if (!(r->failed & bit))
			r->backend.submit(r->backend.ctx, io);
	}
}

static void kick(struct vdev *d, uint16_t queue)
{
	struct rng *r = rng_of(d);
	retry(r);
	send(r);
	r->stalled = !vdev_serve(d, queue, start);
	vdev_publish(d, queue);
	if (r->failed || ((r->stalled || r->unsent) && !at_source(r))) /* no completion will come for that */
		r->vdev.host->again(r->vdev.host_ctx, queue);
}

static void reset(struct vdev *d)
{
	struct rng *r = rng_of(d);
	r->busy &= (uint16_t)~r->unsent; /* nothing of theirs is lent */
	r->failed &= (uint16_t)~r->unsent;
	r->unsent = 0;
	for (uint16_t id = 0; id < RNG_INFLIGHT_MAX; id++)
		if (r->failed >> id & 1) /* not at the source any more */
			release(r, &r->io[id], 0);
	r->failed = 0;
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
	return hash_u64(h, (uint64_t)r->failed << 32 | (uint64_t)r->stalled << 16 | r->busy);
}

/* -- saving ---------------------------------------------------------------------------------------------- */

static void save(const struct vdev *d, struct state_out *out)
{
	const struct rng *r = (const struct rng *)(const void *)d;
	state_put_bool(out, r->stalled);
	for (uint16_t left = r->busy; left;) {
		uint16_t id = oldest(r, left);
		left &= (uint16_t) ~(1u << id);
		state_put_bool(out, true);
		state_put_u8(out, (uint8_t)id);
		state_put_bool(out, r->failed >> id & 1);
		state_put_u32(out, (uint32_t)r->io[id].span.len);
		vdev_save_tok(out, r->io[id].tok);
		state_put_u64(out, r->io[id].at.v);
	}
	state_put_bool(out, false);
}

static void load(struct vdev *d, struct state_in *in)
{
	struct rng *r = rng_of(d);
	r->stalled = state_get_bool(in);
	while (state_get_bool(in)) {
		uint8_t id = state_get_u8(in);
		if (!state_need(in, id < RNG_INFLIGHT_MAX && !(r->busy >> id & 1)))
			return;
		bool failed = state_get_bool(in);
		struct rng_io *io = &r->io[id];
		uint32_t len = state_get_u32(in);
		*io = (struct rng_io){.id = id, .tok = vdev_load_tok(d, in, 0, len)};
		io->at = vdev_load_gpa(d, in, len);
		io->span.len = len;
		if (!state_need(in, !in->bad && len && len <= RNG_BYTES_MAX))
			return;
		r->busy |= (uint16_t)(1u << id);
		r->unsent |= (uint16_t)(1u << id);
		r->failed |= (uint16_t)(failed << id);
	}
}

static void resume(struct vdev *d)
{
	struct rng *r = rng_of(d);
	uint16_t before = r->busy;
	send(r);
	if (r->busy != before)
		rng_publish(r);
	else if (r->unsent && !at_source(r))
		r->vdev.host->again(r->vdev.host_ctx, 0);
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
	.save = save,
	.load = load,
	.resume = resume,
};

void rng_init(struct rng *r, struct vmem *mem, const struct host *host, void *host_ctx,
	      const struct rng_backend *backend)
{
	vdev_init(&r->vdev, &ops, mem, host, host_ctx, 0);
	r->backend = *backend;
	r->busy = r->failed = r->unsent = 0;
	r->stalled = false;
}
