// SPDX-License-Identifier: BSD-2-Clause
/*
 * Guest RAM as the loaders see it, before any vCPU runs: plain bytes, fresh (all zero), nobody else looks at
 * them. Everything a loader places lies in the low part, so there is one pointer: guest address g is base[g],
 * g < low_len.
 */
#ifndef BOOT_RAM_H
#define BOOT_RAM_H

#include <stdbool.h>
#include <stdint.h>

struct boot_ram {
	uint8_t *base;
	uint64_t low_len;  /* from address 0; at most LAYOUT_HOLE, at least LAYOUT_MEMORY_MIN */
	uint64_t high_len; /* from 4 GiB on; only its length is told to the guest here */
};

#define RAM_RANGES_MAX 4
#define RAM_USABLE     1 /* types as in e820 and in PVH's memory map */
#define RAM_RESERVED   2

struct ram_range {
	uint64_t gpa, len;
	uint32_t type;
};

/* May a loader place len bytes at gpa: within RAM, above the first MiB? Never overflows. */
bool ram_fits(const struct boot_ram *, uint64_t gpa, uint64_t len);

/* The memory map to tell the guest; the number of ranges written. */
unsigned ram_ranges(const struct boot_ram *, struct ram_range out[RAM_RANGES_MAX]);

#endif
