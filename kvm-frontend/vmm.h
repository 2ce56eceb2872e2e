// SPDX-License-Identifier: BSD-2-Clause
/*
 * The machine, and the seam to the virtio glue.
 *
 * Life: vmm_create (memory, kernel, VM, interrupt controllers), virtio_create (windows, interrupts,
 * backends), vmm_start (ACPI tables from what was registered, vCPU), vmm_run (until the guest or a signal
 * ends it), virtio_destroy, vmm_destroy. Everything that can be wrong with options, files or the host is told
 * before the first guest instruction.
 *
 * Threads: the main thread runs the event loop, and each vCPU has one. map, mmio and the slots are constant
 * once the vCPUs run. MMIO callbacks come on a vCPU's thread, any of them, loop callbacks on the main thread;
 * a device's lock is its owner's.
 */
#ifndef KVM_VMM_H
#define KVM_VMM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "boot/acpi.h"
#include "boot/boot.h"
#include "boot/err.h"
#include "boot/layout.h"
#include "com1.h"
#include "loop.h"
#include "mmio_bus.h"
#include "options.h"
#include "privilege.h"
#include "vcpu.h"
#include "vmem.h"

struct virtio; /* the glue's own */
struct guest_run;
struct control;
struct vm_save;
struct vm_restore;

/* Why the machine ended. */
enum vmm_end {
	VMM_RUNNING,
	VMM_POWER_OFF,
	VMM_RESET,
	VMM_QUIT, /* Ctrl-A x */
	VMM_TRIPLE_FAULT,
	VMM_KVM_ERROR,  /* internal or emulation error; `message` tells */
	VMM_HOST_ERROR, /* a system call that cannot fail did; `message` tells */
	VMM_SIGNAL,     /* `signal` tells which */
};

struct vmm {
	int kvm_fd, vm_fd, signal_fd, com1_irq_fd;
	struct vmem_map map;
	struct boot_image image;
	struct mmio_bus mmio;
	struct loop loop;
	struct com1 com1;
	struct control *control; /* --control; NULL: none */
	unsigned cpus;
	struct vcpu vcpu[LAYOUT_CPUS_MAX]; /* the first `cpus` of them */
	bool sandboxed;
	unsigned sandbox_needs; /* enum sandbox_need */
	struct privilege privilege;
	pthread_mutex_t pause_lock; /* of parked */
	pthread_cond_t pause_cond;
	atomic_bool pausing;
	struct vm_save *save;       /* --save-on; NULL: none */
	struct vm_restore *restore; /* --restore, until the vCPUs run; NULL: a kernel boots */
	pthread_mutex_t gate;       /* which the vCPUs' threads wait for before the first instruction */
	struct acpi_virtio slots[LAYOUT_VIRTIO_MAX];
	unsigned slot_count;
	struct virtio *virtio;
	struct guest_run *guest; /* --guest-program; NULL: a kernel is the guest */
	atomic_int ended;        /* enum vmm_end: the first reason stays */
	int signal;
	char message[ERR_MAX]; /* written by whoever set `ended`, read after the vCPUs' threads were joined */
};

int vmm_create(struct vmm *, const struct options *, char err[ERR_MAX]);
int vmm_start(struct vmm *, char err[ERR_MAX]);
/* Answers the exit status and has printed why, where it was no plain power-off. */
int vmm_run(struct vmm *);
void vmm_destroy(struct vmm *); /* after a failed vmm_create too */

/* Ends the machine: the first caller's reason counts. Any thread; returns at once. fmt: NULL for no message.
 */
void vmm_end(struct vmm *, enum vmm_end, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * For the glue, before vmm_start: takes the next window (LAYOUT_MMIO_STEP bytes) and the next GSI, puts the
 * window on the bus, and describes both to the guest. out: where they are. -1: more devices than interrupts.
 */
int vmm_add_device(struct vmm *, const struct mmio_ops *, void *ctx, struct acpi_virtio *out,
		   char err[ERR_MAX]);

/* A new eventfd; writing to it (any thread, no exit) is one edge on that GSI. The caller closes it. -1 with
 * errno. */
int vmm_irq_fd(struct vmm *, uint32_t gsi);

/*
 * While added, a guest store of len bytes (1, 2, 4, 8) of the value datamatch to gpa signals fd and does not
 * leave KVM; other values still come through the bus. Any thread, also while the guest runs. 0, or -1 with
 * errno.
 */
int vmm_ioeventfd(struct vmm *, uint64_t gpa, uint32_t len, uint64_t datamatch, int fd, bool add);

#endif
