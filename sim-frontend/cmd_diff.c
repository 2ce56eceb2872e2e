// SPDX-License-Identifier: BSD-2-Clause
#include "cmd.h"
#include "trace/text.h"
#include "tracefile.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *context_text = "5";

static const struct usage usage = {
	.command = "diff",
	.operands = "A B",
	.about = "Finds the first op in which two traces differ, prints it with the ops before it, and\n"
		 "counts the ops of each kind in both. Exit status: 0 the same, 1 different, 2 a file is no\n"
		 "good. Who recorded a trace (its build text) makes no difference.",
	.operands_min = 2,
	.operands_max = 2,
	.option = {{.name = "--context",
		    .value_name = "N",
		    .value = &context_text,
		    .help = "ops to print before the difference (5)"}},
};

struct side {
	const char *path;
	struct trace_reader r;
	struct op op;
	bool more; /* op holds an op */
	uint64_t count[256];
};

struct diff {
	struct side a, b;
	bool different;
	unsigned long long context;
};

static void step(struct side *s)
{
	s->more = trace_next(&s->r, &s->op);
	if (s->more)
		s->count[s->op.code]++;
}

static bool same_op(const struct op *a, const struct op *b)
{
	if (a->code != b->code || a->dev != b->dev || a->len != b->len ||
	    memcmp(a->arg, b->arg, sizeof(a->arg)))
		return false;
	return !a->len || !memcmp(a->data, b->data, a->len);
}

static void print_side(char sign, const struct side *s)
{
	size_t max = OP_TEXT_MAX(s->op.len);
	char *line = s->more ? malloc(max) : NULL;

	if (!s->more)
		printf("%c (%s)\n", sign,
		       s->r.bad         ? "damaged from here on"
		       : s->r.truncated ? "cut short here"
					: "ends here");
	else if (line && op_print(&s->op, s->r.ids, true, line, max))
		printf("%c %s\n", sign, line);
	free(line);
}

static void report_op(struct diff *d)
{
	uint64_t number = d->a.r.nops + !d->a.more, first = number > d->context ? number - d->context : 1;

	printf("first difference: op %" PRIu64 "\n", number);
	trace_print_range(d->a.path, first, number - 1, "  ", stdout);
	print_side('-', &d->a);
	print_side('+', &d->b);
	d->different = true;
}

/* The head's lines but the first, which tells who recorded. */
static void compare_heads(struct diff *d)
{
	char a[TRACE_TEXT_LINE_MAX], b[TRACE_TEXT_LINE_MAX];

	for (uint32_t i = 1;; i++) {
		size_t na = trace_print_head(&d->a.r.head, i, true, a, sizeof(a));
		size_t nb = trace_print_head(&d->b.r.head, i, true, b, sizeof(b));

		if (!na && !nb)
			break;
		if (na == nb && !memcmp(a, b, na))
			continue;
		printf("heads differ\n- %s\n+ %s\n", na ? a : "(no such line)", nb ? b : "(no such line)");
		d->different = true;
	}
	if (d->a.r.head.payload != d->b.r.head.payload) {
		puts("heads differ: one has its payload in full, the other as hashes");
		d->different = true;
	}
}

static void report_end(struct diff *d)
{
	puts("the ops are the same, but the recordings ended in different ways");
	d->different = true;
}

static void compare_ops(struct diff *d)
{
	bool same = true;

	do {
		step(&d->a);
		step(&d->b);
		same = d->a.more == d->b.more && (!d->a.more || same_op(&d->a.op, &d->b.op));
	} while (same && d->a.more);
	if (!same)
		report_op(d);
	else if (d->a.r.ended != d->b.r.ended || d->a.r.end != d->b.r.end)
		report_end(d);
	while (d->a.more)
		step(&d->a);
	while (d->b.more)
		step(&d->b);
}

static void summary(const struct diff *d)
{
	printf("%-12s %12s %12s\n", "op", "A", "B");
	for (int code = 0; code < 256; code++) {
		uint64_t a = d->a.count[code], b = d->b.count[code];

		if (a || b)
			printf("%-12s %12" PRIu64 " %12" PRIu64 "%s\n", op_info((uint8_t)code)->text, a, b,
			       a == b ? "" : "  *");
	}
	printf("%-12s %12" PRIu64 " %12" PRIu64 "\n", "all", d->a.r.nops, d->b.r.nops);
	puts(d->different ? "different" : "the same");
}

static int finish(struct diff *d)
{
	const struct side *sides[] = {&d->a, &d->b};
	int status;

	summary(d);
	status = fflush(stdout) ? fail("cannot write the result") : d->different;
	for (int i = 0; i < 2; i++) {
		trace_warn(&sides[i]->r);
		if (sides[i]->r.bad)
			status = fail("%s", sides[i]->r.error);
	}
	return status;
}

int cmd_diff(int argc, char **argv)
{
	static struct diff d;
	int n = cli_parse(&usage, argc, argv), status;

	if (n < 0)
		return cli_status(n);
	if (!cli_number("--context", context_text, 1000000, &d.context))
		return EXIT_USAGE;
	d.a.path = argv[0];
	d.b.path = argv[1];
	if (!trace_open(&d.a.r, d.a.path))
		return fail("%s", d.a.r.error);
	if (!trace_open(&d.b.r, d.b.path)) {
		trace_close(&d.a.r);
		return fail("%s", d.b.r.error);
	}
	compare_heads(&d);
	compare_ops(&d);
	status = finish(&d);
	trace_close(&d.a.r);
	trace_close(&d.b.r);
	return status;
}
