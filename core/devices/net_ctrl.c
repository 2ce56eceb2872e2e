// SPDX-License-Identifier: BSD-2-Clause
/*
 * The control queue (5.1.6.5): class, command and data in any layout, answered at once with one byte, which
 * is the first that the device may write. A command is decoded whole before it changes anything, and has taken
 * effect before its chain is used.
 */
#include "devices/net_int.h"

#define MAC_LEN 6u

/* Copies n bytes of the command's data out; more than that is room for later versions of the specification. */
static bool get(struct net *n, struct vq_cursor *in, void *out, uint32_t len)
{
	return vq_read(in, n->vdev.mem, VMEM_HEADER, out, len);
}

static enum offence set_mode(struct net *n, uint8_t cmd, struct vq_cursor *in)
{
	uint8_t on;
	if (!get(n, in, &on, 1))
		return OFFENCE_NET_CTRL_DATA;
	n->filter.modes = (uint8_t)((n->filter.modes & ~(1u << cmd)) | (on ? 1u << cmd : 0));
	return OFFENCE_NONE;
}

/* One of the two tables: a count, then so many addresses. Of one that is too long all frames pass. */
static bool get_macs(struct net *n, struct vq_cursor *in, struct net_macs *t)
{
	uint32_t count;
	if (!get(n, in, &count, sizeof(count)) || count > in->left / MAC_LEN)
		return false;
	t->all = count > NET_MACS_MAX;
	t->n = t->all ? 0 : (uint16_t)count;
	if (!t->all)
		return get(n, in, t->mac, count * MAC_LEN);
	vq_skip(in, count * MAC_LEN);
	return true;
}

static enum offence set_macs(struct net *n, struct vq_cursor *in)
{
	struct net_macs unicast, multicast;
	if (!get_macs(n, in, &unicast) || !get_macs(n, in, &multicast))
		return OFFENCE_NET_CTRL_DATA;
	n->filter.unicast = unicast;
	n->filter.multicast = multicast;
	return OFFENCE_NONE;
}

/* net.mac.3: it stands in the configuration space at once; the driver, who did it, is not interrupted. */
static enum offence set_mac(struct net *n, struct vq_cursor *in)
{
	uint8_t mac[MAC_LEN];
	if (!get(n, in, mac, MAC_LEN))
		return OFFENCE_NET_CTRL_DATA;
	if (mac[0] & 1)
		return OFFENCE_NET_CTRL_VALUE;
	memcpy(n->filter.mac, mac, MAC_LEN);
	n->filter.mac_known = true;
	n->vdev.config_gen++;
	return OFFENCE_NONE;
}

static enum offence set_vlan(struct net *n, uint8_t cmd, struct vq_cursor *in)
{
	uint16_t tag;
	if (!get(n, in, &tag, sizeof(tag)))
		return OFFENCE_NET_CTRL_DATA;
	if (tag >= 4096)
		return OFFENCE_NET_CTRL_VALUE;
	uint64_t bit = 1ull << (tag % 64);
	if (cmd == VIRTIO_NET_CTRL_VLAN_ADD)
		n->filter.vlan[tag / 64] |= bit;
	else
		n->filter.vlan[tag / 64] &= ~bit;
	return OFFENCE_NONE;
}

/* net.garp.1 */
static enum offence announced(struct net *n)
{
	if (n->announce)
		n->vdev.config_gen++;
	n->announce = false;
	n->announced = true;
	net_tune(n);
	return OFFENCE_NONE;
}

static enum offence set_pairs(struct net *n, struct vq_cursor *in)
{
	uint16_t pairs;
	if (!get(n, in, &pairs, sizeof(pairs)))
		return OFFENCE_NET_CTRL_DATA;
	if (pairs == 0 || pairs > n->options.pairs)
		return OFFENCE_NET_CTRL_VALUE;
	n->pairs = pairs;
	net_tune(n);
	net_wake_all(n); /* frames that wait may go to another queue now */
	return OFFENCE_NONE;
}

static enum offence set_offloads(struct net *n, struct vq_cursor *in)
{
	uint64_t offloads;
	if (!get(n, in, &offloads, sizeof(offloads)))
		return OFFENCE_NET_CTRL_DATA;
	if (offloads & ~(n->usable & NET_GUEST_OFFLOADS))
		return OFFENCE_NET_CTRL_VALUE;
	n->offloads = net_consistent(offloads);
	net_tune(n);
	return OFFENCE_NONE;
}

#define COMMAND(class, cmd) (VIRTIO_NET_CTRL_##class << 8 | VIRTIO_NET_CTRL_##cmd)

/* The feature that a command comes with; 0: we know of no such command. */
static uint64_t feature_of(uint32_t command)
{
	switch (command) {
	case COMMAND(RX, RX_PROMISC):
	case COMMAND(RX, RX_ALLMULTI):
	case COMMAND(MAC, MAC_TABLE_SET):
		return NET_BIT(CTRL_RX);
	case COMMAND(RX, RX_ALLUNI):
	case COMMAND(RX, RX_NOMULTI):
	case COMMAND(RX, RX_NOUNI):
	case COMMAND(RX, RX_NOBCAST):
		return NET_BIT(CTRL_RX_EXTRA);
	case COMMAND(MAC, MAC_ADDR_SET):
		return NET_BIT(CTRL_MAC_ADDR);
	case COMMAND(VLAN, VLAN_ADD):
	case COMMAND(VLAN, VLAN_DEL):
		return NET_BIT(CTRL_VLAN);
	case COMMAND(ANNOUNCE, ANNOUNCE_ACK):
		return NET_BIT(GUEST_ANNOUNCE);
	case COMMAND(MQ, MQ_VQ_PAIRS_SET):
		return NET_BIT(MQ);
	case COMMAND(GUEST_OFFLOADS, GUEST_OFFLOADS_SET):
		return NET_BIT(CTRL_GUEST_OFFLOADS);
	default:
		return 0;
	}
}

static enum offence obey(struct net *n, uint32_t command, struct vq_cursor *in)
{
	switch (command) {
	case COMMAND(MAC, MAC_TABLE_SET):
		return set_macs(n, in);
	case COMMAND(MAC, MAC_ADDR_SET):
		return set_mac(n, in);
	case COMMAND(VLAN, VLAN_ADD):
	case COMMAND(VLAN, VLAN_DEL):
		return set_vlan(n, (uint8_t)command, in);
	case COMMAND(ANNOUNCE, ANNOUNCE_ACK):
		return announced(n);
	case COMMAND(MQ, MQ_VQ_PAIRS_SET):
		return set_pairs(n, in);
	case COMMAND(GUEST_OFFLOADS, GUEST_OFFLOADS_SET):
		return set_offloads(n, in);
	default:
		return set_mode(n, (uint8_t)command, in);
	}
}

/* VIRTIO_NET_OK, or _ERR; a command that nobody knows is no offence. */
static uint8_t execute(struct net *n, const struct vq_chain *c)
{
	struct vq_cursor in = vq_reader(c);
	struct virtio_net_ctrl_hdr h;
	enum offence bad = OFFENCE_NET_CTRL_HEADER;
	if (get(n, &in, &h, sizeof(h))) {
		uint32_t command = (uint32_t)h.class << 8 | h.cmd;
		uint64_t feature = feature_of(command);
		if (!feature)
			return VIRTIO_NET_ERR;
		bad = net_can_use(n, feature) ? obey(n, command, &in) : OFFENCE_NET_CTRL_FEATURE;
	}
	if (!bad)
		return VIRTIO_NET_OK;
	vdev_offend(&n->vdev, bad);
	return VIRTIO_NET_ERR;
}

bool net_start_ctrl(struct vdev *d, uint16_t queue, const struct vq_chain *c)
{
	struct net *n = net_of(d);
	struct vq_cursor out = vq_writer(c);
	if (c->write_len == 0) { /* there is no way to answer */
		vdev_offend(d, OFFENCE_NET_CTRL_NO_ACK);
		return true;
	}
	uint8_t ack = execute(n, c);
	core_check(vq_write(&out, d->mem, VMEM_STATUS, &ack, 1));
	net_answer_chain(n, queue, c->tok, 1);
	return true;
}
