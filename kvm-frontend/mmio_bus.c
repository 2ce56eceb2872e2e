// SPDX-License-Identifier: BSD-2-Clause
#include "mmio_bus.h"
#include <stddef.h>

int mmio_bus_add(struct mmio_bus *bus, uint64_t base, uint64_t len, const struct mmio_ops *ops, void *ctx)
{
	if (bus->count == MMIO_WINDOWS_MAX || len == 0 || base + len < base)
		return -1;
	for (unsigned i = 0; i < bus->count; i++) {
		const struct mmio_window *w = &bus->windows[i];

		if (base < w->base + w->len && w->base < base + len)
			return -1;
	}
	bus->windows[bus->count++] = (struct mmio_window){base, len, ops, ctx};
	return 0;
}

/*
 * The window that holds the whole access. An access of an odd width or one that leaves the window at its end
 * belongs to nobody: a device never sees an offset and length that it would have to check.
 */
static const struct mmio_window *find(const struct mmio_bus *bus, uint64_t addr, uint32_t len)
{
	if (len != 1 && len != 2 && len != 4 && len != 8)
		return NULL;
	for (unsigned i = 0; i < bus->count; i++) {
		const struct mmio_window *w = &bus->windows[i];

		if (addr >= w->base && addr - w->base < w->len)
			return len <= w->len - (addr - w->base) ? w : NULL;
	}
	return NULL;
}

uint64_t mmio_bus_read(const struct mmio_bus *bus, uint64_t addr, uint32_t len)
{
	const struct mmio_window *w = find(bus, addr, len);

	return w ? w->ops->read(w->ctx, addr - w->base, len) : UINT64_MAX;
}

void mmio_bus_write(const struct mmio_bus *bus, uint64_t addr, uint32_t len, uint64_t value)
{
	const struct mmio_window *w = find(bus, addr, len);

	if (w)
		w->ops->write(w->ctx, addr - w->base, len, value);
}
