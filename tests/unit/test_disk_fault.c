// SPDX-License-Identifier: BSD-2-Clause
/*
 * A disk whose system calls fail, fall short and take their time, under the block device itself: what the
 * guest is told, and when. The engine here holds every call until the test says what it answered.
 */
#define _GNU_SOURCE
#include "tests/unit/held_disk.h"

/* -- FLUSH ----------------------------------------------------------------------------------------------- */

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

/* -- failing and short transfers ------------------------------------------------------------------------- */

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

/* -- ranges ---------------------------------------------------------------------------------------------- */

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
