// SPDX-License-Identifier: BSD-2-Clause
#include "hash.h"
#include "pattern.h"
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

/* -- many sectors at once -------------------------------------------------------------------------------- */

/* Sectors [sector, sector + n) that are kept, 64 at a time: word i of a bitmap, and which of its bits. False: no more. */
static bool next_word(uint64_t *sector, uint64_t *n, uint32_t *i, uint64_t *mask)
{
	if (*sector >= SIMDISK_SECTORS_KEPT || !*n)
		return false;
	uint32_t bit = *sector % 64, part = *n < 64 - bit ? (uint32_t)*n : 64 - bit;
	*i = (uint32_t)(*sector / 64);
	*mask = UINT64_MAX >> (64 - part) << bit;
	*sector += part;
	*n -= part;
	return true;
}

static void copy_bits(uint64_t *to, uint64_t from, uint64_t mask)
{
	*to = (*to & ~mask) | (from & mask);
}

/* -- what is stable -------------------------------------------------------------------------------------- */

/* These sectors are about to change. */
static void loosen(struct simdisk *d, uint64_t sector, uint64_t n)
{
	uint64_t mask;
	for (uint32_t i; next_word(&sector, &n, &i, &mask);) {
		mask &= ~d->loose[i];
		d->loose[i] |= mask;
		copy_bits(&d->stable_written[i], d->written[i], mask);
		copy_bits(&d->stable_zeroed[i], d->zeroed[i], mask);
		for (uint64_t left = mask & d->written[i]; left; left &= left - 1) {
			uint32_t s = 64 * i + (uint32_t)__builtin_ctzll(left);
			memcpy(d->stable[s], d->data[s], BLK_SECTOR_LEN);
		}
	}
}

static void settle(struct simdisk *d, uint64_t sector, uint64_t n)
{
	uint64_t mask;
	for (uint32_t i; next_word(&sector, &n, &i, &mask);)
		d->loose[i] &= ~mask;
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
		for (uint64_t left = d->written[w]; left;) { /* runs of sectors */
			uint32_t first = (uint32_t)__builtin_ctzll(left);
			uint64_t above = ~(left >> first);
			uint32_t n = above ? (uint32_t)__builtin_ctzll(above) : 64;
			h = hash_bytes(h, d->data[64 * w + first], (size_t)n * BLK_SECTOR_LEN);
			left = first + n == 64 ? 0 : left & ~0ull << (first + n);
		}
	}
	return h;
}

void simdisk_power_cut(struct simdisk *d, uint64_t seed)
{
	for (uint64_t s = 0; s < SIMDISK_SECTORS_KEPT; s++) {
		if (!has(d->loose, s) || hash_u64(hash_u64(HASH_SEED, seed), s) & 1)
			continue;
		copy_bits(&d->written[s / 64], d->stable_written[s / 64], 1ull << (s % 64));
		copy_bits(&d->zeroed[s / 64], d->stable_zeroed[s / 64], 1ull << (s % 64));
		if (has(d->written, s))
			memcpy(d->data[s], d->stable[s], BLK_SECTOR_LEN);
	}
	simdisk_flushed(d);
}

/* A sector that nobody has written. */
static void make(const struct simdisk *d, uint64_t sector, uint8_t *out)
{
	if (has(d->zeroed, sector))
		memset(out, 0, BLK_SECTOR_LEN);
	else
		pattern_make((struct pattern){simdisk_made(sector), 1}, out);
}

/* The content of one sector: in place, or made in tmp. */
static const uint8_t *content(const struct simdisk *d, uint64_t sector, uint8_t *tmp)
{
	if (has(d->written, sector))
		return d->data[sector];
	make(d, sector, tmp);
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

/* Up to n whole sectors in one bitmap's word, that are all kept: those that lie together. Returns how many. */
static uint32_t transfer_run(struct simdisk *d, uint64_t sector, uint32_t n, uint8_t *p, bool read)
{
	uint32_t bit = sector % 64, run = n < 64 - bit ? n : 64 - bit;
	uint64_t *word = &d->written[sector / 64];
	if (!read) {
		memcpy(d->data[sector], p, (size_t)run * BLK_SECTOR_LEN);
		*word |= UINT64_MAX >> (64 - run) << bit;
		return run;
	}
	uint64_t differ = *word >> bit & 1 ? ~*word >> bit : *word >> bit;
	if (differ && (uint32_t)__builtin_ctzll(differ) < run)
		run = (uint32_t)__builtin_ctzll(differ);
	if (*word >> bit & 1)
		memcpy(p, d->data[sector], (size_t)run * BLK_SECTOR_LEN);
	else
		for (uint32_t i = 0; i < run; i++)
			make(d, sector + i, p + (size_t)i * BLK_SECTOR_LEN);
	return run;
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
		uint32_t left = bytes - at, n;
		if (left > io->span[i].len)
			left = (uint32_t)io->span[i].len;
		for (; left; left -= n, at += n, p += n) {
			uint64_t sector = io->sector + at / BLK_SECTOR_LEN;
			uint32_t off = at % BLK_SECTOR_LEN;
			if (!off && left >= BLK_SECTOR_LEN && sector < SIMDISK_SECTORS_KEPT)
				n = BLK_SECTOR_LEN * transfer_run(d, sector, left / BLK_SECTOR_LEN, p, read);
			else
				n = transfer_piece(d, sector, off, p, left, read);
		}
	}
}

static void zero(struct simdisk *d, uint64_t sector, uint64_t n)
{
	uint64_t mask;
	for (uint32_t i; next_word(&sector, &n, &i, &mask);) {
		d->written[i] &= ~mask;
		d->zeroed[i] |= mask;
	}
}

static void zero_range(struct simdisk *d, const struct blk_io *io, const struct blk_range *r)
{
	loosen(d, r->sector, r->nsectors);
	zero(d, r->sector, r->nsectors);
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
