// SPDX-License-Identifier: BSD-2-Clause
/*
 * vm_save: a whole machine into a snapshot, and out of it again (docs/save-restore.md): memory, vCPUs, interrupt
 * controllers, clock, serial port, virtio devices with their requests in flight. Not: what is on the disks.
 *
 * Saving: the vCPUs stand still, and every device is locked; nothing is drained. Then all goes on, or the machine
 * ends. Restoring: the file's first part tells the machine's size before memory is made; all else is read between
 * vmm_create and the first instruction, and requests go to the backends only once the last byte was found right.
 */
#ifndef KVM_VM_SAVE_H
#define KVM_VM_SAVE_H

#include <stdbool.h>
#include <stdint.h>
#include "boot/err.h"
#include "options.h"

struct vmm;

/* --save-on and --restore, first of all: so there is no memory yet that the saver could have in common with us.
 * Where the options do not tell memory and vCPUs, the snapshot does. */
int vm_save_prepare(struct vmm *, const struct options *, uint64_t *memory_len, char err[ERR_MAX]);
/* On the loop's thread. Tells how it went on standard error; a machine that could not be saved goes on. */
void vm_save_now(struct vmm *);
/* The rest of the snapshot, into a machine whose vCPUs and devices were made and that never ran. */
int vm_restore(struct vmm *, char err[ERR_MAX]);
void vm_save_destroy(struct vmm *);

#endif
