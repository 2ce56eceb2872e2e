// SPDX-License-Identifier: BSD-2-Clause
/* Rings as a trace shows them: requests are published, popped, described and used. */
#include <stdio.h>
#include <stdlib.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "follow_int.h"
#include "tracemem.h"

#define DESC_LEN VMEM_DESC_LEN
#define FLAGS_AT 14u /* in a packed descriptor */
#define F_AVAIL  (1u << VRING_PACKED_DESC_F_AVAIL)
#define F_USED   (1u << VRING_PACKED_DESC_F_USED)

static uint16_t load16(const struct follow *f, uint64_t a)
{
	uint16_t v = 0;
	const uint8_t *p = tracemem_at(&f->map, gpa(a), sizeof(v));
	if (p)
		memcpy(&v, p, sizeof(v));
	return v;
}

static bool is_packed(const struct follow_device *d)
{
	return follow_has(d, VIRTIO_F_RING_PACKED);
}

void follow_ring_start(struct follow_queue *q)
{
	q->published = 0;
	q->wrap = true;
}

/* -- the life of a request ------------------------------------------------------------------------------- */

static struct follow_request *begin(struct follow *f, uint8_t dev, uint16_t queue, uint16_t slot)
{
	struct follow_queue *q = &f->device[dev].queue[queue];
	struct follow_request *r = calloc(1, sizeof(*r));
	if (!r) {
		f->failed = true;
		return NULL;
	}
	r->published = f->nr;
	r->serial = f->nrequests++;
	r->dev = dev;
	r->queue = queue;
	r->slot = slot;
	r->status = -1;
	r->wrap = q->wrap;
	*q->last = r;
	q->last = &r->next;
	q->navailable++;
	f->events->began(f->ctx, r);
	return r;
}

static void pop(struct follow *f, struct follow_device *d, struct follow_request *r, uint16_t id)
{
	struct follow_queue *q = &d->queue[r->queue];
	r->popped = f->nr;
	r->id = id;
	r->ndesc = 1;
	q->navailable--;
	q->ninflight++;
	d->current = r;
	d->at = r->queue;
}

/* The device had given it back unread, and all that it took behind it. */
static void unpop(struct follow_queue *q, struct follow_request *r)
{
	for (; r; r = r->next) {
		if (!r->popped)
			continue;
		r->popped = r->submitted = r->done = 0;
		r->nsegs = r->ndesc = 0;
		r->read_len = r->write_len = r->table_len = 0;
		q->navailable++;
		q->ninflight--;
	}
}

static void name_buffers(struct follow_request *r)
{
	if (!*r->name && r->popped)
		snprintf(r->name, sizeof(r->name), "%u bytes to read, %u to write", r->read_len,
			 r->write_len);
	else if (!*r->name)
		snprintf(r->name, sizeof(r->name), "not taken");
}

/* link: what points at it. */
static void end(struct follow *f, struct follow_device *d, struct follow_request **link, enum follow_end how)
{
	struct follow_request *r = *link;
	struct follow_queue *q = &d->queue[r->queue];
	*link = r->next;
	if (q->last == &r->next)
		q->last = link;
	if (r->popped)
		q->ninflight--;
	else
		q->navailable--;
	if (d->current == r)
		d->current = NULL;
	r->ended = f->nr;
	name_buffers(r);
	f->events->ended(f->ctx, r, how);
	free(r);
}

void follow_drop(struct follow *f, struct follow_device *d, struct follow_queue *q, enum follow_end how)
{
	while (q->first)
		end(f, d, &q->first, how);
}

/* The oldest live one of the slot that was popped, or was not. */
static struct follow_request *find(const struct follow_queue *q, uint16_t slot, bool popped)
{
	for (struct follow_request *r = q->first; r; r = r->next)
		if (r->slot == slot && (r->popped != 0) == popped)
			return r;
	return NULL;
}

/* The device takes what is published at a slot. */
static void take(struct follow *f, uint8_t dev, uint16_t queue, uint16_t slot, uint16_t id)
{
	struct follow_device *d = &f->device[dev];
	struct follow_queue *q = &d->queue[queue];
	struct follow_request *r = find(q, slot, false);
	if (!r) {
		r = find(q, slot, true);
		unpop(q, r);
	}
	if (!r)
		r = begin(f, dev, queue, slot); /* nobody saw it published */
	if (r)
		pop(f, d, r, id);
}

/* -- publishing ------------------------------------------------------------------------------------------ */

/* An index that is too far ahead publishes nothing: the device refuses it. */
static void published_split(struct follow *f, uint8_t dev, uint16_t queue)
{
	struct follow_queue *q = &f->device[dev].queue[queue];
	uint16_t idx = load16(f, q->area[VQ_DRIVER] + 2);
	if ((uint16_t)(idx - q->published) + q->navailable > q->size)
		return;
	while (q->published != idx && begin(f, dev, queue, q->published % q->size))
		q->published++;
}

static void step(struct follow_queue *q)
{
	if (++q->published < q->size)
		return;
	q->published = 0;
	q->wrap = !q->wrap;
}

static uint16_t slot_flags(const struct follow *f, const struct follow_queue *q, uint16_t slot)
{
	return load16(f, q->area[VQ_DESC] + (uint64_t)DESC_LEN * slot + FLAGS_AT);
}

static bool is_available(const struct follow_queue *q, uint16_t flags)
{
	return (flags & (F_AVAIL | F_USED)) == (q->wrap ? F_AVAIL : F_USED);
}

/* Memory holds what the guest stored, so lists can be followed to their ends. */
static void published_packed(struct follow *f, uint8_t dev, uint16_t queue)
{
	struct follow_queue *q = &f->device[dev].queue[queue];
	uint16_t flags = slot_flags(f, q, q->published);
	while (is_available(q, flags) && q->navailable < q->size && !find(q, q->published, false)) {
		if (!begin(f, dev, queue, q->published))
			return;
		step(q);
		for (uint32_t n = 1; flags & VRING_DESC_F_NEXT && n < q->size; n++) {
			flags = slot_flags(f, q, q->published);
			step(q);
		}
		flags = slot_flags(f, q, q->published);
	}
}

void follow_published(struct follow *f)
{
	for (uint8_t dev = 0; dev < f->head->ndevices; dev++) {
		struct follow_device *d = &f->device[dev];
		for (uint16_t i = 0; i < FOLLOW_QUEUES_MAX; i++) {
			if (!d->queue[i].ready)
				continue;
			if (!is_packed(d))
				published_split(f, dev, i);
			else if (f->guest_stores)
				published_packed(f, dev, i);
		}
	}
}

/* Only what the device looks at is known: it polls the flags of one slot after the other. */
static void polled_packed(struct follow *f, uint8_t dev, uint16_t queue, uint16_t slot)
{
	struct follow_queue *q = &f->device[dev].queue[queue];
	if (find(q, slot, false) || find(q, slot, true))
		return;
	if (slot < q->published)
		q->wrap = !q->wrap;
	q->published = slot;
	if (is_available(q, slot_flags(f, q, slot)))
		begin(f, dev, queue, slot);
}

/* It has taken one more slot of the request: the next one that it polls is behind that. */
static void took_slot(struct follow *f, struct follow_device *d, const struct follow_request *r)
{
	struct follow_queue *q = &d->queue[r->queue];
	if (f->guest_stores)
		return;
	if (r->ndesc == 1) {
		q->published = r->slot;
		q->wrap = r->wrap;
	}
	step(q);
}

/* -- loads ----------------------------------------------------------------------------------------------- */

static void add_segment(struct follow_request *r, const struct vmem_desc *v, uint16_t flags)
{
	bool write = flags & VRING_DESC_F_WRITE;
	if (r->nsegs < VQ_SEGS_MAX)
		r->seg[r->nsegs++] = (struct follow_seg){v->addr, v->len, write};
	if (write)
		r->write_len += v->len;
	else
		r->read_len += v->len;
}

static void add_descriptor(struct follow_request *r, const struct vmem_desc *v, uint16_t flags)
{
	if (!(flags & VRING_DESC_F_INDIRECT)) {
		add_segment(r, v, flags);
		return;
	}
	r->table = v->addr;
	r->table_len = v->len;
}

/* A packed chain begins with a descriptor whose flags were polled; the id of its last one is its own. */
static void load_descriptor(struct follow *f, const struct op *op, uint16_t queue)
{
	struct follow_device *d = &f->device[op->dev];
	struct vmem_desc v = {0};
	if (op->len != DESC_LEN && op->len != VMEM_DESC_BUT_FLAGS)
		return;
	memcpy(&v, op->data, op->len);
	uint16_t flags = v.half[is_packed(d)];
	if (op->len == VMEM_DESC_BUT_FLAGS && queue != FOLLOW_NO_QUEUE) {
		uint16_t slot = (uint16_t)((op->arg[1] - d->queue[queue].area[VQ_DESC]) / DESC_LEN);
		take(f, op->dev, queue, slot, v.half[0]);
		flags = slot_flags(f, &d->queue[queue], slot);
	} else if (d->current && is_packed(d)) {
		d->current->id = v.half[0];
		d->current->ndesc++;
	}
	if (!d->current)
		return;
	if (is_packed(d))
		took_slot(f, d, d->current);
	add_descriptor(d->current, &v, flags);
}

/* In a packed ring's table only WRITE means anything. */
static void load_table(struct follow *f, const struct op *op)
{
	struct follow_device *d = &f->device[op->dev];
	struct vmem_desc v;
	for (uint32_t at = 0; d->current && at + DESC_LEN <= op->len; at += DESC_LEN) {
		memcpy(&v, op->data + at, sizeof(v));
		add_segment(d->current, &v, v.half[is_packed(d)]);
	}
}

static void load_entry(struct follow *f, const struct op *op, uint16_t queue)
{
	struct follow_queue *q = &f->device[op->dev].queue[queue];
	uint16_t id;
	if (op->len != sizeof(id))
		return;
	memcpy(&id, op->data, sizeof(id));
	take(f, op->dev, queue, (uint16_t)((op->arg[1] - q->area[VQ_DRIVER] - 4) / 2 % q->size), id);
}

void follow_load(struct follow *f, const struct op *op)
{
	struct follow_device *d = &f->device[op->dev];
	uint16_t queue = follow_queue_at(d, op->arg[1], op->len);
	switch (op->arg[0]) {
	case VMEM_AVAIL_IDX:
		if (queue != FOLLOW_NO_QUEUE && is_packed(d) && !f->guest_stores)
			polled_packed(f, op->dev, queue,
				      (uint16_t)((op->arg[1] - d->queue[queue].area[VQ_DESC]) / DESC_LEN));
		break;
	case VMEM_AVAIL_ENTRY:
		if (queue != FOLLOW_NO_QUEUE)
			load_entry(f, op, queue);
		break;
	case VMEM_DESC:
		load_descriptor(f, op, queue);
		break;
	case VMEM_INDIRECT:
		load_table(f, op);
		break;
	default:
		break;
	}
}

/* -- stores ---------------------------------------------------------------------------------------------- */

/* With IN_ORDER an entry stands for all that were taken before it too (2.7.9, 2.8.8). */
static void use(struct follow *f, struct follow_device *d, struct follow_queue *q, uint32_t id, uint32_t len)
{
	struct follow_request *r = q->first;
	while (r && !(r->popped && r->id == id))
		r = r->next;
	if (!r)
		return; /* a device that is wrong */
	r->used_len = len;
	for (struct follow_request **link = &q->first; *link != r;) {
		if ((*link)->popped && follow_has(d, VIRTIO_F_IN_ORDER))
			end(f, d, link, FOLLOW_BATCH);
		else
			link = &(*link)->next;
	}
	struct follow_request **link = &q->first;
	while (*link != r)
		link = &(*link)->next;
	end(f, d, link, FOLLOW_USED);
}

static void store_used(struct follow *f, const struct op *op, uint16_t queue)
{
	struct follow_device *d = &f->device[op->dev];
	uint32_t id = 0, len;
	if (is_packed(d) && op->len >= 6) {
		memcpy(&len, op->data, 4);
		memcpy(&id, op->data + 4, 2);
	} else if (!is_packed(d) && op->len == 8) {
		memcpy(&id, op->data, 4);
		memcpy(&len, op->data + 4, 4);
	} else {
		return;
	}
	use(f, d, &d->queue[queue], id, len);
}

void follow_store(struct follow *f, const struct op *op)
{
	struct follow_device *d = &f->device[op->dev];
	uint16_t queue = follow_queue_at(d, op->arg[1], op->len);
	if (op->arg[0] == VMEM_USED_ENTRY && queue != FOLLOW_NO_QUEUE)
		store_used(f, op, queue);
	if (op->arg[0] == VMEM_STATUS && op->len == 1 && d->current)
		d->current->status = op->data[0];
}

/* -- where ----------------------------------------------------------------------------------------------- */

static uint64_t area_len(const struct follow_queue *q, unsigned area, bool packed)
{
	if (packed)
		return area == VQ_DESC ? (uint64_t)DESC_LEN * q->size : 4;
	if (area == VQ_DESC)
		return (uint64_t)DESC_LEN * q->size;
	return area == VQ_DRIVER ? 6 + 2ull * q->size : 6 + 8ull * q->size;
}

uint16_t follow_queue_at(const struct follow_device *d, uint64_t a, uint32_t n)
{
	for (uint16_t i = 0; i < FOLLOW_QUEUES_MAX; i++)
		for (unsigned area = VQ_DESC; area <= VQ_DEVICE; area++) {
			const struct follow_queue *q = &d->queue[i];
			uint64_t len = area_len(q, area, is_packed(d));
			bool inside = a - q->area[area] < len || q->area[area] - a < n;
			if (q->ready && inside)
				return i;
		}
	return FOLLOW_NO_QUEUE;
}
