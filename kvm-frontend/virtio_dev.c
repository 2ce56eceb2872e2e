// SPDX-License-Identifier: BSD-2-Clause
#include "virtio_dev.h"
#include <errno.h>
#include <linux/virtio_ids.h>
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
	if (d->blk)
		blk_publish(d->blk);
	else
		rng_publish(d->rng);
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

	if (d->disk && disk_poll(d->disk))
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

static const struct host host = {on_interrupt, on_again, virtio_dev_clock_ns, on_offence};

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

static void on_disk(void *ctx)
{
	struct virtio_dev *d = ctx;

	virtio_dev_enter(d);
	virtio_dev_leave(d); /* which takes what is finished */
}

void virtio_dev_resize(struct virtio_dev *d)
{
	if (!d->disk)
		return;
	virtio_dev_enter(d);
	if (disk_file_resized(&d->disk->file)) {
		if (d->record)
			recorder_resize(&d->rec, d->disk->file.sectors);
		blk_resize(d->blk, d->disk->file.sectors);
	}
	virtio_dev_leave(d);
}

/* -- backends: what passes is recorded ------------------------------------------------------------------- */

static void blk_submit(void *ctx, struct blk_io *io)
{
	struct virtio_dev *d = ctx;

	if (d->record)
		recorder_enter_blk(&d->rec, io);
	d->disk_backend.submit(d->disk_backend.ctx, io);
	if (d->record)
		recorder_leave(&d->rec, false);
}

static void blk_drain(void *ctx)
{
	struct virtio_dev *d = ctx;

	if (d->record)
		recorder_enter_drain(&d->rec);
	d->disk_backend.drain(d->disk_backend.ctx);
	if (d->record)
		recorder_leave(&d->rec, true);
}

void virtio_dev_blk_done(void *ctx, struct blk_io *io, enum blk_result result, uint32_t bytes)
{
	struct virtio_dev *d = ctx;

	if (d->record)
		recorder_done_blk(&d->rec, io, result, bytes);
	blk_io_done(d->blk, io, result, bytes);
}

static void rng_submit(void *ctx, struct rng_io *io)
{
	struct virtio_dev *d = ctx;

	if (d->record)
		recorder_enter_rng(&d->rec, io);
	d->rng_backend.submit(d->rng_backend.ctx, io);
	if (d->record)
		recorder_leave(&d->rec, false);
}

static void rng_drain(void *ctx)
{
	struct virtio_dev *d = ctx;

	if (d->record)
		recorder_enter_drain(&d->rec);
	d->rng_backend.drain(d->rng_backend.ctx);
	if (d->record)
		recorder_leave(&d->rec, true);
}

void virtio_dev_rng_done(void *ctx, struct rng_io *io, uint32_t bytes)
{
	struct virtio_dev *d = ctx;

	if (d->record)
		recorder_done_rng(&d->rec, io, bytes);
	rng_io_done(d->rng, io, bytes);
}

/* -- life ------------------------------------------------------------------------------------------------ */

/* Puts a device that the core has made behind its window. */
static int attach(struct virtio_dev *d, struct vdev *vdev, char err[ERR_MAX])
{
	d->vdev = vdev;
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
	if (!d->disk || d->disk->engine.watch_fd < 0)
		return 0;
	d->disk_watch = loop_add_fd(&d->vmm->loop, d->disk->engine.watch_fd, on_disk, d);
	return d->disk_watch ? 0 : err_set(err, "%s: epoll: %s", d->name, strerror(errno));
}

static struct virtio_dev *create(struct vmm *vmm, char err[ERR_MAX])
{
	struct virtio_dev *d = calloc(1, sizeof(*d));

	if (!d) {
		err_set(err, "out of memory");
		return NULL;
	}
	d->vmm = vmm;
	d->irq_fd = -1;
	pthread_mutex_init(&d->own_lock, NULL);
	d->lock = &d->own_lock;
	vmem_init(&d->mem, &vmm->map);
	return d;
}

/* The serial number that the guest sees, and our name for messages: the file's own name. */
static void set_names(struct virtio_dev *d, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t n = strlen(base);

	snprintf(d->name, sizeof(d->name), "disk %.40s", base);
	memcpy(d->ident, base, n < sizeof(d->ident) ? n : sizeof(d->ident));
}

static int create_blk(struct virtio_dev *d, const struct option_disk *o, char err[ERR_MAX])
{
	unsigned cpus = d->vmm->cpus, queues = cpus < BLK_QUEUES_MAX ? cpus : BLK_QUEUES_MAX;
	struct blk_options options = {.read_only = o->readonly,
				      .nqueues = (uint16_t)(o->queues ? o->queues : queues)};
	struct blk_backend backend;
	struct disk *disk = calloc(1, sizeof(*disk));

	set_names(d, o->path);
	d->blk = calloc(1, sizeof(*d->blk));
	if (!d->blk || !disk || disk_open(disk, o->path, o->readonly, err)) {
		if (!d->blk || !disk)
			err_set(err, "out of memory");
		free(disk);
		return -1;
	}
	d->disk = disk;
	disk->done = virtio_dev_blk_done;
	disk->done_ctx = d;
	d->disk_backend = backend = disk_backend(disk);
	backend.submit = blk_submit;
	backend.drain = blk_drain;
	backend.ctx = d;
	options.physical_exp = disk->file.physical_exp;
	memcpy(options.ident, d->ident, sizeof(options.ident));
	blk_init(d->blk, &d->mem, &host, d, &backend, &options);
	vdev_offer(&d->blk->vdev, o->offer);
	return attach(d, &d->blk->vdev, err);
}

struct virtio_dev *virtio_dev_create_blk(struct vmm *vmm, const struct option_disk *o, char err[ERR_MAX])
{
	struct virtio_dev *d = create(vmm, err);

	if (!d || !create_blk(d, o, err))
		return d;
	virtio_dev_destroy(d);
	return NULL;
}

static int create_rng(struct virtio_dev *d, uint64_t offer, char err[ERR_MAX])
{
	struct rng_backend backend = {.submit = rng_submit, .drain = rng_drain, .ctx = d};

	snprintf(d->name, sizeof(d->name), "rng");
	if (!rng_host_ready())
		return err_set(err, "--rng: the host gives no random numbers: %s", strerror(errno));
	d->rng = calloc(1, sizeof(*d->rng));
	if (!d->rng)
		return err_set(err, "out of memory");
	d->rng_host = (struct rng_host){virtio_dev_rng_done, d};
	d->rng_backend = rng_host_backend(&d->rng_host);
	rng_init(d->rng, &d->mem, &host, d, &backend);
	vdev_offer(&d->rng->vdev, offer);
	return attach(d, &d->rng->vdev, err);
}

struct virtio_dev *virtio_dev_create_rng(struct vmm *vmm, uint64_t offer, char err[ERR_MAX])
{
	struct virtio_dev *d = create(vmm, err);

	if (!d || !create_rng(d, offer, err))
		return d;
	virtio_dev_destroy(d);
	return NULL;
}

static int create_traced(struct virtio_dev *d, const struct trace_device *t, char err[ERR_MAX])
{
	struct blk_backend blk = {.submit = blk_submit, .drain = blk_drain, .ctx = d};
	const struct rng_backend rng = {.submit = rng_submit, .drain = rng_drain, .ctx = d};
	struct blk_options options;
	struct vdev *vdev = NULL;

	if (t->id == VIRTIO_ID_BLOCK && remake_blk(t, &options, &blk) &&
	    (d->blk = calloc(1, sizeof(*d->blk)))) {
		blk_init(d->blk, &d->mem, &host, d, &blk, &options);
		memcpy(d->ident, options.ident, sizeof(d->ident));
		vdev = &d->blk->vdev;
	} else if (t->id == VIRTIO_ID_RNG && (d->rng = calloc(1, sizeof(*d->rng)))) {
		rng_init(d->rng, &d->mem, &host, d, &rng);
		vdev = &d->rng->vdev;
	}
	if (!vdev || t->transport != 0 || !remake_limits(t, vdev))
		return err_set(err, "--guest-program: %s (virtio id %u) can not be made by this build",
			       d->name, t->id);
	return attach(d, vdev, err);
}

struct virtio_dev *virtio_dev_create_traced(struct vmm *vmm, const struct trace_device *t, unsigned nr,
					    char err[ERR_MAX])
{
	struct virtio_dev *d = create(vmm, err);

	if (!d)
		return NULL;
	d->traced = true;
	snprintf(d->name, sizeof(d->name), "%s%u", t->id == VIRTIO_ID_BLOCK ? "blk" : "rng", nr);
	if (!create_traced(d, t, err))
		return d;
	virtio_dev_destroy(d);
	return NULL;
}

static void describe(const struct virtio_dev *d, struct trace_device *t)
{
	*t = (struct trace_device){
		.id = d->vdev->ops->id, .features = d->vdev->offered, .nqueues = d->vdev->nqueues};
	for (uint16_t i = 0; i < t->nqueues; i++)
		t->queue_size_max[i] = d->vdev->queue[i].size_max;
	t->config_len = (uint16_t)d->vdev->ops->config_len;
	vdev_config_read(d->vdev, 0, t->config, t->config_len);
	t->ident_len = d->blk ? sizeof(d->ident) : 0;
	memcpy(t->ident, d->ident, t->ident_len);
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
	describe(d, head);
	vmem_set_tap(&d->mem, &recorder_tap, &d->rec);
	return 0;
}

void virtio_dev_finish(struct virtio_dev *d)
{
	virtio_dev_enter(d);
	if (d->disk && d->disk->inflight) {
		disk_drain(d->disk);
		virtio_dev_publish(d);
	}
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
	if (d->disk_watch)
		loop_remove_fd(&d->vmm->loop, d->disk_watch);
	if (d->disk)
		disk_close(d->disk);
	record_arena_destroy(d->rec.arena);
	pthread_mutex_destroy(&d->own_lock);
	free(d->disk);
	free(d->blk);
	free(d->rng);
	free(d);
}
