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
#include "record.h"
#include "savefile.h"
#include "transport/mmio.h"
#include "vmm.h"

struct virtio_dev;

/*
 * What a type of device brings along: one table in virtio_NAME.c, over a struct that begins with its struct
 * virtio_dev. All but destroy are called with the device's lock held. Members may be NULL but remake and
 * publish.
 */
struct virtio_type {
	const char *name;
	uint16_t id; /* virtio device id */
	size_t size; /* bytes of the struct */
	/* Makes the core's device as a trace's head tells, with a backend that is set later. NULL: impossible. */
	struct vdev *(*remake)(struct virtio_dev *, const struct trace_device *);
	void (*publish)(struct virtio_dev *);
	/* What of its backend must be the same when a machine is restored, in a few words. */
	void (*describe)(struct virtio_dev *, char *out, size_t n);
	/* The device goes on after it was loaded: tells it what is another thing on this host. NULL: nothing can be. */
	void (*resumed)(struct virtio_dev *);
	/* At the end of each piece of work: true when it answered something outside of submit. */
	bool (*poll)(struct virtio_dev *);
	/* After the guest: waits for what is in flight. True as poll. */
	bool (*finish)(struct virtio_dev *);
	void (*destroy)(struct virtio_dev *); /* also of one that was made in part */
};
extern const struct virtio_type virtio_blk_type, virtio_console_type, virtio_net_type, virtio_rng_type;

struct virtio_kick {
	struct virtio_dev *dev;
	uint16_t queue;
	int fd; /* written by KVM for each kick, and by ourselves for "again"; never read (see virtio_kick.c)
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
	const struct virtio_type *type;
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
	bool traced;     /* of a program: guest_run.h is its guest and its backend */
	bool kicks_here; /* no ioeventfd: a kick runs in the vCPU's thread (virtio_kick.c) */
	bool lingers;
	struct virtio_linger linger;
	uint64_t finished; /* requests, while it lingers */
	char name[48];     /* for messages */
	struct virtio_kick kick[VDEV_QUEUES_MAX];
	uint32_t offences[OFFENCE_COUNT]; /* how often each */
};

/* NULL and one clear line when it cannot be made. */
struct virtio_dev *virtio_blk_create(struct vmm *, const struct option_disk *, char err[ERR_MAX]);
struct virtio_dev *virtio_console_create(struct vmm *, const struct options *, char err[ERR_MAX]);
struct virtio_dev *virtio_rng_create(struct vmm *, uint64_t offer, char err[ERR_MAX]);
/* As a trace's head tells, without a backend and without kicks of its own: guest_run_add is next. */
struct virtio_dev *virtio_dev_create_traced(struct vmm *, const struct trace_device *, unsigned nr,
					    char err[ERR_MAX]);
void virtio_dev_destroy(struct virtio_dev *);

/* Before the guest runs: everything at the device's doors goes into the record, as device nr; head gets its
 * description. */
int virtio_dev_record(struct virtio_dev *, struct record *, unsigned nr, struct trace_device *head,
		      char err[ERR_MAX]);
/* After the guest: waits for what is in flight, and puts the last state into the record. */
void virtio_dev_finish(struct virtio_dev *);

/* Of a snapshot (virtio_save.c). save: the lock is held. load: before the guest runs; resume, once all is loaded:
 * requests go to the backend again; a recording begins with what was loaded. */
int virtio_dev_save(struct virtio_dev *, struct savefile_out *, uint32_t nr, char err[ERR_MAX]);
int virtio_dev_load(struct virtio_dev *, const struct savefile_in *, char err[ERR_MAX]);
int virtio_dev_resume(struct virtio_dev *, char err[ERR_MAX]);

/* -- between the parts, with the lock held --------------------------------------------------------------- */
void virtio_dev_publish(struct virtio_dev *); /* what was answered outside of submit */
void virtio_dev_enter(struct virtio_dev *);   /* takes the lock */
void virtio_dev_leave(struct virtio_dev *);   /* ends a piece of work, and lets go of it */
uint64_t virtio_dev_clock_ns(void *);
/* For a type's create: an empty one; then, once the core has made its device, behind a window of its own. */
struct virtio_dev *virtio_dev_new(struct vmm *, const struct virtio_type *, char err[ERR_MAX]);
int virtio_dev_attach(struct virtio_dev *, struct vdev *, char err[ERR_MAX]);
extern const struct host virtio_host; /* with the struct virtio_dev as its context */
/* virtio_kick.c: each queue's way in, by what the device is and which features the driver accepted. */
int virtio_kick_create(struct virtio_dev *, uint16_t queue, char err[ERR_MAX]);
void virtio_kick_destroy(struct virtio_dev *, struct virtio_kick *);
void virtio_kick_follow(struct virtio_dev *);             /* after a write of the status register */
void virtio_kick_signal(const struct virtio_kick *);      /* as if the guest had kicked */
void virtio_dev_run(struct virtio_dev *, uint16_t queue); /* takes the lock itself */
bool virtio_one_processor(void); /* there is one, so that threads can only take turns */
/* Around the run of a kick, and as vdev->linger. */
void virtio_linger_begin(struct virtio_dev *);
void virtio_linger_end(struct virtio_dev *);
bool virtio_linger(void *, uint16_t queue);

#endif
