// SPDX-License-Identifier: BSD-2-Clause
/*
 * net_tap: a tap interface of the host. Each frame is one system call, with its virtio header, so that the guest and
 * the host's network hand each other segments of up to 64 KiB and leave checksums out. A descriptor for each pair
 * of queues; the kernel spreads flows over those that the guest uses.
 *
 * The interface must be there: its address, its bridge, and who may open it are its owner's business
 * (docs/devices.md). A frame for the guest that finds no buffer stays here, and the rest in the kernel's queue.
 */
#ifndef KVM_NET_TAP_H
#define KVM_NET_TAP_H

#include "net_host.h"

/* -1 and one clear line: no such interface, no permission, in use, too few queues. */
int net_tap_open(struct net_host *out, const struct option_net *, uint16_t pairs, struct loop *,
		 const struct net_side *, char err[ERR_MAX]);

/* -- between the parts ------------------------------------------------------------------------------------ */
#define NET_TAP_HEADER_LEN 10u /* without num_buffers: struct net_header as it is */

/* A descriptor for each pair, all of them attached; they do not block, and keep frames apart. */
struct net_tap_fds {
	char name[OPTIONS_TAP_MAX];
	uint16_t n, mtu;
	uint32_t can; /* enum net_can */
	int fd[NET_PAIRS_MAX];
};
/* Takes the descriptors, whatever it answers. */
int net_tap_create(struct net_host *out, const struct net_tap_fds *, struct loop *, const struct net_side *,
		   char err[ERR_MAX]);
/* What the kernel may hand us (enum net_can). 0, or -1 with errno. */
int net_tap_set_offloads(int fd, uint32_t can);

#endif
