// SPDX-License-Identifier: BSD-2-Clause
/*
 * vcpu_save: all of a vCPU's state that KVM lets us see, out of it and into it again. The structs are the
 * kernel's (linux/kvm.h), which are the same in every kernel; what a host lacks, or has in another size, is refused.
 *
 * Each piece is a part of the snapshot of its own, in a fixed order: some can only be set once others are.
 */
#ifndef KVM_VCPU_SAVE_H
#define KVM_VCPU_SAVE_H

#include "savefile.h"
#include "vcpu.h"

/* The vCPU stands still, and has finished what it left KVM for. */
int vcpu_save(const struct vcpu *, struct savefile_out *, char err[ERR_MAX]);
/*
 * A vCPU that vcpu_create made and that never ran: takes all parts of its own, the first of which is at hand.
 * Afterwards the one that follows is. -1: damaged, or this host's processor is another one.
 */
int vcpu_restore(struct vcpu *, struct savefile_in *, char err[ERR_MAX]);
/* It did not run for a while: so that the guest does not take it for a hang. Harmless where it does not care. */
void vcpu_was_paused(const struct vcpu *);

#endif
