// SPDX-License-Identifier: BSD-2-Clause
#include <stdlib.h>

#include "tests/unit/disk.h"

uint32_t reg(struct mmio *m, uint32_t off)
{
	return (uint32_t)mmio_read(m, off, 4);
}

void set(struct mmio *m, uint32_t off, uint32_t value)
{
	mmio_write(m, off, 4, value);
}

uint64_t offered(struct mmio *m)
{
	set(m, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	uint64_t high = reg(m, VIRTIO_MMIO_DEVICE_FEATURES);
	set(m, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	return high << 32 | reg(m, VIRTIO_MMIO_DEVICE_FEATURES);
}

uint32_t negotiate(struct mmio *m, uint64_t features)
{
	set(m, VIRTIO_MMIO_STATUS, 0);
	set(m, VIRTIO_MMIO_STATUS, S_ACK);
	set(m, VIRTIO_MMIO_STATUS, S_DRIVER);
	for (uint32_t word = 0; word < 2; word++) {
		set(m, VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
		set(m, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32 * word));
	}
	set(m, VIRTIO_MMIO_STATUS, S_AGREED);
	return reg(m, VIRTIO_MMIO_STATUS);
}

void queue_set(struct mmio *m, uint32_t queue, const struct ring *r)
{
	set(m, VIRTIO_MMIO_QUEUE_SEL, queue);
	set(m, VIRTIO_MMIO_QUEUE_NUM, r->size);
	set(m, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)r->desc);
	set(m, VIRTIO_MMIO_QUEUE_DESC_HIGH, (uint32_t)(r->desc >> 32));
	set(m, VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)r->avail);
	set(m, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, (uint32_t)(r->avail >> 32));
	set(m, VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)r->used);
	set(m, VIRTIO_MMIO_QUEUE_USED_HIGH, (uint32_t)(r->used >> 32));
}

void queue_enable(struct mmio *m, uint32_t queue, const struct ring *r)
{
	queue_set(m, queue, r);
	set(m, VIRTIO_MMIO_QUEUE_READY, 1);
	assert_int_equal(reg(m, VIRTIO_MMIO_QUEUE_READY), 1);
}

void run_again(struct guest *g, struct vdev *d)
{
	for (int budget = 1000; g->again; budget--) {
		uint32_t todo = g->again;
		assert_true(budget > 0); /* asks for ever: a livelock */
		g->again = 0;
		for (uint16_t i = 0; todo; i++, todo >>= 1)
			if (todo & 1)
				vdev_run(d, i);
	}
}

/* -- the backend ----------------------------------------------------------------------------------------- */

static void zero_range(struct disk *d, const struct blk_range *r)
{
	assert_true(r->sector <= SECTORS && r->nsectors <= SECTORS - r->sector);
	memset(d->data + 512 * r->sector, 0, 512 * (size_t)r->nsectors);
}

/* Moves n bytes between the spans and the disk. */
static void transfer(struct disk *d, struct blk_io *io, uint32_t n)
{
	uint8_t *p = d->data + 512 * io->sector;
	for (uint16_t i = 0; i < io->nspans && n; i++) {
		uint32_t part = io->span[i].len < n ? (uint32_t)io->span[i].len : n;
		if (io->type == BLK_IO_READ)
			memcpy(io->span[i].base, p, part);
		else
			memcpy(p, io->span[i].base, part);
		p += part;
		n -= part;
	}
}

static void finish(struct disk *d, struct blk_io *io, enum blk_result result)
{
	uint32_t n = result == BLK_DONE && io->len ? io->len - d->short_by : 0;
	transfer(d, io, n);
	for (uint16_t i = 0; result == BLK_DONE && i < io->nranges; i++)
		zero_range(d, &io->range[i]);
	blk_io_done(d->blk, io, result, n);
}

/* What core promises a backend. */
static void check_io(const struct disk *d, const struct blk_io *io)
{
	uint64_t sum = 0;
	for (uint16_t i = 0; i < io->nspans; i++) {
		assert_true(io->span[i].len > 0);
		sum += io->span[i].len;
	}
	assert_int_equal(sum, io->len);
	assert_int_equal(io->len % 512, 0);
	assert_true(io->sector <= d->blk->backend.sectors);
	assert_true(io->len / 512 <= d->blk->backend.sectors - io->sector);
	bool reads = io->type == BLK_IO_READ || io->type == BLK_IO_FLUSH;
	assert_true(reads || !d->blk->options.read_only);
	for (uint32_t i = 0; i < d->nheld; i++)
		assert_int_not_equal(d->held[i]->id, io->id);
}

static void submit(void *ctx, struct blk_io *io)
{
	struct disk *d = ctx;
	check_io(d, io);
	d->nsubmits++;
	d->last = *io;
	if (d->hold)
		d->held[d->nheld++] = io;
	else
		finish(d, io, d->result);
}

static void drain(void *ctx)
{
	struct disk *d = ctx;
	d->ndrains++;
	while (d->nheld)
		finish(d, d->held[--d->nheld], d->result);
}

void disk_finish(struct machine *m, uint32_t i, enum blk_result result)
{
	struct disk *d = &m->disk;
	assert_true(i < d->nheld);
	struct blk_io *io = d->held[i];
	d->nheld--;
	memmove(&d->held[i], &d->held[i + 1], (d->nheld - i) * sizeof(d->held[0]));
	finish(d, io, result);
}

void disk_finish_all(struct machine *m)
{
	while (m->disk.nheld)
		disk_finish(m, 0, BLK_DONE);
	blk_publish(&m->blk);
}

/* -- the machine ----------------------------------------------------------------------------------------- */

struct machine *machine_new(const struct blk_options *o, uint32_t can)
{
	struct machine *m = malloc(sizeof(*m)); /* not zeroed: blk_init must do with that */
	assert_non_null(m);
	memset(&m->disk, 0, sizeof(m->disk));
	guest_init(&m->g);
	m->disk.blk = &m->blk;
	m->disk.data = malloc(512 * SECTORS);
	assert_non_null(m->disk.data);
	for (uint32_t i = 0; i < 512 * SECTORS; i++)
		m->disk.data[i] = (uint8_t)(i * 11 + (i >> 9));
	const struct blk_backend backend = {submit, drain, SECTORS, can, &m->disk};
	blk_init(&m->blk, &m->g.mem, &guest_host, &m->g, &backend, o);
	mmio_init(&m->mmio, &m->blk.vdev);
	return m;
}

void machine_free(struct machine *m)
{
	free(m->disk.data);
	guest_free(&m->g);
	free(m);
}

void machine_boot(struct machine *m, uint64_t without, uint16_t size)
{
	assert_int_equal(negotiate(&m->mmio, offered(&m->mmio) & ~without), S_AGREED);
	for (uint16_t i = 0; i < m->blk.options.nqueues; i++) {
		ring_init(&m->ring[i], &m->g, 0x2000 + 0x2000ull * i, size);
		put16(&m->g, ring_used_event(&m->ring[i]), 0);
		queue_enable(&m->mmio, i, &m->ring[i]);
	}
	set(&m->mmio, VIRTIO_MMIO_STATUS, S_LIVE);
	assert_int_equal(reg(&m->mmio, VIRTIO_MMIO_STATUS), S_LIVE);
}

void machine_boot_packed(struct machine *m, uint64_t without, uint16_t size)
{
	struct packed *p = &m->packed;
	assert_true(offered(&m->mmio) & ~without & BIT(VIRTIO_F_RING_PACKED));
	assert_int_equal(negotiate(&m->mmio, offered(&m->mmio) & ~without), S_AGREED);
	packed_init(p, &m->g, 0x2000, size);
	const struct ring areas = {.size = size, .desc = p->desc, .avail = p->driver, .used = p->device};
	queue_enable(&m->mmio, 0, &areas);
	set(&m->mmio, VIRTIO_MMIO_STATUS, S_LIVE);
	assert_int_equal(reg(&m->mmio, VIRTIO_MMIO_STATUS), S_LIVE);
}

struct machine *machine_booted(void)
{
	const struct blk_options o = {.nqueues = 1, .ident = "ringside-disk"};
	struct machine *m = machine_new(&o, CAN_ALL);
	machine_boot(m, 0, 64);
	return m;
}

/* -- requests -------------------------------------------------------------------------------------------- */

uint64_t header_at(uint16_t queue, uint16_t head)
{
	return 0x10000 + 0x1000ull * queue + 16ull * head;
}

uint64_t status_at(uint16_t queue, uint16_t head)
{
	return 0x14000 + 0x100ull * queue + head;
}

void put_header(struct machine *m, uint64_t addr, uint32_t type, uint64_t sector)
{
	put32(&m->g, addr, type);
	put32(&m->g, addr + 4, 0);
	put64(&m->g, addr + 8, sector);
}

/* Writes header and status byte, and the buffers of the request into b; returns how many. */
static uint16_t request_bufs(struct machine *m, uint16_t queue, uint16_t head, uint32_t type, uint64_t sector,
			     uint64_t data, uint32_t len, struct buf *b)
{
	bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
	uint16_t n = 0;
	put_header(m, header_at(queue, head), type, sector);
	*at(&m->g, status_at(queue, head)) = NO_STATUS;
	b[n++] = (struct buf){header_at(queue, head), 16, false};
	if (len)
		b[n++] = (struct buf){data, len, in};
	b[n++] = (struct buf){status_at(queue, head), 1, true};
	return n;
}

uint16_t post(struct machine *m, uint16_t queue, uint32_t type, uint64_t sector, uint64_t data, uint32_t len)
{
	struct buf b[3];
	struct ring *r = &m->ring[queue];
	return ring_post(r, b, request_bufs(m, queue, r->next_desc, type, sector, data, len, b));
}

uint16_t post_packed(struct machine *m, uint32_t type, uint64_t sector, uint64_t data, uint32_t len)
{
	struct buf b[3];
	struct packed *p = &m->packed;
	return packed_post(p, b, request_bufs(m, 0, p->next_id, type, sector, data, len, b));
}

void kick(struct machine *m, uint16_t queue)
{
	set(&m->mmio, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}

uint8_t request(struct machine *m, uint32_t type, uint64_t sector, uint64_t data, uint32_t len,
		uint32_t *used)
{
	uint16_t head = post(m, 0, type, sector, data, len);
	uint32_t id, n;
	kick(m, 0);
	assert_true(ring_take(&m->ring[0], &id, &n));
	assert_int_equal(id, head);
	assert_false(ring_take(&m->ring[0], &id, &n));
	if (used)
		*used = n;
	return *at(&m->g, status_at(0, head));
}
