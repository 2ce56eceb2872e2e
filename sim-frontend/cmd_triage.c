// SPDX-License-Identifier: BSD-2-Clause
/* ringside triage: what a fuzzer left, in buckets. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd.h"
#include "shrink.h"
#include "shrink_out.h"
#include "triage.h"

#define SECONDS_DEFAULT 30

static const char *output, *device, *ring, *seconds;

static const struct usage usage = {
	.command = "triage",
	.operands = "FILE|DIR... -o OUT",
	.about =
		"Runs failing programs, puts those together that fail at the same check, and shrinks the "
		"shortest "
		"of each.\n"
		"A FILE is a fuzzer's input (bytes), or a program's text (.txt), or the recording next to it "
		"(.vtrace).\n"
		"Writes for each bucket a folder OUT/NN-CHECK: report.md to begin with, shrunk.txt (the "
		"program), "
		"shrunk.c (a test for\n"
		"tests/regress/), shrunk.vtrace (a recording). What a sanitizer has found wants the "
		"sanitizer: "
		"build/asan/ringside.\n"
		"Exit status: 0 nothing fails, 1 something does, 2 bad usage or a file that can not be used.",
	.operands_min = 1,
	.operands_max = 1024,
	.option =
		{
			{.name = "-o",
			 .value_name = "OUT",
			 .value = &output,
			 .help = "the folder to write to: a new one, or empty"},
			{.name = "--device",
			 .value_name = "NAME",
			 .value = &device,
			 .help = "what bytes are about: blk, rng ..., or device: their first byte tells, as "
				 "for "
				 "fuzz_device (else as the name of a folder in their path)"},
			{.name = "--ring",
			 .value_name = "packed",
			 .value = &ring,
			 .help = "bytes were found where devices offer packed rings from the start "
				 "(RING=packed)"},
			{.name = "--seconds",
			 .value_name = "N",
			 .value = &seconds,
			 .help = "to shrink one program, at most (30)"},
		},
};

static bool make_folder(const char *path)
{
	if (mkdir(path, 0777) == 0 || errno == EEXIST)
		return true;
	fail("%s: cannot make the folder: %s", path, strerror(errno));
	return false;
}

/* Buckets of before would be mixed with the new ones. */
static bool is_empty(const char *path)
{
	DIR *dir = opendir(path);
	uint32_t n = 0;
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n <= 2; /* . and .. */
}

/* A crash leaves nothing to go on with: each try is a child. */
static void choose_tries(struct trials *t, const struct outcome *v)
{
	if (!strncmp(v->check, "signal", 6) || !strncmp(v->check, "sanitizer", 9))
		trials_fork(t);
	else
		trials_stay(t);
}

static bool shrink_bucket(struct triage *t, const struct bucket *b, struct listing *l, const char *folder,
			  double limit)
{
	struct shrink s = {.seconds_max = limit};
	char base[4200], err[1200];
	bool recorded;
	choose_tries(t->trials, &b->verdict);
	if (!shrink_run(&s, t->trials, l, &b->verdict)) {
		fail("out of memory");
		return false;
	}
	snprintf(base, sizeof(base), "%s/shrunk", folder);
	if (!shrink_write(l, &s.verdict, base, &recorded, err, sizeof(err)) ||
	    !triage_report(b, &s, folder, recorded, err, sizeof(err))) {
		fail("%s", err);
		return false;
	}
	printf("%-24s %5u %7u %6u  %s\n", b->name, b->nfiles, b->file[b->shortest].nops, l->nops,
	       s.verdict.what);
	fflush(stdout);
	return true;
}

static bool write_bucket(struct triage *t, const struct bucket *b, double limit)
{
	struct listing whole, l;
	char folder[4100], err[1200];
	snprintf(folder, sizeof(folder), "%s/%s", output, b->name);
	if (!make_folder(folder))
		return false;
	if (!triage_read(&whole, b->file[b->shortest].path, &t->bytes, err, sizeof(err))) {
		fail("%s", err);
		return false;
	}
	if (b->file[b->shortest].unsaved)
		triage_unsave(&whole);
	whole.found = b->file[b->shortest].found;
	l = whole;
	l.op = calloc(whole.nops + 1u, sizeof(*l.op)); /* shrinking moves ops; their data stays whole's */
	bool good = l.op;
	if (good) {
		memcpy(l.op, whole.op, whole.nops * sizeof(*l.op));
		good = shrink_bucket(t, b, &l, folder, limit);
	} else {
		fail("out of memory");
	}
	free(l.op);
	listing_free(&whole);
	return good;
}

static int summary(const struct triage *t)
{
	uint32_t failing = t->nfiles - t->nsilent - t->nunsteady - t->nunusable;
	printf("triage: %u files: %u fail, at %u checks; %u fail nowhere, %u not the same way twice, %u "
	       "unusable\n",
	       t->nfiles, failing, t->nbuckets, t->nsilent, t->nunsteady, t->nunusable);
	if (t->nbuckets)
		printf("triage: begin with %s/%s/report.md\n", output, t->bucket[0].name);
	if (t->nunusable)
		return EXIT_USAGE;
	return failing || t->nunsteady ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int triage_all(struct triage *t, int n, char **path, double limit)
{
	trials_fork(t->trials); /* nobody knows yet what they do */
	for (int i = 0; i < n; i++)
		triage_add(t, path[i]);
	if (t->broken)
		return fail("out of memory");
	if (!t->nfiles)
		return fail("triage: %s holds no file", path[0]);
	triage_sort(t);
	if (t->nbuckets) {
		if (!make_folder(output))
			return EXIT_USAGE;
		printf("%-24s %5s %7s %6s  what\n", "bucket", "files", "ops", "shrunk");
	}
	for (uint32_t i = 0; i < t->nbuckets; i++)
		if (!write_bucket(t, &t->bucket[i], limit))
			return EXIT_USAGE;
	return summary(t);
}

int cmd_triage(int argc, char **argv)
{
	unsigned long long limit = SECONDS_DEFAULT;
	struct triage t = {.bytes = {.one_device = true}};
	trials_prepare(argv - 1); /* the program's name stands before the command's */
	int n = cli_parse(&usage, argc, argv);
	if (n < 0)
		return cli_status(n);
	if (!output)
		return fail("triage: missing option -o OUT: the folder to write to");
	if (!is_empty(output))
		return fail("triage: %s is not empty: give a new folder with -o", output);
	if (device && !program_text_device(&t.bytes, device))
		return fail("triage: option --device: no device %s can be simulated", device);
	if (ring && strcmp(ring, "packed") != 0)
		return fail("triage: option --ring: expected packed, got %s", ring);
	t.bytes.packed = ring;
	if (seconds && !cli_number("--seconds", seconds, 1u << 30, &limit))
		return EXIT_USAGE;
	t.trials = trials_create();
	int status = t.trials ? triage_all(&t, n, argv, (double)limit) : fail("out of memory");
	trials_destroy(t.trials);
	triage_free(&t);
	return status;
}
