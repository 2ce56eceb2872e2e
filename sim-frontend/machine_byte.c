// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <string.h>

#include "machine_byte.h"
#include "vdev.h"

static const uint16_t machines[MACHINE_BYTE_MACHINES][MACHINE_BYTE_DEVICES] = {
	{VIRTIO_ID_BLOCK},
	{VIRTIO_ID_RNG},
	{VIRTIO_ID_NET},
	{VIRTIO_ID_CONSOLE},
	{VIRTIO_ID_BLOCK, VIRTIO_ID_NET},
	{VIRTIO_ID_NET, VIRTIO_ID_CONSOLE},
	{VIRTIO_ID_CONSOLE, VIRTIO_ID_RNG},
	{VIRTIO_ID_BLOCK, VIRTIO_ID_RNG, VIRTIO_ID_NET, VIRTIO_ID_CONSOLE},
};

struct machine_kind machine_byte_read(uint8_t byte)
{
	static const uint64_t packed = 1ull << VIRTIO_F_RING_PACKED,
			      offers[4] = {0, packed, VDEV_FEATURES_MORE & ~packed, VDEV_FEATURES_MORE};
	struct machine_kind k = {.nr = byte % MACHINE_BYTE_MACHINES, .offer = offers[byte >> 3 & 3]};
	memcpy(k.id, machines[k.nr], sizeof(k.id));
	while (k.ndevices < MACHINE_BYTE_DEVICES && k.id[k.ndevices])
		k.ndevices++;
	return k;
}

bool machine_byte_find(const uint16_t *id, uint32_t ndevices, uint8_t *byte)
{
	for (*byte = 0; *byte < MACHINE_BYTE_MACHINES; ++*byte) {
		struct machine_kind k = machine_byte_read(*byte);
		if (k.ndevices == ndevices && !memcmp(k.id, id, ndevices * sizeof(*id)))
			return true;
	}
	return false;
}
