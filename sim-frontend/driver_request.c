// SPDX-License-Identifier: BSD-2-Clause
/* What a request says, and into which segments it is cut. Nothing is written to guest memory here. */
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>

#include "driver_int.h"

/* What a type number of a program means (core/trace/ops.def). */
enum { SAY_IN, SAY_OUT, SAY_FLUSH, SAY_GET_ID, SAY_DISCARD, SAY_WRITE_ZEROES, SAY_UNKNOWN };

static const uint32_t wire_type[8] = {
	VIRTIO_BLK_T_IN,
	VIRTIO_BLK_T_OUT,
	VIRTIO_BLK_T_FLUSH,
	VIRTIO_BLK_T_GET_ID,
	VIRTIO_BLK_T_DISCARD,
	VIRTIO_BLK_T_WRITE_ZEROES,
	0x7f,
	VIRTIO_BLK_T_SECURE_ERASE,
};

struct wording {
	uint32_t read_data, write_data; /* bytes beyond header and ranges; beyond which there is the status */
};

static void put_bytes(struct plan *p, const void *bytes, uint32_t n)
{
	memcpy(p->bytes + p->bytes_len, bytes, n);
	p->bytes_len += n;
}

/* Ranges next to each other from the sector on, so that they are legal unless told otherwise. */
static void put_ranges(struct driver *g, struct plan *p, const struct driver_request *q, uint64_t sectors)
{
	uint32_t n = g->how == BREAK_RANGES ? (uint32_t)(g->value % 20) : 1 + q->len / 512 % 16;
	for (uint32_t i = 0; i < n; i++) {
		struct virtio_blk_discard_write_zeroes w = {.num_sectors = 1 + q->len % 8};
		w.sector = (q->sector + 8ull * i) % (sectors > 8 ? sectors - 8 : 1);
		if (q->type == SAY_WRITE_ZEROES)
			w.flags = i & 1;
		if (g->how == BREAK_RANGE_SECTOR && g->at % n == i)
			w.sector = g->value;
		if (g->how == BREAK_RANGE_LENGTH && g->at % n == i)
			w.num_sectors = (uint32_t)g->value;
		if (g->how == BREAK_RANGE_FLAGS && g->at % n == i)
			w.flags = (uint32_t)g->value;
		put_bytes(p, &w, sizeof(w));
	}
}

/* Whole sectors inside of the capacity. */
static uint32_t data_len(const struct driver_request *q, uint64_t sectors, uint64_t *sector)
{
	uint64_t n = q->len ? (q->len + 511u) / 512 : 1;
	n = n > DRIVER_DATA_MAX / 512 ? 1 + n % (DRIVER_DATA_MAX / 512) : n;
	n = n > sectors ? sectors : n;
	*sector = q->sector <= sectors - n ? q->sector : q->sector % (sectors - n + 1);
	return (uint32_t)n * 512;
}

static void say_blk(struct driver *g, struct plan *p, const struct driver_request *q, struct wording *c)
{
	uint64_t sectors = g->capacity, sector = 0;
	uint32_t n = data_len(q, sectors, &sector);
	if (g->how == BREAK_SIZE)
		n += 1 + (uint32_t)g->value % 511;
	uint32_t type = g->how == BREAK_TYPE ? (uint32_t)g->value : wire_type[q->type % 8];
	put_pair(p->bytes, type, g->how == BREAK_SECTOR ? sectors + g->value : sector);
	p->bytes_len = sizeof(struct virtio_blk_outhdr);
	if (q->type == SAY_IN)
		c->write_data = n;
	else if (q->type == SAY_OUT)
		c->read_data = n;
	else if (q->type == SAY_GET_ID)
		c->write_data = q->len ? q->len % 64 : 20;
	else if (q->type == SAY_DISCARD || q->type == SAY_WRITE_ZEROES)
		put_ranges(g, p, q, sectors);
	p->has_status = true;
}

static void say_rng(struct driver *g, struct plan *p, const struct driver_request *q, struct wording *c)
{
	static const uint8_t extra[8];
	if (g->how == BREAK_EXTRA_READ)
		put_bytes(p, extra, sizeof(extra));
	c->write_data = 1 + q->len % DRIVER_DATA_MAX;
}

/* -- cutting --------------------------------------------------------------------------------------------- */

static void add_piece(struct plan *p, uint32_t len)
{
	if (p->npieces < CHAIN_MAX)
		p->piece[p->npieces++].len = len;
}

static void cut_header(struct plan *p, uint32_t shape)
{
	uint32_t how = shape >> SHAPE_HEADER_SHIFT & 3, n = p->bytes_len;
	if (how == 1 && n > 1) {
		add_piece(p, n / 2 - (shape & SHAPE_UNEVEN ? n / 4 : 0));
		add_piece(p, n - p->piece[p->npieces - 1].len);
	} else if (how == 2 && n >= 16) {
		for (int i = 0; i < 16; i++)
			add_piece(p, i == 15 ? n - 15 : 1);
	} else if (n) {
		add_piece(p, n);
	}
}

/* Nearly equal pieces of whole sectors, or not whole ones. The last takes what is left. */
static void cut_data(struct plan *p, uint32_t len, uint32_t shape)
{
	uint32_t n = (shape & SHAPE_SEGS) + 1, left = len, unit = shape & SHAPE_UNEVEN ? 1 : 512;
	uint32_t each = n > 1 ? len / n / unit * unit : 0;
	if (shape & SHAPE_EMPTY)
		add_piece(p, 0);
	for (uint32_t i = 1; i < n && each && left > each; i++, left -= each)
		add_piece(p, each);
	if (left)
		add_piece(p, left);
}

/* The readable half, then the writable one, the status last. */
static void cut(struct plan *p, const struct wording *c, uint32_t shape)
{
	uint32_t joined = (shape >> SHAPE_HEADER_SHIFT & 3) == 3;
	cut_header(p, shape);
	uint32_t first_data = p->npieces;
	if (c->read_data)
		cut_data(p, c->read_data, shape);
	if (joined && first_data && p->npieces > first_data && p->piece[first_data].len) {
		p->piece[first_data - 1].len += p->piece[first_data].len;
		for (uint32_t i = first_data; i + 1 < p->npieces; i++)
			p->piece[i] = p->piece[i + 1];
		p->npieces--;
	}
	p->nread = p->npieces;
	if (c->write_data)
		cut_data(p, c->write_data, shape);
	if (!p->has_status)
		return;
	if ((shape & SHAPE_STATUS_JOINED) && p->npieces > p->nread)
		p->piece[p->npieces - 1].len++;
	else
		add_piece(p, 1);
}

/* A header that is too short, and nothing behind it. */
static void shorten(struct driver *g, struct plan *p, struct wording *c)
{
	uint32_t n = (uint32_t)(g->value % 16);
	if (n > p->bytes_len) /* the entropy device has no header */
		memset(p->bytes + p->bytes_len, 0, n - p->bytes_len);
	p->bytes_len = n;
	c->read_data = 0;
}

bool plan_request(struct driver *g, struct plan *p, const struct driver_request *q)
{
	struct wording c = {0};
	p->nread = p->npieces = p->bytes_len = p->nindex = p->ndirect = 0;
	p->has_status = false;
	if (g->device->type->id == VIRTIO_ID_BLOCK)
		say_blk(g, p, q, &c);
	else
		say_rng(g, p, q, &c);
	if (g->how == BREAK_HEADER)
		shorten(g, p, &c);
	if (g->how == BREAK_NO_STATUS)
		c.write_data = 0;
	cut(p, &c, q->shape);
	if (g->how == BREAK_NO_STATUS && p->npieces > p->nread)
		p->npieces = p->nread;
	if (g->how == BREAK_SEGMENTS)
		for (uint32_t n = VQ_SEGS_MAX + 1 + (uint32_t)g->value % 16; p->npieces < n;)
			add_piece(p, 1);
	p->write_len = 0;
	for (uint32_t i = p->nread; i < p->npieces; i++)
		p->write_len += p->piece[i].len;
	return p->npieces > 0;
}
