// SPDX-License-Identifier: BSD-2-Clause
/*
 * The model driver of a network device: what its requests say. The queue decides which it is (sim_net.h):
 *   receive    a buffer of len bytes (0: 2048), large enough for a frame
 *   transmit   a frame of len bytes (0: 60); sector: its offload, in the lower four bits, where that was negotiated
 *              (0 none, 1 a checksum, 2 TCPv4, 3 TCPv6, 4 UDP, 10 and 11 TCP with ECN, 7 flags that mean nothing),
 *              and above them what its numbers are
 *   control    the command: sector is class << 8 | command, len what its data says (oracle_filter.h)
 * Some breaks mean other things here: TYPE: the header's gso_type (low byte) and flags, or the class and command;
 * SECTOR: csum_start and csum_offset; SIZE: too few bytes, of a frame, a buffer or a command.
 */
#include "driver_int.h"
#include "oracle_filter.h"
#include "sim_net.h"

#define SEND_MAX   32768u /* bytes of a frame */
#define SEND_LEN   60u
#define ROOM_LEN   2048u
#define HEADER_LEN 12u
#define NEEDS_CSUM VIRTIO_NET_HDR_F_NEEDS_CSUM

static uint64_t usable(const struct driver *g)
{
	return filter_usable(g->features);
}

static bool can(const struct driver *g, unsigned feature)
{
	return usable(g) >> feature & 1;
}

/* The header's type for an offload that was negotiated; 0: none is asked for. */
static uint8_t gso_type(const struct driver *g, uint32_t offload)
{
	static const struct {
		uint8_t type, feature;
	} t[5] = {[2] = {VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_F_HOST_TSO4},
		  [3] = {VIRTIO_NET_HDR_GSO_TCPV6, VIRTIO_NET_F_HOST_TSO6},
		  [4] = {VIRTIO_NET_HDR_GSO_UDP_L4, VIRTIO_NET_F_HOST_USO}};
	uint32_t i = offload & 7;
	bool ecn = offload & 8 && can(g, VIRTIO_NET_F_HOST_ECN) && (i == 2 || i == 3);
	if (i < 2 || i > 4 || !can(g, t[i].feature))
		return VIRTIO_NET_HDR_GSO_NONE;
	return t[i].type | (ecn ? VIRTIO_NET_HDR_GSO_ECN : 0);
}

static struct net_header header(const struct driver *g, uint32_t sector, uint32_t len)
{
	struct net_header h = {0};
	uint32_t offload = sector & 15, more = sector >> 4;
	if ((offload & 7) == 7)
		h.flags = (uint8_t)(more & ~(uint32_t)NEEDS_CSUM);
	if (offload == 0 || (offload & 7) > 4 || !can(g, VIRTIO_NET_F_CSUM))
		return h;
	h.flags = NEEDS_CSUM;
	h.csum_start = (uint16_t)(more % (len - 1));
	h.csum_offset = (uint16_t)((more >> 4) % (len - 1 - h.csum_start));
	h.gso_type = gso_type(g, offload);
	h.gso_size = h.gso_type ? (uint16_t)(1 + more) : 0;
	h.hdr_len = h.gso_type ? (uint16_t)(more * 7) : 0;
	return h;
}

static void say_send(struct driver *g, struct plan *p, const struct driver_request *q, struct wording *c)
{
	uint32_t len = q->len ? 1 + (q->len - 1) % SEND_MAX : SEND_LEN;
	if (len < 14)
		len += 14;
	struct net_header h = header(g, q->sector, len);
	if (g->how == BREAK_TYPE) {
		h.gso_type = (uint8_t)g->value;
		h.flags = (uint8_t)(g->value >> 8);
	}
	if (g->how == BREAK_SECTOR) {
		h.flags |= NEEDS_CSUM;
		h.csum_start = (uint16_t)g->value;
		h.csum_offset = (uint16_t)(g->value >> 16);
	}
	memset(p->bytes, 0, HEADER_LEN); /* num_buffers is 0 (drv.net.tx.2) */
	memcpy(p->bytes, &h, sizeof(h));
	p->bytes_len = HEADER_LEN;
	c->read_data = g->how == BREAK_SIZE ? (uint32_t)(g->value % 14) : len;
	if (g->how == BREAK_EXTRA_READ)
		c->write_data = 8;
}

static void say_room(struct driver *g, struct plan *p, const struct driver_request *q, struct wording *c)
{
	uint32_t least = can(g, VIRTIO_NET_F_MRG_RXBUF) ? HEADER_LEN : HEADER_LEN + 14;
	uint32_t len = q->len ? 1 + (q->len - 1) % SEND_MAX : ROOM_LEN;
	c->write_data = len < least ? len + least : len;
	if (g->how == BREAK_SIZE)
		c->write_data = (uint32_t)(g->value % least);
	if (g->how != BREAK_EXTRA_READ)
		return;
	memset(p->bytes, 0, 8);
	p->bytes_len = 8;
}

static void say_command(struct driver *g, struct plan *p, const struct driver_request *q)
{
	struct filter_command *k = &p->command;
	*k = (struct filter_command){(uint8_t)(q->sector >> 8), (uint8_t)q->sector, (uint16_t)q->len, false};
	if (g->how == BREAK_TYPE) {
		k->class = (uint8_t)(g->value >> 8);
		k->cmd = (uint8_t)g->value;
	}
	p->bytes_len = filter_put(k, usable(g), p->bytes);
	if (g->how == BREAK_SIZE && p->bytes_len > 2) {
		p->bytes_len = 2 + (uint32_t)(g->value % (p->bytes_len - 2));
		k->broken = true;
	}
	k->broken |= g->how == BREAK_HEADER;
	p->has_status = true;
}

static bool say(struct driver *g, struct plan *p, uint16_t queue, const struct driver_request *q,
		struct wording *c)
{
	enum sim_net_queue kind = sim_net_queue(g->device, queue, g->features);
	p->command = (struct filter_command){0};
	if (kind == NET_QUEUE_CONTROL) {
		p->frames = FRAMES_COMMAND;
		say_command(g, p, q);
	} else if (kind == NET_QUEUE_TX) {
		p->frames = FRAMES_SEND;
		say_send(g, p, q, c);
	} else {
		p->frames = kind == NET_QUEUE_RX ? FRAMES_ROOM : FRAMES_OTHER;
		say_room(g, p, q, c);
	}
	return true;
}

/* -- content --------------------------------------------------------------------------------------------- */

static struct frames *frames_of(const struct driver *g)
{
	return &g->device->judges->frames;
}

static uint16_t posted(struct driver *g, uint16_t queue, const struct plan *p)
{
	uint32_t readable = 0;
	for (uint32_t i = 0; i < p->nread; i++)
		readable += p->piece[i].len;
	const struct frames_request q = {.kind = p->frames,
					 .queue = queue,
					 .bytes = p->bytes,
					 .bytes_len = p->bytes_len,
					 .data_len = readable - p->bytes_len,
					 .piece = p->piece,
					 .nread = p->nread,
					 .npieces = p->npieces,
					 .command = p->command};
	return frames_posted(frames_of(g), &q);
}

static void fill(struct driver *g, uint16_t frame, gpa_t a, uint32_t off, uint32_t n)
{
	frames_fill(frames_of(g), frame, a, off, n);
}

static void answered(struct driver *g, uint16_t frame, uint32_t used_len, int status)
{
	(void)status; /* frames_acked has heard of it */
	frames_answered(frames_of(g), frame, used_len);
}

static void dropped(struct driver *g, uint16_t frame)
{
	frames_dropped(frames_of(g), frame);
}

const struct driver_type driver_net = {
	.say = say, .posted = posted, .fill = fill, .answered = answered, .dropped = dropped};
