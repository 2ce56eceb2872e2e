// SPDX-License-Identifier: BSD-2-Clause
/*
 * image: what the tests of the host's disk share: an image in a folder of its own, opened as a disk, requests
 * with buffers, and the answers in the order in which they came. (tests/unit/disk.h is another thing: the
 * in-memory disk of core's tests.)
 */
#ifndef RINGSIDE_TESTS_IMAGE_H
#define RINGSIDE_TESTS_IMAGE_H

/* cmocka wants these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kvm-frontend/disk.h"

#define IMAGE_SECTORS 2048u /* 1 MiB */
#define NOT_YET       BLK_RESULTS

struct image {
	char path[128];
	struct disk disk;
	struct blk_io io[BLK_INFLIGHT_MAX];
	enum blk_result result[BLK_INFLIGHT_MAX]; /* by id; NOT_YET until it is answered */
	uint32_t bytes[BLK_INFLIGHT_MAX];
	uint16_t order[4 * BLK_INFLIGHT_MAX]; /* ids as they were answered */
	unsigned nanswers;
};

/* A path in a folder that holds images of this test program; `real`: on the disk, else in memory. */
void image_path(struct image *, bool real);
/* Makes the file, filled by image_byte, and opens it: engine NULL for the best there is, "plain" for plain
 * calls. */
void image_open(struct image *, bool real, const char *engine);
/* The same for a file that is there, after disk_close. */
void image_reopen(struct image *, const char *engine);
/* The same over calls and an engine (or NULL: plain) of the test's own. */
void image_open_with(struct image *, const struct disk_engine *, const struct disk_calls *);
/* As if direct I/O wanted this alignment of offsets and lengths. */
void image_align(struct image *, uint32_t align, uint32_t align_mem);
void image_close(struct image *); /* removes the file */
uint8_t image_byte(uint64_t offset);
/* What the file holds, read past the disk. */
void image_read(struct image *, uint64_t offset, void *, size_t n);

/* Makes request `id`; buffers and ranges are added to it, and submit sends it. */
struct blk_io *io_new(struct image *, uint16_t id, enum blk_io_type, uint64_t sector);
void io_span(struct blk_io *, void *, size_t n);
void io_range(struct blk_io *, uint64_t sector, uint32_t nsectors, uint32_t unmap);
void io_submit(struct image *, struct blk_io *);
/* Submits and waits by disk_poll, as the event loop would. Answers the result. */
enum blk_result io_run(struct image *, struct blk_io *);
/* Waits until nothing is in flight. */
void image_settle(struct image *);

#endif
