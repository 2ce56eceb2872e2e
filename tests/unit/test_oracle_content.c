// SPDX-License-Identifier: BSD-2-Clause
/*
 * The oracle of content, with a disk of a few sectors that is easily made to lie: what the device does wrong
 * is found, what the specification leaves open is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/paper.h"

/* -- reads and writes ------------------------------------------------------------------------------------ */

static void written_is_read(void **state)
{
	(void)state;
	read_sectors(0, 8);
	write_sectors(3, 4);
	read_sectors(0, 8);
	write_sectors(5, 1);
	read_sectors(5, 1);
	write_sectors(5, 1);
	read_sectors(3, 3);
	paper_silent();
}

static void any_wrong_byte_is_found(void **state)
{
	(void)state;
	write_sectors(3, 4);
	for (uint32_t at = 0; at < 2048; at += 61) {
		paper.disk[512 * 3 + at] ^= 0x10;
		read_sectors(2, 6);
		paper_cries("");
		paper.disk[512 * 3 + at] ^= 0x10;
	}
	read_sectors(2, 6);
	paper_silent();
}

static void of_a_fresh_disk_too(void **state)
{
	(void)state;
	paper.disk[512 * 9 + 511]++;
	read_sectors(9, 1);
	paper_cries("");
}

static void lost_write(void **state)
{
	(void)state;
	write_sectors(3, 1);
	paper_answer(begin_write(3, 1), 0);
	read_sectors(3, 1);
	paper_cries("");
}

static void write_to_the_wrong_sector(void **state)
{
	(void)state;
	uint16_t slot = begin_write(3, 1);
	memcpy(paper.disk + 512 * 4, paper.out, 512);
	paper_answer(slot, 0);
	read_sectors(4, 1);
	paper_cries("");
}

/* Nothing was stored into the buffer; an earlier read of the same sectors had the same one. */
static void read_that_stores_nothing(void **state)
{
	(void)state;
	read_sectors(3, 2);
	paper_silent();
	paper_answer(begin_read(3, 2), 0);
	paper_cries("");
}

static void writes_that_overlap_end_in_any_order(void **state)
{
	(void)state;
	uint16_t a = begin_write(3, 1);
	uint8_t first[512];
	memcpy(first, paper.out, 512);
	uint16_t b = begin_write(3, 1);
	paper_answer(b, 0);
	memcpy(paper.disk + 512 * 3, paper.out, 512);
	read_sectors(3, 1);
	memcpy(paper.disk + 512 * 3, first, 512);
	read_sectors(3, 1);
	paper_answer(a, 0);
	read_sectors(3, 1);
	paper_silent();
	memcpy(paper.disk + 512 * 3, paper.out, 512); /* but what a read has shown stays */
	read_sectors(3, 1);
	paper_cries("");
}

static void writes_in_turn_do_not(void **state)
{
	(void)state;
	uint8_t first[512];
	write_sectors(3, 1);
	memcpy(first, paper.disk + 512 * 3, 512);
	write_sectors(3, 1);
	memcpy(paper.disk + 512 * 3, first, 512);
	read_sectors(3, 1);
	paper_cries("");
}

/* Old, new, or of both: a read beside a write is not atomic. */
static void a_read_beside_a_write_sees_either(void **state)
{
	(void)state;
	uint16_t r = begin_read(3, 1), w = begin_write(3, 1);
	uint8_t old[512];
	memcpy(old, paper.disk + 512 * 3, 512);
	memcpy(paper.disk + 512 * 3, paper.out, 512);
	paper_answer(w, 0);
	memcpy(paper.disk + 512 * 3, old, 200);
	end_read(r, 3, 1);
	paper_silent();
	memcpy(paper.disk + 512 * 3, old, 512);
	read_sectors(3, 1); /* posted later: it has to be the new */
	paper_cries("");
}

static void a_failed_write_may_be_torn(void **state)
{
	(void)state;
	paper_answer(begin_write(3, 1), VIRTIO_BLK_S_IOERR);
	memcpy(paper.disk + 512 * 3, paper.out, 100);
	read_sectors(3, 1);
	paper_silent();
	paper.disk[512 * 3 + 300] ^= 1;
	read_sectors(3, 1);
	paper_cries("");
}

static void a_dropped_write_may_have_happened(void **state)
{
	(void)state;
	content_dropped(paper.content, begin_write(3, 1));
	content_dropped(paper.content, begin_write(4, 1));
	memcpy(paper.disk + 512 * 4, paper.out, 512);
	read_sectors(3, 2);
	paper_silent();
	write_sectors(3, 1);
	pattern_make((struct pattern){simdisk_made(3), 1}, paper.disk + 512 * 3);
	read_sectors(3, 1);
	paper_cries("");
}

/* More writes at a time than are remembered: nothing is said until they are over. */
static void many_writes_at_once(void **state)
{
	(void)state;
	uint16_t slot[40];
	for (uint32_t i = 0; i < 40; i++)
		slot[i] = begin_write(3, 2);
	memset(paper.disk + 512 * 3, 0, 512);
	read_sectors(3, 1);
	for (uint32_t i = 0; i < 40; i++)
		paper_answer(slot[i], 0);
	memcpy(paper.disk + 512 * 3, paper.out, 1024);
	read_sectors(3, 2);
	paper_silent();
	write_sectors(3, 2);
	read_sectors(3, 2);
	paper_silent();
	paper.disk[512 * 3 + 0]++;
	read_sectors(3, 1);
	paper_cries("");
}

static void many_versions_in_turn(void **state)
{
	(void)state;
	uint16_t r = begin_read(3, 1);
	for (uint32_t i = 0; i < 100; i++)
		write_sectors(3, 1);
	end_read(r, 3, 1);
	read_sectors(3, 1);
	paper_silent();
	paper.disk[512 * 3 + 7]++;
	write_sectors(4, 1);
	read_sectors(3, 1);
	write_sectors(3, 1);
	paper.n = 0;
	paper.disk[512 * 3 + 7]++;
	read_sectors(3, 1);
	paper_cries("");
}

/* -- other requests -------------------------------------------------------------------------------------- */

static uint16_t post_range(uint32_t type, uint64_t sector, uint32_t n)
{
	struct virtio_blk_discard_write_zeroes w = {.sector = sector, .num_sectors = n};
	return paper_post(type, 0, 0, &w, 1);
}

static void write_zeroes(void **state)
{
	(void)state;
	write_sectors(3, 4);
	uint16_t slot = post_range(VIRTIO_BLK_T_WRITE_ZEROES, 4, 2);
	memset(paper.disk + 512 * 4, 0, 1024);
	paper_answer(slot, 0);
	read_sectors(3, 4);
	paper_silent();
	paper.disk[512 * 5 + 1] = 1;
	read_sectors(3, 4);
	paper_cries("blk.op.8");
}

static void discarded_is_old_or_zero(void **state)
{
	(void)state;
	write_sectors(3, 2);
	paper_answer(post_range(VIRTIO_BLK_T_DISCARD, 3, 2), 0);
	read_sectors(3, 2);
	memset(paper.disk + 512 * 3, 0, 512);
	read_sectors(3, 2);
	paper_silent();
	paper.disk[512 * 4 + 3]++;
	read_sectors(3, 2);
	paper_cries("");
}

static void read_only(void **state)
{
	(void)state;
	paper_offer(1u << VIRTIO_BLK_F_RO, 0);
	paper_answer(begin_write(3, 1), VIRTIO_BLK_S_IOERR);
	read_sectors(3, 1);
	paper_silent();
	memcpy(paper.disk + 512 * 3, paper.out, 512);
	read_sectors(3, 1);
	paper_cries("");
	paper_answer(begin_write(3, 1), 0);
	paper_cries("blk.op.3");
}

static void ident_stays(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		uint16_t slot = paper_post(VIRTIO_BLK_T_GET_ID, 0, 0, NULL, 0);
		assert_true(ram_write(&paper.ram, gpa(PAPER_IN),
				      i < 2 ? "twenty bytes of name" : "twenty bytes of mane", 20));
		paper_answer(slot, 0);
		if (i < 2)
			paper_silent();
	}
	paper_cries("");
}

static void resize_forgets_what_was_cut_off(void **state)
{
	(void)state;
	write_sectors(30, 4);
	content_resized(paper.content, 32);
	content_resized(paper.content, 64);
	memset(paper.disk + 512 * 32, 0, 512);
	memset(paper.disk + 512 * 40, 0, 512);
	read_sectors(32, 1);
	read_sectors(40, 1);
	read_sectors(30, 2);
	paper_silent();
	paper.disk[512 * 31 + 0]++;
	read_sectors(31, 1);
	paper_cries("");
}

static void a_guest_that_is_not_trusted(void **state)
{
	(void)state;
	write_sectors(3, 1);
	uint16_t w = begin_write(4, 1);
	content_distrust(paper.content);
	memset(paper.disk + 512 * 3, 1, 512);
	read_sectors(3, 1);
	content_trust(paper.content);
	read_sectors(3, 1);
	write_sectors(3, 1);
	read_sectors(3, 1);
	write_sectors(4, 1);
	memset(paper.disk + 512 * 4, 1, 512); /* the old write may still come */
	read_sectors(4, 1);
	paper_answer(w, 0);
	read_sectors(4, 1);
	paper_silent();
	write_sectors(4, 1);
	memset(paper.disk + 512 * 4, 1, 512);
	read_sectors(4, 1);
	paper_cries("");
	write_sectors(3, 1);
	paper.disk[512 * 3 + 0]++;
	read_sectors(3, 1);
	paper_cries("");
}

#define DISK(name) cmocka_unit_test_setup_teardown(name, paper_disk, paper_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DISK(written_is_read),
		DISK(any_wrong_byte_is_found),
		DISK(of_a_fresh_disk_too),
		DISK(lost_write),
		DISK(write_to_the_wrong_sector),
		DISK(read_that_stores_nothing),
		DISK(writes_that_overlap_end_in_any_order),
		DISK(writes_in_turn_do_not),
		DISK(a_read_beside_a_write_sees_either),
		DISK(a_failed_write_may_be_torn),
		DISK(a_dropped_write_may_have_happened),
		DISK(many_writes_at_once),
		DISK(many_versions_in_turn),
		DISK(write_zeroes),
		DISK(discarded_is_old_or_zero),
		DISK(read_only),
		DISK(ident_stays),
		DISK(resize_forgets_what_was_cut_off),
		DISK(a_guest_that_is_not_trusted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
