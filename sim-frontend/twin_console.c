// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_ids.h>

#include "trace/remake.h"
#include "twin.h"

static struct console *console_of(struct twin_device *d)
{
	return (struct console *)(void *)d->vdev;
}

/* -- backend --------------------------------------------------------------------------------------------- */

static void submit(void *ctx, struct console_io *io)
{
	struct twin_device *d = ctx;
	struct op op = {
		.code = OP_SUBMIT, .dev = d->nr, .arg = {io->id, io->type, io->port, io->len, 0, io->nspans}};
	twin_submit(d, io, &op);
}

static void drain(void *ctx, uint16_t port)
{
	struct twin_device *d = ctx;
	for (uint32_t i = 0; i < CONSOLE_INFLIGHT_MAX; i++)
		d->drains[i] = d->io[i] && ((struct console_io *)d->io[i])->port == port;
	d->twin->doors->drain(d);
}

static void tell(struct twin_device *d, uint8_t code, uint64_t a, uint64_t b)
{
	struct op op = {.code = code, .dev = d->nr, .arg = {a, b}};
	d->twin->doors->tell(d, &op);
}

static void wake(void *ctx, uint16_t port)
{
	tell(ctx, OP_WAKE, port, 0);
}

static void opened(void *ctx, uint16_t port, bool open)
{
	tell(ctx, OP_OPENED, port, open);
}

static void emergency(void *ctx, uint8_t byte)
{
	tell(ctx, OP_EMERGENCY, byte, 0);
}

/* -- the device ------------------------------------------------------------------------------------------ */

static bool make(struct twin_device *d, const struct trace_device *t)
{
	struct console_options o;
	const struct console_backend b = {submit, drain, wake, opened, emergency, d};
	if (!remake_console(t, &o))
		return false;
	console_init(console_of(d), &d->mem, &d->twin->doors->host, d, &b, &o);
	return true;
}

static bool done(struct twin_device *d, void *io, uint64_t result, uint64_t bytes)
{
	const struct console_io *c = io;
	if (result != 0 || bytes > c->len)
		return false;
	console_io_done(console_of(d), io, (uint32_t)bytes);
	return true;
}

static void publish(struct twin_device *d)
{
	console_publish(console_of(d));
}

static bool input(struct twin_device *d, const struct op *op)
{
	struct console *c = console_of(d);
	switch (op->code) {
	case OP_INPUT:
		if (op->arg[0] >= c->options.nports || !op->arg[1] || op->arg[1] > UINT32_MAX)
			return false;
		tell(d, OP_ANSWER, console_input(c, (uint16_t)op->arg[0], (uint32_t)op->arg[1]), 0);
		return true;
	case OP_TERMINAL:
		console_resize(c, (uint16_t)op->arg[0], (uint16_t)op->arg[1]);
		return true;
	case OP_PORT:
		return remake_port(c, op);
	default:
		return false;
	}
}

const struct twin_type twin_console = {
	.id = VIRTIO_ID_CONSOLE,
	.size = sizeof(struct console),
	.make = make,
	.done = done,
	.lost = 0,
	.publish = publish,
	.input = input,
};
