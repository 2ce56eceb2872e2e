// SPDX-License-Identifier: BSD-2-Clause
/* What one sector may hold, and entropy; between oracle_content.c, oracle_sectors.c and oracle_entropy.c. */
#ifndef RINGSIDE_ORACLE_SECTORS_H
#define RINGSIDE_ORACLE_SECTORS_H

#include "oracle_content.h"
#include "pattern.h"

#define VERSION_MADE    1u /* as the disk was made */
#define VERSION_ANY     2u
#define VERSION_FIRST   16u
#define VERSION_ZEROES  (1u << 31) /* this bit: not data but zeroes */
#define VERSION_DISCARD (1u << 30) /* and this: or not, as the device likes */
#define IN_FLIGHT       UINT32_MAX

/* The account of a sector below SIMDISK_SECTORS_KEPT, begun where there is none. */
struct content_sector *sector_of(struct content *, uint64_t sector);
struct pattern sector_pattern(uint64_t sector, uint32_t version);
/* A write is under way. */
void sector_begin(struct content *, struct content_sector *, uint32_t version);
/* It ended, well or badly; it may be there. */
void sector_end(struct content *, struct content_sector *, uint32_t version);
/* It ended well: what ended before it was posted is gone. */
void sector_settle(struct content *, struct content_sector *, uint32_t version, uint32_t posted,
		   bool for_good);
/* Whatever it holds. */
void sector_anything(struct content *, struct content_sector *);
/* n bytes from `off` of the sector on, read by a request that was posted then. */
bool sector_allows(struct content *, uint64_t sector, uint32_t posted, const uint8_t *, uint32_t off,
		   uint32_t n);
void sector_power_cut(struct content *, struct content_sector *);

/* oracle_entropy.c: what lies in the buffers beforehand, and what must be there afterwards. */
void entropy_paint(struct content *, const struct content_slot *);
void entropy_judge(struct content *, const struct content_slot *, uint32_t used_len);

#endif
