// SPDX-License-Identifier: BSD-2-Clause
/*
 * rng_host: the host's random numbers as an entropy backend (devices/rng.h). Answers inside submit. Waits
 * only while a host that has just booted has no entropy at all: the device asks a source that gives nothing
 * again and again, so that a source which does not wait would keep us busy.
 */
#ifndef KVM_RNG_HOST_H
#define KVM_RNG_HOST_H

#include "devices/rng.h"

/* done is called with how many bytes were stored. */
struct rng_host {
	void (*done)(void *ctx, struct rng_io *, uint32_t bytes);
	void *ctx;
};

/* False: the host gives no random numbers (errno). To be asked before a guest runs. */
bool rng_host_ready(void);
/* The backend refers to the rng_host. */
struct rng_backend rng_host_backend(struct rng_host *);

#endif
