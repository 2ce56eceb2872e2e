// SPDX-License-Identifier: BSD-2-Clause
/* What happens to a device from the side while it works: the tap, races, and ops that wait for their moment.
 */
#include "judges.h"
#include "machine.h"
#include "written.h"

/* -- the tap --------------------------------------------------------------------------------------------- */

/* Flips bytes of guest memory between the check of a range and the load: the driver's other processor. */
static void run_races(struct sim_device *d, enum vmem_for what, gpa_t a)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < d->nraces; i++) {
		struct race *r = &d->race[i];
		uint64_t old;
		if (r->what != what || r->nth--) {
			d->race[kept++] = *r;
			continue;
		}
		if (ram_read(&d->machine->ram, gpa_add(a, r->at), &old, sizeof(old))) {
			old ^= r->value;
			ram_write(&d->machine->ram, gpa_add(a, r->at), &old, sizeof(old));
		}
	}
	d->nraces = kept;
}

static void watched_before(void *ctx, enum vmem_kind kind, enum vmem_for what, gpa_t a, uint32_t n)
{
	struct sim_device *d = ctx;
	(void)n;
	machine_point(d, kind == VMEM_LOAD ? POINT_BEFORE_LOAD : POINT_BEFORE_STORE, what);
	if (kind == VMEM_LOAD && d->nraces)
		run_races(d, what, a);
}

static void __attribute__((noinline))
record(struct sim_device *d, enum vmem_kind kind, enum vmem_for what, gpa_t a, uint32_t n, const void *data)
{
	if (kind == VMEM_LOAD)
		machine_record_guest(d); /* another processor's stores, which the load saw */
	recorder_tap.after(d->recorder, kind, what, a, n, data);
	if (kind == VMEM_STORE)
		guestlog_device_stored(d->machine->guestlog, a, n);
}

static void tap_after(void *ctx, enum vmem_kind kind, enum vmem_for what, gpa_t a, uint32_t n,
		      const void *data)
{
	struct sim_device *d = ctx;
	if (d->recorder)
		record(d, kind, what, a, n, data);
	if (kind == VMEM_LOAD) {
		judges_load(d->judges, what, n, data);
		oracle_load(d->oracle, what, a, n, data);
		return;
	}
	CHECK_WRITTEN(data, n);
	ram_touch(&d->machine->ram, a, n);
	judges_store(d->judges, what, a, data);
	oracle_store(d->oracle, what, a, n, data);
}

static void *tap_pin(void *ctx, enum vmem_kind kind, gpa_t a, uint32_t n, void *host)
{
	struct sim_device *d = ctx;
	struct lend *l = &d->machine->lend;
	void *lent = lend_get(l, n);
	if (lent && kind == VMEM_LOAD)
		memcpy(lent, host, n);
	if (d->recorder) {
		machine_record_guest(d);
		recorder_pin(d->recorder, kind, a, n, lent);
	}
	if (!lent) {
		judges_refused(d->judges);
		oracle_pin_refused(d->oracle);
		return NULL;
	}
	judges_touch(d->judges, VMEM_PAYLOAD);
	oracle_pin(d->oracle, lend_index(l, lent), kind, a, n);
	return lent;
}

static void tap_unpin(void *ctx, enum vmem_kind kind, gpa_t a, uint32_t n, void *host, void *lent,
		      uint32_t stored)
{
	struct sim_device *d = ctx;
	if (lent == host) /* from when nobody watched */
		return;
	if (d->recorder)
		recorder_tap.unpin(d->recorder, kind, a, n, host, lent, stored);
	d->unpin_at = a;
	d->unpin_stored = stored;
	oracle_unpin(d->oracle, lend_index(&d->machine->lend, lent), stored);
	judges_unpin(d->judges, stored);
	if (stored)
		ram_touch(&d->machine->ram, a, stored);
}

static void tap_unpinned(void *ctx, void *lent, uint32_t n)
{
	struct sim_device *d = ctx;
	if (!lend_owns(&d->machine->lend, lent))
		return;
	lend_put(&d->machine->lend, lent, n);
	if (d->recorder)
		guestlog_device_stored(d->machine->guestlog, d->unpin_at, d->unpin_stored);
}

static void watched_after(void *ctx, enum vmem_kind kind, enum vmem_for what, gpa_t a, uint32_t n,
			  const void *data)
{
	tap_after(ctx, kind, what, a, n, data);
	machine_point(ctx, kind == VMEM_LOAD ? POINT_AFTER_LOAD : POINT_AFTER_STORE, what);
}

static void *watched_pin(void *ctx, enum vmem_kind kind, gpa_t a, uint32_t n, void *host)
{
	if (kind == VMEM_LOAD)
		machine_point(ctx, POINT_BEFORE_LOAD, VMEM_PAYLOAD);
	return tap_pin(ctx, kind, a, n, host);
}

static void watched_unpin(void *ctx, enum vmem_kind kind, gpa_t a, uint32_t n, void *host, void *lent,
			  uint32_t stored)
{
	tap_unpin(ctx, kind, a, n, host, lent, stored);
	if (kind == VMEM_STORE)
		machine_point(ctx, POINT_BEFORE_STORE, VMEM_PAYLOAD);
}

static void tap_fence(void *ctx)
{
	const struct sim_device *d = ctx;
	oracle_fence(d->oracle);
}

static void watched_fence(void *ctx)
{
	tap_fence(ctx);
	machine_point(ctx, POINT_FENCE, WHEN_ANY);
}

/*
 * Without a race to run, or an op that waits, nobody needs to be asked before each access; and where nobody
 * judges or records either, the device has its memory to itself, as in a VMM. What it stores is then marked
 * by the driver, which knows what it gave away: so not where the program goes behind the driver's back
 * (wild).
 */
static const struct vmem_tap calm_tap = {
	.after = tap_after, .pin = tap_pin, .unpin = tap_unpin, .unpinned = tap_unpinned, .fence = tap_fence};
static const struct vmem_tap watched_tap = {.before = watched_before,
					    .after = watched_after,
					    .pin = watched_pin,
					    .unpin = watched_unpin,
					    .unpinned = tap_unpinned,
					    .fence = watched_fence};

void machine_choose_tap(struct sim_device *d)
{
	const struct vmem_tap *tap = &calm_tap;
	if (d->nraces || d->nwhens)
		tap = &watched_tap;
	else if (oracle_is_silent(d->oracle) && !d->recorder && !d->wild)
		tap = NULL;
	vmem_set_tap(&d->mem, tap, d);
}

void machine_set_wild(struct sim_device *d, bool wild)
{
	d->wild = wild;
	machine_choose_tap(d);
}

void machine_no_races(struct sim_device *d)
{
	d->nraces = d->nwhens = 0;
	machine_choose_tap(d);
}

bool machine_race(struct sim_device *d, const struct race *r)
{
	if (d->nraces == MACHINE_RACES_MAX)
		return true;
	d->race[d->nraces++] = *r;
	machine_choose_tap(d);
	return false;
}

/* -- ops inside of the device's work --------------------------------------------------------------------- */

static void keep(struct when *w, const struct op *op)
{
	w->op = *op;
	w->op.data = NULL;
	if (!op->len)
		return;
	memcpy(w->data, op->data, op->len);
	w->op.data = w->data;
}

bool machine_when(struct sim_device *d, const struct when *w, const struct op *op)
{
	if (d->nwhens == MACHINE_WHENS_MAX || op->len > sizeof(w->data))
		return true;
	struct when *mine = &d->when[d->nwhens++];
	mine->point = w->point;
	mine->what = w->what;
	mine->nth = w->nth;
	keep(mine, op);
	machine_choose_tap(d);
	return false;
}

static void move(struct when *to, const struct when *w)
{
	*to = *w;
	if (to->op.data)
		to->op.data = to->data;
}

/* The op may look at the list itself, so it leaves the list before it runs. */
static void fire(struct sim_device *d, uint32_t i)
{
	struct when w;
	move(&w, &d->when[i]);
	for (d->nwhens--; i < d->nwhens; i++)
		move(&d->when[i], &d->when[i + 1]);
	d->machine->nested(d->machine, &w.op);
}

void machine_point_slow(struct sim_device *d, enum point point, uint32_t what)
{
	for (uint32_t i = 0; i < d->nwhens;) {
		struct when *w = &d->when[i];
		bool here = w->point == point && (w->what == what || w->what == WHEN_ANY);
		if (here && w->nth-- == 0)
			fire(d, i);
		else
			i++;
	}
}

/* A register access, while the device works, waits for the device's lock. */
void machine_later(struct sim_device *d, const struct op *op)
{
	struct machine *m = d->machine;
	if (m->nlate < MACHINE_WHENS_MAX)
		keep(&m->late[m->nlate++], op);
}

bool machine_take_late(struct machine *m, struct when *w)
{
	if (!m->nlate)
		return false;
	move(w, &m->late[0]);
	m->nlate--;
	for (uint32_t i = 0; i < m->nlate; i++)
		move(&m->late[i], &m->late[i + 1]);
	return true;
}
