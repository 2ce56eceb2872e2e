// SPDX-License-Identifier: BSD-2-Clause
/*
 * The packed ring (virtio 1.4, 2.8) from the driver's side. A chain's descriptors go into the next slots; the
 * flags of its first one are stored last and make all of it available. In what comes from the layers above a
 * descriptor's `next` is its buffer id.
 */
#include "driver_int.h"

enum { DESC, DRIVER, DEVICE };

#define EVENT_POS   0u /* offsets in an event suppression structure */
#define EVENT_FLAGS 2u
#define EVENT_LEN   4u
#define FLAGS_AT    14u /* of a descriptor */
#define F_AVAIL     (1u << VRING_PACKED_DESC_F_AVAIL)
#define F_USED      (1u << VRING_PACKED_DESC_F_USED)
#define WRAP        (1u << VRING_PACKED_EVENT_F_WRAP_CTR) /* of a position */

uint32_t driver_packed_areas(uint16_t size, uint32_t at[3])
{
	at[DESC] = 0;
	at[DRIVER] = 16u * size;
	at[DEVICE] = at[DRIVER] + EVENT_LEN;
	return at[DEVICE] + EVENT_LEN;
}

void driver_packed_start(struct driver_queue *q)
{
	memset(q->host[DESC], 0, q->area_len);
	q->avail = q->kicked = q->used = WRAP;
	q->since = q->unseen = 0;
}

/* -- positions ------------------------------------------------------------------------------------------- */

static uint32_t slot_at(uint16_t pos)
{
	return 16u * (pos & (WRAP - 1));
}

/* n entries further on, at most one round. */
static uint16_t add(const struct driver_queue *q, uint16_t pos, uint32_t n)
{
	uint32_t slot = (pos & (WRAP - 1)) + n, wrap = pos & WRAP;
	return (uint16_t)(slot < q->size ? slot | wrap : (slot - q->size) | (wrap ^ WRAP));
}

uint16_t driver_packed_next(const struct driver_queue *q, uint16_t pos)
{
	return add(q, pos, 1);
}

/* From one position to another one, in slots. */
static uint32_t distance(const struct driver_queue *q, uint16_t from, uint16_t to)
{
	uint32_t a = from & (WRAP - 1), b = to & (WRAP - 1);
	if ((from ^ to) & WRAP)
		b += q->size;
	return b >= a ? b - a : b + 2u * q->size - a;
}

static uint16_t available(uint16_t pos)
{
	return pos & WRAP ? F_AVAIL : F_USED;
}

/* -- publishing ------------------------------------------------------------------------------------------ */

void driver_packed_take(struct driver_queue *q, struct plan *p, uint32_t n)
{
	(void)n;
	p->id = p->index[0] = q->nfree ? q->free[--q->nfree] : q->fresh++;
}

static uint64_t upper_half(const struct vring_desc *d, uint16_t flags)
{
	return d->len | (uint64_t)d->next << 32 | (uint64_t)flags << 48;
}

static void put_desc(struct driver_queue *q, uint16_t pos, const struct vring_desc *d)
{
	put_pair(q->host[DESC] + slot_at(pos), d->addr, upper_half(d, d->flags ^ available(pos)));
}

/* Its flags stay what they were. */
static void put_first(struct driver_queue *q, const struct vring_desc *d)
{
	uint32_t at = slot_at(q->avail);
	put_pair(q->host[DESC] + at, d->addr, upper_half(d, ring_get16(q, DESC, at + FLAGS_AT)));
}

static void put_flags(struct driver_queue *q, uint16_t pos, uint16_t flags)
{
	ring_put(q, DESC, slot_at(pos) + FLAGS_AT, &flags, 2);
}

/*
 * The chain at `avail`, n slots long, becomes available. A silent one waits for a later one that is not, and
 * then both appear: the device sees nothing of what lies behind the flags that are held back.
 */
static void show(struct driver_queue *q, uint16_t flags, uint32_t n, bool silent)
{
	flags ^= available(q->avail);
	if (silent && !q->hidden) {
		q->hidden = true;
		q->hidden_at = q->avail;
		q->hidden_flags = flags;
	} else {
		put_flags(q, q->avail, flags);
	}
	if (q->hidden && !silent) {
		put_flags(q, q->hidden_at, q->hidden_flags);
		q->hidden = false;
	}
	q->avail = add(q, q->avail, n);
	q->unseen += n;
	if (!silent) {
		q->since += q->unseen;
		q->unseen = 0;
	}
}

static void put_chain(struct driver_queue *q, const struct vring_desc *d, uint32_t n, bool silent)
{
	for (uint32_t i = n; i-- > 1;)
		put_desc(q, add(q, q->avail, i), &d[i]);
	put_first(q, d);
	show(q, d->flags, n, silent);
}

/* BREAK_JUMP: the list goes on behind the chain's end, all around the ring. */
static void put_endless(struct driver_queue *q, struct vring_desc *d, uint32_t n)
{
	d[n - 1].flags |= VRING_DESC_F_NEXT;
	for (uint32_t i = n; i < q->size; i++)
		put_desc(q, add(q, q->avail, i), &d[n - 1]);
}

/* In an indirect table only WRITE means anything: no id, no NEXT (2.8.7). */
static void put_table(struct driver *g, const struct plan *p, const struct vring_desc *table)
{
	for (uint32_t i = 0; i < p->npieces; i++) {
		struct vring_packed_desc e;
		put_pair(&e, table[i].addr, upper_half(&table[i], table[i].flags));
		ram_put(g->ram, gpa_add(p->table, 16 * i), &e, sizeof(e));
	}
}

void driver_packed_publish(struct driver *g, struct driver_queue *q, const struct plan *p,
			   struct vring_desc *ring, const struct vring_desc *table)
{
	struct vring_desc *last = &ring[p->nindex - 1];
	if (p->indirect)
		put_table(g, p, table);
	if (g->how == BREAK_HEAD)
		last->next = (uint16_t)(q->size + g->value);
	if (g->how == BREAK_JUMP)
		put_endless(q, ring, p->nindex);
	put_chain(q, ring, p->nindex, g->how == BREAK_SILENT);
	if (g->how == BREAK_TWICE)
		put_chain(q, last, 1, false);
}

/* -- used entries ---------------------------------------------------------------------------------------- */

bool driver_packed_peek(const struct driver_queue *q, struct used *u)
{
	struct vring_packed_desc e;
	memcpy(&e, q->host[DESC] + slot_at(q->used), sizeof(e));
	if ((e.flags & (F_AVAIL | F_USED)) != (q->used & WRAP ? F_AVAIL | F_USED : 0))
		return false;
	*u = (struct used){e.id, e.flags & VRING_DESC_F_WRITE ? e.len : 0};
	return true;
}

void driver_packed_release(struct driver_queue *q, uint32_t id, uint16_t ndesc)
{
	q->used = add(q, q->used, ndesc);
	q->free[q->nfree++] = (uint16_t)id;
}

/* -- notifications --------------------------------------------------------------------------------------- */

bool driver_packed_wants_kick(const struct driver *g, const struct driver_queue *q)
{
	uint16_t event = ring_get16(q, DEVICE, EVENT_POS), flags = ring_get16(q, DEVICE, EVENT_FLAGS);
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !driver_has(g, VIRTIO_RING_F_EVENT_IDX))
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	return distance(q, q->kicked, event) < q->since;
}

/* The position first, then the flags that say to look at it. */
void driver_packed_put_wish(struct driver *g, struct driver_queue *q)
{
	uint16_t flags = VRING_PACKED_EVENT_FLAG_ENABLE, event = q->used;
	if (q->wish == WISH_NONE)
		flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	else if (driver_has(g, VIRTIO_RING_F_EVENT_IDX))
		flags = VRING_PACKED_EVENT_FLAG_DESC;
	for (uint32_t left = q->wish == WISH_AHEAD ? q->ahead % (2u * q->size) : 0, n; left; left -= n) {
		n = left < q->size ? left : q->size;
		event = add(q, event, n);
	}
	if (flags == VRING_PACKED_EVENT_FLAG_DESC)
		ring_put(q, DRIVER, EVENT_POS, &event, 2);
	ring_put(q, DRIVER, EVENT_FLAGS, &flags, 2);
}

/* -- by hand --------------------------------------------------------------------------------------------- */

static bool claim(struct driver_queue *q, uint16_t id, uint32_t ndesc)
{
	if (ndesc == 0 || id < q->fresh || id >= q->size || ndesc > q->room)
		return false;
	claim_id(q, id, 1);
	return true;
}

/* Slots that are not ours are overwritten as well: who asks for that, gets it. */
uint32_t driver_packed_raw(struct driver_queue *q, uint16_t id, const uint8_t *desc, uint32_t ndesc)
{
	struct vring_desc d[16];
	uint32_t n = ndesc < 16 ? ndesc : 16;
	n = n < q->size ? n : q->size;
	for (uint32_t i = 0; i < n; i++) {
		struct vring_packed_desc e;
		memcpy(&e, desc + 16u * i, sizeof(e));
		d[i] = (struct vring_desc){e.addr, e.len, e.flags, e.id};
	}
	if (!n)
		return 0;
	d[n - 1].next = id;
	put_chain(q, d, n, false);
	return claim(q, id, n) ? n : 0;
}

/* What stands in the next slots is made available once more, whatever it is. */
void driver_packed_again(struct driver_queue *q, uint16_t id, uint16_t advance)
{
	uint32_t n = advance < 8 ? advance : advance % 8;
	for (uint32_t i = 0; i == 0 || i < n; i++) {
		uint32_t at = slot_at(q->avail);
		uint16_t flags = ring_get16(q, DESC, at + FLAGS_AT) & (uint16_t) ~(F_AVAIL | F_USED);
		if (i == 0)
			ring_put(q, DESC, at + FLAGS_AT - 2, &id, 2);
		show(q, flags, 1, false);
	}
}
