// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>

#include "oracle_backend.h"
#include "oracle_int.h"

#define CRY(b, clause, ...) oracle_cry((b)->oracle, ORACLE_BACKEND, clause, __VA_ARGS__)
#define OFF(b)              HAS((b)->oracle->off, ORACLE_BACKEND)
#define HAS(word, bit)      ((word) >> (bit)&1)

void oracle_backend_init(struct oracle_backend *b, struct oracle *o, struct vdev *v)
{
	b->oracle = o;
	b->vdev = v;
}

void oracle_backend_restart(struct oracle_backend *b, uint64_t sectors)
{
	for (uint32_t i = 0; i < b->top; i++)
		b->ask[i].state = ASK_NONE;
	b->top = 0;
	b->capacity = sectors;
	b->writes = b->stable = b->need = b->serial = 0;
	b->cache = b->header_len = 0;
	b->cache_off = b->answered = b->agreed = false;
	b->completing = 0;
}

void oracle_backend_resized(struct oracle_backend *b, uint64_t sectors)
{
	b->capacity = sectors;
}

void oracle_backend_lost(struct oracle_backend *b, uint16_t id)
{
	b->ask[id].state = ASK_NONE;
}

/* -- registers ------------------------------------------------------------------------------------------- */

/* What the driver set the cache to, where it may; and what it is before that. */
static void look_at_cache(struct oracle_backend *b)
{
	uint8_t image[VDEV_CONFIG_MAX] = {0};
	bool had = b->agreed;
	b->agreed = b->vdev->status & VIRTIO_CONFIG_S_FEATURES_OK;
	b->cache_off = false;
	if (b->vdev->ops->id != VIRTIO_ID_BLOCK || !HAS(b->vdev->accepted, VIRTIO_BLK_F_CONFIG_WCE))
		return;
	b->vdev->ops->config_read(b->vdev, image);
	b->cache_off = !image[offsetof(struct virtio_blk_config, wce)];
	if (b->agreed && !had && !b->cache_off && !HAS(b->vdev->accepted, VIRTIO_BLK_F_FLUSH))
		CRY(b, "blk.init.2", "writeback begins as %u without FLUSH",
		    image[offsetof(struct virtio_blk_config, wce)]);
}

void oracle_backend_write_ends(struct oracle_backend *b, uint64_t off, uint64_t value)
{
	bool status = off == VIRTIO_MMIO_STATUS;
	if (off >= VIRTIO_MMIO_CONFIG || status) {
		b->cache++;
		look_at_cache(b);
	}
	if (!status && off != VIRTIO_MMIO_QUEUE_READY && off != VIRTIO_MMIO_QUEUE_RESET)
		return;
	for (uint32_t i = 0; i < b->vdev->nqueues; i++)
		b->epoch[i] += (status && (uint32_t)value == 0) || !vdev_queue_ready(b->vdev, i);
}

/* -- what the device loaded ------------------------------------------------------------------------------ */

/* The chain taken last, as far as the other oracles know it. */
static void look_at_chain(struct oracle_backend *b)
{
	const struct chain *c = b->oracle->newest;
	uint64_t serial = c ? c->serial : 0;
	if (serial && serial == b->serial)
		return;
	b->chain = c;
	b->serial = serial;
	b->header_len = 0;
	b->need = b->writes;
	b->answered = false;
}

/* The chain being decoded, or NULL: nothing can be said of it. */
static const struct chain *current(const struct oracle_backend *b)
{
	return b->serial && b->chain->serial == b->serial && !b->chain->unsure ? b->chain : NULL;
}

void oracle_backend_header(struct oracle_backend *b, uint32_t n, const void *data)
{
	if (OFF(b))
		return;
	look_at_chain(b);
	if (n > BACKEND_HEADER_MAX - b->header_len)
		n = BACKEND_HEADER_MAX - b->header_len;
	memcpy(b->header + b->header_len, data, n);
	b->header_len += n;
}

static bool header_of(const struct oracle_backend *b, struct virtio_blk_outhdr *h)
{
	memcpy(h, b->header, sizeof(*h));
	return current(b) && b->header_len >= sizeof(*h);
}

/* The last writable byte; 0: there is none. */
static uint64_t status_byte(const struct chain *c)
{
	for (uint32_t i = c ? c->nwrite : 0; i--;)
		if (c->seg[c->nread + i].len)
			return c->seg[c->nread + i].addr + c->seg[c->nread + i].len - 1;
	return 0;
}

/* -- requests of a disk ---------------------------------------------------------------------------------- */

static bool writes_data(const struct blk_io *io)
{
	return io->type != BLK_IO_READ && io->type != BLK_IO_FLUSH;
}

static bool in_capacity(const struct oracle_backend *b, uint64_t sector, uint64_t n)
{
	return sector <= b->capacity && n <= b->capacity - sector;
}

static void check_transfer(struct oracle_backend *b, const struct blk_io *io)
{
	uint64_t spans = 0;
	for (uint16_t i = 0; i < io->nspans; i++)
		spans += io->span[i].len;
	if (io->len % BLK_SECTOR_LEN || !io->len)
		CRY(b, "", "a transfer of %u bytes, which are no whole sectors, is submitted", io->len);
	else if (!in_capacity(b, io->sector, io->len / BLK_SECTOR_LEN))
		CRY(b, "", "sectors %llu and %u bytes on are submitted, but the disk has %llu",
		    (unsigned long long)io->sector, io->len, (unsigned long long)b->capacity);
	else if (spans != io->len)
		CRY(b, "", "a transfer of %u bytes is submitted with room for %llu", io->len,
		    (unsigned long long)spans);
}

/* Flags, limits and place of each range, and that they are the driver's. */
static void check_ranges(struct oracle_backend *b, const struct blk_io *io)
{
	struct virtio_blk_discard_write_zeroes w;
	bool known = current(b) && b->header_len == 16u + sizeof(w) * io->nranges;
	if (!io->nranges || io->nranges > BLK_RANGES_MAX) {
		CRY(b, "", "%u ranges are submitted", io->nranges);
		return;
	}
	for (uint32_t i = 0; i < io->nranges; i++) {
		const struct blk_range *r = &io->range[i];
		memcpy(&w, b->header + 16 + i * sizeof(w), sizeof(w));
		if (r->nsectors > BLK_RANGE_MAX || !in_capacity(b, r->sector, r->nsectors))
			CRY(b, "", "%u sectors from %llu on are submitted, but the disk has %llu",
			    r->nsectors, (unsigned long long)r->sector, (unsigned long long)b->capacity);
		else if (known && (w.sector != r->sector || w.num_sectors != r->nsectors))
			CRY(b, "", "range %u is submitted as sector %llu, but was %llu", i,
			    (unsigned long long)r->sector, (unsigned long long)w.sector);
		else if (known && (w.flags & ~(uint32_t)VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP))
			CRY(b, "blk.op.4", "range %u is submitted in spite of its flags 0x%x", i, w.flags);
		else if (known && io->type == BLK_IO_DISCARD && w.flags)
			CRY(b, "blk.op.5", "a discard is submitted in spite of its flags 0x%x", w.flags);
		else if (known && (w.flags & 1) != r->unmap)
			CRY(b, "", "range %u is submitted with unmap %u, but its flags were 0x%x", i,
			    r->unmap, w.flags);
	}
	if (current(b) && b->header_len != 16u + sizeof(w) * io->nranges)
		CRY(b, "", "%u ranges are submitted of %u bytes of header", io->nranges, b->header_len);
}

static void check_against_header(struct oracle_backend *b, const struct blk_io *io)
{
	static const uint32_t type[] = {VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_FLUSH,
					VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES};
	const struct chain *c = current(b);
	struct virtio_blk_outhdr h;
	if (!header_of(b, &h) || io->type > BLK_IO_WRITE_ZEROES)
		return;
	bool transfer = io->type <= BLK_IO_WRITE;
	uint32_t len = io->type == BLK_IO_READ ? c->write_len - 1 : c->read_len - 16;
	if (h.type != type[io->type])
		CRY(b, "", "a request of type %u is submitted as %u", h.type, io->type);
	else if (transfer && h.sector != io->sector)
		CRY(b, "", "a request for sector %llu is submitted for sector %llu",
		    (unsigned long long)h.sector, (unsigned long long)io->sector);
	else if (transfer && len != io->len)
		CRY(b, "", "a request of %u bytes is submitted with %u", len, io->len);
}

/* Case 1 and 2 of 5.2.6.2. */
static bool must_sync(const struct oracle_backend *b, const struct blk_io *io)
{
	bool offered = HAS(b->vdev->offered, VIRTIO_BLK_F_FLUSH);
	return io->type == BLK_IO_WRITE &&
	       ((offered && !HAS(b->vdev->accepted, VIRTIO_BLK_F_FLUSH)) || b->cache_off);
}

static struct backend_ask *begin(struct oracle_backend *b, uint32_t id, uint32_t max)
{
	if (OFF(b))
		return NULL;
	if (id >= max) {
		CRY(b, "", "a request is submitted with id %u", id);
		return NULL;
	}
	struct backend_ask *a = &b->ask[id];
	if (a->state == ASK_SUBMITTED)
		CRY(b, "", "id %u is submitted, but is in flight", id);
	else if (!(b->vdev->status & VIRTIO_CONFIG_S_DRIVER_OK))
		CRY(b, "status.1", "request %u is submitted before DRIVER_OK", id);
	if (b->top <= id)
		b->top = id + 1;
	*a = (struct backend_ask){.state = ASK_SUBMITTED};
	if (current(b)) {
		a->queue = b->chain->queue;
		a->epoch = b->epoch[a->queue];
		a->serial = b->serial;
	}
	b->answered = true;
	return a;
}

void oracle_backend_submit_blk(struct oracle_backend *b, const struct blk_io *io)
{
	struct backend_ask *a = OFF(b) ? NULL : begin(b, io->id, BLK_INFLIGHT_MAX);
	if (!a)
		return;
	a->type = (uint8_t)io->type;
	a->sync = io->sync;
	a->must_sync = must_sync(b, io);
	a->cache = b->cache;
	a->status_at = status_byte(current(b));
	a->need = b->need;
	a->covers = b->writes;
	if (writes_data(io) && HAS(b->vdev->offered, VIRTIO_BLK_F_RO))
		CRY(b, "blk.op.3", "a request of type %u is submitted to a read-only disk", io->type);
	else if (io->type <= BLK_IO_WRITE)
		check_transfer(b, io);
	else if (io->type != BLK_IO_FLUSH)
		check_ranges(b, io);
	check_against_header(b, io);
}

/* -- answers of a disk ----------------------------------------------------------------------------------- */

static void check_ok(struct oracle_backend *b, const struct backend_ask *a)
{
	if (a->result != BLK_DONE)
		CRY(b, "", "the backend failed (result %u), and the status is OK", a->result);
	else if (a->must_sync && !a->sync && a->cache == b->cache)
		CRY(b, "blk.op.11", "a write is OK that is not on stable storage (type %u)", a->type);
	else if (a->type == BLK_IO_FLUSH && b->stable < a->need)
		CRY(b, "blk.op.11", "a flush is OK, but %llu writes that were OK before it are not flushed",
		    (unsigned long long)(a->need - b->stable));
	else if (a->type == BLK_IO_WRITE && !a->sync)
		b->writes++;
}

static void check_answer(struct oracle_backend *b, const struct backend_ask *a, uint8_t status)
{
	if (a->serial && a->epoch != b->epoch[a->queue])
		CRY(b, "reset.2", "queue %u: a request from before a reset is answered", a->queue);
	else if (status == VIRTIO_BLK_S_OK)
		check_ok(b, a);
	else if (a->result == BLK_UNSUPPORTED && status != VIRTIO_BLK_S_UNSUPP)
		CRY(b, "", "the backend can not do a request of type %u, and the status is %u", a->type,
		    status);
}

/* Answered without the backend: OK means that there was nothing to do. */
static void check_refusal(struct oracle_backend *b, uint8_t status)
{
	struct virtio_blk_outhdr h;
	const struct chain *c = current(b);
	if (!header_of(b, &h) || status != VIRTIO_BLK_S_OK)
		return;
	bool transfer = (h.type == VIRTIO_BLK_T_IN && c->write_len > 1) ||
			(h.type == VIRTIO_BLK_T_OUT && c->read_len > 16);
	if (transfer || h.type == VIRTIO_BLK_T_WRITE_ZEROES)
		CRY(b, "", "a request of type %u is OK that was never submitted", h.type);
	else if (h.type == VIRTIO_BLK_T_FLUSH && b->stable < b->need)
		CRY(b, "blk.op.11", "a flush is OK that was never submitted, and %llu writes need it",
		    (unsigned long long)(b->need - b->stable));
	else if (h.type != VIRTIO_BLK_T_IN && h.type != VIRTIO_BLK_T_OUT && h.type != VIRTIO_BLK_T_FLUSH &&
		 h.type != VIRTIO_BLK_T_GET_ID && h.type != VIRTIO_BLK_T_DISCARD)
		CRY(b, "blk.op.16", "a request of unknown type %u is OK", h.type);
}

static void check_early(struct oracle_backend *b, uint64_t at)
{
	for (uint32_t i = 0; i < b->top; i++)
		if (b->ask[i].state == ASK_SUBMITTED && b->ask[i].status_at == at) {
			CRY(b, "", "queue %u: request %u is answered, but the backend has not done it",
			    b->ask[i].queue, i);
			return;
		}
}

void oracle_backend_status(struct oracle_backend *b, uint64_t at, uint8_t status)
{
	if (OFF(b))
		return;
	if (b->completing) {
		check_answer(b, &b->ask[b->completing - 1], status);
		return;
	}
	look_at_chain(b);
	if (!b->answered && (!current(b) || status_byte(b->chain) == at)) {
		check_refusal(b, status);
		b->answered = true;
	} else if (current(b)) {
		check_early(b, at);
	}
}

/* -- entropy --------------------------------------------------------------------------------------------- */

void oracle_backend_submit_rng(struct oracle_backend *b, const struct rng_io *io)
{
	if (OFF(b))
		return;
	look_at_chain(b);
	struct backend_ask *a = begin(b, io->id, RNG_INFLIGHT_MAX);
	const struct chain *c = current(b);
	if (a && c && io->span.len > c->write_len)
		CRY(b, "", "%zu bytes are asked of the source for a buffer of %u", io->span.len,
		    c->write_len);
}

/* -- frames ---------------------------------------------------------------------------------------------- */

void oracle_backend_submit_net(struct oracle_backend *b, const struct net_io *io)
{
	uint64_t spans = 0;
	if (OFF(b))
		return;
	look_at_chain(b);
	begin(b, io->id, NET_INFLIGHT_MAX);
	for (uint16_t i = 0; i < io->nspans; i++)
		spans += io->span[i].len;
	if (spans != io->len || io->len < 14 || io->len > NET_FRAME_MAX)
		CRY(b, "", "a frame of %u bytes is submitted with room for %llu", io->len,
		    (unsigned long long)spans);
	else if (io->type == NET_IO_TX && current(b) && io->len != b->chain->read_len - 12)
		CRY(b, "", "a frame of %u bytes is submitted, and the driver's has %u", io->len,
		    b->chain->read_len - 12);
}

void oracle_backend_unasked(struct oracle_backend *b, uint16_t id)
{
	if (!OFF(b))
		CRY(b, "",
		    "request %u makes room for a frame that nobody has, or none for one that was taken", id);
}

/* -- consoles -------------------------------------------------------------------------------------------- */

void oracle_backend_submit_console(struct oracle_backend *b, const struct console_io *io, uint32_t offered)
{
	uint64_t spans = 0;
	if (OFF(b))
		return;
	look_at_chain(b);
	begin(b, io->id, CONSOLE_INFLIGHT_MAX);
	for (uint16_t i = 0; i < io->nspans; i++)
		spans += io->span[i].len;
	if (spans != io->len || !io->len)
		CRY(b, "", "port %u: %u bytes are submitted with room for %llu", io->port, io->len,
		    (unsigned long long)spans);
	else if (io->type == CONSOLE_IO_RX && io->len > offered)
		CRY(b, "", "port %u: %u bytes are asked for, but the host has offered %u", io->port, io->len,
		    offered);
}

void oracle_backend_used(struct oracle_backend *b, uint64_t serial, uint32_t len)
{
	if (b->vdev->ops->id != VIRTIO_ID_RNG)
		return;
	for (uint32_t i = 0; i < b->top; i++) {
		struct backend_ask *a = &b->ask[i];
		if (a->state == ASK_NONE || a->serial != serial)
			continue;
		if (a->state == ASK_SUBMITTED)
			CRY(b, "rng.op.1", "request %u is answered, but the source has not done it", i);
		else if (len != a->bytes)
			CRY(b, "rng.op.1", "%u bytes are said to be random, but the source gave %u", len,
			    a->bytes);
		a->state = ASK_NONE;
		return;
	}
}

/* -- the backend is done --------------------------------------------------------------------------------- */

void oracle_backend_done_begins(struct oracle_backend *b, uint16_t id, enum blk_result result, uint32_t bytes,
				bool whole)
{
	struct backend_ask *a = &b->ask[id];
	if (OFF(b))
		return;
	a->state = ASK_DONE;
	a->bytes = bytes;
	a->result = (uint8_t)(result == BLK_DONE && !whole ? BLK_IO_ERROR : result);
	if (a->type == BLK_IO_FLUSH && result == BLK_DONE && b->stable < a->covers)
		b->stable = a->covers;
	b->completing = (uint16_t)(id + 1);
}

void oracle_backend_stored(struct oracle_backend *b, uint32_t n)
{
	const struct backend_ask *a = &b->ask[b->completing - 1];
	if (a->serial && a->epoch != b->epoch[a->queue])
		CRY(b, "reset.2", "queue %u: %u bytes of a request from before a reset are stored", a->queue,
		    n);
	else if (b->vdev->ops->id == VIRTIO_ID_RNG && n > a->bytes)
		CRY(b, "rng.op.1", "%u bytes are stored, but the source gave %u", n, a->bytes);
}

void oracle_backend_done_ends(struct oracle_backend *b)
{
	if (b->completing && b->vdev->ops->id == VIRTIO_ID_BLOCK)
		b->ask[b->completing - 1].state = ASK_NONE;
	b->completing = 0;
}
