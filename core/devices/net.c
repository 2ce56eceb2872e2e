// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_ids.h>

#include "devices/net_int.h"
#include "hash.h"

#define CONFIG_LEN (offsetof(struct virtio_net_config, duplex) + 1)
#define DUPLEX     1 /* full, as the structure's comment and Linux have it */

/* -- features -------------------------------------------------------------------------------------------- */

/* One of `needs` must be there for one of `features` (5.1.3.1). What others need stands first. */
static const struct {
	uint64_t features, needs;
} requirements[] = {
	{NET_BIT(CTRL_RX) | NET_BIT(CTRL_RX_EXTRA) | NET_BIT(CTRL_VLAN) | NET_BIT(CTRL_MAC_ADDR) |
		 NET_BIT(GUEST_ANNOUNCE) | NET_BIT(MQ) | NET_BIT(CTRL_GUEST_OFFLOADS),
	 NET_BIT(CTRL_VQ)},
	{NET_BIT(GUEST_ANNOUNCE), NET_BIT(STATUS)}, /* which has the bit that tells of it */
	{NET_BIT(HOST_TSO4) | NET_BIT(HOST_TSO6) | NET_BIT(HOST_USO), NET_BIT(CSUM)},
	{NET_BIT(HOST_ECN), NET_BIT(HOST_TSO4) | NET_BIT(HOST_TSO6)},
	{NET_BIT(GUEST_TSO4) | NET_BIT(GUEST_TSO6) | NET_BIT(GUEST_USO4) | NET_BIT(GUEST_USO6),
	 NET_BIT(GUEST_CSUM)},
	{NET_BIT(GUEST_ECN), NET_BIT(GUEST_TSO4) | NET_BIT(GUEST_TSO6)},
};

uint64_t net_consistent(uint64_t f)
{
	for (uint32_t i = 0; i < sizeof(requirements) / sizeof(requirements[0]); i++)
		if (!(f & requirements[i].needs))
			f &= ~requirements[i].features;
	return f;
}

/* What a backend can do, and the feature that offers it. */
static const struct {
	enum net_can can;
	uint64_t feature;
} offloads[] = {
	{NET_CAN_TX_CSUM, NET_BIT(CSUM)},       {NET_CAN_TX_TSO4, NET_BIT(HOST_TSO4)},
	{NET_CAN_TX_TSO6, NET_BIT(HOST_TSO6)},  {NET_CAN_TX_ECN, NET_BIT(HOST_ECN)},
	{NET_CAN_TX_USO, NET_BIT(HOST_USO)},    {NET_CAN_RX_CSUM, NET_BIT(GUEST_CSUM)},
	{NET_CAN_RX_TSO4, NET_BIT(GUEST_TSO4)}, {NET_CAN_RX_TSO6, NET_BIT(GUEST_TSO6)},
	{NET_CAN_RX_ECN, NET_BIT(GUEST_ECN)},   {NET_CAN_RX_USO4, NET_BIT(GUEST_USO4)},
	{NET_CAN_RX_USO6, NET_BIT(GUEST_USO6)},
};
#define NOFFLOADS (sizeof(offloads) / sizeof(offloads[0]))

static bool has_mac(const struct net_options *o)
{
	static const uint8_t none[6];
	return memcmp(o->mac, none, sizeof(none));
}

static uint64_t features(const struct net_backend *backend, const struct net_options *o)
{
	uint64_t f = NET_BIT(MRG_RXBUF) | NET_BIT(STATUS) | NET_BIT(CTRL_VQ) | NET_BIT(CTRL_RX) |
		     NET_BIT(CTRL_RX_EXTRA) | NET_BIT(CTRL_VLAN) | NET_BIT(CTRL_MAC_ADDR) |
		     NET_BIT(GUEST_ANNOUNCE) | NET_BIT(CTRL_GUEST_OFFLOADS);
	for (uint32_t i = 0; i < NOFFLOADS; i++)
		if (backend->can & offloads[i].can)
			f |= offloads[i].feature;
	if (has_mac(o))
		f |= NET_BIT(MAC);
	if (o->mtu)
		f |= NET_BIT(MTU);
	if (o->pairs > 1)
		f |= NET_BIT(MQ);
	if (o->speed_mbit)
		f |= NET_BIT(SPEED_DUPLEX);
	return net_consistent(f & ~o->without);
}

void net_tune(struct net *n)
{
	struct net_tuning t = {.pairs = n->pairs, .announced = n->announced};
	for (uint32_t i = 0; i < NOFFLOADS; i++)
		if (n->offloads & offloads[i].feature)
			t.offloads |= offloads[i].can;
	n->backend.tune(n->backend.ctx, &t);
}

/*
 * A driver that accepts a feature without what it needs is wrong, and so may be the reason for which it does;
 * no rule asks us to refuse it, so it gets the rest. The control queue comes behind all pairs only for
 * drivers that know of them (5.1.2).
 */
void net_settle(struct net *n)
{
	n->usable = net_consistent(n->vdev.accepted);
	if (net_can_use(n, NET_BIT(CTRL_VQ)))
		n->control = net_can_use(n, NET_BIT(MQ)) ? net_rx_queue(n->options.pairs) : net_rx_queue(1);
}

static void driver_ok(struct vdev *d)
{
	struct net *n = net_of(d);
	net_settle(n);
	n->offloads = n->usable & NET_GUEST_OFFLOADS;
	n->filter.mac_known = net_can_use(n, NET_BIT(MAC));
	net_tune(n);
}

/* -- requests in flight ---------------------------------------------------------------------------------- */

void net_slot_put(struct net *n, const struct net_req *r)
{
	n->busy[r->io.id / 64] &= ~(1ull << (r->io.id % 64));
}

static void unpin(struct net *n, struct net_req *r, bool stored)
{
	enum vmem_kind kind = r->io.type == NET_IO_RX ? VMEM_STORE : VMEM_LOAD;
	for (uint16_t i = 0; i < r->io.nspans; i++)
		vmem_unpin(n->vdev.mem, kind, r->span_gpa[i], r->io.span[i],
			   stored ? (uint32_t)r->io.span[i].len : 0);
}

void net_slot_drop(struct net *n, struct net_req *r)
{
	unpin(n, r, false);
	net_slot_put(n, r);
}

bool net_pin_pieces(struct net *n, struct net_req *r, enum vmem_kind kind, struct vq_cursor *cur,
		    uint32_t len)
{
	gpa_t at;
	for (uint32_t part; len; len -= part) {
		part = vq_take(cur, len, &at); /* not 0: so many are left */
		if (!net_pin_range(n, r, kind, at, part))
			return false;
	}
	return true;
}

void net_submit(struct net *n, struct net_req *r)
{
	n->inflight++;
	r->nr = n->nsubmits++;
	n->backend.submit(n->backend.ctx, &r->io);
}

/*
 * After a reset of the device or the queue, or once the device needs one, the buffers are no longer ours:
 * nothing is copied back and nothing is answered. All buffers of a frame are used together (net.rx.4).
 */
void net_io_done(struct net *n, struct net_io *io, enum net_result result)
{
	struct net_req *r = (struct net_req *)(void *)io; /* its first member */
	core_check(r == &n->req[io->id] && n->busy[io->id / 64] >> (io->id % 64) & 1 && result < NET_RESULTS);
	bool wanted = vdev_live(&n->vdev) && n->vdev.queue[r->queue].ready, done = result == NET_DONE;
	if (n->vdev.mem->tap) /* else nothing would be done */
		unpin(n, r, wanted && done && io->type == NET_IO_RX);
	for (uint16_t i = 0; wanted && i < r->ntoks; i++)
		net_answer_chain(n, r->queue, r->tok[i], done ? r->used[i] : 0);
	net_slot_put(n, r);
	n->inflight--;
	n->sending -= io->type == NET_IO_TX;
	n->freed = true;
}

/* Wakes those who found no room; a completion has made some. */
static void wake(struct net *n)
{
	uint32_t stalled = n->stalled | net_unsent_queue(n);
	n->stalled = 0;
	for (uint16_t i = 0; stalled; i++, stalled >>= 1)
		if (stalled & 1)
			n->vdev.host->again(n->vdev.host_ctx, i);
	net_wake_pairs(n, n->starved);
}

void net_tell_room(struct net *n)
{
	bool room = n->freed && (n->stalled | n->starved | n->nunsent);
	n->freed = false;
	if (room)
		wake(n);
}

void net_publish(struct net *n)
{
	uint32_t staged = n->staged;
	n->staged = 0;
	for (; staged; staged &= staged - 1)
		vdev_publish(&n->vdev, (uint16_t)__builtin_ctz(staged));
	net_tell_room(n);
}

/* -- queues ---------------------------------------------------------------------------------------------- */

/* Frames that were loaded and wait for room go before others of their queue. */
static void run_tx(struct net *n, uint16_t queue)
{
	if (n->nunsent || !vdev_serve(&n->vdev, queue, net_start_tx))
		n->stalled |= 1u << queue;
}

/* Without MQ the queues behind the control queue are there, but nobody's. */
static void kick(struct vdev *d, uint16_t queue)
{
	struct net *n = net_of(d);
	if (n->nunsent)
		net_send_unsent(n);
	if (n->control && queue == n->control)
		vdev_serve(d, queue, net_start_ctrl);
	else if (queue >= (net_can_use(n, NET_BIT(MQ)) ? net_rx_queue(n->options.pairs) : net_rx_queue(1)))
		return;
	else if (queue & 1)
		run_tx(n, queue);
	else
		net_kick_rx(n, queue / 2);
	net_publish(n);
}

static void drain(struct net *n, uint32_t queues)
{
	net_forget_unsent(n, queues);
	if (n->inflight > n->nunsent)
		n->backend.drain(n->backend.ctx);
	core_check(n->inflight == n->nunsent);
}

/* What waits for buffers of this queue may go to another one, or nowhere (net.mq.3, net.mq.4). */
static void queue_reset(struct vdev *d, uint16_t queue)
{
	struct net *n = net_of(d);
	drain(n, 1u << queue);
	n->armed &= ~(1u << queue / 2);
	n->stalled &= ~(1u << queue);
	n->staged &= ~(1u << queue);
	net_publish(n); /* what the drain completed for the other queues */
	net_wake_all(n);
}

/* What waits at the backend goes on waiting: for the next driver. */
static void reset(struct vdev *d)
{
	struct net *n = net_of(d);
	bool changed = n->announce || memcmp(n->filter.mac, n->options.mac, sizeof(n->filter.mac)) != 0;
	drain(n, UINT32_MAX);
	if (n->loaded) { /* and never resumed: the host's side is what it was */
		n->unplugged = n->link_before;
		n->waiting = n->own_waiting;
		n->starved = 0;
	}
	n->loaded = false;
	n->stalled = n->staged = n->armed = 0;
	n->freed = false;
	n->waiting |= n->starved;
	n->starved = 0;
	n->usable = n->offloads = 0;
	n->pairs = 1; /* net.mq.1 */
	n->control = 0;
	n->announce = n->announced = false;
	net_filter_reset(n);
	d->config_gen += changed;
}

/* -- configuration and the host's actions ---------------------------------------------------------------- */

static void config_read(struct vdev *d, uint8_t *image)
{
	const struct net *n = net_of(d);
	const struct net_options *o = &n->options;
	struct virtio_net_config c = {.mtu = o->mtu, .speed = o->speed_mbit};
	memcpy(c.mac, n->filter.mac, sizeof(c.mac));
	if (d->offered & NET_BIT(STATUS))
		c.status = (uint16_t)((n->unplugged ? 0 : VIRTIO_NET_S_LINK_UP) |
				      (n->announce ? VIRTIO_NET_S_ANNOUNCE : 0));
	if (d->offered & NET_BIT(MQ))
		c.max_virtqueue_pairs = o->pairs;
	if (o->speed_mbit)
		c.duplex = DUPLEX;
	memcpy(image, &c, CONFIG_LEN);
}

void net_set_link(struct net *n, bool up)
{
	if (n->unplugged == !up)
		return;
	n->unplugged = !up;
	if (n->vdev.offered & NET_BIT(STATUS))
		vdev_config_changed(&n->vdev);
	if (!up)
		net_wake_all(n); /* to be dropped */
}

/* A driver that comes up later announces itself anyway. */
void net_announce(struct net *n)
{
	if (!vdev_live(&n->vdev) || !net_can_use(n, NET_BIT(GUEST_ANNOUNCE)))
		return;
	n->announce = true;
	n->announced = false;
	net_tune(n);
	vdev_config_changed(&n->vdev);
}

static uint64_t hash(const struct vdev *d, uint64_t h)
{
	const struct net *n = (const struct net *)(const void *)d;
	h = hash_u64(h, n->offloads);
	h = hash_u64(h, (uint64_t)n->stalled << 32 | n->waiting << 16 | n->starved);
	h = hash_u64(h, (uint64_t)n->pairs << 48 | (uint64_t)n->unplugged << 34 |
				(uint64_t)n->announce << 33 | (uint64_t)n->announced << 32 |
				(uint64_t)n->sending << 16 | n->inflight);
	return net_filter_hash(&n->filter, h);
}

static const struct vdev_ops ops = {
	.name = "net",
	.id = VIRTIO_ID_NET,
	.nqueues = 2 * NET_PAIRS_MAX + 1,
	.config_len = CONFIG_LEN,
	.queue_size_max = {[0 ... 2 * NET_PAIRS_MAX] = NET_QUEUE_SIZE},
	.driver_ok = driver_ok,
	.kick = kick,
	.queue_reset = queue_reset,
	.reset = reset,
	.config_read = config_read,
	.hash = hash,
	.save = net_save,
	.load = net_load,
	.resume = net_resume,
};

void net_init(struct net *n, struct vmem *mem, const struct host *host, void *host_ctx,
	      const struct net_backend *backend, const struct net_options *options)
{
	core_check(options->pairs >= 1 && options->pairs <= NET_PAIRS_MAX);
	memset((char *)n + sizeof(n->vdev), 0, offsetof(struct net, req) - sizeof(n->vdev));
	n->backend = *backend;
	n->options = *options;
	n->pairs = 1;
	net_filter_reset(n);
	vdev_init(&n->vdev, &ops, mem, host, host_ctx, features(backend, options));
	uint16_t data = 2;
	if (n->vdev.offered & NET_BIT(MQ))
		data = net_rx_queue(options->pairs);
	n->vdev.nqueues = (uint16_t)(data + (n->vdev.offered & NET_BIT(CTRL_VQ) ? 1 : 0));
	for (uint16_t i = 0; i < n->vdev.nqueues; i++) {
		uint16_t size = options->queue_size ? options->queue_size : NET_QUEUE_SIZE;
		vdev_limit_queue(&n->vdev, i, i == data && size > NET_CTRL_SIZE ? NET_CTRL_SIZE : size);
	}
}
