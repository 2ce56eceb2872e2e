// SPDX-License-Identifier: BSD-2-Clause
/*
 * mmio: the virtio-mmio register window, version 2 (virtio 1.4, 4.2.2). Decodes accesses and calls vdev;
 * holds only the selector registers. The caller holds the device's lock.
 */
#ifndef RINGSIDE_MMIO_H
#define RINGSIDE_MMIO_H

#include "vdev.h"

#define MMIO_VENDOR_ID 0x45444953u /* "SIDE" */

struct mmio {
	struct vdev *dev;
	uint32_t device_features_sel, driver_features_sel, queue_sel, shm_sel;
};

void mmio_init(struct mmio *, struct vdev *);
/* off: bytes into the window. Control registers take 4 aligned bytes only, the configuration space any width
 * up to 8. */
uint64_t mmio_read(struct mmio *, uint64_t off, uint32_t size);
void mmio_write(struct mmio *, uint64_t off, uint32_t size, uint64_t value);
uint64_t mmio_hash(const struct mmio *); /* the device's state, selectors included */

/*
 * The device and its registers as bytes (state.h; vdev.h tells what that means). mmio_save returns how many
 * there are; where that is more than room, buf holds none that are of use. mmio_load: false when the bytes
 * are damaged, or of another device: then this one is as after a reset. After true comes vdev_resume.
 */
size_t mmio_save(const struct mmio *, void *buf, size_t room);
bool mmio_load(struct mmio *, const void *buf, size_t len);

#endif
