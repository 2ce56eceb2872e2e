// SPDX-License-Identifier: BSD-2-Clause
/*
 * The network frames of a trace, as a pcapng file (Wireshark, tshark). An interface for each network device; time is
 * the op's number in microseconds. A frame that was transmitted stands at the op that gave it to the backend, one that
 * was received at the backend's completion. What travels beside the frame (the virtio header: checksums to be made,
 * segmentation) stands in its comment.
 *
 * The bytes of a frame are in a trace only where its payload was kept in full; else there are those that the device
 * itself looked at, the addresses of a received one. What is missing is cut off, as a capture with a short snapshot
 * length does, and the comment says so.
 */
#include <inttypes.h>
#include <stdlib.h>

#include <linux/virtio_ids.h>

#include "devices/net.h"
#include "export.h"

enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET = 6 };
enum { OPT_END = 0, OPT_COMMENT = 1, OPT_IF_NAME = 2, OPT_IF_TSRESOL = 9, OPT_FLAGS = 2 };
enum { FLAG_INBOUND = 1, FLAG_OUTBOUND = 2 };

#define BYTE_ORDER_MAGIC  0x1a2b3c4du
#define LINKTYPE_ETHERNET 1u
#define TSRESOL_US        6u
#define COMMENT_MAX       300
#define BLOCK_MAX         (NET_FRAME_MAX + 1024u)
#define HEADER_LEN        ((uint32_t)sizeof(struct net_header))

/* A frame as far as it is known: its first bytes, without a gap. */
struct frame {
	uint32_t len, known;
	bool gap; /* bytes are missing here: nothing that follows is kept */
	bool has_header;
	uint16_t pair;
	uint64_t op;
	struct net_header header;
	uint8_t byte[NET_FRAME_MAX];
};

struct port {
	uint32_t interface;
	struct frame tx;    /* what was lent since the last request */
	struct frame rx;    /* that is being delivered; op 0: none */
	uint32_t delivered; /* bytes of it, known or not */
	struct frame came;  /* the latest that arrived: its first bytes */
	struct {
		uint32_t len;
		uint16_t pair;
		bool live, has_header;
		struct net_header header;
		uint32_t nhead;
		uint8_t head[NET_HEAD_MAX];
	} io[NET_INFLIGHT_MAX]; /* receptions at the backend */
};

struct pcapng {
	struct exporter *x;
	uint64_t nr; /* of the op under way */
	struct port *port[OP_DEV_MAX];
	uint32_t len;
	uint8_t block[BLOCK_MAX];
};

/* -- blocks ---------------------------------------------------------------------------------------------- */

static void put_bytes(struct pcapng *p, const void *bytes, uint32_t n)
{
	static const uint8_t zero[4];
	uint32_t pad = (4 - n % 4) % 4;
	if (BLOCK_MAX - p->len < n + pad + 16)
		return; /* not with the bounds above */
	if (n)
		memcpy(p->block + p->len, bytes, n);
	memcpy(p->block + p->len + n, zero, pad);
	p->len += n + pad;
}

static void put32(struct pcapng *p, uint32_t v)
{
	put_bytes(p, &v, sizeof(v));
}

static void put_option(struct pcapng *p, uint16_t code, const void *value, uint32_t n)
{
	put32(p, code | n << 16);
	put_bytes(p, value, n);
}

static void begin_block(struct pcapng *p, uint32_t type)
{
	p->len = 0;
	put32(p, type);
	put32(p, 0); /* the length, when it is known */
}

static void end_block(struct pcapng *p)
{
	uint32_t len = p->len + 4;
	memcpy(p->block + 4, &len, sizeof(len));
	put32(p, len);
	fwrite(p->block, 1, p->len, p->x->out);
}

static void put_section(struct pcapng *p)
{
	begin_block(p, BLOCK_SECTION);
	put32(p, BYTE_ORDER_MAGIC);
	put32(p, 1); /* version 1.0 */
	put32(p, UINT32_MAX);
	put32(p, UINT32_MAX); /* length of the section: not told */
	end_block(p);
}

static void put_interface(struct pcapng *p, uint8_t dev)
{
	const uint8_t resolution = TSRESOL_US;
	char name[EXPORT_DEVICE_MAX];
	export_device(&p->x->trace->head, dev, name);
	begin_block(p, BLOCK_INTERFACE);
	put32(p, LINKTYPE_ETHERNET);
	put32(p, 0); /* no snapshot length */
	put_option(p, OPT_IF_NAME, name, (uint32_t)strlen(name));
	put_option(p, OPT_IF_TSRESOL, &resolution, 1);
	put_option(p, OPT_END, NULL, 0);
	end_block(p);
}

/* -- frames ---------------------------------------------------------------------------------------------- */

static const char *gso_name(uint8_t type)
{
	switch (type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return "none";
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return "TCPv4";
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return "TCPv6";
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		return "UDP";
	default:
		return "unknown";
	}
}

static void describe(const struct frame *f, const char *how, char *text, size_t max)
{
	const struct net_header *h = &f->header;
	int n = snprintf(text, max, "op %" PRIu64 ": %s, pair %u", f->op, how, f->pair);
	if (f->has_header)
		n += snprintf(
			text + n, max - (size_t)n,
			"; virtio header: flags 0x%x, gso %s%s, gso_size %u, hdr_len %u, csum_start %u, "
			"csum_offset %u",
			h->flags, gso_name(h->gso_type), h->gso_type & VIRTIO_NET_HDR_GSO_ECN ? " ECN" : "",
			h->gso_size, h->hdr_len, h->csum_start, h->csum_offset);
	if (f->known < f->len)
		snprintf(text + n, max - (size_t)n, "; %u of %u bytes are not in the trace",
			 f->len - f->known, f->len);
}

static void put_frame(struct pcapng *p, const struct port *port, const struct frame *f, const char *how,
		      uint32_t flags)
{
	char comment[COMMENT_MAX];
	describe(f, how, comment, sizeof(comment));
	begin_block(p, BLOCK_PACKET);
	put32(p, port->interface);
	put32(p, (uint32_t)(f->op >> 32));
	put32(p, (uint32_t)f->op);
	put32(p, f->known);
	put32(p, f->len);
	put_bytes(p, f->byte, f->known);
	put_option(p, OPT_FLAGS, &flags, sizeof(flags));
	put_option(p, OPT_COMMENT, comment, (uint32_t)strlen(comment));
	put_option(p, OPT_END, NULL, 0);
	end_block(p);
	p->x->nframes++;
}

/* n more bytes of the frame, of which those at `bytes` are known (nknown of them). */
static void add_bytes(struct frame *f, const uint8_t *bytes, uint32_t nknown, uint32_t n)
{
	uint32_t room = NET_FRAME_MAX - f->known, part = nknown < n ? nknown : n;
	part = part < room ? part : room;
	if (!f->gap && part)
		memcpy(f->byte + f->known, bytes, part);
	if (!f->gap)
		f->known += part;
	f->gap |= part < n;
	f->len += n < NET_FRAME_MAX ? n : NET_FRAME_MAX;
}

static void clear(struct frame *f)
{
	f->len = f->known = 0;
	f->gap = f->has_header = false;
	f->op = 0;
}

/* The length that the request or the wire told is the frame's. */
static void set_length(struct frame *f, uint64_t len)
{
	f->len = len < NET_FRAME_MAX ? (uint32_t)len : NET_FRAME_MAX;
	if (f->known > f->len)
		f->known = f->len;
}

static bool take_header(struct net_header *h, const uint8_t *data, uint32_t n)
{
	if (n >= HEADER_LEN)
		memcpy(h, data, HEADER_LEN);
	return n >= HEADER_LEN;
}

/* -- ops ------------------------------------------------------------------------------------------------- */

/* What is being delivered ends with the first op that is about something else. */
static void flush_received(struct pcapng *p, struct port *port)
{
	struct frame *f = &port->rx;
	if (!f->op)
		return;
	put_frame(p, port, f, "received", FLAG_INBOUND);
	clear(f);
}

static void submit(struct pcapng *p, struct port *port, const struct op *op)
{
	uint64_t id = op->arg[0];
	if (op->arg[1] == NET_IO_TX) {
		struct frame *f = &port->tx;
		f->op = p->nr;
		f->pair = (uint16_t)op->arg[2];
		f->has_header = take_header(&f->header, op->data, op->len);
		set_length(f, op->arg[3]);
		put_frame(p, port, f, "transmitted", FLAG_OUTBOUND);
		clear(f);
		return;
	}
	if (id >= NET_INFLIGHT_MAX)
		return;
	port->io[id].live = true;
	port->io[id].pair = (uint16_t)op->arg[2];
	port->io[id].len = op->arg[3] < NET_FRAME_MAX ? (uint32_t)op->arg[3] : NET_FRAME_MAX;
	port->io[id].has_header = port->came.has_header;
	port->io[id].header = port->came.header;
	port->io[id].nhead = port->came.known;
	memcpy(port->io[id].head, port->came.byte, port->came.known);
	clear(&port->came);
}

/* The bytes come with the buffers that go back now. */
static void done(struct pcapng *p, struct port *port, const struct op *op)
{
	uint64_t id = op->arg[0];
	struct frame *f = &port->rx;
	if (id >= NET_INFLIGHT_MAX || !port->io[id].live)
		return;
	port->io[id].live = false;
	if (op->arg[1] != NET_DONE)
		return;
	f->op = p->nr;
	f->pair = port->io[id].pair;
	f->has_header = port->io[id].has_header;
	f->header = port->io[id].header;
	memcpy(f->byte, port->io[id].head, port->io[id].nhead);
	f->known = port->io[id].nhead;
	set_length(f, port->io[id].len);
	port->delivered = 0;
}

/* A buffer comes back with its bytes; those behind the first gap are not kept. */
static void deliver(struct port *port, const struct op *op)
{
	struct frame *f = &port->rx;
	uint32_t at = port->delivered,
		 stored = op->arg[3] < NET_FRAME_MAX ? (uint32_t)op->arg[3] : NET_FRAME_MAX;
	if (!f->op || op->arg[0] != VMEM_STORE)
		return;
	if (at <= f->known && at + op->len <= f->len && op->len) {
		memcpy(f->byte + at, op->data, op->len);
		if (f->known < at + op->len)
			f->known = at + op->len;
	}
	port->delivered = at + stored < NET_FRAME_MAX ? at + stored : NET_FRAME_MAX;
}

static void lend(struct port *port, const struct op *op)
{
	if (op->arg[0] != VMEM_LOAD)
		return;
	if (op->arg[3])
		add_bytes(&port->tx, op->data, op->len, op->arg[2] < UINT32_MAX ? (uint32_t)op->arg[2] : 0);
	else
		clear(&port->tx); /* not now: all of the request comes again */
}

static void arrive(struct pcapng *p, struct port *port, const struct op *op)
{
	struct frame *f = &port->came;
	uint32_t n = op->len > HEADER_LEN ? op->len - HEADER_LEN : 0;
	clear(f);
	f->op = p->nr;
	f->pair = (uint16_t)op->arg[0];
	f->has_header = take_header(&f->header, op->data, op->len);
	add_bytes(f, op->data + (op->len - n), n < NET_HEAD_MAX ? n : NET_HEAD_MAX, n);
	set_length(f, op->arg[1]);
}

static void take(struct pcapng *p, struct port *port, const struct op *op)
{
	if (op->code != OP_UNPIN)
		flush_received(p, port);
	switch (op->code) {
	case OP_SUBMIT:
		submit(p, port, op);
		break;
	case OP_DONE:
		done(p, port, op);
		break;
	case OP_UNPIN:
		deliver(port, op);
		break;
	case OP_PIN:
		lend(port, op);
		break;
	case OP_FRAME:
		arrive(p, port, op);
		break;
	case OP_ANSWER:
		if (op->arg[0] == NET_DROPPED && port->came.op)
			put_frame(p, port, &port->came, "arrived, and was dropped by the device",
				  FLAG_INBOUND);
		clear(&port->came);
		break;
	}
}

/* -- the file -------------------------------------------------------------------------------------------- */

static bool make_ports(struct pcapng *p)
{
	const struct trace_head *h = &p->x->trace->head;
	uint32_t n = 0;
	for (uint32_t i = 0; i < h->ndevices; i++) {
		if (h->device[i].id != VIRTIO_ID_NET)
			continue;
		p->port[i] = calloc(1, sizeof(*p->port[i]));
		if (!p->port[i]) {
			snprintf(p->x->error, sizeof(p->x->error), "out of memory");
			return false;
		}
		p->port[i]->interface = n++;
	}
	if (!n)
		snprintf(p->x->error, sizeof(p->x->error), "%s has no network device", p->x->path);
	return n;
}

static void put_file(struct pcapng *p)
{
	const struct trace_head *h = &p->x->trace->head;
	struct op op;
	put_section(p);
	for (uint32_t i = 0; i < h->ndevices; i++)
		if (p->port[i])
			put_interface(p, (uint8_t)i);
	while (trace_next(p->x->trace, &op)) {
		p->nr++;
		if (p->port[op.dev])
			take(p, p->port[op.dev], &op);
	}
	for (uint32_t i = 0; i < h->ndevices; i++)
		if (p->port[i])
			flush_received(p, p->port[i]);
	p->x->nops = p->nr;
}

bool export_pcapng(struct exporter *x)
{
	struct pcapng *p = calloc(1, sizeof(*p));
	if (!p) {
		snprintf(x->error, sizeof(x->error), "out of memory");
		return false;
	}
	p->x = x;
	if (make_ports(p))
		put_file(p);
	for (uint32_t i = 0; i < OP_DEV_MAX; i++)
		free(p->port[i]);
	free(p);
	return !*x->error;
}
