// SPDX-License-Identifier: BSD-2-Clause
/* What the generator knows of each type of device. */
#include <linux/virtio_ids.h>

#include "sim_int.h"

static const struct sim_kind blk = {.id = VIRTIO_ID_BLOCK, .area = CLAUSE_BLOCK, .rare = DEVICE_READ_ONLY};
static const struct sim_kind rng = {.id = VIRTIO_ID_RNG, .area = CLAUSE_ENTROPY, .rare = DEVICE_READ_ONLY};
static const struct sim_kind *const kinds[] = {&blk, &rng, &sim_kind_net, &sim_kind_console};

const struct sim_kind *sim_kind(uint16_t id)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i]->id == id)
			return kinds[i];
	return NULL;
}
