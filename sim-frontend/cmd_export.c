// SPDX-License-Identifier: BSD-2-Clause
/* ringside export: a trace in forms that other programs show. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cmd.h"
#include "export.h"
#include "outfile.h"
#include "replay.h"
#include "trace/text.h"

static const char *perfetto_path, *html_path, *pcapng_path;

static const struct usage usage = {
	.command = "export",
	.operands = "FILE --html OUT|--perfetto OUT|--pcapng OUT",
	.about = "Writes a trace (.vtrace) in a form that one can look at; docs/looking.md shows pictures. "
		 "Several\n"
		 "forms may be asked for at once. The trace is replayed first, so that a violation, or where "
		 "this\n"
		 "build's devices do something else, stands in all of them.\n"
		 "\n"
		 "Try: ringside run FILE.txt --record find.vtrace; ringside export find.vtrace --html "
		 "find.html\n"
		 "\n"
		 "A trace that was cut short is exported up to its last whole chunk.\n"
		 "Exit status: 0 written, 2 a file that cannot be read or written.",
	.operands_min = 1,
	.operands_max = 1,
	.option =
		{
			{.name = "--html",
			 .value_name = "OUT",
			 .value = &html_path,
			 .help = "one page for a browser: rings, chains and memory at each op"},
			{.name = "--perfetto",
			 .value_name = "OUT",
			 .value = &perfetto_path,
			 .help = "a timeline for ui.perfetto.dev: requests, kicks, interrupts"},
			{.name = "--pcapng",
			 .value_name = "OUT",
			 .value = &pcapng_path,
			 .help = "network frames for Wireshark; their bytes need --record-payload full"},
		},
};

/* -- what a replay says ---------------------------------------------------------------------------------- */

static void say_violation(struct verdict *v, const struct replay *r)
{
	v->kind = VERDICT_VIOLATION;
	v->op = r->violated_at;
	v->dev = r->violated_dev;
	snprintf(v->oracle, sizeof(v->oracle), "%s", r->violation.oracle);
	snprintf(v->clause, sizeof(v->clause), "%s", r->violation.clause);
	snprintf(v->what, sizeof(v->what), "%s", r->violation.what);
}

static void say_divergence(struct verdict *v, const struct replay *r)
{
	char line[OP_TEXT_MAX(sizeof(r->did_data))];
	v->kind = VERDICT_DIVERGENCE;
	v->op = r->at;
	v->dev = r->device_did ? r->did.dev : r->says.dev;
	if (r->device_did && op_print(&r->did, r->trace->ids, false, line, sizeof(line)))
		snprintf(v->what, sizeof(v->what), "this build's device does: %.400s", line);
	else
		snprintf(v->what, sizeof(v->what), "this build's device does nothing that fits");
}

static void say_refusal(struct verdict *v, const struct replay *r)
{
	v->kind = VERDICT_UNKNOWN;
	snprintf(v->what, sizeof(v->what), "the saved state of device %u " REPLAY_REFUSED, r->refused_dev);
}

/* False: the trace is no good, and its error tells. */
static bool judge(const char *path, struct verdict *v)
{
	static struct replay r;
	struct trace_reader trace;
	memset(v, 0, sizeof(*v));
	if (!trace_open(&trace, path)) {
		fail("%s", trace.error);
		return false;
	}
	if (!replay_create(&r, &trace, v->what, sizeof(v->what)) || !replay_judge(&r))
		v->kind = VERDICT_UNKNOWN;
	else
		replay_run(&r);
	if (r.violated)
		say_violation(v, &r);
	else if (r.refused)
		say_refusal(v, &r);
	else if (r.diverged)
		say_divergence(v, &r);
	replay_destroy(&r);
	bool good = !trace.bad;
	if (!good)
		fail("%s", trace.error);
	trace_close(&trace);
	return good;
}

/* -- writing --------------------------------------------------------------------------------------------- */

struct form {
	const char *option, **path;
	bool (*write)(struct exporter *);
	const char *open_with;
};

static const struct form forms[] = {
	{"--html", &html_path, export_html, "a browser"},
	{"--perfetto", &perfetto_path, export_perfetto, "ui.perfetto.dev"},
	{"--pcapng", &pcapng_path, export_pcapng, "Wireshark or tshark"},
};

#define NFORMS (sizeof(forms) / sizeof(forms[0]))

static int abandon(struct outfile *out, const char *why)
{
	outfile_drop(out);
	return fail("%s: %s", out->path, why);
}

static int write_form(const struct form *form, struct exporter *x)
{
	const char *path = *form->path;
	struct outfile out;
	if (outfile_is(x->path, path))
		return fail("export: %s %s is the trace itself", form->option, path);
	if (!outfile_open(&out, path))
		return fail("%s: cannot create: %s", path, strerror(errno));
	x->out = out.file;
	if (!form->write(x))
		return abandon(&out, x->error);
	if (x->trace->bad)
		return abandon(&out, x->trace->error);
	if (!outfile_done(&out))
		return fail("%s: cannot write: %s", path, strerror(errno));
	if (x->ncut)
		printf("%s: only the first of %" PRIu64 " ops\n", path, x->nops + x->ncut);
	bool frames = form->write == export_pcapng;
	printf("%s: %" PRIu64 " ops, %" PRIu64 " %s; open it in %s\n", path, x->nops,
	       frames ? x->nframes : x->nrequests, frames ? "frames" : "requests", form->open_with);
	return EXIT_SUCCESS;
}

/* The reader goes forward only, so each form reads the trace anew. */
static int export_form(const struct form *form, const char *path, const struct verdict *v, bool warn)
{
	struct trace_reader trace;
	struct exporter x = {.trace = &trace, .path = path, .verdict = v};
	if (!trace_open(&trace, path))
		return fail("%s", trace.error);
	int status = write_form(form, &x);
	if (!status && warn)
		trace_warn(&trace);
	trace_close(&trace);
	return status;
}

static void print_verdict(const char *path, const struct verdict *v)
{
	switch (v->kind) {
	case VERDICT_VIOLATION:
		printf("%s: VIOLATION %s%s%s at op %" PRIu64 ", device %u: %s\n", path, v->oracle,
		       *v->clause ? " " : "", v->clause, v->op, v->dev, v->what);
		break;
	case VERDICT_DIVERGENCE:
		printf("%s: diverges at op %" PRIu64 ": %s\n", path, v->op, v->what);
		break;
	case VERDICT_UNKNOWN:
		printf("%s: not judged: %s\n", path, v->what);
		break;
	case VERDICT_NONE:
		break;
	}
}

int cmd_export(int argc, char **argv)
{
	int n = cli_parse(&usage, argc, argv), status = EXIT_SUCCESS;
	struct verdict verdict;
	bool first = true;
	if (n < 0)
		return cli_status(n);
	for (size_t i = 0; i < NFORMS; i++)
		first &= !*forms[i].path;
	if (first)
		return fail(
			"export: say what to make of it, with --perfetto OUT, --html OUT or --pcapng OUT");
	if (!judge(argv[0], &verdict))
		return EXIT_USAGE;
	first = true;
	for (size_t i = 0; i < NFORMS && !status; i++) {
		if (!*forms[i].path)
			continue;
		status = export_form(&forms[i], argv[0], &verdict, first);
		first = false;
	}
	if (!status)
		print_verdict(argv[0], &verdict);
	return status;
}

void export_device(const struct trace_head *h, uint8_t dev, char *name)
{
	const struct op op = {.code = OP_FLUSHED, .dev = dev};
	uint16_t ids[OP_DEV_MAX] = {0};
	char line[OP_TEXT_MAX(0)];
	ids[dev] = h->device[dev].id;
	if (!op_print(&op, ids, false, line, sizeof(line)))
		snprintf(line, sizeof(line), "dev%u", dev);
	snprintf(name, EXPORT_DEVICE_MAX, "%.*s", (int)strcspn(line, " "), line);
}
