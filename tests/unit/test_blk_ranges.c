// SPDX-License-Identifier: BSD-2-Clause
/* DISCARD and WRITE_ZEROES, and the configuration space that announces them. */
#include "tests/unit/disk.h"

#define LIST  0x20000ull
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

static const uint32_t both[2] = {VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES};

static void zeroes_what_was_asked_and_no_more(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		uint32_t used;
		memset(m->disk.data, 0x11, 512 * SECTORS);
		put_range(0, 0, 1, 0);
		put_range(1, 10, 3, 0);
		put_range(2, SECTORS - 1, 1, 0);
		assert_int_equal(request(m, both[i], 0, LIST, 48, &used), VIRTIO_BLK_S_OK);
		assert_int_equal(used, 1);
		assert_int_equal(m->disk.last.nranges, 3);
		for (uint32_t s = 0; s < SECTORS; s++) {
			bool hit = s == 0 || (s >= 10 && s < 13) || s == SECTORS - 1;
			assert_int_equal(m->disk.data[512 * s], hit ? 0 : 0x11);
			assert_int_equal(m->disk.data[512 * s + 511], hit ? 0 : 0x11);
		}
	}
}

static void unmap_is_passed_on_for_write_zeroes(void **state)
{
	(void)state;
	put_range(0, 1, 1, UNMAP);
	put_range(1, 2, 1, 0);
	assert_int_equal(request(m, VIRTIO_BLK_T_WRITE_ZEROES, 0, LIST, 32, NULL), VIRTIO_BLK_S_OK);
	assert_int_equal(m->disk.last.range[0].unmap, 1);
	assert_int_equal(m->disk.last.range[1].unmap, 0);
}

static void refused(uint32_t type, uint32_t len, uint8_t status, enum offence o)
{
	uint32_t nsubmits = m->disk.nsubmits, used;
	assert_int_equal(request(m, type, 0, LIST, len, &used), status);
	assert_int_equal(used, 1);
	assert_int_equal(m->disk.nsubmits, nsubmits);
	assert_int_equal(m->g.offences[o], 1);
	assert_int_equal(m->g.offences_all, 1);
	m->g.offences[o] = m->g.offences_all = 0;
}

/* blk.op.4-5. The bad range stands last: nothing of the request is done. */
static void flags(void **state)
{
	(void)state;
	put_range(0, 0, 1, 0);
	put_range(1, 0, 1, UNMAP);
	refused(VIRTIO_BLK_T_DISCARD, 32, VIRTIO_BLK_S_UNSUPP, OFFENCE_BLK_FLAGS);
	for (uint32_t bit = 1; bit < 32; bit++) {
		put_range(1, 0, 1, 1u << bit);
		refused(VIRTIO_BLK_T_DISCARD, 32, VIRTIO_BLK_S_UNSUPP, OFFENCE_BLK_FLAGS);
		refused(VIRTIO_BLK_T_WRITE_ZEROES, 32, VIRTIO_BLK_S_UNSUPP, OFFENCE_BLK_FLAGS);
	}
}

/* Also where the list is broken or longer than offered: of that, so many are looked at as a good one may have. */
static void flags_of_bad_lists(void **state)
{
	(void)state;
	static const uint32_t len[] = {16 * BLK_RANGES_MAX - 1, 16 * (BLK_RANGES_MAX + 1)};
	for (int k = 0; k < 2; k++) {
		for (uint32_t i = 0; i <= BLK_RANGES_MAX; i++)
			put_range(i, i, 1, 0);
		put_range(BLK_RANGES_MAX, 0, 1, 2);
		refused(VIRTIO_BLK_T_DISCARD, len[k], VIRTIO_BLK_S_IOERR, OFFENCE_BLK_SEGMENTS);
		put_range(BLK_RANGES_MAX - 2, 0, 1, 2);
		refused(VIRTIO_BLK_T_DISCARD, len[k], VIRTIO_BLK_S_UNSUPP, OFFENCE_BLK_FLAGS);
	}
}

static void ranges_within_capacity(void **state)
{
	(void)state;
	static const struct {
		uint64_t sector;
		uint32_t n;
		bool ok;
	} t[] = {{0, SECTORS, true},     {SECTORS, 0, true},      {SECTORS, 1, false},
		 {1, SECTORS, false},    {SECTORS + 1, 0, false}, {UINT64_MAX, 1, false},
		 {UINT64_MAX, 0, false}, {1ull << 63, 1, false}};
	for (int i = 0; i < 2; i++)
		for (size_t k = 0; k < sizeof(t) / sizeof(t[0]); k++) {
			put_range(0, t[k].sector, t[k].n, 0);
			if (t[k].ok)
				assert_int_equal(request(m, both[i], 0, LIST, 16, NULL), VIRTIO_BLK_S_OK);
			else
				refused(both[i], 16, VIRTIO_BLK_S_IOERR, OFFENCE_BLK_RANGE);
		}
}

/* drv.blk.op.7, 9, 11: lists that are empty, broken, or longer than offered. */
static void list_lengths(void **state)
{
	(void)state;
	for (uint32_t i = 0; i <= BLK_RANGES_MAX; i++)
		put_range(i, i, 1, 0);
	static const uint32_t bad[] = {0, 1, 15, 17, 16 * BLK_RANGES_MAX + 1, 16 * (BLK_RANGES_MAX + 1)};
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < 6; k++)
			refused(both[i], bad[k], VIRTIO_BLK_S_IOERR, OFFENCE_BLK_SEGMENTS);
		assert_int_equal(request(m, both[i], 0, LIST, 16 * BLK_RANGES_MAX, NULL), VIRTIO_BLK_S_OK);
		assert_int_equal(m->disk.last.nranges, BLK_RANGES_MAX);
	}
}

static void range_as_long_as_offered(void **state)
{
	(void)state;
	blk_resize(&m->blk, 1ull << 40);
	m->disk.hold = true; /* nobody zeroes that */
	put_range(0, 5, BLK_RANGE_MAX + 1, 0);
	refused(VIRTIO_BLK_T_DISCARD, 16, VIRTIO_BLK_S_IOERR, OFFENCE_BLK_SEGMENTS);
	put_range(0, 5, BLK_RANGE_MAX, 0);
	post(m, 0, VIRTIO_BLK_T_DISCARD, 0, LIST, 16);
	kick(m, 0);
	assert_int_equal(m->disk.nheld, 1);
	disk_finish(m, 0, BLK_IO_ERROR);
}

static void only_where_negotiated(void **state)
{
	(void)state;
	put_range(0, 0, 1, 0);
	machine_boot(m, BIT(VIRTIO_BLK_F_DISCARD), 64);
	refused(VIRTIO_BLK_T_DISCARD, 16, VIRTIO_BLK_S_UNSUPP, OFFENCE_BLK_FEATURE);
	assert_int_equal(request(m, VIRTIO_BLK_T_WRITE_ZEROES, 0, LIST, 16, NULL), VIRTIO_BLK_S_OK);
	machine_boot(m, BIT(VIRTIO_BLK_F_WRITE_ZEROES), 64);
	refused(VIRTIO_BLK_T_WRITE_ZEROES, 16, VIRTIO_BLK_S_UNSUPP, OFFENCE_BLK_FEATURE);
	assert_int_equal(request(m, VIRTIO_BLK_T_DISCARD, 0, LIST, 16, NULL), VIRTIO_BLK_S_OK);
}

/* Zeroes are data: stable like a write where no flush would follow. */
static void write_through(void **state)
{
	(void)state;
	put_range(0, 0, 1, 0);
	for (int i = 0; i < 2; i++) {
		machine_boot(m, 0, 64);
		request(m, both[i], 0, LIST, 16, NULL);
		assert_false(m->disk.last.sync);
		machine_boot(m, BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_CONFIG_WCE), 64);
		request(m, both[i], 0, LIST, 16, NULL);
		assert_true(m->disk.last.sync);
	}
}

/* -- configuration space --------------------------------------------------------------------------------- */

static struct virtio_blk_config config(void)
{
	struct virtio_blk_config c = {0};
	uint32_t len = m->blk.vdev.ops->config_len;
	assert_true(len <= sizeof(c));
	for (uint32_t i = 0; i < len; i++)
		((uint8_t *)&c)[i] = (uint8_t)mmio_read(&m->mmio, VIRTIO_MMIO_CONFIG + i, 1);
	return c;
}

/* A driver without indirect tables must find room for header and status in the queue itself. */
static void seg_max_fits_the_queue(void **state)
{
	static const uint16_t size[] = {0, 256, 128, 64, 4, 2, 1};
	static const uint32_t want[] = {BLK_SEG_MAX, BLK_SEG_MAX, 126, 62, 2, 1, 1};
	(void)state;
	for (unsigned i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		const struct blk_options o = {.nqueues = 1, .queue_size = size[i]};
		machine_free(m);
		m = machine_new(&o, CAN_ALL);
		assert_int_equal(config().seg_max, want[i]);
	}
}

/* Interop 12: every field of an offered feature is sane; Windows does not survive zero discard limits. */
static void config_fields(void **state)
{
	(void)state;
	const struct blk_options o = {.nqueues = 3, .physical_exp = 3, .opt_io_sectors = 128};
	machine_free(m);
	m = machine_new(&o, CAN_ALL);
	struct virtio_blk_config c = config();
	assert_int_equal(c.capacity, SECTORS);
	assert_int_equal(c.size_max, BLK_SIZE_MAX);
	assert_int_equal(c.seg_max, BLK_SEG_MAX);
	assert_int_equal(c.blk_size, 512);
	assert_int_equal(c.physical_block_exp, 3);
	assert_int_equal(c.alignment_offset, 0);
	assert_int_equal(c.min_io_size, 8);
	assert_int_equal(c.opt_io_size, 128);
	assert_int_equal(c.wce, 1);
	assert_int_equal(c.unused, 0);
	assert_int_equal(c.num_queues, 3);
	assert_int_equal(c.max_discard_sectors, BLK_RANGE_MAX);
	assert_int_equal(c.max_discard_seg, BLK_RANGES_MAX);
	assert_int_equal(c.discard_sector_alignment, 8);
	assert_int_equal(c.max_write_zeroes_sectors, BLK_RANGE_MAX);
	assert_int_equal(c.max_write_zeroes_seg, BLK_RANGES_MAX);
	assert_int_equal(c.write_zeroes_may_unmap, 1);
	assert_int_equal(c.unused1[0] | c.unused1[1] | c.unused1[2], 0);
}

/* What the backend can not do is neither offered nor announced. */
static void config_without_abilities(void **state)
{
	(void)state;
	const struct blk_options o = {.nqueues = 1};
	machine_free(m);
	m = machine_new(&o, BLK_CAN_WRITE_ZEROES);
	struct virtio_blk_config c = config();
	assert_int_equal(c.max_discard_sectors | c.max_discard_seg | c.discard_sector_alignment, 0);
	assert_int_equal(c.max_write_zeroes_seg, BLK_RANGES_MAX);
	assert_int_equal(c.write_zeroes_may_unmap, 0);
	uint64_t gone = BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_CONFIG_WCE) | BIT(VIRTIO_BLK_F_DISCARD) |
			BIT(VIRTIO_BLK_F_MQ);
	assert_int_equal(offered(&m->mmio) & gone, 0);
}

/* blk.init.1: CONFIG_WCE needs FLUSH, also when a host takes FLUSH away. */
static void features_without(void **state)
{
	(void)state;
	const struct blk_options o = {.nqueues = 1, .without = BIT(VIRTIO_BLK_F_FLUSH)};
	machine_free(m);
	m = machine_new(&o, CAN_ALL);
	assert_int_equal(offered(&m->mmio) & (BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_CONFIG_WCE)), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(zeroes_what_was_asked_and_no_more),
		T(unmap_is_passed_on_for_write_zeroes),
		T(flags),
		T(flags_of_bad_lists),
		T(ranges_within_capacity),
		T(list_lengths),
		T(range_as_long_as_offered),
		T(only_where_negotiated),
		T(write_through),
		T(seg_max_fits_the_queue),
		T(config_fields),
		T(config_without_abilities),
		T(features_without),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
