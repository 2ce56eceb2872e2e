// SPDX-License-Identifier: BSD-2-Clause
/*
 * simdisk: the content of a simulated disk. Each sector is as it was made (a pattern that tells its number),
 * zeroed, or written; forgetting everything costs two small bitmaps. Sectors at SIMDISK_SECTORS_KEPT and
 * above can be read and written but do not keep what was written, so that a disk may pretend to any size.
 *
 * What was written is not stable before a flush (or where the request asked for that): of each such sector
 * the stable content is kept too, and a power cut takes some back to it.
 */
#ifndef RINGSIDE_SIMDISK_H
#define RINGSIDE_SIMDISK_H

#include "devices/blk.h"

#define SIMDISK_SECTORS_KEPT 2048u

struct simdisk {
	uint64_t written[SIMDISK_SECTORS_KEPT / 64], zeroed[SIMDISK_SECTORS_KEPT / 64];
	uint64_t loose[SIMDISK_SECTORS_KEPT / 64]; /* not stable yet; what is stable: */
	uint64_t stable_written[SIMDISK_SECTORS_KEPT / 64], stable_zeroed[SIMDISK_SECTORS_KEPT / 64];
	uint8_t data[SIMDISK_SECTORS_KEPT][BLK_SECTOR_LEN];
	uint8_t stable[SIMDISK_SECTORS_KEPT][BLK_SECTOR_LEN];
};

/* The first of the 64 words of a sector as it is made; the next ones count up by 1. */
static inline uint64_t simdisk_made(uint64_t sector)
{
	return 0x5ec70c0000000000ull + (sector << 8);
}

void simdisk_reset(struct simdisk *);
/* Does what the request asks for; bytes: of a transfer, how many (whole sectors or not). */
void simdisk_do(struct simdisk *, const struct blk_io *, uint32_t bytes);
/* All that was written is stable. */
void simdisk_flushed(struct simdisk *);
uint64_t simdisk_hash(const struct simdisk *, uint64_t h);
/* Each sector that is not stable stays as it is, or is again what was stable, as the seed decides. */
void simdisk_power_cut(struct simdisk *, uint64_t seed);

#endif
