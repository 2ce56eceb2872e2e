// SPDX-License-Identifier: BSD-2-Clause
/*
 * disk: the content of a simulated disk. Each sector is as it was made (a pattern that tells its number),
 * zeroed, or written; forgetting everything costs two small bitmaps. Sectors at DISK_SECTORS_KEPT and above
 * can be read and written but do not keep what was written, so that a disk may pretend to any size.
 */
#ifndef RINGSIDE_DISK_H
#define RINGSIDE_DISK_H

#include "devices/blk.h"

#define DISK_SECTORS_KEPT 2048u

struct disk {
	uint64_t written[DISK_SECTORS_KEPT / 64], zeroed[DISK_SECTORS_KEPT / 64];
	uint8_t data[DISK_SECTORS_KEPT][BLK_SECTOR_LEN];
};

void disk_reset(struct disk *);
/* Does what the request asks for; bytes: of a transfer, how many (whole sectors or not). */
void disk_do(struct disk *, const struct blk_io *, uint32_t bytes);

#endif
