// SPDX-License-Identifier: BSD-2-Clause
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "cmd.h"
#include "replay.h"
#include "textout.h"

#define LAST_OPS 20 /* shown before a divergence */

static bool loose;

static const struct usage usage = {
	.command = "replay",
	.operands = "FILE",
	.about = "Gives a trace's inputs to fresh devices, without the guest, and holds what they do against "
		 "what they did.\n"
		 "Exit status: 0 every output matched, 1 a divergence (printed with the ops before it), 2 a "
		 "file that cannot be\n"
		 "replayed. A trace that was cut short is replayed up to its last whole chunk.",
	.operands_min = 1,
	.operands_max = 1,
	.option =
		{
			{.name = "--loose",
			 .flag = &loose,
			 .help = "for changed code: compare what the guest could see, not each access"},
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
	replay_run(&r);
	double seconds = seconds_since(&start);
	if (trace->bad) {
		status = fail("%s", trace->error);
	} else if (r.diverged) {
		print_divergence(&r, path);
		status = EXIT_FAILURE;
	} else {
		bool exact = trace->head.payload == TRACE_PAYLOAD_FULL;
		print_counts(path, "every output matched", &r.count, seconds);
		printf(", state hash %016" PRIx64 ", %s\n", replay_state_hash(&r),
		       exact ? "bit-exact" : "control-exact");
	}
	replay_destroy(&r);
	return status;
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

int cmd_replay(int argc, char **argv)
{
	int n = cli_parse(&usage, argc, argv);
	struct trace_reader trace;
	if (n < 0)
		return cli_status(n);
	if (!trace_open(&trace, argv[0]))
		return fail("%s", trace.error);
	int status = loose ? replay_loose(argv[0], &trace) : replay_strict(argv[0], &trace);
	trace_warn(&trace);
	trace_close(&trace);
	return status;
}
