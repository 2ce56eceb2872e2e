// SPDX-License-Identifier: BSD-2-Clause
/* Which of the frames that arrive the driver wants (5.1.6.5.1 to 5.1.6.5.3). */
#include "devices/net_int.h"
#include "hash.h"

#define ADDRESS_LEN 6u
#define GROUP       1u /* of the first byte of an address: it is one of many */

/* net.mac.1: the tables are empty. */
void net_filter_reset(struct net *n)
{
	memset(&n->filter, 0, sizeof(n->filter));
	memcpy(n->filter.mac, n->options.mac, ADDRESS_LEN);
}

static bool listed(const struct net_macs *t, const uint8_t *mac)
{
	for (uint16_t i = 0; i < t->n; i++)
		if (!memcmp(t->mac[i], mac, ADDRESS_LEN))
			return true;
	return t->all;
}

/* Promiscuous and the all- modes let pass what no table has, the no- modes keep out what they have. */
static bool address_passes(const struct net *n, const uint8_t *mac)
{
	static const uint8_t broadcast[ADDRESS_LEN] = {255, 255, 255, 255, 255, 255};
	const struct net_filter *f = &n->filter;
	bool tables = net_can_use(n, NET_BIT(CTRL_RX));
	if (!memcmp(mac, broadcast, ADDRESS_LEN))
		return !(f->modes >> VIRTIO_NET_CTRL_RX_NOBCAST & 1);
	if (mac[0] & GROUP)
		return !(f->modes >> VIRTIO_NET_CTRL_RX_NOMULTI & 1) &&
		       (!tables || f->modes >> VIRTIO_NET_CTRL_RX_ALLMULTI & 1 || listed(&f->multicast, mac));
	if (f->modes >> VIRTIO_NET_CTRL_RX_NOUNI & 1)
		return false;
	return !tables || !f->mac_known || f->modes >> VIRTIO_NET_CTRL_RX_ALLUNI & 1 ||
	       !memcmp(mac, f->mac, ADDRESS_LEN) || listed(&f->unicast, mac);
}

/* net.vlan.1, net.vlan.2 */
static bool tag_passes(const struct net *n, const struct net_frame *f)
{
	uint32_t tag = ((uint32_t)f->head[NET_TAG_AT] << 8 | f->head[NET_TAG_AT + 1]) & 0xfff;
	return !net_can_use(n, NET_BIT(CTRL_VLAN)) || !net_frame_tagged(f) ||
	       n->filter.vlan[tag / 64] >> (tag % 64) & 1;
}

bool net_filter_passes(const struct net *n, const struct net_frame *f)
{
	if (n->filter.modes >> VIRTIO_NET_CTRL_RX_PROMISC & 1)
		return true;
	return address_passes(n, f->head) && tag_passes(n, f);
}

static uint64_t hash_macs(uint64_t h, const struct net_macs *t)
{
	h = hash_u64(h, (uint64_t)t->all << 16 | t->n);
	return hash_bytes(h, t->mac, (size_t)t->n * ADDRESS_LEN);
}

uint64_t net_filter_hash(const struct net_filter *f, uint64_t h)
{
	h = hash_bytes(h, f->mac, ADDRESS_LEN);
	h = hash_u64(h, (uint64_t)f->mac_known << 8 | f->modes);
	h = hash_macs(hash_macs(h, &f->unicast), &f->multicast);
	return hash_bytes(h, f->vlan, sizeof(f->vlan));
}
