// SPDX-License-Identifier: BSD-2-Clause
#include "guest_type.h"
#include "trace/remake.h"
#include "virtio_blk.h"
#include "virtio_console.h"
#include "virtio_net.h"
#include "virtio_rng.h"

#define KEPT (sizeof(((struct guest_dev *)0)->io) / sizeof(void *))
_Static_assert(KEPT >= NET_INFLIGHT_MAX, "every request has a place");
_Static_assert(KEPT >= RNG_INFLIGHT_MAX, "every request has a place");
_Static_assert(KEPT >= CONSOLE_INFLIGHT_MAX, "every request has a place");

/* -- disks ------------------------------------------------------------------------------------------------ */

static void blk_submit(void *ctx, struct blk_io *io)
{
	guest_submit(ctx, io->id, io);
}

static void blk_join(struct guest_dev *d)
{
	virtio_blk(d->dev)->backend =
		(struct blk_backend){.submit = blk_submit, .drain = guest_drain, .ctx = d};
}

static bool blk_done(struct guest_dev *d, void *io, const struct op *done, bool delivers)
{
	struct blk_io *b = io;

	if (done->arg[1] >= BLK_RESULTS || done->arg[2] > UINT32_MAX)
		return false;
	if (delivers)
		guest_fill(d, b->span, b->nspans);
	virtio_blk_done(d->dev, b, (enum blk_result)done->arg[1], (uint32_t)done->arg[2]);
	return true;
}

static bool blk_input(struct guest_dev *d, const struct op *op)
{
	if (op->code != OP_RESIZE)
		return false;
	recorder_resize(&d->dev->rec, op->arg[0]);
	blk_resize(&virtio_blk(d->dev)->blk, op->arg[0]);
	return true;
}

static const struct guest_type blk_type = {
	.type = &virtio_blk_type,
	.join = blk_join,
	.done = blk_done,
	.lost = BLK_IO_ERROR,
	.input = blk_input,
};

/* -- entropy ---------------------------------------------------------------------------------------------- */

static void rng_submit(void *ctx, struct rng_io *io)
{
	guest_submit(ctx, io->id, io);
}

static void rng_join(struct guest_dev *d)
{
	virtio_rng(d->dev)->backend =
		(struct rng_backend){.submit = rng_submit, .drain = guest_drain, .ctx = d};
}

static bool rng_done(struct guest_dev *d, void *io, const struct op *done, bool delivers)
{
	struct rng_io *r = io;

	if (done->arg[1] != BLK_DONE || done->arg[2] > r->span.len)
		return false;
	if (delivers)
		guest_fill(d, &r->span, 1);
	virtio_rng_done(d->dev, r, (uint32_t)done->arg[2]);
	return true;
}

static bool no_input(struct guest_dev *d, const struct op *op)
{
	(void)d;
	(void)op;
	return false;
}

static const struct guest_type rng_type = {
	.type = &virtio_rng_type,
	.join = rng_join,
	.done = rng_done,
	.lost = BLK_DONE,
	.input = no_input,
};

/* -- network cards: what they tell their backend is recorded, and nobody listens -------------------------- */

static void net_submit(void *ctx, struct net_io *io)
{
	guest_submit(ctx, io->id, io);
}

static void net_wake(void *ctx, uint16_t pair)
{
	(void)ctx;
	(void)pair;
}

static void net_tuned(void *ctx, const struct net_tuning *t)
{
	(void)ctx;
	(void)t;
}

static void net_join(struct guest_dev *d)
{
	virtio_net(d->dev)->backend = (struct net_backend){
		.submit = net_submit, .drain = guest_drain, .wake = net_wake, .tune = net_tuned, .ctx = d};
}

static bool net_done(struct guest_dev *d, void *io, const struct op *done, bool delivers)
{
	struct net_io *n = io;

	if (done->arg[1] >= NET_RESULTS)
		return false;
	if (delivers)
		guest_fill(d, n->span, n->nspans);
	virtio_net_done(d->dev, n, (enum net_result)done->arg[1]);
	return true;
}

static bool net_frame(struct guest_dev *d, const struct op *op)
{
	struct net_frame f = remake_frame(op);

	if (op->arg[0] >= NET_PAIRS_MAX || op->arg[1] < NET_HOST_FRAME_MIN || op->arg[1] > NET_FRAME_MAX)
		return false;
	virtio_net_receive(d->dev, (uint16_t)op->arg[0], &f);
	return true;
}

static bool net_input(struct guest_dev *d, const struct op *op)
{
	struct net *n = &virtio_net(d->dev)->net;

	switch (op->code) {
	case OP_FRAME:
		return net_frame(d, op);
	case OP_LINK:
		recorder_link(&d->dev->rec, op->arg[0]);
		net_set_link(n, op->arg[0]);
		return true;
	case OP_ANNOUNCE:
		recorder_announce(&d->dev->rec);
		net_announce(n);
		return true;
	default:
		return false;
	}
}

static const struct guest_type net_type = {
	.type = &virtio_net_type,
	.join = net_join,
	.done = net_done,
	.lost = NET_FAILED,
	.input = net_input,
};

/* -- consoles: likewise ----------------------------------------------------------------------------------- */

static void console_submit(void *ctx, struct console_io *io)
{
	guest_submit(ctx, io->id, io);
}

static bool of_port(const void *io, uint16_t port)
{
	return ((const struct console_io *)io)->port == port;
}

static void console_drain(void *ctx, uint16_t port)
{
	guest_drain_some(ctx, of_port, port);
}

static void console_wake(void *ctx, uint16_t port)
{
	(void)ctx;
	(void)port;
}

static void console_opened(void *ctx, uint16_t port, bool open)
{
	(void)ctx;
	(void)port;
	(void)open;
}

static void console_emergency(void *ctx, uint8_t byte)
{
	(void)ctx;
	(void)byte;
}

static void console_join(struct guest_dev *d)
{
	virtio_console(d->dev)->backend = (struct console_backend){
		console_submit, console_drain, console_wake, console_opened, console_emergency, d};
}

static bool console_done(struct guest_dev *d, void *io, const struct op *done, bool delivers)
{
	struct console_io *c = io;

	if (done->arg[1] != 0 || done->arg[2] > c->len)
		return false;
	if (delivers)
		guest_fill(d, c->span, c->nspans);
	virtio_console_done(d->dev, c, (uint32_t)done->arg[2]);
	return true;
}

static bool console_changes(struct guest_dev *d, const struct op *op)
{
	const struct console_port_options o = remake_port_options(op);

	recorder_port(&d->dev->rec, (uint16_t)op->arg[0], (enum port_change)op->arg[1], &o);
	return remake_port(&virtio_console(d->dev)->con, op);
}

static bool console_input_op(struct guest_dev *d, const struct op *op)
{
	struct console *c = &virtio_console(d->dev)->con;

	switch (op->code) {
	case OP_INPUT:
		if (op->arg[0] >= c->options.nports || !op->arg[1] || op->arg[1] > UINT32_MAX)
			return false;
		virtio_console_input(d->dev, (uint16_t)op->arg[0], (uint32_t)op->arg[1]);
		return true;
	case OP_TERMINAL:
		recorder_terminal(&d->dev->rec, (uint16_t)op->arg[0], (uint16_t)op->arg[1]);
		console_resize(c, (uint16_t)op->arg[0], (uint16_t)op->arg[1]);
		return true;
	case OP_PORT:
		return console_changes(d, op);
	default:
		return false;
	}
}

static const struct guest_type console_type = {
	.type = &virtio_console_type,
	.join = console_join,
	.done = console_done,
	.lost = 0,
	.input = console_input_op,
};

const struct guest_type *guest_type_of(const struct virtio_dev *d)
{
	static const struct guest_type *const all[] = {&blk_type, &rng_type, &net_type, &console_type};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->type == d->type)
			return all[i];
	return NULL;
}
