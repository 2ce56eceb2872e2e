// SPDX-License-Identifier: BSD-2-Clause
/*
 * The network device in the simulator: a wire whose frames a program makes, and which takes all that it gets.
 * Frames that found no room wait, in their order; once the device has called wake they are offered again, when
 * the host next has its turn.
 */
#include <linux/virtio_ids.h>
#include <stdlib.h>

#include "driver.h"
#include "hash.h"
#include "judges.h"
#include "machine_save.h"
#include "sim_net.h"
#include "trace/remake.h"

#define CAN_ALL     0x7ffu /* all of enum net_can */
#define PAIRS_MAX   3u     /* programs name no more than seven queues */
#define WAITING_MAX 32u    /* of a pair; what comes beyond them is lost before it comes to us */
#define MTU         1500

/* Frames on their way to one pair. */
struct sim_pair {
	bool waits; /* the device said: later */
	uint32_t head, n;
	struct frames_frame frame[WAITING_MAX];
};

struct sim_net {
	struct net net;
	bool up;
	struct net_tuning tuning;
	struct sim_pair pair[PAIRS_MAX];
	const struct frames_frame *offered; /* while the device is asked */
	bool submitted;
	uint64_t narrived, sent; /* frames; a sum of what was sent */
	struct frames_frame flying[NET_INFLIGHT_MAX];
};

static struct sim_net *state_of(const struct sim_device *d)
{
	return d->state;
}

static struct frames *frames_of(const struct sim_device *d)
{
	return &d->judges->frames;
}

const struct net_options *sim_net_options(const struct sim_device *d)
{
	return &state_of(d)->net.options;
}

enum sim_net_queue sim_net_queue(const struct sim_device *d, uint16_t queue, uint64_t accepted)
{
	uint64_t usable = filter_usable(accepted);
	uint16_t pairs = usable >> VIRTIO_NET_F_MQ & 1 ? sim_net_options(d)->pairs : 1;
	if (queue < 2 * pairs)
		return queue & 1 ? NET_QUEUE_TX : NET_QUEUE_RX;
	return queue == 2 * pairs && usable >> VIRTIO_NET_F_CTRL_VQ & 1 ? NET_QUEUE_CONTROL : NET_QUEUE_NONE;
}

/* -- requests -------------------------------------------------------------------------------------------- */

static void fill(struct net_io *io, const struct frames_frame *frame)
{
	uint32_t at = 0;
	for (uint16_t i = 0; i < io->nspans; at += (uint32_t)io->span[i++].len)
		frames_make(frame, at, io->span[i].base, (uint32_t)io->span[i].len);
}

/* A reception that fails gives its buffers back empty, though their header may be there. */
static void failed(struct sim_device *d, const struct net_io *io)
{
	const struct net_req *r = (const struct net_req *)(const void *)io;
	for (uint16_t i = 0; i < r->ntoks; i++)
		oracle_chain_failed(d->oracle, r->queue, r->tok[i].id);
}

static void finish(struct sim_device *d, void *request, struct verdict v)
{
	struct sim_net *s = state_of(d);
	struct net_io *io = request;
	enum net_result result = v.result ? NET_FAILED : NET_DONE;
	const struct frames_frame *frame = &s->flying[io->id];
	uint16_t queue = (uint16_t)(2 * io->pair);
	bool wanted = vdev_live(d->vdev) && vdev_queue_ready(d->vdev, queue);
	if (io->type == NET_IO_RX && result == NET_DONE)
		fill(io, frame);
	if (io->type == NET_IO_RX && result == NET_FAILED)
		failed(d, io);
	if (io->type == NET_IO_TX && result == NET_DONE)
		s->sent += hash_u64(io->pair, io->len);
	if (io->type == NET_IO_RX)
		frames_given(frames_of(d), io, frame, result == NET_DONE, wanted);
	if (d->recorder)
		recorder_done_net(d->recorder, io, result);
	machine_point(d, POINT_COMPLETION, WHEN_ANY);
	oracle_backend_done_begins(&d->judges->backend, io->id, BLK_DONE, io->len, true);
	net_io_done(&s->net, io, result);
	oracle_backend_done_ends(&d->judges->backend);
}

static void submit(void *ctx, struct net_io *io)
{
	struct sim_device *d = ctx;
	struct sim_net *s = state_of(d);
	if (machine_save_submit(d, io))
		return;
	if (d->recorder)
		recorder_enter_net(d->recorder, io);
	oracle_backend_submit_net(&d->judges->backend, io);
	if (io->type == NET_IO_TX) {
		frames_sent(frames_of(d), io);
	} else if (s->offered) {
		s->submitted = true;
		s->flying[io->id] = *s->offered;
		frames_asked(frames_of(d), io, s->offered);
	} else {
		oracle_backend_unasked(&d->judges->backend, io->id);
	}
	machine_submit(d, io);
}

static void wake(void *ctx, uint16_t pair)
{
	struct sim_device *d = ctx;
	if (machine_save_noise(d, "wakes its backend"))
		return;
	if (d->recorder)
		recorder_wake(d->recorder, pair);
	if (pair < PAIRS_MAX)
		state_of(d)->pair[pair].waits = false;
}

/* A device that goes on as another one says the same again. */
static void tune(void *ctx, const struct net_tuning *t)
{
	struct sim_device *d = ctx;
	struct net_tuning *mine = &state_of(d)->tuning;
	bool same =
		mine->pairs == t->pairs && mine->offloads == t->offloads && mine->announced == t->announced;
	if (d->save && !same)
		machine_save_hears(d, "tells its backend of other settings");
	if (d->save)
		return;
	if (d->recorder)
		recorder_tune(d->recorder, t);
	*mine = *t;
	frames_told(frames_of(d), t);
}

/* -- making one ------------------------------------------------------------------------------------------ */

static bool create(struct sim_device *d)
{
	struct sim_net *s = calloc(1, sizeof(*s));
	d->state = s;
	d->vdev = s ? &s->net.vdev : NULL;
	return s;
}

static void destroy(struct sim_device *d)
{
	free(d->state);
}

static void make(struct sim_device *d, const struct net_options *o, uint32_t can)
{
	const struct net_backend backend = {submit, machine_drain, wake, tune, can, d};
	net_init(&state_of(d)->net, &d->mem, &machine_host, d, &backend, o);
}

static void init(struct sim_device *d, const struct device_options *o)
{
	static const uint16_t pairs[4] = {2, 1, 3, 2};
	struct sim_net *s = state_of(d);
	struct net_options n = {.pairs = pairs[o->flags & NET_FLAG_PAIRS],
				.without = o->without | o->sectors};
	const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
	if (!(o->flags & NET_FLAG_NO_MAC))
		memcpy(n.mac, mac, sizeof(mac));
	n.mtu = o->flags & NET_FLAG_MTU ? MTU : 0;
	n.speed_mbit = o->flags & NET_FLAG_SPEED ? 1000 : 0;
	n.queue_size = o->queue_size < NET_QUEUE_SIZE ? (uint16_t)o->queue_size : 0;
	if (o->flags & NET_FLAG_NO_MRG_RXBUF)
		n.without |= 1ull << VIRTIO_NET_F_MRG_RXBUF;
	if (o->flags & NET_FLAG_NO_CONTROL)
		n.without |= 1ull << VIRTIO_NET_F_CTRL_VQ;
	memset(s->pair, 0, sizeof(s->pair));
	memset(&s->tuning, 0, sizeof(s->tuning));
	s->up = true;
	s->offered = NULL;
	s->narrived = s->sent = 0;
	make(d, &n, o->flags & NET_FLAG_NO_OFFLOADS ? 0 : CAN_ALL);
}

static void renew(struct sim_device *d)
{
	struct net *n = &state_of(d)->net;
	const struct net_options o = n->options;
	uint32_t can = n->backend.can;
	for (uint32_t i = 0; i < NET_INFLIGHT_MAX; i++)
		if (n->busy[i / 64] >> (i % 64) & 1)
			memset(&n->req[i], 0xa5, sizeof(n->req[i]));
	make(d, &o, can);
}

static uint16_t request_id(const void *request)
{
	const struct net_io *io = request;
	return io->id;
}

static uint64_t request_hash(const void *request)
{
	const struct net_io *io = request;
	uint64_t h = hash_u64(HASH_SEED, (uint64_t)io->type << 48 | (uint64_t)io->pair << 32 | io->len);
	h = hash_bytes(h, &io->header, sizeof(io->header));
	for (uint16_t i = 0; i < io->nspans; i++)
		h = hash_u64(hash_u64(h, (uintptr_t)io->span[i].base), io->span[i].len);
	return h;
}

static void each_lent(struct sim_device *d)
{
	const struct net *n = &state_of(d)->net;
	for (uint32_t i = 0; i < NET_INFLIGHT_MAX; i++) {
		const struct net_req *r = &n->req[i];
		if (!(n->busy[i / 64] >> (i % 64) & 1))
			continue;
		for (uint16_t k = 0; k < r->io.nspans; k++)
			machine_save_lent(d, r->nr, r->io.type == NET_IO_RX ? VMEM_STORE : VMEM_LOAD,
					  r->span_gpa[k], r->io.span[k]);
	}
}

static void publish(struct sim_device *d)
{
	net_publish(&state_of(d)->net);
}

/* -- frames that arrive ---------------------------------------------------------------------------------- */

/* The first frame of a pair, which has one. */
static void offer(struct sim_device *d, uint16_t pair)
{
	struct sim_net *s = state_of(d);
	struct sim_pair *p = &s->pair[pair];
	const struct frames_frame *f = &p->frame[p->head];
	uint64_t before = oracle_taken(d->oracle);
	bool merge = filter_usable(d->vdev->accepted) >> VIRTIO_NET_F_MRG_RXBUF & 1;
	if (d->recorder)
		recorder_frame(d->recorder, pair, &f->frame);
	s->offered = f;
	s->submitted = false;
	enum net_answer answer = net_receive(&s->net, pair, &f->frame);
	s->offered = NULL;
	if (d->recorder)
		recorder_answer(d->recorder, answer);
	for (uint16_t q = 0; !s->submitted && q < 2 * s->net.options.pairs; q = (uint16_t)(q + 2))
		oracle_given_back(d->oracle, q, merge ? 12 : 26);
	if ((answer == NET_TAKEN) != s->submitted)
		oracle_backend_unasked(&d->judges->backend, NET_INFLIGHT_MAX);
	frames_answer(frames_of(d), pair, &f->frame, answer, oracle_taken(d->oracle) != before);
	p->waits = answer == NET_LATER;
	if (p->waits)
		return;
	p->head = (p->head + 1) % WAITING_MAX;
	p->n--;
}

static void arrive(struct sim_device *d, const struct op *op)
{
	struct sim_net *s = state_of(d);
	uint16_t nr = (uint16_t)(op->arg[0] % s->net.options.pairs);
	struct sim_pair *p = &s->pair[nr];
	struct frames_frame *f = &p->frame[(p->head + p->n) % WAITING_MAX];
	struct op clamped = *op;
	if (clamped.arg[1] < 14)
		clamped.arg[1] = 14;
	if (p->n == WAITING_MAX)
		return;
	*f = (struct frames_frame){++s->narrived << 32 | 0xf4a3e, remake_frame(&clamped)};
	p->n++;
	if (!p->waits && p->n == 1)
		offer(d, nr);
}

static void set_link(struct sim_device *d, bool up)
{
	struct sim_net *s = state_of(d);
	if (up != s->up && d->vdev->offered >> VIRTIO_NET_F_STATUS & 1) {
		oracle_config_changes(d->oracle);
		d->judges->status.config_event = true;
	}
	s->up = up;
	frames_link(frames_of(d), up);
	if (d->recorder)
		recorder_link(d->recorder, up);
	net_set_link(&s->net, up);
}

static void announce(struct sim_device *d)
{
	if (frames_announce(frames_of(d))) {
		oracle_config_changes(d->oracle);
		d->judges->status.config_event = true;
	}
	if (d->recorder)
		recorder_announce(d->recorder);
	net_announce(&state_of(d)->net);
}

static void input(struct sim_device *d, const struct op *op)
{
	if (op->code == OP_FRAME)
		arrive(d, op);
	else if (op->code == OP_LINK)
		set_link(d, op->arg[0]);
	else if (op->code == OP_ANNOUNCE)
		announce(d);
}

/* The first pair that has a frame which need not wait; none: PAIRS_MAX. */
static uint16_t eager(const struct sim_net *s)
{
	uint16_t i = 0;
	while (i < PAIRS_MAX && (!s->pair[i].n || s->pair[i].waits))
		i++;
	return i;
}

static bool pending(const struct sim_device *d)
{
	return eager(state_of(d)) < PAIRS_MAX;
}

static void more(struct sim_device *d)
{
	offer(d, eager(state_of(d)));
}

/* The receive queue that a frame of this pair goes to, by what the driver has set; false: none is ready. */
static bool goes_to(const struct sim_device *d, uint16_t pair, uint16_t *queue)
{
	const struct filter *f = &d->judges->frames.filter;
	for (uint16_t i = 0; i <= f->pairs; i++) {
		uint16_t p = i ? (uint16_t)(i - 1) : pair;
		*queue = (uint16_t)(2 * p);
		if (p < f->pairs && vdev_queue_ready(d->vdev, *queue))
			return true;
	}
	return false;
}

/* Frames that wait although there is room for them: nobody has told the backend. */
static bool owes(const struct sim_device *d, uint16_t queue)
{
	const struct sim_net *s = state_of(d);
	enum sim_net_queue kind = sim_net_queue(d, queue, d->vdev->accepted);
	uint16_t to;
	bool debt = false;
	if (kind != NET_QUEUE_RX)
		return kind != NET_QUEUE_NONE;
	for (uint16_t i = 0; i < PAIRS_MAX && !d->wild && d->backend.nheld == 0; i++) {
		const struct sim_pair *p = &s->pair[i];
		if (p->n && p->waits && goes_to(d, i, &to) && to == queue)
			debt |= frames_room(&d->judges->frames, queue / 2, p->frame[p->head].frame.len);
	}
	return debt;
}

static bool hungry(const struct sim_device *d, uint16_t *queue)
{
	const struct sim_net *s = state_of(d);
	for (uint16_t i = 0; i < PAIRS_MAX; i++)
		if (s->pair[i].n && s->pair[i].waits && vdev_live(d->vdev) && goes_to(d, i, queue))
			return true;
	return false;
}

static uint64_t hash(const struct sim_device *d, uint64_t h)
{
	const struct sim_net *s = state_of(d);
	for (uint32_t i = 0; i < PAIRS_MAX; i++)
		h = hash_u64(h, (uint64_t)s->pair[i].n << 1 | s->pair[i].waits);
	h = hash_u64(h, (uint64_t)s->tuning.offloads << 32 | s->tuning.pairs);
	h = hash_u64(h, (s->tuning.announced ? 2u : 0u) | s->up);
	return hash_u64(hash_u64(h, s->narrived), s->sent);
}

const struct sim_type sim_net = {
	.id = VIRTIO_ID_NET,
	.name = "net",
	.judge = &judge_net,
	.driver = &driver_net,
	.create = create,
	.destroy = destroy,
	.init = init,
	.finish = finish,
	.publish = publish,
	.input = input,
	.pending = pending,
	.more = more,
	.owes = owes,
	.hungry = hungry,
	.renew = renew,
	.request_id = request_id,
	.request_hash = request_hash,
	.each_lent = each_lent,
	.hash = hash,
};
