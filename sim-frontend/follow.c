// SPDX-License-Identifier: BSD-2-Clause
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>

#include "compat.h"
#include "devices/net.h"
#include "follow_int.h"
#include "host.h"
#include "trace/text.h"
#include "tracemem.h"

#define QUEUE_SIZE_MAX 32768u /* that the specification allows */

/* -- registers ------------------------------------------------------------------------------------------- */

static void forget_registers(struct follow_queue *q)
{
	q->size = 0;
	memset(q->area, 0, sizeof(q->area));
}

/* Its registers stay what they are. */
static void stop_queue(struct follow *f, uint8_t dev, uint16_t queue)
{
	struct follow_queue *q = &f->device[dev].queue[queue];
	follow_drop(f, &f->device[dev], q, FOLLOW_DROPPED);
	if (!q->ready)
		return;
	q->ready = false;
	f->events->queue(f->ctx, dev, queue);
}

static void close_queue(struct follow *f, uint8_t dev, uint16_t queue)
{
	struct follow_queue *q = &f->device[dev].queue[queue];
	bool was_ready = q->ready;
	stop_queue(f, dev, queue);
	if (was_ready)
		forget_registers(q);
}

static void reset(struct follow *f, uint8_t dev)
{
	struct follow_device *d = &f->device[dev];
	for (uint16_t i = 0; i < FOLLOW_QUEUES_MAX; i++) {
		close_queue(f, dev, i);
		forget_registers(&d->queue[i]);
	}
	d->accepted = 0;
	d->status = 0;
}

static void set_ready(struct follow *f, uint8_t dev, uint16_t queue, bool ready)
{
	struct follow_queue *q = &f->device[dev].queue[queue];
	if (!ready)
		close_queue(f, dev, queue);
	if (!ready || q->ready || !q->size)
		return;
	q->ready = true;
	follow_ring_start(q);
	f->events->queue(f->ctx, dev, queue);
}

static void set_half(uint64_t *v, uint64_t reg, uint32_t half)
{
	uint32_t shift = reg & 4 ? 32 : 0;
	*v = (*v & ~(0xffffffffull << shift)) | (uint64_t)half << shift;
}

/* Also a queue that is not ready: its registers go back to their defaults. */
static void reset_queue(struct follow *f, uint8_t dev, uint16_t queue)
{
	if (!follow_has(&f->device[dev], VIRTIO_F_RING_RESET))
		return;
	close_queue(f, dev, queue);
	forget_registers(&f->device[dev].queue[queue]);
}

/* What the device refuses leaves the size as it was. */
static void set_size(struct follow *f, uint8_t dev, uint16_t queue, uint32_t size)
{
	const struct trace_device *d = &f->head->device[dev];
	uint32_t max =
		queue < d->nqueues && d->queue_size_max[queue] ? d->queue_size_max[queue] : QUEUE_SIZE_MAX;
	bool any_size = follow_has(&f->device[dev], VIRTIO_F_RING_PACKED);
	if (size && size <= max && (any_size || !(size & (size - 1))))
		f->device[dev].queue[queue].size = (uint16_t)size;
}

/* Registers of the selected queue. What is written to a live one is refused by the device. */
static void write_queue(struct follow *f, const struct op *op)
{
	struct follow_device *d = &f->device[op->dev];
	uint32_t value = (uint32_t)op->arg[2];
	if (d->queue_sel >= FOLLOW_QUEUES_MAX)
		return;
	struct follow_queue *q = &d->queue[d->queue_sel];
	f->about = (uint16_t)d->queue_sel;
	if (op->arg[0] == VIRTIO_MMIO_QUEUE_READY)
		set_ready(f, op->dev, f->about, value);
	else if (op->arg[0] == VIRTIO_MMIO_QUEUE_RESET && value == 1)
		reset_queue(f, op->dev, f->about);
	else if (q->ready)
		return;
	else if (op->arg[0] == VIRTIO_MMIO_QUEUE_NUM)
		set_size(f, op->dev, f->about, value);
	else if ((op->arg[0] & ~4ull) == VIRTIO_MMIO_QUEUE_DESC_LOW)
		set_half(&q->area[VQ_DESC], op->arg[0], value);
	else if ((op->arg[0] & ~4ull) == VIRTIO_MMIO_QUEUE_AVAIL_LOW)
		set_half(&q->area[VQ_DRIVER], op->arg[0], value);
	else if ((op->arg[0] & ~4ull) == VIRTIO_MMIO_QUEUE_USED_LOW)
		set_half(&q->area[VQ_DEVICE], op->arg[0], value);
}

static void write_register(struct follow *f, const struct op *op)
{
	struct follow_device *d = &f->device[op->dev];
	uint32_t value = (uint32_t)op->arg[2];
	if (op->arg[1] != 4)
		return; /* the device ignores it */
	switch (op->arg[0]) {
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		d->features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		if (d->features_sel < 2 &&
		    !(d->status & VIRTIO_CONFIG_S_FEATURES_OK)) /* else it is too late */
			set_half(&d->accepted, 4 * d->features_sel, value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		d->queue_sel = value;
		break;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		if ((value & 0xffff) < FOLLOW_QUEUES_MAX)
			d->at = f->about = value & 0xffff;
		break;
	case VIRTIO_MMIO_STATUS:
		if (value)
			d->status |= value; /* a bit goes away by a reset alone */
		else
			reset(f, op->dev);
		break;
	default:
		if (op->arg[0] < VIRTIO_MMIO_CONFIG)
			write_queue(f, op);
	}
}

/* -- the backend's side ---------------------------------------------------------------------------------- */

/* "read sector=8, 4096 bytes": from the words that the text form has for the op. */
static void name_request(const struct follow *f, struct follow_request *r, const struct op *op)
{
	const uint16_t ids[OP_DEV_MAX] = {f->head->device[op->dev].id};
	const struct op one = {.code = op->code, .arg = {0, op->arg[1]}};
	char line[OP_TEXT_MAX(0)], sector[32] = "", bytes[32] = "";
	const char *word = op_print(&one, ids, false, line, sizeof(line)) ? strstr(line, " type=") : NULL;
	const char *type = word && (word[6] < '0' || word[6] > '9') ? word + 6 : "";
	if (ids[0] == VIRTIO_ID_BLOCK && (op->arg[2] || op->arg[3]))
		snprintf(sector, sizeof(sector), " sector %" PRIu64, op->arg[2]);
	if (op->arg[3] || !*type)
		snprintf(bytes, sizeof(bytes), "%s%" PRIu64 " byte%s",
			 *sector ? ", "
			 : *type ? " "
				 : "",
			 op->arg[3], op->arg[3] == 1 ? "" : "s");
	snprintf(r->name, sizeof(r->name), "%.*s%s%s", (int)strcspn(type, " "), type, sector, bytes);
}

static void submit(struct follow *f, const struct op *op)
{
	struct follow_device *d = &f->device[op->dev];
	struct follow_request *r = d->current;
	if (!r || r->submitted)
		return;
	/* A frame may be received into several buffers. */
	bool several = f->head->device[op->dev].id == VIRTIO_ID_NET && op->arg[1] == NET_IO_RX;
	if (several)
		r = d->queue[r->queue].first;
	for (; r; r = several ? r->next : NULL) {
		if (!r->popped || r->submitted)
			continue;
		r->submitted = f->nr;
		r->io = (uint16_t)op->arg[0];
		name_request(f, r, op);
	}
}

static void done(struct follow *f, const struct op *op)
{
	struct follow_device *d = &f->device[op->dev];
	d->current = NULL;
	for (uint16_t i = 0; i < FOLLOW_QUEUES_MAX; i++)
		for (struct follow_request *r = d->queue[i].first; r; r = r->next) {
			if (!r->submitted || r->done || r->io != op->arg[0])
				continue;
			r->done = f->nr;
			if (!d->current)
				d->current = r;
		}
	d->at = d->current ? d->current->queue : FOLLOW_NO_QUEUE;
}

static void offend(struct follow *f, const struct op *op)
{
	struct follow_device *d = &f->device[op->dev];
	enum offence o = op->arg[0] < OFFENCE_COUNT ? (enum offence)op->arg[0] : OFFENCE_NONE;
	if (o == OFFENCE_QUEUE_LAYOUT && d->queue_sel < FOLLOW_QUEUES_MAX)
		stop_queue(f, op->dev, (uint16_t)d->queue_sel);
	if (o == OFFENCE_FEATURES_UNKNOWN || o == OFFENCE_FEATURES_VERSION)
		d->status &=
			~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK; /* as the write just before it has failed */
	for (uint16_t i = 0; o && i < FOLLOW_QUEUES_MAX; i++)
		if (offence_info(o)->reaction == OFFENCE_BREAK)
			follow_drop(f, d, &d->queue[i], FOLLOW_DROPPED);
}

/* -- ops ------------------------------------------------------------------------------------------------- */

/* What an op says of memory's contents. */
static void remember(struct follow *f, const struct op *op)
{
	switch (op->code) {
	case OP_POKE:
		f->guest_stores = true;
		tracemem_put(&f->map, gpa(op->arg[0]), op->data, op->len);
		break;
	case OP_LOAD:
	case OP_STORE:
	case OP_PIN:
	case OP_UNPIN:
		tracemem_put(&f->map, gpa(op->arg[1]), op->data, op->len);
		break;
	}
}

/* The queue that an op is about where its own fields tell. */
static uint16_t told(const struct follow *f, const struct op *op)
{
	const struct follow_device *d = &f->device[op->dev];
	uint64_t queue = op->arg[0];
	switch (op->code) {
	case OP_RUN:
	case OP_AGAIN:
	case OP_IRQ:
		return queue < FOLLOW_QUEUES_MAX ? (uint16_t)queue : FOLLOW_NO_QUEUE;
	case OP_POKE:
		return follow_queue_at(d, op->arg[0], op->len);
	case OP_LOAD:
	case OP_STORE:
		queue = follow_queue_at(d, op->arg[1], op->len);
		return op->arg[0] < VMEM_HEADER && op->arg[0] != VMEM_INDIRECT && queue != FOLLOW_NO_QUEUE
			       ? (uint16_t)queue
			       : d->at;
	case OP_READ:
	case OP_WRITE:
	case OP_FLUSHED:
	case OP_STATE:
		return FOLLOW_NO_QUEUE;
	default:
		return d->at;
	}
}

static void act(struct follow *f, const struct op *op)
{
	switch (op->code) {
	case OP_WRITE:
		write_register(f, op);
		break;
	case OP_LOAD:
		follow_published(f);
		follow_load(f, op);
		break;
	case OP_POKE:
		follow_published(f);
		break;
	case OP_STORE:
		follow_store(f, op);
		break;
	case OP_SUBMIT:
		submit(f, op);
		break;
	case OP_DONE:
		done(f, op);
		break;
	case OP_OFFENCE:
		offend(f, op);
		break;
	case OP_RESTORED:
		follow_restored(f, op);
		break;
	}
}

bool follow_op(struct follow *f, const struct op *op)
{
	struct follow_device *d = &f->device[op->dev];
	f->nr++;
	if (op_info(op->code)->class == OP_CLASS_IN && op->code != OP_POKE)
		d->at = FOLLOW_NO_QUEUE;
	f->about = told(f, op);
	if (op->code != OP_POKE)
		d->at = f->about;
	remember(f, op);
	act(f, op);
	if (op->code == OP_DONE)
		f->about = d->at;
	return !f->failed;
}

/* -- making one ------------------------------------------------------------------------------------------ */

struct follow *follow_create(const struct trace_head *h, const struct follow_events *events, void *ctx,
			     char *err, size_t max)
{
	struct follow *f = calloc(1, sizeof(*f));
	if (!f) {
		snprintf(err, max, "out of memory");
		return NULL;
	}
	f->head = h;
	f->events = events;
	f->ctx = ctx;
	for (uint32_t i = 0; i < OP_DEV_MAX; i++) {
		f->device[i].at = FOLLOW_NO_QUEUE;
		for (uint32_t k = 0; k < FOLLOW_QUEUES_MAX; k++)
			f->device[i].queue[k].last = &f->device[i].queue[k].first;
	}
	if (tracemem_create(&f->map, h, err, max))
		return f;
	follow_destroy(f);
	return NULL;
}

void follow_end(struct follow *f)
{
	for (uint32_t i = 0; i < OP_DEV_MAX; i++)
		for (uint32_t k = 0; k < FOLLOW_QUEUES_MAX; k++)
			follow_drop(f, &f->device[i], &f->device[i].queue[k], FOLLOW_OPEN);
}

void follow_destroy(struct follow *f)
{
	for (uint32_t i = 0; i < OP_DEV_MAX; i++)
		for (uint32_t k = 0; k < FOLLOW_QUEUES_MAX; k++)
			while (f->device[i].queue[k].first) {
				struct follow_request *r = f->device[i].queue[k].first;
				f->device[i].queue[k].first = r->next;
				free(r);
			}
	tracemem_destroy(&f->map);
	free(f);
}
