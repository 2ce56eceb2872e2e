// SPDX-License-Identifier: BSD-2-Clause
/* From a planned request to descriptors in a ring. */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "driver_int.h"

#define HEADER_LEN 16u
#define PIECE_GAP  8u /* nobody's bytes behind each segment: a store that runs over hits them */

/* -- buffers --------------------------------------------------------------------------------------------- */

static uint32_t block_need(const struct plan *p, const struct driver_request *q)
{
	uint32_t n =
		p->len + PIECE_GAP * p->npieces + (p->indirect ? 16u * p->npieces + 16 + HEAP_BLOCK_LEN : 0);
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
	if (!heap_get(p->heap, p->block_len, place, &p->block))
		return false;
	ram_touch(g->ram, p->block, heap_round(p->block_len)); /* once for all that both sides will store */
	return true;
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
	bool reverse = q->shape & SHAPE_REVERSE;
	for (uint32_t k = reverse ? n - 1 : 0, step = reverse ? UINT32_MAX : 1; n--; k += step) {
		p->piece[k].at = at;
		at = gpa_add(at, p->piece[k].len + PIECE_GAP);
	}
}

#define STAMP_EVERY 512u

/* What a payload holds must differ from request to request and from sector to sector, no more: where nobody judges
 * content, filling all of it would be a good part of what a request costs. */
static void fill_part(uint8_t *p, uint32_t n, uint64_t v)
{
	for (; n >= STAMP_EVERY; n -= STAMP_EVERY, p += STAMP_EVERY, v += 1ull << 32)
		memcpy(p, &v, sizeof(v));
	if (n >= sizeof(v))
		memcpy(p, &v, sizeof(v));
	else if (n)
		memset(p, (uint8_t)v, n);
}

static void fill(struct driver *g, gpa_t a, uint32_t n)
{
	while (n) {
		uint32_t part = n;
		uint8_t *p = ram_at(g->ram, a, &part);
		fill_part(p, part, ++g->filled);
		a = gpa_add(a, part);
		n -= part;
	}
}

static void write_pieces(struct driver *g, const struct plan *p)
{
	uint32_t done = 0, data = 0; /* bytes of the header and the ranges, and of what follows */
	for (uint32_t i = 0; i < p->nread; i++) {
		uint32_t len = p->piece[i].len, left = p->bytes_len - done, n = len < left ? len : left;
		if (n == HEADER_LEN) /* by far the most: one load, one store */
			ram_put(g->ram, p->piece[i].at, p->bytes + done, HEADER_LEN);
		else if (n)
			ram_put(g->ram, p->piece[i].at, p->bytes + done, n);
		done += n;
		if (len > n && p->content)
			g->type->fill(g, p->content, gpa_add(p->piece[i].at, n), data, len - n);
		else if (len > n)
			fill(g, gpa_add(p->piece[i].at, n), len - n);
		data += len - n;
	}
}

/* -- descriptors ----------------------------------------------------------------------------------------- */

static bool take_descriptors(struct driver_queue *q, struct plan *p, uint32_t n)
{
	if (q->room < n || q->nposted == q->size)
		return false;
	q->room = (uint16_t)(q->room - n);
	p->nindex = n;
	if (q->packed)
		driver_packed_take(q, p, n);
	else
		driver_split_take(q, p, n);
	return true;
}

static void describe(struct vring_desc *d, const struct plan *p, uint32_t i, bool more, uint16_t next)
{
	uint64_t flags = (i < p->nread ? 0u : VRING_DESC_F_WRITE) | (more ? VRING_DESC_F_NEXT : 0u);
	put_pair(d, p->piece[i].at.v, p->piece[i].len | flags << 32 | (uint64_t)next << 48);
}

/*
 * What stands in `next` of a descriptor in the ring. Packed: the id, which counts in the last one alone
 * (2.8.6); so others have another one.
 */
static uint16_t next_of(const struct driver_queue *q, const struct plan *p, uint32_t i)
{
	bool last = i + 1 == p->nindex;
	if (q->packed)
		return last ? p->id : (uint16_t)~p->id;
	return last ? 0 : p->index[i + 1];
}

/* WRITE means nothing beside INDIRECT in a split ring (split.indirect.1); some tables' addresses come with it. */
static uint64_t indirect_flags(const struct driver_queue *q, const struct plan *p)
{
	bool write = !q->packed && p->table.v & 9;
	return VRING_DESC_F_INDIRECT | (write ? VRING_DESC_F_WRITE : 0);
}

/* Fills in both tables. In a packed ring's table only WRITE means anything: no id, no NEXT (2.8.7). */
static void write_tables(const struct driver_queue *q, const struct plan *p, struct vring_desc *ring,
			 struct vring_desc *table)
{
	uint32_t direct = p->indirect ? p->ndirect : p->npieces, n = p->npieces - direct;
	for (uint32_t i = 0; i < direct; i++)
		describe(&ring[i], p, i, i + 1 < p->nindex, next_of(q, p, i));
	if (p->indirect)
		put_pair(&ring[direct], p->table.v,
			 16 * n | (uint64_t)indirect_flags(q, p) << 32 |
				 (uint64_t)next_of(q, p, direct) << 48);
	for (uint32_t i = 0; i < n; i++) {
		bool more = i + 1 < n && !q->packed;
		describe(&table[i], p, direct + i, more, more ? (uint16_t)(i + 1) : 0);
	}
}

/* -- posting --------------------------------------------------------------------------------------------- */

/* From now on the driver waits for the answer. */
static void remember(struct driver_queue *q, uint16_t id, const struct posted *r)
{
	q->posted[id] = *r;
	if (q->in_order)
		q->order[(q->oldest + q->nposted) % q->size] = id;
	q->nposted++;
}

static void remember_plan(struct driver_queue *q, const struct plan *p, uint32_t type)
{
	const struct content_piece *last = &p->piece[p->npieces - 1];
	bool has_status = p->has_status && p->npieces > p->nread;
	struct posted r = {
		.generation = q->generation,
		.type = type,
		.ndesc = (uint16_t)p->nindex,
		.heap = p->heap,
		.block = p->block,
		.block_len = p->block_len,
		.write_len = p->write_len,
		.content = p->content,
		.has_status = has_status,
		.status = has_status ? gpa_add(last->at, last->len - 1) : gpa(0),
	};
	remember(q, p->id, &r);
}

static void choose_table(const struct driver *g, struct plan *p, const struct driver_request *q)
{
	uint32_t how = q->shape >> SHAPE_TABLE_SHIFT & 3;
	p->indirect = (how || g->how == BREAK_SEGMENTS) && driver_has(g, VIRTIO_RING_F_INDIRECT_DESC);
	p->ndirect =
		p->indirect && how == 3 && p->npieces > 1 && !driver_has(g, VIRTIO_F_RING_PACKED) ? 1 : 0;
}

/* A chain that does not say what the request says is nothing that content could be expected of. */
static void tell_content(struct driver *g, uint16_t queue, struct plan *p)
{
	if (g->how >= BREAK_ADDR && g->how != BREAK_SILENT)
		judges_distrust(g->device);
	p->content = g->type->posted(g, queue, p);
}

static void post(struct driver *g, uint16_t queue, const struct driver_request *r)
{
	struct driver_queue *q = &g->queue[queue];
	struct vring_desc ring[CHAIN_MAX + 1], table[CHAIN_MAX];
	struct plan p;
	if (!plan_request(g, &p, queue, r)) {
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
	tell_content(g, queue, &p);
	write_pieces(g, &p);
	write_tables(q, &p, ring, table);
	if (g->how)
		break_chain(g, &p, ring, table);
	remember_plan(q, &p, r->type);
	if (q->packed)
		driver_packed_publish(g, q, &p, ring, table);
	else
		driver_split_publish(g, q, &p, ring, table);
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
	if (!g->live && !g->early)
		driver_ok(g);
	if (g->live && g->type->begin)
		g->type->begin(g);
	return true;
}

void driver_post(struct driver *g, uint16_t queue, const struct driver_request *r)
{
	if (make_ready(g, queue))
		post(g, queue, r);
	g->how = BREAK_NOTHING;
}

void driver_post_plain(struct driver *g, uint16_t queue, const struct driver_request *r)
{
	uint32_t how = g->how;
	g->how = BREAK_NOTHING;
	post(g, queue, r);
	g->how = how;
}

bool driver_feed(struct driver *g, uint16_t queue, const struct driver_request *r)
{
	uint32_t before = g->queue[queue].nposted;
	if (!driver_is_ready(g, queue))
		return false;
	driver_post_plain(g, queue, r);
	driver_kick(g, queue);
	return g->queue[queue].nposted != before;
}

void driver_break(struct driver *g, uint32_t how, uint32_t at, uint64_t value)
{
	g->how = how % BREAK_COUNT;
	g->at = at;
	g->value = value;
}

/* -- by hand --------------------------------------------------------------------------------------------- */

/* Descriptors that nobody has are ours from now on, so that the answer is taken like any other. */
void driver_chain(struct driver *g, uint16_t queue, uint16_t head, const void *desc, uint32_t ndesc)
{
	struct driver_queue *q = &g->queue[queue];
	if (!make_ready(g, queue))
		return;
	uint32_t ours =
		q->packed ? driver_packed_raw(q, head, desc, ndesc) : driver_split_raw(q, head, desc, ndesc);
	if (ours) {
		q->room = (uint16_t)(q->room - ours);
		struct posted r = {.generation = q->generation, .ndesc = (uint16_t)ours};
		remember(q, head, &r);
	}
	g->device->machine->stats.requests++;
}

void driver_publish(struct driver *g, uint16_t queue, uint16_t head, uint16_t advance)
{
	struct driver_queue *q = &g->queue[queue];
	if (!make_ready(g, queue))
		return;
	if (q->packed)
		driver_packed_again(q, head, advance);
	else
		driver_split_again(q, head, advance);
	g->device->machine->stats.requests++;
}
