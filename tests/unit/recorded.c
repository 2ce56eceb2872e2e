// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "tests/unit/recorded.h"

#define DESC_AT   0x1000u
#define AVAIL_AT  0x2000u
#define USED_AT   0x3000u
#define DATA_AT   0x8000u
#define QUEUE_LEN 8u

static void full(struct recorder *r, size_t need)
{
	(void)need;
	r->stopped = true;
}

static void interrupt(void *ctx, uint16_t source)
{
	recorder_irq(&((struct recorded *)ctx)->dev, source);
}

static void again(void *ctx, uint16_t queue)
{
	recorder_again(&((struct recorded *)ctx)->dev, queue);
}

static void offence(void *ctx, enum offence o)
{
	recorder_offence(&((struct recorded *)ctx)->dev, o);
}

static uint64_t clock_ns(void *ctx)
{
	(void)ctx;
	return 0;
}

static const struct host host = {interrupt, again, clock_ns, offence};

void recorded_done(struct recorded *g, struct blk_io *io)
{
	for (uint16_t i = 0; i < io->nspans && io->type == BLK_IO_READ; i++)
		memset(io->span[i].base, 0x5a, io->span[i].len);
	recorder_done_blk(&g->dev, io, BLK_DONE, io->len);
	blk_io_done(&g->blk, io, BLK_DONE, io->len);
}

static void submit(void *ctx, struct blk_io *io)
{
	struct recorded *g = ctx;
	recorder_enter_blk(&g->dev, io);
	if (g->hold)
		g->held[g->nheld++] = io;
	else
		recorded_done(g, io);
	recorder_leave(&g->dev, false);
}

static void drain(void *ctx)
{
	struct recorded *g = ctx;
	recorder_enter_drain(&g->dev);
	while (g->nheld)
		recorded_done(g, g->held[--g->nheld]);
	recorder_leave(&g->dev, true);
}

void recorded_reg(struct recorded *g, uint32_t off, uint32_t value)
{
	recorder_write(&g->dev, off, 4, value);
	mmio_write(&g->mmio, off, 4, value);
}

uint32_t recorded_get(struct recorded *g, uint32_t off)
{
	recorder_read_begin(&g->dev);
	uint32_t v = (uint32_t)mmio_read(&g->mmio, off, 4);
	recorder_read(&g->dev, off, 4, v);
	return v;
}

void recorded_start(struct recorded *g)
{
	static const uint32_t at[3] = {DESC_AT, AVAIL_AT, USED_AT};
	static const uint32_t low[3] = {VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_AVAIL_LOW,
					VIRTIO_MMIO_QUEUE_USED_LOW};
	recorded_reg(g, VIRTIO_MMIO_STATUS, 0);
	recorded_reg(g, VIRTIO_MMIO_STATUS, 3);
	recorded_reg(g, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	recorded_reg(g, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	recorded_reg(g, VIRTIO_MMIO_STATUS, 11);
	assert_int_equal(recorded_get(g, VIRTIO_MMIO_STATUS), 11);
	recorded_reg(g, VIRTIO_MMIO_QUEUE_SEL, 0);
	recorded_reg(g, VIRTIO_MMIO_QUEUE_NUM, QUEUE_LEN);
	for (int i = 0; i < 3; i++)
		recorded_reg(g, low[i], at[i]);
	memset(g->ram + AVAIL_AT, 0, 0x2000);
	recorded_reg(g, VIRTIO_MMIO_QUEUE_READY, 1);
	recorded_reg(g, VIRTIO_MMIO_STATUS, 15);
}

void recorded_post(struct recorded *g, uint32_t type, uint64_t sector, uint16_t slot)
{
	struct virtio_blk_outhdr h = {.type = type, .sector = sector};
	uint32_t base = DATA_AT + slot * 0x800u;
	uint16_t flag = type == VIRTIO_BLK_T_IN ? VRING_DESC_F_WRITE : 0, head = (uint16_t)(3 * (slot % 2)),
		 idx;
	struct vring_desc d[3] = {
		{base, 16, VRING_DESC_F_NEXT, (uint16_t)(head + 1)},
		{base + 16, 512, (uint16_t)(VRING_DESC_F_NEXT | flag), (uint16_t)(head + 2)},
		{base + 528, 1, VRING_DESC_F_WRITE, 0}};
	memcpy(g->ram + base, &h, sizeof(h));
	memcpy(g->ram + DESC_AT + 16u * head, d, sizeof(d));
	memcpy(&idx, g->ram + AVAIL_AT + 2, 2);
	memcpy(g->ram + AVAIL_AT + 4 + 2u * (idx % QUEUE_LEN), &head, 2);
	idx++;
	memcpy(g->ram + AVAIL_AT + 2, &idx, 2);
}

struct recorded *recorded_create(bool full_payload)
{
	struct recorded *g = calloc(1, sizeof(*g));
	struct blk_backend b = {submit, drain, 64, BLK_CAN_FLUSH, g};
	struct blk_options o = {.nqueues = 1, .ident = "replay-test"};
	g->map = (struct vmem_map){1, {{0x100000, RECORDED_RAM_LEN, g->ram}}};
	g->map.region[0].gpa = 0;
	vmem_init(&g->mem, &g->map);
	arena_init(&g->arena, g->lent, 512, sizeof(g->lent) / 512);
	g->rec = (struct recorder){
		.buf = g->ops, .max = sizeof(g->ops), .full_payload = full_payload, .full = full};
	g->dev = (struct recorder_dev){.rec = &g->rec, .arena = &g->arena};
	vmem_set_tap(&g->mem, &recorder_tap, &g->dev);
	blk_init(&g->blk, &g->mem, &host, g, &b, &o);
	mmio_init(&g->mmio, &g->blk.vdev);
	g->head = (struct trace_head){.build = "test", .payload = full_payload, .nregions = 1, .ndevices = 1};
	g->head.region[0].len = RECORDED_RAM_LEN;
	struct trace_device *t = &g->head.device[0];
	*t = (struct trace_device){
		.id = 2, .features = g->blk.vdev.offered, .nqueues = 1, .queue_size_max = {BLK_QUEUE_SIZE}};
	t->config_len = (uint16_t)g->blk.vdev.ops->config_len;
	vdev_config_read(&g->blk.vdev, 0, t->config, t->config_len);
	t->ident_len = 20;
	memcpy(t->ident, o.ident, 20);

	return g;
}

struct recorded *recorded_restore(const struct recorded *from, bool full_payload)
{
	static uint8_t state[STATE_LEN_MAX];
	struct recorded *g = recorded_create(full_payload);
	size_t n = mmio_save(&from->mmio, state, sizeof(state));
	assert_true(n <= sizeof(state));
	memcpy(g->ram, from->ram, sizeof(g->ram));
	g->head.restored = true;
	g->hold = from->hold;
	assert_true(mmio_load(&g->mmio, state, n));
	assert_int_equal(g->rec.nrecords, 0); /* nothing passes a door meanwhile */
	recorder_restored(&g->dev, state, (uint32_t)n);
	vdev_resume(&g->blk.vdev);
	return g;
}

void recorded_kick(struct recorded *g)
{
	recorded_reg(g, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
}

uint64_t recorded_write(const struct recorded *g, const char *path, uint64_t change, bool *was_output)
{
	struct trace_writer w;
	uint64_t n = 0;
	size_t used;
	assert_true(trace_create(&w, path, &g->head));
	for (size_t at = 0; at < g->rec.len; at += used) {
		struct op op;
		uint8_t bytes[1024];
		assert_int_equal(op_decode(g->ops + at, g->rec.len - at, &op, &used), OP_DECODED);
		if (++n == change) {
			*was_output = op.code >= 0x40 && op.code != OP_LOAD && op.code != OP_PIN &&
				      op.code != OP_DRAINED && op.code != OP_PAYLOAD && op.code != OP_DRAIN;
			op.arg[op.code == OP_UNPIN ? 4 : 0] ^= 1;
			if (op.code == OP_STORE) {
				op.arg[0] ^= 1;
				memcpy(bytes, op.data, op.len);
				bytes[op.len - 1] ^= 0x10;
				op.data = bytes;
			}
		}
		assert_true(trace_write(&w, &op));
	}
	assert_true(trace_finish(&w, TRACE_END_DONE));
	return n;
}
