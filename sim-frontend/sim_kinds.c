// SPDX-License-Identifier: BSD-2-Clause
/* What the generator knows of each type of device. */
#include <linux/virtio_ids.h>

#include "sim_int.h"

static const struct sim_kind kinds[] = {
	{.id = VIRTIO_ID_BLOCK, .area = CLAUSE_BLOCK, .rare = DEVICE_READ_ONLY},
	{.id = VIRTIO_ID_RNG, .area = CLAUSE_ENTROPY, .rare = DEVICE_READ_ONLY},
};

const struct sim_kind *sim_kind(uint16_t id)
{
	uint32_t i = 0;
	while (kinds[i].id != id)
		i++;
	return &kinds[i];
}
