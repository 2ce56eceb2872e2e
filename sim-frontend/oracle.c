// SPDX-License-Identifier: BSD-2-Clause
/* The oracles' frame: names, reports, queues coming and going, entries into the device. */
#include <linux/virtio_config.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "oracle_int.h"
#include "pages.h"

static const char *const names[ORACLE_COUNT] = {
	[ORACLE_OWNERSHIP] = "ownership",       [ORACLE_USED_RING] = "used-ring",
	[ORACLE_FETCH_ONCE] = "fetch-once",     [ORACLE_WORK] = "work",
	[ORACLE_NOTIFICATION] = "notification", [ORACLE_LIVENESS] = "liveness",
	[ORACLE_RESOURCES] = "resources",       [ORACLE_STATUS] = "status",
	[ORACLE_BACKEND] = "backend",           [ORACLE_CONTENT] = "content",
	[ORACLE_SNAPSHOT] = "snapshot",         [ORACLE_DETERMINISM] = "determinism",
	[ORACLE_DIFFERENTIAL] = "differential",
};

/* Accesses in one entry: enough for a ring's worth of the longest chains on each queue and for all that was
 * in flight. */
#define STEPS_BASE      100000u
#define STEPS_PER_ENTRY 700u

const char *oracle_name(enum oracle_kind kind)
{
	return names[kind];
}

bool oracle_is_off(const struct oracle *o, enum oracle_kind kind)
{
	return o->off >> kind & 1;
}

static void cry(struct oracle *o, enum oracle_kind kind, struct violation *v, const char *format,
		va_list args)
{
	v->oracle = names[kind];
	vsnprintf(v->what, sizeof(v->what), format, args);
	o->config.report(o->config.ctx, v);
}

void oracle_cry(struct oracle *o, enum oracle_kind kind, const char *clause, const char *format, ...)
{
	struct violation v = {.clause = clause, .check = format};
	va_list args;
	if (oracle_is_off(o, kind))
		return;
	va_start(args, format);
	cry(o, kind, &v, format, args);
	va_end(args);
}

void oracle_cry_of(struct oracle *o, enum oracle_kind kind, const char *check, const char *format, ...)
{
	struct violation v = {.clause = "", .check = check};
	va_list args;
	if (oracle_is_off(o, kind))
		return;
	va_start(args, format);
	cry(o, kind, &v, format, args);
	va_end(args);
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

bool oracle_is_silent(const struct oracle *o)
{
	const uint32_t all = (1u << ORACLE_OF_ONE_RUN) - 1;
	return (o->off & all) == all;
}

/* -- making one ------------------------------------------------------------------------------------------ */

static void destroy_ring(struct ring *r)
{
	pages_give(r->pool, (r->size_max + 1u) * sizeof(*r->pool));
	free(r->chain);
	free(r->stamp);
	free(r->order);
	free(r->staged);
}

static bool create_ring(struct ring *r, uint16_t size_max)
{
	r->size_max = size_max;
	r->pool = pages_take((size_max + 1u) * sizeof(*r->pool));
	r->chain = calloc(size_max, sizeof(struct chain *));
	r->stamp = calloc(size_max, sizeof(*r->stamp));
	r->order = calloc(size_max, sizeof(*r->order));
	r->staged = calloc(size_max, sizeof(*r->staged));
	if (!r->pool || !r->chain || !r->stamp || !r->order || !r->staged)
		return false;
	for (uint16_t i = 0; i < size_max; i++)
		r->chain[i] = &r->pool[i];
	r->spare = &r->pool[size_max];
	return true;
}

struct oracle *oracle_create(const struct oracle_config *config)
{
	struct oracle *o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	o->config = *config;
	for (uint16_t i = 0; i < config->nqueues; i++) {
		if (!create_ring(&o->ring[i], config->queue_size_max[i])) {
			oracle_destroy(o);
			return NULL;
		}
	}
	oracle_restart(o);
	return o;
}

void oracle_destroy(struct oracle *o)
{
	for (uint16_t i = 0; o && i < o->config.nqueues; i++)
		destroy_ring(&o->ring[i]);
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
	for (uint32_t w = 0; r->nowned && w < (r->size + 63u) / 64; w++) {
		for (; r->owned[w]; r->owned[w] &= r->owned[w] - 1)
			r->chain[64 * w + (uint32_t)__builtin_ctzll(r->owned[w])]->live = false;
	}
	if (r->stored != r->published)
		memset(r->staged, 0, r->size_max * sizeof(*r->staged));
	r->nowned = r->ntaken = 0;
	r->oldest = 0;
	r->unavailable = false;
	r->irq_due = r->refused = r->covered = r->any_slot = r->again = r->must_look = false;
	r->sampled = true;
	r->slot = r->seen = r->reach = r->taken = r->stored = r->published = r->asked = r->elem_mask = 0;
	r->kicks = KICKS_UNKNOWN;
	r->latest = NULL;
}

static void close_ring(struct ring *r)
{
	empty(r);
	r->ready = false;
	memset(r->len, 0, sizeof(r->len));
}

void oracle_restart(struct oracle *o)
{
	for (uint16_t i = 0; i < o->config.nqueues; i++)
		close_ring(&o->ring[i]);
	for (uint32_t i = 0; o->npins && i < ORACLE_PINS_MAX; i++)
		o->pin[i].live = false;
	for (int i = 0; i < AREAS; i++)
		o->near[i] = o->ring;
	o->npins = o->depth = o->touched = 0;
	oracle_features(o, 0);
	o->tangled = o->unacked = o->config_due = o->config_unacked = o->packed = false;
	o->layout = &oracle_split;
	o->nloose = 0;
	o->walk.chain = o->newest = NULL;
	o->walk.indirect_serial = 0;
	o->regs.queue_sel = o->regs.feature_sel = 0;
	memset(o->regs.area, 0, o->config.nqueues * sizeof(o->regs.area[0]));
	memset(o->regs.size, 0, o->config.nqueues * sizeof(o->regs.size[0]));
	count_steps(o);
}

void oracle_features(struct oracle *o, uint64_t accepted)
{
	o->features = accepted;
	o->event_idx = accepted >> VIRTIO_RING_F_EVENT_IDX & 1;
	o->in_order = accepted >> VIRTIO_F_IN_ORDER & 1;
}

/* -- queues ---------------------------------------------------------------------------------------------- */

bool oracle_any_ready(const struct oracle *o)
{
	bool any = false;
	for (uint16_t i = 0; i < o->config.nqueues; i++)
		any |= o->ring[i].ready;
	return any;
}

struct ring *oracle_find_ring(struct oracle *o, enum vq_area area, uint64_t a)
{
	for (uint16_t i = 0; i < o->config.nqueues; i++) {
		struct ring *r = &o->ring[i];
		if (a - r->at[area] < r->len[area])
			return o->near[area] = r;
	}
	return NULL;
}

static bool overlap(const struct ring *a, const struct ring *b, enum vq_area area)
{
	return a->at[area] < b->at[area] + b->len[area] && b->at[area] < a->at[area] + a->len[area];
}

/*
 * Two queues that share what the device finds its way by, or stores, can not be told apart by addresses: the
 * guest asked for it. A split ring's descriptors may be shared.
 */
static bool tangle(const struct oracle *o, const struct ring *a, const struct ring *b)
{
	return overlap(a, b, VQ_DRIVER) || overlap(a, b, VQ_DEVICE) || (o->packed && overlap(a, b, VQ_DESC));
}

/* Begins empty, in the layout that was negotiated. */
static void open_ring(struct oracle *o, struct ring *r)
{
	empty(r);
	o->packed = o->features >> VIRTIO_F_RING_PACKED & 1;
	o->layout = o->packed ? &oracle_packed : &oracle_split;
	o->layout->set_up(r);
	r->ready = true;
	for (uint16_t i = 0; i < o->config.nqueues; i++)
		if (r != &o->ring[i] && o->ring[i].ready && tangle(o, r, &o->ring[i]))
			o->tangled = true;
}

void oracle_queue_ready(struct oracle *o, uint16_t queue, gpa_t desc, gpa_t driver, gpa_t device,
			uint16_t size)
{
	struct ring *r = &o->ring[queue];
	close_ring(r);
	r->at[VQ_DESC] = desc.v;
	r->at[VQ_DRIVER] = driver.v;
	r->at[VQ_DEVICE] = device.v;
	r->size = size;
	open_ring(o, r);
	count_steps(o);
}

void oracle_lay_out(struct oracle *o)
{
	o->tangled = false;
	for (uint16_t i = 0; i < o->config.nqueues; i++)
		if (o->ring[i].ready)
			open_ring(o, &o->ring[i]);
}

static bool others_ready(const struct oracle *o, uint16_t queue)
{
	for (uint16_t i = 0; i < o->config.nqueues; i++)
		if (i != queue && o->ring[i].ready)
			return true;
	return false;
}

/* What is pinned for a chain that nobody knows may be another queue's, where there are others. */
static void pins_gone(struct oracle *o, uint16_t queue, bool others, const char *why)
{
	for (uint32_t i = 0; o->npins && i < ORACLE_PINS_MAX; i++) {
		struct pin *p = &o->pin[i];
		if (!p->live || (p->chain ? p->chain->queue != queue : others))
			continue;
		oracle_cry(o, ORACLE_RESOURCES, "", "%u bytes at 0x%llx are still pinned after %s", p->n,
			   (unsigned long long)p->addr, why);
		p->live = false;
		o->npins--;
	}
}

void oracle_queue_wound(struct oracle *o, uint16_t queue, uint16_t n)
{
	struct ring *r = &o->ring[queue];
	r->taken = r->stored = r->published = r->asked = n;
	r->slot = r->seen = r->reach = n;
	r->kick_at = n; /* where the device asked for kicks with the event index, it said 0 */
}

void oracle_queue_gone(struct oracle *o, uint16_t queue)
{
	pins_gone(o, queue, o->npins && others_ready(o, queue), "the queue was disabled");
	close_ring(&o->ring[queue]);
	o->walk.chain = o->newest = NULL;
	count_steps(o);
}

void oracle_reset(struct oracle *o)
{
	for (uint16_t i = 0; i < o->config.nqueues; i++)
		pins_gone(o, i, false, "a reset");
	oracle_restart(o);
}

/* -- entries --------------------------------------------------------------------------------------------- */

void oracle_enter(struct oracle *o)
{
	if (o->depth++)
		return;
	o->entry++;
	o->steps = 0;
	o->newest = NULL;
	o->worked = false;
}

void oracle_leave(struct oracle *o)
{
	if (o->depth && --o->depth)
		return;
	if (o->nloose)
		oracle_loose_flush(o);
	for (uint32_t left = o->touched; left; left &= left - 1)
		oracle_notified(o, &o->ring[__builtin_ctz(left)]);
	o->touched = 0;
	if (o->config_due)
		oracle_config_told(o);
}

uint32_t oracle_taken_of(const struct oracle *o, uint16_t queue)
{
	return o->ring[queue].ntaken;
}

uint64_t oracle_taken(const struct oracle *o)
{
	return o->serial;
}

void oracle_fence(struct oracle *o)
{
	o->fences++;
}

/* -- accesses -------------------------------------------------------------------------------------------- */

static void __attribute__((cold, noinline)) too_many_steps(struct oracle *o)
{
	if (o->worked)
		return;
	o->worked = true;
	oracle_cry(o, ORACLE_WORK, "", "more than %llu accesses to memory in one go",
		   (unsigned long long)o->steps_max);
}

static inline void count_step(struct oracle *o)
{
	if (++o->steps > o->steps_max)
		too_many_steps(o);
}

void oracle_load(struct oracle *o, enum vmem_for what, gpa_t a, uint32_t n, const void *data)
{
	count_step(o);
	if (o->tangled)
		return;
	switch (what) {
	case VMEM_DESC:
	case VMEM_INDIRECT:
		oracle_desc_load(o, what, a.v, n, data);
		break;
	case VMEM_HEADER:
		oracle_header_load(o, a.v, n);
		break;
	case VMEM_AVAIL_IDX:
	case VMEM_AVAIL_ENTRY:
	case VMEM_EVENT:
		o->layout->load(o, what, a.v, n, data);
		break;
	default:
		break;
	}
}

void oracle_store(struct oracle *o, enum vmem_for what, gpa_t a, uint32_t n, const void *data)
{
	count_step(o);
	if (o->tangled)
		return;
	if (what == VMEM_USED_ENTRY || what == VMEM_USED_IDX || what == VMEM_EVENT)
		o->layout->store(o, what, a.v, n, data);
	else
		oracle_loose_store(o, what, a.v, n, data);
}
