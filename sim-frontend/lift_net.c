// SPDX-License-Identifier: BSD-2-Clause
#include "lift_net.h"

#include <string.h>

#include "driver.h"
#include "sim_net.h"

#define F(name)    (1ull << VIRTIO_NET_F_##name)
#define HEADER_LEN 12u
#define PAIRS_MAX  3u
/* Feature bits of the type: the others are those of rings and transports. */
#define OF_TYPE (0xffffffull | 0xfffcull << 48)

static uint16_t pairs_of(const struct trace_device *t)
{
	return t->features & F(MQ) ? (uint16_t)(t->nqueues / 2) : 1;
}

bool lift_net_fits(const struct trace_device *t)
{
	return pairs_of(t) <= PAIRS_MAX;
}

struct op lift_net_make(const struct trace_device *t)
{
	static const uint8_t code[PAIRS_MAX + 1] = {1, 1, 0, 2}; /* NET_FLAG_PAIRS */
	uint64_t flags = code[pairs_of(t)];
	flags |= t->features & F(MAC) ? 0 : NET_FLAG_NO_MAC;
	flags |= t->features & F(MTU) ? NET_FLAG_MTU : 0;
	flags |= t->features & F(SPEED_DUPLEX) ? NET_FLAG_SPEED : 0;
	return (struct op){.code = OP_MAKE, .arg = {flags, ~t->features & OF_TYPE}};
}

/* -- chains ---------------------------------------------------------------------------------------------- */

static uint64_t shape(const struct lift_chain *c, bool write)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < c->nsegs; i++)
		n += c->seg[i].write == write && c->seg[i].len > (i || write ? 0 : HEADER_LEN);
	uint64_t s = c->indirect ? 1u << SHAPE_TABLE_SHIFT : 0;
	if (!write && c->nsegs && c->seg[0].len > HEADER_LEN)
		s |= 3u << SHAPE_HEADER_SHIFT;
	if (n > 1)
		s |= SHAPE_UNEVEN | (n - 1 < SHAPE_SEGS ? n - 1 : SHAPE_SEGS);
	return s;
}

/* The offload as a post tells it (driver_net.c). */
static uint64_t offload_of(const uint8_t *header)
{
	struct net_header h;
	memcpy(&h, header, sizeof(h));
	uint64_t code = h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM ? 1 : 0;
	switch (h.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		code = 2;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		code = 3;
		break;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		code = 4;
		break;
	default:
		break;
	}
	if (h.gso_type & VIRTIO_NET_HDR_GSO_ECN && (code == 2 || code == 3))
		code |= 8;
	return code | (uint64_t)(h.csum_start & 0xff) << 4;
}

/* What a command's data says, as a post tells it (oracle_filter.h); of long tables the beginning. */
static uint64_t value_of(const struct lift_chain *c)
{
	uint16_t value = 0;
	if (c->header[0] == VIRTIO_NET_CTRL_RX)
		return c->header[2] & 1;
	if (c->header[0] == VIRTIO_NET_CTRL_MAC && c->header[1] == VIRTIO_NET_CTRL_MAC_ADDR_SET)
		return c->header[7];
	memcpy(&value, c->header + 2, sizeof(value));
	if (c->header[0] == VIRTIO_NET_CTRL_MAC)
		return value % 70;
	return c->header[0] == VIRTIO_NET_CTRL_GUEST_OFFLOADS ? 0x3f : value;
}

static uint16_t control_of(const struct trace_device *t, uint64_t accepted)
{
	return accepted & F(MQ) ? (uint16_t)(2 * pairs_of(t)) : 2;
}

bool lift_net_sets_up(const struct trace_device *t, uint64_t accepted, const struct op *post)
{
	return post->arg[0] == control_of(t, accepted) && post->arg[2] >> 8 == VIRTIO_NET_CTRL_MQ;
}

bool lift_net_post(const struct lift_options *o, const struct trace_device *t, uint64_t accepted,
		   const struct lift_chain *c, struct op *post)
{
	uint64_t len = c->read_len > HEADER_LEN ? c->read_len - HEADER_LEN : 0;
	*post = (struct op){.code = OP_POST, .arg = {c->queue}};
	if (c->queue == control_of(t, accepted)) {
		post->arg[2] = (uint64_t)c->header[0] << 8 | c->header[1];
		post->arg[3] = value_of(c);
		return c->header_len >= 2;
	}
	bool receives = !(c->queue & 1);
	if (receives)
		len = c->write_len;
	else
		post->arg[2] = offload_of(c->header);
	post->arg[1] = receives;
	post->arg[3] = len < o->data_max ? len : o->data_max;
	post->arg[4] = shape(c, receives);
	return receives || c->header_len >= HEADER_LEN;
}

/* -- frames ---------------------------------------------------------------------------------------------- */

struct op lift_net_frame(const struct trace_device *t, const struct op *frame, uint64_t room,
			 uint8_t data[LIFT_DATA_LEN])
{
	static const uint8_t own[6] = {2, 0, 0, 0, 0, 1};
	struct op op = {.code = OP_FRAME, .arg = {frame->arg[0], frame->arg[1]}};
	uint8_t *to = data + sizeof(struct net_header);
	memset(data, 0, LIFT_DATA_LEN);
	memcpy(data, frame->data, frame->len < LIFT_DATA_LEN ? frame->len : LIFT_DATA_LEN);
	if (!memcmp(to, t->config, sizeof(own)))
		memcpy(to, own, sizeof(own));
	if (room > HEADER_LEN && op.arg[1] > room - HEADER_LEN)
		op.arg[1] = room - HEADER_LEN;
	op.data = data;
	op.len = LIFT_DATA_LEN;
	return op;
}
