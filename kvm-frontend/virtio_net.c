// SPDX-License-Identifier: BSD-2-Clause
#include "virtio_net.h"
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <string.h>
#include "net_tap.h"
#include "net_user.h"
#include "trace/remake.h"

#define MTU_USUAL  1500
#define SPEED_MBIT 10000 /* that the guest is told: it goes as fast as it goes */

/* -- the backend: what passes is recorded ---------------------------------------------------------------- */

static void submit(void *ctx, struct net_io *io)
{
	struct virtio_net *n = ctx;

	if (n->dev.record)
		recorder_enter_net(&n->dev.rec, io);
	n->backend.submit(n->backend.ctx, io);
	if (n->dev.record)
		recorder_leave(&n->dev.rec, false);
}

static void drain(void *ctx)
{
	struct virtio_net *n = ctx;

	if (n->dev.record)
		recorder_enter_drain(&n->dev.rec);
	n->backend.drain(n->backend.ctx);
	if (n->dev.record)
		recorder_leave(&n->dev.rec, true);
}

static void wake(void *ctx, uint16_t pair)
{
	struct virtio_net *n = ctx;

	if (n->dev.record)
		recorder_wake(&n->dev.rec, pair);
	n->backend.wake(n->backend.ctx, pair);
}

static void tune(void *ctx, const struct net_tuning *tuning)
{
	struct virtio_net *n = ctx;

	if (n->dev.record)
		recorder_tune(&n->dev.rec, tuning);
	n->backend.tune(n->backend.ctx, tuning);
}

void virtio_net_done(void *ctx, struct net_io *io, enum net_result result)
{
	struct virtio_net *n = ctx;

	if (n->dev.record)
		recorder_done_net(&n->dev.rec, io, result);
	net_io_done(&n->net, io, result);
}

/* -- what comes in --------------------------------------------------------------------------------------- */

static void enter(void *ctx)
{
	virtio_dev_enter(ctx);
}

static void leave(void *ctx)
{
	virtio_dev_leave(ctx);
}

enum net_answer virtio_net_receive(void *ctx, uint16_t pair, const struct net_frame *f)
{
	struct virtio_net *n = ctx;
	enum net_answer answer;

	if (n->dev.record)
		recorder_frame(&n->dev.rec, pair, f);
	answer = net_receive(&n->net, pair, f);
	if (n->dev.record)
		recorder_answer(&n->dev.rec, answer);
	return answer;
}

/* Under the lock. */
static void announce(struct virtio_dev *d)
{
	if (d->record)
		recorder_announce(&d->rec);
	net_announce(&virtio_net(d)->net);
}

void virtio_net_link(struct virtio_dev *d, bool up)
{
	struct virtio_net *n = virtio_net(d);

	virtio_dev_enter(d);
	if (d->record)
		recorder_link(&d->rec, up);
	net_set_link(&n->net, up);
	if (up)
		announce(d);
	virtio_dev_leave(d);
}

/* -- life ------------------------------------------------------------------------------------------------ */

static int open_host(struct virtio_net *n, const struct option_net *o, char err[ERR_MAX])
{
	const struct net_side side = {enter, leave, virtio_net_done, virtio_net_receive, n};
	unsigned cpus = n->dev.vmm->cpus, queues = cpus < NET_PAIRS_MAX ? cpus : NET_PAIRS_MAX;

	if (!o->tap[0])
		return net_user_open(&n->host, o, &n->dev.vmm->loop, &side, err);
	queues = o->queues ? o->queues : queues;
	return net_tap_open(&n->host, o, (uint16_t)queues, &n->dev.vmm->loop, &side, err);
}

static struct net_options choose(const struct virtio_net *n, const struct option_net *o)
{
	struct net_options options = {
		.mtu = o->mtu                     ? o->mtu
		       : n->host.mtu != MTU_USUAL ? n->host.mtu
						  : 0,
		.pairs = n->host.pairs,
		.speed_mbit = SPEED_MBIT,
		.without = o->mrg_rxbuf ? 0 : 1ull << VIRTIO_NET_F_MRG_RXBUF,
	};

	memcpy(options.mac, o->mac, sizeof(options.mac));
	return options;
}

static int create(struct virtio_net *n, const struct option_net *o, char err[ERR_MAX])
{
	struct net_backend backend = {.submit = submit, .drain = drain, .wake = wake, .tune = tune, .ctx = n};
	struct net_options options;

	if (open_host(n, o, err))
		return -1;
	n->backend = n->host.backend;
	backend.can = n->backend.can;
	options = choose(n, o);
	net_init(&n->net, &n->dev.mem, &virtio_host, &n->dev, &backend, &options);
	vdev_offer(&n->net.vdev, o->offer);
	/* Neither a tap nor libslirp waits. Where there is one processor, the loop's thread could run only instead
	 * of the guest; where there are more, the guest goes on meanwhile. */
	n->dev.kicks_here = virtio_one_processor();
	return virtio_dev_attach(&n->dev, &n->net.vdev, err);
}

struct virtio_dev *virtio_net_create(struct vmm *vmm, const struct option_net *o, unsigned nr,
				     char err[ERR_MAX])
{
	struct virtio_dev *d = virtio_dev_new(vmm, &virtio_net_type, err);

	if (!d)
		return NULL;
	snprintf(d->name, sizeof(d->name), "net%u", nr);
	if (!create(virtio_net(d), o, err))
		return d;
	virtio_dev_destroy(d);
	return NULL;
}

static struct vdev *remake(struct virtio_dev *d, const struct trace_device *t)
{
	struct virtio_net *n = virtio_net(d);
	struct net_backend backend = {.submit = submit, .drain = drain, .wake = wake, .tune = tune, .ctx = n};
	struct net_options options;
	bool unplugged;

	if (!remake_net(t, &options, &backend, &unplugged))
		return NULL;
	net_init(&n->net, &d->mem, &virtio_host, d, &backend, &options);
	if (unplugged)
		net_set_link(&n->net, false);
	return &n->net.vdev;
}

static void publish(struct virtio_dev *d)
{
	net_publish(&virtio_net(d)->net);
}

/* The network may look for the guest where it was before. */
static void resumed(struct virtio_dev *d)
{
	announce(d);
}

static bool poll_host(struct virtio_dev *d)
{
	struct virtio_net *n = virtio_net(d);

	return n->host.poll && n->host.poll(n->backend.ctx);
}

static void destroy(struct virtio_dev *d)
{
	struct virtio_net *n = virtio_net(d);

	if (n->host.destroy)
		n->host.destroy(n->host.backend.ctx);
}

const struct virtio_type virtio_net_type = {
	.name = "net",
	.id = VIRTIO_ID_NET,
	.size = sizeof(struct virtio_net),
	.remake = remake,
	.publish = publish,
	.resumed = resumed,
	.poll = poll_host,
	.destroy = destroy,
};
