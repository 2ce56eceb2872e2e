// SPDX-License-Identifier: BSD-2-Clause
/*
 * ram: the simulated machine's memory, small and awkward on purpose. Three regions, each allocated by itself
 * with a poisoned redzone on both sides: two that touch (a buffer may cross from one to the other), a hole,
 * and a third that crosses 4 GiB.
 *
 * Whoever stores marks what it stored; ram_reset clears exactly the pages that were marked.
 */
#ifndef RINGSIDE_RAM_H
#define RINGSIDE_RAM_H

#include "vmem.h"

#define RAM_REGIONS   3
#define RAM_LOW       0x10000ull    /* region 0 */
#define RAM_LOW_LEN   0x8000u       /* of regions 0 and 1 each */
#define RAM_RINGS_LEN 0x4000u       /* of region 0, for rings of even queues; buffers follow */
#define RAM_MID       0x18000ull    /* region 1 */
#define RAM_HIGH      0xffffa000ull /* region 2 */
#define RAM_HIGH_LEN  0xa000u
#define RAM_PAGE_LEN  256u /* granularity of dirty marks */
#define RAM_REDZONE   4096u

struct ram {
	struct vmem_map map;
	uint64_t dirty[RAM_REGIONS][(RAM_HIGH_LEN / RAM_PAGE_LEN + 63) / 64];
	uint8_t *block[RAM_REGIONS]; /* as allocated, redzones included */
};

bool ram_create(struct ram *); /* false: no memory */
void ram_destroy(struct ram *);
void ram_reset(struct ram *); /* all zero again, at the cost of what was dirtied */

void ram_touch_slow(struct ram *, gpa_t, uint32_t n);

/* The one region that n > 0 bytes at a may lie in as a whole. */
static inline int ram_region(gpa_t a)
{
	return a.v >= RAM_HIGH ? 2 : a.v >= RAM_MID;
}

/* Host address of a, and in *n (at most what it was) how many bytes follow there; NULL: not guest memory. */
static inline uint8_t *ram_at(const struct ram *r, gpa_t a, uint32_t *n)
{
	const struct vmem_region *g = &r->map.region[ram_region(a)];
	uint64_t off = a.v - g->gpa;
	if (off >= g->len)
		return NULL;
	if (*n > g->len - off)
		*n = (uint32_t)(g->len - off);
	return g->host + off;
}

/* Marks n bytes at a (guest memory) as stored to. */
static inline void ram_touch(struct ram *r, gpa_t a, uint32_t n)
{
	int i = ram_region(a);
	uint64_t off = a.v - r->map.region[i].gpa, first = off / RAM_PAGE_LEN;
	uint64_t last = (off + n - 1) / RAM_PAGE_LEN;
	if (n && off + n <= r->map.region[i].len && first / 64 == last / 64)
		r->dirty[i][first / 64] |= ((2ull << (last - first)) - 1) << (first % 64);
	else
		ram_touch_slow(r, a, n);
}

/* Host address of n > 0 bytes in one region, or NULL: not guest memory, or in two of them. */
static inline uint8_t *ram_whole(const struct ram *r, gpa_t a, uint32_t n)
{
	const struct vmem_region *g = &r->map.region[ram_region(a)];
	uint64_t off = a.v - g->gpa;
	return off < g->len && n <= g->len - off ? g->host + off : NULL;
}

bool ram_read_slow(const struct ram *, gpa_t, void *, uint32_t n);
bool ram_write_slow(struct ram *, gpa_t, const void *, uint32_t n);

/* Guest accesses; may cross. False, and nothing done: some byte is not guest memory. */
static inline bool ram_read(const struct ram *r, gpa_t a, void *out, uint32_t n)
{
	const uint8_t *host = n ? ram_whole(r, a, n) : NULL;
	if (!host)
		return ram_read_slow(r, a, out, n);
	memcpy(out, host, n);
	return true;
}

static inline bool ram_write(struct ram *r, gpa_t a, const void *in, uint32_t n)
{
	uint8_t *host = n ? ram_whole(r, a, n) : NULL;
	if (!host)
		return ram_write_slow(r, a, in, n);
	ram_touch(r, a, n);
	memcpy(host, in, n);
	return true;
}

/* ram_write for n bytes that are guest memory and were marked before. */
static inline void ram_put(struct ram *r, gpa_t a, const void *in, uint32_t n)
{
	uint8_t *host = n ? ram_whole(r, a, n) : NULL;
	if (host)
		memcpy(host, in, n);
	else
		ram_write_slow(r, a, in, n);
}

uint64_t ram_hash(const struct ram *, uint64_t h); /* of what was dirtied */

#endif
