// SPDX-License-Identifier: BSD-2-Clause
/*
 * The control protocol of MULTIPORT (virtio 1.4, 5.3.6.2), as state of each port: what the driver knows of it,
 * and what it is yet to be told. The guest can make us say things, never remember more of them.
 *
 * Bits of `tell` wait until the port is ready, and PORT_READY sets them anew, so what the host did before that
 * is not told twice.
 */
#include "devices/console_int.h"

/* A message for the driver. */
struct message {
	uint16_t port;
	uint8_t tell;    /* enum console_tell; 0: PORT_ADD or PORT_REMOVE */
	uint32_t nbytes; /* of bytes */
	uint8_t bytes[sizeof(struct virtio_console_control) + CONSOLE_NAME_MAX];
};

/* -- to the driver --------------------------------------------------------------------------------------- */

static void put_header(struct message *m, uint16_t event, uint16_t value)
{
	const struct virtio_console_control h = {.id = m->port, .event = event, .value = value};
	memcpy(m->bytes, &h, sizeof(h));
	m->nbytes = sizeof(h);
}

static void put_bytes(struct message *m, const void *data, uint32_t n)
{
	memcpy(m->bytes + m->nbytes, data, n);
	m->nbytes += n;
}

/* Without its NUL. */
static void put_name(struct message *m, const char *name)
{
	put_header(m, VIRTIO_CONSOLE_PORT_NAME, 0);
	for (uint32_t i = 0; name[i]; i++)
		put_bytes(m, &name[i], 1);
}

static void put_size(struct message *m, const struct console_options *o)
{
	const uint16_t cols_rows[2] = {o->cols, o->rows}, rows_cols[2] = {o->rows, o->cols};
	put_header(m, VIRTIO_CONSOLE_RESIZE, 0);
	put_bytes(m, o->rows_first ? rows_cols : cols_rows, sizeof(cols_rows));
}

static void put_tell(const struct console *c, struct message *m)
{
	switch (m->tell) {
	case CONSOLE_TELL_TERMINAL:
		put_header(m, VIRTIO_CONSOLE_CONSOLE_PORT, 1);
		break;
	case CONSOLE_TELL_NAME:
		put_name(m, c->options.port[m->port].name);
		break;
	case CONSOLE_TELL_SIZE:
		put_size(m, &c->options);
		break;
	default:
		put_header(m, VIRTIO_CONSOLE_PORT_OPEN, m->tell == CONSOLE_TELL_OPEN);
		break;
	}
}

/* The next message that is due for a port. con.mport.1, con.mport.2: what the driver knows is not added, what it
 * does not know is not removed. */
static bool due_for(const struct console *c, uint16_t port, struct message *m)
{
	const struct console_port *p = &c->port[port];
	*m = (struct message){.port = port};
	if (p->gone) {
		put_header(m, VIRTIO_CONSOLE_PORT_REMOVE, 0);
	} else if (!p->known && c->options.port[port].there) {
		put_header(m, VIRTIO_CONSOLE_PORT_ADD, 0);
	} else if (p->ready && p->tell) {
		m->tell = (uint8_t)(p->tell & -p->tell);
		put_tell(c, m);
	} else {
		return false;
	}
	return true;
}

static bool due(const struct console *c, struct message *m)
{
	for (uint16_t i = 0; i < c->options.nports; i++)
		if (due_for(c, i, m))
			return true;
	return false;
}

static void told(struct console *c, const struct message *m)
{
	struct console_port *p = &c->port[m->port];
	if (!m->tell) {
		p->known = !p->gone;
		p->ever = true;
		p->gone = false;
	}
	if (m->tell == CONSOLE_TELL_OPEN || m->tell == CONSOLE_TELL_CLOSED)
		p->told_open = m->tell == CONSOLE_TELL_OPEN;
	p->tell &= (uint8_t)~m->tell;
}

/* A buffer that is too small goes back empty; the message waits for the next. */
void ctrl_tell(struct console *c)
{
	struct vdev *d = &c->vdev;
	struct vq_chain ch;
	struct message m;
	if (!c->driver_ready || !vdev_live(d) || !d->queue[CTRL_RX].ready)
		return;
	for (uint32_t budget = d->queue[CTRL_RX].size; due(c, &m); budget--) {
		if (!budget) {
			d->host->again(d->host_ctx, CTRL_RX);
			return;
		}
		if (!console_pop_room(c, CTRL_RX, &ch))
			return;
		struct vq_cursor out = vq_writer(&ch);
		bool fits = vq_write(&out, d->mem, VMEM_PAYLOAD, m.bytes, m.nbytes);
		console_complete(c, CTRL_RX, ch.tok, fits ? m.nbytes : 0);
		if (fits)
			told(c, &m);
		else
			vdev_offend(d, OFFENCE_CONSOLE_ROOM);
	}
}

/* -- from the driver ------------------------------------------------------------------------------------- */

static void set_open(struct console *c, uint16_t port, bool open)
{
	if (c->port[port].open == open)
		return;
	c->port[port].open = open;
	c->backend.opened(c->backend.ctx, port, open);
	console_offer_room(c, port);
}

static void take_ready(struct console *c, uint16_t port, bool ready)
{
	const struct console_port_options *o = &c->options.port[port];
	struct console_port *p = &c->port[port];
	bool size = port == 0 && ctrl_tells_size(c);
	uint32_t closed = p->told_open ? CONSOLE_TELL_CLOSED : 0; /* it may hear that it is open just now */
	p->ready = ready;
	p->tell = (uint8_t)((o->console ? CONSOLE_TELL_TERMINAL : 0) | (o->name[0] ? CONSOLE_TELL_NAME : 0) |
			    (o->open ? CONSOLE_TELL_OPEN : closed) | (size ? CONSOLE_TELL_SIZE : 0));
	if (!ready)
		set_open(c, port, false);
}

/* What is said of a port that is going, or has gone, was overtaken by our PORT_REMOVE: no offence. */
static void take_for_port(struct console *c, const struct virtio_console_control *m)
{
	if (m->id >= c->options.nports || !c->port[m->id].ever)
		vdev_offend(&c->vdev, OFFENCE_CONSOLE_PORT);
	else if (!c->port[m->id].known || c->port[m->id].gone)
		return;
	else if (m->event == VIRTIO_CONSOLE_PORT_READY)
		take_ready(c, (uint16_t)m->id, m->value);
	else
		set_open(c, (uint16_t)m->id, m->value);
}

bool ctrl_take(struct vdev *d, uint16_t queue, const struct vq_chain *ch)
{
	struct console *c = console_of(d);
	struct vq_cursor in = vq_reader(ch);
	struct virtio_console_control m;
	if (ch->write_len)
		vdev_offend(d, OFFENCE_CONSOLE_WRITABLE);
	if (!vq_read(&in, d->mem, VMEM_HEADER, &m, sizeof(m)))
		vdev_offend(d, OFFENCE_CONSOLE_SHORT);
	else if (m.event == VIRTIO_CONSOLE_DEVICE_READY)
		c->driver_ready = m.value;
	else if (m.event == VIRTIO_CONSOLE_PORT_READY || m.event == VIRTIO_CONSOLE_PORT_OPEN)
		take_for_port(c, &m);
	else
		vdev_offend(d, OFFENCE_CONSOLE_EVENT);
	console_complete(c, queue, ch->tok, 0);
	return true;
}

bool ctrl_tells_size(const struct console *c)
{
	return c->options.port[0].console && vdev_has(&c->vdev, VIRTIO_CONSOLE_F_SIZE);
}

/* -- ends ------------------------------------------------------------------------------------------------ */

void ctrl_forget(struct console *c, uint16_t port)
{
	struct console_port *p = &c->port[port];
	p->gone = p->known;
	p->ready = p->open = p->told_open = false;
	p->tell = 0;
}

void ctrl_reset(struct console *c)
{
	c->driver_ready = false;
	for (uint16_t i = 0; i < c->options.nports; i++) {
		struct console_port *p = &c->port[i];
		if (p->open && !c->loaded)
			c->backend.opened(c->backend.ctx, i, false);
		p->known = p->ever = p->gone = p->ready = p->open = p->told_open = false;
		p->tell = 0;
	}
}
