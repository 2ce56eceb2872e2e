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
#include "vmm.h"

int virtio_create(struct vmm *, const struct options *, char err[ERR_MAX]);
void virtio_destroy(struct vmm *); /* after a failed virtio_create, and without any, too */

#endif
