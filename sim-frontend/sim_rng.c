// SPDX-License-Identifier: BSD-2-Clause
/* The entropy device in the simulator: a source whose bytes are a function of how many it gave before. */
#include <linux/virtio_ids.h>
#include <stdlib.h>

#include "devices/rng.h"
#include "driver.h"
#include "hash.h"
#include "judges.h"
#include "machine.h"
#include "machine_save.h"

struct sim_rng {
	struct rng rng;
	uint64_t given; /* bytes */
};

static struct sim_rng *rng_of(struct sim_device *d)
{
	return d->state;
}

static void fill(struct sim_rng *s, uint8_t *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += 8) {
		uint64_t v = hash_u64(HASH_SEED, s->given + i);
		memcpy(p + i, &v, n - i < 8 ? n - i : 8);
	}
	s->given += n;
}

static void finish(struct sim_device *d, void *request, struct verdict v)
{
	struct sim_rng *s = rng_of(d);
	struct rng_io *io = request;
	uint32_t n = v.bytes < io->span.len ? v.bytes : (uint32_t)io->span.len;
	if (v.result)
		n = 0;
	content_source(&d->judges->content, s->given, n);
	fill(s, io->span.base, n);
	if (d->recorder)
		recorder_done_rng(d->recorder, io, n);
	machine_point(d, POINT_COMPLETION, WHEN_ANY);
	oracle_backend_done_begins(&d->judges->backend, io->id, BLK_DONE, n, true);
	rng_io_done(&s->rng, io, n);
	oracle_backend_done_ends(&d->judges->backend);
}

static void submit(void *ctx, struct rng_io *io)
{
	struct sim_device *d = ctx;
	if (machine_save_submit(d, io))
		return;
	if (d->recorder)
		recorder_enter_rng(d->recorder, io);
	oracle_backend_submit_rng(&d->judges->backend, io);
	machine_submit(d, io);
}

static bool create(struct sim_device *d)
{
	struct sim_rng *s = calloc(1, sizeof(*s));
	d->state = s;
	d->vdev = s ? &s->rng.vdev : NULL;
	return s;
}

static void destroy(struct sim_device *d)
{
	free(d->state);
}

static void make(struct sim_device *d, const struct device_options *o)
{
	struct sim_rng *s = rng_of(d);
	struct rng_backend backend = {.submit = submit, .drain = machine_drain, .ctx = d};
	rng_init(&s->rng, &d->mem, &machine_host, d, &backend);
	if (o->queue_size && o->queue_size < RNG_QUEUE_SIZE)
		vdev_limit_queue(&s->rng.vdev, 0, (uint16_t)o->queue_size);
}

static void init(struct sim_device *d, const struct device_options *o)
{
	rng_of(d)->given = 0;
	make(d, o);
}

static void renew(struct sim_device *d)
{
	memset(rng_of(d)->rng.io, 0xa5, sizeof(rng_of(d)->rng.io));
	make(d, &d->made);
}

static uint16_t request_id(const void *request)
{
	const struct rng_io *io = request;
	return io->id;
}

static uint64_t request_hash(const void *request)
{
	const struct rng_io *io = request;
	return hash_u64(hash_u64(HASH_SEED, (uintptr_t)io->span.base), io->span.len);
}

static void each_lent(struct sim_device *d)
{
	const struct rng *r = &rng_of(d)->rng;
	for (uint16_t id = 0; id < RNG_INFLIGHT_MAX; id++)
		if (r->busy >> id & 1)
			machine_save_lent(d, r->io[id].tok.seq, VMEM_STORE, r->io[id].at, r->io[id].span);
}

static void publish(struct sim_device *d)
{
	rng_publish(&rng_of(d)->rng);
}

static uint64_t hash(const struct sim_device *d, uint64_t h)
{
	const struct sim_rng *s = d->state;
	return hash_u64(h, s->given);
}

const struct sim_type sim_rng = {
	.id = VIRTIO_ID_RNG,
	.name = "rng",
	.judge = &judge_rng,
	.driver = &driver_rng,
	.create = create,
	.destroy = destroy,
	.init = init,
	.finish = finish,
	.renew = renew,
	.request_id = request_id,
	.request_hash = request_hash,
	.each_lent = each_lent,
	.publish = publish,
	.hash = hash,
};
