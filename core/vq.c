// SPDX-License-Identifier: BSD-2-Clause
/* The part of a virtqueue that does not depend on the ring's layout: offence names, reset, cursors. */
#include "vq.h"

static const struct offence_info offences[OFFENCE_COUNT] = {
	[OFFENCE_NONE] = {"none", "", "nothing", OFFENCE_IGNORE},
#define OFFENCE(NAME, text, reaction, clause, what) [OFFENCE_##NAME] = {text, clause, what, OFFENCE_##reaction},
#include "offence.def"
#undef OFFENCE
};

const struct offence_info *offence_info(enum offence o)
{
	return &offences[(unsigned)o < OFFENCE_COUNT ? o : OFFENCE_NONE];
}

void vq_init(struct vq *q, uint16_t size_max)
{
	memset(q, 0, offsetof(struct vq, live));
	memset(q->live, 0, size_max * sizeof(q->live[0]));
	q->size_max = size_max;
}

void vq_reset(struct vq *q)
{
	uint16_t size_max = q->size_max, used = q->size;
	uint32_t seq = q->seq;
	memset(q, 0, offsetof(struct vq, live));
	memset(q->live, 0, used * sizeof(q->live[0])); /* only what a queue of that size can have dirtied */
	q->size_max = size_max;
	q->seq = seq; /* goes on, so that a token from before can not name a chain from after */
}

static struct vq_cursor cursor(const struct vq_chain *c, uint32_t first, uint32_t n, uint32_t left)
{
	return (struct vq_cursor){c->seg + first, c->seg + first + n, 0, left};
}

struct vq_cursor vq_reader(const struct vq_chain *c)
{
	return cursor(c, 0, c->nread, c->read_len);
}

struct vq_cursor vq_writer(const struct vq_chain *c)
{
	return cursor(c, c->nread, c->nwrite, c->write_len);
}

uint32_t vq_take(struct vq_cursor *cur, uint32_t n, gpa_t *at)
{
	while (cur->seg < cur->end && cur->off == cur->seg->len) {
		cur->seg++;
		cur->off = 0;
	}
	if (cur->seg == cur->end || n == 0)
		return 0;
	uint32_t here = cur->seg->len - cur->off;
	uint32_t part = n < here ? n : here;
	*at = gpa_add(cur->seg->addr, cur->off);
	cur->off += part;
	cur->left -= part;
	return part;
}

bool vq_skip(struct vq_cursor *cur, uint32_t n)
{
	gpa_t at;
	if (n > cur->left)
		return false;
	while (n)
		n -= vq_take(cur, n, &at);
	return true;
}

bool vq_read(struct vq_cursor *cur, struct vmem *m, enum vmem_for what, void *out, uint32_t n)
{
	uint8_t *p = out;
	gpa_t at;
	if (n > cur->left)
		return false;
	while (n) {
		uint32_t part = vq_take(cur, n, &at);
		core_check(part && vmem_read(m, what, at, p, part)); /* the range was checked at pop */
		p += part;
		n -= part;
	}
	return true;
}

bool vq_write(struct vq_cursor *cur, struct vmem *m, enum vmem_for what, const void *in, uint32_t n)
{
	const uint8_t *p = in;
	gpa_t at;
	if (n > cur->left)
		return false;
	while (n) {
		uint32_t part = vq_take(cur, n, &at);
		core_check(part && vmem_write(m, what, at, p, part));
		p += part;
		n -= part;
	}
	return true;
}
