// SPDX-License-Identifier: BSD-2-Clause
#include "textout.h"

#include <stdlib.h>

static void put_line(struct textout *o, size_t n)
{
	if (!n || o->failed) {
		o->failed = true;
		return;
	}
	o->line[n] = '\n';
	if (fwrite(o->line, 1, n + 1, o->file) != n + 1)
		o->failed = true;
}

/* The buffer grows to what is asked; it never shrinks. */
static bool reserve(struct textout *o, size_t max)
{
	char *line;

	if (max <= o->max)
		return true;
	line = realloc(o->line, max);
	if (!line) {
		o->failed = true;
		return false;
	}
	o->line = line;
	o->max = max;
	return true;
}

void textout_head(struct textout *o, const struct trace_head *h)
{
	size_t n;

	if (!reserve(o, TRACE_TEXT_LINE_MAX))
		return;
	for (uint32_t i = 0; (n = trace_print_head(h, i, o->comments, o->line, o->max)); i++)
		put_line(o, n);
}

void textout_op(struct textout *o, const struct op *op, const uint16_t *ids)
{
	if (reserve(o, OP_TEXT_MAX(op->len)))
		put_line(o, op_print(op, ids, o->comments, o->line, o->max));
}

void textout_end(struct textout *o, uint8_t end)
{
	if (reserve(o, TRACE_TEXT_LINE_MAX))
		put_line(o, trace_print_end(end, o->line, o->max));
}

bool textout_close(struct textout *o)
{
	free(o->line);
	o->line = NULL;
	o->max = 0;
	return !fflush(o->file) && !o->failed;
}
