// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>

#include "devices/blk_int.h"
#include "hash.h"

/* -- slots for requests in flight ------------------------------------------------------------------------ */

/* The lowest free slot, so that a device which is never deep in flight touches little memory. NULL: all busy.
 */
static struct blk_req *slot_get(struct blk *b)
{
	for (uint32_t i = 0; i < BLK_INFLIGHT_MAX / 64; i++) {
		uint64_t open = ~b->busy[i];
		if (!open)
			continue;
		uint32_t bit = (uint32_t)__builtin_ctzll(open);
		struct blk_req *r = &b->req[64 * i + bit];
		b->busy[i] |= 1ull << bit;
		r->io.id = (uint16_t)(64 * i + bit);
		return r;
	}
	return NULL;
}

void blk_slot_put(struct blk *b, const struct blk_req *r)
{
	b->busy[r->io.id / 64] &= ~(1ull << (r->io.id % 64));
}

/* -- answers --------------------------------------------------------------------------------------------- */

/* The used length counts only bytes that were stored with no gap before them; the status byte is the last
 * writable one. */
static uint32_t used_len(uint32_t write_len, uint32_t stored)
{
	return stored == write_len - 1 ? write_len : stored;
}

static void answer(struct blk *b, uint16_t queue, struct vq_tok tok, gpa_t at, uint8_t status, uint32_t used)
{
	core_check(vmem_write(b->vdev.mem, VMEM_STATUS, at, &status, 1));
	vdev_complete(&b->vdev, queue, tok, used);
	b->staged |= 1u << queue;
}

static void unpin_all(struct blk *b, struct blk_req *r, uint32_t stored)
{
	enum vmem_kind kind = r->io.type == BLK_IO_READ ? VMEM_STORE : VMEM_LOAD;
	for (uint16_t i = 0; i < r->io.nspans; i++) {
		uint32_t here = stored < r->io.span[i].len ? stored : (uint32_t)r->io.span[i].len;
		vmem_unpin(b->vdev.mem, kind, r->span_gpa[i], r->io.span[i], here);
		stored -= here;
	}
}

static uint8_t status_of(enum blk_result result)
{
	static const uint8_t status[BLK_RESULTS] = {VIRTIO_BLK_S_OK, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_UNSUPP};
	return status[result];
}

/*
 * A failed read claims no data bytes. After a reset of the device or the queue, or once the device needs one,
 * the buffers are no longer ours: nothing is copied back and nothing is answered.
 */
void blk_io_done(struct blk *b, struct blk_io *io, enum blk_result result, uint32_t bytes)
{
	struct blk_req *r = &b->req[io->id];
	bool read = io->type == BLK_IO_READ;
	core_check(&r->io == io && b->busy[io->id / 64] >> (io->id % 64) & 1 && result < BLK_RESULTS);
	if (io->len && bytes < io->len && result == BLK_DONE)
		result = BLK_IO_ERROR;
	bool wanted = vdev_live(&b->vdev) && b->vdev.queue[r->queue].ready;
	uint32_t stored = wanted && read && result == BLK_DONE ? io->len : 0;
	unpin_all(b, r, stored);
	if (wanted)
		answer(b, r->queue, r->tok, r->status, status_of(result), used_len(r->write_len, stored));
	blk_slot_put(b, r);
	b->inflight--;
	b->freed = true;
}

/* Wakes the queues that found no room; a completion has made some. */
static void wake(struct blk *b)
{
	uint32_t stalled = b->stalled;
	b->stalled = 0;
	b->freed = false;
	for (uint16_t i = 0; stalled; i++, stalled >>= 1)
		if (stalled & 1)
			b->vdev.host->again(b->vdev.host_ctx, i);
}

void blk_publish(struct blk *b)
{
	uint32_t staged = b->staged;
	b->staged = 0;
	for (uint16_t i = 0; staged; i++, staged >>= 1)
		if (staged & 1)
			vdev_publish(&b->vdev, i);
	if (b->freed)
		wake(b);
}

/* -- requests -------------------------------------------------------------------------------------------- */

/* One request while it is decoded, before anything is written to guest memory or backend. */
struct decode {
	struct blk *b;
	const struct vq_chain *c;
	uint16_t queue;
	gpa_t status;
	uint32_t type; /* VIRTIO_BLK_T_* */
	uint64_t sector;
	struct vq_cursor in, out; /* data the driver sends; data and status the device writes */
};

/* Answers at once. The status byte is written at its place, the last writable one. */
static void refuse(struct decode *r, uint8_t status, enum offence o)
{
	if (o)
		vdev_offend(&r->b->vdev, o);
	answer(r->b, r->queue, r->c->tok, r->status, status, used_len(r->c->write_len, 0));
}

static bool in_capacity(const struct blk *b, uint64_t sector, uint64_t nsectors)
{
	return sector <= b->backend.sectors && nsectors <= b->backend.sectors - sector;
}

/* Stable at completion unless the driver can flush and has the cache on (5.2.6.2, blk.op.11). */
static bool write_through(const struct blk *b)
{
	return !vdev_has(&b->vdev, VIRTIO_BLK_F_FLUSH) ||
	       (vdev_has(&b->vdev, VIRTIO_BLK_F_CONFIG_WCE) && !b->writeback);
}

bool blk_pin(struct blk *b, struct blk_req *r, struct vq_cursor *cur, bool *too_many)
{
	enum vmem_kind kind = r->io.type == BLK_IO_READ ? VMEM_STORE : VMEM_LOAD;
	uint32_t left = r->io.len, part;
	gpa_t at;
	r->io.nspans = 0;
	for (; (part = vq_take(cur, left, &at)); left -= part) {
		for (uint32_t done = 0; done < part;) {
			uint16_t i = r->io.nspans;
			*too_many = i == BLK_SPANS_MAX;
			r->span_gpa[i % BLK_SPANS_MAX] = gpa_add(at, done);
			uint32_t n = *too_many ? 0
					       : vmem_pin(b->vdev.mem, kind, gpa_add(at, done), part - done,
							  &r->io.span[i]);
			if (!n) {
				unpin_all(b, r, 0);
				return false;
			}
			r->io.nspans++;
			done += n;
		}
	}
	return true;
}

/* Hands a decoded request to the backend. False: give the chain back, there is no room now. */
static bool submit(struct decode *d, struct blk_req *r, struct vq_cursor *data)
{
	struct blk *b = d->b;
	bool too_many = false;
	r->tok = d->c->tok;
	r->queue = d->queue;
	r->status = d->status;
	r->write_len = d->c->write_len;
	r->io.nspans = 0;
	if (data && !blk_pin(b, r, data, &too_many)) {
		blk_slot_put(b, r);
		/* With nothing in flight "later" would be never: this request is too large for the host. */
		if (b->inflight > b->nunsent && !too_many)
			return false;
		refuse(d, VIRTIO_BLK_S_IOERR, OFFENCE_NONE);
		return true;
	}
	b->inflight++;
	r->nr = b->nsubmits++;
	b->backend.submit(b->backend.ctx, &r->io);
	return true;
}

static bool submit_transfer(struct decode *d, struct blk_req *r, bool read)
{
	uint32_t len = read ? d->c->write_len - 1 : d->in.left;
	enum offence bad = OFFENCE_NONE;
	if (len % BLK_SECTOR_LEN)
		bad = OFFENCE_BLK_DATA_SIZE;
	else if (!in_capacity(d->b, d->sector, len / BLK_SECTOR_LEN)) /* all segments together */
		bad = OFFENCE_BLK_RANGE;
	else if (!read && d->b->options.read_only)
		bad = OFFENCE_BLK_READ_ONLY;
	if (bad || len == 0) {
		blk_slot_put(d->b, r);
		refuse(d, bad ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK, bad);
		return true;
	}
	r->io.type = read ? BLK_IO_READ : BLK_IO_WRITE;
	r->io.sector = d->sector;
	r->io.len = len;
	r->io.nranges = 0;
	r->io.sync = !read && write_through(d->b);
	return submit(d, r, read ? &d->out : &d->in);
}

static bool submit_flush(struct decode *d, struct blk_req *r)
{
	r->io.type = BLK_IO_FLUSH;
	r->io.sector = 0;
	r->io.len = 0;
	r->io.nranges = 0;
	r->io.sync = true;
	return submit(d, r, NULL);
}

/* What is wrong with one range, by itself. */
static enum offence check_range(const struct blk *b, const struct virtio_blk_discard_write_zeroes *w)
{
	if (w->num_sectors > BLK_RANGE_MAX)
		return OFFENCE_BLK_SEGMENTS;
	return in_capacity(b, w->sector, w->num_sectors) ? OFFENCE_NONE : OFFENCE_BLK_RANGE;
}

/*
 * Copies the range list out and checks every range before any is acted on. An unknown flag in any of them is
 * UNSUPP, whatever else is wrong (blk.op.4, blk.op.5).
 */
static enum offence read_ranges(struct decode *d, struct blk_io *io, uint8_t *status)
{
	struct virtio_blk_discard_write_zeroes w;
	uint32_t n = d->in.left / (uint32_t)sizeof(w);
	enum offence bad = OFFENCE_NONE;
	*status = VIRTIO_BLK_S_IOERR;
	if (n == 0 || n > BLK_RANGES_MAX || d->in.left % sizeof(w))
		bad = OFFENCE_BLK_SEGMENTS;
	/* Of a longer list that many are looked at. */
	io->nranges = (uint16_t)(n < BLK_RANGES_MAX ? n : BLK_RANGES_MAX);
	for (uint32_t i = 0; i < io->nranges; i++) {
		core_check(vq_read(&d->in, d->b->vdev.mem, VMEM_HEADER, &w, sizeof(w)));
		bool unmap = w.flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
		if ((w.flags & ~(uint32_t)VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP) ||
		    (unmap && io->type == BLK_IO_DISCARD)) {
			*status = VIRTIO_BLK_S_UNSUPP;
			return OFFENCE_BLK_FLAGS;
		}
		if (!bad)
			bad = check_range(d->b, &w);
		io->range[i] = (struct blk_range){w.sector, w.num_sectors, unmap};
	}
	return bad;
}

static bool submit_ranges(struct decode *d, struct blk_req *r, enum blk_io_type type, unsigned feature)
{
	uint8_t status = VIRTIO_BLK_S_UNSUPP;
	enum offence bad = OFFENCE_BLK_FEATURE;
	r->io.type = type;
	r->io.sector = 0;
	r->io.len = 0;
	r->io.sync = write_through(d->b);
	if (vdev_has(&d->b->vdev, feature))
		bad = read_ranges(d, &r->io, &status);
	if (d->b->options.read_only && bad != OFFENCE_BLK_FLAGS) {
		bad = OFFENCE_BLK_READ_ONLY;
		status = VIRTIO_BLK_S_IOERR;
	}
	if (bad) {
		blk_slot_put(d->b, r);
		refuse(d, status, bad);
		return true;
	}
	return submit(d, r, NULL);
}

/* The device id: at most 20 bytes, not NUL-terminated when it fills them (5.2.6). */
static bool answer_ident(struct decode *d)
{
	struct blk *b = d->b;
	uint32_t room = d->c->write_len - 1;
	uint32_t n = room < sizeof(b->options.ident) ? room : (uint32_t)sizeof(b->options.ident);
	core_check(vq_write(&d->out, b->vdev.mem, VMEM_PAYLOAD, b->options.ident, n));
	answer(b, d->queue, d->c->tok, d->status, VIRTIO_BLK_S_OK, used_len(d->c->write_len, n));
	return true;
}

/* r is a free slot, taken; whoever does not submit gives it back. */
static bool dispatch(struct decode *d, struct blk_req *r)
{
	switch (d->type) {
	case VIRTIO_BLK_T_IN:
		return submit_transfer(d, r, true);
	case VIRTIO_BLK_T_OUT:
		return submit_transfer(d, r, false);
	case VIRTIO_BLK_T_DISCARD:
		return submit_ranges(d, r, BLK_IO_DISCARD, VIRTIO_BLK_F_DISCARD);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return submit_ranges(d, r, BLK_IO_WRITE_ZEROES, VIRTIO_BLK_F_WRITE_ZEROES);
	case VIRTIO_BLK_T_FLUSH:
		if (d->b->backend.can & BLK_CAN_FLUSH)
			return submit_flush(d, r);
		break;
	case VIRTIO_BLK_T_GET_ID:
		blk_slot_put(d->b, r);
		return answer_ident(d);
	default:
		break;
	}
	blk_slot_put(d->b, r);
	refuse(d, VIRTIO_BLK_S_UNSUPP, OFFENCE_NONE);
	return true;
}

/* Decodes one chain. False: there is no room for it now. */
static bool start(struct vdev *dev, uint16_t queue, const struct vq_chain *c)
{
	struct blk *b = blk_of(dev);
	struct decode d = {.b = b, .c = c, .queue = queue, .in = vq_reader(c), .out = vq_writer(c)};
	struct virtio_blk_outhdr h;
	if (b->inflight == BLK_INFLIGHT_MAX)
		return false;
	if (c->write_len == 0) { /* there is no way to answer */
		vdev_offend(&b->vdev, OFFENCE_BLK_NO_STATUS);
		return true;
	}
	d.status = vq_last_byte(c);
	if (!vq_read(&d.in, b->vdev.mem, VMEM_HEADER, &h, sizeof(h))) {
		refuse(&d, VIRTIO_BLK_S_IOERR, OFFENCE_BLK_HEADER);
		return true;
	}
	struct blk_req *r = slot_get(b); /* all busy only when inflight says so */
	core_check(r != NULL);
	d.type = h.type;
	d.sector = h.sector;
	return dispatch(&d, r);
}

static void kick(struct vdev *d, uint16_t queue)
{
	struct blk *b = blk_of(d);
	if (b->nunsent)
		blk_send(b);
	if (!vdev_serve(d, queue, start))
		b->stalled |= 1u << queue;
	blk_publish(b);
}

/* -- reset ----------------------------------------------------------------------------------------------- */

static void queue_reset(struct vdev *d, uint16_t queue)
{
	struct blk *b = blk_of(d);
	blk_forget_unsent(b, 1u << queue);
	if (b->inflight > b->nunsent)
		b->backend.drain(b->backend.ctx);
	core_check(b->inflight == b->nunsent);
	b->stalled &= ~(1u << queue);
	b->staged &= ~(1u << queue);
	blk_publish(b); /* what the drain completed for the other queues */
}

static void reset(struct vdev *d)
{
	struct blk *b = blk_of(d);
	blk_forget_unsent(b, UINT32_MAX);
	if (b->inflight)
		b->backend.drain(b->backend.ctx);
	core_check(b->inflight == 0);
	b->stalled = b->staged = 0;
	b->writeback = 1;
}

void blk_resize(struct blk *b, uint64_t sectors)
{
	b->backend.sectors = sectors;
	vdev_config_changed(&b->vdev);
}

static uint64_t hash(const struct vdev *d, uint64_t h)
{
	const struct blk *b = (const struct blk *)(const void *)d;
	h = hash_u64(h, b->backend.sectors);
	return hash_u64(h, (uint64_t)b->stalled << 32 | (uint64_t)b->writeback << 16 | b->inflight);
}

static const struct vdev_ops ops = {
	.name = "blk",
	.id = VIRTIO_ID_BLOCK,
	.nqueues = BLK_QUEUES_MAX,
	.config_len = BLK_CONFIG_LEN,
	.queue_size_max = {BLK_QUEUE_SIZE, BLK_QUEUE_SIZE, BLK_QUEUE_SIZE, BLK_QUEUE_SIZE},
	.kick = kick,
	.queue_reset = queue_reset,
	.reset = reset,
	.config_read = blk_config_read,
	.config_write = blk_config_write,
	.hash = hash,
	.save = blk_save,
	.load = blk_load,
	.resume = blk_resume,
};

static uint64_t features(const struct blk_backend *backend, const struct blk_options *o)
{
	uint64_t f = 1ull << VIRTIO_BLK_F_SEG_MAX | 1ull << VIRTIO_BLK_F_SIZE_MAX |
		     1ull << VIRTIO_BLK_F_BLK_SIZE | 1ull << VIRTIO_BLK_F_TOPOLOGY;
	if (o->read_only)
		f |= 1ull << VIRTIO_BLK_F_RO;
	if (backend->can & BLK_CAN_FLUSH)
		f |= 1ull << VIRTIO_BLK_F_FLUSH | 1ull << VIRTIO_BLK_F_CONFIG_WCE;
	if (backend->can & BLK_CAN_DISCARD)
		f |= 1ull << VIRTIO_BLK_F_DISCARD;
	if (backend->can & BLK_CAN_WRITE_ZEROES)
		f |= 1ull << VIRTIO_BLK_F_WRITE_ZEROES;
	if (o->nqueues > 1)
		f |= 1ull << VIRTIO_BLK_F_MQ;
	f &= ~o->without;
	if (!(f >> VIRTIO_BLK_F_FLUSH & 1)) /* blk.init.1 */
		f &= ~(1ull << VIRTIO_BLK_F_CONFIG_WCE);
	return f;
}

void blk_init(struct blk *b, struct vmem *mem, const struct host *host, void *host_ctx,
	      const struct blk_backend *backend, const struct blk_options *options)
{
	memset((char *)b + sizeof(b->vdev), 0, offsetof(struct blk, req) - sizeof(b->vdev));
	b->backend = *backend;
	b->options = *options;
	b->writeback = 1;
	vdev_init(&b->vdev, &ops, mem, host, host_ctx, features(backend, options));
	b->vdev.nqueues = options->nqueues;
	for (uint16_t i = 0; options->queue_size && i < options->nqueues; i++)
		vdev_limit_queue(&b->vdev, i, options->queue_size);
}
