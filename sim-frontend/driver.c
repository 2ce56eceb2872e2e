// SPDX-License-Identifier: BSD-2-Clause
/* The model driver: from reset to live, notifications both ways, used entries. */
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>

#include "driver_int.h"

#define STATUS_START (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)

struct driver *driver_create(struct sim_device *d)
{
	struct driver *g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->device = d;
	g->ram = &d->machine->ram;
	for (int i = 0; i < VDEV_QUEUES_MAX; i++)
		g->queue[i].generation = 1;
	return g;
}

void driver_destroy(struct driver *g)
{
	free(g);
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

/* -- forgetting
 * ---------------------------------------------------------------------------------------------------- */

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
		if (q->posted[i].generation == q->generation)
			free_buffers(q, &q->posted[i]);
	heap_put(q->heap, q->area, q->area_len);
	q->up = false;
}

void driver_forget(struct driver *g)
{
	for (uint16_t i = 0; i < g->device->vdev->ops->nqueues; i++)
		driver_forget_queue(g, i);
	g->negotiated = g->live = false;
	g->features = 0;
}

void driver_restart(struct driver *g)
{
	driver_forget(g);
	g->how = BREAK_NOTHING;
	g->filled = 0;
	g->config_known = false;
}

/* -- setting up
 * ---------------------------------------------------------------------------------------------------- */

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

void driver_ok(struct driver *g)
{
	put32(g, VIRTIO_MMIO_STATUS, STATUS_START | VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	g->live = true;
}

/* Rings as close together as the alignments allow. Without EVENT_IDX there is no room for the event fields:
 * SeaBIOS does it so. */
static bool place_rings(struct driver *g, struct driver_queue *q, uint16_t queue, uint16_t size)
{
	struct machine *m = g->device->machine;
	uint32_t event = driver_has(g, VIRTIO_RING_F_EVENT_IDX) ? 2 : 0;
	uint32_t at[3] = {0, 16u * size, 0};
	at[2] = (at[1] + 4 + 2u * size + event + 3) & ~3u;
	q->area_len = at[2] + 4 + 8u * size + event;
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

/* Flags, indices and event fields begin at 0; entries may hold what somebody left there. */
static void clear_rings(struct driver *g, struct driver_queue *q)
{
	static const uint8_t zero[4];
	ring_put(g, q, 1, 0, zero, 4);
	ring_put(g, q, 2, 0, zero, 4);
	if (!driver_has(g, VIRTIO_RING_F_EVENT_IDX))
		return;
	ring_put(g, q, 1, 4 + 2u * q->size, zero, 2);
	ring_put(g, q, 2, 4 + 8u * q->size, zero, 2);
}

static void start_queue(struct driver_queue *q, uint16_t size)
{
	q->up = true;
	q->size = size;
	q->avail = q->kicked = q->used = 0;
	q->fresh = q->nfree = 0;
	q->wish = WISH_ALL;
	q->nposted = 0;
	q->generation++;
}

static uint16_t fitting_size(uint32_t size, uint32_t max)
{
	if (size == 0 || size > max)
		size = max;
	return (uint16_t)(1u << (31 - __builtin_clz(size)));
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
	if (!max || !place_rings(g, q, queue, fitting_size(size, max))) {
		driver_note(g, max ? "no room for the rings" : "no such queue");
		return false;
	}
	start_queue(q, fitting_size(size, max));
	clear_rings(g, q);
	put32(g, VIRTIO_MMIO_QUEUE_NUM, q->size);
	for (int i = 0; i < 3; i++) {
		uint32_t reg = VIRTIO_MMIO_QUEUE_DESC_LOW + 0x10u * (uint32_t)i;
		put32(g, reg, (uint32_t)q->gpa[i].v);
		put32(g, reg + 4, (uint32_t)(q->gpa[i].v >> 32));
	}
	put32(g, VIRTIO_MMIO_QUEUE_READY, 1);
	return true;
}

bool driver_is_told(const struct driver *g)
{
	return g->how != BREAK_NOTHING;
}

bool driver_is_live(const struct driver *g)
{
	return g->live;
}

bool driver_is_up(const struct driver *g, uint16_t queue)
{
	return queue < VDEV_QUEUES_MAX && g->queue[queue].up;
}

/* -- notifications
 * ------------------------------------------------------------------------------------------------- */

static bool kick_wanted(const struct driver *g, const struct driver_queue *q)
{
	if (!driver_has(g, VIRTIO_RING_F_EVENT_IDX))
		return !(ring_get16(q, 2, 0) & VRING_USED_F_NO_NOTIFY);
	return vring_need_event(ring_get16(q, 2, 4 + 8u * q->size), q->avail, q->kicked);
}

void driver_kick(struct driver *g, uint16_t queue)
{
	struct driver_queue *q = &g->queue[queue];
	if (!q->up) { /* a sloppy driver: nothing is there yet */
		put32(g, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
		return;
	}
	bool wanted = kick_wanted(g, q);
	q->kicked = q->avail;
	if (!wanted)
		return;
	g->device->machine->stats.kicks++;
	put32(g, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}

/* Tells the device what we want to hear of. */
static void put_wish(struct driver *g, struct driver_queue *q)
{
	uint16_t flags = q->wish == WISH_NONE ? VRING_AVAIL_F_NO_INTERRUPT : 0;
	if (!driver_has(g, VIRTIO_RING_F_EVENT_IDX)) {
		ring_put(g, q, 1, 0, &flags, 2);
		return;
	}
	uint16_t event = q->wish == WISH_ALL    ? q->used
			 : q->wish == WISH_NONE ? (uint16_t)(q->used - 1)
						: (uint16_t)(q->used + q->ahead);
	ring_put(g, q, 1, 4 + 2u * q->size, &event, 2);
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

/* -- used entries
 * -------------------------------------------------------------------------------------------------- */

static void take_used(struct driver *g, uint16_t queue, struct driver_queue *q, uint32_t id, uint32_t len)
{
	struct machine *m = g->device->machine;
	struct posted *p = id < q->size ? &q->posted[id] : NULL;
	uint8_t status = 0;
	if (!p || p->generation != q->generation) {
		driver_note(g, "used entry of a chain that was not posted");
		return;
	}
	bool has_status = p->has_status && ram_read(g->ram, p->status, &status, 1);
	m->stats.answered++;
	m->stats.failed += status != 0;
	if (m->events && m->events->used)
		m->events->used(m->events_ctx, g->device, queue, (uint16_t)id, len, p->type,
				has_status ? status : -1);
	for (uint16_t i = 0, d = (uint16_t)id; i < p->ndesc; i++, d = q->next[d])
		q->free[q->nfree++] = d;
	free_buffers(q, p);
}

static void reap_ring(struct driver *g, uint16_t queue, struct driver_queue *q)
{
	uint16_t end = ring_get16(q, 2, 2);
	for (uint32_t i = 0; q->used != end && i < q->size; i++) {
		uint32_t elem[2];
		memcpy(elem, q->host[2] + 4 + 8u * (q->used & (q->size - 1u)), sizeof(elem));
		q->used++;
		take_used(g, queue, q, elem[0], elem[1]);
	}
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
}
