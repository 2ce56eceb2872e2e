// SPDX-License-Identifier: BSD-2-Clause
/* virtio_blk: a disk of the machine: the core's block device over an image (disk.h). */
#ifndef KVM_VIRTIO_BLK_H
#define KVM_VIRTIO_BLK_H

#include "disk.h"
#include "virtio_dev.h"

struct virtio_blk {
	struct virtio_dev dev; /* first: a struct virtio_dev * of virtio_blk_type is a struct virtio_blk * */
	struct blk blk;
	struct disk *disk; /* NULL: of a program */
	struct loop_fd *watch;
	struct blk_backend backend; /* what the device's requests go to, once they are recorded */
};

static inline struct virtio_blk *virtio_blk(struct virtio_dev *d)
{
	return (struct virtio_blk *)d;
}

/* With the lock held: a request is answered. ctx: the struct virtio_dev. */
void virtio_blk_done(void *ctx, struct blk_io *, enum blk_result, uint32_t bytes);
/* The image may have another size now. Any device, but only a disk heeds it. */
void virtio_blk_resize(struct virtio_dev *);

#endif
