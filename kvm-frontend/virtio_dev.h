// SPDX-License-Identifier: BSD-2-Clause
/*
 * virtio_dev: one virtio device of the machine: the core's device and what ties it to KVM and to its backend.
 *
 * Threads come here: the vCPUs', with register accesses, and the loop's, with kicks, completions and host
 * actions. Each takes the device's lock, does its piece of work, hands new requests over in one system call,
 * answers what is finished, lets go of the lock, and sends at most one interrupt. The interrupt status alone
 * is read and acknowledged without the lock, so that a guest's interrupt handler never waits for the loop.
 */
#ifndef KVM_VIRTIO_DEV_H
#define KVM_VIRTIO_DEV_H

#include <pthread.h>
#include "boot/acpi.h"
#include "disk.h"
#include "record.h"
#include "rng_host.h"
#include "transport/mmio.h"
#include "vmm.h"

struct virtio_dev;

struct virtio_kick {
	struct virtio_dev *dev;
	uint16_t queue;
	int fd; /* written by KVM for each kick, and by ourselves for "again"; never read (see virtio_dev.c)
		 */
	struct loop_fd *watch;
	bool in_kvm; /* KVM matches the kicks and writes fd; else the register write comes to us */
};

/* Waiting a little before an interrupt (virtio_linger.c). */
struct virtio_linger {
	uint64_t begun_ns; /* when the work on the last request began; 0: do not wait */
	uint64_t first;    /* requests finished when the kick came */
	uint32_t kicks, hopes;
};

struct virtio_dev {
	struct vmm *vmm;
	pthread_mutex_t own_lock, *lock; /* the record's, where there is one */
	struct record *record;           /* NULL: not recording */
	struct recorder_dev rec;
	struct vmem mem;
	struct mmio mmio;
	struct vdev *vdev;
	struct acpi_virtio slot;
	int irq_fd;
	bool irq_due;
	bool traced; /* of a program: guest_run.h is its guest and its backend */
	struct virtio_linger linger;
	char name[48]; /* for messages */
	struct virtio_kick kick[VDEV_QUEUES_MAX];
	uint32_t offences[OFFENCE_COUNT]; /* how often each */
	/* a block device ... */
	struct blk *blk;
	struct disk *disk;
	struct loop_fd *disk_watch;
	struct blk_backend disk_backend;
	uint8_t ident[20];
	/* ... or an entropy device */
	struct rng *rng;
	struct rng_host rng_host;
	struct rng_backend rng_backend;
};

/* NULL and one clear line when it cannot be made. */
struct virtio_dev *virtio_dev_create_blk(struct vmm *, const struct option_disk *, char err[ERR_MAX]);
struct virtio_dev *virtio_dev_create_rng(struct vmm *, uint64_t offer, char err[ERR_MAX]);
/* As a trace's head tells, without a backend and without kicks of its own: guest_run_add is next. */
struct virtio_dev *virtio_dev_create_traced(struct vmm *, const struct trace_device *, unsigned nr,
					    char err[ERR_MAX]);
void virtio_dev_destroy(struct virtio_dev *);

/* Before the guest runs: everything at the device's doors goes into the record, as device nr; head gets its
 * description. */
int virtio_dev_record(struct virtio_dev *, struct record *, unsigned nr, struct trace_device *head,
		      char err[ERR_MAX]);
/* The disk may have another size now. */
void virtio_dev_resize(struct virtio_dev *);
/* After the guest: waits for what is in flight, and puts the last state into the record. */
void virtio_dev_finish(struct virtio_dev *);

/* -- between the parts, with the lock held --------------------------------------------------------------- */
void virtio_dev_publish(struct virtio_dev *); /* what disk_poll has answered */
void virtio_dev_enter(struct virtio_dev *);   /* takes the lock */
void virtio_dev_leave(struct virtio_dev *);   /* ends a piece of work, and lets go of it */
void virtio_dev_blk_done(void *ctx, struct blk_io *, enum blk_result, uint32_t bytes);
void virtio_dev_rng_done(void *ctx, struct rng_io *, uint32_t bytes);
uint64_t virtio_dev_clock_ns(void *);
/* virtio_kick.c: each queue's way in, by what the device is and which features the driver accepted. */
int virtio_kick_create(struct virtio_dev *, uint16_t queue, char err[ERR_MAX]);
void virtio_kick_destroy(struct virtio_dev *, struct virtio_kick *);
void virtio_kick_follow(struct virtio_dev *);             /* after a write of the status register */
void virtio_kick_signal(const struct virtio_kick *);      /* as if the guest had kicked */
void virtio_dev_run(struct virtio_dev *, uint16_t queue); /* takes the lock itself */
/* Around the run of a kick, and as vdev->linger. */
void virtio_linger_begin(struct virtio_dev *);
void virtio_linger_end(struct virtio_dev *);
bool virtio_linger(void *, uint16_t queue);

#endif
