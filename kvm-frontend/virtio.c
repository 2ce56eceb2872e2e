// SPDX-License-Identifier: BSD-2-Clause
#include "version.h"
#include "virtio.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "control.h"
#include "guest_run.h"
#include "virtio_blk.h"
#include "virtio_console.h"
#include "virtio_net.h"

#define BUILD "ringside-vmm " RINGSIDE_VERSION

struct virtio {
	struct record *record; /* NULL: not recording */
	int resize_fd;         /* SIGUSR2, SIGWINCH */
	struct loop_fd *resize_watch;
	unsigned ndevices;
	struct virtio_dev *device[LAYOUT_VIRTIO_MAX];
};

static int add(struct virtio *v, struct virtio_dev *d)
{
	if (!d)
		return -1;
	v->device[v->ndevices++] = d;
	return 0;
}

static int create_traced(struct vmm *vmm, char err[ERR_MAX])
{
	const struct trace_head *h = &vmm->guest->trace.head;
	struct virtio *v = vmm->virtio;

	for (unsigned i = 0; i < h->ndevices; i++)
		if (add(v, virtio_dev_create_traced(vmm, &h->device[i], i, err)) ||
		    guest_run_add(vmm->guest, v->device[i], i, err))
			return -1;
	return 0;
}

static int create_devices(struct vmm *vmm, const struct options *o, char err[ERR_MAX])
{
	struct virtio *v = vmm->virtio;

	if (vmm->guest)
		return create_traced(vmm, err);
	for (unsigned i = 0; i < o->disk_count; i++)
		if (add(v, virtio_blk_create(vmm, &o->disks[i], err)))
			return -1;
	for (unsigned i = 0; i < o->net_count; i++)
		if (add(v, virtio_net_create(vmm, &o->nets[i], i, err)))
			return -1;
	if (o->rng && add(v, virtio_rng_create(vmm, o->rng_offer, err)))
		return -1;
	return options_has_console(o) ? add(v, virtio_console_create(vmm, o, err)) : 0;
}

static int start_record(struct vmm *vmm, const struct options *o, char err[ERR_MAX])
{
	struct virtio *v = vmm->virtio;
	struct trace_head head = {.restored = o->restore != NULL,
				  .build = BUILD,
				  .payload = o->record_full ? TRACE_PAYLOAD_FULL : TRACE_PAYLOAD_HASH};

	if (!o->record)
		return 0;
	if (v->ndevices > OP_DEV_MAX)
		return err_set(err, "--record: a trace has room for %d devices", OP_DEV_MAX);
	v->record = record_create(o->record, o->record_full, o->record_limit, &vmm->loop, err);
	if (!v->record)
		return -1;
	head.nregions = vmm->map.nregions;
	for (uint32_t i = 0; i < head.nregions; i++) {
		head.region[i].gpa = vmm->map.region[i].gpa;
		head.region[i].len = vmm->map.region[i].len;
	}
	head.ndevices = v->ndevices;
	for (unsigned i = 0; i < v->ndevices; i++)
		if (virtio_dev_record(v->device[i], v->record, i, &head.device[i], err))
			return -1;
	return record_head(v->record, &head, err);
}

/* Somebody has made an image larger or smaller. */
static void resize_all(struct virtio *v)
{
	for (unsigned i = 0; i < v->ndevices; i++)
		virtio_blk_resize(v->device[i]);
}

static void on_resize(void *ctx)
{
	struct virtio *v = ctx;
	struct signalfd_siginfo info;

	if (read(v->resize_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGUSR2)
		resize_all(v);
	for (unsigned i = 0; info.ssi_signo == SIGWINCH && i < v->ndevices; i++)
		virtio_console_resize(v->device[i]);
}

static int resize_command(void *ctx, unsigned words, char *word[], char err[ERR_MAX])
{
	if (words != 1)
		return err_set(err, "%s takes nothing more", word[0]);
	resize_all(ctx);
	return 0;
}

static int link_command(void *ctx, unsigned words, char *word[], char err[ERR_MAX])
{
	struct virtio *v = ctx;

	if (words != 3 || (strcmp(word[2], "up") && strcmp(word[2], "down")))
		return err_set(err, "write link DEVICE up, or link DEVICE down");
	for (unsigned i = 0; i < v->ndevices; i++) {
		struct virtio_dev *d = v->device[i];

		if (d->type != &virtio_net_type || strcmp(d->name, word[1]))
			continue;
		virtio_net_link(d, !strcmp(word[2], "up"));
		return 0;
	}
	return err_set(err, "there is no network card %s; the first is net0", word[1]);
}

static int port_command(void *ctx, unsigned words, char *word[], char err[ERR_MAX])
{
	struct virtio *v = ctx;

	if (words != 3 || (strcmp(word[2], "add") && strcmp(word[2], "remove")))
		return err_set(err, "write port NAME add, or port NAME remove");
	err[0] = 0;
	for (unsigned i = 0; i < v->ndevices; i++)
		if (virtio_console_plug(v->device[i], word[1], !strcmp(word[2], "add"), err))
			return err[0] ? -1 : 0;
	return err_set(err, "there is no port %s; --port makes one", word[1]);
}

/* Before other threads start: they inherit the mask. */
static int catch_signals(struct vmm *vmm, char err[ERR_MAX])
{
	struct virtio *v = vmm->virtio;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGWINCH);
	signal(SIGXFSZ, SIG_IGN); /* a file at its size limit is an error of write(), not our end */
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return err_set(err, "sigprocmask: %s", strerror(errno));
	v->resize_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (v->resize_fd >= 0)
		v->resize_watch = loop_add_fd(&vmm->loop, v->resize_fd, on_resize, v);
	return v->resize_watch ? 0 : err_set(err, "signalfd: %s", strerror(errno));
}

int virtio_create(struct vmm *vmm, const struct options *o, char err[ERR_MAX])
{
	struct virtio *v = calloc(1, sizeof(*v));

	if (!v)
		return err_set(err, "out of memory");
	v->resize_fd = -1;
	vmm->virtio = v;
	control_add(vmm->control, "link DEVICE up|down", "the cable of a network card, such as net0",
		    link_command, v);
	control_add(vmm->control, "port NAME add|remove", "a named port comes, or goes", port_command, v);
	control_add(vmm->control, "resize", "look at the images' sizes again, as SIGUSR2 does",
		    resize_command, v);
	if (create_devices(vmm, o, err) || start_record(vmm, o, err))
		return -1;
	return catch_signals(vmm, err);
}

void virtio_destroy(struct vmm *vmm)
{
	struct virtio *v = vmm->virtio;

	if (!v)
		return;
	vmm->virtio = NULL;
	for (unsigned i = 0; i < v->ndevices; i++)
		virtio_dev_finish(v->device[i]);
	record_destroy(v->record);
	for (unsigned i = 0; i < v->ndevices; i++)
		virtio_dev_destroy(v->device[i]);
	if (v->resize_watch)
		loop_remove_fd(&vmm->loop, v->resize_watch);
	if (v->resize_fd >= 0)
		close(v->resize_fd);
	free(v);
}

/* -- saving and restoring --------------------------------------------------------------------------------- */

/* While recording they share one lock. */
static bool has_own_lock(const struct virtio *v, unsigned i)
{
	return i == 0 || v->device[i]->lock != v->device[0]->lock;
}

void virtio_hold(struct vmm *vmm)
{
	struct virtio *v = vmm->virtio;

	for (unsigned i = 0; i < v->ndevices; i++)
		if (has_own_lock(v, i))
			pthread_mutex_lock(v->device[i]->lock);
}

void virtio_release(struct vmm *vmm)
{
	struct virtio *v = vmm->virtio;

	for (unsigned i = 0; i < v->ndevices; i++)
		if (has_own_lock(v, i))
			pthread_mutex_unlock(v->device[i]->lock);
}

int virtio_save(struct vmm *vmm, struct savefile_out *out, char err[ERR_MAX])
{
	struct virtio *v = vmm->virtio;

	for (unsigned i = 0; i < v->ndevices; i++)
		if (virtio_dev_save(v->device[i], out, i, err))
			return -1;
	return 0;
}

int virtio_restore(struct vmm *vmm, struct savefile_in *in, char err[ERR_MAX])
{
	struct virtio *v = vmm->virtio;
	unsigned n = 0;

	for (; in->part == SAVEFILE_DEVICE; n++) {
		if (in->index != n)
			return savefile_damaged(in, "a device's part is missing", err);
		if (n == v->ndevices)
			return err_set(
				err,
				"--restore: %.100s: the machine has more devices than the %u of the options; "
				"give the same ones",
				in->path, v->ndevices);
		if (virtio_dev_load(v->device[n], in, err) || savefile_next(in, err))
			return -1;
	}
	if (n < v->ndevices)
		return err_set(err,
			       "--restore: %.100s: the machine has %u devices, and the options name %u; give "
			       "the same ones",
			       in->path, n, v->ndevices);
	return 0;
}

int virtio_resume(struct vmm *vmm, char err[ERR_MAX])
{
	struct virtio *v = vmm->virtio;

	for (unsigned i = 0; i < v->ndevices; i++)
		if (virtio_dev_resume(v->device[i], err))
			return -1;
	return 0;
}
