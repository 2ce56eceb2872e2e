// SPDX-License-Identifier: BSD-2-Clause
/* From a planned request to descriptors in a ring. */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "driver_int.h"

#define PIECE_GAP 8u /* nobody's bytes behind each segment: a store that runs over hits them */

/* -- buffers
 * ------------------------------------------------------------------------------------------------------- */

static uint32_t block_need(const struct plan *p, const struct driver_request *q)
{
	uint32_t n = p->indirect ? 16u * p->npieces + 16 + HEAP_BLOCK_LEN : 0;
	for (uint32_t i = 0; i < p->npieces; i++)
		n += p->piece[i].len + PIECE_GAP;
	return q->shape & SHAPE_RIGHT ? n : n - PIECE_GAP;
}

static bool get_block(struct driver *g, struct plan *p, const struct driver_request *q)
{
	struct machine *m = g->device->machine;
	static const enum heap_place places[4] = {HEAP_FIRST, HEAP_LAST, HEAP_SEAM, HEAP_SEAM};
	uint32_t where = q->shape >> SHAPE_PLACE_SHIFT & 3;
	enum heap_place place = where == 3 && (q->shape & SHAPE_RIGHT) ? HEAP_LAST : places[where];
	p->block_len = block_need(p, q);
	p->heap = where == 3 ? &m->heap_high : &m->heap_low;
	return heap_get(p->heap, p->block_len, place, &p->block);
}

/* Lays the segments out one behind the other, in their order or in the opposite one, the table at the front.
 */
static void place_pieces(struct plan *p, const struct driver_request *q)
{
	static const uint8_t off[4] = {0, 1, 2, 8};
	gpa_t at = p->block;
	uint32_t n = p->npieces;
	if (q->shape &
	    SHAPE_RIGHT) /* the gap behind the last segment is not needed: it ends with the block */
		at = gpa_add(at, heap_round(p->block_len) - p->block_len + PIECE_GAP);
	if (p->indirect) {
		uint64_t table = ((at.v + 15) & ~15ull) + off[q->shape >> SHAPE_ALIGN_SHIFT & 3];
		p->table = gpa(table);
		/* As far on as the block was made larger for it, so that the last segment's end stays where
		 * it is. */
		at = gpa_add(at, 16u * n + 16 + HEAP_BLOCK_LEN);
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = q->shape & SHAPE_REVERSE ? n - 1 - i : i;
		p->piece[k].at = at;
		at = gpa_add(at, p->piece[k].len + PIECE_GAP);
	}
}

/* Eight bytes at a time: what a payload holds must differ from request to request, no more. */
static void fill(struct driver *g, gpa_t a, uint32_t n)
{
	ram_touch(g->ram, a, n);
	while (n) {
		uint32_t part = n;
		uint8_t *p = ram_at(g->ram, a, &part);
		uint64_t v = 0x0101010101010101ull * (++g->filled & 0xff);
		uint32_t i = 0;
		for (; i + 8 <= part; i += 8, v += 0x10001)
			memcpy(p + i, &v, 8);
		memcpy(p + i, &v, part - i);
		a = gpa_add(a, part);
		n -= part;
	}
}

static void write_pieces(struct driver *g, const struct plan *p)
{
	uint32_t done = 0; /* of the header and the ranges */
	for (uint32_t i = 0; i < p->nread; i++) {
		uint32_t len = p->piece[i].len, left = p->bytes_len - done, n = len < left ? len : left;
		ram_write(g->ram, p->piece[i].at, p->bytes + done, n);
		done += n;
		if (len > n)
			fill(g, gpa_add(p->piece[i].at, n), len - n);
	}
}

/* -- descriptors
 * --------------------------------------------------------------------------------------------------- */

static bool take_descriptors(struct driver_queue *q, struct plan *p, uint32_t n)
{
	if ((uint32_t)(q->size - q->fresh) + q->nfree < n || q->nposted == q->size)
		return false;
	for (p->nindex = 0; p->nindex < n; p->nindex++)
		p->index[p->nindex] = q->nfree ? q->free[--q->nfree] : q->fresh++;
	return true;
}

static struct vring_desc describe(const struct plan *p, uint32_t i)
{
	struct vring_desc d = {.addr = p->piece[i].at.v, .len = p->piece[i].len};
	d.flags = i < p->nread ? 0 : VRING_DESC_F_WRITE;
	return d;
}

/* Fills in both tables; the ring's next fields name the descriptors that were taken. */
static void write_tables(const struct plan *p, struct vring_desc *ring, struct vring_desc *table)
{
	uint32_t direct = p->indirect ? p->ndirect : p->npieces;
	for (uint32_t i = 0; i < direct; i++)
		ring[i] = describe(p, i);
	if (p->indirect) {
		uint32_t n = p->npieces - direct;
		ring[direct] = (struct vring_desc){
			.addr = p->table.v, .len = 16 * n, .flags = VRING_DESC_F_INDIRECT};
		for (uint32_t i = 0; i < n; i++) {
			table[i] = describe(p, direct + i);
			table[i].flags |= i + 1 < n ? VRING_DESC_F_NEXT : 0;
			table[i].next = (uint16_t)(i + 1 < n ? i + 1 : 0);
		}
	}
	for (uint32_t i = 0; i + 1 < p->nindex; i++) {
		ring[i].flags |= VRING_DESC_F_NEXT;
		ring[i].next = p->index[i + 1];
	}
}

static void put_tables(struct driver *g, struct driver_queue *q, const struct plan *p,
		       const struct vring_desc *ring, const struct vring_desc *table)
{
	for (uint32_t i = 0; i < p->nindex; i++) {
		ring_put(g, q, 0, 16u * p->index[i], &ring[i], 16);
		if (i + 1 < p->nindex)
			q->next[p->index[i]] = p->index[i + 1];
	}
	if (p->indirect)
		ram_write(g->ram, p->table, table, 16 * (p->npieces - p->ndirect));
}

void driver_publish_head(struct driver *g, struct driver_queue *q, uint16_t head, bool silent)
{
	ring_put(g, q, 1, 4 + 2u * (q->avail & (q->size - 1u)), &head, 2);
	q->avail++;
	if (!silent)
		ring_put(g, q, 1, 2, &q->avail, 2);
}

/* -- posting
 * ------------------------------------------------------------------------------------------------------- */

static void remember(struct driver_queue *q, const struct plan *p, uint32_t type)
{
	struct posted *r = &q->posted[p->index[0]];
	r->generation = q->generation;
	r->type = type;
	r->ndesc = (uint16_t)p->nindex;
	r->heap = p->heap;
	r->block = p->block;
	r->block_len = p->block_len;
	r->has_status = p->has_status && p->npieces > p->nread;
	if (r->has_status)
		r->status = gpa_add(p->piece[p->npieces - 1].at, p->piece[p->npieces - 1].len - 1);
	q->nposted++;
}

static void publish_plan(struct driver *g, struct driver_queue *q, const struct plan *p)
{
	uint16_t head = p->index[0];
	if (g->how == BREAK_HEAD)
		head = (uint16_t)(q->size + g->value);
	driver_publish_head(g, q, head, g->how == BREAK_SILENT);
	if (g->how == BREAK_TWICE)
		driver_publish_head(g, q, head, false);
	if (g->how == BREAK_JUMP) {
		uint16_t idx = (uint16_t)(q->avail + q->size + 1u + g->value);
		ring_put(g, q, 1, 2, &idx, 2);
	}
}

static void choose_table(const struct driver *g, struct plan *p, const struct driver_request *q)
{
	uint32_t how = q->shape >> SHAPE_TABLE_SHIFT & 3;
	p->indirect = (how || g->how == BREAK_SEGMENTS) && driver_has(g, VIRTIO_RING_F_INDIRECT_DESC);
	p->ndirect = p->indirect && how == 3 && p->npieces > 1 ? 1 : 0;
}

static void post(struct driver *g, uint16_t queue, const struct driver_request *r)
{
	struct driver_queue *q = &g->queue[queue];
	struct vring_desc ring[CHAIN_MAX + 1], table[CHAIN_MAX];
	struct plan p;
	if (!plan_request(g, &p, r)) {
		driver_note(g, "an empty request can not be posted");
		return;
	}
	choose_table(g, &p, r);
	if (!get_block(g, &p, r)) {
		driver_note(g, "no room for buffers");
		return;
	}
	if (!take_descriptors(q, &p, p.indirect ? p.ndirect + 1 : p.npieces)) {
		driver_note(g, "no free descriptors");
		heap_put(p.heap, p.block, p.block_len);
		return;
	}
	place_pieces(&p, r);
	write_pieces(g, &p);
	write_tables(&p, ring, table);
	if (g->how)
		break_chain(g, &p, ring, table);
	put_tables(g, q, &p, ring, table);
	remember(q, &p, r->type);
	publish_plan(g, q, &p);
	g->device->machine->stats.requests++;
}

/* A driver whose device asks for a reset gives it one. */
static bool make_ready(struct driver *g, uint16_t queue)
{
	if (g->device->vdev->status & VIRTIO_CONFIG_S_NEEDS_RESET)
		driver_reset(g);
	if (!g->negotiated && !driver_negotiate(g, 0))
		return false;
	if (!g->queue[queue].up && !driver_set_up(g, queue, DRIVER_QUEUE_SIZE))
		return false;
	if (!g->live)
		driver_ok(g);
	return true;
}

void driver_post(struct driver *g, uint16_t queue, const struct driver_request *r)
{
	if (make_ready(g, queue))
		post(g, queue, r);
	g->how = BREAK_NOTHING;
}

void driver_break(struct driver *g, uint32_t how, uint32_t at, uint64_t value)
{
	g->how = how % BREAK_COUNT;
	g->at = at;
	g->value = value;
}

/* -- by hand
 * ------------------------------------------------------------------------------------------------------- */

/* Descriptors that nobody has are ours from now on, so that the answer is taken like any other. */
static void claim(struct driver_queue *q, uint16_t head, uint32_t ndesc)
{
	if (head < q->fresh || ndesc == 0 || head + ndesc > q->size)
		return;
	for (; q->fresh < head; q->fresh++)
		q->free[q->nfree++] = q->fresh;
	q->fresh = (uint16_t)(q->fresh + ndesc);
	q->posted[head] = (struct posted){.generation = q->generation, .ndesc = (uint16_t)ndesc};
	for (uint32_t i = head; i + 1 < head + ndesc; i++)
		q->next[i] = (uint16_t)(i + 1);
	q->nposted++;
}

void driver_chain(struct driver *g, uint16_t queue, uint16_t head, const void *desc, uint32_t ndesc)
{
	struct driver_queue *q = &g->queue[queue];
	if (!make_ready(g, queue))
		return;
	for (uint32_t i = 0; i < ndesc && head + i < q->size; i++)
		ring_put(g, q, 0, 16u * (head + i), (const uint8_t *)desc + 16u * i, 16);
	claim(q, head, ndesc);
	driver_publish_head(g, q, head, false);
	g->device->machine->stats.requests++;
}

void driver_publish(struct driver *g, uint16_t queue, uint16_t head, uint16_t advance)
{
	struct driver_queue *q = &g->queue[queue];
	if (!make_ready(g, queue))
		return;
	driver_publish_head(g, q, head, false);
	g->device->machine->stats.requests++;
	if (advance <= q->size) /* a whole ring of old entries teaches no more than a few of them */
		advance %= 8;
	if (advance <= 1)
		return;
	q->avail = (uint16_t)(q->avail + advance - 1);
	ring_put(g, q, 1, 2, &q->avail, 2);
}
