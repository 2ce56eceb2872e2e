// SPDX-License-Identifier: BSD-2-Clause
/*
 * Records a small block guest in process, then replays the trace: strictly, with any output changed, loosely,
 * with the completions of an in-memory disk nested in submit, and held across a reset.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "replay.h"
#include "trace/recorder.h"

#define RAM_LEN   (1u << 16)
#define DESC_AT   0x1000u
#define AVAIL_AT  0x2000u
#define USED_AT   0x3000u
#define DATA_AT   0x8000u
#define QUEUE_LEN 8u

struct guest {
	_Alignas(16) uint8_t ram[RAM_LEN];
	uint8_t ops[1 << 20], lent[1 << 16];
	struct vmem_map map;
	struct vmem mem;
	struct blk blk;
	struct mmio mmio;
	struct arena arena;
	struct recorder rec;
	struct recorder_dev dev;
	struct blk_io *held[16];
	int nheld;
	bool hold;
	struct trace_head head;
};

static void full(struct recorder *r, size_t need)
{
	(void)need;
	r->stopped = true;
}

static void interrupt(void *ctx, uint16_t source)
{
	recorder_irq(&((struct guest *)ctx)->dev, source);
}

static void again(void *ctx, uint16_t queue)
{
	recorder_again(&((struct guest *)ctx)->dev, queue);
}

static void offence(void *ctx, enum offence o)
{
	recorder_offence(&((struct guest *)ctx)->dev, o);
}

static uint64_t clock_ns(void *ctx)
{
	(void)ctx;
	return 0;
}

static const struct host host = {interrupt, again, clock_ns, offence};

static void done(struct guest *g, struct blk_io *io)
{
	for (uint16_t i = 0; i < io->nspans && io->type == BLK_IO_READ; i++)
		memset(io->span[i].base, 0x5a, io->span[i].len);
	recorder_done_blk(&g->dev, io, BLK_DONE, io->len);
	blk_io_done(&g->blk, io, BLK_DONE, io->len);
}

static void submit(void *ctx, struct blk_io *io)
{
	struct guest *g = ctx;
	recorder_enter_blk(&g->dev, io);
	if (g->hold)
		g->held[g->nheld++] = io;
	else
		done(g, io);
	recorder_leave(&g->dev, false);
}

static void drain(void *ctx)
{
	struct guest *g = ctx;
	recorder_enter_drain(&g->dev);
	while (g->nheld)
		done(g, g->held[--g->nheld]);
	recorder_leave(&g->dev, true);
}

static void reg(struct guest *g, uint32_t off, uint32_t value)
{
	recorder_write(&g->dev, off, 4, value);
	mmio_write(&g->mmio, off, 4, value);
}

static uint32_t get(struct guest *g, uint32_t off)
{
	recorder_read_begin(&g->dev);
	uint32_t v = (uint32_t)mmio_read(&g->mmio, off, 4);
	recorder_read(&g->dev, off, 4, v);
	return v;
}

static void start_driver(struct guest *g)
{
	static const uint32_t at[3] = {DESC_AT, AVAIL_AT, USED_AT};
	static const uint32_t low[3] = {VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_AVAIL_LOW,
					VIRTIO_MMIO_QUEUE_USED_LOW};
	reg(g, VIRTIO_MMIO_STATUS, 0);
	reg(g, VIRTIO_MMIO_STATUS, 3);
	reg(g, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	reg(g, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	reg(g, VIRTIO_MMIO_STATUS, 11);
	assert_int_equal(get(g, VIRTIO_MMIO_STATUS), 11);
	reg(g, VIRTIO_MMIO_QUEUE_SEL, 0);
	reg(g, VIRTIO_MMIO_QUEUE_NUM, QUEUE_LEN);
	for (int i = 0; i < 3; i++)
		reg(g, low[i], at[i]);
	memset(g->ram + AVAIL_AT, 0, 0x2000);
	reg(g, VIRTIO_MMIO_QUEUE_READY, 1);
	reg(g, VIRTIO_MMIO_STATUS, 15);
}

static void post(struct guest *g, uint32_t type, uint64_t sector, uint16_t slot)
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

static struct guest *record(bool full_payload)
{
	struct guest *g = calloc(1, sizeof(*g));
	struct blk_backend b = {submit, drain, 64, BLK_CAN_FLUSH, g};
	struct blk_options o = {.nqueues = 1, .ident = "replay-test"};
	g->map = (struct vmem_map){1, {{0x100000, RAM_LEN, g->ram}}};
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
	g->head.region[0].len = RAM_LEN;
	struct trace_device *t = &g->head.device[0];
	*t = (struct trace_device){
		.id = 2, .features = g->blk.vdev.offered, .nqueues = 1, .queue_size_max = {BLK_QUEUE_SIZE}};
	t->config_len = (uint16_t)g->blk.vdev.ops->config_len;
	vdev_config_read(&g->blk.vdev, 0, t->config, t->config_len);
	t->ident_len = 20;
	memcpy(t->ident, o.ident, 20);

	start_driver(g);
	assert_int_equal(get(g, VIRTIO_MMIO_QUEUE_NUM), 0); /* write-only: an offence, inside a read */
	post(g, VIRTIO_BLK_T_OUT, 1, 0);
	post(g, VIRTIO_BLK_T_IN, 1, 1);
	reg(g, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	post(g, VIRTIO_BLK_T_GET_ID, 0, 0);
	recorder_run(&g->dev, 0);
	vdev_run(&g->blk.vdev, 0);
	assert_int_equal(get(g, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
	reg(g, VIRTIO_MMIO_INTERRUPT_ACK, 1);
	g->hold = true;
	post(g, VIRTIO_BLK_T_IN, 2, 1);
	reg(g, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	recorder_state(&g->dev, mmio_hash(&g->mmio));
	done(g, g->held[--g->nheld]);
	recorder_flushed(&g->dev);
	blk_publish(&g->blk);
	post(g, VIRTIO_BLK_T_IN, 3, 0);
	reg(g, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	recorder_resize(&g->dev, 128);
	blk_resize(&g->blk, 128);
	reg(g, VIRTIO_MMIO_STATUS, 0); /* with a read in flight */
	assert_int_equal(get(g, VIRTIO_MMIO_STATUS), 0);
	recorder_state(&g->dev, mmio_hash(&g->mmio));
	return g;
}

/* Writes the recorded ops to a file; change, if not 0, is the number of an op whose first byte or field is
 * flipped. */
static uint64_t write_trace(const struct guest *g, const char *path, uint64_t change, bool *was_output)
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

static const char *path_of(char *buf, const char *name)
{
	sprintf(buf, "/tmp/ringside-test-%d-%s.vtrace", (int)getpid(), name);
	return buf;
}

/* Returns the op at which it diverges, 0 for none. */
static uint64_t replay(const char *path, uint64_t *hash, struct replay_counts *count)
{
	struct replay *r = calloc(1, sizeof(*r));
	struct trace_reader t;
	char err[256];
	assert_true(trace_open(&t, path));
	assert_true(replay_create(r, &t, err, sizeof(err)));
	replay_run(r);
	assert_false(t.bad);
	uint64_t at = r->diverged ? r->at : 0;
	*hash = replay_state_hash(r);
	*count = r->count;
	replay_destroy(r);
	trace_close(&t);
	free(r);
	return at;
}

static void strict_replay_matches(void **state)
{
	char buf[128];
	uint64_t hash[2];
	struct replay_counts c;
	(void)state;
	for (int payload = 0; payload < 2; payload++) {
		struct guest *g = record(payload);
		assert_false(g->rec.stopped);
		uint64_t n = write_trace(g, path_of(buf, "ok"), 0, NULL);
		assert_int_equal(replay(buf, &hash[payload], &c), 0);
		assert_int_equal(c.events, n);
		assert_true(c.loads > 20);
		assert_true(c.interrupts >= 3);
		unlink(buf);
		free(g);
	}
}

static void every_changed_output_is_found(void **state)
{
	char buf[128];
	uint64_t hash, n, tried = 0;
	struct replay_counts c;
	bool output = false;
	struct guest *g = record(false);
	(void)state;
	n = write_trace(g, path_of(buf, "flip"), 0, NULL);
	for (uint64_t i = 1; i <= n; i++) {
		write_trace(g, buf, i, &output);
		if (!output)
			continue;
		tried++;
		assert_int_equal(replay(buf, &hash, &c), i);
	}
	assert_true(tried > 20);
	unlink(buf);
	free(g);
}

static uint64_t loose(const char *path)
{
	struct trace_reader t;
	struct replay_counts c = {0};
	char err[256] = "";
	assert_true(trace_open(&t, path));
	uint64_t differences = loose_run(&t, &c, err, sizeof(err));
	assert_string_equal(err, "");
	assert_true(c.inputs > 10);
	trace_close(&t);
	return differences;
}

static void loose_replay_matches_and_differs(void **state)
{
	char buf[128];
	bool output;
	uint64_t n, found = 0;
	struct guest *g = record(false);
	(void)state;
	n = write_trace(g, path_of(buf, "loose"), 0, NULL);
	assert_int_equal(loose(buf), 0);
	for (uint64_t i = 1; i <= n; i++) {
		write_trace(g, buf, i, &output);
		found += loose(buf) > 0;
	}
	assert_true(found > 5); /* changed used entries, status bytes, register reads, inputs */
	unlink(buf);
	free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strict_replay_matches),
		cmocka_unit_test(every_changed_output_is_found),
		cmocka_unit_test(loose_replay_matches_and_differs),
	};
	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
