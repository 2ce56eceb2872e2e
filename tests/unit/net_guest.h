// SPDX-License-Identifier: BSD-2-Clause
/*
 * net_guest: what a host's end of a network device (net_host.h) sees of it, without a device: a lock, a loop in a
 * thread of its own, frames that come and go. A test has the guest's part, in the main thread.
 */
#ifndef TESTS_NET_GUEST_H
#define TESTS_NET_GUEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <pthread.h>
#include <stdint.h>
#include <cmocka.h>

#include "net_host.h"
#include "sandbox.h"

#define GUEST_FRAMES_MAX 2048

struct guest_frame {
	uint16_t pair;
	uint32_t len;
	struct net_header header;
	uint8_t *bytes;
};

struct net_guest {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool running;
	unsigned needs; /* enum sandbox_need: what the loop's thread is confined to; 0: it is not */
	struct loop loop;
	struct net_host host;
	bool no_room;               /* receive answers NET_LATER */
	unsigned entered;           /* times that the end took the lock */
	unsigned asked, sent, lost; /* calls of receive; requests that were answered NET_DONE, NET_FAILED */
	unsigned frames;
	struct guest_frame frame[GUEST_FRAMES_MAX];
	struct net_io io[NET_INFLIGHT_MAX]; /* those that were sent */
	unsigned next;
	uint32_t answered; /* bytes of RX requests, so that each is answered once */
	unsigned refused;  /* RX requests that were answered NET_FAILED */
};

/* Before an end is opened with `side`, and before the loop runs. */
void net_guest_init(struct net_guest *);
struct net_side net_guest_side(struct net_guest *);
void net_guest_run(struct net_guest *);
void net_guest_end(struct net_guest *); /* destroys the end, too */

/* Sends a frame, in pieces of `piece` bytes (0: in one). The bytes must live until it is answered. */
void net_guest_send(struct net_guest *, uint16_t pair, const struct net_header *, const void *, uint32_t len,
		    uint32_t piece);
/* There are buffers again. Returns how many frames had come when the backend was done with that. */
unsigned net_guest_wake(struct net_guest *, uint16_t pair);
/* Asks for a frame of which the backend knows nothing, as a saved state may. How often it was refused so far. */
unsigned net_guest_claim(struct net_guest *, uint32_t len);
void net_guest_tune(struct net_guest *, uint16_t pairs, uint32_t offloads);
/* Waits until n frames have come, in all; fails after ten seconds. */
void net_guest_await(struct net_guest *, unsigned n);
/* How many have come. */
unsigned net_guest_frames(struct net_guest *);

#endif
