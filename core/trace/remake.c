// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_blk.h>

#include "trace/remake.h"

static bool has(const struct trace_device *t, unsigned feature)
{
	return t->features >> feature & 1;
}

bool remake_blk(const struct trace_device *t, struct blk_options *o, struct blk_backend *b)
{
	struct virtio_blk_config c = {0};
	memcpy(&c, t->config, t->config_len < sizeof(c) ? t->config_len : sizeof(c));
	*o = (struct blk_options){
		.read_only = has(t, VIRTIO_BLK_F_RO),
		.nqueues = t->nqueues,
		.physical_exp = c.physical_block_exp,
		.opt_io_sectors = c.opt_io_size,
		.without = ~t->features,
	};
	memcpy(o->ident, t->ident, t->ident_len < sizeof(o->ident) ? t->ident_len : sizeof(o->ident));
	b->sectors = c.capacity;
	b->can = (has(t, VIRTIO_BLK_F_FLUSH) ? BLK_CAN_FLUSH : 0u) |
		 (has(t, VIRTIO_BLK_F_DISCARD) ? BLK_CAN_DISCARD : 0u) |
		 (has(t, VIRTIO_BLK_F_WRITE_ZEROES) ? BLK_CAN_WRITE_ZEROES : 0u) |
		 (c.write_zeroes_may_unmap ? BLK_CAN_UNMAP : 0u);
	return t->nqueues && t->nqueues <= BLK_QUEUES_MAX && o->physical_exp <= 7;
}

bool remake_limits(const struct trace_device *t, struct vdev *v)
{
	vdev_offer(v, t->features & VDEV_FEATURES_MORE);
	v->offered &= t->features;
	for (uint16_t i = 0; i < t->nqueues; i++) {
		if (t->queue_size_max[i] > VQ_SIZE_MAX)
			return false;
		vdev_limit_queue(v, i, t->queue_size_max[i]);
	}
	return v->offered == t->features && v->nqueues == t->nqueues;
}
