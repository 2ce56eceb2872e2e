// SPDX-License-Identifier: BSD-2-Clause
/*
 * The ACPI tables of our machine: hardware-reduced (no PIT, no PM timer, no legacy power block), its
 * processors, one I/O APIC, COM1, and one device LNRO0005 for each virtio-mmio window. Stock kernels are built
 * without virtio_mmio.device= parsing, so these tables are how a guest learns of its devices.
 *
 * Pure: writes into the caller's buffer. The RSDP comes first, the other tables follow.
 */
#ifndef BOOT_ACPI_H
#define BOOT_ACPI_H

#include <stddef.h>
#include <stdint.h>
#include "err.h"

struct acpi_virtio {
	uint32_t base, len; /* the window's guest address */
	uint32_t gsi;
};

struct acpi_machine {
	const struct acpi_virtio *virtio;
	unsigned virtio_count;
	unsigned cpus; /* 1 .. LAYOUT_CPUS_MAX; APIC ids from 0 on */
};

/* buf[0] is at guest address gpa, a multiple of 16. Answers -1 when max bytes are not enough. */
int acpi_build(const struct acpi_machine *, uint8_t *buf, size_t max, uint64_t gpa, char err[ERR_MAX]);

#endif
