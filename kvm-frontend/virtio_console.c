// SPDX-License-Identifier: BSD-2-Clause
#include "virtio_console.h"
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <string.h>
#include "trace/remake.h"

/* -- the backend: what passes is recorded ---------------------------------------------------------------- */

static void submit(void *ctx, struct console_io *io)
{
	struct virtio_console *c = ctx;

	if (c->dev.record)
		recorder_enter_console(&c->dev.rec, io);
	c->backend.submit(c->backend.ctx, io);
	if (c->dev.record)
		recorder_leave(&c->dev.rec, false);
}

static void drain(void *ctx, uint16_t port)
{
	struct virtio_console *c = ctx;

	if (c->dev.record)
		recorder_enter_drain(&c->dev.rec);
	c->backend.drain(c->backend.ctx, port);
	if (c->dev.record)
		recorder_leave(&c->dev.rec, true);
}

static void wake(void *ctx, uint16_t port)
{
	struct virtio_console *c = ctx;

	if (c->dev.record)
		recorder_wake(&c->dev.rec, port);
	c->backend.wake(c->backend.ctx, port);
}

static void opened(void *ctx, uint16_t port, bool open)
{
	struct virtio_console *c = ctx;

	if (c->dev.record)
		recorder_opened(&c->dev.rec, port, open);
	c->backend.opened(c->backend.ctx, port, open);
}

static void emergency(void *ctx, uint8_t byte)
{
	struct virtio_console *c = ctx;

	if (c->dev.record)
		recorder_emergency(&c->dev.rec, byte);
	c->backend.emergency(c->backend.ctx, byte);
}

/* -- the door: what the host's ends have to say ---------------------------------------------------------- */

static void enter(void *ctx)
{
	virtio_dev_enter(ctx);
}

static void leave(void *ctx)
{
	virtio_dev_leave(ctx);
}

void virtio_console_done(void *ctx, struct console_io *io, uint32_t bytes)
{
	struct virtio_console *c = ctx;

	if (c->dev.record)
		recorder_done_console(&c->dev.rec, io, bytes);
	console_io_done(&c->con, io, bytes);
}

uint32_t virtio_console_input(void *ctx, uint16_t port, uint32_t n)
{
	struct virtio_console *c = ctx;
	uint32_t lent;

	if (c->dev.record)
		recorder_input(&c->dev.rec, port, n);
	lent = console_input(&c->con, port, n);
	if (c->dev.record)
		recorder_answer(&c->dev.rec, lent);
	return lent;
}

static void set_open(void *ctx, uint16_t port, bool open)
{
	struct virtio_console *c = ctx;

	if (c->dev.record)
		recorder_port(&c->dev.rec, port, open ? PORT_OPENED : PORT_CLOSED, NULL);
	console_port_open(&c->con, port, open);
}

static void publish_batch(void *ctx)
{
	virtio_dev_publish(ctx);
}

static const struct console_door door = {enter,    leave,        virtio_console_done, virtio_console_input,
					 set_open, publish_batch};

/* Under the lock. */
static void follow_size(struct virtio_console *c)
{
	uint16_t cols, rows;

	if (!terminal_size(&c->host.port[0].terminal, &cols, &rows) ||
	    (cols == c->con.options.cols && rows == c->con.options.rows))
		return;
	if (c->dev.record)
		recorder_terminal(&c->dev.rec, cols, rows);
	console_resize(&c->con, cols, rows);
}

void virtio_console_resize(struct virtio_dev *d)
{
	if (d->type != &virtio_console_type)
		return;
	virtio_dev_enter(d);
	follow_size(virtio_console(d));
	virtio_dev_leave(d);
}

/* Another terminal, ports that had been pulled out, and nobody is connected to a socket yet. */
static void resumed(struct virtio_dev *d)
{
	struct virtio_console *c = virtio_console(d);

	follow_size(c);
	for (uint16_t i = 1; i < c->con.options.nports; i++)
		if (!c->con.options.port[i].there)
			console_host_unplug(&c->host, i);
		else if (c->host.port[i].there)
			set_open(c, i, console_host_is_open(&c->host, i));
}

static void plug(struct virtio_console *c, uint16_t port)
{
	struct console_port_options o = c->con.options.port[port];

	o.open = console_host_is_open(&c->host, port);
	if (c->dev.record)
		recorder_port(&c->dev.rec, port, PORT_ADDED, &o);
	console_port_add(&c->con, port, &o);
	console_host_plug(&c->host, port);
}

static void unplug(struct virtio_console *c, uint16_t port)
{
	if (c->dev.record)
		recorder_port(&c->dev.rec, port, PORT_REMOVED, NULL);
	console_port_remove(&c->con, port);
	console_host_unplug(&c->host, port);
}

bool virtio_console_plug(struct virtio_dev *d, const char *name, bool in, char err[ERR_MAX])
{
	struct virtio_console *c = virtio_console(d);
	uint16_t i = 1;

	if (d->type != &virtio_console_type)
		return false;
	while (i < c->con.options.nports && strcmp(c->con.options.port[i].name, name) != 0)
		i++;
	if (i >= c->con.options.nports)
		return false;
	virtio_dev_enter(d);
	if (c->con.options.port[i].there == in)
		err_set(err, "port %.40s is %s already", name, in ? "there" : "gone");
	else
		(in ? plug : unplug)(c, i);
	virtio_dev_leave(d);
	return true;
}

/* -- ports ----------------------------------------------------------------------------------------------- */

static int join(struct virtio_console *c, uint16_t nr, const struct option_port *o, char err[ERR_MAX])
{
	char what[64];

	snprintf(what, sizeof(what), "--port %s", o->name);
	return o->socket ? console_host_listen(&c->host, nr, what, o->path, err)
			 : console_host_append(&c->host, nr, what, o->path, err);
}

/* Nobody listens to a file but the disk. */
static struct console_port_options describe(const struct option_port *o)
{
	struct console_port_options p = {.there = true, .open = !o->socket};

	memcpy(p.name, o->name, sizeof(p.name));
	return p;
}

/* -- life ------------------------------------------------------------------------------------------------ */

static void init(struct virtio_console *c, const struct console_options *options)
{
	const struct console_backend backend = {submit, drain, wake, opened, emergency, c};

	console_init(&c->con, &c->dev.mem, &virtio_host, &c->dev, &backend, options);
}

static int open_terminal(struct virtio_console *c, const struct options *o, struct console_options *options,
			 char err[ERR_MAX])
{
	const struct terminal *t = &c->host.port[0].terminal;

	if (!o->hvc[0]) {
		options->without = 1ull << VIRTIO_CONSOLE_F_SIZE | 1ull << VIRTIO_CONSOLE_F_EMERG_WRITE;
		return 0;
	}
	options->port[0].console = options->port[0].open = true;
	if (console_host_terminal(&c->host, o->hvc, err))
		return -1;
	if (terminal_same(t, &c->dev.vmm->com1.terminal))
		return err_set(
			err,
			"--console: the serial port and hvc0 can not share %s; give one of them pty or "
			"another file",
			o->hvc);
	if (!terminal_size(t, &options->cols, &options->rows))
		options->without = 1ull << VIRTIO_CONSOLE_F_SIZE;
	return 0;
}

static int create(struct virtio_console *c, const struct options *o, char err[ERR_MAX])
{
	/* With MULTIPORT in any case: of a terminal that never changes its size, Linux learns by the message RESIZE
	 * alone. */
	struct console_options options = {.nports = CONSOLE_PORTS_MAX};
	struct virtio_dev *d = &c->dev;

	snprintf(d->name, sizeof(d->name), "console");
	if (console_host_create(&c->host, &d->vmm->loop, &door, d, err) || open_terminal(c, o, &options, err))
		return -1;
	c->backend = console_host_backend(&c->host);
	for (unsigned i = 0; i < o->port_count; i++) {
		options.port[i + 1] = describe(&o->ports[i]);
		if (join(c, (uint16_t)(i + 1), &o->ports[i], err))
			return -1;
	}
	init(c, &options);
	vdev_offer(&c->con.vdev, o->console_offer);
	return virtio_dev_attach(d, &c->con.vdev, err);
}

struct virtio_dev *virtio_console_create(struct vmm *vmm, const struct options *o, char err[ERR_MAX])
{
	struct virtio_dev *d = virtio_dev_new(vmm, &virtio_console_type, err);

	if (!d || !create(virtio_console(d), o, err))
		return d;
	virtio_dev_destroy(d);
	return NULL;
}

static struct vdev *remake(struct virtio_dev *d, const struct trace_device *t)
{
	struct virtio_console *c = virtio_console(d);
	struct console_options options;

	if (!remake_console(t, &options))
		return NULL;
	init(c, &options);
	return &c->con.vdev;
}

static void publish(struct virtio_dev *d)
{
	console_publish(&virtio_console(d)->con);
}

static bool ended_in_order(const struct vmm *vmm)
{
	int end = atomic_load(&vmm->ended);

	return end == VMM_POWER_OFF || end == VMM_RESET;
}

static void run_output(struct virtio_dev *d)
{
	for (uint16_t i = 1; i < d->vdev->nqueues; i = (uint16_t)(i + 2)) {
		if (d->record)
			recorder_run(&d->rec, i);
		vdev_run(d->vdev, i);
	}
}

/*
 * What the guest has written before it powered off is still in its queues. Where somebody ends the machine by
 * force, they do not wait for a slow reader.
 */
static bool finish(struct virtio_dev *d)
{
	struct virtio_console *c = virtio_console(d);

	if (!c->host.loop)
		return false;
	if (ended_in_order(d->vmm)) {
		run_output(d);
		while (console_host_flush(&c->host)) {
			virtio_dev_publish(d);
			run_output(d);
		}
	}
	for (uint16_t i = 0; i < CONSOLE_PORTS_MAX; i++)
		port_drain(&c->host.port[i]);
	return true;
}

static void destroy(struct virtio_dev *d)
{
	console_host_destroy(&virtio_console(d)->host);
}

const struct virtio_type virtio_console_type = {
	.name = "console",
	.id = VIRTIO_ID_CONSOLE,
	.size = sizeof(struct virtio_console),
	.remake = remake,
	.publish = publish,
	.resumed = resumed,
	.finish = finish,
	.destroy = destroy,
};
