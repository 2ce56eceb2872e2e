// SPDX-License-Identifier: BSD-2-Clause
#include "hash.h"
#include "replay.h"
#include "tracemem.h"

#define OP_PIN_ARGS   3u /* fields that are compared: whether it was granted, and what of, is an input */
#define OP_UNPIN_ARGS 5u

static struct replay *replay_of(struct twin_device *d)
{
	return d->twin->owner;
}

/* -- the trace, one op ahead ----------------------------------------------------------------------------- */

/* Where the recording tells of a violation, it ends. */
static void look_ahead(struct replay *r)
{
	r->have_next = trace_next(r->trace, &r->next);
	if (!r->have_next || r->next.code != OP_VIOLATION || r->violated || r->diverged)
		return;
	r->marked = true;
	mark_get(&r->next, &r->mark);
	replay_violation(&r->twin.device[r->next.dev], &r->mark.violation);
}

static void advance(struct replay *r)
{
	r->count.events++;
	look_ahead(r);
}

void replay_leave(struct replay *r)
{
	if (r->running)
		longjmp(r->out, 1);
}

static void keep_did(struct replay *r, const struct op *did)
{
	r->did = *did;
	r->did_len = did->len;
	r->did.len = did->len < sizeof(r->did_data) ? did->len : (uint32_t)sizeof(r->did_data);
	r->did.data = r->did_data;
	if (did->len)
		memcpy(r->did_data, did->data, r->did.len);
}

static void diverge(struct replay *r, const struct op *did)
{
	if (r->diverged || r->violated)
		return;
	r->diverged = true;
	r->at = r->count.events + 1;
	r->trace_says = r->have_next;
	r->says = r->next;
	r->device_did = did != NULL;
	if (did)
		keep_did(r, did);
	replay_leave(r);
}

/* The device does something: it must be what the trace says. nargs: how many of its fields are compared. */
static bool expect(struct replay *r, const struct op *did, uint32_t nargs)
{
	const struct op *want = &r->next;
	if (r->diverged)
		return false;
	bool same = r->have_next && want->code == did->code && want->dev == did->dev && want->len == did->len;
	for (uint32_t i = 0; same && i < nargs; i++)
		same = want->arg[i] == did->arg[i];
	if (!same || (did->len && memcmp(want->data, did->data, did->len) != 0)) {
		diverge(r, did);
		return false;
	}
	r->output_hash = hash_u64(r->output_hash, (uint64_t)did->code << 8 | did->dev);
	for (uint32_t i = 0; i < nargs; i++)
		r->output_hash = hash_u64(r->output_hash, did->arg[i]);
	if (did->len)
		r->output_hash = hash_bytes(r->output_hash, did->data, did->len);
	return true;
}

/* -- doors out: memory ----------------------------------------------------------------------------------- */

/* What the guest stored. Where that is no memory nothing is stored. */
static void take_poke(struct replay *r, struct twin_device *d)
{
	const struct op *op = &r->next;
	if (vmem_covers(&d->mem, gpa(op->arg[0]), op->len))
		tracemem_put(&r->twin.map, gpa(op->arg[0]), op->data, op->len);
	r->count.inputs++;
	advance(r);
}

/* In the middle of a device's work they are another processor's, and stand ahead of the load that saw them.
 */
static void take_pokes(struct replay *r, struct twin_device *d)
{
	while (!r->diverged && r->have_next && r->next.code == OP_POKE)
		take_poke(r, d);
}

static void before(void *ctx, enum vmem_kind kind, enum vmem_for what, gpa_t a, uint32_t n)
{
	struct twin_device *d = ctx;
	struct replay *r = replay_of(d);
	const struct op *want = &r->next;
	if (kind != VMEM_LOAD || r->diverged)
		return;
	take_pokes(r, d);
	struct op did = {.code = OP_LOAD, .dev = d->nr, .arg = {what, a.v}, .len = n};
	if (!r->have_next || want->code != OP_LOAD || want->dev != d->nr || want->arg[0] != what ||
	    want->arg[1] != a.v || want->len != n) {
		did.len = 0; /* it has loaded nothing yet */
		diverge(r, &did);
		return;
	}
	tracemem_put(&r->twin.map, a, want->data, n);
	r->count.loads++;
	advance(r);
}

static void after(void *ctx, enum vmem_kind kind, enum vmem_for what, gpa_t a, uint32_t n, const void *data)
{
	struct twin_device *d = ctx;
	struct op did = {.code = OP_STORE, .dev = d->nr, .arg = {what, a.v}, .len = n, .data = data};
	if (kind == VMEM_STORE && expect(replay_of(d), &did, 2))
		advance(replay_of(d));
	judge_memory(replay_of(d), d, kind, what, a, n, data);
}

/*
 * Pins and unpins: their payload is the backend's, so the bytes come from the trace (with full payload), and
 * the hash that an unpin must show is the one that came with the completion (OP_PAYLOAD). Bytes must fit that
 * hash.
 */
static bool expect_payload(struct replay *r, struct op *did, uint32_t nargs, void *host, uint32_t n)
{
	const struct op *want = &r->next;
	bool bytes = r->have_next && want->code == did->code && want->len;
	if (bytes && want->len <= n) {
		memcpy(host, want->data, want->len);
		if (nargs == OP_UNPIN_ARGS && hash_bytes(HASH_SEED, want->data, want->len) != did->arg[4]) {
			diverge(r, did);
			return false;
		}
		did->data = want->data;
		did->len = want->len;
	}
	return expect(r, did, nargs);
}

/* Lends guest memory itself: a payload is touched by nobody else here. */
static void *pin(void *ctx, enum vmem_kind kind, gpa_t a, uint32_t n, void *host)
{
	struct twin_device *d = ctx;
	struct replay *r = replay_of(d);
	struct op did = {.code = OP_PIN, .dev = d->nr, .arg = {kind, a.v, n, 1}};
	take_pokes(r, d);
	if (!expect_payload(r, &did, OP_PIN_ARGS, host, n))
		return NULL;
	bool granted = r->next.arg[3];
	advance(r);
	if (granted)
		judge_pin(r, d, kind, a, n);
	else
		judge_refused(r, d);
	return granted ? host : NULL;
}

static void unpin(void *ctx, enum vmem_kind kind, gpa_t a, uint32_t n, void *host, void *lent,
		  uint32_t stored)
{
	struct twin_device *d = ctx;
	struct replay *r = replay_of(d);
	struct op did = {.code = OP_UNPIN, .dev = d->nr, .arg = {kind, a.v, n, stored}};
	(void)lent;
	did.arg[4] = stored && d->next_hash < d->nhashes ? d->hash[d->next_hash++] : 0;
	if (expect_payload(r, &did, OP_UNPIN_ARGS, host, n))
		advance(r);
	judge_unpin(r, d, kind, a, n, stored);
}

static void fence(void *ctx)
{
	struct twin_device *d = ctx;
	judge_fence(replay_of(d), d);
}

/* -- doors out: the rest --------------------------------------------------------------------------------- */

static void expect_simple(struct twin_device *d, uint8_t code, uint64_t arg)
{
	struct op did = {.code = code, .dev = d->nr, .arg = {arg}};
	if (expect(replay_of(d), &did, 1))
		advance(replay_of(d));
}

static void interrupt(void *ctx, uint16_t source)
{
	struct twin_device *d = ctx;
	replay_of(d)->count.interrupts++;
	expect_simple(d, OP_IRQ, source);
	judge_interrupt(replay_of(d), d, source);
}

static void again(void *ctx, uint16_t queue)
{
	struct twin_device *d = ctx;
	expect_simple(d, OP_AGAIN, queue); /* the run that follows stands in the trace */
	judge_again(replay_of(d), d, queue);
}

static void offence(void *ctx, enum offence o)
{
	expect_simple(ctx, OP_OFFENCE, o);
}

static uint64_t clock_ns(void *ctx)
{
	(void)ctx;
	return 0;
}

/* What the completion that follows delivers. */
static void take_payload(struct twin_device *d)
{
	struct replay *r = replay_of(d);
	if (!r->have_next || r->next.code != OP_PAYLOAD || r->next.dev != d->nr)
		return;
	d->next_hash = 0;
	d->nhashes = r->next.len / (uint32_t)sizeof(d->hash[0]);
	if (d->nhashes > BLK_SPANS_MAX)
		d->nhashes = BLK_SPANS_MAX;
	memcpy(d->hash, r->next.data, d->nhashes * sizeof(d->hash[0]));
	advance(r);
}

/* A completion that was recorded inside submit or drain comes now; nested ones have no input of their own. */
static void deliver_nested(struct twin_device *d)
{
	struct replay *r = replay_of(d);
	for (;;) {
		if (!r->diverged)
			take_payload(d);
		struct op done = r->next;
		if (r->diverged || !r->have_next || done.code != OP_DONE || done.dev != d->nr || !done.arg[3])
			return;
		advance(r);
		r->count.inputs++;
		judge_done(r, d, done.arg[0], done.arg[1]);
		if (!twin_done(d, done.arg[0], done.arg[1], done.arg[2]))
			diverge(r, NULL);
	}
}

static void submit(struct twin_device *d, const struct op *op)
{
	judge_submit(replay_of(d), d, op->arg[0]);
	if (expect(replay_of(d), op, OP_ARGS_MAX)) {
		advance(replay_of(d));
		deliver_nested(d);
	}
}

/* Whatever the trace says, drain leaves nothing in flight. */
static void drain(struct twin_device *d)
{
	struct replay *r = replay_of(d);
	expect_simple(d, OP_DRAIN, 0);
	deliver_nested(d);
	for (uint64_t id = 0; d->ninflight && id < BLK_INFLIGHT_MAX; id++) {
		if (!twin_drains(d, id))
			continue;
		diverge(r, NULL);
		twin_done(d, id, d->type->lost, 0);
	}
	expect_simple(d, OP_DRAINED, 0);
}

static void tell(struct twin_device *d, const struct op *op)
{
	if (expect(replay_of(d), op, OP_ARGS_MAX))
		advance(replay_of(d));
	judge_tell(replay_of(d), d, op);
}

static const struct twin_doors doors = {
	.host = {interrupt, again, clock_ns, offence},
	.tap = {.before = before, .after = after, .pin = pin, .unpin = unpin, .fence = fence},
	.submit = submit,
	.drain = drain,
	.tell = tell,
};

/* -- doors in -------------------------------------------------------------------------------------------- */

static bool read_matches(struct twin_device *d, const struct op *op)
{
	struct op did = *op;
	did.arg[2] = mmio_read(&d->mmio, op->arg[0], (uint32_t)op->arg[1]);
	if (did.arg[2] == op->arg[2])
		return true;
	replay_of(d)->next = *op; /* report the read itself, not what follows it */
	replay_of(d)->have_next = true;
	replay_of(d)->count.events--;
	diverge(replay_of(d), &did);
	return false;
}

/* Gives one input to its device; false: the trace holds something that is no input, or can not be given. */
static bool give(struct twin_device *d, const struct op *op)
{
	switch (op->code) {
	case OP_READ:
		return read_matches(d, op);
	case OP_WRITE:
		mmio_write(&d->mmio, op->arg[0], (uint32_t)op->arg[1], op->arg[2]);
		return true;
	case OP_RUN:
		vdev_run(d->vdev, op->arg[0] < VDEV_QUEUES_MAX ? (uint16_t)op->arg[0] : VDEV_QUEUES_MAX);
		return true;
	case OP_DONE:
		judge_done(replay_of(d), d, op->arg[0], op->arg[1]);
		return twin_done(d, op->arg[0], op->arg[1], op->arg[2]);
	case OP_FLUSHED:
		twin_publish(d);
		return true;
	default:
		return twin_input(d, op);
	}
}

/* The device goes on from saved bytes. What it asks for then stands in the trace, as after any input. */
static void restore(struct replay *r, struct twin_device *d)
{
	if (!mmio_load(&d->mmio, r->next.data, r->next.len)) {
		r->refused = true;
		r->refused_dev = d->nr;
		return;
	}
	judge_restored(r, d);
	advance(r);
	r->count.inputs++;
	vdev_resume(d->vdev);
}

__attribute__((noinline)) void replay_step(struct replay *r)
{
	struct op op = r->next;
	r->step_at = r->count.events;
	if (op.dev >= r->twin.ndevices) {
		diverge(r, NULL);
		return;
	}
	struct twin_device *d = &r->twin.device[op.dev];
	if (op.code == OP_STATE) {
		expect_simple(d, OP_STATE, mmio_hash(&d->mmio));
		return;
	}
	if (op.code == OP_PAYLOAD) {
		take_payload(d);
		return;
	}
	if (op.code == OP_POKE) {
		take_poke(r, d);
		return;
	}
	if (op.code == OP_RESTORED) {
		restore(r, d);
		return;
	}
	if (op_info(op.code)->class != OP_CLASS_IN) {
		diverge(r, NULL); /* an output that the device did not make */
		return;
	}
	advance(r);
	r->count.inputs++;
	judge_begins(r, d, &op);
	if (!give(d, &op))
		diverge(r, NULL);
	judge_ends(r, d, &op);
}

bool replay_create(struct replay *r, struct trace_reader *trace, char *err, size_t max)
{
	memset(r, 0, sizeof(*r));
	r->trace = trace;
	r->output_hash = HASH_SEED;
	r->twin.owner = r;
	bool ok = twin_create(&r->twin, &trace->head, &doors, err, max);
	r->twin.owner = r;
	if (ok)
		look_ahead(r);
	return ok;
}

void replay_run(struct replay *r)
{
	if (setjmp(r->out)) {
		r->running = false;
		return;
	}
	r->running = true;
	while (r->have_next && !r->diverged && !r->violated && !r->refused)
		replay_step(r);
	r->running = false;
}

uint64_t replay_state_hash(const struct replay *r)
{
	uint64_t h = r->output_hash;
	for (uint32_t i = 0; i < r->twin.ndevices; i++)
		h = hash_u64(h, mmio_hash(&r->twin.device[i].mmio));
	return h;
}

void replay_destroy(struct replay *r)
{
	judge_free(r);
	twin_destroy(&r->twin);
}
