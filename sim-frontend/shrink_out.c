// SPDX-License-Identifier: BSD-2-Clause
#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "outfile.h"
#include "program.h"
#include "shrink_out.h"
#include "simrecord.h"
#include "twice.h"

#define SECONDS_MAX 5 /* for a recording */

static bool wrong(char *err, size_t max, const char *path)
{
	snprintf(err, max, "%s: cannot write: %s", path, strerror(errno));
	return false;
}

/* The program as one string. */
static char *text_of(const struct listing *l)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	bool good = f && listing_print(l, f);
	if (f && fclose(f))
		good = false;
	if (good)
		return text;
	free(text);
	return NULL;
}

/* As a whole or not at all. */
static bool write_file(const char *path, void (*put)(FILE *, const char *text, const struct outcome *),
		       const char *text, const struct outcome *v, char *err, size_t max)
{
	struct outfile out;
	if (!outfile_open(&out, path))
		return wrong(err, max, path);
	put(out.file, text, v);
	return outfile_done(&out) || wrong(err, max, path);
}

static void put_text(FILE *f, const char *text, const struct outcome *v)
{
	fprintf(f, "# %s\n%s", v->what, text);
}

/* That the verdict's line begins with. */
static enum oracle_kind oracle_of(const struct outcome *v)
{
	char name[24] = "";
	sscanf(v->what, "%23[a-z-]", name);
	return twice_oracle(name);
}

/* -- the test -------------------------------------------------------------------------------------------- */

/* One string literal a line, as the formatter likes it. */
static void put_literal(FILE *f, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		fputc('"', f);
		for (size_t i = 0; i < n; i++)
			fprintf(f, "%s%c", text[i] == '"' || text[i] == '\\' ? "\\" : "", text[i]);
		fputs("\\n\"", f);
		text += n + (text[n] == '\n');
		fputs(*text ? "\n\t\t\t      " : ";\n", f);
	}
}

static void put_test(FILE *f, const char *text, const struct outcome *v)
{
	fputs("// SPDX-License-Identifier: BSD-2-Clause\n/*\n * Once this was:\n * ", f);
	for (const char *p = v->what; *p; p++)
		fputc(p[0] == '*' && p[1] == '/' ? '#' : *p, f);
	fputs("\n */\n#include \"tests/regress/regress.h\"\n\nstatic const char program[] = ", f);
	if (twice_judges(oracle_of(v))) /* the first line tells how it is run */
		fprintf(f, "\"# %s\\n\"\n\t\t\t      ", oracle_name(oracle_of(v)));
	put_literal(f, *text ? text : "\n");
	fputs("\nREGRESS(program)\n", f);
}

/* -- the trace ------------------------------------------------------------------------------------------- */

struct recording {
	struct machine machine; /* first */
	struct simrecord record;
	jmp_buf out;
};

static void on_violation(struct machine *m, struct sim_device *d, const struct violation *v)
{
	struct recording *r = (struct recording *)(void *)m;
	(void)d;
	(void)v;
	longjmp(r->out, 1);
}

static void run_from(struct recording *r, const struct listing *l, uint32_t first)
{
	if (setjmp(r->out))
		return;
	for (uint32_t i = first; i < l->nops; i++)
		program_step(&r->machine, &l->op[i]);
	program_quiesce(&r->machine);
	if (!twice_judges(l->found))
		return;
	const struct violation differs = twice_violation(l->found); /* of this run and another */
	machine_violation(&r->machine.device[0], &differs);
}

/* As the devices are made by the first ops, so the trace's head says. */
static bool record_ops(struct recording *r, const struct listing *l, const char *path, int told)
{
	uint32_t first = 0;
	for (; first < l->nops && listing_makes(&l->op[first]); first++)
		program_step(&r->machine, &l->op[first]);
	if (!simrecord_start(&r->record, &r->machine, path))
		return false;
	simrecord_guard(&r->record, told);
	alarm(SECONDS_MAX);
	run_from(r, l, first);
	simrecord_guard(NULL, told);
	return simrecord_finish(&r->record, &r->machine);
}

static bool record(const struct listing *l, const char *path, int told, char *err, size_t max)
{
	struct recording *r = calloc(1, sizeof(*r));
	if (!r || !machine_create(&r->machine)) {
		snprintf(err, max, "out of memory");
		return false;
	}
	if (!listing_devices(&r->machine, &l->text, path, err, max))
		return false;
	r->machine.violation = on_violation;
	if (record_ops(r, l, path, told))
		return true;
	snprintf(err, max, "%s", r->record.writer.error);
	return false;
}

/* What a sanitizer has to say was told before. */
static _Noreturn void be_recorder(const struct listing *l, const char *path, int told)
{
	char err[512];
	if (!freopen("/dev/null", "w", stderr))
		wrong(err, sizeof(err), "/dev/null");
	else if (record(l, path, told, err, sizeof(err)))
		_exit(EXIT_SUCCESS);
	dprintf(told, "%s\n", err);
	_exit(EXIT_FAILURE);
}

/* By a child, which may die of it. No recording and nothing told: it died before there was anything to record. */
static bool write_trace(const struct listing *l, const char *path, bool *recorded, char *err, size_t max)
{
	int told[2];
	unlink(path);
	fflush(NULL);
	if (pipe(told))
		return wrong(err, max, path);
	pid_t child = fork();
	if (child == 0)
		be_recorder(l, path, told[1]);
	if (child < 0)
		wrong(err, max, path);
	close(told[1]);
	ssize_t n = child < 0 ? 0 : read(told[0], err, max - 1);
	close(told[0]);
	if (child > 0) {
		err[n > 0 ? n : 0] = 0;
		err[strcspn(err, "\n")] = 0;
		waitpid(child, NULL, 0);
	}
	*recorded = access(path, F_OK) == 0;
	return !*err;
}

bool shrink_write(const struct listing *l, const struct outcome *v, const char *base, bool *recorded,
		  char *err, size_t max)
{
	char path[1024], *text = text_of(l);
	bool good = text;
	if (!good)
		snprintf(err, max, "out of memory");
	snprintf(path, sizeof(path), "%s.txt", base);
	good = good && write_file(path, put_text, text, v, err, max);
	snprintf(path, sizeof(path), "%s.c", base);
	good = good && write_file(path, put_test, text, v, err, max);
	snprintf(path, sizeof(path), "%s.vtrace", base);
	good = good && write_trace(l, path, recorded, err, max);
	free(text);
	return good;
}
