// SPDX-License-Identifier: BSD-2-Clause
#include "ram.h"
#include "layout.h"

bool ram_fits(const struct boot_ram *ram, uint64_t gpa, uint64_t len)
{
	/* Subtract, never add: gpa and len come from a file and may be anything up to 2^64 - 1. */
	return gpa >= LAYOUT_HIGH_MEM && gpa <= ram->low_len && len <= ram->low_len - gpa;
}

unsigned ram_ranges(const struct boot_ram *ram, struct ram_range out[RAM_RANGES_MAX])
{
	unsigned n = 0;

	out[n++] = (struct ram_range){0, LAYOUT_LOW_END, RAM_USABLE};
	out[n++] = (struct ram_range){LAYOUT_ACPI, LAYOUT_HIGH_MEM - LAYOUT_ACPI, RAM_RESERVED};
	out[n++] = (struct ram_range){LAYOUT_HIGH_MEM, ram->low_len - LAYOUT_HIGH_MEM, RAM_USABLE};
	if (ram->high_len)
		out[n++] = (struct ram_range){LAYOUT_HOLE_END, ram->high_len, RAM_USABLE};
	return n;
}
