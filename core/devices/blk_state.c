// SPDX-License-Identifier: BSD-2-Clause
/* Saving the block device with its requests in flight, and doing those again. */
#include "devices/blk_int.h"

static bool has(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

static const struct blk *const_blk_of(const struct vdev *d)
{
	return (const struct blk *)(const void *)d;
}

/* The slot, out of these, of the oldest request from number `from` on; BLK_INFLIGHT_MAX: none. */
static uint32_t oldest(const struct blk *b, const uint64_t *bits, uint64_t from)
{
	uint32_t found = BLK_INFLIGHT_MAX;
	for (uint32_t word = 0; word < BLK_INFLIGHT_MAX / 64; word++)
		for (uint64_t left = bits[word]; left; left &= left - 1) {
			uint32_t i = 64 * word + (uint32_t)__builtin_ctzll(left);
			if (b->req[i].nr >= from &&
			    (found == BLK_INFLIGHT_MAX || b->req[i].nr < b->req[found].nr))
				found = i;
		}
	return found;
}

/* -- saving ---------------------------------------------------------------------------------------------- */

static void save_request(const struct blk_req *r, struct state_out *out)
{
	const struct blk_io *io = &r->io;
	state_put_u16(out, io->id);
	state_put_u16(out, r->queue);
	state_put_u32(out, r->write_len);
	vdev_save_tok(out, r->tok);
	state_put_u64(out, r->status.v);
	state_put_u8(out, (uint8_t)io->type);
	state_put_bool(out, io->sync);
	state_put_u64(out, io->sector);
	state_put_u32(out, io->len);
	state_put_u16(out, io->nspans);
	for (uint16_t i = 0; i < io->nspans; i++) {
		state_put_u32(out, (uint32_t)io->span[i].len);
		state_put_u64(out, r->span_gpa[i].v);
	}
	state_put_u16(out, io->nranges);
	for (uint16_t i = 0; i < io->nranges; i++) {
		state_put_u64(out, io->range[i].sector);
		state_put_u32(out, io->range[i].nsectors);
		state_put_bool(out, io->range[i].unmap);
	}
}

void blk_save(const struct vdev *d, struct state_out *out)
{
	const struct blk *b = const_blk_of(d);
	state_put(out, b->options.ident, sizeof(b->options.ident));
	state_put_bool(out, b->options.read_only);
	state_put_u8(out, b->writeback);
	state_put_u32(out, b->stalled);
	state_put_u32(out, b->staged);
	state_put_bool(out, b->freed);
	state_put_u16(out, b->inflight);
	for (uint32_t i = oldest(b, b->busy, 0); i < BLK_INFLIGHT_MAX;
	     i = oldest(b, b->busy, b->req[i].nr + 1))
		save_request(&b->req[i], out);
}

/* -- loading --------------------------------------------------------------------------------------------- */

static void load_spans(struct blk *b, struct blk_req *r, struct state_in *in)
{
	uint64_t sum = 0;
	r->io.nspans = state_get_u16(in);
	if (!state_need(in, r->io.nspans <= BLK_SPANS_MAX))
		return;
	for (uint16_t i = 0; i < r->io.nspans; i++) {
		uint32_t len = state_get_u32(in);
		r->io.span[i] = (struct vspan){NULL, len};
		r->span_gpa[i] = vdev_load_gpa(&b->vdev, in, len);
		state_need(in, len);
		sum += len;
	}
	state_need(in, sum == r->io.len);
}

static void load_ranges(struct blk_io *io, struct state_in *in)
{
	io->nranges = state_get_u16(in);
	if (!state_need(in, io->nranges <= BLK_RANGES_MAX))
		return;
	for (uint16_t i = 0; i < io->nranges; i++) {
		struct blk_range *w = &io->range[i];
		w->sector = state_get_u64(in);
		w->nsectors = state_get_u32(in);
		w->unmap = state_get_bool(in);
		state_need(in, w->nsectors <= BLK_RANGE_MAX && w->sector <= UINT64_MAX - w->nsectors &&
				       (!w->unmap || io->type == BLK_IO_WRITE_ZEROES));
	}
}

/* What a guest could have asked of a disk of some size: it may have been another one then. */
static bool makes_sense(const struct blk *b, const struct blk_req *r)
{
	const struct blk_io *io = &r->io;
	bool transfer = io->type == BLK_IO_READ || io->type == BLK_IO_WRITE;
	bool ranges = io->type == BLK_IO_DISCARD || io->type == BLK_IO_WRITE_ZEROES;
	if (transfer != (io->len != 0) || io->len % BLK_SECTOR_LEN || ranges != (io->nranges != 0) ||
	    io->sector > (transfer ? UINT64_MAX - io->len / BLK_SECTOR_LEN : 0))
		return false;
	if (b->options.read_only && (io->type == BLK_IO_WRITE || ranges))
		return false;
	switch (io->type) {
	case BLK_IO_READ:
		return r->write_len == io->len + 1 && !io->sync;
	case BLK_IO_FLUSH:
		return b->backend.can & BLK_CAN_FLUSH;
	case BLK_IO_DISCARD:
		return vdev_has(&b->vdev, VIRTIO_BLK_F_DISCARD);
	case BLK_IO_WRITE_ZEROES:
		return vdev_has(&b->vdev, VIRTIO_BLK_F_WRITE_ZEROES);
	default:
		return io->type == BLK_IO_WRITE;
	}
}

static void load_request(struct blk *b, struct state_in *in)
{
	uint16_t id = state_get_u16(in);
	if (!state_need(in, id < BLK_INFLIGHT_MAX && !has(b->busy, id)))
		return;
	struct blk_req *r = &b->req[id];
	r->io.id = id;
	r->queue = state_get_u16(in);
	r->write_len = state_get_u32(in);
	r->tok = vdev_load_tok(&b->vdev, in, r->queue, r->write_len);
	r->status = vdev_load_gpa(&b->vdev, in, 1);
	r->io.type = state_get_u8(in);
	r->io.sync = state_get_bool(in);
	r->io.sector = state_get_u64(in);
	r->io.len = state_get_u32(in);
	load_spans(b, r, in);
	load_ranges(&r->io, in);
	if (!state_need(in, !in->bad && r->write_len && makes_sense(b, r)))
		return;
	r->nr = b->nsubmits++;
	b->busy[id / 64] |= 1ull << (id % 64);
	b->unsent[id / 64] |= 1ull << (id % 64);
	b->inflight++;
	b->nunsent++;
}

void blk_load(struct vdev *d, struct state_in *in)
{
	struct blk *b = blk_of(d);
	uint32_t queues = (1u << d->nqueues) - 1;
	state_match(in, b->options.ident, sizeof(b->options.ident));
	state_need(in, state_get_bool(in) == b->options.read_only);
	b->writeback = state_get_bool(in);
	b->stalled = state_get_u32(in);
	b->staged = state_get_u32(in);
	b->freed = state_get_bool(in);
	state_need(in, !((b->stalled | b->staged) & ~queues));
	for (uint16_t n = state_get_u16(in); n && !in->bad; n--)
		load_request(b, in);
}

/* -- doing it again -------------------------------------------------------------------------------------- */

static void unsent_clear(struct blk *b, uint32_t id)
{
	b->unsent[id / 64] &= ~(1ull << (id % 64));
	b->nunsent--;
}

void blk_forget_unsent(struct blk *b, uint32_t queues)
{
	for (uint32_t i = 0; b->nunsent && i < BLK_INFLIGHT_MAX; i++) {
		if (!has(b->unsent, i) || !(queues >> b->req[i].queue & 1))
			continue;
		unsent_clear(b, i);
		blk_slot_put(b, &b->req[i]);
		b->inflight--;
	}
}

/* False: no room now; the request is as it was. */
static bool lend_again(struct blk *b, struct blk_req *r, bool *too_many)
{
	struct vq_seg seg[BLK_SPANS_MAX];
	uint16_t n = r->io.nspans;
	for (uint16_t i = 0; i < n; i++)
		seg[i] = (struct vq_seg){r->span_gpa[i], (uint32_t)r->io.span[i].len};
	struct vq_cursor data = {seg, seg + n, 0, r->io.len};
	if (blk_pin(b, r, &data, too_many))
		return true;
	for (uint16_t i = 0; i < n; i++) {
		r->span_gpa[i] = seg[i].addr;
		r->io.span[i] = (struct vspan){NULL, seg[i].len};
	}
	r->io.nspans = n;
	return false;
}

void blk_send(struct blk *b)
{
	while (b->nunsent) {
		struct blk_req *r = &b->req[oldest(b, b->unsent, 0)];
		bool too_many = false, lent = lend_again(b, r, &too_many);
		if (!lent && !too_many && b->inflight > b->nunsent) {
			b->stalled |= 1u << r->queue; /* a completion makes room and runs it */
			return;
		}
		unsent_clear(b, r->io.id);
		if (lent) {
			b->backend.submit(b->backend.ctx, &r->io);
			continue;
		}
		r->io.nspans = 0; /* larger than the host can lend, when nothing else is in flight */
		blk_io_done(b, &r->io, BLK_IO_ERROR, 0);
	}
}

void blk_resume(struct vdev *d)
{
	struct blk *b = blk_of(d);
	uint16_t before = b->inflight;
	blk_send(b);
	if (b->inflight != before) /* else what was staged when it was saved still waits for its publisher */
		blk_publish(b);
}
