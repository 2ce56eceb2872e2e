// SPDX-License-Identifier: BSD-2-Clause
/*
 * Reception: the backend has a frame, and buffers are found for it: one, or with MRG_RXBUF as many as it takes.
 * Nothing is stored before all of them are there; where they are too few, all of them go back to the ring, and
 * the frame waits at the backend.
 *
 * Kicks of a receive queue mean nothing while no frame waits, and stay off. When one begins to wait they are
 * turned on behind the last buffer that is there, before those that were taken are given back: it is the next
 * one after that which the driver must tell of. Another frame that has waited for one of those, by an earlier
 * wish, would never hear of it: so its pair is woken.
 */
#include "devices/net_int.h"

#define NO_QUEUE UINT16_MAX

/* -- waiting --------------------------------------------------------------------------------------------- */

void net_wake_pairs(struct net *n, uint32_t pairs)
{
	n->waiting &= ~pairs;
	n->starved &= ~pairs;
	for (uint16_t i = 0; pairs; i++, pairs >>= 1)
		if (pairs & 1)
			n->backend.wake(n->backend.ctx, i);
}

void net_wake_all(struct net *n)
{
	net_wake_pairs(n, n->waiting | n->starved);
}

/* The receive queue that a frame for a pair goes to: its own, or another one where that is not in use, or is
 * being reset (net.mq.3). */
static uint16_t choose(const struct net *n, uint16_t pair)
{
	if (pair < n->pairs && n->vdev.queue[net_rx_queue(pair)].ready)
		return net_rx_queue(pair);
	for (uint16_t i = 0; i < n->pairs; i++)
		if (n->vdev.queue[net_rx_queue(i)].ready)
			return net_rx_queue(i);
	return NO_QUEUE;
}

/* Pairs whose frames wait for buffers of this queue. */
static uint32_t waiting_for(const struct net *n, uint16_t queue)
{
	uint32_t pairs = 0;
	for (uint16_t i = 0; n->waiting >> i; i++)
		if (n->waiting >> i & 1 && choose(n, i) == queue)
			pairs |= 1u << i;
	return pairs;
}

/*
 * P18: whoever waits for these buffers hears of them. Then kicks are off: with event indices by a wish for one
 * that has been (a driver that never found a wish would kick each time).
 */
void net_kick_rx(struct net *n, uint16_t pair)
{
	struct vq *q = &n->vdev.queue[net_rx_queue(pair)];
	vq_kicks_resume(q, n->vdev.mem);
	vq_kicks_stop(q, n->vdev.mem);
	n->armed &= ~(1u << pair);
	net_wake_pairs(n, waiting_for(n, net_rx_queue(pair)));
}

/* -- gathering buffers ----------------------------------------------------------------------------------- */

/* One frame on its way into buffers. */
struct gather {
	struct net *n;
	struct net_req *r;
	uint16_t queue;
	bool merge;
	uint32_t left;                  /* bytes of the frame without a place yet */
	uint32_t ndesc;                 /* the driver's descriptors in the buffers that were taken */
	bool refilled;                  /* buffers came while we looked: the driver need not notify of them */
	struct vq_chain *first, *other; /* the buffer that has the header, and the one behind it */
};

/*
 * Takes the next buffer, unless it was popped already. False: there is none, and the driver notifies when there
 * is; or the device is broken.
 */
static bool take(struct gather *g, struct vq_chain *c, bool popped)
{
	struct vdev *d = &g->n->vdev;
	while (!popped && !vdev_pop(d, g->queue, c)) {
		if (!vdev_live(d) || !vq_kicks_resume(&d->queue[g->queue], d->mem))
			return false;
		g->refilled = true;
	}
	if (c->nread)
		vdev_offend(d, OFFENCE_NET_RX_READABLE);
	return true;
}

/*
 * The buffer that the frame begins in. It must hold the header at least (drv.net.rxbuf.3), and where it is the
 * only one also the shortest frame: others would be in the way for ever, and go back empty. They are no more
 * than a ring's worth at a time, then the queue is run again.
 */
static bool take_first(struct gather *g, bool popped)
{
	struct vdev *d = &g->n->vdev;
	uint32_t least = g->merge ? NET_HEADER_LEN : NET_HEADER_LEN + NET_ETH_LEN;
	for (uint32_t budget = d->queue[g->queue].size; budget; budget--, popped = false) {
		if (!take(g, g->first, popped))
			return false;
		if (g->first->write_len >= least)
			return true;
		vdev_offend(d, OFFENCE_NET_RX_SIZE);
		net_answer_chain(g->n, g->queue, g->first->tok, 0);
	}
	d->host->again(d->host_ctx, g->queue);
	return false;
}

/* The part of the frame that goes into this buffer, behind its first `skip` bytes. False: no room to lend it. */
static bool place(struct gather *g, const struct vq_chain *c, uint32_t skip)
{
	struct net_req *r = g->r;
	struct vq_cursor out = vq_writer(c);
	uint32_t room = c->write_len - skip, part = room < g->left ? room : g->left;
	r->tok[r->ntoks] = c->tok;
	r->used[r->ntoks++] = skip + part;
	g->left -= part;
	g->ndesc += c->ndesc;
	vq_skip(&out, skip);
	return net_pin(g->n, r, VMEM_STORE, &out, part);
}

/* All that was taken goes back, unless the guest has broken the device: then it is nobody's. */
static enum net_answer give_back(struct gather *g, enum net_answer answer)
{
	struct vdev *d = &g->n->vdev;
	while (g->r->ntoks && vdev_live(d))
		vq_unpop(&d->queue[g->queue], g->r->tok[--g->r->ntoks]);
	net_slot_drop(g->n, g->r);
	return answer;
}

/* The driver tells of the buffer behind those that are there. Who waits for an earlier one would hear nothing. */
static void wish_moved(const struct gather *g, uint16_t pair)
{
	struct net *n = g->n;
	uint16_t mine = g->queue / 2;
	vq_pos end = n->vdev.queue[g->queue].next_avail;
	bool moved = !(n->armed >> mine & 1) || n->armed_at[mine] != end;
	if (moved && g->r->ntoks)
		net_wake_pairs(n, waiting_for(n, g->queue) & ~(1u << pair));
	n->armed |= 1u << mine;
	n->armed_at[mine] = end;
}

/* The driver can post no more before these buffers are used. */
static bool fills_ring(const struct gather *g)
{
	return g->ndesc == g->n->vdev.queue[g->queue].size;
}

/*
 * A frame for which the driver has posted too little waits, but not where the ring is full: no more would ever
 * come. One for which there is no room to lend waits for a completion; where none will come, or it needs more
 * pieces than there may be, it is dropped.
 */
static enum net_answer __attribute__((noinline)) gather(struct gather *g, uint16_t pair, bool popped)
{
	struct net *n = g->n;
	struct vq_chain *c = g->first;
	bool there = take_first(g, popped), lent = true;
	while (there && (lent = place(g, c, c == g->first ? NET_HEADER_LEN : 0)) && g->left) {
		if (!g->merge || g->r->ntoks == NET_BUFFERS_MAX)
			return give_back(g, NET_DROPPED);
		c = g->other;
		there = take(g, c, false);
	}
	if (there && lent)
		return NET_TAKEN;
	if (!there)
		wish_moved(g, pair);
	if (!lent && (net_idle(n) || g->r->io.nspans == NET_SPANS_MAX))
		return give_back(g, NET_DROPPED);
	if (!there && fills_ring(g))
		return give_back(g, NET_DROPPED);
	if (lent)
		n->waiting |= 1u << pair;
	else
		n->starved |= 1u << pair;
	return give_back(g, NET_LATER);
}

/* Nearly always: one buffer in one piece, in the memory that is near. False: the long way. */
static bool place_near(const struct net *n, struct net_req *r, const struct vq_chain *c, uint32_t len)
{
	const struct vq_seg *s = &c->seg[0];
	if (c->nread || s->len < NET_HEADER_LEN + len)
		return false;
	gpa_t at = gpa_add(s->addr, NET_HEADER_LEN);
	uint8_t *host = vmem_near(n->vdev.mem, VMEM_BUFFERS, at, len);
	if (!host)
		return false;
	r->span_gpa[0] = at;
	r->io.span[0] = (struct vspan){host, len};
	r->io.nspans = 1;
	r->tok[0] = c->tok;
	r->used[0] = NET_HEADER_LEN + len;
	r->ntoks = 1;
	return true;
}

/*
 * P17: all that the driver reads of a frame is stored before any of its buffers is given back. The header is
 * made of words: vmem_write loads it so, and would wait for smaller stores.
 */
static void write_header(const struct net *n, const struct net_req *r, const struct vq_chain *c)
{
	const struct net_header *from = &r->io.header;
	struct __attribute__((packed)) {
		uint64_t head;
		uint32_t tail; /* csum_offset, num_buffers */
	} h = {0, (uint32_t)r->ntoks << 16 | from->csum_offset};
	const struct vq_seg *s = &c->seg[c->nread];
	_Static_assert(sizeof(h) == NET_HEADER_LEN, "struct virtio_net_hdr_v1");
	memcpy(&h.head, from, sizeof(h.head));
	struct vq_cursor out = vq_writer(c);
	if (s->len >= sizeof(h))
		core_check(vmem_write(n->vdev.mem, VMEM_HEADER, s->addr, &h, sizeof(h)));
	else
		core_check(vq_write(&out, n->vdev.mem, VMEM_HEADER, &h, sizeof(h)));
}

static enum net_answer receive(struct net *n, uint16_t pair, uint16_t queue, uint32_t len,
			       const struct net_header *h)
{
	struct vq_chain first, other;
	struct net_req *r = n->inflight - n->sending < NET_RX_MAX ? net_slot_get(n, NET_IO_RX) : NULL;
	if (!r) {
		n->starved |= 1u << pair;
		return NET_LATER;
	}
	bool popped = vdev_pop(&n->vdev, queue, &first);
	if (!popped || !place_near(n, r, &first, len)) {
		bool merge = net_can_use(n, NET_BIT(MRG_RXBUF));
		struct gather g = {n, r, queue, merge, len, 0, false, &first, &other};
		enum net_answer answer = gather(&g, pair, popped);
		if (g.refilled) /* whatever became of this frame */
			net_wake_pairs(n, waiting_for(n, queue) & ~(1u << pair));
		if (answer != NET_TAKEN)
			return answer;
	}
	r->io.pair = queue / 2;
	r->io.len = len;
	r->io.header = *h;
	r->queue = queue;
	write_header(n, r, &first);
	net_submit(n, r);
	return NET_TAKEN;
}

/* -- frames ---------------------------------------------------------------------------------------------- */

/* net.cfg.5: no frame beyond what was agreed, unless it is to be segmented. */
static bool fits_mtu(const struct net *n, const struct net_frame *f)
{
	bool segmented = f->header.gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
	if (segmented || !net_can_use(n, NET_BIT(MTU)))
		return true;
	return f->len <= (uint32_t)n->options.mtu + NET_ETH_LEN + (net_frame_tagged(f) ? NET_VLAN_LEN : 0);
}

enum net_answer net_receive(struct net *n, uint16_t pair, const struct net_frame *f)
{
	core_check(pair < NET_PAIRS_MAX && f->len >= NET_ETH_LEN && f->len <= NET_FRAME_MAX);
	if (!vdev_live(&n->vdev)) {
		n->waiting |= 1u << pair;
		return NET_LATER;
	}
	/* Room that was made before this frame came is not what it will wait for, where it is too little: the backend
	 * would be woken before it knows that it has to wait. */
	net_tell_room(n);
	struct net_header h = f->header;
	uint16_t queue = choose(n, pair);
	bool wanted = queue != NO_QUEUE && !n->unplugged && fits_mtu(n, f) && net_filter_passes(n, f) &&
		      !net_check_header(&h, f->len, n->offloads, NET_RECEIVED);
	if (!wanted)
		return NET_DROPPED;
	enum net_answer answer = receive(n, pair, queue, f->len, &h);
	net_publish(n);
	return answer;
}
