// SPDX-License-Identifier: BSD-2-Clause
/* idle: a device that does nothing but what the common part of all devices does, with the oracle of the
 * status machine beside it. A test does to it by hand what a broken one would do. */
#ifndef RINGSIDE_TESTS_UNIT_IDLE_H
#define RINGSIDE_TESTS_UNIT_IDLE_H

#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "oracle_status.h"
#include "ram.h"

#define IDLE_SIZE    8u
#define IDLE_BEGUN   (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define IDLE_AGREED  (IDLE_BEGUN | VIRTIO_CONFIG_S_FEATURES_OK)
#define IDLE_LIVE    (IDLE_AGREED | VIRTIO_CONFIG_S_DRIVER_OK)
#define IDLE_VERSION (1ull << VIRTIO_F_VERSION_1)
#define IDLE_RESETS  (1ull << VIRTIO_F_RING_RESET)

struct idle {
	struct ram ram;
	struct vmem mem;
	struct vdev dev;
	struct mmio mmio;
	struct oracle *oracle;
	struct oracle_status s;
	uint8_t image[64];
	uint32_t n;
	struct violation last;
};

extern struct idle idle;

int idle_setup(void **state);
int idle_teardown(void **state);
void idle_silent(void);
void idle_cries(const char *clause);
/* The two halves of a register write: between them the device can be tampered with. */
void idle_write_begins(uint32_t off, uint32_t value);
void idle_write_ends(uint32_t off, uint32_t value);
void idle_put(uint32_t off, uint32_t value);
uint32_t idle_get(uint32_t off);
/* The device answers something else. */
void idle_get_other(uint32_t off, uint32_t value);
void idle_accept_features(uint64_t features);
void idle_set_up(uint32_t queue);
void idle_start(uint64_t features);
void idle_interrupt(void *ctx, uint16_t source);
void idle_raise_bit(uint32_t bit, uint16_t source);

#endif
