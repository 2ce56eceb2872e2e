// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_mmio.h>
#include <stdlib.h>

#include "driver.h"
#include "judges.h"
#include "machine_save.h"
#include "oracle_snapshot.h"

/* Lent copies come from the arena, at least one block each. */
#define LENT_MAX LEND_BLOCKS

struct lent {
	enum vmem_kind kind;
	bool back;   /* lent again */
	uint64_t nr; /* requests are submitted again in this order */
	gpa_t at;
	struct vspan span;
};

struct held {
	uint64_t hash;
	uint16_t id;
	bool back; /* submitted again */
};

struct machine_save {
	struct snapshot seen;
	uint32_t nlent, nheld;
	struct lent lent[LENT_MAX];
	struct held held[BACKEND_HELD_MAX]; /* as in the backend */
	uint8_t bytes[STATE_LEN_MAX], again[STATE_LEN_MAX];
};

struct machine_save *machine_save_create(void)
{
	return malloc(sizeof(struct machine_save)); /* what is not used is not touched */
}

/* -- while the fresh device is loaded and resumed --------------------------------------------------------- */

void machine_save_hears(struct sim_device *d, const char *what)
{
	if (!d->save->seen.noise)
		d->save->seen.noise = what;
}

static void take_back(struct sim_device *d, struct held *h, void **place, void *request)
{
	struct snapshot *seen = &d->save->seen;
	if (h->back) {
		seen->repeated = h->id;
		return;
	}
	h->back = true;
	*place = request;
	if (d->type->request_hash(request) != h->hash)
		seen->changed = h->id;
}

bool machine_save_takes(struct sim_device *d, void *request)
{
	struct machine_save *s = d->save;
	uint16_t id = d->type->request_id(request);
	for (uint32_t i = 0; i < s->nheld; i++) {
		if (s->held[i].id != id)
			continue;
		take_back(d, &s->held[i], &d->backend.held[i], request);
		return true;
	}
	s->seen.invented = id;
	return true;
}

/* What was lent as a copy is lent as that copy; all else is guest memory itself, as it was. Requests may have the
 * same buffer: the oldest comes first. */
static void *pin(void *ctx, enum vmem_kind kind, gpa_t a, uint32_t n, void *host)
{
	struct sim_device *d = ctx;
	struct lent *found = NULL;
	for (uint32_t i = 0; i < d->save->nlent; i++) {
		struct lent *l = &d->save->lent[i];
		if (!l->back && l->kind == kind && l->at.v == a.v && l->span.len == n &&
		    (!found || l->nr < found->nr))
			found = l;
	}
	if (!found)
		return host;
	found->back = true;
	return found->span.base;
}

static void unpin(void *ctx, enum vmem_kind kind, gpa_t a, uint32_t n, void *host, void *lent,
		  uint32_t stored)
{
	(void)kind;
	(void)a;
	(void)n;
	(void)host;
	(void)lent;
	(void)stored;
	machine_save_hears(ctx, "gives memory back");
}

static void after(void *ctx, enum vmem_kind kind, enum vmem_for what, gpa_t a, uint32_t n, const void *data)
{
	(void)what;
	(void)a;
	(void)n;
	(void)data;
	machine_save_hears(ctx, kind == VMEM_LOAD ? "loads from guest memory" : "stores to guest memory");
}

static const struct vmem_tap quiet_tap = {.after = after, .pin = pin, .unpin = unpin};

/* -- before ----------------------------------------------------------------------------------------------- */

void machine_save_lent(struct sim_device *d, uint64_t nr, enum vmem_kind kind, gpa_t a, struct vspan span)
{
	struct machine_save *s = d->machine->save;
	if (s->nlent < LENT_MAX && lend_owns(&d->machine->lend, span.base))
		s->lent[s->nlent++] = (struct lent){kind, false, nr, a, span};
}

static void look(struct sim_device *d, struct machine_save *s)
{
	const struct backend *b = &d->backend;
	s->seen = (struct snapshot){
		.len_max = STATE_LEN_MAX, .lost = -1, .changed = -1, .invented = -1, .repeated = -1};
	s->nlent = 0;
	s->nheld = b->nheld;
	for (uint32_t i = 0; i < b->nheld; i++)
		s->held[i] = (struct held){d->type->request_hash(b->held[i]), d->type->request_id(b->held[i]),
					   false};
	d->type->each_lent(d);
}

/* Rings that are in use leave nothing behind that the fresh device could find. */
static void renew(struct sim_device *d)
{
	for (uint16_t i = 0; i < d->vdev->nqueues; i++)
		if (d->vdev->queue[i].ready)
			memset(&d->vdev->queue[i], 0xa5, sizeof(d->vdev->queue[i]));
	d->type->renew(d);
	vdev_offer(d->vdev, d->made.offer);
	memset(&d->mmio, 0xa5, sizeof(d->mmio));
	mmio_init(&d->mmio, d->vdev);
}

static void load(struct sim_device *d, struct machine_save *s)
{
	struct snapshot *seen = &s->seen;
	d->save = s;
	vmem_set_tap(&d->mem, &quiet_tap, d);
	seen->loaded = mmio_load(&d->mmio, s->bytes, seen->len);
	seen->hash[1] = mmio_hash(&d->mmio);
	if (seen->loaded)
		seen->same_bytes = mmio_save(&d->mmio, s->again, sizeof(s->again)) == seen->len &&
				   !memcmp(s->again, s->bytes, seen->len);
	if (seen->loaded)
		vdev_resume(d->vdev);
	seen->hash[2] = mmio_hash(&d->mmio);
	d->save = NULL;
	machine_choose_tap(d);
}

/* -- after ------------------------------------------------------------------------------------------------ */

/* What did not come back ends here, so that a run may go on. */
static void settle(struct sim_device *d, struct machine_save *s)
{
	for (uint32_t i = s->nheld; i-- > 0;) {
		if (s->held[i].back)
			continue;
		s->seen.lost = s->held[i].id;
		oracle_backend_lost(&d->judges->backend, s->held[i].id);
		backend_take(&d->backend, i);
	}
	for (uint32_t i = 0; i < s->nlent; i++) {
		const struct lent *l = &s->lent[i];
		if (l->back)
			continue;
		s->seen.unlent++;
		vmem_unpin(&d->mem, l->kind, l->at, l->span, 0);
	}
}

void machine_save(struct sim_device *d)
{
	struct machine_save *s = d->machine->save;
	if (!d->type->renew || d->machine->no_saves)
		return;
	d->machine->stats.saves++;
	look(d, s);
	s->seen.hash[0] = mmio_hash(&d->mmio);
	s->seen.len = mmio_save(&d->mmio, s->bytes, sizeof(s->bytes));
	if (s->seen.len <= sizeof(s->bytes)) {
		renew(d);
		load(d, s);
		settle(d, s);
	}
	oracle_snapshot(d->oracle, &s->seen);
	if (s->seen.len > sizeof(s->bytes) || s->seen.loaded)
		return;
	machine_write(d, VIRTIO_MMIO_STATUS, 4, 0); /* it is as after a reset: so that all know */
	driver_forget(d->driver);
}
