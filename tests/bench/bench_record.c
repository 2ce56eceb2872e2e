// SPDX-License-Identifier: BSD-2-Clause
/*
 * What recording adds to one 4 KiB block request through virtio-mmio with a disk in memory: the tap, lent
 * copies, hashes of the payload, and the encoding into the chunk buffer (compressing and writing chunks is
 * another thread's work). Reads and writes in turn. The same machine runs with the recorder and without, and
 * the difference is printed.
 */
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "devices/blk.h"
#include "tests/bench/bench.h"
#include "trace/file.h"
#include "trace/recorder.h"
#include "transport/mmio.h"

#define OPS       400u /* a round */
#define SIZE      256u
#define BASE      0x100000ull
#define RAM_LEN   (1u << 20)
#define DATA_AT   0x40000u
#define LEN       4096u
#define SECTORS   2048u
#define AVAIL_AT  (16u * SIZE)
#define USED_AT   (AVAIL_AT + 8u + 2u * SIZE)
#define HEADER_AT 0x10000u
#define STATUS_AT 0x20000u

struct machine {
	struct vmem_map map;
	struct vmem mem;
	struct blk blk;
	struct mmio mmio;
	uint8_t *ram, *disk;
	uint16_t idx;
	struct recorder rec;
	struct recorder_dev dev;
	struct arena arena;
	bool recording;
	uint64_t recorded_len;
};

/* -- the machine ----------------------------------------------------------------------------------------- */

static void interrupt(void *ctx, uint16_t source)
{
	struct machine *m = ctx;
	if (m->recording)
		recorder_irq(&m->dev, source);
}

static void again(void *ctx, uint16_t queue)
{
	(void)ctx;
	(void)queue;
}

static uint64_t clock_ns(void *ctx)
{
	(void)ctx;
	return 0;
}

static void offence(void *ctx, enum offence o)
{
	(void)ctx;
	bench_check(0, offence_info(o)->what);
}

static const struct host host = {interrupt, again, clock_ns, offence};

static void submit(void *ctx, struct blk_io *io)
{
	struct machine *m = ctx;
	uint8_t *p = m->disk + 512 * io->sector;
	if (m->recording)
		recorder_enter_blk(&m->dev, io);
	for (uint16_t i = 0; i < io->nspans; p += io->span[i++].len) {
		if (io->type == BLK_IO_READ)
			memcpy(io->span[i].base, p, io->span[i].len);
		else
			memcpy(p, io->span[i].base, io->span[i].len);
	}
	if (m->recording)
		recorder_done_blk(&m->dev, io, BLK_DONE, io->len);
	blk_io_done(&m->blk, io, BLK_DONE, io->len);
	if (m->recording)
		recorder_leave(&m->dev, false);
}

static void drain(void *ctx)
{
	(void)ctx;
}

static void full(struct recorder *r, size_t need)
{
	struct machine *m = r->ctx;
	(void)need;
	m->recorded_len += r->len;
	r->len = 0;
}

static void set(struct machine *m, uint32_t off, uint32_t value)
{
	if (m->recording)
		recorder_write(&m->dev, off, 4, value);
	mmio_write(&m->mmio, off, 4, value);
	if (m->recording && recorder_state_due(&m->rec))
		recorder_state(&m->dev, mmio_hash(&m->mmio));
}

static void boot(struct machine *m)
{
	uint64_t features = m->blk.vdev.offered;
	static const uint32_t area[3][2] = {{VIRTIO_MMIO_QUEUE_DESC_LOW, 0},
					    {VIRTIO_MMIO_QUEUE_AVAIL_LOW, AVAIL_AT},
					    {VIRTIO_MMIO_QUEUE_USED_LOW, USED_AT}};
	set(m, VIRTIO_MMIO_STATUS, 3);
	for (uint32_t word = 0; word < 2; word++) {
		set(m, VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
		set(m, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32 * word));
	}
	set(m, VIRTIO_MMIO_STATUS, 3 | VIRTIO_CONFIG_S_FEATURES_OK);
	set(m, VIRTIO_MMIO_QUEUE_NUM, SIZE);
	for (int i = 0; i < 3; i++)
		set(m, area[i][0], (uint32_t)BASE + area[i][1]);
	set(m, VIRTIO_MMIO_QUEUE_READY, 1);
	set(m, VIRTIO_MMIO_STATUS, 3 | VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	bench_check(m->blk.vdev.status == 15 && m->blk.vdev.queue[0].ready, "the device did not come up");
}

static uint8_t *allocate(size_t n)
{
	uint8_t *p = aligned_alloc(4096, n);
	bench_check(p != NULL, "out of memory");
	memset(p, 0x5a, n);
	return p;
}

static struct machine *machine_new(bool recording)
{
	struct machine *m = (struct machine *)(void *)allocate((sizeof(*m) + 4095) & ~4095ul);
	memset(m, 0, sizeof(*m));
	m->recording = recording;
	m->ram = allocate(RAM_LEN);
	m->disk = allocate(512 * SECTORS);
	memset(m->ram, 0, DATA_AT);
	m->map = (struct vmem_map){1, {{BASE, RAM_LEN, m->ram}}};
	vmem_init(&m->mem, &m->map);
	const struct blk_backend backend = {submit, drain, SECTORS, BLK_CAN_FLUSH, m};
	const struct blk_options options = {.nqueues = 1};
	blk_init(&m->blk, &m->mem, &host, m, &backend, &options);
	mmio_init(&m->mmio, &m->blk.vdev);
	if (recording) {
		m->rec = (struct recorder){
			.buf = allocate(TRACE_CHUNK_MAX), .max = TRACE_CHUNK_MAX, .full = full, .ctx = m};
		arena_init(&m->arena, allocate(4096 * 64), 4096, 64);
		m->dev = (struct recorder_dev){.rec = &m->rec, .arena = &m->arena};
		vmem_set_tap(&m->mem, &recorder_tap, &m->dev);
	}
	boot(m);
	return m;
}

/* -- one request ----------------------------------------------------------------------------------------- */

static void request(struct machine *m)
{
	struct vring_desc *desc = (struct vring_desc *)(void *)m->ram;
	struct vring_avail *avail = (struct vring_avail *)(void *)(m->ram + AVAIL_AT);
	struct vring_used *used = (struct vring_used *)(void *)(m->ram + USED_AT);
	struct virtio_blk_outhdr *h = (struct virtio_blk_outhdr *)(void *)(m->ram + HEADER_AT);
	bool in = m->idx & 1;
	*h = (struct virtio_blk_outhdr){in ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT, 0, 8ull * (m->idx & 127)};
	uint64_t data = BASE + DATA_AT + LEN * (m->idx & 63);
	desc[0] = (struct vring_desc){BASE + HEADER_AT, 16, VRING_DESC_F_NEXT, 1};
	desc[1] = (struct vring_desc){data, LEN,
				      (uint16_t)(VRING_DESC_F_NEXT | (in ? VRING_DESC_F_WRITE : 0)), 2};
	desc[2] = (struct vring_desc){BASE + STATUS_AT, 1, VRING_DESC_F_WRITE, 0};
	avail->ring[m->idx & (SIZE - 1)] = 0;
	avail->ring[SIZE] = m->idx; /* used_event: an interrupt for each */
	__atomic_store_n(&avail->idx, ++m->idx, __ATOMIC_RELEASE);
	m->ram[STATUS_AT] = 0xff;
	set(m, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	bench_check(used->idx == m->idx && m->ram[STATUS_AT] == VIRTIO_BLK_S_OK, "a request failed");
}

static void run(void *ctx, uint32_t n)
{
	while (n--)
		request(ctx);
}

static void machine_free(struct machine *m)
{
	if (m->recording) {
		free(m->rec.buf);
		free(m->arena.base);
	}
	free(m->ram);
	free(m->disk);
	free(m);
}

int main(void)
{
	struct bench b[2] = {{.run = run, .ctx = machine_new(false)}, {.run = run, .ctx = machine_new(true)}};
	double added[BENCH_ROUNDS];
	struct machine *recorded = b[1].ctx;
	bench_measure(b, 2, OPS);
	for (int i = 0; i < BENCH_ROUNDS; i++)
		added[i] = b[1].ns[i] - b[0].ns[i];
	double bytes =
		(double)(recorded->recorded_len + recorded->rec.len) / ((double)OPS * (BENCH_ROUNDS + 1));
	bench_check(!recorded->rec.stopped && bytes > 100, "nothing was recorded");
	bench_print("record-4k", bench_median(added, BENCH_ROUNDS), "ns");
	bench_print("record-4k-without", bench_median(b[0].ns, BENCH_ROUNDS), "ns");
	bench_print("record-4k-size", bytes, "bytes");
	machine_free(b[0].ctx);
	machine_free(b[1].ctx);
	return 0;
}
