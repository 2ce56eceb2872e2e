// SPDX-License-Identifier: BSD-2-Clause
/* The oracle of content: power cuts, and entropy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hash.h"
#include "tests/unit/paper.h"

static void flush(void)
{
	paper_answer(paper_post(VIRTIO_BLK_T_FLUSH, 0, 0, NULL, 0), 0);
}

/* -- power ----------------------------------------------------------------------------------------------- */

static uint8_t kept[4][512];

static void three_versions(uint64_t sector)
{
	for (int i = 0; i < 3; i++) {
		write_sectors(sector, 1);
		memcpy(kept[i], paper.disk + 512 * sector, 512);
	}
}

static void power_cut_before_a_flush(void **state)
{
	(void)state;
	paper_offer(0, 1u << VIRTIO_BLK_F_FLUSH);
	for (uint32_t i = 0; i < 3; i++) {
		three_versions(3 + i);
		memcpy(paper.disk + (size_t)512 * (3 + i), kept[i], 512);
		content_power_cut(paper.content);
		read_sectors(3 + i, 1);
		paper_silent();
	}
	memcpy(paper.disk + 512 * 5, kept[0], 512); /* settled by the read */
	read_sectors(5, 1);
	paper_cries("blk.op.11");
}

static void power_cut_after_a_flush(void **state)
{
	(void)state;
	paper_offer(0, 1u << VIRTIO_BLK_F_FLUSH);
	three_versions(3);
	flush();
	content_power_cut(paper.content);
	read_sectors(3, 1);
	paper_silent();
	three_versions(4);
	flush();
	memcpy(paper.disk + 512 * 4, kept[1], 512);
	content_power_cut(paper.content);
	read_sectors(4, 1);
	paper_cries("blk.op.11");
}

/* Only what had ended when the flush was posted is flushed by it. */
static void power_cut_beside_a_flush(void **state)
{
	(void)state;
	paper_offer(0, 1u << VIRTIO_BLK_F_FLUSH);
	uint16_t f = paper_post(VIRTIO_BLK_T_FLUSH, 0, 0, NULL, 0);
	three_versions(3);
	paper_answer(f, 0);
	memcpy(paper.disk + 512 * 3, kept[0], 512);
	content_power_cut(paper.content);
	read_sectors(3, 1);
	paper_silent();
}

static void power_cut_with_much_forgotten(void **state)
{
	(void)state;
	paper_offer(0, 1u << VIRTIO_BLK_F_FLUSH);
	three_versions(3);
	for (int i = 0; i < 20; i++)
		write_sectors(3, 1);
	memcpy(paper.disk + 512 * 3, kept[1], 512);
	content_power_cut(paper.content);
	read_sectors(3, 1);
	paper_silent();
}

static void power_cut_of_a_write_through_disk(void **state)
{
	(void)state;
	paper_offer(0, 0);
	three_versions(3);
	memcpy(paper.disk + 512 * 3, kept[1], 512);
	content_power_cut(paper.content);
	read_sectors(3, 1);
	paper_cries("blk.op.11");
}

static void power_cut_with_the_cache_off(void **state)
{
	(void)state;
	paper_offer(0, 1u << VIRTIO_BLK_F_FLUSH | 1u << VIRTIO_BLK_F_CONFIG_WCE);
	three_versions(3); /* while it is on */
	content_config_written(paper.content);
	memcpy(paper.disk + 512 * 3, kept[1], 512);
	content_power_cut(paper.content);
	read_sectors(3, 1);
	paper_silent();
	three_versions(3);
	memcpy(paper.disk + 512 * 3, kept[1], 512);
	content_power_cut(paper.content);
	read_sectors(3, 1);
	paper_cries("blk.op.11");
}

/* -- entropy --------------------------------------------------------------------------------------------- */

static uint16_t ask(void)
{
	struct content_piece piece[] = {{gpa(PAPER_IN), 100}, {gpa(RAM_MID - 50), 150}};
	struct content_request q = {.piece = piece, .npieces = 2};
	return content_posted(paper.content, &q);
}

/* The source's bytes [at, at + n), at the buffer's start. */
static void give(uint64_t at, uint32_t n)
{
	uint8_t bytes[256];
	for (uint32_t i = 0; i < n; i += 8) {
		uint64_t v = hash_u64(HASH_SEED, at + i);
		memcpy(bytes + i, &v, 8);
	}
	ram_write(&paper.ram, gpa(PAPER_IN), bytes, n < 100 ? n : 100);
	ram_write(&paper.ram, gpa(RAM_MID - 50), bytes + 100, n > 100 ? n - 100 : 0);
}

static void entropy_as_given(void **state)
{
	static const uint32_t len[] = {250, 1, 7, 8, 100, 203};
	uint64_t at = 0;
	(void)state;
	for (int i = 0; i < 6; i++) {
		uint16_t slot = ask();
		content_source(paper.content, at, len[i]);
		give(at, len[i]);
		content_answered(paper.content, slot, len[i], -1);
		at += len[i];
	}
	paper_silent();
}

/* A source that gave nothing is no excuse: the device asks it again. */
static void entropy_without_a_byte(void **state)
{
	(void)state;
	uint16_t slot = ask();
	content_source(paper.content, 0, 0);
	content_answered(paper.content, slot, 0, -1);
	paper_cries("rng.op.1");
}

/* There is no room for one. */
static void entropy_into_nothing(void **state)
{
	(void)state;
	struct content_piece piece = {gpa(PAPER_IN), 0};
	struct content_request q = {.piece = &piece, .npieces = 1};
	content_answered(paper.content, content_posted(paper.content, &q), 0, -1);
	paper_silent();
}

static void entropy_twice(void **state)
{
	(void)state;
	content_source(paper.content, 0, 8);
	for (int i = 0; i < 2; i++) {
		uint16_t slot = ask();
		give(0, 8);
		content_answered(paper.content, slot, 8, -1);
	}
	paper_cries("rng.op.1");
}

static void entropy_that_is_none(void **state)
{
	(void)state;
	uint16_t slot = ask();
	content_source(paper.content, 0, 8);
	give(0, 7);
	content_answered(paper.content, slot, 8, -1);
	paper_cries("rng.op.1");
}

static void entropy_beyond_its_end(void **state)
{
	(void)state;
	uint16_t slot = ask();
	content_source(paper.content, 0, 8);
	give(0, 9);
	content_answered(paper.content, slot, 8, -1);
	paper_cries("rng.op.1");
}

static void entropy_out_of_turn(void **state)
{
	(void)state;
	content_source(paper.content, 0, 8);
	content_source(paper.content, 8, 8);
	for (uint64_t at = 16; at; at -= 8) {
		uint16_t slot = ask();
		give(at - 8, 8);
		content_answered(paper.content, slot, 8, -1);
	}
	paper_silent();
}

#define DISK(name)    cmocka_unit_test_setup_teardown(name, paper_disk, paper_end)
#define ENTROPY(name) cmocka_unit_test_setup_teardown(name, paper_entropy, paper_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DISK(power_cut_before_a_flush),
		DISK(power_cut_after_a_flush),
		DISK(power_cut_beside_a_flush),
		DISK(power_cut_with_much_forgotten),
		DISK(power_cut_of_a_write_through_disk),
		DISK(power_cut_with_the_cache_off),
		ENTROPY(entropy_as_given),
		ENTROPY(entropy_without_a_byte),
		ENTROPY(entropy_into_nothing),
		ENTROPY(entropy_twice),
		ENTROPY(entropy_that_is_none),
		ENTROPY(entropy_beyond_its_end),
		ENTROPY(entropy_out_of_turn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
