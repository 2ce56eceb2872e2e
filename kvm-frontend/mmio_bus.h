// SPDX-License-Identifier: BSD-2-Clause
/*
 * The MMIO bus: a table of windows of guest addresses, each with the callbacks of what lies behind it.
 *
 * Filled before the vCPUs run and constant afterwards, so it needs no lock. Callbacks run on any vCPU's
 * thread; whoever owns the device takes the device's lock in them. Values are numbers (the guest's little
 * endian is the host's); len is 1, 2, 4 or 8 bytes and off + len lies within the window: checked here.
 */
#ifndef KVM_MMIO_BUS_H
#define KVM_MMIO_BUS_H

#include <stdint.h>

#define MMIO_WINDOWS_MAX 32

struct mmio_ops {
	uint64_t (*read)(void *ctx, uint64_t off, uint32_t len);
	void (*write)(void *ctx, uint64_t off, uint32_t len, uint64_t value);
};

struct mmio_window {
	uint64_t base, len; /* bytes */
	const struct mmio_ops *ops;
	void *ctx;
};

struct mmio_bus {
	unsigned count;
	struct mmio_window windows[MMIO_WINDOWS_MAX];
};

/* -1: the table is full, or the window is empty, wraps, or overlaps another one. */
int mmio_bus_add(struct mmio_bus *, uint64_t base, uint64_t len, const struct mmio_ops *, void *ctx);

/* An access where nothing is: reads all ones, writes go nowhere, as on a PC. len: any up to 8. */
uint64_t mmio_bus_read(const struct mmio_bus *, uint64_t addr, uint32_t len);
void mmio_bus_write(const struct mmio_bus *, uint64_t addr, uint32_t len, uint64_t value);

#endif
