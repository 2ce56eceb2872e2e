// SPDX-License-Identifier: BSD-2-Clause
/* The split ring (virtio 1.4, 2.7) from the driver's side. */
#include "driver_int.h"

enum { DESC, AVAIL, USED };

#define RING_IDX  2u /* offset of idx in both rings */
#define RING_BASE 4u /* offset of ring[] in both rings */

static uint32_t used_event_at(const struct driver_queue *q)
{
	return RING_BASE + 2u * q->size;
}

static uint32_t avail_event_at(const struct driver_queue *q)
{
	return RING_BASE + 8u * q->size;
}

/* Without EVENT_IDX there is no room for the event fields: SeaBIOS does it so. The available ring need not stand at more than
 * an even address (2.7). */
uint32_t driver_split_areas(const struct driver *g, uint16_t size, bool apart, uint32_t at[3])
{
	uint32_t event = driver_has(g, VIRTIO_RING_F_EVENT_IDX) ? 2 : 0;
	at[DESC] = 0;
	at[AVAIL] = 16u * size + (apart ? 2 : 0);
	at[USED] = (at[AVAIL] + RING_BASE + 2u * size + event + 3) & ~3u;
	return at[USED] + RING_BASE + 8u * size + event;
}

/* Flags, indices and our event field begin at 0; entries and the device's event field may hold what somebody left there. */
void driver_split_start(struct driver *g, struct driver_queue *q)
{
	static const uint8_t zero[4];
	q->avail = q->kicked = q->used = 0;
	ring_put(q, AVAIL, 0, zero, 4);
	ring_put(q, USED, 0, zero, 4);
	if (driver_has(g, VIRTIO_RING_F_EVENT_IDX))
		ring_put(q, AVAIL, used_event_at(q), zero, 2);
}

/* The indices in memory say what ours do. */
void driver_split_wind(struct driver *g, struct driver_queue *q)
{
	ring_put(q, AVAIL, RING_IDX, &q->avail, 2);
	ring_put(q, USED, RING_IDX, &q->used, 2);
	if (!driver_has(g, VIRTIO_RING_F_EVENT_IDX))
		return;
	ring_put(q, USED, avail_event_at(q), &q->avail, 2);
	ring_put(q, AVAIL, used_event_at(q), &q->used, 2);
}

/* -- publishing ------------------------------------------------------------------------------------------ */

static uint16_t after(const struct driver_queue *q, uint16_t desc)
{
	return desc + 1u < q->size ? (uint16_t)(desc + 1u) : 0;
}

/* With IN_ORDER descriptors are taken round and round, and come back in the same order (2.7.9). */
static uint16_t take_one(struct driver_queue *q)
{
	uint16_t desc = q->fresh;
	if (q->in_order)
		q->fresh = after(q, desc);
	else if (q->nfree)
		return q->free[--q->nfree];
	else
		q->fresh++;
	return desc;
}

void driver_split_take(struct driver_queue *q, struct plan *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		p->index[i] = take_one(q);
	p->id = p->index[0];
}

static void put_tables(struct driver *g, struct driver_queue *q, const struct plan *p,
		       const struct vring_desc *ring, const struct vring_desc *table)
{
	for (uint32_t i = 0; i < p->nindex; i++) {
		ring_put(q, DESC, 16u * p->index[i], &ring[i], 16);
		if (i + 1 < p->nindex)
			q->next[p->index[i]] = p->index[i + 1];
	}
	for (uint32_t i = 0; p->indirect && i < p->npieces - p->ndirect; i++)
		ram_put(g->ram, gpa_add(p->table, 16 * i), &table[i], sizeof(table[i]));
}

static void publish_head(struct driver_queue *q, uint16_t head, bool silent)
{
	ring_put(q, AVAIL, RING_BASE + 2u * (q->avail & (q->size - 1u)), &head, 2);
	q->avail++;
	if (!silent)
		ring_put(q, AVAIL, RING_IDX, &q->avail, 2);
}

void driver_split_publish(struct driver *g, struct driver_queue *q, const struct plan *p,
			  const struct vring_desc *ring, const struct vring_desc *table)
{
	uint16_t head = p->id;
	put_tables(g, q, p, ring, table);
	if (g->how == BREAK_HEAD)
		head = (uint16_t)(q->size + g->value);
	publish_head(q, head, g->how == BREAK_SILENT);
	if (g->how == BREAK_TWICE)
		publish_head(q, head, false);
	if (g->how == BREAK_JUMP) {
		uint16_t idx = (uint16_t)(q->avail + q->size + 1u + g->value);
		ring_put(q, AVAIL, RING_IDX, &idx, 2);
	}
}

/* -- used entries ---------------------------------------------------------------------------------------- */

bool driver_split_peek(const struct driver_queue *q, struct used *u)
{
	if (q->used == ring_get16(q, USED, RING_IDX))
		return false;
	memcpy(u, q->host[USED] + RING_BASE + 8u * (q->used & (q->size - 1u)), sizeof(*u));
	return true;
}

void driver_split_release(struct driver_queue *q, uint32_t id, uint16_t ndesc)
{
	q->used++;
	if (q->in_order)
		return;
	for (uint16_t i = 0, d = (uint16_t)id; i < ndesc; i++, d = q->next[d])
		q->free[q->nfree++] = d;
}

/* -- notifications --------------------------------------------------------------------------------------- */

bool driver_split_wants_kick(const struct driver *g, const struct driver_queue *q)
{
	if (!driver_has(g, VIRTIO_RING_F_EVENT_IDX))
		return !(ring_get16(q, USED, 0) & VRING_USED_F_NO_NOTIFY);
	return vring_need_event(ring_get16(q, USED, avail_event_at(q)), q->avail, q->kicked);
}

void driver_split_put_wish(struct driver *g, struct driver_queue *q)
{
	uint16_t flags = q->wish == WISH_NONE ? VRING_AVAIL_F_NO_INTERRUPT : 0;
	if (!driver_has(g, VIRTIO_RING_F_EVENT_IDX)) {
		ring_put(q, AVAIL, 0, &flags, 2);
		return;
	}
	uint16_t event = q->wish == WISH_ALL    ? q->used
			 : q->wish == WISH_NONE ? (uint16_t)(q->used - 1)
						: (uint16_t)(q->used + q->ahead);
	ring_put(q, AVAIL, used_event_at(q), &event, 2);
}

/* -- by hand --------------------------------------------------------------------------------------------- */

static bool claim(struct driver_queue *q, uint16_t head, uint32_t ndesc)
{
	if (ndesc == 0 || head < q->fresh || head + ndesc > q->size || (q->in_order && head != q->fresh) ||
	    ndesc > q->room)
		return false;
	claim_id(q, head, (uint16_t)ndesc);
	if (q->fresh == q->size && q->in_order)
		q->fresh = 0;
	for (uint32_t i = head; i + 1 < head + ndesc; i++)
		q->next[i] = (uint16_t)(i + 1);
	return true;
}

uint32_t driver_split_raw(struct driver_queue *q, uint16_t head, const uint8_t *desc, uint32_t ndesc)
{
	for (uint32_t i = 0; i < ndesc && head + i < q->size; i++)
		ring_put(q, DESC, 16u * (head + i), desc + 16u * i, 16);
	publish_head(q, head, false);
	return claim(q, head, ndesc) ? ndesc : 0;
}

void driver_split_again(struct driver_queue *q, uint16_t head, uint16_t advance)
{
	publish_head(q, head, false);
	if (advance <= q->size) /* a whole ring of old entries teaches no more than a few of them */
		advance %= 8;
	if (advance <= 1)
		return;
	q->avail = (uint16_t)(q->avail + advance - 1);
	ring_put(q, AVAIL, RING_IDX, &q->avail, 2);
}
