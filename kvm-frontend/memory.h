// SPDX-License-Identifier: BSD-2-Clause
/*
 * Guest RAM: anonymous host memory, at most two regions, the hole for devices between them (boot/layout.h).
 * Nothing is resident before the guest or a loader touches it. A page without access lies on each side of a
 * region, so that a mistake of ours faults and does not read a neighbour.
 */
#ifndef KVM_MEMORY_H
#define KVM_MEMORY_H

#include "boot/err.h"
#include "boot/ram.h"
#include "trace/file.h"
#include "vmem.h"

int memory_create(struct vmem_map *, uint64_t len, char err[ERR_MAX]);
/* Regions as they are, for a program's machine: whole pages, and none where devices are. */
int memory_create_regions(struct vmem_map *, const struct trace_head *, char err[ERR_MAX]);
void memory_destroy(struct vmem_map *);

/* Makes the regions the VM's memory. */
int memory_attach(const struct vmem_map *, int vm_fd, char err[ERR_MAX]);

/* The same memory as the loaders see it. */
struct boot_ram memory_boot_ram(const struct vmem_map *);

#endif
