// SPDX-License-Identifier: BSD-2-Clause
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "replay.h"
#include "tracemem.h"

#define STEP_OPS_MAX  65536      /* ops that one input may have caused */
#define STEP_DATA_MAX (8u << 20) /* bytes of their data */
#define REPORTS_MAX   20

/* What the guest can see of a device; order within a step does not count, so the sums commute. */
struct outcome {
	uint64_t used, status, stores, reads;
	uint64_t told; /* to the backend, in order */
	uint64_t nused, ninterrupts, noffences;
};

struct loose_device {
	struct outcome did, said, said_before; /* before: the step under way */
	int32_t ours[BLK_INFLIGHT_MAX];        /* recorded id -> our id, or -1 */
};

struct loose {
	struct twin twin;
	struct trace_reader *trace;
	struct replay_counts *count;
	struct op *ops; /* of the step */
	bool *taken;
	uint32_t nops, next_load;
	uint8_t *data;
	uint32_t data_len;
	struct op ahead; /* the input of the next step, its data not kept */
	uint8_t ahead_data[STATE_LEN_MAX], input_data[STATE_LEN_MAX];
	bool have_ahead;
	bool refused; /* a saved state */
	uint64_t differences;
	struct loose_device device[OP_DEV_MAX];
};

static struct loose *loose_of(struct twin_device *d)
{
	return d->twin->owner;
}

static void differ(struct loose *l, uint8_t dev, const char *what, uint64_t did, uint64_t said)
{
	if (l->differences++ < REPORTS_MAX)
		printf("  before op %" PRIu64 ", device %u: %s: the device 0x%" PRIx64
		       ", the trace 0x%" PRIx64 "\n",
		       l->trace->nops, dev, what, did, said);
}

/* -- memory: the step's loads are a pool ----------------------------------------------------------------- */

/* The next recorded load of the same place that was not taken yet. Changed code that loads other sizes reads
 * what lies there. */
static void before(void *ctx, enum vmem_kind kind, enum vmem_for what, gpa_t a, uint32_t n)
{
	struct twin_device *d = ctx;
	struct loose *l = loose_of(d);
	(void)what;
	if (kind != VMEM_LOAD)
		return;
	l->count->loads++;
	for (uint32_t k = 0; k < l->nops; k++) {
		uint32_t i = (l->next_load + k) % l->nops;
		const struct op *op = &l->ops[i];
		if (op->code != OP_LOAD || op->dev != d->nr || l->taken[i] || op->arg[1] != a.v ||
		    op->len != n)
			continue;
		l->taken[i] = true;
		l->next_load = i + 1;
		tracemem_put(&l->twin.map, a, op->data, n);
		return;
	}
}

/*
 * Which slot does not count: completions may come in any order. In a packed ring flags do not either: those
 * of the first entry of a batch are stored by themselves. What IN_ORDER puts into one entry is the device's
 * own business; whether all was answered the status bytes tell.
 */
static void add_used(struct outcome *o, const struct vdev *d, const void *data, uint32_t n)
{
	if (vdev_has(d, VIRTIO_F_IN_ORDER))
		return;
	o->used += hash_bytes(HASH_SEED, data, vdev_has(d, VIRTIO_F_RING_PACKED) && n > 6 ? 6 : n);
	o->nused++;
}

static void add_store(struct outcome *o, const struct vdev *d, const struct op *op)
{
	uint64_t what = op->arg[0];
	uint64_t h = hash_bytes(hash_u64(hash_u64(HASH_SEED, what), op->arg[1]), op->data, op->len);
	if (what == VMEM_USED_ENTRY) {
		add_used(o, d, op->data, op->len);
	} else if (what == VMEM_STATUS) {
		o->status += h;
	} else if (what == VMEM_PAYLOAD || what == VMEM_HEADER) {
		o->stores += h;
	} /* indices and suppression: how they are batched is the device's own business */
}

static void after(void *ctx, enum vmem_kind kind, enum vmem_for what, gpa_t a, uint32_t n, const void *data)
{
	struct twin_device *d = ctx;
	struct op op = {.code = OP_STORE, .len = n, .arg = {what, a.v}, .data = data};
	if (kind == VMEM_STORE)
		add_store(&loose_of(d)->device[d->nr].did, d->vdev, &op);
}

static void interrupt(void *ctx, uint16_t source)
{
	struct twin_device *d = ctx;
	(void)source;
	loose_of(d)->device[d->nr].did.ninterrupts++;
	loose_of(d)->count->interrupts++;
}

static void again(void *ctx, uint16_t queue)
{
	(void)ctx;
	(void)queue;
}

static void offence(void *ctx, enum offence o)
{
	struct twin_device *d = ctx;
	(void)o;
	loose_of(d)->device[d->nr].did.noffences++;
}

static uint64_t clock_ns(void *ctx)
{
	(void)ctx;
	return 0;
}

/* -- requests: matched by what they ask, ids may differ -------------------------------------------------- */

static bool same_request(const struct op *a, const struct op *b)
{
	return a->arg[1] == b->arg[1] && a->arg[2] == b->arg[2] && a->arg[3] == b->arg[3] &&
	       a->arg[4] == b->arg[4] && a->len == b->len && (!a->len || !memcmp(a->data, b->data, a->len));
}

static void done(struct loose *l, struct twin_device *d, const struct op *op)
{
	struct loose_device *x = &l->device[d->nr];
	int32_t id = op->arg[0] < BLK_INFLIGHT_MAX ? x->ours[op->arg[0]] : -1;
	if (id < 0 || !twin_done(d, (uint64_t)id, op->arg[1], op->arg[2]))
		differ(l, d->nr, "no request to complete, recorded id", 0, op->arg[0]);
	else
		x->ours[op->arg[0]] = -1;
}

/* A backend that answered inside submit does so again. */
static void done_at_once(struct loose *l, struct twin_device *d, uint32_t submitted)
{
	uint32_t i = submitted + 1;
	while (i < l->nops && l->ops[i].code == OP_PAYLOAD) /* what it delivers stands before it */
		i++;
	const struct op *op = &l->ops[i];
	if (i < l->nops && op->code == OP_DONE && op->dev == d->nr &&
	    op->arg[0] == l->ops[submitted].arg[0]) {
		l->taken[i] = true;
		done(l, d, op);
	}
}

/* Finds, for a request that the device makes now, the recorded one of this step. */
static void submit(struct twin_device *d, const struct op *op)
{
	struct loose *l = loose_of(d);
	struct loose_device *x = &l->device[d->nr];
	for (uint32_t i = 0; i < l->nops; i++) {
		const struct op *said = &l->ops[i];
		bool fits = said->code == OP_SUBMIT && said->dev == d->nr && !l->taken[i] &&
			    said->arg[0] < BLK_INFLIGHT_MAX;
		if (!fits || !same_request(said, op))
			continue;
		l->taken[i] = true;
		x->ours[said->arg[0]] = (int32_t)op->arg[0];
		done_at_once(l, d, i);
		return;
	}
	differ(l, d->nr, "a request that the guest did not make (type)", op->arg[1], 0);
}

/* What is in flight no more is not matched again. */
static void forget_drained(struct twin_device *d)
{
	int32_t *ours = loose_of(d)->device[d->nr].ours;
	for (uint32_t i = 0; i < BLK_INFLIGHT_MAX; i++)
		if (ours[i] >= 0 && !d->io[ours[i]])
			ours[i] = -1;
}

/* With the recorded answers of this step first: what another queue has in flight reaches the guest. */
static void drain(struct twin_device *d)
{
	struct loose *l = loose_of(d);
	for (uint32_t i = 0; i < l->nops; i++) {
		const struct op *op = &l->ops[i];
		if (op->code != OP_DONE || op->dev != d->nr || l->taken[i] ||
		    op->arg[0] >= BLK_INFLIGHT_MAX || l->device[d->nr].ours[op->arg[0]] < 0)
			continue;
		l->taken[i] = true;
		done(l, d, op);
	}
	for (uint64_t id = 0; d->ninflight && id < BLK_INFLIGHT_MAX; id++)
		if (twin_drains(d, id))
			twin_done(d, id, d->type->lost, 0);
	forget_drained(d);
}

/* When room was there again, and how much, is the device's own business. */
static void add_told(struct outcome *o, const struct op *op)
{
	if (op->code != OP_OPENED && op->code != OP_EMERGENCY && op->code != OP_TUNE)
		return;
	o->told = hash_u64(hash_u64(o->told, op->code), op->arg[0] << 1 | op->arg[1]);
	if (op->code == OP_TUNE)
		o->told = hash_u64(o->told, op->arg[1] << 1 | op->arg[2]);
}

/* What the device tells its backend: in that order, whatever else happens. */
static void tell(struct twin_device *d, const struct op *op)
{
	add_told(&loose_of(d)->device[d->nr].did, op);
}

static const struct twin_doors doors = {
	.host = {interrupt, again, clock_ns, offence},
	.tap = {.before = before, .after = after},
	.submit = submit,
	.drain = drain,
	.tell = tell,
};

/* -- steps ----------------------------------------------------------------------------------------------- */

/* An input that is not nested in another one's handling. */
static bool begins_step(const struct op *op)
{
	return op->code == OP_RESTORED || (op_info(op->code)->class == OP_CLASS_IN && op->code != OP_POKE &&
					   !(op->code == OP_DONE && op->arg[3]));
}

static bool keep(struct loose *l, const struct op *op)
{
	if (l->nops == STEP_OPS_MAX || op->len > STEP_DATA_MAX - l->data_len)
		return false;
	l->taken[l->nops] = false;
	l->ops[l->nops] = *op;
	if (op->len)
		memcpy(l->data + l->data_len, op->data, op->len);
	l->ops[l->nops++].data = l->data + l->data_len;
	l->data_len += op->len;
	return true;
}

static void say(struct loose *l, const struct op *op)
{
	struct outcome *o = &l->device[op->dev].said;
	if (op->code == OP_STORE)
		add_store(o, l->twin.device[op->dev].vdev, op);
	add_told(o, op);
	o->ninterrupts += op->code == OP_IRQ;
	o->noffences += op->code == OP_OFFENCE;
}

static bool look_ahead(struct loose *l, const struct op *op)
{
	l->ahead = *op;
	l->have_ahead = true;
	if (op->len > sizeof(l->ahead_data))
		l->ahead.len = sizeof(l->ahead_data);
	if (op->len)
		memcpy(l->ahead_data, op->data, l->ahead.len);
	l->ahead.data = l->ahead_data;
	return true;
}

/* The recording was left in the midst of a step: as if that had not been. */
static void take_back(struct loose *l)
{
	for (uint32_t i = 0; i < OP_DEV_MAX; i++)
		l->device[i].said = l->device[i].said_before;
}

/* Reads one input and all that it caused. False: the trace is over, or (err) a step is too large. */
static bool read_step(struct loose *l, struct op *input, char *err, size_t max)
{
	struct op op;
	if (!l->have_ahead)
		return false;
	*input = l->ahead;
	memcpy(l->input_data, l->ahead_data, input->len);
	input->data = l->input_data;
	l->have_ahead = false;
	l->nops = l->data_len = l->next_load = 0;
	for (uint32_t i = 0; i < OP_DEV_MAX; i++)
		l->device[i].said_before = l->device[i].said;
	while (trace_next(l->trace, &op)) {
		l->count->events++;
		if (op.code == OP_VIOLATION) {
			take_back(l);
			return false;
		}
		if (begins_step(&op))
			return look_ahead(l, &op);
		if (op.code == OP_POKE) { /* what is loaded is put in place by itself: earlier does no harm */
			tracemem_put(&l->twin.map, gpa(op.arg[0]), op.data, op.len);
			continue;
		}
		if (!keep(l, &op)) {
			snprintf(err, max, "more than %u ops or %u bytes follow from one input", STEP_OPS_MAX,
				 STEP_DATA_MAX);
			return false;
		}
		say(l, &op);
	}
	return true;
}

/* Everything the step loads is put in place, the first value of each place last, so that it stands there
 * first. */
static void prepare(struct loose *l)
{
	for (uint32_t i = l->nops; i-- > 0;)
		if (l->ops[i].code == OP_LOAD)
			tracemem_put(&l->twin.map, gpa(l->ops[i].arg[1]), l->ops[i].data, l->ops[i].len);
}

static void give(struct loose *l, const struct op *op)
{
	struct twin_device *d = &l->twin.device[op->dev];
	uint64_t value;
	l->count->inputs++;
	switch (op->code) {
	case OP_READ:
		value = mmio_read(&d->mmio, op->arg[0], (uint32_t)op->arg[1]);
		if (value != op->arg[2])
			differ(l, op->dev, "register read", value, op->arg[2]);
		break;
	case OP_WRITE:
		mmio_write(&d->mmio, op->arg[0], (uint32_t)op->arg[1], op->arg[2]);
		break;
	case OP_RUN:
		vdev_run(d->vdev, op->arg[0] < VDEV_QUEUES_MAX ? (uint16_t)op->arg[0] : VDEV_QUEUES_MAX);
		break;
	case OP_DONE:
		done(l, d, op);
		break;
	case OP_FLUSHED:
		twin_publish(d);
		break;
	case OP_RESTORED:
		l->refused = !mmio_load(&d->mmio, op->data, op->len);
		if (!l->refused)
			vdev_resume(d->vdev);
		break;
	default:
		twin_input(d, op);
		break;
	}
}

/* Other nested completions are given after the step's input: the device may take them at any time. */
static void give_nested(struct loose *l)
{
	bool any = false;
	for (uint32_t i = 0; i < l->nops; i++) {
		const struct op *op = &l->ops[i];
		struct twin_device *d = &l->twin.device[op->dev];
		bool gone = op->arg[0] < BLK_INFLIGHT_MAX && l->device[op->dev].ours[op->arg[0]] < 0;
		if (op->code != OP_DONE || l->taken[i] || gone)
			continue; /* a drain has answered it already */
		done(l, d, op);
		any = true;
	}
	for (uint32_t i = 0; any && i < l->twin.ndevices; i++)
		twin_publish(&l->twin.device[i]);
}

/* Completions may move from one step to the next, so the sums are compared at the end. Fewer interrupts may
 * be suppression at work; none at all where there were some is a hang. */
static void compare(struct loose *l)
{
	for (uint32_t i = 0; i < l->twin.ndevices; i++) {
		const struct outcome *a = &l->device[i].did, *b = &l->device[i].said;
		uint8_t dev = (uint8_t)i;
		if (a->nused != b->nused)
			differ(l, dev, "used entries", a->nused, b->nused);
		else if (a->used != b->used)
			differ(l, dev, "ids and lengths of used entries (sum)", a->used, b->used);
		if (a->status != b->status)
			differ(l, dev, "status bytes (sum)", a->status, b->status);
		if (a->stores != b->stores)
			differ(l, dev, "bytes written by the device itself (sum)", a->stores, b->stores);
		if (a->told != b->told)
			differ(l, dev, "what the backend was told (sum)", a->told, b->told);
		if (b->ninterrupts && !a->ninterrupts)
			differ(l, dev, "interrupts", a->ninterrupts, b->ninterrupts);
		if (a->noffences != b->noffences)
			differ(l, dev, "offences", a->noffences, b->noffences);
	}
}

uint64_t loose_run(struct trace_reader *trace, struct replay_counts *count, char *err, size_t max)
{
	struct loose *l = calloc(1, sizeof(*l));
	struct op input, first;
	l->trace = trace;
	l->count = count;
	l->ops = calloc(STEP_OPS_MAX, sizeof(*l->ops));
	l->taken = calloc(STEP_OPS_MAX, 1);
	l->data = malloc(STEP_DATA_MAX);
	for (uint32_t i = 0; i < OP_DEV_MAX; i++)
		memset(l->device[i].ours, -1, sizeof(l->device[i].ours));
	if (twin_create(&l->twin, &trace->head, &doors, err, max)) {
		l->twin.owner = l;
		while (!l->have_ahead && trace_next(trace, &first)) {
			count->events++;
			if (begins_step(&first))
				look_ahead(l, &first);
			else if (first.code == OP_POKE)
				tracemem_put(&l->twin.map, gpa(first.arg[0]), first.data, first.len);
		}
		while (!l->refused && read_step(l, &input, err, max)) {
			prepare(l);
			give(l, &input);
			give_nested(l);
		}
		if (l->refused)
			snprintf(err, max, "the saved state of device %u " REPLAY_REFUSED, input.dev);
		else
			compare(l);
	}
	uint64_t differences = l->differences;
	twin_destroy(&l->twin);
	free(l->ops);
	free(l->taken);
	free(l->data);
	free(l);
	return differences;
}
