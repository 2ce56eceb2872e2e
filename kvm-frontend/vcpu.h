// SPDX-License-Identifier: BSD-2-Clause
/*
 * A virtual processor: its thread, and what it leaves KVM for.
 *
 * vcpu_create makes it: the first one in the state a loader promised (boot/boot.h), the others waiting in KVM
 * for the guest to start them. vcpus_start runs a thread for each until the machine ends: `ended` goes from
 * VMM_RUNNING to one reason, whichever thread is first, and the event loop is stopped.
 */
#ifndef KVM_VCPU_H
#define KVM_VCPU_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>
#include "boot/boot.h"
#include "boot/err.h"

struct vmm;

struct vcpu {
	struct vmm *vmm;
	unsigned nr;
	int fd;
	struct kvm_run *run; /* shared with KVM */
	size_t run_len;
	pthread_t thread;
	bool started;
	sem_t ready;       /* posted when the thread waits at the gate */
	bool confined;     /* false: the sandbox could not be entered */
	char why[ERR_MAX]; /* not */
	bool parked;       /* it waits for the end of a pause; vmm->pause_lock */
};

/* nr: from 0 on, the APIC id; of `cpus` in all. */
int vcpu_create(struct vcpu *, struct vmm *, unsigned nr, unsigned cpus, const struct boot_image *,
		char err[ERR_MAX]);

/*
 * Makes the threads; they are confined (sandbox.h) and wait at the machine's gate, which the caller has closed.
 * -1: one could not be made or confined; vcpus_stop ends the others.
 */
int vcpus_start(struct vcpu *, unsigned n, char err[ERR_MAX]);

/*
 * All vCPUs stand still when vcpus_pause answers 0, with nothing left to finish, until vcpus_resume. On the loop's
 * thread, and without a device's lock. -1: one waits for somebody, such as a reader of the console, and all go on.
 */
int vcpus_pause(struct vcpu *, unsigned n, char err[ERR_MAX]);
void vcpus_resume(struct vcpu *);

/* Makes all threads leave the guest, wherever they wait, and joins them. `ended` must be set. */
void vcpus_stop(struct vcpu *, unsigned n);
void vcpu_destroy(struct vcpu *);

#endif
