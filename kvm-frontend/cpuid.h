// SPDX-License-Identifier: BSD-2-Clause
/*
 * What CPUID tells a guest of the machine it runs on: one package of `cpus` cores, one thread each, the
 * APIC ids 0 to cpus - 1. KVM answers with the host's topology, told by whichever processor asked; a guest
 * that sees two different ids for itself complains or maps interrupts wrongly.
 *
 * Pure: no system call, so a test can give it any processor's answers.
 */
#ifndef KVM_CPUID_H
#define KVM_CPUID_H

#include <linux/kvm.h>
#include <stdbool.h>

#define CPUID_MAX 256 /* entries */

/*
 * Turns KVM's answer (KVM_GET_SUPPORTED_CPUID) into that of the processor with this APIC id. tsc_deadline:
 * KVM has that timer. The table has room for CPUID_MAX entries. False: that is too little.
 */
bool cpuid_fix(struct kvm_cpuid2 *, unsigned apic_id, unsigned cpus, bool tsc_deadline);

/* The leaf of KVM's own, with the paravirtual clock behind it. */
bool cpuid_has_kvm(const struct kvm_cpuid2 *);

#endif
