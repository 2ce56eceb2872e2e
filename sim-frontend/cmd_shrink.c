// SPDX-License-Identifier: BSD-2-Clause
/* ringside shrink: a failing program, made short and plain. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "outfile.h"
#include "shrink.h"
#include "shrink_out.h"

#define SECONDS_DEFAULT 60

static const char *output, *seconds;
static char base[900]; /* output without its ending */

static const struct usage usage = {
	.command = "shrink",
	.operands = "FILE.txt -o OUT",
	.about = "Takes out of a failing program whatever is not needed for the same check to fail: devices, "
		 "queues, ops, features,\n"
		 "sizes, values. FILE is a program (docs/program-text.md), as `ringside sim` writes it, or "
		 "the "
		 "trace that was\n"
		 "written next to it. Writes OUT.txt (the program), OUT.vtrace (a recording of it) and OUT.c "
		 "(a "
		 "test to put into\n"
		 "tests/regress/). Exit status: 0 done, 1 the program does not fail, 2 bad usage or file.",
	.operands_min = 1,
	.operands_max = 1,
	.option =
		{
			{.name = "-o",
			 .value_name = "OUT",
			 .value = &output,
			 .help = "where to write; an ending .txt is left out"},
			{.name = "--seconds",
			 .value_name = "N",
			 .value = &seconds,
			 .help = "at most so long (60); what is found by then is written"},
		},
};

static void tell_progress(void *ctx, const struct shrink *s)
{
	(void)ctx;
	fprintf(stderr, "\r\033[K%" PRIu64 " tries: %u ops, %u devices", s->tries, s->best->nops,
		s->best->text.head.ndevices);
}

static bool find_failure(struct trials *t, const struct listing *l, struct outcome *v)
{
	struct outcome again;
	trials_fork(t); /* nobody knows yet what it does */
	bool ran = trials_run(t, l, v);
	if (!ran || !trials_run(t, l, &again)) {
		if (ran)
			*v = again;
		fail("%s", v->what);
		return false;
	}
	if (v->failed && !strcmp(v->check, again.check))
		return true;
	if (v->failed)
		fail("%s: it does not fail the same way twice: once %s, once %s", usage.command, v->what,
		     again.failed ? again.what : "not at all");
	return false;
}

static int write_out(const struct listing *l, const struct outcome *v)
{
	char err[1200];
	bool recorded;
	if (!shrink_write(l, v, base, &recorded, err, sizeof(err)))
		return fail("%s", err);
	if (recorded)
		printf("written: %s.txt, %s.c, %s.vtrace\n", base, base, base);
	else
		printf("written: %s.txt, %s.c; a run that ends the process so leaves no recording\n", base,
		       base);
	return EXIT_SUCCESS;
}

static int shrink_failure(struct trials *t, struct listing *l, const struct outcome *v, double seconds_max)
{
	struct shrink s = {.seconds_max = seconds_max,
			   .progress = isatty(STDERR_FILENO) ? tell_progress : NULL};
	uint32_t nops = l->nops, ndevices = l->text.head.ndevices;
	printf("before: %u ops, %u devices: %s\n", nops, ndevices, v->what);
	fflush(stdout);
	if (!shrink_run(&s, t, l, v))
		return fail("out of memory");
	if (s.progress)
		fprintf(stderr, "\r\033[K");
	printf("after:  %u ops, %u devices: %s\n", l->nops, l->text.head.ndevices, s.verdict.what);
	printf("%" PRIu64 " tries, %s\n", s.tries,
	       s.late ? "stopped by --seconds" : "nothing more can be taken out");
	return write_out(l, &s.verdict);
}

/* A recording does not hold the program that it was made from, but that stands next to it. */
static bool program_of(const char *path, char *text, size_t max)
{
	size_t n = strlen(path), end = strlen(".vtrace");
	bool trace = n > end && !strcmp(path + n - end, ".vtrace");
	snprintf(text, max, "%.*s%s", (int)(trace ? n - end : n), path, trace ? ".txt" : "");
	if (!trace || access(text, R_OK) == 0)
		return true;
	fail("shrink: %s is a recording, and the program that it is of, %s, is not there; ringside lift "
	     "makes programs of it",
	     path, text);
	return false;
}

static bool take_output(const char *program)
{
	char text[sizeof(base) + 4];
	size_t n = strlen(output);
	if (n > 4 && !strcmp(output + n - 4, ".txt"))
		n -= 4;
	if (n >= sizeof(base)) {
		fail("shrink: -o: the name is too long");
		return false;
	}
	memcpy(base, output, n);
	snprintf(text, sizeof(text), "%s.txt", base);
	if (!outfile_is(program, text))
		return true;
	fail("shrink: %s is the program itself: choose another output", text);
	return false;
}

static int shrink_listing(struct trials *t, struct listing *l, const char *path, double seconds_max)
{
	struct outcome v;
	if (find_failure(t, l, &v)) {
		/* Unlike a violation, a crash leaves nothing to go on with. */
		if (strncmp(v.check, "signal", 6) != 0 && strncmp(v.check, "sanitizer", 9) != 0)
			trials_stay(t);
		return shrink_failure(t, l, &v, seconds_max);
	}
	if (*v.what)
		return EXIT_USAGE;
	printf("%s: nothing fails\n", path);
	return EXIT_FAILURE;
}

static int shrink_file(const char *path, double seconds_max)
{
	struct listing whole, l;
	char err[1200];
	if (!listing_read(&whole, path, err, sizeof(err)))
		return fail("%s", err);
	struct trials *t = trials_create();
	l = whole;
	l.op = calloc(whole.nops + 1u, sizeof(*l.op));
	int status;
	if (t && l.op) {
		memcpy(l.op, whole.op, whole.nops * sizeof(*l.op));
		status = shrink_listing(t, &l, path, seconds_max);
	} else {
		status = fail("out of memory");
	}
	trials_destroy(t);
	free(l.op);
	listing_free(&whole);
	return status;
}

int cmd_shrink(int argc, char **argv)
{
	unsigned long long limit = SECONDS_DEFAULT;
	trials_prepare(argv - 1); /* the program's name stands before the command's */
	int n = cli_parse(&usage, argc, argv);
	if (n < 0)
		return cli_status(n);
	if (!output)
		return fail("shrink: missing option -o OUT: where to write the result");
	if (seconds && !cli_number("--seconds", seconds, 1u << 30, &limit))
		return EXIT_USAGE;
	char path[1024];
	if (!program_of(argv[0], path, sizeof(path)) || !take_output(path))
		return EXIT_USAGE;
	return shrink_file(path, (double)limit);
}
