// SPDX-License-Identifier: BSD-2-Clause
/* Clauses on the block device (clauses.def) that no other test shows: writeback, flags of ranges, zeroes. */
#include "tests/unit/disk.h"

#define LIST  0x20000ull
#define DATA  0x30000ull
#define UNMAP VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP

static struct machine *m;

static int setup(void **state)
{
	(void)state;
	m = machine_booted();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_free(m);
	return 0;
}

static void put_range(uint32_t i, uint64_t sector, uint32_t nsectors, uint32_t flags)
{
	put64(&m->g, LIST + 16 * i, sector);
	put32(&m->g, LIST + 16 * i + 8, nsectors);
	put32(&m->g, LIST + 16 * i + 12, flags);
}

static uint32_t writeback(void)
{
	return (uint32_t)mmio_read(&m->mmio, VIRTIO_MMIO_CONFIG + offsetof(struct virtio_blk_config, wce), 1);
}

/* blk.init.2: from FEATURES_OK on, and whatever the field was for the driver before. */
static void writeback_is_0_without_flush(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		machine_boot(m, 0, 8);
		mmio_write(&m->mmio, VIRTIO_MMIO_CONFIG + offsetof(struct virtio_blk_config, wce), 1, i);
		assert_int_equal(writeback(), i);
		assert_int_equal(negotiate(&m->mmio, offered(&m->mmio) & ~BIT(VIRTIO_BLK_F_FLUSH)), S_AGREED);
		assert_int_equal(writeback(), 0);
		machine_boot(m, BIT(VIRTIO_BLK_F_FLUSH), 8);
		assert_int_equal(writeback(), 0);
	}
}

/*
 * blk.op.4, blk.op.5: the answer is UNSUPP wherever in the list the flag stands, though other ranges, or the
 * same one, are out of capacity or too long; on a read-only disk too.
 */
static void unknown_flag_decides_before_anything_else(void **state)
{
	(void)state;
	static const uint32_t types[2] = {VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES};
	const struct blk_options o = {.nqueues = 1, .read_only = true};
	for (int read_only = 0; read_only < 2; read_only++) {
		for (uint32_t where = 0; where < 4; where++)
			for (int t = 0; t < 2; t++) {
				put_range(0, SECTORS, 1, 0);
				put_range(1, 0, BLK_RANGE_MAX + 1, 0);
				put_range(2, UINT64_MAX, UINT32_MAX, 0);
				put_range(3, 0, 1, 0);
				put32(&m->g, LIST + 16 * where + 12, t ? 2 : UNMAP);
				assert_int_equal(request(m, types[t], 0, LIST, 64, NULL),
						 VIRTIO_BLK_S_UNSUPP);
				assert_int_equal(m->disk.nsubmits, 0);
			}
		assert_int_equal(m->g.offences[OFFENCE_BLK_FLAGS], m->g.offences_all);
		machine_free(m);
		m = machine_new(&o, CAN_ALL);
		machine_boot(m, 0, 64);
	}
}

/* blk.op.8: as the driver sees it, with and without unmap. */
static void zeroed_sectors_read_as_zeroes(void **state)
{
	(void)state;
	for (uint32_t flags = 0; flags < 2; flags++) {
		fill(&m->g, DATA, 512 * 8, 5);
		assert_int_equal(request(m, VIRTIO_BLK_T_OUT, 8, DATA, 512 * 8, NULL), VIRTIO_BLK_S_OK);
		put_range(0, 9, 2, flags);
		put_range(1, 14, 1, flags);
		assert_int_equal(request(m, VIRTIO_BLK_T_WRITE_ZEROES, 0, LIST, 32, NULL), VIRTIO_BLK_S_OK);
		assert_int_equal(request(m, VIRTIO_BLK_T_IN, 8, DATA + 0x8000, 512 * 8, NULL),
				 VIRTIO_BLK_S_OK);
		for (uint32_t i = 0; i < 512 * 8; i++) {
			uint32_t sector = 8 + i / 512;
			bool zero = sector == 9 || sector == 10 || sector == 14;
			assert_int_equal(*at(&m->g, DATA + 0x8000 + i), zero ? 0 : *at(&m->g, DATA + i));
		}
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(writeback_is_0_without_flush),
		T(unknown_flag_decides_before_anything_else),
		T(zeroed_sectors_read_as_zeroes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
