// SPDX-License-Identifier: BSD-2-Clause
/*
 * Kicks. KVM matches the write of a queue's number to the notify register and signals an eventfd, and the
 * guest goes on at once. Not so where the device answers without waiting (kicks_here), nor once the
 * driver has accepted NOTIFICATION_DATA: the value then tells how far the driver has come, a match by value
 * would miss, so every kick comes as a register write.
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include <errno.h>
#include <linux/virtio_mmio.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "virtio_dev.h"

bool virtio_one_processor(void)
{
	cpu_set_t set;

	return !sched_getaffinity(0, sizeof(set), &set) && CPU_COUNT(&set) == 1;
}

static void on_kick(void *ctx)
{
	struct virtio_kick *k = ctx;

	virtio_dev_run(k->dev, k->queue);
}

void virtio_kick_signal(const struct virtio_kick *k)
{
	uint64_t one = 1;

	/* Cannot fail but by a counter at its limit, and then the loop is called anyway. */
	if (write(k->fd, &one, sizeof(one)) < 0)
		return;
}

static int set_in_kvm(struct virtio_kick *k, bool on)
{
	struct virtio_dev *d = k->dev;

	if (vmm_ioeventfd(d->vmm, d->slot.base + VIRTIO_MMIO_QUEUE_NOTIFY, 4, k->queue, k->fd, on))
		return -1;
	k->in_kvm = on;
	return 0;
}

/*
 * Edge-triggered, so the counter need not be read: each signal is an edge of its own, and the run that
 * follows looks at the whole ring. That saves a system call per kick.
 */
int virtio_kick_create(struct virtio_dev *d, uint16_t queue, char err[ERR_MAX])
{
	struct virtio_kick *k = &d->kick[queue];
	struct epoll_event edge = {.events = EPOLLIN | EPOLLET};

	*k = (struct virtio_kick){.dev = d, .queue = queue, .fd = -1};
	if (d->traced)
		return 0; /* the trace tells when a queue runs */
	*k = (struct virtio_kick){.dev = d, .queue = queue, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	if (k->fd >= 0)
		k->watch = loop_add_fd(&d->vmm->loop, k->fd, on_kick, k);
	edge.data.ptr = k->watch;
	if (!k->watch || epoll_ctl(d->vmm->loop.epoll_fd, EPOLL_CTL_MOD, k->fd, &edge))
		return err_set(err, "%s: eventfd: %s", d->name, strerror(errno));
	if (d->kicks_here)
		return 0; /* the write itself comes to the device's window */
	return set_in_kvm(k, true) ? err_set(err, "%s: KVM_IOEVENTFD: %s", d->name, strerror(errno)) : 0;
}

/* A kick that KVM took before is still in the eventfd, and runs: harmless. */
void virtio_kick_follow(struct virtio_dev *d)
{
	bool settled = d->vdev->status & VIRTIO_CONFIG_S_FEATURES_OK;
	bool in_kvm = !(settled && vdev_has(d->vdev, VIRTIO_F_NOTIFICATION_DATA)) && !d->kicks_here;

	for (uint16_t i = 0; i < d->vdev->nqueues; i++)
		if (d->kick[i].in_kvm != in_kvm && set_in_kvm(&d->kick[i], in_kvm))
			vmm_end(d->vmm, VMM_HOST_ERROR, "%s: KVM_IOEVENTFD: %s", d->name, strerror(errno));
}

void virtio_kick_destroy(struct virtio_dev *d, struct virtio_kick *k)
{
	if (!k->dev)
		return;
	if (k->watch)
		loop_remove_fd(&d->vmm->loop, k->watch);
	if (k->fd >= 0)
		close(k->fd);
}
