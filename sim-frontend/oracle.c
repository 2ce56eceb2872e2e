// SPDX-License-Identifier: BSD-2-Clause
/* The oracles' frame: names, reports, queues coming and going, entries into the device. */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "oracle_int.h"

static const char *const names[ORACLE_COUNT] = {
	[ORACLE_OWNERSHIP] = "ownership",       [ORACLE_USED_RING] = "used-ring",
	[ORACLE_FETCH_ONCE] = "fetch-once",     [ORACLE_WORK] = "work",
	[ORACLE_NOTIFICATION] = "notification", [ORACLE_LIVENESS] = "liveness",
	[ORACLE_RESOURCES] = "resources",       [ORACLE_STATUS] = "status",
	[ORACLE_BACKEND] = "backend",           [ORACLE_CONTENT] = "content",
};

/* Accesses in one entry: enough for a ring's worth of the longest chains on each queue and for all that was
 * in flight. */
#define STEPS_BASE      100000u
#define STEPS_PER_ENTRY 700u

const char *oracle_name(enum oracle_kind kind)
{
	return names[kind];
}

void oracle_cry(struct oracle *o, enum oracle_kind kind, const char *clause, const char *format, ...)
{
	struct violation v = {.oracle = names[kind], .clause = clause, .check = format};
	va_list args;
	if (o->off >> kind & 1)
		return;
	va_start(args, format);
	vsnprintf(v.what, sizeof(v.what), format, args);
	va_end(args);
	o->config.report(o->config.ctx, &v);
}

bool oracle_switch(struct oracle *o, const char *name, bool on)
{
	for (unsigned i = 0; i < ORACLE_COUNT; i++) {
		if (strcmp(name, names[i]))
			continue;
		o->off = on ? o->off & ~(1u << i) : o->off | 1u << i;
		return true;
	}
	return false;
}

/* -- making one
 * ---------------------------------------------------------------------------------------------------- */

struct oracle *oracle_create(const struct oracle_config *config)
{
	struct oracle *o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	o->config = *config;
	for (uint16_t i = 0; i < config->nqueues; i++) {
		struct ring *r = &o->ring[i];
		r->size_max = config->queue_size_max[i];
		r->chain = calloc(r->size_max, sizeof(*r->chain));
		r->stamp = calloc(r->size_max, sizeof(*r->stamp));
		if (!r->chain || !r->stamp) {
			oracle_destroy(o);
			return NULL;
		}
	}
	oracle_restart(o);
	return o;
}

void oracle_destroy(struct oracle *o)
{
	for (uint16_t i = 0; o && i < o->config.nqueues; i++) {
		free(o->ring[i].chain);
		free(o->ring[i].stamp);
	}
	free(o);
}

static void count_steps(struct oracle *o)
{
	o->steps_max = STEPS_BASE;
	for (uint16_t i = 0; i < o->config.nqueues; i++)
		if (o->ring[i].ready)
			o->steps_max += STEPS_PER_ENTRY * (uint64_t)o->ring[i].size;
}

/* Nothing is taken, published or staged on this ring. */
static void empty(struct ring *r)
{
	if (r->nowned)
		memset(r->owned, 0, sizeof(r->owned));
	r->nowned = 0;
	r->irq_due = r->any_slot = false;
	r->sampled = true;
	r->slot = r->taken = r->stored = r->published = r->asked = r->elem_mask = 0;
	r->latest = NULL;
}

void oracle_restart(struct oracle *o)
{
	for (uint16_t i = 0; i < o->config.nqueues; i++) {
		empty(&o->ring[i]);
		o->ring[i].ready = false;
	}
	for (uint32_t i = 0; o->npins && i < ORACLE_PINS_MAX; i++)
		o->pin[i].live = false;
	o->npins = 0;
	o->features = 0;
	o->tangled = false;
	o->nloose = 0;
	o->walk.chain = o->newest = NULL;
	o->walk.indirect_serial = 0;
	memset(&o->regs, 0, sizeof(o->regs));
	count_steps(o);
}

/* -- queues
 * -------------------------------------------------------------------------------------------------------- */

static bool overlap(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
	return a < b + blen && b < a + alen;
}

static uint64_t driver_len(const struct ring *r)
{
	return 6 + 2ull * r->size;
}

static uint64_t device_len(const struct ring *r)
{
	return 6 + 8ull * r->size;
}

/* Two queues that share an available or a used ring can not be told apart by addresses: the guest asked for
 * it. */
static bool tangle(const struct ring *a, const struct ring *b)
{
	return overlap(a->driver, driver_len(a), b->driver, driver_len(b)) ||
	       overlap(a->device, device_len(a), b->device, device_len(b));
}

void oracle_queue_ready(struct oracle *o, uint16_t queue, gpa_t desc, gpa_t driver, gpa_t device,
			uint16_t size)
{
	struct ring *r = &o->ring[queue];
	empty(r);
	r->ready = true;
	r->desc = desc.v;
	r->driver = driver.v;
	r->device = device.v;
	r->size = size;
	for (uint16_t i = 0; i < o->config.nqueues; i++)
		if (i != queue && o->ring[i].ready && tangle(r, &o->ring[i]))
			o->tangled = true;
	if (o->features >> VIRTIO_F_IN_ORDER &
	    1) /* used entries that stand for several chains are not known yet */
		o->tangled = true;
	count_steps(o);
}

static void pins_gone(struct oracle *o, uint16_t queue, const char *why)
{
	for (uint32_t i = 0; o->npins && i < ORACLE_PINS_MAX; i++) {
		struct pin *p = &o->pin[i];
		if (!p->live || (p->chain && p->chain->queue != queue))
			continue;
		oracle_cry(o, ORACLE_RESOURCES, "", "%u bytes at 0x%llx are still pinned after %s", p->n,
			   (unsigned long long)p->addr, why);
		p->live = false;
		o->npins--;
	}
}

void oracle_queue_gone(struct oracle *o, uint16_t queue)
{
	pins_gone(o, queue, "the queue was disabled");
	empty(&o->ring[queue]);
	o->ring[queue].ready = false;
	o->walk.chain = o->newest = NULL;
	count_steps(o);
}

void oracle_reset(struct oracle *o)
{
	for (uint16_t i = 0; i < o->config.nqueues; i++)
		pins_gone(o, i, "a reset");
	oracle_restart(o);
}

void oracle_features(struct oracle *o, uint64_t accepted)
{
	o->features = accepted;
}

/* -- registers
 * ----------------------------------------------------------------------------------------------------- */

static void write_features(struct oracle *o, const struct vdev *d, uint32_t value)
{
	uint32_t shift = 32 * o->regs.feature_sel;
	if (o->regs.feature_sel < 2 && !(d->status & VIRTIO_CONFIG_S_FEATURES_OK))
		o->features = (o->features & ~(0xffffffffull << shift)) | (uint64_t)value << shift;
}

static void write_queue(struct oracle *o, uint64_t off, uint32_t value)
{
	static const uint16_t base[3] = {VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_AVAIL_LOW,
					 VIRTIO_MMIO_QUEUE_USED_LOW};
	uint32_t queue = o->regs.queue_sel;
	if (off == VIRTIO_MMIO_QUEUE_NOTIFY || queue >= o->config.nqueues || o->ring[queue].ready)
		return;
	if (off == VIRTIO_MMIO_QUEUE_NUM && value && value <= o->ring[queue].size_max &&
	    (!(value & (value - 1)) || o->features >> VIRTIO_F_RING_PACKED & 1))
		o->regs.size[queue] = (uint16_t)value;
	for (int i = 0; i < 3; i++) {
		uint64_t *area = &o->regs.area[queue][i];
		if (off == base[i])
			*area = (*area & ~0xffffffffull) | value;
		if (off == base[i] + 4u)
			*area = (*area & 0xffffffffull) | (uint64_t)value << 32;
	}
}

void oracle_write_begins(struct oracle *o, const struct vdev *d, uint64_t off, uint32_t size, uint64_t value)
{
	if (size != 4 || off >= VIRTIO_MMIO_CONFIG)
		return;
	if (off == VIRTIO_MMIO_QUEUE_SEL)
		o->regs.queue_sel = (uint32_t)value;
	else if (off == VIRTIO_MMIO_DRIVER_FEATURES_SEL)
		o->regs.feature_sel = (uint32_t)value;
	else if (off == VIRTIO_MMIO_DRIVER_FEATURES)
		write_features(o, d, (uint32_t)value);
	else
		write_queue(o, off, (uint32_t)value);
}

/* What became of the queues, as the driver can read it back. */
static void look_at_queue(struct oracle *o, struct vdev *d, uint16_t queue)
{
	struct ring *r = &o->ring[queue];
	const uint64_t *area = o->regs.area[queue];
	bool ready = vdev_queue_ready(d, queue);
	if (ready && !r->ready)
		oracle_queue_ready(o, queue, gpa(area[0]), gpa(area[1]), gpa(area[2]), o->regs.size[queue]);
	if (ready || !r->ready)
		return;
	oracle_queue_gone(o, queue);
	o->regs.size[queue] = 0;
	memset(o->regs.area[queue], 0, sizeof(o->regs.area[queue]));
}

void oracle_write_ends(struct oracle *o, struct vdev *d, uint64_t off, uint32_t size, uint64_t value)
{
	if (size != 4 ||
	    (off != VIRTIO_MMIO_STATUS && off != VIRTIO_MMIO_QUEUE_READY && off != VIRTIO_MMIO_QUEUE_RESET))
		return;
	if (off == VIRTIO_MMIO_STATUS && (uint32_t)value == 0) {
		oracle_reset(o);
		return;
	}
	for (uint16_t i = 0; i < d->nqueues; i++)
		look_at_queue(o, d, i);
}

/* -- entries
 * ------------------------------------------------------------------------------------------------------- */

void oracle_enter(struct oracle *o)
{
	o->entry++;
	o->steps = 0;
	o->newest = NULL;
	o->worked = false;
}

static void check_notified(struct oracle *o, uint16_t queue)
{
	struct ring *r = &o->ring[queue];
	if (r->irq_due)
		oracle_cry(o, ORACLE_NOTIFICATION,
			   oracle_event_idx(o) ? "split.usednotif.5" : "split.usednotif.3",
			   "queue %u: the driver asked to be notified of used index %u, and was not", queue,
			   r->asked);
	else if (!r->sampled)
		oracle_cry(
			o, ORACLE_NOTIFICATION, "",
			"queue %u: used index %u was published without a look at what the driver asked for",
			queue, r->published);
	r->irq_due = false;
	r->sampled = true;
}

void oracle_leave(struct oracle *o)
{
	if (o->nloose)
		oracle_loose_flush(o);
	for (uint32_t left = o->touched; left; left &= left - 1)
		check_notified(o, (uint16_t)__builtin_ctz(left));
	o->touched = 0;
}

void oracle_interrupt(struct oracle *o, uint16_t source)
{
	if (source >= o->config.nqueues)
		return;
	struct ring *r = &o->ring[source];
	r->irq_due = false;
	r->sampled = true;
	r->asked = r->published;
}

uint64_t oracle_taken(const struct oracle *o)
{
	return o->serial;
}

bool oracle_driver_area(const struct oracle *o, uint16_t queue, gpa_t *driver)
{
	*driver = gpa(o->ring[queue].driver);
	return o->ring[queue].ready && oracle_judges(o);
}

void oracle_quiet(struct oracle *o, uint16_t queue, uint16_t avail_idx)
{
	struct ring *r = &o->ring[queue];
	if (!r->ready || !oracle_judges(o))
		return;
	if (r->nowned)
		oracle_cry(o, ORACLE_LIVENESS, "", "queue %u: %u chains were taken and never completed",
			   queue, r->nowned);
	if (r->taken != avail_idx)
		oracle_cry(o, ORACLE_LIVENESS, "", "queue %u: available index is %u, but only %u were taken",
			   queue, avail_idx, r->taken);
	if (r->published != r->stored)
		oracle_cry(o, ORACLE_LIVENESS, "",
			   "queue %u: %u elements are in the used ring, but the used index says %u", queue,
			   r->stored, r->published);
}
