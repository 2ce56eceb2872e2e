// SPDX-License-Identifier: BSD-2-Clause
#include <stdlib.h>

#include "hash.h"
#include "poison.h"
#include "ram.h"

static const struct {
	uint64_t gpa;
	uint32_t len;
} plan[RAM_REGIONS] = {{RAM_LOW, RAM_LOW_LEN}, {RAM_MID, RAM_LOW_LEN}, {RAM_HIGH, RAM_HIGH_LEN}};

bool ram_create(struct ram *r)
{
	memset(r, 0, sizeof(*r));
	r->map.nregions = RAM_REGIONS;
	for (int i = 0; i < RAM_REGIONS; i++) {
		size_t len = plan[i].len + 2 * RAM_REDZONE;
		r->block[i] = aligned_alloc(RAM_REDZONE, len);
		if (!r->block[i]) {
			ram_destroy(r);
			return false;
		}
		memset(r->block[i], 0, len);
		poison(r->block[i], RAM_REDZONE);
		poison(r->block[i] + RAM_REDZONE + plan[i].len, RAM_REDZONE);
		r->map.region[i] = (struct vmem_region){plan[i].gpa, plan[i].len, r->block[i] + RAM_REDZONE};
	}
	return true;
}

void ram_destroy(struct ram *r)
{
	for (int i = 0; i < RAM_REGIONS; i++) {
		if (r->block[i])
			unpoison(r->block[i], plan[i].len + 2 * RAM_REDZONE);
		free(r->block[i]);
		r->block[i] = NULL;
	}
}

void ram_reset(struct ram *r)
{
	for (int i = 0; i < RAM_REGIONS; i++) {
		for (size_t w = 0; w < sizeof(r->dirty[i]) / sizeof(r->dirty[i][0]); w++) {
			uint64_t bits = r->dirty[i][w];
			r->dirty[i][w] = 0;
			while (bits) { /* runs of pages */
				uint32_t first = (uint32_t)__builtin_ctzll(bits);
				uint64_t above = ~(bits >> first);
				uint32_t n = above ? (uint32_t)__builtin_ctzll(above) : 64;
				memset(r->map.region[i].host + (64 * w + first) * RAM_PAGE_LEN, 0,
				       n * RAM_PAGE_LEN);
				bits = first + n == 64 ? 0 : bits & ~0ull << (first + n);
			}
		}
	}
}

/* The region that holds a, or -1. */
static int region_of(gpa_t a)
{
	for (int i = 0; i < RAM_REGIONS; i++)
		if (a.v - plan[i].gpa < plan[i].len)
			return i;
	return -1;
}

void ram_touch_slow(struct ram *r, gpa_t a, uint32_t n)
{
	while (n) {
		int i = region_of(a);
		if (i < 0)
			return;
		uint32_t off = (uint32_t)(a.v - plan[i].gpa);
		uint32_t part = n < plan[i].len - off ? n : plan[i].len - off;
		uint32_t page = off / RAM_PAGE_LEN, last = (off + part - 1) / RAM_PAGE_LEN;
		for (uint32_t w = page / 64; w <= last / 64; w++, page = 64 * w) {
			uint32_t to = last / 64 == w ? last % 64 : 63;
			r->dirty[i][w] |= UINT64_MAX >> (63 - to) & UINT64_MAX << page % 64;
		}
		a = gpa_add(a, part);
		n -= part;
	}
}

static bool covers(const struct ram *r, gpa_t a, uint32_t n)
{
	while (n) {
		uint32_t part = n;
		if (!ram_at(r, a, &part))
			return false;
		a = gpa_add(a, part);
		n -= part;
	}
	return true;
}

bool ram_read_slow(const struct ram *r, gpa_t a, void *out, uint32_t n)
{
	if (!covers(r, a, n))
		return false;
	for (uint8_t *p = out; n;) {
		uint32_t part = n;
		const uint8_t *host = ram_at(r, a, &part);
		memcpy(p, host, part);
		a = gpa_add(a, part);
		p += part;
		n -= part;
	}
	return true;
}

bool ram_write_slow(struct ram *r, gpa_t a, const void *in, uint32_t n)
{
	if (!covers(r, a, n))
		return false;
	ram_touch(r, a, n);
	for (const uint8_t *p = in; n;) {
		uint32_t part = n;
		uint8_t *host = ram_at(r, a, &part);
		memcpy(host, p, part);
		a = gpa_add(a, part);
		p += part;
		n -= part;
	}
	return true;
}

uint64_t ram_hash(const struct ram *r, uint64_t h)
{
	for (int i = 0; i < RAM_REGIONS; i++) {
		for (uint32_t page = 0; page < plan[i].len / RAM_PAGE_LEN; page++) {
			if (!(r->dirty[i][page / 64] >> (page % 64) & 1))
				continue;
			h = hash_u64(h, plan[i].gpa + page);
			h = hash_bytes(h, r->map.region[i].host + page * RAM_PAGE_LEN, RAM_PAGE_LEN);
		}
	}
	return h;
}
