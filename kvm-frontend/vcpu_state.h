// SPDX-License-Identifier: BSD-2-Clause
/*
 * The state a vCPU starts in: CPUID, MSRs, and, of the first one, the registers of the boot protocol in use.
 * The others wait in KVM until the guest starts them by INIT and SIPI, as real processors do.
 */
#ifndef KVM_VCPU_STATE_H
#define KVM_VCPU_STATE_H

#include "boot/boot.h"
#include "boot/err.h"

struct vcpu_place {
	int kvm_fd, fd;
	unsigned nr, cpus; /* nr is its APIC id, too */
};

int vcpu_state_init(const struct vcpu_place *, const struct boot_image *, char err[ERR_MAX]);

#endif
