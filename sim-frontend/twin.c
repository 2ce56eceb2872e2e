// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>

#include "trace/remake.h"
#include "tracemem.h"
#include "twin.h"

static const struct twin_type *const types[] = {&twin_blk, &twin_rng, &twin_console, &twin_net};

static const struct twin_type *type_of(const struct trace_device *t)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i]->id == t->id && t->transport == 0)
			return types[i];
	return NULL;
}

/* -- requests -------------------------------------------------------------------------------------------- */

void twin_submit(struct twin_device *d, void *io, const struct op *op)
{
	d->io[op->arg[0]] = io;
	d->ninflight++;
	d->twin->doors->submit(d, op);
}

void twin_drain(void *ctx)
{
	struct twin_device *d = ctx;
	memset(d->drains, true, sizeof(d->drains));
	d->twin->doors->drain(d);
}

bool twin_drains(const struct twin_device *d, uint64_t id)
{
	return id < BLK_INFLIGHT_MAX && d->io[id] && d->drains[id];
}

bool twin_done(struct twin_device *d, uint64_t id, uint64_t result, uint64_t bytes)
{
	void *io = id < BLK_INFLIGHT_MAX ? d->io[id] : NULL;
	if (!io)
		return false;
	d->io[id] = NULL;
	d->ninflight--;
	if (d->type->done(d, io, result, bytes))
		return true;
	d->io[id] = io;
	d->ninflight++;
	return false;
}

void twin_publish(struct twin_device *d)
{
	d->type->publish(d);
}

bool twin_input(struct twin_device *d, const struct op *op)
{
	return d->type->input && d->type->input(d, op);
}

/* -- making the devices ---------------------------------------------------------------------------------- */

static bool create_device(struct twin *w, uint32_t nr, const struct trace_device *t, char *err, size_t max)
{
	struct twin_device *d = &w->device[nr];
	*d = (struct twin_device){.twin = w, .nr = (uint8_t)nr, .head = t, .type = type_of(t)};
	vmem_init(&d->mem, &w->map);
	vmem_set_tap(&d->mem, &w->doors->tap, d);
	d->vdev = d->type ? malloc(d->type->size) : NULL;
	if (!d->vdev || !d->type->make(d, t)) {
		snprintf(err, max, "device %u (virtio id %u, transport %u) can not be made by this build", nr,
			 t->id, t->transport);
		return false;
	}
	if (!remake_limits(t, d->vdev)) {
		snprintf(err, max,
			 "device %u offered features that this build lacks (0x%llx), or has queues of more "
			 "than %u entries",
			 nr, (unsigned long long)(t->features & ~d->vdev->offered), VQ_SIZE_MAX);
		return false;
	}
	mmio_init(&d->mmio, d->vdev);
	return true;
}

bool twin_create(struct twin *w, const struct trace_head *h, const struct twin_doors *doors, char *err,
		 size_t max)
{
	memset(w, 0, sizeof(*w));
	w->doors = doors;
	if (!tracemem_create(&w->map, h, err, max))
		return false;
	for (uint32_t i = 0; i < h->ndevices; i++) {
		w->ndevices = i + 1;
		if (!create_device(w, i, &h->device[i], err, max))
			return false;
	}
	return true;
}

void twin_destroy(struct twin *w)
{
	tracemem_destroy(&w->map);
	for (uint32_t i = 0; i < w->ndevices; i++)
		free(w->device[i].vdev);
}
