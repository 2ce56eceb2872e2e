// SPDX-License-Identifier: BSD-2-Clause
/* virtio_rng: an entropy device of the machine: the core's over the host's random numbers (rng_host.h). */
#ifndef KVM_VIRTIO_RNG_H
#define KVM_VIRTIO_RNG_H

#include "rng_host.h"
#include "virtio_dev.h"

struct virtio_rng {
	struct virtio_dev dev; /* first: a struct virtio_dev * of virtio_rng_type is a struct virtio_rng * */
	struct rng rng;
	struct rng_host host;
	struct rng_backend backend; /* what the device's requests go to, once they are recorded */
};

static inline struct virtio_rng *virtio_rng(struct virtio_dev *d)
{
	return (struct virtio_rng *)d;
}

/* With the lock held: a request is answered. ctx: the struct virtio_dev. */
void virtio_rng_done(void *ctx, struct rng_io *, uint32_t bytes);

#endif
