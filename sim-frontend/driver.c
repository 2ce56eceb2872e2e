// SPDX-License-Identifier: BSD-2-Clause
/* The model driver: from reset to live, notifications both ways, used entries. */
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>

#include "driver_int.h"
#include "pages.h"

#define RESET_POLLS_MAX 100
#define STATUS_START    (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)

struct driver *driver_create(struct sim_device *d)
{
	struct driver *g = pages_take(sizeof(*g));
	if (!g)
		return NULL;
	g->device = d;
	g->type = d->type->driver;
	g->ram = &d->machine->ram;
	for (int i = 0; i < VDEV_QUEUES_MAX; i++)
		g->queue[i].generation = 1;
	return g;
}

void driver_destroy(struct driver *g)
{
	pages_give(g, sizeof(*g));
}

void driver_note(struct driver *g, const char *text)
{
	struct machine *m = g->device->machine;
	if (m->events && m->events->note)
		m->events->note(m->events_ctx, g->device, text);
}

static void put32(struct driver *g, uint32_t off, uint32_t value)
{
	machine_write(g->device, off, 4, value);
}

static uint32_t get32(struct driver *g, uint32_t off)
{
	return (uint32_t)machine_read(g->device, off, 4);
}

/* -- forgetting ------------------------------------------------------------------------------------------ */

static void free_buffers(struct driver_queue *q, struct posted *p)
{
	if (p->heap)
		heap_put(p->heap, p->block, p->block_len);
	p->generation = 0;
	q->nposted--;
}

void driver_forget_queue(struct driver *g, uint16_t queue)
{
	struct driver_queue *q = &g->queue[queue];
	if (!q->up)
		return;
	for (uint32_t i = 0; q->nposted && i < q->size; i++)
		if (q->posted[i].generation == q->generation) {
			g->type->dropped(g, q->posted[i].content);
			free_buffers(q, &q->posted[i]);
		}
	if (g->type->forget_queue)
		g->type->forget_queue(g, queue);
	heap_put(q->heap, q->area, q->area_len);
	q->up = false;
}

void driver_forget(struct driver *g)
{
	for (uint16_t i = 0; i < g->device->vdev->ops->nqueues; i++)
		driver_forget_queue(g, i);
	if (g->type->forget)
		g->type->forget(g);
	g->negotiated = g->live = g->early = false;
	g->features = 0;
}

void driver_restart(struct driver *g)
{
	driver_forget(g);
	g->how = BREAK_NOTHING;
	g->filled = 0;
	g->config_known = false;
}

/* -- setting up ------------------------------------------------------------------------------------------ */

void driver_reset(struct driver *g)
{
	put32(g, VIRTIO_MMIO_STATUS, 0);
	driver_forget(g);
}

/* At the start, and when the device says that its configuration changed. */
static void read_config(struct driver *g)
{
	if (g->device->type->id != VIRTIO_ID_BLOCK)
		return;
	g->config_known = true;
	g->generation = get32(g, VIRTIO_MMIO_CONFIG_GENERATION);
	g->capacity = get32(g, VIRTIO_MMIO_CONFIG);
	g->capacity |= (uint64_t)get32(g, VIRTIO_MMIO_CONFIG + 4) << 32;
}

bool driver_negotiate(struct driver *g, uint64_t without)
{
	uint64_t offered = 0;
	driver_reset(g);
	put32(g, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	put32(g, VIRTIO_MMIO_STATUS, STATUS_START);
	for (uint32_t word = 0; word < 2; word++) {
		put32(g, VIRTIO_MMIO_DEVICE_FEATURES_SEL, word);
		offered |= (uint64_t)get32(g, VIRTIO_MMIO_DEVICE_FEATURES) << (32 * word);
	}
	g->features = offered & ~without;
	if (!g->config_known || get32(g, VIRTIO_MMIO_CONFIG_GENERATION) != g->generation)
		read_config(g);
	for (uint32_t word = 0; word < 2; word++) {
		put32(g, VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
		put32(g, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(g->features >> (32 * word)));
	}
	put32(g, VIRTIO_MMIO_STATUS, STATUS_START | VIRTIO_CONFIG_S_FEATURES_OK);
	g->negotiated = get32(g, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK;
	if (!g->negotiated)
		driver_note(g, "the device does not accept these features");
	return g->negotiated;
}

bool driver_wind(struct driver *g, uint16_t queue, uint16_t n)
{
	struct driver_queue *q = &g->queue[queue];
	if (!q->up || q->packed || q->avail || q->used || q->nposted || !g->live)
		return false;
	q->avail = q->kicked = q->used = n;
	driver_split_wind(g, q);
	return true;
}

void driver_ok(struct driver *g)
{
	put32(g, VIRTIO_MMIO_STATUS, STATUS_START | VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	g->live = true;
	g->early = false;
}

void driver_early(struct driver *g)
{
	g->early = !g->live;
}

static bool place_rings(struct driver *g, struct driver_queue *q, uint16_t queue, uint16_t size, bool apart)
{
	struct machine *m = g->device->machine;
	uint32_t at[3];
	q->area_len = q->packed ? driver_packed_areas(size, at) : driver_split_areas(g, size, apart, at);
	q->heap = queue & 1 ? &m->heap_high : &m->heap_rings;
	if (!heap_get(q->heap, q->area_len, HEAP_FIRST, &q->area))
		return false;
	for (int i = 0; i < 3; i++) {
		uint32_t n = 1;
		q->gpa[i] = gpa_add(q->area, at[i]);
		q->host[i] = ram_at(g->ram, q->gpa[i], &n);
	}
	return true;
}

static void start_queue(struct driver *g, struct driver_queue *q, uint16_t size)
{
	q->up = true;
	q->in_order = driver_has(g, VIRTIO_F_IN_ORDER);
	q->size = q->room = size;
	q->fresh = q->nfree = q->oldest = 0;
	q->wish = WISH_ALL;
	q->nposted = 0;
	q->hidden = false;
	q->generation++;
	ram_touch(g->ram, q->area, q->area_len); /* once for all that both sides will store */
	if (q->packed)
		driver_packed_start(q);
	else
		driver_split_start(g, q);
}

static uint16_t fitting_size(const struct driver_queue *q, uint32_t size, uint32_t max)
{
	if (size == 0 || size > max)
		size = max;
	return (uint16_t)(q->packed ? size : 1u << (31 - __builtin_clz(size)));
}

bool driver_set_up(struct driver *g, uint16_t queue, uint32_t size)
{
	struct driver_queue *q = &g->queue[queue];
	put32(g, VIRTIO_MMIO_QUEUE_SEL, queue);
	if (get32(g, VIRTIO_MMIO_QUEUE_READY)) {
		put32(g, VIRTIO_MMIO_QUEUE_READY, 0);
		driver_forget_queue(g, queue);
	}
	uint32_t max = get32(g, VIRTIO_MMIO_QUEUE_NUM_MAX);
	driver_forget_queue(g, queue);
	q->packed = driver_has(g, VIRTIO_F_RING_PACKED);
	uint16_t fit = max ? fitting_size(q, size, max) : 0;
	if (!max || !place_rings(g, q, queue, fit, size && fit < size && size <= max)) {
		driver_note(g, max ? "no room for the rings" : "no such queue");
		return false;
	}
	start_queue(g, q, fit);
	put32(g, VIRTIO_MMIO_QUEUE_NUM, q->size);
	for (int i = 0; i < 3; i++) {
		uint32_t reg = VIRTIO_MMIO_QUEUE_DESC_LOW + 0x10u * (uint32_t)i;
		put32(g, reg, (uint32_t)q->gpa[i].v);
		put32(g, reg + 4, (uint32_t)(q->gpa[i].v >> 32));
	}
	put32(g, VIRTIO_MMIO_QUEUE_READY, 1);
	return true;
}

/* Ours is over at once; another device may take its time, but not forever. */
void driver_reset_queue(struct driver *g, uint16_t queue)
{
	if (!driver_has(g, VIRTIO_F_RING_RESET)) {
		driver_note(g, "RING_RESET is not negotiated");
		return;
	}
	put32(g, VIRTIO_MMIO_QUEUE_SEL, queue);
	put32(g, VIRTIO_MMIO_QUEUE_RESET, 1);
	for (int i = 0; i < RESET_POLLS_MAX && get32(g, VIRTIO_MMIO_QUEUE_RESET); i++)
		;
	driver_forget_queue(g, queue);
}

bool driver_is_told(const struct driver *g)
{
	return g->how != BREAK_NOTHING;
}

bool driver_is_live(const struct driver *g)
{
	return g->live;
}

bool driver_is_ready(const struct driver *g, uint16_t queue)
{
	return g->negotiated && g->live && g->queue[queue].up &&
	       !(g->device->vdev->status & VIRTIO_CONFIG_S_NEEDS_RESET) && !(g->type->due && g->type->due(g));
}

bool driver_is_up(const struct driver *g, uint16_t queue)
{
	return queue < VDEV_QUEUES_MAX && g->queue[queue].up;
}

/* -- notifications --------------------------------------------------------------------------------------- */

static bool kick_wanted(const struct driver *g, const struct driver_queue *q)
{
	return q->packed ? driver_packed_wants_kick(g, q) : driver_split_wants_kick(g, q);
}

/* With NOTIFICATION_DATA, also how far we are: a position as it is, whatever the layout (4.2.3.3). */
uint32_t driver_kick_value(const struct driver *g, uint16_t queue)
{
	uint32_t at = driver_has(g, VIRTIO_F_NOTIFICATION_DATA) ? g->queue[queue].avail : 0;
	return at << 16 | queue;
}

void driver_kick(struct driver *g, uint16_t queue)
{
	struct driver_queue *q = &g->queue[queue];
	if (!q->up) { /* a sloppy driver: nothing is there yet */
		put32(g, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
		return;
	}
	bool wanted = kick_wanted(g, q);
	q->kicked = q->hidden ? q->hidden_at : q->avail;
	q->since = 0;
	if (!wanted)
		return;
	g->device->machine->stats.kicks++;
	put32(g, VIRTIO_MMIO_QUEUE_NOTIFY, driver_kick_value(g, queue));
}

static void put_wish(struct driver *g, struct driver_queue *q)
{
	if (q->packed)
		driver_packed_put_wish(g, q);
	else
		driver_split_put_wish(g, q);
}

void driver_wish(struct driver *g, uint16_t queue, enum driver_wish wish, uint16_t ahead)
{
	struct driver_queue *q = &g->queue[queue];
	if (!q->up)
		return;
	q->wish = wish;
	q->ahead = ahead;
	put_wish(g, q);
}

/* -- used entries ---------------------------------------------------------------------------------------- */

static bool is_posted(const struct driver_queue *q, uint32_t id)
{
	return id < q->size && q->posted[id].generation == q->generation;
}

static void release(struct driver_queue *q, uint32_t id)
{
	uint16_t ndesc = q->posted[id].ndesc;
	if (q->packed)
		driver_packed_release(q, id, ndesc);
	else
		driver_split_release(q, id, ndesc);
	q->room = (uint16_t)(q->room + ndesc);
	if (q->in_order)
		q->oldest = (uint16_t)((q->oldest + 1u) % q->size);
}

static void take_chain(struct driver *g, uint16_t queue, struct driver_queue *q, uint32_t id, uint32_t len)
{
	struct machine *m = g->device->machine;
	struct posted *p = &q->posted[id];
	uint8_t status = 0;
	bool has_status = p->has_status && ram_read(g->ram, p->status, &status, 1);
	m->stats.answered++;
	m->stats.failed += status != 0;
	if (m->events && m->events->used)
		m->events->used(m->events_ctx, g->device, queue, (uint16_t)id, len, p->type,
				has_status ? status : -1);
	g->type->answered(g, p->content, len, has_status ? status : -1);
	release(q, id);
	free_buffers(q, p);
}

/* With IN_ORDER, chains that an entry skips were used too, in full (2.7.9, 2.8.8). */
static void take_used(struct driver *g, uint16_t queue, struct driver_queue *q, const struct used *u)
{
	if (!is_posted(q, u->id)) {
		driver_note(g, "used entry of a chain that was not posted");
		q->used = q->packed ? driver_packed_next(q, q->used) : (uint16_t)(q->used + 1u);
		return;
	}
	while (q->in_order && q->order[q->oldest] != u->id) {
		uint16_t id = q->order[q->oldest];
		take_chain(g, queue, q, id, q->posted[id].write_len);
	}
	take_chain(g, queue, q, u->id, u->len);
}

static void reap_ring(struct driver *g, uint16_t queue, struct driver_queue *q)
{
	struct used u;
	for (uint32_t i = 0;
	     i < q->size && (q->packed ? driver_packed_peek(q, &u) : driver_split_peek(q, &u)); i++)
		take_used(g, queue, q, &u);
	if (driver_has(g, VIRTIO_RING_F_EVENT_IDX) && q->wish == WISH_ALL)
		put_wish(g, q);
}

void driver_reap(struct driver *g, uint16_t queue)
{
	struct driver_queue *q = &g->queue[queue];
	uint32_t isr = get32(g, VIRTIO_MMIO_INTERRUPT_STATUS);
	if (isr)
		put32(g, VIRTIO_MMIO_INTERRUPT_ACK, isr);
	if (isr & VDEV_ISR_CONFIG)
		read_config(g);
	if (q->up)
		reap_ring(g, queue, q);
	if (q->up && g->type->reaped)
		g->type->reaped(g, queue);
}

bool driver_converse(struct driver *g)
{
	return g->type->converse && g->live && g->type->converse(g);
}
