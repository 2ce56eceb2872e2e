// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>
#include <sys/mman.h>

#include "tracemem.h"

#define RAM_MAX (1ull << 42) /* bytes of address space that we are ready to reserve */

bool tracemem_create(struct vmem_map *map, const struct trace_head *h, char *err, size_t max)
{
	uint64_t total = 0;
	map->nregions = 0;
	for (uint32_t i = 0; i < h->nregions; i++) {
		uint64_t len = h->region[i].len;
		total += len;
		if (len == 0 || len > RAM_MAX || total > RAM_MAX) {
			snprintf(err, max, "guest memory region %u of %llu bytes", i,
				 (unsigned long long)len);
			return false;
		}
		void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			       -1, 0);
		if (p == MAP_FAILED) {
			snprintf(err, max, "can not reserve %llu bytes of guest memory",
				 (unsigned long long)len);
			return false;
		}
		map->region[map->nregions++] = (struct vmem_region){h->region[i].gpa, len, p};
	}
	if (!vmem_map_valid(map)) {
		snprintf(err, max, "guest memory regions overlap or are misaligned");
		return false;
	}
	return true;
}

void tracemem_destroy(struct vmem_map *map)
{
	for (uint32_t i = 0; i < map->nregions; i++)
		munmap(map->region[i].host, map->region[i].len);
	map->nregions = 0;
}

uint8_t *tracemem_at(const struct vmem_map *map, gpa_t a, uint32_t n)
{
	for (uint32_t i = 0; i < map->nregions; i++) {
		const struct vmem_region *r = &map->region[i];
		uint64_t off = a.v - r->gpa;
		if (off < r->len && n <= r->len - off)
			return r->host + off;
	}
	return NULL;
}

void tracemem_put(const struct vmem_map *map, gpa_t a, const uint8_t *data, uint32_t n)
{
	uint8_t *host = n ? tracemem_at(map, a, n) : NULL;
	if (host)
		memcpy(host, data, n);
	for (uint32_t i = 0; !host && i < n; i++) {
		uint8_t *byte = tracemem_at(map, gpa_add(a, i), 1);
		if (byte)
			*byte = data[i];
	}
}
