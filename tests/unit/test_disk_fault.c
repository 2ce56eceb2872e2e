// SPDX-License-Identifier: BSD-2-Clause
/*
 * A disk whose system calls fail, fall short and take their time, under the block device itself: what the
 * guest is told, and when. The engine here holds every call until the test says what it answered.
 */
#define _GNU_SOURCE
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

#define HEADER    0x8000ull
#define STATUS    0x9000ull
#define DATA      0xa000ull
#define NO_ANSWER 0xeeu
#define F(n)      (1ull << (n))

/* -- an engine that holds
 * ---------------------------------------------------------------------------------------------- */

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

/* -- a machine with that disk
 * ------------------------------------------------------------------------------------------ */

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

/* -- FLUSH
 * -------------------------------------------------------------------------------------------------------------
 */

static void flush_waits_for_the_data_to_be_down(void **state)
{
	(void)state;
	post(0, VIRTIO_BLK_T_OUT, 8, 4096);
	post(1, VIRTIO_BLK_T_FLUSH, 0, 0);
	kick();
	assert_int_equal(e.nheld, 2);
	assert_int_equal(e.held[1].op.kind, DISK_OP_SYNC);
	answer(4096);
	loop();
	assert_int_equal(status(0), VIRTIO_BLK_S_OK);
	for (int i = 0; i < 100; i++) { /* fdatasync takes its time */
		loop();
		set(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		assert_int_equal(status(1), NO_ANSWER);
		assert_int_equal(ring_used_idx(&ring), 1);
	}
	answer(0);
	assert_int_equal(status(1), NO_ANSWER);
	loop();
	assert_int_equal(status(1), VIRTIO_BLK_S_OK);
	assert_int_equal(ring_used_idx(&ring), 2);
}

static void failed_flush_is_an_error(void **state)
{
	static const int error[] = {EIO, ENOSPC, EDQUOT};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		post(i, VIRTIO_BLK_T_FLUSH, 0, 0);
		kick();
		answer(-error[i]);
		loop();
		assert_int_equal(status(i), VIRTIO_BLK_S_IOERR);
	}
	post(3, VIRTIO_BLK_T_FLUSH, 0, 0); /* the disk works on */
	kick();
	answer(0);
	loop();
	assert_int_equal(status(3), VIRTIO_BLK_S_OK);
}

static void interrupted_flush_is_done_again(void **state)
{
	(void)state;
	post(0, VIRTIO_BLK_T_FLUSH, 0, 0);
	kick();
	answer(-EINTR);
	loop();
	assert_int_equal(status(0), NO_ANSWER);
	assert_int_equal(e.nheld, 1);
	answer(0);
	loop();
	assert_int_equal(status(0), VIRTIO_BLK_S_OK);
}

/* Write-through: without FLUSH there is no later chance to make it stable. */
static void write_through(void **state)
{
	(void)state;
	boot(F(VIRTIO_BLK_F_FLUSH) | F(VIRTIO_BLK_F_CONFIG_WCE));
	post(0, VIRTIO_BLK_T_OUT, 8, 512);
	kick();
	assert_int_equal(e.held[0].op.flags, RWF_DSYNC);
	answer(512);
	loop();
	assert_int_equal(status(0), VIRTIO_BLK_S_OK);
	boot(0);
	post(1, VIRTIO_BLK_T_OUT, 8, 512);
	kick();
	assert_int_equal(e.held[0].op.flags, 0);
	answer(512);
	loop();
}

static void put_range(unsigned i, uint64_t sector, uint32_t n, uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes w = {.sector = sector, .num_sectors = n, .flags = flags};

	memcpy(at(&g, DATA + 0x1000 * i), &w, sizeof(w));
}

static void discard_written_through(void **state)
{
	(void)state;
	boot(F(VIRTIO_BLK_F_FLUSH) | F(VIRTIO_BLK_F_CONFIG_WCE));
	for (unsigned i = 0; i < 2; i++) {
		put_range(i, 8, 8, 0);
		post(i, VIRTIO_BLK_T_DISCARD, 0, sizeof(struct virtio_blk_discard_write_zeroes));
		kick();
		answer(0);
		loop();
		assert_int_equal(status(i), NO_ANSWER);
		assert_int_equal(e.held[0].op.kind, DISK_OP_SYNC);
		answer(i ? -EIO : 0);
		loop();
		assert_int_equal(status(i), i ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
	}
}

/* -- failing and short transfers
 * --------------------------------------------------------------------------------------- */

static void errors_become_ioerr(void **state)
{
	static const int error[] = {EIO, ENOSPC, EFBIG, EDQUOT, EOPNOTSUPP, EINVAL, EBADF};

	(void)state;
	for (unsigned i = 0; i < 14; i++) {
		uint32_t id, len;
		bool read = i % 2;

		post(i, read ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT, 8, 2048);
		kick();
		answer(-error[i / 2]);
		loop();
		assert_int_equal(status(i), VIRTIO_BLK_S_IOERR);
		assert_true(ring_take(&ring, &id, &len));
		assert_int_equal(len, read ? 0 : 1); /* no data byte is claimed */
	}
}

static void short_transfers_go_on(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		post(i, i ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT, 8, 4096);
		kick();
		assert_int_equal(e.held[0].op.offset, 4096);
		assert_int_equal(e.held[0].op.len, 4096);
		answer(1000);
		loop();
		assert_int_equal(e.held[0].op.offset, 5096);
		assert_int_equal(e.held[0].op.len, 3096);
		assert_ptr_equal(e.held[0].op.span->base, at(&g, DATA + 0x1000 * i) + 1000);
		assert_int_equal(status(i), NO_ANSWER);
		answer(3095);
		loop();
		assert_int_equal(e.held[0].op.len, 1);
		answer(1);
		loop();
		assert_int_equal(status(i), VIRTIO_BLK_S_OK);
	}
}

static void short_and_then_an_error(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		post(i, i % 2 ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT, 8, 4096);
		kick();
		answer(512);
		loop();
		answer(i < 2 ? -EIO : 0); /* 0: the end of the file */
		loop();
		assert_int_equal(status(i), VIRTIO_BLK_S_IOERR);
	}
}

static void again_is_tried_some_times_only(void **state)
{
	unsigned n = 0;

	(void)state;
	post(0, VIRTIO_BLK_T_IN, 0, 512);
	kick();
	for (; e.nheld; n++) {
		answer(-EAGAIN);
		loop();
		assert_true(n < 1000);
	}
	assert_true(n > 2);
	assert_int_equal(status(0), VIRTIO_BLK_S_IOERR);
}

/* -- ranges
 * ------------------------------------------------------------------------------------------------------------
 */

static void zero_request(unsigned i, uint32_t type, uint32_t flags)
{
	put_range(i, 16, 24, flags);
	post(i, type, 0, sizeof(struct virtio_blk_discard_write_zeroes));
	kick();
}

static void falls_back_to_what_the_file_knows(void **state)
{
	(void)state;
	zero_request(0, VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
	assert_int_equal(e.held[0].op.flags, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
	answer(-EOPNOTSUPP);
	loop();
	assert_int_equal(e.held[0].op.flags, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE);
	answer(-EOPNOTSUPP);
	loop();
	assert_int_equal(e.held[0].op.kind, DISK_OP_WRITE);
	assert_int_equal(e.held[0].op.offset, 16 * 512);
	assert_int_equal(e.held[0].op.len, 24 * 512);
	answer(512);
	loop();
	assert_int_equal(e.held[0].op.len, 23 * 512);
	answer(23 * 512);
	loop();
	assert_int_equal(status(0), VIRTIO_BLK_S_OK);
	zero_request(1, VIRTIO_BLK_T_WRITE_ZEROES, 0); /* it is remembered */
	assert_int_equal(e.held[0].op.kind, DISK_OP_WRITE);
	answer(-ENOSPC);
	loop();
	assert_int_equal(status(1), VIRTIO_BLK_S_IOERR);
	zero_request(2, VIRTIO_BLK_T_DISCARD, 0); /* a hint: nothing to do, no error */
	assert_int_equal(e.nheld, 0);
	assert_int_equal(status(2), VIRTIO_BLK_S_OK);
}

static void without_unmap_no_hole_is_made(void **state)
{
	(void)state;
	zero_request(0, VIRTIO_BLK_T_WRITE_ZEROES, 0);
	assert_int_equal(e.held[0].op.flags, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE);
	answer(-EIO); /* no way to do it differently */
	loop();
	assert_int_equal(status(0), VIRTIO_BLK_S_IOERR);
}

static void ranges_go_in_order_up_to_the_first_error(void **state)
{
	struct virtio_blk_discard_write_zeroes w[3] = {{.sector = 30, .num_sectors = 1},
						       {.sector = 10, .num_sectors = 1},
						       {.sector = 20, .num_sectors = 1}};

	(void)state;
	memcpy(at(&g, DATA), w, sizeof(w));
	post(0, VIRTIO_BLK_T_WRITE_ZEROES, 0, sizeof(w));
	kick();
	assert_int_equal(e.nheld, 1);
	assert_int_equal(e.held[0].op.offset, 30 * 512);
	answer(0);
	loop();
	assert_int_equal(e.held[0].op.offset, 10 * 512);
	answer(-EIO);
	loop();
	assert_int_equal(e.nheld, 0);
	assert_int_equal(status(0), VIRTIO_BLK_S_IOERR);
}

/* -- reset
 * -------------------------------------------------------------------------------------------------------------
 */

static void reset_drains(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++)
		post(i, i % 2 ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN, 8 * i, 2048);
	kick();
	assert_int_equal(e.nheld, 8);
	set(VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(e.nheld, 0);
	assert_int_equal(m.disk.inflight, 0);
	assert_int_equal(ring_used_idx(&ring), 0); /* nothing reaches the guest's rings after a reset */
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(status(i), NO_ANSWER);
	boot(0);
	post(0, VIRTIO_BLK_T_FLUSH, 0, 0);
	kick();
	answer(0);
	loop();
	assert_int_equal(status(0), VIRTIO_BLK_S_OK);
}

static void queue_reset_drains(void **state)
{
	(void)state;
	post(0, VIRTIO_BLK_T_FLUSH, 0, 0);
	kick();
	set(VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(e.nheld, 0);
	assert_int_equal(status(0), NO_ANSWER);
}

/* Writes that must be alone wait in a queue of their own, and a reset finds them there. */
static void reset_drains_what_waits(void **state)
{
	uint8_t sector[512];

	(void)state;
	post(0, VIRTIO_BLK_T_IN, 0, 4096);
	kick();
	image_align(&m, 4096, 1);
	post(1, VIRTIO_BLK_T_OUT, 9, 512);
	post(2, VIRTIO_BLK_T_IN, 8, 4096);
	kick();
	assert_int_equal(e.nheld, 1);
	assert_int_equal(m.disk.inflight, 3);
	memset(at(&g, DATA + 0x1000), 0x42, 512);
	set(VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(m.disk.inflight, 0);
	assert_int_equal(e.started, 2);
	image_read(&m, 9 * 512, sector, sizeof(sector));
	for (int i = 0; i < 512; i++)
		assert_int_equal(sector[i], 0x42);
	image_read(&m, 8 * 512, sector, sizeof(sector));
	assert_int_equal(sector[511], image_byte(9 * 512 - 1));
}

/* The same, in order, while the guest runs on. */
static void a_write_of_part_of_a_block_is_alone(void **state)
{
	(void)state;
	post(0, VIRTIO_BLK_T_OUT, 0, 4096);
	kick();
	image_align(&m, 4096, 1);
	post(1, VIRTIO_BLK_T_OUT, 9, 512);
	post(2, VIRTIO_BLK_T_OUT, 8, 4096);
	kick();
	assert_int_equal(e.nheld, 1);
	assert_int_equal(status(1), NO_ANSWER);
	answer(4096);
	loop();
	assert_int_equal(status(0), VIRTIO_BLK_S_OK);
	assert_int_equal(status(1), VIRTIO_BLK_S_OK);
	assert_int_equal(e.nheld, 1); /* what came after it is on its way now */
	assert_int_equal(e.held[0].id, 2);
	answer(4096);
	loop();
	assert_int_equal(status(2), VIRTIO_BLK_S_OK);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(flush_waits_for_the_data_to_be_down),
		T(failed_flush_is_an_error),
		T(interrupted_flush_is_done_again),
		T(write_through),
		T(discard_written_through),
		T(errors_become_ioerr),
		T(short_transfers_go_on),
		T(short_and_then_an_error),
		T(again_is_tried_some_times_only),
		T(falls_back_to_what_the_file_knows),
		T(without_unmap_no_hole_is_made),
		T(ranges_go_in_order_up_to_the_first_error),
		T(reset_drains),
		T(queue_reset_drains),
		T(reset_drains_what_waits),
		T(a_write_of_part_of_a_block_is_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
