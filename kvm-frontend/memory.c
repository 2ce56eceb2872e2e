// SPDX-License-Identifier: BSD-2-Clause
#include "memory.h"
#include "boot/layout.h"
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define GUARD_LEN UINT64_C(4096)
#define HUGE_LEN  (UINT64_C(2) << 20)

/*
 * Reserves len bytes that begin on a huge page's border, and a guard page before and after. Guest and host
 * addresses then agree modulo 2 MiB, without which neither the host's page tables nor the nested ones can use
 * large pages.
 */
static uint8_t *reserve(uint64_t len)
{
	uint64_t area_len = len + 2 * HUGE_LEN, before;
	uint8_t *area = mmap(NULL, area_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (area == MAP_FAILED)
		return NULL;
	before = HUGE_LEN - (uintptr_t)area % HUGE_LEN; /* at least one page, at most HUGE_LEN */
	if (before > GUARD_LEN)
		munmap(area, before - GUARD_LEN);
	if (area_len - before - len > GUARD_LEN)
		munmap(area + before + len + GUARD_LEN, area_len - before - len - GUARD_LEN);
	return area + before;
}

static int region_create(struct vmem_map *map, uint64_t gpa, uint64_t len, char err[ERR_MAX])
{
	uint8_t *host = reserve(len);

	if (!host)
		return err_set(err, "--memory: the host does not give %llu bytes: %s; use less",
			       (unsigned long long)len, strerror(errno));
	map->region[map->nregions++] = (struct vmem_region){gpa, len, host};
	if (mprotect(host, len, PROT_READ | PROT_WRITE))
		return err_set(err, "--memory: the host does not give %llu bytes: %s; use less",
			       (unsigned long long)len, strerror(errno));
	madvise(host, len, MADV_HUGEPAGE); /* a hint: a host without them goes on with small pages */
	return 0;
}

int memory_create(struct vmem_map *map, uint64_t len, char err[ERR_MAX])
{
	uint64_t low_len = len < LAYOUT_HOLE ? len : LAYOUT_HOLE;

	memset(map, 0, sizeof(*map));
	if (region_create(map, 0, low_len, err) ||
	    (len > low_len && region_create(map, LAYOUT_HOLE_END, len - low_len, err))) {
		memory_destroy(map);
		return -1;
	}
	return 0;
}

int memory_create_regions(struct vmem_map *map, const struct trace_head *h, char err[ERR_MAX])
{
	memset(map, 0, sizeof(*map));
	for (uint32_t i = 0; i < h->nregions; i++) {
		uint64_t gpa = h->region[i].gpa, len = h->region[i].len, end = gpa + len;

		if (len == 0 || (gpa | len) % GUARD_LEN || end < gpa || end > LAYOUT_INTERPRETER_REACH ||
		    (gpa < LAYOUT_LAPIC + GUARD_LEN && end > LAYOUT_HOLE))
			return err_set(err,
				       "--guest-program: memory of 0x%llx bytes at 0x%llx: it must be whole "
				       "pages, below 8G, and "
				       "none where devices are",
				       (unsigned long long)len, (unsigned long long)gpa);
		if (region_create(map, gpa, len, err))
			return -1;
	}
	return vmem_map_valid(map) ? 0 : err_set(err, "--guest-program: its memory regions overlap");
}

void memory_destroy(struct vmem_map *map)
{
	for (uint32_t i = 0; i < map->nregions; i++)
		munmap(map->region[i].host - GUARD_LEN, map->region[i].len + 2 * GUARD_LEN);
	map->nregions = 0;
}

int memory_attach(const struct vmem_map *map, int vm_fd, char err[ERR_MAX])
{
	for (uint32_t i = 0; i < map->nregions; i++) {
		const struct vmem_region *r = &map->region[i];
		struct kvm_userspace_memory_region slot = {
			.slot = i,
			.guest_phys_addr = r->gpa,
			.memory_size = r->len,
			.userspace_addr = (uintptr_t)r->host,
		};

		if (ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &slot))
			return err_set(err,
				       "KVM refuses guest memory of %llu bytes: %s; use a smaller --memory",
				       (unsigned long long)r->len, strerror(errno));
	}
	return 0;
}

struct boot_ram memory_boot_ram(const struct vmem_map *map)
{
	return (struct boot_ram){
		.base = map->region[0].host,
		.low_len = map->region[0].len,
		.high_len = map->nregions > 1 ? map->region[1].len : 0,
	};
}
