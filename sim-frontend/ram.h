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

#define RAM_REGIONS  3
#define RAM_LOW      0x10000ull    /* region 0 */
#define RAM_LOW_LEN  0x8000u       /* of regions 0 and 1 each */
#define RAM_MID      0x18000ull    /* region 1 */
#define RAM_HIGH     0xffffa000ull /* region 2 */
#define RAM_HIGH_LEN 0xa000u
#define RAM_PAGE_LEN 256u /* granularity of dirty marks */
#define RAM_REDZONE  4096u

struct ram {
	struct vmem_map map;
	uint64_t dirty[RAM_REGIONS][(RAM_HIGH_LEN / RAM_PAGE_LEN + 63) / 64];
	uint8_t *block[RAM_REGIONS]; /* as allocated, redzones included */
};

bool ram_create(struct ram *); /* false: no memory */
void ram_destroy(struct ram *);
void ram_reset(struct ram *); /* all zero again, at the cost of what was dirtied */

/* Host address of a, and in *n (at most what it was) how many bytes follow there; NULL: not guest memory. */
uint8_t *ram_at(const struct ram *, gpa_t, uint32_t *n);
void ram_touch_slow(struct ram *, gpa_t, uint32_t n);

/* Marks n bytes at a (guest memory) as stored to. */
static inline void ram_touch(struct ram *r, gpa_t a, uint32_t n)
{
	int i = a.v >= RAM_HIGH ? 2 : a.v >= RAM_MID;
	uint64_t off = a.v - r->map.region[i].gpa, page = off / RAM_PAGE_LEN;
	if (n && off % RAM_PAGE_LEN + n <= RAM_PAGE_LEN && off < r->map.region[i].len)
		r->dirty[i][page / 64] |= 1ull << (page % 64);
	else
		ram_touch_slow(r, a, n);
}

/* Guest accesses; may cross. False, and nothing done: some byte is not guest memory. */
bool ram_read(const struct ram *, gpa_t, void *, uint32_t n);
bool ram_write(struct ram *, gpa_t, const void *, uint32_t n);
uint64_t ram_hash(const struct ram *, uint64_t h); /* of what was dirtied */

#endif
