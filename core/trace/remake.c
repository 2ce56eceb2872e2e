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
	while (name[n])
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

_Static_assert(TRACE_QUEUES_MAX / 2 - 1 <= CONSOLE_PORTS_MAX,
	       "queues of a head's console are of ports that fit");

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
	if (t->nqueues != (nports > 1 ? 2 * nports + 2 : 2) || p++ == end)
		return false;
	for (uint32_t i = 0; i < nports; i++)
		if (!remake_head_port(&p, end, &o->port[i]))
			return false;
	return p == end;
}

/* The name is the op's data; what is too long is cut. */
struct console_port_options remake_port_options(const struct op *op)
{
	struct console_port_options o = {.console = op->arg[2] & PORT_TERMINAL,
					 .open = op->arg[2] & PORT_OPEN};
	if (op->len)
		memcpy(o.name, op->data, op->len < CONSOLE_NAME_MAX ? op->len : CONSOLE_NAME_MAX - 1);
	return o;
}

bool remake_port(struct console *c, const struct op *op)
{
	if (op->arg[0] >= c->options.nports)
		return false;
	uint16_t port = (uint16_t)op->arg[0];
	bool there = c->options.port[port].there;
	const struct console_port_options o = remake_port_options(op);
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

/* -- net ------------------------------------------------------------------------------------------------- */

static uint32_t net_abilities(uint64_t features)
{
	static const struct {
		enum net_can can;
		unsigned feature;
	} table[] = {
		{NET_CAN_TX_CSUM, VIRTIO_NET_F_CSUM},       {NET_CAN_TX_TSO4, VIRTIO_NET_F_HOST_TSO4},
		{NET_CAN_TX_TSO6, VIRTIO_NET_F_HOST_TSO6},  {NET_CAN_TX_ECN, VIRTIO_NET_F_HOST_ECN},
		{NET_CAN_TX_USO, VIRTIO_NET_F_HOST_USO},    {NET_CAN_RX_CSUM, VIRTIO_NET_F_GUEST_CSUM},
		{NET_CAN_RX_TSO4, VIRTIO_NET_F_GUEST_TSO4}, {NET_CAN_RX_TSO6, VIRTIO_NET_F_GUEST_TSO6},
		{NET_CAN_RX_ECN, VIRTIO_NET_F_GUEST_ECN},   {NET_CAN_RX_USO4, VIRTIO_NET_F_GUEST_USO4},
		{NET_CAN_RX_USO6, VIRTIO_NET_F_GUEST_USO6},
	};
	uint32_t can = 0;
	for (uint32_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (features >> table[i].feature & 1)
			can |= table[i].can;
	return can;
}

bool remake_net(const struct trace_device *t, struct net_options *o, struct net_backend *b, bool *unplugged)
{
	struct virtio_net_config c = {0};
	memcpy(&c, t->config, t->config_len < sizeof(c) ? t->config_len : sizeof(c));
	bool mq = has(t, VIRTIO_NET_F_MQ), control = has(t, VIRTIO_NET_F_CTRL_VQ);
	uint32_t pairs = mq ? c.max_virtqueue_pairs : 1;
	*o = (struct net_options){.mtu = c.mtu,
				  .pairs = (uint16_t)pairs,
				  .queue_size = t->queue_size_max[0],
				  .speed_mbit = c.speed,
				  .without = ~t->features};
	memcpy(o->mac, c.mac, sizeof(o->mac));
	b->can = net_abilities(t->features);
	*unplugged = t->ident_len && t->ident[0];
	return pairs >= 1 + (uint32_t)mq && pairs <= NET_PAIRS_MAX && t->nqueues == 2 * pairs + control &&
	       t->ident_len <= 1;
}

uint32_t remake_frame_data(const struct net_frame *f, uint8_t *data)
{
	uint32_t head = f->len < NET_HEAD_MAX ? f->len : NET_HEAD_MAX;
	memcpy(data, &f->header, sizeof(f->header));
	memcpy(data + sizeof(f->header), f->head, head);
	return (uint32_t)sizeof(f->header) + head;
}

struct net_frame remake_frame(const struct op *op)
{
	struct net_frame f = {.len = op->arg[1] < NET_FRAME_MAX ? (uint32_t)op->arg[1] : NET_FRAME_MAX};
	uint8_t data[REMAKE_FRAME_MAX] = {0};
	if (op->len)
		memcpy(data, op->data, op->len < sizeof(data) ? op->len : sizeof(data));
	memcpy(&f.header, data, sizeof(f.header));
	memcpy(f.head, data + sizeof(f.header), f.len < NET_HEAD_MAX ? f.len : NET_HEAD_MAX);
	return f;
}

void remake_net_submit(const struct net_io *io, struct op *op)
{
	static const struct net_header plain;
	*op = (struct op){.code = OP_SUBMIT, .arg = {io->id, io->type, io->pair, io->len, 0, io->nspans}};
	if (!memcmp(&io->header, &plain, sizeof(plain)))
		return;
	op->data = (const uint8_t *)&io->header;
	op->len = sizeof(io->header);
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
	} else if (d->ops->id == VIRTIO_ID_NET) {
		t->ident_len = 1;
		t->ident[0] = ((const struct net *)(const void *)d)->unplugged;
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
