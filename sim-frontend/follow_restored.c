// SPDX-License-Identifier: BSD-2-Clause
/* Where a restored device's queues lie, and how far they had come: nobody wrote its registers in this trace. */
#include <stdlib.h>

#include "follow_int.h"
#include "tracemem.h"
#include "twin.h"

#define SLOT_MASK 0x7fffu /* of a packed position (vq_pos); its wrap counter is above */

/* Loading passes no door, and it is never resumed. */
static const struct twin_doors doors;

static void take_queue(struct follow *f, uint8_t dev, uint16_t nr, const struct vq *q)
{
	struct follow_queue *mine = &f->device[dev].queue[nr];
	const uint8_t idx[2] = {(uint8_t)q->next_avail, (uint8_t)(q->next_avail >> 8)};
	mine->size = q->size;
	for (int i = 0; i < 3; i++)
		mine->area[i] = q->area[i].v;
	if (!q->ready)
		return;
	mine->ready = true;
	mine->published = q->packed ? q->next_avail & SLOT_MASK : q->next_avail;
	mine->wrap = !q->packed || q->next_avail & ~SLOT_MASK;
	if (!q->packed) /* memory holds nothing yet, not even what was published before */
		tracemem_put(&f->map, gpa(q->area[VQ_DRIVER].v + 2), idx, sizeof(idx));
	f->events->queue(f->ctx, dev, nr);
}

static void take(struct follow *f, uint8_t dev, const struct mmio *m)
{
	struct follow_device *d = &f->device[dev];
	d->accepted = m->dev->accepted;
	d->status = m->dev->status;
	d->features_sel = m->driver_features_sel;
	d->queue_sel = m->queue_sel;
	for (uint16_t i = 0; i < m->dev->nqueues && i < FOLLOW_QUEUES_MAX; i++)
		take_queue(f, dev, i, &m->dev->queue[i]);
}

void follow_restored(struct follow *f, const struct op *op)
{
	struct twin *w = malloc(sizeof(*w));
	char err[256];
	if (!w) {
		f->failed = true;
		return;
	}
	if (twin_create(w, f->head, &doors, err, sizeof(err)) &&
	    mmio_load(&w->device[op->dev].mmio, op->data, op->len))
		take(f, op->dev, &w->device[op->dev].mmio);
	twin_destroy(w);
	free(w);
}
