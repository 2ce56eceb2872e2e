// SPDX-License-Identifier: BSD-2-Clause
/* Transmission: a chain is a header and a frame, cut into descriptors in any way. */
#include "devices/net_int.h"

/* The header as the backend gets it. What is wrong with the frame, or NONE. */
static enum offence decode(struct net *n, const struct vq_chain *c, struct vq_cursor *in,
			   struct net_header *out)
{
	struct virtio_net_hdr_v1 h; /* copied out once; its num_buffers means nothing here */
	if (c->nread && c->seg[0].len >= sizeof(h)) { /* nearly always in one piece */
		core_check(vmem_read(n->vdev.mem, VMEM_HEADER, c->seg[0].addr, &h, sizeof(h)));
		vq_skip(in, sizeof(h));
	} else if (!vq_read(in, n->vdev.mem, VMEM_HEADER, &h, sizeof(h))) {
		return OFFENCE_NET_TX_HEADER;
	}
	if (in->left < NET_ETH_LEN || in->left > NET_FRAME_MAX)
		return OFFENCE_NET_TX_SIZE;
	memcpy(out, &h, sizeof(*out));
	return net_check_header(out, in->left, n->usable, NET_SENT);
}

/* Used without being sent: there is no way to tell the driver, and a wire loses frames too. */
static bool drop(struct net *n, uint16_t queue, const struct vq_chain *c, enum offence why)
{
	if (why)
		vdev_offend(&n->vdev, why);
	net_answer_chain(n, queue, c->tok, 0);
	return true;
}

static bool send(struct net *n, uint16_t queue, const struct vq_chain *c, struct vq_cursor *in,
		 const struct net_header *h)
{
	struct net_req *r = net_slot_get(n, NET_IO_TX);
	uint16_t pair = queue / 2;
	core_check(r != NULL); /* NET_TX_MAX and NET_RX_MAX are all there are */
	r->io.len = in->left;
	if (!net_pin(n, r, VMEM_LOAD, in, in->left)) {
		bool never = net_idle(n) || r->io.nspans == NET_SPANS_MAX;
		net_slot_drop(n, r);
		return never ? drop(n, queue, c, OFFENCE_NONE) : false;
	}
	r->io.pair = pair < n->pairs ? pair : 0;
	r->io.header = *h;
	r->queue = queue;
	r->ntoks = 1;
	r->tok[0] = c->tok;
	r->used[0] = 0;
	n->sending++;
	net_submit(n, r);
	return true;
}

bool net_start_tx(struct vdev *d, uint16_t queue, const struct vq_chain *c)
{
	struct net *n = net_of(d);
	struct vq_cursor in = vq_reader(c);
	struct net_header h;
	if (n->sending == NET_TX_MAX)
		return false;
	enum offence bad = decode(n, c, &in, &h);
	if (c->nwrite)
		vdev_offend(d, OFFENCE_NET_TX_WRITABLE);
	if (bad || n->unplugged)
		return drop(n, queue, c, bad);
	return send(n, queue, c, &in, &h);
}
