// SPDX-License-Identifier: BSD-2-Clause
/* The oracle of the backend: a device that takes chains rightly, and asks and answers rightly or wrongly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>

#include "oracle_backend.h"
#include "tests/unit/feed.h"

#define SECTORS 100u
#define FLUSH   (1ull << VIRTIO_BLK_F_FLUSH)
#define WCE     (1ull << VIRTIO_BLK_F_CONFIG_WCE)

static struct feed f;
static struct oracle_backend b;
static struct vdev dev;
static struct vdev_ops ops;
static struct blk_io io;
static uint8_t wce;

static void config_read(struct vdev *d, uint8_t *image)
{
	(void)d;
	image[offsetof(struct virtio_blk_config, wce)] = wce;
}

static void start(uint64_t offered, uint64_t accepted)
{
	ops = (struct vdev_ops){.id = VIRTIO_ID_BLOCK, .nqueues = 1, .config_read = config_read};
	memset(&dev, 0, sizeof(dev));
	dev.ops = &ops;
	dev.nqueues = 1;
	dev.queue[0].ready = true;
	dev.status = 15;
	dev.offered = offered;
	dev.accepted = accepted;
	memset(&b, 0, sizeof(b));
	oracle_backend_init(&b, f.oracle, &dev);
	oracle_backend_restart(&b, SECTORS);
}

static int setup(void **state)
{
	(void)state;
	feed_start(&f, 0, FEED_SIZE);
	start(FLUSH | WCE, FLUSH);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	feed_stop(&f);
	return 0;
}

static void cries(const char *clause)
{
	feed_expect(&f, ORACLE_BACKEND, clause);
}

/* -- the device ------------------------------------------------------------------------------------------ */

/* Chain n: header, then `out` bytes to read or `in` to write, then the status; the device decodes it. */
static void take(uint16_t n, uint32_t type, uint64_t sector, uint32_t out, uint32_t in)
{
	struct virtio_blk_outhdr h = {.type = type, .sector = sector};
	feed_request(&f, n);
	f.desc[3 * n + 1].len = out + in;
	if (!in)
		f.desc[3 * n + 1].flags = VRING_DESC_F_NEXT;
	feed_take(&f, (uint16_t)(3 * n));
	oracle_backend_header(&b, 7, &h);
	oracle_backend_header(&b, 9, (uint8_t *)&h + 7);
}

static void take_ranges(uint16_t n, uint32_t type, const struct virtio_blk_discard_write_zeroes *w,
			uint32_t count)
{
	take(n, type, 0, 16 * count, 0);
	oracle_backend_header(&b, 16 * count, w);
}

static void submit(uint16_t id, uint32_t type, uint64_t sector, uint32_t len)
{
	io.id = id;
	io.type = type;
	io.sector = sector;
	io.len = len;
	io.nspans = len ? 1 : 0;
	io.span[0].len = len;
	oracle_backend_submit_blk(&b, &io);
}

/* The backend is done, and the device answers. */
static void done(uint16_t id, enum blk_result result, bool whole, uint8_t status)
{
	oracle_backend_done_begins(&b, id, result, 0, whole);
	oracle_backend_status(&b, FEED_STATUS + 0x10000ull * id, status);
	oracle_backend_done_ends(&b);
}

static void ask_write(uint16_t n)
{
	take(n, VIRTIO_BLK_T_OUT, 8, 512, 0);
	submit(n, BLK_IO_WRITE, 8, 512);
}

static void ask_flush(uint16_t n)
{
	take(n, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	submit(n, BLK_IO_FLUSH, 0, 0);
}

/* -- what is asked --------------------------------------------------------------------------------------- */

static void good_requests(void **state)
{
	struct virtio_blk_discard_write_zeroes w[2] = {{0, 5, 0}, {99, 1, 1}};
	(void)state;
	take(0, VIRTIO_BLK_T_IN, 99, 0, 512);
	submit(0, BLK_IO_READ, 99, 512);
	done(0, BLK_DONE, true, 0);
	ask_write(1);
	done(1, BLK_IO_ERROR, false, 1);
	take_ranges(2, VIRTIO_BLK_T_WRITE_ZEROES, w, 2);
	io.nranges = 2;
	io.range[0] = (struct blk_range){0, 5, 0};
	io.range[1] = (struct blk_range){99, 1, 1};
	submit(2, BLK_IO_WRITE_ZEROES, 0, 0);
	done(2, BLK_DONE, true, 0);
	ask_flush(3);
	done(3, BLK_UNSUPPORTED, true, VIRTIO_BLK_S_UNSUPP);
	feed_silent(&f);
}

/* Refused for reasons of its own; nothing to do; the identification, which no backend knows. */
static void good_refusals(void **state)
{
	(void)state;
	take(0, VIRTIO_BLK_T_IN, 0, 0, 512);
	oracle_backend_status(&b, FEED_STATUS, 1);
	take(1, VIRTIO_BLK_T_OUT, 0, 0, 0);
	oracle_backend_status(&b, FEED_STATUS + 0x10000, 0);
	take(2, VIRTIO_BLK_T_GET_ID, 0, 0, 20);
	oracle_backend_status(&b, FEED_STATUS + 0x20000, 0);
	take(3, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	oracle_backend_status(&b, FEED_STATUS + 0x30000, 0);
	feed_silent(&f);
}

static void beyond_the_capacity(void **state)
{
	(void)state;
	take(0, VIRTIO_BLK_T_IN, 99, 0, 1024);
	submit(0, BLK_IO_READ, 99, 1024);
	cries("");
	oracle_backend_resized(&b, 101);
	done(0, BLK_DONE, true, 0);
	take(1, VIRTIO_BLK_T_IN, 99, 0, 1024);
	submit(1, BLK_IO_READ, 99, 1024);
	feed_silent(&f);
}

static void no_whole_sectors(void **state)
{
	(void)state;
	take(0, VIRTIO_BLK_T_OUT, 9, 513, 0);
	submit(0, BLK_IO_WRITE, 9, 513);
	cries("");
}

static void spans_that_do_not_add_up(void **state)
{
	(void)state;
	take(0, VIRTIO_BLK_T_OUT, 9, 1024, 0);
	io = (struct blk_io){.type = BLK_IO_WRITE, .sector = 9, .len = 1024, .nspans = 1};
	io.span[0].len = 512;
	oracle_backend_submit_blk(&b, &io);
	cries("");
}

static void a_write_to_a_read_only_disk(void **state)
{
	(void)state;
	dev.offered |= 1ull << VIRTIO_BLK_F_RO;
	ask_write(0);
	cries("blk.op.3");
	ask_flush(1);
	feed_silent(&f);
}

static void not_as_the_header_says(void **state)
{
	(void)state;
	take(0, VIRTIO_BLK_T_OUT, 9, 512, 0);
	submit(0, BLK_IO_READ, 9, 512);
	cries("");
	take(1, VIRTIO_BLK_T_OUT, 9, 512, 0);
	submit(1, BLK_IO_WRITE, 8, 512);
	cries("");
	take(2, VIRTIO_BLK_T_OUT, 9, 1024, 0);
	submit(2, BLK_IO_WRITE, 9, 512);
	cries("");
}

static void ranges(void **state)
{
	static const struct {
		struct virtio_blk_discard_write_zeroes said;
		struct blk_range asked;
		bool discard;
		const char *clause;
	} bad[] = {
		{{9, 2, 0}, {8, 2, 0}, true, ""},
		{{9, 2, 0}, {9, 3, 0}, true, ""},
		{{9, 2, 2}, {9, 2, 0}, false, "blk.op.4"},
		{{9, 2, 1}, {9, 2, 0}, true, "blk.op.5"},
		{{9, 2, 1}, {9, 2, 0}, false, ""},
		{{99, 2, 0}, {99, 2, 0}, false, ""},
		{{0, BLK_RANGE_MAX + 1, 0}, {0, BLK_RANGE_MAX + 1, 0}, false, ""},
	};
	(void)state;
	for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		feed_stop(&f);
		setup(state);
		take_ranges(0, bad[i].discard ? VIRTIO_BLK_T_DISCARD : VIRTIO_BLK_T_WRITE_ZEROES,
			    &bad[i].said, 1);
		io.nranges = 1;
		io.range[0] = bad[i].asked;
		submit(0, bad[i].discard ? BLK_IO_DISCARD : BLK_IO_WRITE_ZEROES, 0, 0);
		cries(bad[i].clause);
	}
}

static void an_id_twice(void **state)
{
	(void)state;
	ask_write(0);
	take(1, VIRTIO_BLK_T_OUT, 8, 512, 0);
	submit(0, BLK_IO_WRITE, 8, 512);
	cries("");
}

static void an_id_that_no_request_can_have(void **state)
{
	(void)state;
	take(0, VIRTIO_BLK_T_OUT, 8, 512, 0);
	submit(BLK_INFLIGHT_MAX, BLK_IO_WRITE, 8, 512);
	cries("");
}

static void a_wrong_number_of_ranges(void **state)
{
	static const uint16_t asked[] = {0, 1, 3, BLK_RANGES_MAX + 1};
	struct virtio_blk_discard_write_zeroes w[2] = {{9, 2, 0}, {20, 2, 0}};
	(void)state;
	for (uint32_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		feed_stop(&f);
		setup(state);
		take_ranges(0, VIRTIO_BLK_T_DISCARD, w, 2);
		memset(io.range, 0, sizeof(io.range));
		io.range[0] = (struct blk_range){9, 2, 0};
		io.range[1] = (struct blk_range){20, 2, 0};
		io.nranges = asked[i];
		submit(0, BLK_IO_DISCARD, 0, 0);
		cries("");
	}
}

static void before_driver_ok(void **state)
{
	(void)state;
	dev.status = 11;
	ask_write(0);
	cries("status.1");
}

/* -- what is answered ------------------------------------------------------------------------------------ */

static void failure_is_no_success(void **state)
{
	(void)state;
	ask_write(0);
	done(0, BLK_IO_ERROR, true, 0);
	cries("");
	ask_write(1);
	done(1, BLK_DONE, false, 0); /* a short one */
	cries("");
	ask_flush(2);
	done(2, BLK_UNSUPPORTED, true, 1);
	cries("");
	ask_flush(3);
	done(3, BLK_UNSUPPORTED, true, 0);
	cries("");
}

static void never_submitted(void **state)
{
	(void)state;
	take(0, VIRTIO_BLK_T_OUT, 0, 512, 0);
	oracle_backend_status(&b, FEED_STATUS, 0);
	cries("");
	take(1, 0x77, 0, 0, 0);
	oracle_backend_status(&b, FEED_STATUS + 0x10000, 0);
	cries("blk.op.16");
}

static void answered_too_early(void **state)
{
	(void)state;
	take(0, VIRTIO_BLK_T_OUT, 0, 512, 0);
	submit(0, BLK_IO_WRITE, 0, 512);
	oracle_backend_status(&b, FEED_STATUS, 0);
	cries("");
}

static void flush_that_flushes_nothing(void **state)
{
	(void)state;
	ask_write(0);
	done(0, BLK_DONE, true, 0);
	take(1, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	oracle_backend_status(&b, FEED_STATUS + 0x10000, 0);
	cries("blk.op.11");
}

/* Submitted ahead of a write's completion, it does not cover it; the driver's later flush needs another. */
static void flush_that_came_too_early(void **state)
{
	(void)state;
	ask_flush(0);
	ask_write(1);
	done(1, BLK_DONE, true, 0);
	take(2, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	done(0, BLK_DONE, true, 0);
	oracle_backend_status(&b, FEED_STATUS + 0x20000, 0);
	cries("blk.op.11");
}

static void one_flush_for_two(void **state)
{
	(void)state;
	ask_write(0);
	done(0, BLK_DONE, true, 0);
	ask_flush(1);
	done(1, BLK_DONE, true, 0);
	take(2, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	oracle_backend_status(&b, FEED_STATUS + 0x20000, 0);
	feed_silent(&f);
}

static void write_through_without_flush(void **state)
{
	(void)state;
	dev.accepted = 0;
	io.sync = true;
	ask_write(0);
	done(0, BLK_DONE, true, 0);
	feed_silent(&f);
	io.sync = false;
	ask_write(1);
	done(1, BLK_IO_ERROR, true, 1);
	feed_silent(&f);
	ask_write(2);
	done(2, BLK_DONE, true, 0);
	cries("blk.op.11");
	dev.offered = 0; /* a device without flush need not write through */
	ask_write(3);
	done(3, BLK_DONE, true, 0);
	feed_silent(&f);
}

static void set_cache(uint8_t on)
{
	wce = on;
	oracle_backend_write_ends(&b, VIRTIO_MMIO_CONFIG + 32, on);
}

static void write_through_with_the_cache_off(void **state)
{
	(void)state;
	io.sync = false;
	dev.accepted |= WCE;
	set_cache(0);
	ask_write(0);
	done(0, BLK_DONE, true, 0);
	cries("blk.op.11");
	ask_write(1);
	set_cache(1); /* not off all the time */
	done(1, BLK_DONE, true, 0);
	ask_write(2);
	done(2, BLK_DONE, true, 0);
	feed_silent(&f);
}

static void agree(uint64_t accepted)
{
	dev.status = 0;
	oracle_backend_write_ends(&b, VIRTIO_MMIO_STATUS, 0);
	dev.accepted = accepted;
	dev.status = 11;
	oracle_backend_write_ends(&b, VIRTIO_MMIO_STATUS, 11);
}

static void cache_on_without_flush(void **state)
{
	(void)state;
	wce = 1;
	agree(FLUSH | WCE);
	agree(0);
	wce = 0;
	agree(WCE);
	set_cache(1); /* the driver's wish, and its right */
	dev.status = 15;
	oracle_backend_write_ends(&b, VIRTIO_MMIO_STATUS, 15);
	feed_silent(&f);
	agree(WCE);
	cries("blk.init.2");
}

static void from_before_a_reset(void **state)
{
	(void)state;
	ask_write(0);
	oracle_backend_write_ends(&b, VIRTIO_MMIO_STATUS, 0);
	oracle_backend_done_begins(&b, 0, BLK_DONE, 512, true); /* it may end; the guest hears nothing */
	oracle_backend_done_ends(&b);
	feed_silent(&f);
	ask_write(1);
	oracle_backend_write_ends(&b, VIRTIO_MMIO_STATUS, 0);
	done(1, BLK_DONE, true, 0);
	cries("reset.2");
	ask_write(2);
	dev.queue[0].ready = false;
	oracle_backend_write_ends(&b, VIRTIO_MMIO_QUEUE_READY, 0);
	dev.queue[0].ready = true;
	oracle_backend_done_begins(&b, 2, BLK_DONE, 512, true);
	oracle_backend_stored(&b, 512);
	cries("reset.2");
}

#define DISK(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DISK(good_requests),
		DISK(good_refusals),
		DISK(beyond_the_capacity),
		DISK(no_whole_sectors),
		DISK(spans_that_do_not_add_up),
		DISK(a_write_to_a_read_only_disk),
		DISK(not_as_the_header_says),
		DISK(ranges),
		DISK(an_id_twice),
		DISK(an_id_that_no_request_can_have),
		DISK(a_wrong_number_of_ranges),
		DISK(before_driver_ok),
		DISK(failure_is_no_success),
		DISK(never_submitted),
		DISK(answered_too_early),
		DISK(flush_that_flushes_nothing),
		DISK(flush_that_came_too_early),
		DISK(one_flush_for_two),
		DISK(write_through_without_flush),
		DISK(write_through_with_the_cache_off),
		DISK(cache_on_without_flush),
		DISK(from_before_a_reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
