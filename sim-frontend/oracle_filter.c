// SPDX-License-Identifier: BSD-2-Clause
#include "oracle_filter.h"

#include <string.h>

#define F(name)      (1ull << VIRTIO_NET_F_##name)
#define MACS_MAX     64u /* of a table; of a longer one all frames pass */
#define MODE(name)   (1u << VIRTIO_NET_CTRL_RX_##name)
#define CODE(c, m)   ((uint32_t)(VIRTIO_NET_CTRL_##c << 8 | VIRTIO_NET_CTRL_##c##_##m))
#define UNICAST_OF   70u /* value % that many addresses of one kind, and value / that of the other */
#define MULTICAST_OF 30u

static const uint64_t guest_offloads =
	F(GUEST_CSUM) | F(GUEST_TSO4) | F(GUEST_TSO6) | F(GUEST_ECN) | F(GUEST_USO4) | F(GUEST_USO6);

/* -- features -------------------------------------------------------------------------------------------- */

static uint64_t without(uint64_t f, uint64_t need, uint64_t dependants)
{
	return f & need ? f : f & ~dependants;
}

uint64_t filter_usable(uint64_t f)
{
	f = without(f, F(CTRL_VQ),
		    F(CTRL_RX) | F(CTRL_RX_EXTRA) | F(CTRL_VLAN) | F(CTRL_MAC_ADDR) | F(MQ) |
			    F(GUEST_ANNOUNCE) | F(CTRL_GUEST_OFFLOADS));
	f = without(f, F(STATUS), F(GUEST_ANNOUNCE));
	f = without(f, F(CSUM), F(HOST_TSO4) | F(HOST_TSO6) | F(HOST_USO));
	f = without(f, F(HOST_TSO4) | F(HOST_TSO6), F(HOST_ECN));
	f = without(f, F(GUEST_CSUM), F(GUEST_TSO4) | F(GUEST_TSO6) | F(GUEST_USO4) | F(GUEST_USO6));
	return without(f, F(GUEST_TSO4) | F(GUEST_TSO6), F(GUEST_ECN));
}

void filter_reset(struct filter *f)
{
	f->known = true;
	f->announce = f->announced = f->mac_known = false;
	f->pairs = 1;
	f->usable = f->offloads = 0;
	memcpy(f->mac, f->own, sizeof(f->mac));
	f->modes = 0;
	f->nunicast = f->nmulticast = 0;
	memset(f->vlan, 0, sizeof(f->vlan));
}

void filter_restart(struct filter *f, const struct net_options *o)
{
	memset(f, 0, sizeof(*f));
	f->link_up = true;
	f->pairs_max = o->pairs;
	f->mtu = o->mtu;
	memcpy(f->own, o->mac, sizeof(f->own));
	filter_reset(f);
}

void filter_driver_ok(struct filter *f, uint64_t accepted)
{
	f->usable = filter_usable(accepted);
	f->offloads = f->usable & guest_offloads;
	f->mac_known = f->usable & F(MAC);
}

/* -- commands -------------------------------------------------------------------------------------------- */

static uint32_t code_of(const struct filter_command *c)
{
	return (uint32_t)c->class << 8 | c->cmd;
}

/* Offloads that a value means: six bits of it. */
static uint64_t offloads_of(uint16_t value, uint64_t negotiated)
{
	static const uint64_t bit[6] = {F(GUEST_CSUM), F(GUEST_TSO4), F(GUEST_TSO6),
					F(GUEST_ECN),  F(GUEST_USO4), F(GUEST_USO6)};
	uint64_t v = 0;
	for (int i = 0; i < 6; i++)
		v |= value >> i & 1 ? bit[i] : 0;
	return value >> 6 & 1 ? v : v & negotiated; /* bit 6: whatever was negotiated */
}

static uint32_t put_macs(uint8_t *p, uint32_t n, uint8_t first)
{
	memcpy(p, &n, sizeof(n));
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t mac[6] = {first, 0, 0x5e, 0, 1, (uint8_t)i};
		memcpy(p + 4 + 6 * i, mac, 6);
	}
	return 4 + 6 * n;
}

uint32_t filter_put(const struct filter_command *c, uint64_t negotiated, uint8_t *p)
{
	const uint8_t mac[6] = {2, 0, 0, 0, 2, (uint8_t)c->value};
	uint64_t offloads = offloads_of(c->value, negotiated);
	uint32_t n = 2;
	p[0] = c->class;
	p[1] = c->cmd;
	switch (code_of(c)) {
	case CODE(MAC, TABLE_SET):
		n += put_macs(p + n, c->value % UNICAST_OF, 2);
		return n + put_macs(p + n, c->value / UNICAST_OF % MULTICAST_OF, 1);
	case CODE(MAC, ADDR_SET):
		memcpy(p + n, mac, sizeof(mac));
		return n + (uint32_t)sizeof(mac);
	case CODE(GUEST_OFFLOADS, SET):
		memcpy(p + n, &offloads, sizeof(offloads));
		return n + (uint32_t)sizeof(offloads);
	case CODE(ANNOUNCE, ACK):
		return n;
	default:
		if (c->class == VIRTIO_NET_CTRL_RX) {
			p[n] = c->value & 1;
			return n + 1;
		}
		memcpy(p + n, &c->value, sizeof(c->value));
		return n + (uint32_t)sizeof(c->value);
	}
}

static uint64_t feature_of(uint32_t code)
{
	switch (code) {
	case CODE(RX, PROMISC):
	case CODE(RX, ALLMULTI):
	case CODE(MAC, TABLE_SET):
		return F(CTRL_RX);
	case CODE(RX, ALLUNI):
	case CODE(RX, NOMULTI):
	case CODE(RX, NOUNI):
	case CODE(RX, NOBCAST):
		return F(CTRL_RX_EXTRA);
	case CODE(MAC, ADDR_SET):
		return F(CTRL_MAC_ADDR);
	case CODE(VLAN, ADD):
	case CODE(VLAN, DEL):
		return F(CTRL_VLAN);
	case CODE(ANNOUNCE, ACK):
		return F(GUEST_ANNOUNCE);
	case CODE(MQ, VQ_PAIRS_SET):
		return F(MQ);
	case CODE(GUEST_OFFLOADS, SET):
		return F(CTRL_GUEST_OFFLOADS);
	default:
		return 0;
	}
}

static const char *clause_of(uint32_t code)
{
	static const char *const by_class[] = {[VIRTIO_NET_CTRL_RX] = "net.filter.1",
					       [VIRTIO_NET_CTRL_MAC] = "net.mac.2",
					       [VIRTIO_NET_CTRL_VLAN] = "net.vlan.2",
					       [VIRTIO_NET_CTRL_ANNOUNCE] = "net.garp.1",
					       [VIRTIO_NET_CTRL_MQ] = "net.mq.2"};
	if (feature_of(code) == F(CTRL_RX_EXTRA))
		return "net.filter.5";
	if (code == CODE(MAC, ADDR_SET))
		return "net.mac.3";
	return code >> 8 < sizeof(by_class) / sizeof(by_class[0]) ? by_class[code >> 8] : "";
}

static bool legal(const struct filter *f, const struct filter_command *c)
{
	uint32_t code = code_of(c);
	if (!(f->usable & feature_of(code)))
		return false;
	if (code == CODE(MQ, VQ_PAIRS_SET))
		return c->value >= 1 && c->value <= f->pairs_max;
	if (c->class == VIRTIO_NET_CTRL_VLAN)
		return c->value < 4096;
	if (code == CODE(GUEST_OFFLOADS, SET))
		return !(offloads_of(c->value, f->usable) & ~f->usable);
	return true;
}

static void set_vlan(struct filter *f, uint16_t tag, bool on)
{
	uint64_t bit = 1ull << (tag % 64);
	f->vlan[tag / 64] = (f->vlan[tag / 64] & ~bit) | (on ? bit : 0);
}

static void apply(struct filter *f, const struct filter_command *c)
{
	const uint8_t mac[6] = {2, 0, 0, 0, 2, (uint8_t)c->value};
	switch (code_of(c)) {
	case CODE(MAC, TABLE_SET):
		f->nunicast = c->value % UNICAST_OF;
		f->nmulticast = c->value / UNICAST_OF % MULTICAST_OF;
		break;
	case CODE(MAC, ADDR_SET):
		memcpy(f->mac, mac, sizeof(mac));
		f->mac_known = true;
		break;
	case CODE(VLAN, ADD):
	case CODE(VLAN, DEL):
		set_vlan(f, c->value, c->cmd == VIRTIO_NET_CTRL_VLAN_ADD);
		break;
	case CODE(ANNOUNCE, ACK):
		f->announce = false;
		f->announced = true;
		break;
	case CODE(MQ, VQ_PAIRS_SET):
		f->pairs = c->value;
		break;
	case CODE(GUEST_OFFLOADS, SET):
		f->offloads = filter_usable(offloads_of(c->value, f->usable));
		break;
	default:
		f->modes = (uint8_t)((f->modes & ~(1u << c->cmd)) | (c->value & 1u) << c->cmd);
		break;
	}
}

static uint32_t abilities(uint64_t offloads)
{
	return (offloads & F(GUEST_CSUM) ? NET_CAN_RX_CSUM : 0u) |
	       (offloads & F(GUEST_TSO4) ? NET_CAN_RX_TSO4 : 0u) |
	       (offloads & F(GUEST_TSO6) ? NET_CAN_RX_TSO6 : 0u) |
	       (offloads & F(GUEST_ECN) ? NET_CAN_RX_ECN : 0u) |
	       (offloads & F(GUEST_USO4) ? NET_CAN_RX_USO4 : 0u) |
	       (offloads & F(GUEST_USO6) ? NET_CAN_RX_USO6 : 0u);
}

const char *filter_answered(struct filter *f, const struct filter_command *c, uint8_t ack,
			    const char **clause)
{
	bool right = !c->broken && legal(f, c);
	*clause = clause_of(code_of(c));
	if (ack > VIRTIO_NET_ERR)
		return "the answer is neither OK nor ERR";
	if (c->broken) {
		f->known &= ack == VIRTIO_NET_ERR; /* else nobody knows what it has set */
		return NULL;
	}
	if (right && ack == VIRTIO_NET_ERR)
		return "a legal command is refused";
	if (!right && ack == VIRTIO_NET_OK)
		return "a command is OK that is unknown, out of range or was not negotiated";
	if (!right)
		return NULL;
	apply(f, c);
	if (f->told.pairs != f->pairs || f->told.offloads != abilities(f->offloads) ||
	    f->told.announced != f->announced)
		return "the backend was not told of what has been set";
	return NULL;
}

/* -- frames ---------------------------------------------------------------------------------------------- */

static bool in_table(const uint8_t *mac, uint8_t first, uint32_t n)
{
	const uint8_t prefix[5] = {first, 0, 0x5e, 0, 1};
	return n > MACS_MAX || (!memcmp(mac, prefix, sizeof(prefix)) && mac[5] < n);
}

static bool wants_address(const struct filter *f, const uint8_t *mac)
{
	static const uint8_t all[6] = {255, 255, 255, 255, 255, 255};
	bool tables = f->usable & F(CTRL_RX);
	if (!memcmp(mac, all, sizeof(all)))
		return !(f->modes & MODE(NOBCAST));
	if (mac[0] & 1)
		return !(f->modes & MODE(NOMULTI)) &&
		       (!tables || f->modes & MODE(ALLMULTI) || in_table(mac, 1, f->nmulticast));
	return !(f->modes & MODE(NOUNI)) &&
	       (!tables || !f->mac_known || f->modes & MODE(ALLUNI) || !memcmp(mac, f->mac, sizeof(f->mac)) ||
		in_table(mac, 2, f->nunicast));
}

static bool is_tagged(const struct net_frame *f)
{
	return f->head[12] == 0x81 && !f->head[13] && f->len >= 18;
}

bool filter_wants(const struct filter *f, const struct net_frame *frame, const char **why)
{
	bool tagged = is_tagged(frame), whole = !(frame->header.gso_type & 0x7f);
	uint32_t tag = ((uint32_t)frame->head[14] << 8 | frame->head[15]) & 4095;
	*why = "net.cfg.5";
	if (f->usable & F(MTU) && whole && frame->len > f->mtu + 14u + (tagged ? 4 : 0))
		return false;
	*why = "net.filter.2";
	if (f->modes & MODE(PROMISC))
		return true;
	*why = tagged ? "net.vlan.2" : "net.mac.4";
	if (tagged && f->usable & F(CTRL_VLAN) && !(f->vlan[tag / 64] >> (tag % 64) & 1))
		return false;
	*why = "net.mac.4";
	return wants_address(f, frame->head);
}

static bool gso_fits(const struct filter *f, const struct net_header *h, bool sent)
{
	uint64_t have = sent ? f->usable : f->offloads, need;
	uint8_t type = h->gso_type & 0x7f;
	if (type == VIRTIO_NET_HDR_GSO_TCPV4)
		need = sent ? F(HOST_TSO4) : F(GUEST_TSO4);
	else if (type == VIRTIO_NET_HDR_GSO_TCPV6)
		need = sent ? F(HOST_TSO6) : F(GUEST_TSO6);
	else if (type == VIRTIO_NET_HDR_GSO_UDP_L4)
		need = sent ? F(HOST_USO) : F(GUEST_USO4) | F(GUEST_USO6);
	else
		return false;
	if (h->gso_type & VIRTIO_NET_HDR_GSO_ECN &&
	    (type == VIRTIO_NET_HDR_GSO_UDP_L4 || !(have & (sent ? F(HOST_ECN) : F(GUEST_ECN)))))
		return false;
	return have & need && h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM && h->gso_size;
}

bool filter_header_fits(const struct filter *f, const struct net_header *h, uint32_t len, bool sent)
{
	uint64_t csum = sent ? f->usable & F(CSUM) : f->offloads & F(GUEST_CSUM);
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM &&
	    (!csum || (uint32_t)h->csum_start + h->csum_offset + 2 > len))
		return false;
	return !(h->gso_type & 0x7f) || gso_fits(f, h, sent);
}
