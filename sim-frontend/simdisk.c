// SPDX-License-Identifier: BSD-2-Clause
#include "hash.h"
#include "simdisk.h"

void simdisk_reset(struct simdisk *d)
{
	memset(d->written, 0, sizeof(d->written));
	memset(d->zeroed, 0, sizeof(d->zeroed));
	simdisk_flushed(d);
}

static bool has(const uint64_t *bits, uint64_t sector)
{
	return sector < SIMDISK_SECTORS_KEPT && bits[sector / 64] >> (sector % 64) & 1;
}

static void pattern(uint64_t sector, uint8_t *out)
{
	for (uint64_t i = 0; i < BLK_SECTOR_LEN / 8; i++) {
		uint64_t v = simdisk_made(sector) + i;
		memcpy(out + 8 * i, &v, 8);
	}
}

/* -- what is stable -------------------------------------------------------------------------------------- */

static void copy_bit(uint64_t *to, const uint64_t *from, uint64_t sector)
{
	uint64_t bit = 1ull << (sector % 64);
	to[sector / 64] = (to[sector / 64] & ~bit) | (from[sector / 64] & bit);
}

/* These sectors are about to change. */
static void loosen(struct simdisk *d, uint64_t sector, uint64_t n)
{
	for (uint64_t s = sector; s < sector + n && s < SIMDISK_SECTORS_KEPT; s++) {
		if (has(d->loose, s))
			continue;
		d->loose[s / 64] |= 1ull << (s % 64);
		copy_bit(d->stable_written, d->written, s);
		copy_bit(d->stable_zeroed, d->zeroed, s);
		if (has(d->written, s))
			memcpy(d->stable[s], d->data[s], BLK_SECTOR_LEN);
	}
}

static void settle(struct simdisk *d, uint64_t sector, uint64_t n)
{
	for (uint64_t s = sector; s < sector + n && s < SIMDISK_SECTORS_KEPT; s++)
		d->loose[s / 64] &= ~(1ull << (s % 64));
}

void simdisk_flushed(struct simdisk *d)
{
	memset(d->loose, 0, sizeof(d->loose));
}

uint64_t simdisk_hash(const struct simdisk *d, uint64_t h)
{
	for (uint32_t w = 0; w < SIMDISK_SECTORS_KEPT / 64; w++) {
		if (d->written[w] | d->zeroed[w])
			h = hash_u64(hash_u64(h, d->written[w]), d->zeroed[w] ^ w);
		for (uint64_t left = d->written[w]; left; left &= left - 1)
			h = hash_bytes(h, d->data[64 * w + (uint32_t)__builtin_ctzll(left)], BLK_SECTOR_LEN);
	}
	return h;
}

void simdisk_power_cut(struct simdisk *d, uint64_t seed)
{
	for (uint64_t s = 0; s < SIMDISK_SECTORS_KEPT; s++) {
		if (!has(d->loose, s) || hash_u64(hash_u64(HASH_SEED, seed), s) & 1)
			continue;
		copy_bit(d->written, d->stable_written, s);
		copy_bit(d->zeroed, d->stable_zeroed, s);
		if (has(d->written, s))
			memcpy(d->data[s], d->stable[s], BLK_SECTOR_LEN);
	}
	simdisk_flushed(d);
}

/* The content of one sector: in place, or made in tmp. */
static const uint8_t *content(const struct simdisk *d, uint64_t sector, uint8_t *tmp)
{
	if (has(d->written, sector))
		return d->data[sector];
	if (has(d->zeroed, sector))
		memset(tmp, 0, BLK_SECTOR_LEN);
	else
		pattern(sector, tmp);
	return tmp;
}

/* The place to store one sector in; a partial store keeps the rest of what was there. */
static uint8_t *place(struct simdisk *d, uint64_t sector, uint8_t *tmp, bool whole)
{
	uint8_t *at;
	if (sector >= SIMDISK_SECTORS_KEPT)
		return tmp;
	at = d->data[sector];
	if (!whole && !has(d->written, sector))
		memcpy(at, content(d, sector, tmp), BLK_SECTOR_LEN);
	d->written[sector / 64] |= 1ull << (sector % 64);
	return at;
}

/* How many of n whole sectors from here on are kept and, for a read, were all written: they lie in one piece.
 */
static uint32_t plain_run(const struct simdisk *d, uint64_t sector, uint32_t n, bool read)
{
	uint32_t run = 0;
	while (run < n && sector + run < SIMDISK_SECTORS_KEPT && (!read || has(d->written, sector + run)))
		run++;
	return run;
}

static uint32_t transfer_run(struct simdisk *d, uint64_t sector, uint32_t nsectors, uint8_t *p, bool read)
{
	size_t len = (size_t)nsectors * BLK_SECTOR_LEN;
	if (read) {
		memcpy(p, d->data[sector], len);
	} else {
		memcpy(d->data[sector], p, len);
		for (uint64_t s = sector; s < sector + nsectors; s++)
			d->written[s / 64] |= 1ull << (s % 64);
	}
	return (uint32_t)len;
}

/* At most one sector, or a piece of one. */
static uint32_t transfer_piece(struct simdisk *d, uint64_t sector, uint32_t off, uint8_t *p, uint32_t n,
			       bool read)
{
	uint8_t tmp[BLK_SECTOR_LEN];
	n = n < BLK_SECTOR_LEN - off ? n : BLK_SECTOR_LEN - off;
	if (read)
		memcpy(p, content(d, sector, tmp) + off, n);
	else
		memcpy(place(d, sector, tmp, n == BLK_SECTOR_LEN) + off, p, n);
	return n;
}

/* Copies bytes between spans and sectors, span by span, as many whole sectors at once as lie together. */
static void transfer(struct simdisk *d, const struct blk_io *io, uint32_t bytes, bool read)
{
	uint32_t at = 0; /* in the request */
	for (uint16_t i = 0; i < io->nspans && at < bytes; i++) {
		uint8_t *p = io->span[i].base;
		uint32_t len = (uint32_t)io->span[i].len;
		for (uint32_t done = 0, n; done < len && at < bytes; done += n, at += n) {
			uint64_t sector = io->sector + at / BLK_SECTOR_LEN;
			uint32_t off = at % BLK_SECTOR_LEN,
				 left = len - done < bytes - at ? len - done : bytes - at;
			uint32_t run = off ? 0 : plain_run(d, sector, left / BLK_SECTOR_LEN, read);
			n = run ? transfer_run(d, sector, run, p + done, read)
				: transfer_piece(d, sector, off, p + done, left, read);
		}
	}
}

static void zero(struct simdisk *d, const struct blk_range *r)
{
	for (uint64_t s = r->sector; s < r->sector + r->nsectors && s < SIMDISK_SECTORS_KEPT; s++) {
		d->written[s / 64] &= ~(1ull << (s % 64));
		d->zeroed[s / 64] |= 1ull << (s % 64);
	}
}

static void zero_range(struct simdisk *d, const struct blk_io *io, const struct blk_range *r)
{
	loosen(d, r->sector, r->nsectors);
	zero(d, r);
	if (io->sync)
		settle(d, r->sector, r->nsectors);
}

void simdisk_do(struct simdisk *d, const struct blk_io *io, uint32_t bytes)
{
	struct blk_range all = {.sector = io->sector,
				.nsectors = (bytes + BLK_SECTOR_LEN - 1) / BLK_SECTOR_LEN};
	if (io->type == BLK_IO_READ) {
		transfer(d, io, bytes, true);
	} else if (io->type == BLK_IO_WRITE) {
		loosen(d, all.sector, all.nsectors);
		transfer(d, io, bytes, false);
		if (io->sync && bytes == io->len)
			settle(d, all.sector, all.nsectors);
	} else {
		for (uint16_t i = 0; i < io->nranges; i++)
			zero_range(d, io, &io->range[i]);
	}
}
