// SPDX-License-Identifier: BSD-2-Clause
#include "virtio_dev.h"
#include <errno.h>
#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "trace/remake.h"

#define OFFENCES_SHOWN 10

/* -- in and out of the lock ------------------------------------------------------------------------------ */

void virtio_dev_enter(struct virtio_dev *d)
{
	pthread_mutex_lock(d->lock);
}

void virtio_dev_publish(struct virtio_dev *d)
{
	if (d->record)
		recorder_flushed(&d->rec);
	d->type->publish(d);
}

static void signal_fd(int fd)
{
	uint64_t one = 1;

	/* Cannot fail but by a counter at its limit, and then the other side is called anyway. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

/* The end of each piece of work (virtio_dev.h). */
void virtio_dev_leave(struct virtio_dev *d)
{
	bool irq_due;

	if (d->type->poll && d->type->poll(d))
		virtio_dev_publish(d);
	if (d->record) {
		if (recorder_state_due(&d->record->rec))
			recorder_state(&d->rec, mmio_hash(&d->mmio));
		record_touch(d->record);
	}
	irq_due = d->irq_due;
	d->irq_due = false;
	pthread_mutex_unlock(d->lock);
	if (irq_due)
		signal_fd(d->irq_fd);
}

/* -- what the device asks of us -------------------------------------------------------------------------- */

static void on_interrupt(void *ctx, uint16_t source)
{
	struct virtio_dev *d = ctx;

	if (d->record)
		recorder_irq(&d->rec, source);
	d->irq_due = true;
}

/* As if the guest had kicked: an eventfd that is signalled twice before the loop looks is told once. */
static void on_again(void *ctx, uint16_t queue)
{
	struct virtio_dev *d = ctx;

	if (d->record)
		recorder_again(&d->rec, queue);
	virtio_kick_signal(&d->kick[queue]);
}

uint64_t virtio_dev_clock_ns(void *ctx)
{
	struct timespec t;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void on_offence(void *ctx, enum offence o)
{
	static const char *const reaction[] = {
		[OFFENCE_IGNORE] = "ignored",
		[OFFENCE_REFUSE] = "refused",
		[OFFENCE_STATUS] = "answered with an error",
		[OFFENCE_BREAK] = "the device needs a reset",
	};
	struct virtio_dev *d = ctx;
	const struct offence_info *info = offence_info(o);
	uint32_t n = ++d->offences[o];

	if (d->record)
		recorder_offence(&d->rec, o);
	/* A guest can offend a million times a second, and must not fill the host's log. */
	if (n <= OFFENCES_SHOWN && !d->traced)
		fprintf(stderr, "ringside-vmm: %s: guest offence %s: %s%s%s%s; %s%s\n", d->name, info->name,
			info->what, info->clause[0] ? " (" : "", info->clause, info->clause[0] ? ")" : "",
			reaction[info->reaction], n == OFFENCES_SHOWN ? "; further ones are not shown" : "");
}

const struct host virtio_host = {on_interrupt, on_again, virtio_dev_clock_ns, on_offence};

/* -- what comes in --------------------------------------------------------------------------------------- */

/*
 * Acknowledging an interrupt that does not exist is an offence, which needs the lock; while recording, all
 * does. Everything else about the interrupt status is one atomic access.
 */
static bool needs_no_lock(const struct virtio_dev *d, uint64_t off, uint32_t len, uint64_t value)
{
	bool read_status = off == VIRTIO_MMIO_INTERRUPT_STATUS;
	bool ack =
		off == VIRTIO_MMIO_INTERRUPT_ACK && !(value & ~(uint64_t)(VDEV_ISR_QUEUE | VDEV_ISR_CONFIG));

	return !d->record && len == 4 && (read_status || ack);
}

static uint64_t on_read(void *ctx, uint64_t off, uint32_t len)
{
	struct virtio_dev *d = ctx;
	uint64_t value;

	if (off == VIRTIO_MMIO_INTERRUPT_STATUS && needs_no_lock(d, off, len, 0))
		return mmio_read(&d->mmio, off, len);
	virtio_dev_enter(d);
	if (d->record)
		recorder_read_begin(&d->rec);
	value = mmio_read(&d->mmio, off, len);
	if (d->record)
		recorder_read(&d->rec, off, len, value);
	virtio_dev_leave(d);
	return value;
}

static void on_write(void *ctx, uint64_t off, uint32_t len, uint64_t value)
{
	struct virtio_dev *d = ctx;

	if (off == VIRTIO_MMIO_INTERRUPT_ACK && needs_no_lock(d, off, len, value)) {
		mmio_write(&d->mmio, off, len, value);
		return;
	}
	virtio_dev_enter(d);
	if (d->record)
		recorder_write(&d->rec, off, len, value);
	mmio_write(&d->mmio, off, len, value);
	if (off == VIRTIO_MMIO_STATUS)
		virtio_kick_follow(d);
	virtio_dev_leave(d);
}

static const struct mmio_ops window = {on_read, on_write};

void virtio_dev_run(struct virtio_dev *d, uint16_t queue)
{
	virtio_dev_enter(d);
	if (d->record)
		recorder_run(&d->rec, queue);
	virtio_linger_begin(d);
	vdev_run(d->vdev, queue);
	virtio_linger_end(d);
	virtio_dev_leave(d);
}

/* -- life ------------------------------------------------------------------------------------------------ */

/* Puts a device that the core has made behind its window. */
int virtio_dev_attach(struct virtio_dev *d, struct vdev *vdev, char err[ERR_MAX])
{
	d->vdev = vdev;
	if (d->lingers)
		vdev->linger = virtio_linger;
	mmio_init(&d->mmio, vdev);
	if (vmm_add_device(d->vmm, &window, d, &d->slot, err))
		return -1;
	d->irq_fd = vmm_irq_fd(d->vmm, d->slot.gsi);
	if (d->irq_fd < 0)
		return err_set(err, "%s: KVM_IRQFD: %s", d->name, strerror(errno));
	for (uint16_t i = 0; i < vdev->nqueues; i++)
		if (virtio_kick_create(d, i, err))
			return -1;
	return 0;
}

struct virtio_dev *virtio_dev_new(struct vmm *vmm, const struct virtio_type *type, char err[ERR_MAX])
{
	struct virtio_dev *d = calloc(1, type->size);

	if (!d) {
		err_set(err, "out of memory");
		return NULL;
	}
	d->type = type;
	d->vmm = vmm;
	d->irq_fd = -1;
	pthread_mutex_init(&d->own_lock, NULL);
	d->lock = &d->own_lock;
	vmem_init(&d->mem, &vmm->map);
	return d;
}

static const struct virtio_type *const types[] = {&virtio_blk_type, &virtio_net_type, &virtio_rng_type,
						  &virtio_console_type};

static const struct virtio_type *type_of(uint32_t id)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i]->id == id)
			return types[i];
	return NULL;
}

static int create_traced(struct virtio_dev *d, const struct trace_device *t, char err[ERR_MAX])
{
	struct vdev *vdev = d->type->remake(d, t);

	if (!vdev || t->transport != 0 || !remake_limits(t, vdev))
		return err_set(err, "--guest-program: %s can not be made by this build", d->name);
	return virtio_dev_attach(d, vdev, err);
}

struct virtio_dev *virtio_dev_create_traced(struct vmm *vmm, const struct trace_device *t, unsigned nr,
					    char err[ERR_MAX])
{
	const struct virtio_type *type = type_of(t->id);
	struct virtio_dev *d = NULL;

	if (!type)
		err_set(err, "--guest-program: device %u (virtio id %u) can not be made by this build", nr,
			t->id);
	else
		d = virtio_dev_new(vmm, type, err);
	if (!d)
		return NULL;
	d->traced = d->kicks_here = true;
	snprintf(d->name, sizeof(d->name), "%s%u", type->name, nr);
	if (!create_traced(d, t, err))
		return d;
	virtio_dev_destroy(d);
	return NULL;
}

int virtio_dev_record(struct virtio_dev *d, struct record *record, unsigned nr, struct trace_device *head,
		      char err[ERR_MAX])
{
	struct arena *arena = record_arena_create();

	if (!arena)
		return err_set(err, "--record: out of memory");
	d->rec = (struct recorder_dev){.rec = &record->rec, .arena = arena, .dev = (uint8_t)nr};
	d->record = record;
	d->lock = &record->lock;
	remake_describe(d->vdev, head);
	vmem_set_tap(&d->mem, &recorder_tap, &d->rec);
	return 0;
}

void virtio_dev_finish(struct virtio_dev *d)
{
	virtio_dev_enter(d);
	if (d->type->finish && d->type->finish(d))
		virtio_dev_publish(d);
	if (d->record)
		recorder_state(&d->rec, mmio_hash(&d->mmio));
	virtio_dev_leave(d);
	for (int i = 0; i < OFFENCE_COUNT; i++)
		if (d->offences[i] > OFFENCES_SHOWN)
			fprintf(stderr, "ringside-vmm: %s: guest offence %s: %u times in all\n", d->name,
				offence_info((enum offence)i)->name, d->offences[i]);
}

void virtio_dev_destroy(struct virtio_dev *d)
{
	for (int i = 0; i < VDEV_QUEUES_MAX; i++)
		virtio_kick_destroy(d, &d->kick[i]);
	if (d->irq_fd >= 0)
		close(d->irq_fd);
	if (d->type->destroy)
		d->type->destroy(d);
	record_arena_destroy(d->rec.arena);
	pthread_mutex_destroy(&d->own_lock);
	free(d);
}
