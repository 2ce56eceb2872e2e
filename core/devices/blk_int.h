// SPDX-License-Identifier: BSD-2-Clause
/* blk_int: inside the block device, for blk*.c only. */
#ifndef RINGSIDE_BLK_INT_H
#define RINGSIDE_BLK_INT_H

#include <linux/virtio_blk.h>

#include "devices/blk.h"

#define BLK_CONFIG_LEN \
	(offsetof(struct virtio_blk_config, unused1) + 3) /* bytes; up to what WRITE_ZEROES needs */

static inline struct blk *blk_of(struct vdev *d)
{
	return (struct blk *)(void *)d;
}

/* blk.c: the request's slot is free again. */
void blk_slot_put(struct blk *, const struct blk_req *);
/* blk.c: lends the next io.len bytes under the cursor. False: not now, or more pieces than fit; nothing stays
 * pinned. */
bool blk_pin(struct blk *, struct blk_req *, struct vq_cursor *, bool *too_many);

/* blk_config.c */
void blk_config_read(struct vdev *, uint8_t *image);
bool blk_config_write(struct vdev *, uint32_t off, const uint8_t *, uint32_t n);

/* blk_state.c */
void blk_save(const struct vdev *, struct state_out *);
void blk_load(struct vdev *, struct state_in *);
void blk_resume(struct vdev *);
/* Lends and submits what was loaded and is not at the backend yet, oldest first, as far as there is room. */
void blk_send(struct blk *);
/* Of these queues (bit each): they will not be sent any more, nor answered. */
void blk_forget_unsent(struct blk *, uint32_t queues);

#endif
