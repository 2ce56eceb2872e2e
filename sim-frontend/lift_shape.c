// SPDX-License-Identifier: BSD-2-Clause
#include "driver.h"
#include "lift_shape.h"

#include "devices/blk.h"

#define HEADER_LEN 16u

/* How the header is cut: bits 3-4 of a shape. */
static uint64_t header_shape(const struct lift_chain *c)
{
	if (c->header_len == 0 || c->nsegs == 0 || c->seg[0].len == HEADER_LEN)
		return 0;
	if (c->seg[0].len > HEADER_LEN)
		return 3;
	return c->seg[0].len == 1 ? 2 : 1;
}

/* Data segments: all but those that hold only header or status bytes. */
static uint32_t data_segs(const struct lift_chain *c, bool *uneven)
{
	uint32_t n = 0;
	uint64_t header = c->header_len ? HEADER_LEN : 0;
	for (uint32_t i = 0; i < c->nsegs; i++) {
		uint64_t len = c->seg[i].len;
		uint64_t head = header < len ? header : len;
		bool status = c->header_len && i + 1 == c->nsegs && c->seg[i].write;
		header -= head;
		len -= head;
		len -= status && len ? 1 : 0;
		n += len > 0;
		*uneven |= len % BLK_SECTOR_LEN != 0;
	}
	return n;
}

uint64_t lift_shape(const struct lift_chain *c, uint64_t len)
{
	bool uneven = false;
	uint32_t n = data_segs(c, &uneven);
	uint64_t shape = header_shape(c) << SHAPE_HEADER_SHIFT;
	uint64_t pieces = len / BLK_SECTOR_LEN; /* a shortened request has room for fewer */
	if (n > pieces && !uneven && pieces)
		n = (uint32_t)pieces;
	if (n)
		shape |= n - 1 < SHAPE_SEGS ? n - 1 : SHAPE_SEGS;
	if (c->header_len && c->nsegs && c->seg[c->nsegs - 1].write && c->seg[c->nsegs - 1].len > 1)
		shape |= SHAPE_STATUS_JOINED;
	if (c->indirect)
		shape |= 1u << SHAPE_TABLE_SHIFT;
	if (uneven && n > 1)
		shape |= SHAPE_UNEVEN;
	return shape;
}
