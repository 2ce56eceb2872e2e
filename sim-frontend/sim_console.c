// SPDX-License-Identifier: BSD-2-Clause
/*
 * The console in the simulator: a backend that types whatever it is told to, and takes all that it gets. Bytes
 * that found no room wait; once the device has called wake they are offered again, when the host next has its
 * turn.
 */
#include <linux/virtio_ids.h>
#include <stdlib.h>

#include "driver_int.h"
#include "hash.h"
#include "machine_save.h"
#include "sim_console.h"
#include "trace/remake.h"

#define UNREAD_MAX \
	65535u /* bytes of a port; what a program types beyond them is lost before it comes to us */

struct sim_port {
	uint32_t unread;
	bool waits; /* the device said that there was no room */
	bool open;  /* the guest told so */
	uint64_t taken;
};

struct sim_console {
	struct console con;
	uint32_t offered; /* bytes, while the device is asked to take some */
	uint64_t emergencies;
	struct sim_port port[CONSOLE_PORTS_MAX];
};

static struct sim_console *state_of(const struct sim_device *d)
{
	return d->state;
}

static uint16_t rx_queue(uint16_t port)
{
	return (uint16_t)(port ? 2 * port + 2 : 0);
}

const struct console_options *sim_console_options(const struct sim_device *d)
{
	return &state_of(d)->con.options;
}

static bool multiport(const struct sim_console *s)
{
	return vdev_has(&s->con.vdev, VIRTIO_CONSOLE_F_MULTIPORT);
}

/* The guest has it open, as far as the backend was told; without MULTIPORT: port 0. */
static bool is_open(const struct sim_console *s, uint16_t port)
{
	return multiport(s) ? s->port[port].open : port == 0;
}

/* -- requests -------------------------------------------------------------------------------------------- */

/* What fails is input that was not there after all, or output that is lost. */
static void finish(struct sim_device *d, void *request, struct verdict v)
{
	struct sim_console *s = state_of(d);
	struct console_io *io = request;
	struct sim_port *p = &s->port[io->port];
	uint32_t n = v.result ? 0 : v.bytes < io->len ? v.bytes : io->len;
	bool rx = io->type == CONSOLE_IO_RX;
	if (rx) {
		n = n < p->unread ? n : p->unread;
		stream_give(&d->judges->stream, io, n);
		p->unread -= n;
	} else {
		p->taken += n;
	}
	if (d->recorder)
		recorder_done_console(d->recorder, io, n);
	machine_point(d, POINT_COMPLETION, WHEN_ANY);
	oracle_backend_done_begins(&d->judges->backend, io->id, BLK_DONE, n, true);
	uint16_t queue = rx_queue(io->port);
	bool back = rx && !n && vdev_live(d->vdev) && vdev_queue_ready(d->vdev, queue);
	console_io_done(&s->con, io, n);
	if (back)
		oracle_latest_given_back(d->oracle, queue);
	oracle_backend_done_ends(&d->judges->backend);
}

static void submit(void *ctx, struct console_io *io)
{
	struct sim_device *d = ctx;
	struct sim_console *s = state_of(d);
	if (machine_save_submit(d, io))
		return;
	if (d->recorder)
		recorder_enter_console(d->recorder, io);
	oracle_backend_submit_console(&d->judges->backend, io, s->offered);
	if (io->type == CONSOLE_IO_TX)
		stream_taken(&d->judges->stream, io);
	else
		stream_asked(&d->judges->stream, io->port, is_open(s, io->port));
	machine_submit(d, io);
}

static void drain(void *ctx, uint16_t port)
{
	struct sim_device *d = ctx;
	struct backend *b = &d->backend;
	if (d->recorder)
		recorder_enter_drain(d->recorder);
	for (uint32_t i = 0; i < b->nheld;) {
		const struct console_io *io = b->held[i];
		if (io->port == port)
			finish(d, backend_take(b, i), backend_verdict(b));
		else
			i++;
	}
	if (d->recorder)
		recorder_leave(d->recorder, true);
}

/* -- what the device tells ------------------------------------------------------------------------------- */

static void wake(void *ctx, uint16_t port)
{
	struct sim_device *d = ctx;
	if (machine_save_noise(d, "wakes its backend"))
		return;
	if (d->recorder)
		recorder_wake(d->recorder, port);
	state_of(d)->port[port].waits = false;
}

/* A device that goes on as another one says so again. */
static void opened(void *ctx, uint16_t port, bool open)
{
	struct sim_device *d = ctx;
	struct sim_port *p = &state_of(d)->port[port];
	if (d->save && p->open != open)
		machine_save_hears(d, "tells of a port what it did not");
	if (d->save)
		return;
	if (d->recorder)
		recorder_opened(d->recorder, port, open);
	p->open = open;
	control_opened(&d->judges->control, port, open);
}

static void emergency(void *ctx, uint8_t byte)
{
	struct sim_device *d = ctx;
	struct sim_console *s = state_of(d);
	if (machine_save_noise(d, "writes a byte of its own"))
		return;
	if (d->recorder)
		recorder_emergency(d->recorder, byte);
	s->emergencies = hash_u64(s->emergencies, byte);
	control_emergency(&d->judges->control, byte);
}

/* -- making one ------------------------------------------------------------------------------------------ */

static bool create(struct sim_device *d)
{
	struct sim_console *s = calloc(1, sizeof(*s));
	d->state = s;
	d->vdev = s ? &s->con.vdev : NULL;
	return s;
}

static void destroy(struct sim_device *d)
{
	free(d->state);
}

static void make(struct sim_device *d, const struct console_options *o)
{
	const struct console_backend backend = {submit, drain, wake, opened, emergency, d};
	console_init(&state_of(d)->con, &d->mem, &machine_host, d, &backend, o);
}

static void init(struct sim_device *d, const struct device_options *o)
{
	static const uint16_t nports[4] = {3, 1, 2, 3};
	struct sim_console *s = state_of(d);
	bool open = !(o->flags & CONSOLE_FLAG_CLOSED);
	struct console_options c = {.cols = 80, .rows = 25, .without = o->without};
	memset(s->port, 0, sizeof(s->port));
	s->emergencies = 0;
	s->offered = 0;
	c.nports = nports[o->flags & CONSOLE_FLAG_PORTS];
	c.queue_size = o->queue_size < CONSOLE_QUEUE_SIZE ? (uint16_t)o->queue_size : 0;
	c.rows_first = o->flags & CONSOLE_FLAG_ROWS_FIRST;
	if (o->flags & CONSOLE_FLAG_NO_SIZE)
		c.without |= 1ull << VIRTIO_CONSOLE_F_SIZE;
	if (o->flags & CONSOLE_FLAG_NO_EMERGENCY)
		c.without |= 1ull << VIRTIO_CONSOLE_F_EMERG_WRITE;
	c.port[0] = (struct console_port_options){
		.there = true, .console = !(o->flags & CONSOLE_FLAG_PLAIN), .open = open};
	c.port[1] = (struct console_port_options){.there = true, .open = open, .name = "log"};
	make(d, &c);
}

static void renew(struct sim_device *d)
{
	struct console *c = &state_of(d)->con;
	const struct console_options o = c->options;
	for (uint64_t busy = c->busy; busy; busy &= busy - 1)
		memset(&c->req[__builtin_ctzll(busy)], 0xa5, sizeof(c->req[0]));
	memset(c->port, 0xa5, sizeof(c->port));
	make(d, &o);
}

static uint16_t request_id(const void *request)
{
	const struct console_io *io = request;
	return io->id;
}

static uint64_t request_hash(const void *request)
{
	const struct console_io *io = request;
	uint64_t h = hash_u64(HASH_SEED, (uint64_t)io->type << 48 | (uint64_t)io->port << 32 | io->len);
	for (uint16_t i = 0; i < io->nspans; i++)
		h = hash_u64(hash_u64(h, (uintptr_t)io->span[i].base), io->span[i].len);
	return h;
}

static void each_lent(struct sim_device *d)
{
	const struct console *c = &state_of(d)->con;
	for (uint64_t busy = c->busy; busy; busy &= busy - 1) {
		const struct console_req *r = &c->req[__builtin_ctzll(busy)];
		for (uint16_t i = 0; i < r->io.nspans; i++)
			machine_save_lent(d, r->nr, r->io.type == CONSOLE_IO_RX ? VMEM_STORE : VMEM_LOAD,
					  r->span_gpa[i], r->io.span[i]);
	}
}

static void publish(struct sim_device *d)
{
	console_publish(&state_of(d)->con);
}

/* -- what the host does ---------------------------------------------------------------------------------- */

/* Offers what is unread. */
static void offer(struct sim_device *d, uint16_t port)
{
	struct sim_console *s = state_of(d);
	struct sim_port *p = &s->port[port];
	if (d->recorder)
		recorder_input(d->recorder, port, p->unread);
	s->offered = p->unread;
	uint32_t lent = console_input(&s->con, port, p->unread);
	s->offered = 0;
	if (d->recorder)
		recorder_answer(d->recorder, lent);
	if (!lent)
		oracle_given_back(d->oracle, rx_queue(port), 1);
	p->waits = lent == 0;
}

static void type_in(struct sim_device *d, const struct op *op)
{
	struct sim_console *s = state_of(d);
	uint16_t port = (uint16_t)(op->arg[0] % s->con.options.nports);
	struct sim_port *p = &s->port[port];
	uint32_t n = op->arg[1] < UNREAD_MAX ? (uint32_t)op->arg[1] : UNREAD_MAX;
	if (!s->con.options.port[port].there || !n)
		return;
	p->unread = n < UNREAD_MAX - p->unread ? p->unread + n : UNREAD_MAX;
	if (!p->waits)
		offer(d, port);
}

static void resize(struct sim_device *d, uint16_t cols, uint16_t rows)
{
	if (d->vdev->offered >> VIRTIO_CONSOLE_F_SIZE & 1) {
		oracle_config_changes(d->oracle);
		d->judges->status.config_event = true;
	}
	control_terminal(&d->judges->control, cols, rows);
	if (d->recorder)
		recorder_terminal(d->recorder, cols, rows);
	console_resize(&state_of(d)->con, cols, rows);
}

/* What can not be done to this port is left out. */
static void change_port(struct sim_device *d, const struct op *op)
{
	struct sim_console *s = state_of(d);
	struct op o = *op;
	o.arg[0] %= s->con.options.nports;
	o.arg[1] %= 4;
	uint16_t port = (uint16_t)o.arg[0];
	bool there = s->con.options.port[port].there, removes = o.arg[1] == PORT_REMOVED;
	if ((o.arg[1] == PORT_ADDED) == there || (removes && !port))
		return;
	struct console_port_options added = remake_port_options(&o);
	if (d->recorder)
		recorder_port(d->recorder, port, (enum port_change)o.arg[1], &added);
	control_port(&d->judges->control, port, (enum port_change)o.arg[1], &added);
	if (removes) {
		s->port[port] = (struct sim_port){.taken = s->port[port].taken};
		stream_cut(&d->judges->stream, port);
	}
	remake_port(&s->con, &o);
}

static void input(struct sim_device *d, const struct op *op)
{
	if (op->code == OP_INPUT)
		type_in(d, op);
	else if (op->code == OP_TERMINAL)
		resize(d, (uint16_t)op->arg[0], (uint16_t)op->arg[1]);
	else if (op->code == OP_PORT)
		change_port(d, op);
}

/* The first port that has bytes, and need not wait for room; none: nports. */
static uint16_t eager(const struct sim_console *s)
{
	uint16_t i = 0;
	while (i < s->con.options.nports && (!s->port[i].unread || s->port[i].waits))
		i++;
	return i;
}

static bool pending(const struct sim_device *d)
{
	const struct sim_console *s = d->state;
	return eager(s) < s->con.options.nports;
}

static void more(struct sim_device *d)
{
	offer(d, eager(state_of(d)));
}

/* The host has bytes that wait, the guest an open port. */
static bool wants_room(const struct sim_device *d, uint16_t port)
{
	const struct sim_console *s = d->state;
	return s->port[port].unread && s->port[port].waits && is_open(s, port) &&
	       s->con.options.port[port].there && vdev_live(d->vdev) &&
	       vdev_queue_ready(d->vdev, rx_queue(port));
}

/* Output is always wanted; buffers for input where some waits; what is due on the control queues is known to
 * oracle_control.h, but the driver's messages are to be taken. */
static bool owes(const struct sim_device *d, uint16_t queue)
{
	const struct sim_console *s = d->state;
	if (queue >= 2 && !multiport(s))
		return false;
	if (queue & 1)
		return true;
	return queue != 2 && wants_room(d, (uint16_t)(queue ? queue / 2 - 1 : 0));
}

static bool hungry(const struct sim_device *d, uint16_t *queue)
{
	const struct sim_console *s = d->state;
	for (uint16_t i = 0; i < s->con.options.nports; i++) {
		*queue = rx_queue(i);
		if (wants_room(d, i))
			return true;
	}
	return false;
}

static uint64_t hash(const struct sim_device *d, uint64_t h)
{
	const struct sim_console *s = d->state;
	for (int i = 0; i < CONSOLE_PORTS_MAX; i++)
		h = hash_u64(hash_u64(h, s->port[i].taken),
			     (uint64_t)s->port[i].unread << 1 | s->port[i].open);
	return hash_u64(h, s->emergencies);
}

const struct sim_type sim_console = {
	.id = VIRTIO_ID_CONSOLE,
	.name = "console",
	.judge = &judge_console,
	.driver = &driver_console,
	.create = create,
	.destroy = destroy,
	.init = init,
	.finish = finish,
	.publish = publish,
	.config_is_tame = true,
	.input = input,
	.pending = pending,
	.more = more,
	.owes = owes,
	.hungry = hungry,
	.renew = renew,
	.request_id = request_id,
	.request_hash = request_hash,
	.each_lent = each_lent,
	.hash = hash,
};
