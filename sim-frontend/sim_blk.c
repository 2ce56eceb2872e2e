// SPDX-License-Identifier: BSD-2-Clause
/* The block device in the simulator: a disk in memory behind the shipped device object. */
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>

#include "driver.h"
#include "hash.h"
#include "judges.h"
#include "machine_save.h"
#include "simdisk.h"

struct sim_blk {
	struct blk blk;
	struct simdisk disk;
};

static struct sim_blk *blk_of(struct sim_device *d)
{
	return d->state;
}

static uint32_t asked_bytes(const struct blk_io *io, struct verdict v)
{
	return v.bytes < io->len ? v.bytes : io->len;
}

static void finish(struct sim_device *d, void *request, struct verdict v)
{
	struct sim_blk *s = blk_of(d);
	struct blk_io *io = request;
	uint32_t bytes = asked_bytes(io, v);
	if (v.result == BLK_DONE || bytes < io->len)
		simdisk_do(&s->disk, io, bytes); /* a failed transfer may have moved some of it */
	if (v.result == BLK_DONE && io->type == BLK_IO_FLUSH)
		simdisk_flushed(&s->disk);
	if (d->recorder)
		recorder_done_blk(d->recorder, io, (enum blk_result)v.result, bytes);
	machine_point(d, POINT_COMPLETION, WHEN_ANY);
	oracle_backend_done_begins(&d->judges->backend, io->id, (enum blk_result)v.result, bytes,
				   bytes == io->len);
	blk_io_done(&s->blk, io, (enum blk_result)v.result, bytes);
	oracle_backend_done_ends(&d->judges->backend);
}

static void submit(void *ctx, struct blk_io *io)
{
	struct sim_device *d = ctx;
	if (machine_save_submit(d, io))
		return;
	if (d->recorder)
		recorder_enter_blk(d->recorder, io);
	oracle_backend_submit_blk(&d->judges->backend, io);
	machine_submit(d, io);
}

static bool create(struct sim_device *d)
{
	struct sim_blk *s = calloc(1, sizeof(*s));
	d->state = s;
	d->vdev = s ? &s->blk.vdev : NULL;
	return s;
}

static void destroy(struct sim_device *d)
{
	free(d->state);
}

static uint32_t abilities(uint32_t flags)
{
	uint32_t can = BLK_CAN_FLUSH | BLK_CAN_DISCARD | BLK_CAN_WRITE_ZEROES | BLK_CAN_UNMAP;
	if (flags & DEVICE_NO_FLUSH)
		can &= ~(uint32_t)BLK_CAN_FLUSH;
	if (flags & DEVICE_NO_DISCARD)
		can &= ~(uint32_t)BLK_CAN_DISCARD;
	if (flags & DEVICE_NO_WRITE_ZEROES)
		can &= ~(uint32_t)BLK_CAN_WRITE_ZEROES;
	if (flags & DEVICE_NO_UNMAP)
		can &= ~(uint32_t)BLK_CAN_UNMAP;
	return can;
}

static void make(struct sim_device *d, const struct device_options *o, uint64_t sectors)
{
	struct sim_blk *s = blk_of(d);
	struct blk_backend backend = {.submit = submit, .drain = machine_drain, .ctx = d, .sectors = sectors};
	struct blk_options options = {.ident = "ringside simulated"};
	static const uint16_t queues[4] = {2, 1, 4, 3};
	backend.can = abilities(o->flags);
	options.read_only = o->flags & DEVICE_READ_ONLY;
	options.nqueues = queues[o->flags >> DEVICE_QUEUES_SHIFT & 3];
	options.without = o->without;
	options.physical_exp = o->flags & DEVICE_4K ? 3 : 0;
	options.queue_size = o->queue_size < BLK_QUEUE_SIZE ? (uint16_t)o->queue_size : BLK_QUEUE_SIZE;
	blk_init(&s->blk, &d->mem, &machine_host, d, &backend, &options);
}

static void init(struct sim_device *d, const struct device_options *o)
{
	simdisk_reset(&blk_of(d)->disk);
	make(d, o, o->sectors ? o->sectors : SIM_SECTORS_DEFAULT);
}

static void renew(struct sim_device *d)
{
	struct blk *b = &blk_of(d)->blk;
	uint64_t sectors = b->backend.sectors;
	for (uint32_t i = 0; i < BLK_INFLIGHT_MAX; i++)
		if (b->busy[i / 64] >> (i % 64) & 1)
			memset(&b->req[i], 0xa5, sizeof(b->req[i]));
	make(d, &d->made, sectors);
}

static uint16_t request_id(const void *request)
{
	const struct blk_io *io = request;
	return io->id;
}

static uint64_t request_hash(const void *request)
{
	const struct blk_io *io = request;
	uint64_t h = hash_u64(HASH_SEED, (uint64_t)io->type << 32 | io->len);
	h = hash_u64(h, io->sector);
	h = hash_u64(h, (uint64_t)io->sync << 32 | (uint64_t)io->nspans << 16 | io->nranges);
	for (uint16_t i = 0; i < io->nspans; i++)
		h = hash_u64(hash_u64(h, (uintptr_t)io->span[i].base), io->span[i].len);
	for (uint16_t i = 0; i < io->nranges; i++)
		h = hash_u64(hash_u64(h, io->range[i].sector),
			     (uint64_t)io->range[i].nsectors << 1 | io->range[i].unmap);
	return h;
}

static void each_lent(struct sim_device *d)
{
	const struct blk *b = &blk_of(d)->blk;
	for (uint32_t i = 0; i < BLK_INFLIGHT_MAX; i++) {
		const struct blk_req *r = &b->req[i];
		if (!(b->busy[i / 64] >> (i % 64) & 1))
			continue;
		for (uint16_t k = 0; k < r->io.nspans; k++)
			machine_save_lent(d, r->nr, r->io.type == BLK_IO_READ ? VMEM_STORE : VMEM_LOAD,
					  r->span_gpa[k], r->io.span[k]);
	}
}

static void publish(struct sim_device *d)
{
	blk_publish(&blk_of(d)->blk);
}

static void resize(struct sim_device *d, uint64_t sectors)
{
	blk_resize(&blk_of(d)->blk, sectors);
}

/* Of what was on its way some sectors may have been written, as the seed decides of those that are not
 * stable. */
static void power_cut(struct sim_device *d, uint64_t seed)
{
	struct sim_blk *s = blk_of(d);
	struct backend *b = &d->backend;
	for (uint32_t i = 0; i < b->nheld; i++) {
		struct blk_io *io = b->held[i];
		io->sync = false;
		if (io->type != BLK_IO_READ)
			simdisk_do(&s->disk, io, io->len);
	}
	simdisk_power_cut(&s->disk, seed);
}

static uint64_t hash(const struct sim_device *d, uint64_t h)
{
	const struct sim_blk *s = d->state;
	return simdisk_hash(&s->disk, h);
}

const struct sim_type sim_blk = {
	.id = VIRTIO_ID_BLOCK,
	.name = "blk",
	.judge = &judge_blk,
	.driver = &driver_blk,
	.create = create,
	.destroy = destroy,
	.init = init,
	.finish = finish,
	.publish = publish,
	.resize = resize,
	.power_cut = power_cut,
	.renew = renew,
	.request_id = request_id,
	.request_hash = request_hash,
	.each_lent = each_lent,
	.hash = hash,
};
