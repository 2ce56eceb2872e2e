// SPDX-License-Identifier: BSD-2-Clause
/* What the generator draws for a network device: what its guest sends and asks for, what comes down its wire. */
#include <linux/virtio_ids.h>

#include "judges.h"
#include "sim_int.h"
#include "sim_net.h"

#define FRAME_MIN 14u

/* -- plans ----------------------------------------------------------------------------------------------- */

/* Lengths of frames and of receive buffers. On both rings alike only where each frame finds room in a few. */
static void draw_plan(struct sim *s, struct sim_device_plan *d)
{
	static const uint16_t len[16] = {60,  1514, 0,    300,   100, 1526, 26,  2048,
					 513, 14,   4096, 16384, 65,  9014, 150, 32768};
	struct rand *r = &s->plan->rand;
	uint32_t few = rand_bits(r, 1);
	for (int i = 0; i < 8; i++) {
		d->type[i] = 1;
		d->len[i] = len[rand_bits(r, few ? 2 : 4)];
		if (s->plan->twice)
			d->len[i] = 1526;
	}
	d->sectors = rand_bits(r, 1) ? 1024 : 1;
}

/* All queues, or one pair, or as many as come. */
static uint8_t draw_queues(struct sim *s, uint32_t dev)
{
	uint32_t n = s->machine.device[dev].vdev->nqueues, bits = rand_bits(&s->plan->rand, 2);
	if (bits < 2)
		return (uint8_t)n;
	return (uint8_t)(bits == 2 ? 2 : 1 + rand_below(&s->plan->rand, n));
}

static uint64_t draw_without(struct rand *r)
{
	uint64_t bits = rand_u64(r);
	return rand_bits(r, 1) ? 0 : bits & rand_u64(r);
}

/* -- the guest ------------------------------------------------------------------------------------------- */

static void command(struct sim *s, uint32_t dev, uint32_t queue, uint64_t shape)
{
	static const uint16_t commands[16] = {
		VIRTIO_NET_CTRL_RX << 8 | VIRTIO_NET_CTRL_RX_PROMISC,
		VIRTIO_NET_CTRL_RX << 8 | VIRTIO_NET_CTRL_RX_ALLMULTI,
		VIRTIO_NET_CTRL_RX << 8 | VIRTIO_NET_CTRL_RX_ALLUNI,
		VIRTIO_NET_CTRL_RX << 8 | VIRTIO_NET_CTRL_RX_NOMULTI,
		VIRTIO_NET_CTRL_RX << 8 | VIRTIO_NET_CTRL_RX_NOUNI,
		VIRTIO_NET_CTRL_RX << 8 | VIRTIO_NET_CTRL_RX_NOBCAST,
		VIRTIO_NET_CTRL_MAC << 8 | VIRTIO_NET_CTRL_MAC_TABLE_SET,
		VIRTIO_NET_CTRL_MAC << 8 | VIRTIO_NET_CTRL_MAC_ADDR_SET,
		VIRTIO_NET_CTRL_VLAN << 8 | VIRTIO_NET_CTRL_VLAN_ADD,
		VIRTIO_NET_CTRL_VLAN << 8 | VIRTIO_NET_CTRL_VLAN_ADD,
		VIRTIO_NET_CTRL_VLAN << 8 | VIRTIO_NET_CTRL_VLAN_DEL,
		VIRTIO_NET_CTRL_ANNOUNCE << 8 | VIRTIO_NET_CTRL_ANNOUNCE_ACK,
		VIRTIO_NET_CTRL_MQ << 8 | VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET,
		VIRTIO_NET_CTRL_MQ << 8 | VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET,
		VIRTIO_NET_CTRL_GUEST_OFFLOADS << 8 | VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET,
		0x0603, /* unknown */
	};
	struct rand *r = &s->plan->rand;
	uint32_t bits = rand_bits(r, 24), which = bits & 15;
	uint64_t value = bits >> 4 & 1 ? bits >> 8 : bits >> 8 & 7;
	if (which == 12 || which == 13)
		value = 1 + (bits >> 8 & 1) + (bits >> 9 & 1);
	const uint64_t arg[5] = {queue, 2, commands[which], (uint16_t)value, shape};
	sim_op5(s, OP_POST, dev, arg);
}

static void post(struct sim *s, uint32_t dev, uint32_t queue)
{
	struct rand *r = &s->plan->rand;
	const struct sim_device_plan *p = &s->plan->device[dev];
	const struct sim_device *d = &s->machine.device[dev];
	uint32_t bits = rand_bits(r, 22), len = p->len[bits & 7], shape = 0;
	enum sim_net_queue kind = sim_net_queue(d, (uint16_t)queue, d->vdev->accepted);
	if (p->shape_mask && rand_bits(r, 1))
		shape = rand_bits(r, 16) & p->shape_mask;
	if (kind == NET_QUEUE_CONTROL) {
		command(s, dev, queue, shape);
		return;
	}
	if (kind == NET_QUEUE_RX && !s->plan->twice && !(bits >> 3 & 7))
		len = bits >> 6 & 127;
	const uint64_t arg[5] = {queue, kind == NET_QUEUE_RX,
				 kind == NET_QUEUE_RX ? 0 : (bits >> 6) & (p->sectors - 1), len, shape};
	sim_op5(s, OP_POST, dev, arg);
}

/* -- the wire -------------------------------------------------------------------------------------------- */

static void draw_address(struct rand *r, uint8_t *mac)
{
	static const uint8_t macs[8][5] = {{2, 0, 0, 0, 0},    {2, 0, 0, 0, 0},    {2, 0, 0, 0, 2},
					   {2, 0, 0x5e, 0, 1}, {1, 0, 0x5e, 0, 1}, {255, 255, 255, 255, 255},
					   {2, 0, 0, 0, 0},    {0x12, 3, 4, 5, 6}};
	uint32_t bits = rand_bits(r, 12), which = bits & 7;
	memcpy(mac, macs[which], 5);
	mac[5] = which == 5 ? 255 : which < 2 ? 1 : (uint8_t)(bits >> 3 & (bits >> 11 ? 255 : 7));
}

/* An offload that the driver takes, or where the host has that fault any. */
static void draw_header(struct sim *s, uint32_t dev, struct net_header *h, uint32_t len)
{
	static const uint8_t types[4] = {VIRTIO_NET_HDR_GSO_NONE, VIRTIO_NET_HDR_GSO_TCPV4,
					 VIRTIO_NET_HDR_GSO_TCPV6, VIRTIO_NET_HDR_GSO_UDP_L4};
	const struct filter *f = &s->machine.device[dev].judges->frames.filter;
	uint32_t bits = rand_bits(&s->plan->rand, 24);
	*h = (struct net_header){0};
	if (bits & 3)
		return;
	h->flags = bits >> 2 & 3 ? VIRTIO_NET_HDR_F_NEEDS_CSUM : VIRTIO_NET_HDR_F_DATA_VALID;
	if (h->flags == VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		h->csum_start = (uint16_t)((bits >> 4 & 63) % (len - 1));
		h->csum_offset = (uint16_t)((bits >> 10 & 31) % (len - 1 - h->csum_start));
		h->gso_type = types[bits >> 15 & 3] |
			      (bits >> 17 & 1 && bits >> 15 & 1 ? VIRTIO_NET_HDR_GSO_ECN : 0);
		h->gso_size = (uint16_t)(h->gso_type ? 1 + (bits >> 18) : 0);
	}
	if (filter_header_fits(f, h, len, false))
		return;
	if (s->plan->faults >> SIM_FAULT_OFFLOADS & 1)
		s->count.fault[SIM_FAULT_OFFLOADS]++;
	else
		*h = (struct net_header){0};
}

static void frame(struct sim *s, uint32_t dev)
{
	struct rand *r = &s->plan->rand;
	uint32_t bits = rand_bits(r, 24), len = s->plan->device[dev].len[bits & 7];
	struct net_frame f = {{0}, 0, {0}};
	uint8_t data[sizeof(f.header) + NET_HEAD_MAX];
	if (bits >> 3 & 1 && !s->plan->twice)
		len = (bits >> 8) >> (bits >> 4 & 15);
	if (s->plan->twice && len > 1400)
		len = 60 + (bits >> 8) % 1400;
	len = len < FRAME_MIN ? FRAME_MIN + len : len > NET_FRAME_MAX ? NET_FRAME_MAX : len;
	draw_address(r, f.head);
	draw_header(s, dev, &f.header, len);
	if (!(bits >> 8 & 7)) {
		f.head[12] = 0x81;
		f.head[15] = (uint8_t)(bits >> 11 & 7);
	}
	memcpy(data, &f.header, sizeof(f.header));
	memcpy(data + sizeof(f.header), f.head, NET_HEAD_MAX);
	sim_op_data(s, OP_FRAME, dev, rand_bits(r, 2), len, data, sizeof(data));
}

static void input(struct sim *s, uint32_t dev)
{
	uint32_t bits = rand_bits(&s->plan->rand, 8), n = 1 + (bits & 1);
	if (s->plan->faults >> SIM_FAULT_BURST & 1 && bits >> 1 & 1) {
		s->count.fault[SIM_FAULT_BURST]++;
		n = 1 + (bits >> 2 & 31);
	}
	for (; n; n--)
		frame(s, dev);
}

/* The cable, and what often follows. */
static void host(struct sim *s, uint32_t dev)
{
	uint32_t bits = rand_bits(&s->plan->rand, 4);
	if (bits & 1 && s->plan->faults >> SIM_FAULT_LINK & 1) {
		s->count.fault[SIM_FAULT_LINK]++;
		sim_op(s, OP_LINK, dev, bits >> 1 & 1, 0, 0, 0);
		if (bits >> 2 & 1)
			sim_op(s, OP_LINK, dev, 1, 0, 0, 0);
	} else {
		sim_op(s, OP_ANNOUNCE, dev, 0, 0, 0, 0);
	}
}

const struct sim_kind sim_kind_net = {
	.id = VIRTIO_ID_NET,
	.area = CLAUSE_NETWORK,
	.draw = draw_plan,
	.size = draw_without,
	.queues = draw_queues,
	.post = post,
	.input = input,
	.host = host,
};
