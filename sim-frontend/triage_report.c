// SPDX-License-Identifier: BSD-2-Clause
/* The page of a bucket: what fails, in which files, the short program, op by op, and what to do now. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd.h"
#include "outfile.h"
#include "shrink.h"
#include "triage.h"

#define FILES_TOLD  12
#define SECONDS_MAX 5 /* for a run */

/* A file, or what a file descriptor holds, as an indented block; a report of a sanitizer can be long. */
static void put_block(FILE *f, FILE *from, uint32_t lines_max)
{
	char line[512];
	uint32_t n = 0;
	while (fgets(line, sizeof(line), from)) {
		if (++n > lines_max) {
			fputs("    ...\n", f);
			return;
		}
		fprintf(f, "    %s", line);
		if (!strchr(line, '\n'))
			fputc('\n', f);
	}
}

static _Noreturn void be_run(const char *path, int told)
{
	dup2(told, STDOUT_FILENO);
	dup2(told, STDERR_FILENO);
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	signal(SIGALRM, SIG_DFL);
	alarm(SECONDS_MAX);
	int status = run_program(path);
	fflush(NULL);
	_exit(status);
}

/* What `ringside run` prints of it: by a child, since the program may be its death, or not end. */
static void put_run(FILE *f, const char *path)
{
	int status = 0, fd = memfd_create("run", MFD_CLOEXEC);
	FILE *told = fd < 0 ? NULL : fdopen(fd, "r");
	fflush(NULL);
	pid_t child = told ? fork() : -1;
	if (child == 0)
		be_run(path, fd);
	if (child < 0)
		fprintf(f, "It could not be run: %s.\n", strerror(errno));
	else
		waitpid(child, &status, 0);
	if (told) {
		rewind(told);
		put_block(f, told, 200);
		fclose(told);
	} else if (fd >= 0) {
		close(fd);
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		fprintf(f, "\nIt does not end: stopped after %d seconds.\n", SECONDS_MAX);
}

static void put_files(FILE *f, const struct bucket *b)
{
	fprintf(f, "## Found by\n\n%u file%s; the shortest has %u ops:\n\n", b->nfiles,
		b->nfiles == 1 ? "" : "s", b->file[b->shortest].nops);
	for (uint32_t i = 0; i < b->nfiles && i < FILES_TOLD; i++)
		fprintf(f, "    %s%s\n", b->file[i].path, i == b->shortest ? "  (the shortest)" : "");
	if (b->nfiles > FILES_TOLD)
		fprintf(f, "    and %u more\n", b->nfiles - FILES_TOLD);
	if (b->file[b->shortest].unsaved)
		fprintf(f, "\nIts saves are left out: with them nothing fails.\n");
}

static void put_steps(FILE *f, const char *folder, bool recorded)
{
	fprintf(f,
		"\n## What now\n\n"
		"1. See it happen: `ringside run %s/shrunk.txt`\n",
		folder);
	if (recorded)
		fprintf(f,
			"2. Look into the rings: `ringside export %s/shrunk.vtrace --html look.html`\n"
			"3. Is the device wrong, or the check? The clause decides. Mend it.\n",
			folder);
	else
		fprintf(f, "2. It ends the process, and so leaves no recording: look with a debugger or a "
			   "sanitizer's build.\n"
			   "3. Mend it.\n");
	fprintf(f,
		"4. Keep the test: `cp %s/shrunk.c tests/regress/NAME.c`, and `make test`.\n"
		"5. Keep the program for the fuzzers: `cp %s/shrunk.txt corpus/DEVICE/NAME.txt`.\n",
		folder, folder);
}

static void put_page(FILE *f, FILE *text, const struct bucket *b, const struct shrink *s, const char *folder,
		     const char *program, bool recorded)
{
	fprintf(f, "# %s: %s\n\nThe check: %s\n\n", b->name, s->verdict.what, s->verdict.check);
	put_files(f, b);
	fprintf(f, "\n## The program, %u ops\n\n", s->best->nops);
	put_block(f, text, 400);
	fprintf(f, "\n## Op by op\n\n");
	put_run(f, program);
	put_steps(f, folder, recorded);
}

bool triage_report(const struct bucket *b, const struct shrink *s, const char *folder, bool recorded,
		   char *err, size_t max)
{
	char path[4200], program[4200];
	snprintf(path, sizeof(path), "%s/report.md", folder);
	snprintf(program, sizeof(program), "%s/shrunk.txt", folder);
	struct outfile out;
	FILE *text = fopen(program, "re");
	bool good = text && outfile_open(&out, path);
	if (good) {
		put_page(out.file, text, b, s, folder, program, recorded);
		good = outfile_done(&out);
	}
	if (!good)
		snprintf(err, max, "%s: cannot write: %s", path, strerror(errno));
	if (text)
		fclose(text);
	return good;
}
