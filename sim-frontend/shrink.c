// SPDX-License-Identifier: BSD-2-Clause
#include <stdlib.h>
#include <time.h>

#include "shrink.h"
#include "shrink_int.h"

#define PAIRS_MAX 40 /* ops up to which pairs are tried */

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool shrink_try(struct shrink *s, uint32_t nops, const struct trace_text *text)
{
	struct listing *best = s->best;
	struct listing l = {
		.text = text ? *text : best->text, .found = best->found, .op = s->ops, .nops = nops};
	struct outcome v;
	if (s->late || now() - s->begun > s->seconds_max) {
		s->late = true;
		return false;
	}
	s->tries++;
	if (!trials_run(s->trials, &l, &v) || !v.failed || strcmp(v.check, s->verdict.check))
		return false;
	best->text = l.text;
	for (uint32_t i = 0; i < OP_DEV_MAX; i++)
		best->ids[i] = l.text.head.device[i].id;
	best->nops = v.op && v.op < nops ? (uint32_t)v.op : nops; /* what follows was never executed */
	memcpy(best->op, s->ops, best->nops * sizeof(*best->op));
	s->verdict = v;
	if (s->progress)
		s->progress(s->ctx, s);
	return true;
}

/* The candidate: best without the ops [from, to). */
static uint32_t without(struct shrink *s, uint32_t from, uint32_t to)
{
	const struct listing *b = s->best;
	memcpy(s->ops, b->op, from * sizeof(*s->ops));
	memcpy(s->ops + from, b->op + to, (b->nops - to) * sizeof(*s->ops));
	return b->nops - (to - from);
}

/* -- devices and queues ---------------------------------------------------------------------------------- */

/* Without one device: those behind it move up. */
static bool drop_device(struct shrink *s, uint32_t dev)
{
	struct trace_text text = s->best->text;
	struct trace_head *h = &text.head;
	uint32_t n = 0, left = h->ndevices - 1;
	for (uint32_t i = 0; i < s->best->nops; i++) {
		s->ops[n] = s->best->op[i];
		if (s->ops[n].dev == dev)
			continue;
		s->ops[n].dev = (uint8_t)(s->ops[n].dev - (s->ops[n].dev > dev));
		n++;
	}
	memmove(&h->device[dev], &h->device[dev + 1], (left - dev) * sizeof(h->device[0]));
	memmove(&text.given[dev], &text.given[dev + 1], left - dev);
	memset(&h->device[left], 0, sizeof(h->device[0]));
	text.given[left] = 0;
	h->ndevices = left;
	return shrink_try(s, n, &text);
}

static bool pass_devices(struct shrink *s)
{
	bool any = false;
	for (uint32_t d = s->best->text.head.ndevices; d-- > 0;)
		if (s->best->text.head.ndevices > 1)
			any |= drop_device(s, d);
	return any;
}

/* What a device line asks for, back to the default. */
static bool pass_lines(struct shrink *s)
{
	bool any = false;
	for (uint32_t d = 0; d < s->best->text.head.ndevices; d++) {
		for (uint32_t bit = 1; bit <= TRACE_GIVEN_IDENT; bit <<= 1) {
			struct trace_text text = s->best->text;
			if (!(text.given[d] & bit))
				continue;
			text.given[d] = (uint8_t)(text.given[d] & ~bit);
			any |= shrink_try(s, without(s, 0, 0), &text);
		}
	}
	return any;
}

static bool of_queue(const struct op *op, uint32_t dev, uint64_t queue)
{
	const struct op_info *info = op_info(op->code);
	return op->dev == dev && info->nfields && info->field[0].format == OP_QUEUE_NR && op->arg[0] == queue;
}

static bool pass_queues(struct shrink *s)
{
	bool any = false;
	for (uint32_t dev = 0; dev < s->best->text.head.ndevices; dev++) {
		for (uint64_t queue = 0; queue < VDEV_QUEUES_MAX; queue++) {
			uint32_t n = 0, all = s->best->nops;
			for (uint32_t i = 0; i < all; i++)
				if (!of_queue(&s->best->op[i], dev, queue))
					s->ops[n++] = s->best->op[i];
			any |= n < all && shrink_try(s, n, NULL);
		}
	}
	return any;
}

/* -- ops ------------------------------------------------------------------------------------------------- */

/* From the end on: what is set up first is needed longest. */
static bool drop_chunks(struct shrink *s, uint32_t size)
{
	bool any = false;
	for (uint32_t end = s->best->nops; end > 0;) {
		uint32_t from = end > size ? end - size : 0;
		any |= shrink_try(s, without(s, from, end), NULL);
		end = from < s->best->nops ? from : s->best->nops;
	}
	return any;
}

static bool pass_ops(struct shrink *s)
{
	bool any = false;
	for (uint32_t size = s->best->nops; size > 0; size /= 2)
		any |= drop_chunks(s, size);
	return any;
}

/* Ops that only make sense together, like a hold and its completion. */
static bool drop_pair(struct shrink *s, uint32_t i, uint32_t j)
{
	uint32_t n = without(s, j, j + 1);
	memmove(s->ops + i, s->ops + i + 1, (n - i - 1) * sizeof(*s->ops));
	return shrink_try(s, n - 1, NULL);
}

static bool pass_pairs(struct shrink *s)
{
	bool any = false;
	if (s->best->nops > PAIRS_MAX)
		return false;
	for (uint32_t j = s->best->nops; j-- > 1;)
		for (uint32_t i = j; i-- > 0 && j < s->best->nops;)
			any |= drop_pair(s, i, j);
	return any;
}

/* -- all of it ------------------------------------------------------------------------------------------- */

/* Cheap and coarse ones first. */
static bool (*const passes[])(struct shrink *) = {pass_ops,   pass_devices, pass_queues,
						  pass_lines, pass_pairs,   shrink_fields};

bool shrink_run(struct shrink *s, struct trials *trials, struct listing *best, const struct outcome *v)
{
	bool any = true;
	s->trials = trials;
	s->best = best;
	s->verdict = *v;
	s->begun = now();
	s->ops = calloc(best->nops + 1u, sizeof(*s->ops));
	if (!s->ops)
		return false;
	while (any && !s->late) {
		any = false;
		for (size_t i = 0; i < sizeof(passes) / sizeof(passes[0]); i++)
			any |= passes[i](s);
	}
	free(s->ops);
	s->ops = NULL;
	return true;
}
