// SPDX-License-Identifier: BSD-2-Clause
/* rng_host: the host's random numbers as an entropy backend (devices/rng.h). Answers inside submit, never
 * waits. */
#ifndef KVM_RNG_HOST_H
#define KVM_RNG_HOST_H

#include "devices/rng.h"

/* done is called with how many bytes were stored; 0: the host has no entropy yet. */
struct rng_host {
	void (*done)(void *ctx, struct rng_io *, uint32_t bytes);
	void *ctx;
};

/* The backend refers to the rng_host. */
struct rng_backend rng_host_backend(struct rng_host *);

#endif
