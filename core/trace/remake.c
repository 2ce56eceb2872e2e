// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>

#include "trace/remake.h"

static bool has(const struct trace_device *t, unsigned feature)
{
	return t->features >> feature & 1;
}

bool remake_blk(const struct trace_device *t, struct blk_options *o, struct blk_backend *b)
{
	struct virtio_blk_config c = {0};
	memcpy(&c, t->config, t->config_len < sizeof(c) ? t->config_len : sizeof(c));
	*o = (struct blk_options){
		.read_only = has(t, VIRTIO_BLK_F_RO),
		.nqueues = t->nqueues,
		.physical_exp = c.physical_block_exp,
		.opt_io_sectors = c.opt_io_size,
		.without = ~t->features,
	};
	memcpy(o->ident, t->ident, t->ident_len < sizeof(o->ident) ? t->ident_len : sizeof(o->ident));
	b->sectors = c.capacity;
	b->can = (has(t, VIRTIO_BLK_F_FLUSH) ? BLK_CAN_FLUSH : 0u) |
		 (has(t, VIRTIO_BLK_F_DISCARD) ? BLK_CAN_DISCARD : 0u) |
		 (has(t, VIRTIO_BLK_F_WRITE_ZEROES) ? BLK_CAN_WRITE_ZEROES : 0u) |
		 (c.write_zeroes_may_unmap ? BLK_CAN_UNMAP : 0u);
	return t->nqueues && t->nqueues <= BLK_QUEUES_MAX && o->physical_exp <= 7;
}

/* -- console --------------------------------------------------------------------------------------------- */

/* In a head: one more than enum port_flags. */
#define PORT_THERE 4

static uint8_t name_len(const char *name)
{
	uint8_t n = 0;
	while (n < CONSOLE_NAME_MAX && name[n])
		n++;
	return n;
}

static void describe_console(const struct console_options *o, struct trace_device *t)
{
	uint8_t *p = t->ident;
	*p++ = o->rows_first;
	for (uint16_t i = 0; i < o->nports; i++) {
		const struct console_port_options *port = &o->port[i];
		*p++ = (uint8_t)((port->there ? PORT_THERE : 0) | (port->console ? PORT_TERMINAL : 0) |
				 (port->open ? PORT_OPEN : 0));
		*p++ = name_len(port->name);
		memcpy(p, port->name, p[-1]);
		p += p[-1];
	}
	t->ident_len = (uint8_t)(p - t->ident);
}
_Static_assert(1 + CONSOLE_PORTS_MAX * (2 + CONSOLE_NAME_MAX) <= UINT8_MAX, "any console's ports fit");

static bool has_nul(const uint8_t *p, uint8_t n)
{
	while (n && *p) {
		n--;
		p++;
	}
	return n;
}

/* False: broken off, or no name. */
static bool remake_head_port(const uint8_t **at, const uint8_t *end, struct console_port_options *o)
{
	const uint8_t *p = *at;
	if (end - p < 2 || p[1] >= CONSOLE_NAME_MAX || p[1] > end - p - 2 || has_nul(p + 2, p[1]))
		return false;
	o->there = p[0] & PORT_THERE;
	o->console = p[0] & PORT_TERMINAL;
	o->open = p[0] & PORT_OPEN;
	memcpy(o->name, p + 2, p[1]);
	*at = p + 2 + p[1];
	return true;
}

bool remake_console(const struct trace_device *t, struct console_options *o)
{
	const uint8_t *p = t->ident, *end = p + t->ident_len;
	struct virtio_console_config c = {0};
	memcpy(&c, t->config, t->config_len < sizeof(c) ? t->config_len : sizeof(c));
	uint32_t nports = t->nqueues > 2 ? t->nqueues / 2 - 1u : 1;
	*o = (struct console_options){.cols = c.cols,
				      .rows = c.rows,
				      .nports = (uint16_t)nports,
				      .without = ~t->features,
				      .rows_first = p < end && *p};
	if (t->nqueues != (nports > 1 ? 2 * nports + 2 : 2) || nports > CONSOLE_PORTS_MAX || p++ == end)
		return false;
	for (uint32_t i = 0; i < nports; i++)
		if (!remake_head_port(&p, end, &o->port[i]))
			return false;
	return p == end;
}

/* The name is the op's data; what is too long is cut. */
static struct console_port_options added(const struct op *op)
{
	struct console_port_options o = {.console = op->arg[2] & PORT_TERMINAL,
					 .open = op->arg[2] & PORT_OPEN};
	memcpy(o.name, op->data, op->len < CONSOLE_NAME_MAX ? op->len : CONSOLE_NAME_MAX - 1);
	return o;
}

bool remake_port(struct console *c, const struct op *op)
{
	if (op->arg[0] >= c->options.nports)
		return false;
	uint16_t port = (uint16_t)op->arg[0];
	bool there = c->options.port[port].there;
	const struct console_port_options o = added(op);
	if (op->arg[1] == PORT_ADDED && !there)
		console_port_add(c, port, &o);
	else if (op->arg[1] == PORT_REMOVED && there && port)
		console_port_remove(c, port);
	else if (op->arg[1] == PORT_CLOSED || op->arg[1] == PORT_OPENED)
		console_port_open(c, port, op->arg[1] == PORT_OPENED);
	else
		return false;
	return true;
}

/* -- any device ------------------------------------------------------------------------------------------ */

void remake_describe(struct vdev *d, struct trace_device *t)
{
	*t = (struct trace_device){.id = d->ops->id, .features = d->offered, .nqueues = d->nqueues};
	for (uint16_t i = 0; i < d->nqueues; i++)
		t->queue_size_max[i] = d->queue[i].size_max;
	t->config_len = (uint16_t)d->ops->config_len;
	if (t->config_len)
		vdev_config_read(d, 0, t->config, t->config_len);
	if (d->ops->id == VIRTIO_ID_BLOCK) {
		const struct blk *b = (const struct blk *)(const void *)d;
		t->ident_len = sizeof(b->options.ident);
		memcpy(t->ident, b->options.ident, t->ident_len);
	} else if (d->ops->id == VIRTIO_ID_CONSOLE) {
		describe_console(&((const struct console *)(const void *)d)->options, t);
	}
}

bool remake_limits(const struct trace_device *t, struct vdev *v)
{
	vdev_offer(v, t->features & VDEV_FEATURES_MORE);
	v->offered &= t->features;
	for (uint16_t i = 0; i < t->nqueues; i++) {
		if (t->queue_size_max[i] > VQ_SIZE_MAX)
			return false;
		vdev_limit_queue(v, i, t->queue_size_max[i]);
	}
	return v->offered == t->features && v->nqueues == t->nqueues;
}
