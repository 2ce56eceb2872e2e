// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_ids.h>

#include "trace/remake.h"
#include "twin.h"

#define KEPT(member) \
	(sizeof(((struct twin_device *)0)->member) / sizeof(((struct twin_device *)0)->member[0]))
_Static_assert(KEPT(io) >= NET_INFLIGHT_MAX, "all requests of a network device are known");
_Static_assert(KEPT(hash) >= NET_SPANS_MAX, "and all that one delivers");

static struct net *net_of(struct twin_device *d)
{
	return (struct net *)(void *)d->vdev;
}

/* -- backend --------------------------------------------------------------------------------------------- */

static void submit(void *ctx, struct net_io *io)
{
	struct twin_device *d = ctx;
	struct op op;
	remake_net_submit(io, &op);
	op.dev = d->nr;
	twin_submit(d, io, &op);
}

static void wake(void *ctx, uint16_t pair)
{
	struct twin_device *d = ctx;
	const struct op op = {.code = OP_WAKE, .dev = d->nr, .arg = {pair}};
	d->twin->doors->tell(d, &op);
}

static void tune(void *ctx, const struct net_tuning *t)
{
	struct twin_device *d = ctx;
	const struct op op = {.code = OP_TUNE, .dev = d->nr, .arg = {t->pairs, t->offloads, t->announced}};
	d->twin->doors->tell(d, &op);
}

/* -- the device ------------------------------------------------------------------------------------------ */

static bool make(struct twin_device *d, const struct trace_device *t)
{
	struct net_options o;
	struct net_backend b = {.submit = submit, .drain = twin_drain, .wake = wake, .tune = tune, .ctx = d};
	bool unplugged;
	if (!remake_net(t, &o, &b, &unplugged))
		return false;
	net_init(net_of(d), &d->mem, &d->twin->doors->host, d, &b, &o);
	if (unplugged)
		net_set_link(net_of(d), false);
	return true;
}

static bool done(struct twin_device *d, void *io, uint64_t result, uint64_t bytes)
{
	(void)bytes; /* all of a frame, or nothing */
	if (result >= NET_RESULTS)
		return false;
	net_io_done(net_of(d), io, (enum net_result)result);
	return true;
}

static void publish(struct twin_device *d)
{
	net_publish(net_of(d));
}

static bool receive(struct twin_device *d, const struct op *op)
{
	struct net_frame f = remake_frame(op);
	if (op->arg[0] >= NET_PAIRS_MAX || op->arg[1] < 14 || op->arg[1] > NET_FRAME_MAX)
		return false;
	const struct op answer = {
		.code = OP_ANSWER, .dev = d->nr, .arg = {net_receive(net_of(d), (uint16_t)op->arg[0], &f)}};
	d->twin->doors->tell(d, &answer);
	return true;
}

static bool input(struct twin_device *d, const struct op *op)
{
	switch (op->code) {
	case OP_FRAME:
		return receive(d, op);
	case OP_LINK:
		net_set_link(net_of(d), op->arg[0]);
		return true;
	case OP_ANNOUNCE:
		net_announce(net_of(d));
		return true;
	default:
		return false;
	}
}

const struct twin_type twin_net = {
	.id = VIRTIO_ID_NET,
	.size = sizeof(struct net),
	.make = make,
	.done = done,
	.lost = NET_FAILED,
	.publish = publish,
	.input = input,
};
