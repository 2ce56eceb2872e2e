// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>

#include "mark.h"

void mark_put(struct recorder_dev *d, uint64_t step, const struct violation *v)
{
	char text[sizeof(struct mark)];
	int n = snprintf(text, sizeof(text), "%s%c%s%c%s", v->oracle, 0, v->clause, 0, v->what);
	const struct op op = {.code = OP_VIOLATION,
			      .dev = d->dev,
			      .arg = {step},
			      .data = (const uint8_t *)text,
			      .len = (uint32_t)n < sizeof(text) ? (uint32_t)n : (uint32_t)sizeof(text) - 1};
	recorder_put(d->rec, &op);
	d->rec->stopped = true;
}

/* The text at *at, up to its NUL; *at is then behind that. */
static void get_text(const struct op *op, uint32_t *at, char *out, size_t max)
{
	size_t n = 0;
	for (; *at < op->len && op->data[*at]; ++*at)
		if (n + 1 < max)
			out[n++] = op->data[*at] >= ' ' && op->data[*at] <= '~' ? (char)op->data[*at] : '.';
	out[n] = 0;
	++*at;
}

void mark_get(const struct op *op, struct mark *m)
{
	uint32_t at = 0;
	m->step = op->arg[0];
	get_text(op, &at, m->oracle, sizeof(m->oracle));
	get_text(op, &at, m->clause, sizeof(m->clause));
	get_text(op, &at, m->violation.what, sizeof(m->violation.what));
	m->violation.oracle = m->oracle;
	m->violation.clause = m->clause;
	m->violation.check = "";
}
