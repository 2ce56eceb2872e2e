// SPDX-License-Identifier: BSD-2-Clause
/* Block requests: the usual ones in one call, and the pieces of which a case builds unusual ones. */
#ifndef TINY_BLK_H
#define TINY_BLK_H

#include "tests/guest/tiny_virtio.h"

#define SECTOR_LEN 512u
#define UNWRITTEN  0xee /* what a status byte holds before the device has written it */

struct blk {
	struct ring ring;
	uint64_t sectors;
	struct virtio_blk_outhdr *header;
	uint8_t *status;
	uint32_t used_len; /* of the latest request */
};

/* The read-write disk with these features (VERSION_1 is added), queue 0 of this size, live. */
void blk_open(struct blk *, uint64_t features, uint16_t size);
void blk_open_nth(struct blk *, unsigned disk, uint64_t features, uint16_t size);
/* Capacity and memory for headers only: the case sets up the device itself. */
void blk_prepare(struct blk *, struct dev *);
uint64_t blk_capacity(const struct dev *);

/* One request in the usual layout (header, data, status), waited for; answers its status. */
uint8_t blk_do(struct blk *, uint32_t type, uint64_t sector, void *data, uint32_t len, bool out);
uint8_t blk_write(struct blk *, uint64_t sector, void *data, uint32_t len);
uint8_t blk_read(struct blk *, uint64_t sector, void *data, uint32_t len);
/* A discard or write-zeroes request of n ranges. */
uint8_t blk_ranges(struct blk *, uint32_t type, struct virtio_blk_discard_write_zeroes *, unsigned n);
/* Sets the header up and takes the status away: what comes ahead of a layout of one's own. */
void blk_begin(struct blk *, uint32_t type, uint64_t sector);
/* Runs a chain of these segments, direct or through an indirect table; answers the status. */
uint8_t blk_run(struct blk *, const struct seg *, unsigned n);
uint8_t blk_run_indirect(struct blk *, void *table, const struct seg *, unsigned n);
/* The disk works: what is written is read back. seed: of the data. */
void blk_works(struct blk *, uint32_t seed);

/* Bytes that tell seed and place; len a multiple of 4. */
void pattern_fill(void *, uint32_t len, uint32_t seed);
void pattern_expect(const void *, uint32_t len, uint32_t seed);
/* All len bytes (a multiple of 4) have this value. */
bool filled_with(const void *, uint32_t len, uint8_t value);

#endif
