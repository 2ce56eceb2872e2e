// SPDX-License-Identifier: BSD-2-Clause
#include "memory_save.h"
#include <stdlib.h>
#include <string.h>
#include "state.h"

#define PAGE_LEN  4096u
#define CHUNK_LEN (2u << 20) /* which every region is a multiple of */
#define PAGES     (CHUNK_LEN / PAGE_LEN)
#define WORDS     (PAGES / 64)
#define HEAD_LEN  (8 + 8 * WORDS)

_Static_assert(HEAD_LEN + CHUNK_LEN <= SAVEFILE_PART_MAX, "a chunk is a part");

static bool is_zero(const uint8_t *page)
{
	const uint64_t *word = (const void *)page;
	uint64_t any = 0;

	for (uint32_t i = 0; i < PAGE_LEN / 8; i++)
		any |= word[i];
	return !any;
}

/* What the chunk's part is, in out; 0: nothing. */
static size_t pack(uint64_t gpa, const uint8_t *host, uint64_t len, uint8_t *out)
{
	uint64_t present[WORDS] = {0};
	size_t n = HEAD_LEN;
	struct state_out head = {out, HEAD_LEN, 0};

	for (uint32_t i = 0; i < len / PAGE_LEN; i++) {
		const uint8_t *page = host + (uint64_t)i * PAGE_LEN;

		if (is_zero(page))
			continue;
		present[i / 64] |= 1ull << (i % 64);
		memcpy(out + n, page, PAGE_LEN);
		n += PAGE_LEN;
	}
	state_put_u64(&head, gpa);
	for (uint32_t w = 0; w < WORDS; w++)
		state_put_u64(&head, present[w]);
	return n > HEAD_LEN ? n : 0;
}

int memory_save(const struct vmem_map *map, struct savefile_out *out, char err[ERR_MAX])
{
	uint8_t *bytes = malloc(HEAD_LEN + CHUNK_LEN);

	if (!bytes)
		return err_set(err, "out of memory");
	for (uint32_t i = 0; i < map->nregions; i++) {
		const struct vmem_region *r = &map->region[i];

		for (uint64_t off = 0; off < r->len; off += CHUNK_LEN) {
			uint64_t left = r->len - off;
			size_t n =
				pack(r->gpa + off, r->host + off, left < CHUNK_LEN ? left : CHUNK_LEN, bytes);

			if (n)
				savefile_put(out, SAVEFILE_MEMORY, 0, bytes, n);
		}
	}
	free(bytes);
	return 0;
}

/* The host's address of a chunk, and how much of it there is; NULL: there is none. */
static uint8_t *find(const struct vmem_map *map, uint64_t gpa, uint64_t *len)
{
	for (uint32_t i = 0; i < map->nregions; i++) {
		const struct vmem_region *r = &map->region[i];
		uint64_t off = gpa - r->gpa;

		if (gpa < r->gpa || off >= r->len || off % CHUNK_LEN)
			continue;
		*len = r->len - off < CHUNK_LEN ? r->len - off : CHUNK_LEN;
		return r->host + off;
	}
	return NULL;
}

static bool unpack(const struct vmem_map *map, const uint8_t *bytes, size_t n, uint64_t *next)
{
	struct state_in head = {.buf = bytes, .len = n};
	uint64_t gpa = state_get_u64(&head), len = 0, present[WORDS];
	uint8_t *host = find(map, gpa, &len);

	for (uint32_t w = 0; w < WORDS; w++)
		present[w] = state_get_u64(&head);
	if (head.bad || !host || gpa < *next)
		return false;
	*next = gpa + len;
	bytes += HEAD_LEN;
	n -= HEAD_LEN;
	for (uint32_t i = 0; i < PAGES; i++) {
		if (!(present[i / 64] >> (i % 64) & 1))
			continue;
		if (n < PAGE_LEN || (uint64_t)(i + 1) * PAGE_LEN > len)
			return false;
		memcpy(host + (uint64_t)i * PAGE_LEN, bytes, PAGE_LEN);
		bytes += PAGE_LEN;
		n -= PAGE_LEN;
	}
	return n == 0;
}

int memory_restore(const struct vmem_map *map, struct savefile_in *in, char err[ERR_MAX])
{
	uint64_t next = 0;

	while (in->part == SAVEFILE_MEMORY) {
		if (!unpack(map, in->bytes, in->len, &next))
			return savefile_damaged(in, "a part of memory lies where none is", err);
		if (savefile_next(in, err))
			return -1;
	}
	return 0;
}
