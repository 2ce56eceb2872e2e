// SPDX-License-Identifier: BSD-2-Clause
/*
 * The state a vCPU starts in: CPUID, MSRs, and the registers of the boot protocol in use.
 */
#ifndef KVM_VCPU_STATE_H
#define KVM_VCPU_STATE_H

#include "boot/boot.h"
#include "boot/err.h"

int vcpu_state_init(int kvm_fd, int vcpu_fd, const struct boot_image *, char err[ERR_MAX]);

#endif
