// SPDX-License-Identifier: BSD-2-Clause
/* What the ops of a network device mean: frames' headers, control commands, and what its backend is told. */
#include "compat.h"
#include "trace/names.h"
#include "trace/remake.h"

#define HEADER_LEN 12u
#define MAC_LEN    6u

static const struct name header_flags[] = {
	{VIRTIO_NET_HDR_F_NEEDS_CSUM, "NEEDS_CSUM"},
	{VIRTIO_NET_HDR_F_DATA_VALID, "DATA_VALID"},
	{VIRTIO_NET_HDR_F_RSC_INFO, "RSC_INFO"},
	{0, NULL},
};

static const struct name gso_types[] = {
	{VIRTIO_NET_HDR_GSO_TCPV4, "TCPV4"},
	{VIRTIO_NET_HDR_GSO_UDP, "UDP"},
	{VIRTIO_NET_HDR_GSO_TCPV6, "TCPV6"},
	{VIRTIO_NET_HDR_GSO_UDP_L4, "UDP_L4"},
	{0, NULL},
};

#define COMMAND(class, cmd)                                                                     \
	{                                                                                       \
		VIRTIO_NET_CTRL_##class << 8 | VIRTIO_NET_CTRL_##class##_##cmd, #class " " #cmd \
	}
const struct name name_net_commands[] = {
	COMMAND(RX, PROMISC),         COMMAND(RX, ALLMULTI),
	COMMAND(RX, ALLUNI),          COMMAND(RX, NOMULTI),
	COMMAND(RX, NOUNI),           COMMAND(RX, NOBCAST),
	COMMAND(MAC, TABLE_SET),      COMMAND(MAC, ADDR_SET),
	COMMAND(VLAN, ADD),           COMMAND(VLAN, DEL),
	COMMAND(ANNOUNCE, ACK),       COMMAND(MQ, VQ_PAIRS_SET),
	COMMAND(GUEST_OFFLOADS, SET), {0, NULL},
};

static const struct name offloads[] = {
	{NET_CAN_TX_CSUM, "TX_CSUM"}, {NET_CAN_TX_TSO4, "TX_TSO4"}, {NET_CAN_TX_TSO6, "TX_TSO6"},
	{NET_CAN_TX_ECN, "TX_ECN"},   {NET_CAN_TX_USO, "TX_USO"},   {NET_CAN_RX_CSUM, "RX_CSUM"},
	{NET_CAN_RX_TSO4, "RX_TSO4"}, {NET_CAN_RX_TSO6, "RX_TSO6"}, {NET_CAN_RX_ECN, "RX_ECN"},
	{NET_CAN_RX_USO4, "RX_USO4"}, {NET_CAN_RX_USO6, "RX_USO6"}, {0, NULL},
};

static void put(struct fmt *f, const char *label, uint64_t v)
{
	fmt_text(f, label);
	fmt_dec(f, v);
}

static void put_mac(struct fmt *f, const uint8_t *p)
{
	static const char digits[] = "0123456789abcdef";

	for (uint32_t i = 0; i < MAC_LEN; i++) {
		if (i)
			fmt_char(f, ':');
		fmt_char(f, digits[p[i] >> 4]);
		fmt_char(f, digits[p[i] & 15]);
	}
}

/* What a header asks for; nothing where that is nothing. */
static void put_header(struct fmt *f, const struct net_header *h)
{
	const char *type = name_of(gso_types, h->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN);

	if (h->flags) {
		fmt_char(f, ' ');
		name_bits(f, header_flags, h->flags);
	}
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		put(f, " at ", h->csum_start);
		put(f, "+", h->csum_offset);
	}
	if (!h->gso_type)
		return;
	fmt_char(f, ' ');
	fmt_text(f, type ? type : "no such type");
	if (h->gso_type & VIRTIO_NET_HDR_GSO_ECN)
		fmt_text(f, "|ECN");
	put(f, " size=", h->gso_size);
}

static struct net_header header_of(const uint8_t *p)
{
	struct net_header h;

	memcpy(&h, p, sizeof(h));
	return h;
}

/* The header of a frame, or a command's first two bytes: no others have that length. */
static void comment_access(struct fmt *f, const struct op *op)
{
	const uint8_t *p = op->data;

	if (op->arg[0] == VMEM_STATUS && op->len == 1) {
		fmt_text(f, p[0] == VIRTIO_NET_OK ? "OK" : "ERR");
	} else if (op->arg[0] == VMEM_HEADER && op->len == HEADER_LEN) {
		struct net_header h = header_of(p);
		fmt_text(f, "frame");
		if (op->code == OP_STORE)
			put(f, " in buffers=", (uint64_t)(p[10] | p[11] << 8));
		put_header(f, &h);
	} else if (op->arg[0] == VMEM_HEADER && op->len == sizeof(struct virtio_net_ctrl_hdr)) {
		const char *text = name_of(name_net_commands, (uint64_t)p[0] << 8 | p[1]);
		fmt_text(f, text ? text : "unknown command");
		fmt_text(f, ", or a number");
	}
}

static void comment_frame(struct fmt *f, const struct op *op)
{
	struct net_frame frame = remake_frame(op);

	fmt_text(f, "to ");
	put_mac(f, frame.head);
	put_header(f, &frame.header);
}

static void comment_submit(struct fmt *f, const struct op *op)
{
	put(f, "pair ", op->arg[2]);
	if (op->len == sizeof(struct net_header)) {
		struct net_header h = header_of(op->data);
		put_header(f, &h);
	}
}

static void comment_post(struct fmt *f, const struct op *op)
{
	const char *text = name_of(name_net_commands, op->arg[2]);

	if (op->arg[1] == 2)
		fmt_text(f, text ? text : "unknown command");
}

static void comment_answer(struct fmt *f, const struct op *op)
{
	static const char *const answers[] = {
		[NET_TAKEN] = "taken", [NET_LATER] = "later", [NET_DROPPED] = "dropped"};

	if (op->arg[0] <= NET_DROPPED)
		fmt_text(f, answers[op->arg[0]]);
}

static void comment_tune(struct fmt *f, const struct op *op)
{
	name_bits(f, offloads, op->arg[1]);
	if (op->arg[2])
		fmt_text(f, ", has announced itself");
}

void comment_net(struct fmt *f, const struct op *op)
{
	switch (op->code) {
	case OP_LOAD:
	case OP_STORE:
		comment_access(f, op);
		break;
	case OP_FRAME:
		comment_frame(f, op);
		break;
	case OP_SUBMIT:
		comment_submit(f, op);
		break;
	case OP_POST:
		comment_post(f, op);
		break;
	case OP_ANSWER:
		comment_answer(f, op);
		break;
	case OP_TUNE:
		comment_tune(f, op);
		break;
	case OP_DONE:
		if (op->arg[1] == NET_FAILED)
			fmt_text(f, "failed");
		break;
	case OP_WAKE:
		put(f, "pair ", op->arg[0]);
		break;
	}
}
