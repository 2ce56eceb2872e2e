// SPDX-License-Identifier: BSD-2-Clause
/* The block device's configuration space (5.2.4). */
#include <linux/virtio_blk.h>

#include "devices/blk_int.h"

/* Header and status take a descriptor each, and a driver without indirect tables has no more than its queue
 * holds. */
static uint32_t seg_max(const struct vdev *d)
{
	uint32_t size = d->queue[0].size_max;
	if (size >= VQ_SEGS_MAX)
		return BLK_SEG_MAX;
	return size > 2 ? size - 2 : 1;
}

void blk_config_read(struct vdev *d, uint8_t *image)
{
	const struct blk *b = blk_of(d);
	const struct blk_options *o = &b->options;
	bool can_flush = !vdev_has(d, VIRTIO_BLK_F_CONFIG_WCE) || vdev_has(d, VIRTIO_BLK_F_FLUSH);
	struct virtio_blk_config c = {
		.capacity = b->backend.sectors,
		.size_max = BLK_SIZE_MAX,
		.seg_max = seg_max(d),
		.blk_size = BLK_SECTOR_LEN,
		.physical_block_exp = o->physical_exp,
		.min_io_size = (uint16_t)(1u << o->physical_exp),
		.opt_io_size = o->opt_io_sectors,
		.wce = can_flush ? b->writeback : 0, /* blk.init.2 */
		.num_queues = d->nqueues,
	};
	if (b->backend.can & BLK_CAN_DISCARD) {
		c.max_discard_sectors = BLK_RANGE_MAX;
		c.max_discard_seg = BLK_RANGES_MAX;
		c.discard_sector_alignment = 1u << o->physical_exp;
	}
	if (b->backend.can & BLK_CAN_WRITE_ZEROES) {
		c.max_write_zeroes_sectors = BLK_RANGE_MAX;
		c.max_write_zeroes_seg = BLK_RANGES_MAX;
		c.write_zeroes_may_unmap = !!(b->backend.can & BLK_CAN_UNMAP);
	}
	memcpy(image, &c, BLK_CONFIG_LEN);
}

/* Only the writeback byte can be written, as 0 or 1, and only where CONFIG_WCE was negotiated (5.2.5). */
bool blk_config_write(struct vdev *d, uint32_t off, const uint8_t *in, uint32_t n)
{
	if (off != offsetof(struct virtio_blk_config, wce) || n != 1 || in[0] > 1 ||
	    !vdev_has(d, VIRTIO_BLK_F_CONFIG_WCE))
		return false;
	blk_of(d)->writeback = in[0];
	return true;
}
