// SPDX-License-Identifier: BSD-2-Clause
#include "trial_report.h"

#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *signal_text(int number)
{
	switch (number) {
	case SIGILL:
	case SIGTRAP:
		return "a check of our own ended it (trap)";
	case SIGPROF:
	case SIGALRM:
	case SIGXCPU:
		return "it does not end";
	case SIGABRT:
		return "it aborted";
	case SIGKILL:
		return "it was killed: is there memory enough?";
	case SIGFPE:
		return "it divided by zero";
	default:
		return "it touched memory that is not there";
	}
}

/* Endless work is the same wherever it is caught. */
void report_signal(int number, uintptr_t at, uint64_t op, struct outcome *v)
{
	uintptr_t base = (uintptr_t)&report_signal;
	v->failed = true;
	v->op = op;
	snprintf(v->check, sizeof(v->check), "signal %d at %llx", number,
		 number == SIGPROF ? 0 : (unsigned long long)(at - base));
	snprintf(v->what, sizeof(v->what), "crash at op %llu: %s", (unsigned long long)op,
		 signal_text(number));
}

/* -- sanitizers' reports --------------------------------------------------------------------------------- */

/* Copies a line, its numbers as one # each. */
static void without_numbers(char *out, size_t max, const char *line)
{
	size_t n = 0;
	for (; *line && *line != '\n' && n + 1 < max; line++) {
		if (!isxdigit((unsigned char)*line) || !isdigit((unsigned char)*line)) {
			out[n++] = *line;
			continue;
		}
		out[n++] = '#';
		while (isxdigit((unsigned char)line[1]) || line[1] == 'x')
			line++;
	}
	out[n] = 0;
}

/* The innermost place in our own program: "(/path/ringside+0x1234)". */
static void own_frame(char *out, size_t max, const char *text)
{
	char self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 2);
	const char *at;
	*out = 0;
	if (n <= 0)
		return;
	self[n] = '+';
	self[n + 1] = 0;
	at = strstr(text, self);
	if (at)
		snprintf(out, max, "%.*s", (int)strspn(at + n, "+0123456789abcdefx"), at + n);
}

static void report_sanitizer(const char *text, struct outcome *v)
{
	const char *line = strstr(text, "Sanitizer: "), *word = line ? line + strlen("Sanitizer: ") : NULL;
	const char *undefined = strstr(text, ": runtime error: ");
	char frame[64], kind[128] = "";
	if (undefined && (!line || undefined < line)) {
		word = undefined + 2;
		without_numbers(kind, sizeof(kind), word);
		for (line = undefined; line > text && line[-1] != '\n'; line--)
			;
		snprintf(frame, sizeof(frame), "%.*s", (int)strcspn(line, " \n"), line);
	} else {
		own_frame(frame, sizeof(frame), text);
		if (word)
			snprintf(kind, sizeof(kind), "%.*s", (int)strcspn(word, " \n"), word);
	}
	snprintf(v->check, sizeof(v->check), "sanitizer %s at %s", kind, frame);
	snprintf(v->what, sizeof(v->what), "crash at op %llu: %s", (unsigned long long)v->op,
		 *kind ? kind : "a sanitizer ended it");
}

void report_death(int status, int report, uint64_t op, struct outcome *v)
{
	static char text[65536];
	memset(v, 0, sizeof(*v));
	v->failed = true;
	v->op = op;
	if (WIFSIGNALED(status)) {
		report_signal(WTERMSIG(status), 0, op, v);
		return;
	}
	ssize_t n = pread(report, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = 0;
	report_sanitizer(text, v);
}
