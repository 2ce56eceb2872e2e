// SPDX-License-Identifier: BSD-2-Clause
/*
 * net_user: user networking: libslirp stands in for a router and speaks for the guest with sockets of ours, so
 * neither root nor any set-up is needed.
 *
 * The guest's network is 10.0.2.0/24: DHCP gives it 10.0.2.15, the router, which is also this host's loopback, is
 * 10.0.2.2, DNS 10.0.2.3. IPv4 only. Nothing comes in but what a hostfwd lets in, on this host's loopback.
 *
 * Its sockets change all the time: an epoll instance of our own holds them and is one descriptor in the loop; a
 * timer does the rest. Frames for the guest wait in a queue; while that is half full, no socket is read, so TCP
 * slows down by itself, and what still comes beyond it is lost, as on a wire.
 */
#ifndef KVM_NET_USER_H
#define KVM_NET_USER_H

#include "net_host.h"

#define NET_USER_QUEUE_LEN 256 /* frames that wait for the guest */
#define NET_USER_MTU_MAX   65521u

/* What the options ask of it; out's functions belong to it until destroy. -1 and one clear line: a port that is
 * taken. */
int net_user_open(struct net_host *out, const struct option_net *, struct loop *, const struct net_side *,
		  char err[ERR_MAX]);

#endif
