// SPDX-License-Identifier: BSD-2-Clause
/*
 * One virtual processor: its thread, and what it leaves KVM for.
 *
 * vcpu_create makes it in the state a loader promised (boot/boot.h); vcpu_start runs its thread until the
 * machine ends: `ended` goes from VMM_RUNNING to one reason, whoever is first, and the event loop is stopped.
 */
#ifndef KVM_VCPU_H
#define KVM_VCPU_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include "boot/boot.h"
#include "boot/err.h"

struct vmm;

struct vcpu {
	struct vmm *vmm;
	int fd;
	struct kvm_run *run; /* shared with KVM */
	size_t run_len;
	pthread_t thread;
	bool started;
};

int vcpu_create(struct vcpu *, struct vmm *, const struct boot_image *, char err[ERR_MAX]);
int vcpu_start(struct vcpu *, char err[ERR_MAX]);

/* Makes the thread leave the guest, wherever it waits, and joins it. `ended` must be set. */
void vcpu_stop(struct vcpu *);
void vcpu_destroy(struct vcpu *);

#endif
