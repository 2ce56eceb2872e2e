// SPDX-License-Identifier: BSD-2-Clause
#include "tests/guest/tiny_blk.h"

uint64_t blk_capacity(const struct dev *d)
{
	return (uint64_t)reg_read(d, VIRTIO_MMIO_CONFIG + 4) << 32 | reg_read(d, VIRTIO_MMIO_CONFIG);
}

void blk_prepare(struct blk *b, struct dev *d)
{
	b->sectors = blk_capacity(d);
	b->header = alloc(PAGE_LEN);
	b->status = (uint8_t *)b->header + 64;
}

void blk_open_nth(struct blk *b, unsigned disk, uint64_t features, uint16_t size)
{
	struct dev *d = dev_find(VIRTIO_ID_BLOCK, disk);
	ring_open(&b->ring, d, features | F_VERSION, size);
	blk_prepare(b, d);
}

void blk_open(struct blk *b, uint64_t features, uint16_t size)
{
	blk_open_nth(b, 0, features, size);
}

void blk_begin(struct blk *b, uint32_t type, uint64_t sector)
{
	*b->header = (struct virtio_blk_outhdr){.type = type, .sector = sector};
	*b->status = UNWRITTEN;
}

uint8_t blk_run(struct blk *b, const struct seg *s, unsigned n)
{
	b->used_len = ring_run(&b->ring, ring_add(&b->ring, s, n));
	return *b->status;
}

uint8_t blk_run_indirect(struct blk *b, void *table, const struct seg *s, unsigned n)
{
	b->used_len = ring_run(&b->ring, ring_add_indirect(&b->ring, table, s, n));
	return *b->status;
}

uint8_t blk_do(struct blk *b, uint32_t type, uint64_t sector, void *data, uint32_t len, bool out)
{
	struct seg s[3] = {{b->header, sizeof(*b->header), false}, {data, len, out}, {b->status, 1, true}};
	unsigned n = 3;
	if (!len) {
		s[1] = s[2];
		n = 2;
	}
	blk_begin(b, type, sector);
	return blk_run(b, s, n);
}

uint8_t blk_write(struct blk *b, uint64_t sector, void *data, uint32_t len)
{
	return blk_do(b, VIRTIO_BLK_T_OUT, sector, data, len, false);
}

uint8_t blk_read(struct blk *b, uint64_t sector, void *data, uint32_t len)
{
	return blk_do(b, VIRTIO_BLK_T_IN, sector, data, len, true);
}

uint8_t blk_ranges(struct blk *b, uint32_t type, struct virtio_blk_discard_write_zeroes *w, unsigned n)
{
	return blk_do(b, type, 0, w, n * sizeof(*w), false);
}

void blk_works(struct blk *b, uint32_t seed)
{
	uint8_t *data = alloc(SECTOR_LEN);
	uint64_t sector = seed % 64;
	pattern_fill(data, SECTOR_LEN, seed);
	EXPECT_EQ(blk_write(b, sector, data, SECTOR_LEN), VIRTIO_BLK_S_OK);
	EXPECT_EQ(b->used_len, 1);
	memset(data, 0, SECTOR_LEN);
	EXPECT_EQ(blk_read(b, sector, data, SECTOR_LEN), VIRTIO_BLK_S_OK);
	EXPECT_EQ(b->used_len, SECTOR_LEN + 1);
	pattern_expect(data, SECTOR_LEN, seed);
}

static uint32_t pattern(uint32_t i, uint32_t seed)
{
	return (i + 1) * 0x9e3779b1u ^ seed * 0x85ebca6bu;
}

void pattern_fill(void *to, uint32_t len, uint32_t seed)
{
	uint32_t *p = to;
	for (uint32_t i = 0; i < len / 4; i++)
		p[i] = pattern(i, seed);
}

void pattern_expect(const void *at, uint32_t len, uint32_t seed)
{
	const uint32_t *p = at;
	for (uint32_t i = 0; i < len / 4; i++)
		if (p[i] != pattern(i, seed)) {
			context("word", i);
			EXPECT_EQ(p[i], pattern(i, seed));
		}
}

bool filled_with(const void *at, uint32_t len, uint8_t value)
{
	uint32_t words = len / 4, same;
	__asm__ volatile("cmp %%eax, %%eax\n repe scasl\n sete %b0"
			 : "=q"(same), "+D"(at), "+c"(words)
			 : "a"(value * 0x01010101u)
			 : "memory", "cc");
	return same & 1;
}
