// SPDX-License-Identifier: BSD-2-Clause
/*
 * A disk whose engine holds every call until the test says what it answered, under the block device itself.
 * For the tests of failing disks and of resets, each of which uses a part of it.
 */
#ifndef RINGSIDE_TESTS_HELD_DISK_H
#define RINGSIDE_TESTS_HELD_DISK_H

#include <errno.h>
#include <linux/falloc.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "devices/blk.h"
#include "tests/unit/image.h"
#include "tests/unit/ring.h"
#include "transport/mmio.h"

#pragma GCC diagnostic ignored "-Wunused-function"

#define HEADER    0x8000ull
#define STATUS    0x9000ull
#define DATA      0xa000ull
#define NO_ANSWER 0xeeu
#define F(n)      (1ull << (n))

/* -- an engine that holds -------------------------------------------------------------------------------- */

struct held {
	uint16_t id;
	struct disk_op op;
};

static struct engine {
	struct held held[BLK_INFLIGHT_MAX];
	unsigned nheld, started, waits;
	int64_t waited; /* what a call answers that somebody waits for; 0: all it was asked for */
	struct {
		uint16_t id;
		int64_t result;
	} finished[BLK_INFLIGHT_MAX];
	unsigned nfinished;
} e;

static bool hold(void *ctx, uint16_t id, const struct disk_op *op, int64_t *result)
{
	(void)ctx;
	(void)result;
	e.held[e.nheld++] = (struct held){id, *op};
	e.started++;
	return false;
}

/* The call that has waited longest answers this. */
static void answer(int64_t result)
{
	assert_true(e.nheld > 0);
	e.finished[e.nfinished].id = e.held[0].id;
	e.finished[e.nfinished++].result = result;
	memmove(e.held, e.held + 1, --e.nheld * sizeof(e.held[0]));
}

static unsigned reap(void *ctx, bool wait, void (*done)(void *, uint16_t, int64_t), void *done_ctx)
{
	unsigned n = 0;

	(void)ctx;
	if (wait && !e.nfinished) {
		e.waits++;
		answer(e.waited ? e.waited : (int64_t)e.held[0].op.len);
	}
	for (; n < e.nfinished; n++)
		done(done_ctx, e.finished[n].id, e.finished[n].result);
	e.nfinished = 0;
	return n;
}

static void destroy(void *ctx)
{
	(void)ctx;
}

static const struct disk_engine engine = {"held", -1, hold, reap, destroy, NULL};

/* -- a machine with that disk ---------------------------------------------------------------------------- */

static struct guest g;
static struct ring ring;
static struct image m;
static struct blk *blk;
static struct mmio mmio;

static void on_done(void *ctx, struct blk_io *io, enum blk_result result, uint32_t bytes)
{
	(void)ctx;
	blk_io_done(blk, io, result, bytes);
}

static void set(uint32_t reg, uint64_t value)
{
	mmio_write(&mmio, reg, 4, (uint32_t)value);
}

static void area(uint32_t reg, uint64_t addr)
{
	set(reg, addr);
	set(reg + 4, addr >> 32);
}

static void boot(uint64_t without)
{
	uint64_t features = blk->vdev.offered & ~without;

	set(VIRTIO_MMIO_STATUS, 0);
	set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	for (uint32_t i = 0; i < 2; i++) {
		set(VIRTIO_MMIO_DRIVER_FEATURES_SEL, i);
		set(VIRTIO_MMIO_DRIVER_FEATURES, features >> 32 * i);
	}
	set(VIRTIO_MMIO_STATUS,
	    VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
	ring_init(&ring, &g, 0x2000, 64);
	set(VIRTIO_MMIO_QUEUE_SEL, 0);
	set(VIRTIO_MMIO_QUEUE_NUM, ring.size);
	area(VIRTIO_MMIO_QUEUE_DESC_LOW, ring.desc);
	area(VIRTIO_MMIO_QUEUE_AVAIL_LOW, ring.avail);
	area(VIRTIO_MMIO_QUEUE_USED_LOW, ring.used);
	set(VIRTIO_MMIO_QUEUE_READY, 1);
	set(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
					VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	assert_true(vdev_live(&blk->vdev));
}

static int setup(void **state)
{
	const struct blk_options options = {.nqueues = 1};
	struct blk_backend backend;

	(void)state;
	memset(&e, 0, sizeof(e));
	guest_init(&g);
	image_open_with(&m, &engine, &disk_calls_real);
	m.disk.file.direct = false;
	m.disk.done = on_done;
	backend = disk_backend(&m.disk);
	blk = calloc(1, sizeof(*blk));
	assert_non_null(blk);
	blk_init(blk, &g.mem, &guest_host, &g, &backend, &options);
	mmio_init(&mmio, &blk->vdev);
	boot(0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	set(VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(m.disk.inflight, 0);
	image_close(&m);
	free(blk);
	guest_free(&g);
	return 0;
}

/* Posts a request of a header, len bytes of data (writable for a read) and a status, as number i. */
static void post(unsigned i, uint32_t type, uint64_t sector, uint32_t len)
{
	struct virtio_blk_outhdr h = {.type = type, .sector = sector};
	struct buf b[3] = {{HEADER + 16 * i, sizeof(h), false},
			   {DATA + 0x1000 * i, len, type == VIRTIO_BLK_T_IN}};
	uint16_t n = len ? 2 : 1;

	memcpy(at(&g, HEADER + 16 * i), &h, sizeof(h));
	*at(&g, STATUS + i) = NO_ANSWER;
	b[n] = (struct buf){STATUS + i, 1, true};
	ring_post(&ring, b, (uint16_t)(n + 1));
}

static void kick(void)
{
	set(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	if (disk_poll(&m.disk))
		blk_publish(blk);
}

static uint8_t status(unsigned i)
{
	return *at(&g, STATUS + i);
}

/* What the event loop does when the engine has something to tell. */
static void loop(void)
{
	if (disk_poll(&m.disk))
		blk_publish(blk);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
