// SPDX-License-Identifier: BSD-2-Clause
/* virtio_net: a network card of the machine: the core's network device over a tap or user networking (net_host.h). */
#ifndef KVM_VIRTIO_NET_H
#define KVM_VIRTIO_NET_H

#include "net_host.h"
#include "virtio_dev.h"

struct virtio_net {
	struct virtio_dev dev; /* first: a struct virtio_dev * of virtio_net_type is a struct virtio_net * */
	struct net net;
	struct net_host host;       /* its destroy is NULL: of a program */
	struct net_backend backend; /* what the device's requests go to, once they are recorded */
};

static inline struct virtio_net *virtio_net(struct virtio_dev *d)
{
	return (struct virtio_net *)d;
}

/* nr: of the card, for its name. */
struct virtio_dev *virtio_net_create(struct vmm *, const struct option_net *, unsigned nr, char err[ERR_MAX]);
/* With the lock held: a request is answered. ctx: the struct virtio_dev. */
void virtio_net_done(void *ctx, struct net_io *, enum net_result);
/* With the lock held: a frame has arrived. ctx: the struct virtio_dev. */
enum net_answer virtio_net_receive(void *ctx, uint16_t pair, const struct net_frame *);
/* Pulls the cable, or puts it in again; the guest is told, and asked to announce itself. Takes the lock. */
void virtio_net_link(struct virtio_dev *, bool up);

#endif
