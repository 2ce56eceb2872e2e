// SPDX-License-Identifier: BSD-2-Clause
/* Saving the network device with its requests in flight, and submitting those again. */
#include "devices/net_int.h"

static bool has(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

static const struct net *const_net_of(const struct vdev *d)
{
	return (const struct net *)(const void *)d;
}

/* The slot, out of these, of the oldest request from number `from` on; NET_INFLIGHT_MAX: none. */
static uint32_t oldest(const struct net *n, const uint64_t *bits, uint64_t from)
{
	uint32_t found = NET_INFLIGHT_MAX;
	for (uint32_t i = 0; i < NET_INFLIGHT_MAX; i++)
		if (has(bits, i) && n->req[i].nr >= from &&
		    (found == NET_INFLIGHT_MAX || n->req[i].nr < n->req[found].nr))
			found = i;
	return found;
}

/* -- saving ---------------------------------------------------------------------------------------------- */

static void save_macs(const struct net_macs *t, struct state_out *out)
{
	state_put_bool(out, t->all);
	state_put_u16(out, t->n);
	state_put(out, t->mac, (size_t)t->n * sizeof(t->mac[0]));
}

static void save_filter(const struct net_filter *f, struct state_out *out)
{
	state_put(out, f->mac, sizeof(f->mac));
	state_put_bool(out, f->mac_known);
	state_put_u8(out, f->modes);
	save_macs(&f->unicast, out);
	save_macs(&f->multicast, out);
	for (uint32_t i = 0; i < sizeof(f->vlan) / sizeof(f->vlan[0]); i++)
		state_put_u64(out, f->vlan[i]);
}

static void save_request(const struct net_req *r, struct state_out *out)
{
	const struct net_io *io = &r->io;
	state_put_u16(out, io->id);
	state_put_u8(out, io->type);
	state_put_u16(out, r->queue);
	state_put_u16(out, io->pair);
	state_put_u32(out, io->len);
	state_put(out, &io->header, sizeof(io->header));
	state_put_u16(out, r->ntoks);
	for (uint16_t i = 0; i < r->ntoks; i++) {
		state_put_u32(out, r->used[i]);
		vdev_save_tok(out, r->tok[i]);
	}
	state_put_u16(out, io->nspans);
	for (uint16_t i = 0; i < io->nspans; i++) {
		state_put_u32(out, (uint32_t)io->span[i].len);
		state_put_u64(out, r->span_gpa[i].v);
	}
}

void net_save(const struct vdev *d, struct state_out *out)
{
	const struct net *n = const_net_of(d);
	state_put(out, n->options.mac, sizeof(n->options.mac));
	state_put_bool(out, n->unplugged);
	state_put_bool(out, n->announce);
	state_put_bool(out, n->announced);
	state_put_u16(out, n->pairs);
	state_put_u64(out, n->offloads);
	save_filter(&n->filter, out);
	state_put_u32(out, n->stalled);
	state_put_u32(out, n->staged);
	state_put_u32(out, n->waiting);
	state_put_u32(out, n->starved);
	state_put_u32(out, n->armed);
	for (uint16_t i = 0; i < NET_PAIRS_MAX; i++)
		state_put_u16(out, n->armed >> i & 1 ? n->armed_at[i] : 0);
	state_put_bool(out, n->freed);
	state_put_u32(out, n->inflight);
	for (uint32_t i = oldest(n, n->busy, 0); i < NET_INFLIGHT_MAX;
	     i = oldest(n, n->busy, n->req[i].nr + 1))
		save_request(&n->req[i], out);
}

/* -- loading --------------------------------------------------------------------------------------------- */

static void load_macs(struct net_macs *t, struct state_in *in)
{
	t->all = state_get_bool(in);
	uint16_t count = state_get_u16(in);
	if (!state_need(in, count <= (t->all ? 0 : NET_MACS_MAX)))
		return;
	t->n = count;
	state_get(in, t->mac, (size_t)count * sizeof(t->mac[0]));
}

static void load_filter(struct net_filter *f, struct state_in *in)
{
	state_get(in, f->mac, sizeof(f->mac));
	f->mac_known = state_get_bool(in);
	f->modes = state_get_u8(in);
	state_need(in, !(f->modes >> (VIRTIO_NET_CTRL_RX_NOBCAST + 1)));
	load_macs(&f->unicast, in);
	load_macs(&f->multicast, in);
	for (uint32_t i = 0; i < sizeof(f->vlan) / sizeof(f->vlan[0]); i++)
		f->vlan[i] = state_get_u64(in);
}

/* The buffers that it is merged from, or the one that is sent. */
static void load_toks(struct net *n, struct net_req *r, struct state_in *in)
{
	bool rx = r->io.type == NET_IO_RX, merge = rx && net_can_use(n, NET_BIT(MRG_RXBUF));
	uint32_t sum = 0;
	r->ntoks = state_get_u16(in);
	if (!state_need(in, r->ntoks && r->ntoks <= (merge ? NET_BUFFERS_MAX : 1)))
		return;
	for (uint16_t i = 0; i < r->ntoks; i++) {
		r->used[i] = state_get_u32(in);
		r->tok[i] = vdev_load_tok(&n->vdev, in, r->queue, r->used[i]);
		state_need(in, r->used[i] <= NET_HEADER_LEN + NET_FRAME_MAX);
		sum += r->used[i];
	}
	state_need(in, rx ? sum == NET_HEADER_LEN + r->io.len && r->used[0] >= NET_HEADER_LEN : sum == 0);
}

static void load_spans(struct net *n, struct net_req *r, struct state_in *in)
{
	uint64_t sum = 0;
	r->io.nspans = state_get_u16(in);
	if (!state_need(in, r->io.nspans <= NET_SPANS_MAX))
		return;
	for (uint16_t i = 0; i < r->io.nspans; i++) {
		uint32_t len = state_get_u32(in);
		r->io.span[i] = (struct vspan){NULL, len};
		r->span_gpa[i] = vdev_load_gpa(&n->vdev, in, len);
		state_need(in, len);
		sum += len;
	}
	state_need(in, sum == r->io.len);
}

/* What a guest could have asked for. */
static bool makes_sense(const struct net *n, const struct net_req *r)
{
	const struct net_io *io = &r->io;
	struct net_header h = io->header;
	uint16_t pairs = net_can_use(n, NET_BIT(MQ)) ? n->options.pairs : 1;
	bool tx = io->type == NET_IO_TX;
	if (io->type > NET_IO_RX || r->queue >= net_rx_queue(pairs) || (r->queue & 1) != tx ||
	    io->pair >= pairs || io->len < NET_ETH_LEN || io->len > NET_FRAME_MAX ||
	    (!tx && io->pair != r->queue / 2))
		return false;
	return !net_check_header(&h, io->len, n->usable, tx ? NET_SENT : NET_RECEIVED) &&
	       !memcmp(&h, &io->header, sizeof(h));
}

static void load_request(struct net *n, struct state_in *in)
{
	uint16_t id = state_get_u16(in);
	if (!state_need(in, id < NET_INFLIGHT_MAX && !has(n->busy, id)))
		return;
	struct net_req *r = &n->req[id];
	r->io.id = id;
	r->io.type = state_get_u8(in);
	r->queue = state_get_u16(in);
	r->io.pair = state_get_u16(in);
	r->io.len = state_get_u32(in);
	state_get(in, &r->io.header, sizeof(r->io.header));
	if (!state_need(in, !in->bad && makes_sense(n, r)))
		return;
	bool tx = r->io.type == NET_IO_TX;
	load_toks(n, r, in);
	load_spans(n, r, in);
	uint32_t same = tx ? n->sending : n->inflight - n->sending;
	if (!state_need(in, !in->bad && same < (tx ? NET_TX_MAX : NET_RX_MAX)))
		return;
	r->nr = n->nsubmits++;
	n->busy[id / 64] |= 1ull << (id % 64);
	n->unsent[id / 64] |= 1ull << (id % 64);
	n->inflight++;
	n->nunsent++;
	n->sending += tx;
}

static void load_waiting(struct net *n, struct state_in *in)
{
	uint32_t queues = (1u << n->vdev.nqueues) - 1, pairs = (1u << NET_PAIRS_MAX) - 1;
	n->stalled = state_get_u32(in);
	n->staged = state_get_u32(in);
	n->waiting = state_get_u32(in) | n->own_waiting; /* ours is woken in any case */
	n->starved = state_get_u32(in);
	n->armed = state_get_u32(in);
	for (uint16_t i = 0; i < NET_PAIRS_MAX; i++)
		n->armed_at[i] = state_get_u16(in);
	n->freed = state_get_bool(in);
	state_need(in,
		   !((n->stalled | n->staged) & ~queues) && !((n->waiting | n->starved | n->armed) & ~pairs));
}

void net_load(struct vdev *d, struct state_in *in)
{
	struct net *n = net_of(d);
	bool begun = d->status & VIRTIO_CONFIG_S_DRIVER_OK;
	if (begun)
		net_settle(n);
	n->link_before = n->unplugged;
	n->own_waiting = n->waiting | n->starved;
	n->loaded = true;
	state_match(in, n->options.mac, sizeof(n->options.mac));
	n->unplugged = state_get_bool(in);
	n->announce = state_get_bool(in);
	n->announced = state_get_bool(in);
	n->pairs = state_get_u16(in);
	state_need(in, n->pairs >= 1 && n->pairs <= (net_can_use(n, NET_BIT(MQ)) ? n->options.pairs : 1));
	n->offloads = state_get_u64(in);
	state_need(in, !(n->offloads & ~(n->usable & NET_GUEST_OFFLOADS)) &&
			       net_consistent(n->offloads) == n->offloads);
	state_need(in, !(n->announce || n->announced) || net_can_use(n, NET_BIT(GUEST_ANNOUNCE)));
	load_filter(&n->filter, in);
	load_waiting(n, in);
	for (uint32_t left = state_get_u32(in); left && !in->bad; left--)
		load_request(n, in);
}

/* -- doing it again -------------------------------------------------------------------------------------- */

static void unsent_clear(struct net *n, uint32_t id)
{
	n->unsent[id / 64] &= ~(1ull << (id % 64));
	n->nunsent--;
}

uint32_t net_unsent_queue(const struct net *n)
{
	return n->nunsent ? 1u << n->req[oldest(n, n->unsent, 0)].queue : 0;
}

void net_forget_unsent(struct net *n, uint32_t queues)
{
	for (uint32_t i = 0; n->nunsent && i < NET_INFLIGHT_MAX; i++) {
		if (!has(n->unsent, i) || !(queues >> n->req[i].queue & 1))
			continue;
		unsent_clear(n, i);
		net_slot_put(n, &n->req[i]);
		n->inflight--;
		n->sending -= n->req[i].io.type == NET_IO_TX;
	}
}

/* False: no room now; the request is as it was. */
static bool lend_again(struct net *n, struct net_req *r, bool *too_many)
{
	struct vq_seg seg[NET_SPANS_MAX];
	uint16_t count = r->io.nspans;
	enum vmem_kind kind = r->io.type == NET_IO_RX ? VMEM_STORE : VMEM_LOAD;
	for (uint16_t i = 0; i < count; i++)
		seg[i] = (struct vq_seg){r->span_gpa[i], (uint32_t)r->io.span[i].len};
	struct vq_cursor all = {seg, seg + count, 0, r->io.len};
	r->io.nspans = 0;
	if (net_pin(n, r, kind, &all, r->io.len))
		return true;
	*too_many = r->io.nspans == NET_SPANS_MAX;
	for (uint16_t i = 0; i < r->io.nspans; i++)
		vmem_unpin(n->vdev.mem, kind, r->span_gpa[i], r->io.span[i], 0);
	for (uint16_t i = 0; i < count; i++) {
		r->span_gpa[i] = seg[i].addr;
		r->io.span[i] = (struct vspan){NULL, seg[i].len};
	}
	r->io.nspans = count;
	return false;
}

void net_send_unsent(struct net *n)
{
	while (n->nunsent) {
		struct net_req *r = &n->req[oldest(n, n->unsent, 0)];
		bool too_many = false, lent = lend_again(n, r, &too_many);
		if (!lent && !too_many && !net_idle(n)) {
			n->stalled |= 1u << r->queue; /* a completion makes room and runs it */
			return;
		}
		unsent_clear(n, r->io.id);
		if (lent) {
			n->backend.submit(n->backend.ctx, &r->io);
			continue;
		}
		r->io.nspans = 0; /* larger than the host can lend, when nothing else is in flight */
		net_io_done(n, &r->io, NET_FAILED);
	}
}

void net_resume(struct vdev *d)
{
	struct net *n = net_of(d);
	uint32_t before = n->inflight;
	n->loaded = false;
	if (d->status & VIRTIO_CONFIG_S_DRIVER_OK)
		net_tune(n);
	net_send_unsent(n);
	if (n->inflight != before) /* else what was staged when it was saved still waits for its publisher */
		net_publish(n);
}
