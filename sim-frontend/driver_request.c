// SPDX-License-Identifier: BSD-2-Clause
/* Into which segments a request is cut. Nothing is written to guest memory here. */
#include "driver_int.h"

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
	if (n > p->bytes_len) /* not all have a header */
		memset(p->bytes + p->bytes_len, 0, n - p->bytes_len);
	p->bytes_len = n;
	c->read_data = 0;
}

static uint32_t sum(const struct plan *p, uint32_t from, uint32_t to)
{
	uint32_t n = 0;
	for (const struct content_piece *piece = &p->piece[from]; piece < &p->piece[to]; piece++)
		n += piece->len;
	return n;
}

bool plan_request(struct driver *g, struct plan *p, uint16_t queue, const struct driver_request *q)
{
	struct wording c = {0};
	p->nread = p->npieces = p->bytes_len = p->nindex = p->ndirect = 0;
	p->has_status = false;
	if (!g->type->say(g, p, queue, q, &c))
		return false;
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
	p->write_len = sum(p, p->nread, p->npieces);
	p->len = sum(p, 0, p->nread) + p->write_len;
	return p->npieces > 0;
}
