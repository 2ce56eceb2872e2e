// SPDX-License-Identifier: BSD-2-Clause
/* The backend's side of a program: requests wait until the trace completes them, and get the bytes that it
 * holds. */
#include <string.h>
#include "guest_type.h"

/* -- the taps: the recorder's, one step behind the trace ------------------------------------------------ */

/* Guest's stores that the trace has here were another processor's: nobody but us can make them now. */
static void make_stores(struct guest_dev *d)
{
	struct vmem quiet; /* without taps */
	const struct op *op;

	guest_match(d->run);
	vmem_init(&quiet, &d->run->vmm->map);
	while ((op = guest_next(d->run)) && op->code == OP_POKE) {
		vmem_write(&quiet, VMEM_PAYLOAD, gpa(op->arg[0]), op->data, op->len);
		guest_tell(d->run, op);
		d->run->count.races++;
		d->run->at++;
	}
}

static void before(void *ctx, enum vmem_kind kind, enum vmem_for what, gpa_t a, uint32_t n)
{
	(void)what;
	(void)a;
	(void)n;
	if (kind == VMEM_LOAD)
		make_stores(ctx);
}

static void after(void *ctx, enum vmem_kind kind, enum vmem_for what, gpa_t a, uint32_t n, const void *data)
{
	struct guest_dev *d = ctx;

	recorder_tap.after(&d->dev->rec, kind, what, a, n, data);
}

/* Whether there was room for a copy is the trace's to say: ours is larger than the simulator's. */
static void *pin(void *ctx, enum vmem_kind kind, gpa_t a, uint32_t n, void *host)
{
	struct guest_dev *d = ctx;
	struct recorder_dev *rec = &d->dev->rec;
	struct arena *arena = rec->arena, none = {.block_len = RECORD_ARENA_BLOCK};
	const struct op *want;
	void *lent;

	make_stores(d);
	want = guest_next(d->run);
	if (want && want->code == OP_PIN && !want->arg[3])
		rec->arena = &none;
	lent = recorder_tap.pin(rec, kind, a, n, host);
	rec->arena = arena;
	return lent;
}

static void unpin(void *ctx, enum vmem_kind kind, gpa_t a, uint32_t n, void *host, void *lent,
		  uint32_t stored)
{
	struct guest_dev *d = ctx;

	recorder_tap.unpin(&d->dev->rec, kind, a, n, host, lent, stored);
}

static void unpinned(void *ctx, void *lent, uint32_t n)
{
	struct guest_dev *d = ctx;

	recorder_tap.unpinned(&d->dev->rec, lent, n);
}

const struct vmem_tap guest_tap = {
	.before = before, .after = after, .pin = pin, .unpin = unpin, .unpinned = unpinned};

/* -- completions ---------------------------------------------------------------------------------------- */

void guest_fill(struct guest_dev *d, const struct vspan *span, uint32_t nspans)
{
	uint32_t at = d->run->at;
	const struct op *op;

	for (uint32_t i = 0; i < nspans && (op = guest_next_unpin(d->run, d->dev->rec.dev, &at)); i++)
		if (op->len)
			memcpy(span[i].base, op->data, op->len < span[i].len ? op->len : span[i].len);
}

bool guest_back_done(struct guest_dev *d, const struct op *done)
{
	uint64_t id = done->arg[0];
	void *io = id < BLK_INFLIGHT_MAX ? d->io[id] : NULL;
	bool delivers = guest_next(d->run) && guest_next(d->run)->code == OP_PAYLOAD;

	if (!io)
		return false;
	d->io[id] = NULL;
	d->inflight--;
	if (d->type->done(d, io, done, delivers))
		return true;
	d->io[id] = io;
	d->inflight++;
	return false;
}

/* The completion that comes next, whether a payload stands ahead of it or not; NULL: something else does. */
static const struct op *next_done(const struct guest_run *g)
{
	uint32_t at = g->at;

	if (g->diverged)
		return NULL;
	if (at < g->trace.nops && g->trace.ops[at].code == OP_PAYLOAD)
		at++;
	return at < g->trace.nops && g->trace.ops[at].code == OP_DONE ? &g->trace.ops[at] : NULL;
}

/* Those that came inside submit or drain. */
static void nested(struct guest_dev *d)
{
	const struct op *done;

	for (guest_match(d->run); (done = next_done(d->run)); guest_match(d->run)) {
		if (!done->arg[3] || done->dev != d->dev->rec.dev)
			return;
		if (!guest_back_done(d, done))
			guest_diverge(d->run, NULL);
	}
}

void guest_submit(struct guest_dev *d, uint16_t id, void *io)
{
	d->io[id] = io;
	d->inflight++;
	nested(d);
}

static void lose(struct guest_dev *d, uint64_t id)
{
	const struct op lost = {.code = OP_DONE, .arg = {id, d->type->lost}};

	guest_diverge(d->run, NULL);
	guest_back_done(d, &lost);
}

/* Whatever the trace says. */
void guest_drain_some(struct guest_dev *d, bool (*is_one)(const void *io, uint16_t of), uint16_t of)
{
	nested(d);
	for (uint64_t id = 0; d->inflight && id < BLK_INFLIGHT_MAX; id++)
		if (d->io[id] && (!is_one || is_one(d->io[id], of)))
			lose(d, id);
}

void guest_drain(void *ctx)
{
	guest_drain_some(ctx, NULL, 0);
}

int guest_back_init(struct guest_dev *d)
{
	d->type = guest_type_of(d->dev);
	if (!d->type)
		return -1;
	d->type->join(d);
	vmem_set_tap(&d->dev->mem, &guest_tap, d);
	return 0;
}
