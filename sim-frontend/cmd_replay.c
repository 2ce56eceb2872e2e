// SPDX-License-Identifier: BSD-2-Clause
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clauses.h"
#include "cmd.h"
#include "replay.h"
#include "textout.h"
#include "trial.h"

#define LAST_OPS 20 /* shown before a divergence */
#define TOLD     64 /* a child's exit status begins here; below it is a sanitizer's */

static bool loose, gdb;
static const char *program_name; /* as it was called */

static const struct usage usage = {
	.command = "replay",
	.operands = "FILE",
	.about =
		"Gives a trace's inputs to fresh devices, without the guest, and holds what they do against "
		"what they did;\n"
		"the oracles judge it; it stops where they object, or where the recording says that one did. "
		"A "
		"program (FILE.txt)\n"
		"is run, as by ringside run.\n"
		"Exit status: 0 every output matched, 1 a divergence (printed with the ops before it) or a "
		"violation, 2 a file\n"
		"that cannot be replayed. A trace that was cut short is replayed up to its last whole chunk. "
		"Where it begins with a\n"
		"restored machine, the oracles judge each device from its next reset on.",
	.operands_min = 1,
	.operands_max = 1,
	.option =
		{
			{.name = "--loose",
			 .flag = &loose,
			 .help = "for changed code: compare what the guest could see, not each access"},
			{.name = "--gdb", .flag = &gdb, .help = "print how to stop there in a debugger"},
		},
};

static double seconds_since(const struct timespec *start)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void print_op(const char *what, const struct op *op, uint32_t whole_len,
		     const struct trace_reader *trace)
{
	char line[OP_TEXT_MAX(4096)];
	struct op shown = *op;
	if (shown.len > 4096)
		shown.len = 4096;
	if (!op_print(&shown, trace->ids, true, line, sizeof(line)))
		snprintf(line, sizeof(line), "(op 0x%02x)", op->code);
	printf("  %s%s", what, line);
	if (whole_len > shown.len)
		printf(" ... (%u bytes in all)", whole_len);
	putchar('\n');
}

static void print_divergence(const struct replay *r, const char *path)
{
	printf("%s: diverges at op %" PRIu64 "\n", path, r->at);
	if (r->device_did)
		print_op("the device did:  ", &r->did, r->did_len, r->trace);
	else
		printf("  the device did:  nothing that fits\n");
	if (r->trace_says)
		print_op("the trace says:  ", &r->says, r->says.len, r->trace);
	else
		printf("  the trace says:  (it ends here)\n");
	printf("the last ops before it:\n");
	fflush(stdout);
	trace_print_range(path, r->at > LAST_OPS ? r->at - LAST_OPS : 1, r->at - 1, "  ", stdout);
}

static void print_violation(const struct replay *r, const char *path)
{
	const struct violation *v = &r->violation;
	printf("VIOLATION %s%s%s at op %" PRIu64 " of %s, device %u: %s\n", v->oracle, *v->clause ? " " : "",
	       v->clause, r->violated_at, path, r->violated_dev, v->what);
	clause_print(stdout, v->clause);
	if (r->marked)
		printf("the recording tells of it, at op %" PRIu64 " of the program that was recorded\n",
		       r->mark.step);
	printf("the last ops up to it:\n");
	fflush(stdout);
	trace_print_range(path, r->violated_at > LAST_OPS ? r->violated_at - LAST_OPS : 1, r->violated_at,
			  "  ", stdout);
}

static void print_counts(const char *path, const char *how, const struct replay_counts *c, double seconds)
{
	printf("%s: %s: %" PRIu64 " events, %" PRIu64 " loads, %" PRIu64
	       " interrupts, %.3f s (%.1f M events/s)",
	       path, how, c->events, c->loads, c->interrupts, seconds,
	       seconds > 0 ? (double)c->events / seconds / 1e6 : 0.0);
}

static int replay_strict(const char *path, struct trace_reader *trace)
{
	static struct replay r;
	char err[256];
	struct timespec start;
	int status = EXIT_SUCCESS;
	clock_gettime(CLOCK_MONOTONIC, &start);
	if (!replay_create(&r, trace, err, sizeof(err))) {
		replay_destroy(&r);
		return fail("%s: %s", path, err);
	}
	if (!replay_judge(&r)) {
		replay_destroy(&r);
		return fail("out of memory");
	}
	replay_run(&r);
	double seconds = seconds_since(&start);
	if (trace->bad) {
		status = fail("%s", trace->error);
	} else if (r.refused) {
		status = fail("%s: op %" PRIu64 ": the saved state of device %u " REPLAY_REFUSED, path,
			      r.count.events + 1, r.refused_dev);
	} else if (r.violated) {
		print_violation(&r, path);
		status = EXIT_FAILURE;
	} else if (r.diverged) {
		print_divergence(&r, path);
		status = EXIT_FAILURE;
	} else if (!r.count.events) {
		status = fail("%s: holds no op: nothing was compared", path);
	} else {
		bool exact = trace->head.payload == TRACE_PAYLOAD_FULL;
		print_counts(path, "every output matched", &r.count, seconds);
		printf(", state hash %016" PRIx64 ", %s\n", replay_state_hash(&r),
		       exact ? "bit-exact" : "control-exact");
	}
	replay_destroy(&r);
	return status;
}

static void print_gdb(const char *where, const char *path)
{
	printf("gdb -q -ex 'set breakpoint pending on' %s \\\n    -ex 'set environment "
	       "ASAN_OPTIONS=abort_on_error=1' "
	       "-ex run --args %s replay %s\n",
	       where, program_name, path);
}

/* By a child, which may die of it: prints where to stop, and answers with the exit status. */
static int gdb_replay(const char *path, struct trace_reader *trace)
{
	static struct replay r;
	char err[256], where[200];
	if (!replay_create(&r, trace, err, sizeof(err)))
		return fail("%s: %s", path, err);
	if (!replay_judge(&r))
		return fail("out of memory");
	replay_run(&r);
	if (trace->bad)
		return fail("%s", trace->error);
	if (r.refused)
		return fail("%s: op %" PRIu64 ": the saved state of device %u " REPLAY_REFUSED, path,
			    r.count.events + 1, r.refused_dev);
	if (r.violated)
		printf("# VIOLATION %s%s%s at op %" PRIu64 ", device %u: %s\n", r.violation.oracle,
		       *r.violation.clause ? " " : "", r.violation.clause, r.violated_at, r.violated_dev,
		       r.violation.what);
	else if (r.diverged)
		printf("# diverges at op %" PRIu64 "\n", r.at);
	else
		printf("%s: nothing fails\n", path);
	snprintf(where, sizeof(where), "-ex 'break replay_step if r->count.events == %" PRIu64 "'%s",
		 r.step_at, r.violated ? " -ex 'break replay_violation'" : "");
	if (r.violated || r.diverged)
		print_gdb(where, path);
	return r.violated || r.diverged ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int gdb_trace(const char *path, struct trace_reader *trace)
{
	int status = -1;
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		status = gdb_replay(path, trace);
		fflush(NULL);
		_exit(TOLD + status);
	}
	if (child > 0)
		waitpid(child, &status, 0);
	if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) >= TOLD)
		return WEXITSTATUS(status) - TOLD;
	printf("# the replay ends the process\n");
	print_gdb("", path);
	return EXIT_FAILURE;
}

static int replay_loose(const char *path, struct trace_reader *trace)
{
	struct replay_counts count = {0};
	char err[256] = "";
	struct timespec start;
	clock_gettime(CLOCK_MONOTONIC, &start);
	uint64_t differences = loose_run(trace, &count, err, sizeof(err));
	double seconds = seconds_since(&start);
	if (trace->bad || err[0])
		return fail("%s%s%s", trace->bad ? "" : path, trace->bad ? "" : ": ",
			    trace->bad ? trace->error : err);
	print_counts(path,
		     differences ? "the guest would have seen a difference"
				 : "what the guest could see matched",
		     &count, seconds);
	putchar('\n');
	return differences ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* -- programs -------------------------------------------------------------------------------------------- */

/* A trace says so by its name or in its first bytes; anything else must be a text. */
static bool is_trace(const char *path)
{
	char magic[8] = "";
	size_t n = strlen(path);
	FILE *f = fopen(path, "rb");
	if (!f || (n > 7 && !strcmp(path + n - 7, ".vtrace"))) {
		if (f)
			fclose(f);
		return true;
	}
	size_t got = fread(magic, 1, sizeof(magic), f);
	fclose(f);
	/* An empty file is no program that anybody meant. */
	return !got || !memcmp(magic, TRACE_MAGIC, sizeof(magic));
}

/* In a program the failing op is known beforehand: stop where it begins, and where the oracle speaks. */
static int gdb_program(const char *path)
{
	struct listing l;
	struct outcome v;
	char err[512], where[200];
	struct trials *t = trials_create();
	if (!t)
		return fail("out of memory");
	if (!listing_read(&l, path, err, sizeof(err)))
		return fail("%s", err);
	trials_fork(t);
	bool ran = trials_run(t, &l, &v);
	if (!ran)
		fail("%s", v.what);
	else if (!v.failed)
		printf("%s: nothing fails\n", path);
	else if (v.op > l.nops)
		snprintf(where, sizeof(where), "-ex 'break program_quiesce' -ex 'break machine_violation'");
	else
		snprintf(where, sizeof(where),
			 "-ex 'break program_step if m->op == %" PRIu64 "' -ex 'break machine_violation'",
			 v.op - 1);
	if (ran && v.failed) {
		printf("# %s\n", v.what);
		print_gdb(where, path);
	}
	trials_destroy(t);
	listing_free(&l);
	return ran ? v.failed : EXIT_USAGE;
}

static int replay_program(const char *path)
{
	if (gdb)
		return gdb_program(path);
	if (loose)
		return fail("replay: --loose compares with a trace, and %s is a program", path);
	return run_program(path);
}

int cmd_replay(int argc, char **argv)
{
	program_name = argv[-1]; /* the program's name stands before the command's */
	int n = cli_parse(&usage, argc, argv);
	struct trace_reader trace;
	if (n < 0)
		return cli_status(n);
	if (!is_trace(argv[0]))
		return replay_program(argv[0]);
	if (!trace_open(&trace, argv[0]))
		return fail("%s", trace.error);
	int status = gdb     ? gdb_trace(argv[0], &trace)
		     : loose ? replay_loose(argv[0], &trace)
			     : replay_strict(argv[0], &trace);
	trace_warn(&trace);
	trace_close(&trace);
	return status;
}
