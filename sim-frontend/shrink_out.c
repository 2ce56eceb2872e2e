// SPDX-License-Identifier: BSD-2-Clause
#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"
#include "shrink_out.h"
#include "simrecord.h"

#define SECONDS_MAX 5 /* for a recording */

extern void __sanitizer_set_death_callback(void (*)(void)) __attribute__((weak));

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

static bool close_file(FILE *f, const char *path, char *err, size_t max)
{
	bool good = !ferror(f);
	return (fclose(f) == 0 && good) || wrong(err, max, path);
}

static bool write_text(const char *text, const struct outcome *v, const char *path, char *err, size_t max)
{
	FILE *f = fopen(path, "w");
	if (!f)
		return wrong(err, max, path);
	fprintf(f, "# %s\n%s", v->what, text);
	return close_file(f, path, err, max);
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

static bool write_test(const char *text, const struct outcome *v, const char *path, char *err, size_t max)
{
	FILE *f = fopen(path, "w");
	if (!f)
		return wrong(err, max, path);
	fputs("// SPDX-License-Identifier: BSD-2-Clause\n/*\n * Once this was:\n * ", f);
	for (const char *p = v->what; *p; p++)
		fputc(p[0] == '*' && p[1] == '/' ? '#' : *p, f);
	fputs("\n */\n#include \"tests/regress/regress.h\"\n\nstatic const char program[] = ", f);
	put_literal(f, *text ? text : "\n");
	fputs("\nREGRESS(program)\n", f);
	return close_file(f, path, err, max);
}

/* -- the trace ------------------------------------------------------------------------------------------- */

struct recording {
	struct machine machine; /* first */
	struct simrecord record;
	jmp_buf out;
};

enum { VIOLATED = 1, DIED };

static void on_violation(struct machine *m, struct sim_device *d, const struct violation *v)
{
	struct recording *r = (struct recording *)(void *)m;
	(void)d;
	(void)v;
	longjmp(r->out, VIOLATED);
}

/* The devices crash: what happened up to there is the recording. */
static struct recording *dying;

static _Noreturn void on_death(void)
{
	if (dying)
		simrecord_rescue(&dying->record);
	_exit(EXIT_SUCCESS);
}

/* The record is saved outside of the handler: there all functions may be called. */
static void on_signal(int number)
{
	if (!dying)
		_exit(128 + number);
	longjmp(dying->out, DIED);
}

static void prepare_to_die(struct recording *r)
{
	static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGALRM};
	dying = r;
	alarm(SECONDS_MAX);
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(on_death);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		if (!__sanitizer_set_death_callback || deadly[i] == SIGALRM)
			signal(deadly[i], on_signal);
}

static void run_from(struct recording *r, const struct listing *l, uint32_t first)
{
	switch (setjmp(r->out)) {
	case 0:
		for (uint32_t i = first; i < l->nops; i++)
			program_step(&r->machine, &l->op[i]);
		program_quiesce(&r->machine);
		break;
	case DIED:
		on_death();
	}
}

/* As the devices are made by the first ops, so the trace's head says. */
static bool record_ops(struct recording *r, const struct listing *l, const char *path)
{
	uint32_t first = 0;
	for (; first < l->nops && listing_makes(&l->op[first]); first++)
		program_step(&r->machine, &l->op[first]);
	if (!simrecord_start(&r->record, &r->machine, path))
		return false;
	prepare_to_die(r);
	run_from(r, l, first);
	dying = NULL;
	return simrecord_finish(&r->record, &r->machine);
}

static bool record(const struct listing *l, const char *path, char *err, size_t max)
{
	struct recording *r = calloc(1, sizeof(*r));
	if (!r || !machine_create(&r->machine)) {
		snprintf(err, max, "out of memory");
		return false;
	}
	if (!listing_devices(&r->machine, &l->text, path, err, max))
		return false;
	r->machine.violation = on_violation;
	if (record_ops(r, l, path))
		return true;
	snprintf(err, max, "%s", r->record.writer.error);
	return false;
}

/* By a child, which may die of it. */
static bool write_trace(const struct listing *l, const char *path)
{
	char err[512];
	int status = -1;
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		if (freopen("/dev/null", "w", stderr) && record(l, path, err, sizeof(err)))
			_exit(EXIT_SUCCESS);
		_exit(EXIT_FAILURE);
	}
	if (child > 0)
		waitpid(child, &status, 0);
	if (status)
		unlink(path);
	return status == 0;
}

bool shrink_write(const struct listing *l, const struct outcome *v, const char *base, bool *recorded,
		  char *err, size_t max)
{
	char path[1024], *text = text_of(l);
	bool good = text;
	if (!good)
		snprintf(err, max, "out of memory");
	snprintf(path, sizeof(path), "%s.txt", base);
	good = good && write_text(text, v, path, err, max);
	snprintf(path, sizeof(path), "%s.c", base);
	good = good && write_test(text, v, path, err, max);
	snprintf(path, sizeof(path), "%s.vtrace", base);
	*recorded = good && write_trace(l, path);
	free(text);
	return good;
}
