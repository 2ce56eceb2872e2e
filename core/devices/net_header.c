// SPDX-License-Identifier: BSD-2-Clause
#include "devices/net_int.h"

/* Feature bits that allow an offload, by enum net_way. */
static const uint64_t allow_csum[2] = {NET_BIT(CSUM), NET_BIT(GUEST_CSUM)};
static const uint64_t allow_ecn[2] = {NET_BIT(HOST_ECN), NET_BIT(GUEST_ECN)};

static uint64_t allow_type(uint8_t type, enum net_way way)
{
	switch (type) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return way == NET_SENT ? NET_BIT(HOST_TSO4) : NET_BIT(GUEST_TSO4);
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return way == NET_SENT ? NET_BIT(HOST_TSO6) : NET_BIT(GUEST_TSO6);
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		return way == NET_SENT ? NET_BIT(HOST_USO) : NET_BIT(GUEST_USO4) | NET_BIT(GUEST_USO6);
	default:
		return 0;
	}
}

/* Segmentation needs a checksum to be made and a size (drv.net.tx.22, net.rx.22). */
static bool gso_fits(const struct net_header *h, uint64_t have, enum net_way way)
{
	uint8_t type = h->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
	bool ecn = h->gso_type & VIRTIO_NET_HDR_GSO_ECN, udp = type == VIRTIO_NET_HDR_GSO_UDP_L4;
	if (ecn && (udp || !(have & allow_ecn[way])))
		return false;
	return (have & allow_type(type, way)) && (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) && h->gso_size;
}

/*
 * Unknown flags are ignored (net.tx.1), and so is VIRTIO_NET_HDR_F_DATA_VALID where it means nothing. hdr_len
 * is no more than a hint (net.tx.7), but backends refuse one beyond the frame.
 */
enum offence net_check_offloads(struct net_header *h, uint32_t len, uint64_t have, enum net_way way)
{
	bool csum = h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	uint8_t hints = way == NET_RECEIVED && (have & allow_csum[way]) ? VIRTIO_NET_HDR_F_DATA_VALID : 0;
	h->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM | hints;
	if (csum && !(have & allow_csum[way]))
		return OFFENCE_NET_TX_OFFLOAD;
	if (csum && (uint32_t)h->csum_start + h->csum_offset + 2 > len)
		return OFFENCE_NET_TX_CSUM;
	if (!csum)
		h->csum_start = h->csum_offset = 0;
	if (!(h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN)) {
		h->gso_type = VIRTIO_NET_HDR_GSO_NONE;
		h->gso_size = h->hdr_len = 0;
	} else if (!gso_fits(h, have, way)) {
		return OFFENCE_NET_TX_OFFLOAD;
	}
	if (h->hdr_len > len)
		h->hdr_len = (uint16_t)len;
	return OFFENCE_NONE;
}
