// SPDX-License-Identifier: BSD-2-Clause
/* edge: addresses at which checks of ranges go wrong, for whoever plays a hostile guest: where the simulated machine's memory
 * (ram.h) begins and ends, and what is none. */
#ifndef RINGSIDE_EDGE_H
#define RINGSIDE_EDGE_H

#include <linux/virtio_mmio.h>

#include "ram.h"

#define EDGES          16u
#define EDGE_REGISTERS 0xfeb00000ull /* no memory: a device's registers */

static inline uint64_t edge_nth(uint32_t n)
{
	static const uint64_t edge[EDGES] = {RAM_LOW,
					     RAM_LOW - 1,
					     RAM_MID,
					     RAM_MID - 1,
					     RAM_MID + RAM_LOW_LEN - 1,
					     RAM_MID + RAM_LOW_LEN,
					     RAM_HIGH,
					     RAM_HIGH - 1,
					     RAM_HIGH + RAM_HIGH_LEN - 1,
					     RAM_HIGH + RAM_HIGH_LEN,
					     1ull << 32,
					     UINT64_MAX,
					     EDGE_REGISTERS,
					     EDGE_REGISTERS + VIRTIO_MMIO_QUEUE_NOTIFY,
					     0,
					     1ull << 63};
	return edge[n % EDGES];
}

#endif
