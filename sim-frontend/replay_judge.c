// SPDX-License-Identifier: BSD-2-Clause
/* The oracles at a strict replay: they hear of every register write, load, store, pin and interrupt. */
#include <stdlib.h>

#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>

#include "devices/net.h"
#include "oracle_status.h"
#include "replay.h"

struct judge_pin {
	uint64_t addr;
	uint32_t n;
	enum vmem_kind kind;
	bool live;
	uint64_t request; /* whose it is; NOT_YET: the one that is submitted next */
};

#define NOT_YET UINT64_MAX

struct judge {
	struct {
		struct oracle *oracle;
		struct oracle_status status;
		struct judge_pin pin[ORACLE_PINS_MAX];
		uint64_t done; /* the request that was completed last */
		bool blind;    /* restored, and not reset yet */
	} of[OP_DEV_MAX];
};

__attribute__((noinline)) void replay_violation(void *ctx, const struct violation *v)
{
	struct twin_device *d = ctx;
	struct replay *r = d->twin->owner;
	if (r->violated || r->diverged)
		return;
	r->violated = true;
	r->violation = *v;
	r->violated_dev = d->nr;
	r->violated_at = r->count.events + r->marked;
	replay_leave(r);
}

/* -- network devices -------------------------------------------------------------------------------------- */

static bool is_net(const struct twin_device *d)
{
	return d->head->id == VIRTIO_ID_NET;
}

/*
 * Of a queue for what comes in nobody knows here whether anything has, and how much it needs: its buffers may wait.
 * Without MQ the control queue of a network device is the one behind the first pair.
 */
static bool owes(void *ctx, uint16_t queue)
{
	const struct twin_device *d = ctx;
	uint16_t control = vdev_has(d->vdev, VIRTIO_NET_F_MQ) ? (uint16_t)(d->vdev->nqueues - 1u) : 2;
	switch (d->head->id) {
	case VIRTIO_ID_NET:
		return queue % 2 || queue == control;
	case VIRTIO_ID_CONSOLE:
		return queue % 2;
	default:
		return true;
	}
}

/* Buffers of a frame that was not taken go back to the ring, but for those that can hold none. */
static void give_back(struct oracle *o, const struct twin_device *d)
{
	bool merge = vdev_has(d->vdev, VIRTIO_NET_F_MRG_RXBUF);
	for (uint16_t q = 0; q < d->vdev->nqueues; q = (uint16_t)(q + 2))
		oracle_given_back(o, q, merge ? 12 : 26);
}

static void reception_failed(struct oracle *o, const void *io)
{
	const struct net_req *r = io;
	for (uint16_t i = 0; r->io.type == NET_IO_RX && i < r->ntoks; i++)
		oracle_chain_failed(o, r->queue, r->tok[i].id);
}

/* The driver may be told of that. */
static bool configures(const struct op *op)
{
	return op->code == OP_RESIZE || op->code == OP_LINK || op->code == OP_ANNOUNCE;
}

/* -- making them ------------------------------------------------------------------------------------------ */

static struct oracle *make_oracle(struct twin_device *d)
{
	struct oracle_config c = {
		.nqueues = d->vdev->ops->nqueues, .report = replay_violation, .owes = owes, .ctx = d};
	c.status_byte = d->head->id == VIRTIO_ID_BLOCK;
	c.status = &d->vdev->status;
	memcpy(c.queue_size_max, d->vdev->ops->queue_size_max, sizeof(c.queue_size_max));
	return oracle_create(&c);
}

bool replay_judge(struct replay *r)
{
	r->judge = calloc(1, sizeof(*r->judge));
	for (uint32_t i = 0; r->judge && i < r->twin.ndevices; i++) {
		r->judge->of[i].oracle = make_oracle(&r->twin.device[i]);
		if (!r->judge->of[i].oracle)
			return false;
		struct twin_device *d = &r->twin.device[i];
		oracle_status_init(&r->judge->of[i].status, r->judge->of[i].oracle, &d->mmio, d->vdev);
		oracle_status_restart(&r->judge->of[i].status);
	}
	return r->judge;
}

void judge_free(struct replay *r)
{
	for (uint32_t i = 0; r->judge && i < r->twin.ndevices; i++)
		if (r->judge->of[i].oracle)
			oracle_destroy(r->judge->of[i].oracle);
	free(r->judge);
	r->judge = NULL;
}

/* NULL: nobody judges. What follows a divergence means nothing. */
static struct oracle *oracle_of(const struct replay *r, const struct twin_device *d)
{
	return r->judge && !r->diverged && !r->judge->of[d->nr].blind ? r->judge->of[d->nr].oracle : NULL;
}

void judge_restored(struct replay *r, struct twin_device *d)
{
	if (r->judge)
		r->judge->of[d->nr].blind = true;
}

/* From here on it is as a fresh one, and so are its oracles, which have heard of nothing yet. */
static void open_eyes(struct replay *r, const struct twin_device *d, const struct op *op)
{
	if (op->code != OP_WRITE || op->arg[0] != VIRTIO_MMIO_STATUS || op->arg[1] != 4 ||
	    (uint32_t)op->arg[2])
		return;
	r->judge->of[d->nr].blind = false;
	oracle_status_restart(&r->judge->of[d->nr].status);
}

void judge_begins(struct replay *r, struct twin_device *d, const struct op *op)
{
	struct oracle *o = oracle_of(r, d);
	if (!o || op->code == OP_READ)
		return;
	if (op->code == OP_WRITE) {
		oracle_write_begins(o, d->vdev, op->arg[0], (uint32_t)op->arg[1], op->arg[2]);
		oracle_status_write_begins(&r->judge->of[d->nr].status, op->arg[0], (uint32_t)op->arg[1],
					   op->arg[2]);
	}
	if (op->code == OP_RUN && op->arg[0] < d->vdev->nqueues)
		oracle_runs(o, (uint16_t)op->arg[0]);
	oracle_enter(o);
	if (op->code == OP_RESIZE)
		oracle_config_changes(o);
	if (configures(op))
		r->judge->of[d->nr].status.config_event = true;
}

void judge_ends(struct replay *r, struct twin_device *d, const struct op *op)
{
	struct oracle *o = oracle_of(r, d);
	struct oracle_status *s = o ? &r->judge->of[d->nr].status : NULL;
	if (r->judge && r->judge->of[d->nr].blind)
		open_eyes(r, d, op);
	if (!o)
		return;
	if (op->code == OP_READ) {
		oracle_status_read(s, op->arg[0], (uint32_t)op->arg[1], op->arg[2]);
		return;
	}
	oracle_leave(o);
	if (op->code != OP_WRITE) {
		oracle_status_leave(s);
		return;
	}
	oracle_write_ends(o, d->vdev, op->arg[0], (uint32_t)op->arg[1], op->arg[2]);
	oracle_status_write_ends(s, op->arg[0], (uint32_t)op->arg[1], op->arg[2]);
}

void judge_memory(struct replay *r, struct twin_device *d, enum vmem_kind kind, enum vmem_for what, gpa_t a,
		  uint32_t n, const void *data)
{
	struct oracle *o = oracle_of(r, d);
	struct oracle_status *s = o ? &r->judge->of[d->nr].status : NULL;
	if (!o)
		return;
	if (!s->open)
		oracle_status_touch(s, what);
	if (kind == VMEM_LOAD) {
		oracle_load(o, what, a, n, data);
		return;
	}
	if (what == VMEM_USED_IDX || what == VMEM_USED_ENTRY)
		s->used_stored = true;
	oracle_store(o, what, a, n, data);
}

/* No trace holds it: it is the device's own, as it works. */
void judge_fence(struct replay *r, struct twin_device *d)
{
	struct oracle *o = oracle_of(r, d);
	if (o)
		oracle_fence(o);
}

/* A pin has no name in a trace. Requests may lend the same range and be completed in any order, so it is told
 * by whose it is. */
void judge_submit(struct replay *r, struct twin_device *d, uint64_t request)
{
	for (uint32_t i = 0; oracle_of(r, d) && i < ORACLE_PINS_MAX; i++)
		if (r->judge->of[d->nr].pin[i].request == NOT_YET)
			r->judge->of[d->nr].pin[i].request = request;
}

void judge_done(struct replay *r, struct twin_device *d, uint64_t request, uint64_t result)
{
	struct oracle *o = oracle_of(r, d);
	if (!o)
		return;
	r->judge->of[d->nr].done = request;
	if (is_net(d) && result == NET_FAILED && request < NET_INFLIGHT_MAX && d->io[request])
		reception_failed(o, d->io[request]);
}

void judge_tell(struct replay *r, struct twin_device *d, const struct op *op)
{
	struct oracle *o = oracle_of(r, d);
	if (o && is_net(d) && op->code == OP_ANSWER && op->arg[0] != NET_TAKEN)
		give_back(o, d);
}

void judge_pin(struct replay *r, struct twin_device *d, enum vmem_kind kind, gpa_t a, uint32_t n)
{
	struct oracle *o = oracle_of(r, d);
	for (uint32_t i = 0; o && i < ORACLE_PINS_MAX; i++) {
		struct judge_pin *p = &r->judge->of[d->nr].pin[i];
		if (p->live)
			continue;
		*p = (struct judge_pin){.addr = a.v, .n = n, .kind = kind, .live = true, .request = NOT_YET};
		oracle_pin(o, i, kind, a, n);
		return;
	}
}

void judge_refused(struct replay *r, struct twin_device *d)
{
	struct oracle *o = oracle_of(r, d);
	if (o)
		oracle_pin_refused(o);
}

void judge_unpin(struct replay *r, struct twin_device *d, enum vmem_kind kind, gpa_t a, uint32_t n,
		 uint32_t stored)
{
	struct oracle *o = oracle_of(r, d);
	for (uint32_t i = 0; o && i < ORACLE_PINS_MAX; i++) {
		struct judge_pin *p = &r->judge->of[d->nr].pin[i];
		if (!p->live || p->addr != a.v || p->n != n || p->kind != kind ||
		    (p->request != NOT_YET && p->request != r->judge->of[d->nr].done))
			continue;
		p->live = false;
		oracle_unpin(o, i, stored);
		return;
	}
}

void judge_interrupt(struct replay *r, struct twin_device *d, uint16_t source)
{
	struct oracle *o = oracle_of(r, d);
	if (o)
		oracle_interrupt(o, source);
	if (o)
		oracle_status_interrupt(&r->judge->of[d->nr].status, source);
}

void judge_again(struct replay *r, struct twin_device *d, uint16_t queue)
{
	struct oracle *o = oracle_of(r, d);
	if (o)
		oracle_again(o, queue);
}
