// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/paper.h"

struct paper paper;

static void on_violation(void *ctx, const struct violation *v)
{
	(void)ctx;
	paper.n++;
	paper.last = *v;
}

static void config_read(struct vdev *d, uint8_t *image)
{
	(void)d;
	image[offsetof(struct virtio_blk_config, wce)] = paper.wce;
}

static const struct vdev_ops ops = {.config_read = config_read};

static void start(bool disk)
{
	struct oracle_config c = {.nqueues = 1, .queue_size_max = {4}, .report = on_violation};
	memset(&paper, 0, sizeof(paper));
	assert_true(ram_create(&paper.ram));
	paper.oracle = oracle_create(&c);
	paper.content = calloc(1, sizeof(*paper.content));
	paper.vdev.ops = &ops;
	content_init(paper.content, paper.oracle, &paper.ram, &paper.vdev, disk);
	content_restart(paper.content, PAPER_SECTORS);
	for (uint32_t s = 0; s < PAPER_SECTORS; s++)
		pattern_make((struct pattern){simdisk_made(s), 1}, paper.disk + 512 * s);
}

int paper_disk(void **state)
{
	(void)state;
	start(true);
	return 0;
}

int paper_entropy(void **state)
{
	(void)state;
	start(false);
	return 0;
}

int paper_end(void **state)
{
	(void)state;
	free(paper.content);
	oracle_destroy(paper.oracle);
	ram_destroy(&paper.ram);
	return 0;
}

void paper_silent(void)
{
	if (paper.n)
		print_message("unexpected: %s\n", paper.last.what);
	assert_int_equal(paper.n, 0);
}

void paper_cries(const char *clause)
{
	assert_int_equal(paper.n, 1);
	assert_string_equal(paper.last.oracle, "content");
	assert_string_equal(paper.last.clause, clause);
	paper.n = 0;
}

/* -- the driver ------------------------------------------------------------------------------------------ */

uint16_t paper_post(uint32_t type, uint64_t sector, uint32_t nsectors, const void *ranges, uint32_t nranges)
{
	uint8_t bytes[16 + 16 * 4];
	struct virtio_blk_outhdr h = {.type = type, .sector = sector};
	uint32_t bytes_len = 16 + 16 * nranges, out = type == VIRTIO_BLK_T_OUT ? 512 * nsectors : 0;
	uint32_t in = type == VIRTIO_BLK_T_IN ? 512 * nsectors : type == VIRTIO_BLK_T_GET_ID ? 20 : 0;
	struct content_piece piece[] = {{gpa(PAPER_ANSWER), bytes_len},
					{gpa(PAPER_OUT), out},
					{gpa(PAPER_IN), in},
					{gpa(PAPER_ANSWER + 100), 1}};
	struct content_request q = {.bytes = bytes,
				    .bytes_len = bytes_len,
				    .piece = piece,
				    .nread = 2,
				    .npieces = 4,
				    .has_status = true};
	memcpy(bytes, &h, 16);
	if (nranges)
		memcpy(bytes + 16, ranges, 16 * nranges);
	uint16_t slot = content_posted(paper.content, &q);
	assert_int_not_equal(slot, 0);
	content_fill(paper.content, slot, gpa(PAPER_OUT), 0, out);
	return slot;
}

/* A write that is not on the disk yet: its bytes are in paper.out. */
uint16_t begin_write(uint64_t sector, uint32_t n)
{
	uint16_t slot = paper_post(VIRTIO_BLK_T_OUT, sector, n, NULL, 0);
	assert_true(ram_read(&paper.ram, gpa(PAPER_OUT), paper.out, 512 * n));
	return slot;
}

void paper_answer(uint16_t slot, uint8_t status)
{
	content_answered(paper.content, slot, 1, status);
}

void write_sectors(uint64_t sector, uint32_t n)
{
	uint16_t slot = begin_write(sector, n);
	memcpy(paper.disk + 512 * sector, paper.out, 512 * n);
	paper_answer(slot, 0);
}

uint16_t begin_read(uint64_t sector, uint32_t n)
{
	return paper_post(VIRTIO_BLK_T_IN, sector, n, NULL, 0);
}

void end_read(uint16_t slot, uint64_t sector, uint32_t n)
{
	assert_true(ram_write(&paper.ram, gpa(PAPER_IN), paper.disk + 512 * sector, 512 * n));
	paper_answer(slot, 0);
}

void read_sectors(uint64_t sector, uint32_t n)
{
	end_read(begin_read(sector, n), sector, n);
}

void paper_offer(uint32_t offered, uint32_t accepted)
{
	paper.vdev.offered = 1ull << VIRTIO_BLK_F_FLUSH | 1ull << VIRTIO_BLK_F_CONFIG_WCE | offered;
	paper.vdev.accepted = accepted;
}
