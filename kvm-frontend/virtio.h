// SPDX-License-Identifier: BSD-2-Clause
/*
 * The virtio half of the machine: makes the devices that the options name, each behind a window of its own,
 * with its interrupt, its kicks and its backend, and records them where --record says so.
 *
 * virtio_create is called between vmm_create and vmm_start, virtio_destroy once the vCPU and the loop stand
 * still; it lets what is in flight at a backend finish, so that nothing which was completed is lost, and ends
 * the trace.
 */
#ifndef KVM_VIRTIO_H
#define KVM_VIRTIO_H

#include "boot/err.h"
#include "options.h"
#include "savefile.h"
#include "vmm.h"

int virtio_create(struct vmm *, const struct options *, char err[ERR_MAX]);
void virtio_destroy(struct vmm *); /* after a failed virtio_create, and without any, too */

/* No device does anything until virtio_release: all locks are held. */
void virtio_hold(struct vmm *);
void virtio_release(struct vmm *);
/* While they are held. */
int virtio_save(struct vmm *, struct savefile_out *, char err[ERR_MAX]);
/* Into devices that never ran: the first of their parts is at hand, afterwards the one that follows the last is. */
int virtio_restore(struct vmm *, struct savefile_in *, char err[ERR_MAX]);
int virtio_resume(struct vmm *, char err[ERR_MAX]);

#endif
