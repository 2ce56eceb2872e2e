// SPDX-License-Identifier: BSD-2-Clause
/*
 * net_host: the host's end of a network device, which is a tap (net_tap.h) or user networking (net_user.h), and
 * what both have in common.
 *
 * Everything happens with the device's lock held, in whichever thread has it; an end takes that lock itself
 * (`enter`, `leave`) when the loop tells it that something has arrived. No frame is given to the device from
 * inside submit, tune or wake: those only note it, and `poll`, at the end of each piece of work, goes on.
 */
#ifndef KVM_NET_HOST_H
#define KVM_NET_HOST_H

#include "boot/err.h"
#include "devices/net.h"
#include "loop.h"
#include "options.h"

/* What an end asks of the device's side. */
struct net_side {
	void (*enter)(void *ctx); /* takes the lock */
	void (*leave)(void *ctx); /* ends a piece of work, so poll is called, and lets go of it */
	void (*done)(void *ctx, struct net_io *, enum net_result);
	enum net_answer (*receive)(void *ctx, uint16_t pair, const struct net_frame *);
	void *ctx;
};

struct net_host {
	struct net_backend backend; /* its ctx is everybody's */
	uint16_t mtu;               /* of the network beyond */
	uint16_t pairs;             /* of queues that it has use for */
	/* Gives the device what waits. True: requests were answered outside of submit. */
	bool (*poll)(void *ctx);
	void (*destroy)(void *ctx);
};

/* A frame as it came, for the request that net_receive makes of it. len: NET_ETH_MIN .. NET_FRAME_MAX. */
#define NET_HOST_FRAME_MIN 14u
void net_host_describe(struct net_frame *, const struct net_header *, const uint8_t *bytes, uint32_t len);
/* Fills the spans of a request to receive. */
void net_host_scatter(const struct net_io *, const uint8_t *bytes);
/* Copies a frame to be sent out of guest memory, once: nobody can change what was looked at. */
void net_host_gather(const struct net_io *, uint8_t *bytes);

#endif
