// SPDX-License-Identifier: BSD-2-Clause
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARSED_HELP = -1, PARSED_WRONG = -2 };

int fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fflush(stdout);
	fputs("ringside: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return EXIT_USAGE;
}

static void print_help(const struct usage *u)
{
	printf("Usage: ringside %s%s%s%s\n\n%s\n", u->command, *u->operands ? " " : "", u->operands,
	       u->option[0].name ? " [options]" : "", u->about);
	if (u->option[0].name)
		puts("");
	for (const struct option_row *o = u->option; o->name; o++) {
		char left[64];

		snprintf(left, sizeof(left), "%s %s", o->name, o->value_name ? o->value_name : "");
		printf("  %-22s %s\n", left, o->help);
	}
}

/* The option that arg names, up to a '='. */
static const struct option_row *find(const struct usage *u, const char *arg)
{
	size_t n = strcspn(arg, "=");

	for (const struct option_row *o = u->option; o->name; o++)
		if (strlen(o->name) == n && !memcmp(o->name, arg, n))
			return o;
	return NULL;
}

/* Handles the option at argv[*i]; moves *i over its value. */
static bool take(const struct usage *u, int argc, char **argv, int *i)
{
	const struct option_row *o = find(u, argv[*i]);
	char *equals = strchr(argv[*i], '=');

	if (!o) {
		fail("%s: unknown option %s; see ringside %s --help", u->command, argv[*i], u->command);
		return false;
	}
	if (!o->value_name) {
		if (equals)
			fail("%s: option %s takes no value", u->command, o->name);
		*o->flag = true;
		return !equals;
	}
	if (!equals && *i + 1 == argc) {
		fail("%s: option %s needs a value: %s", u->command, o->name, o->value_name);
		return false;
	}
	const char **value = o->value;

	for (int n = 1; n < o->times && *value; n++)
		value++;
	*value = equals ? equals + 1 : argv[++*i];
	return true;
}

static int check_operands(const struct usage *u, int n, char **argv)
{
	if (n < u->operands_min)
		fail("%s: missing argument: ringside %s %s", u->command, u->command, u->operands);
	else if (n > u->operands_max)
		fail("%s: one argument too many: %s", u->command, argv[u->operands_max]);
	else
		return n;
	return PARSED_WRONG;
}

int cli_parse(const struct usage *u, int argc, char **argv)
{
	bool options = true;
	int n = 0;

	for (int i = 1; i < argc; i++) {
		if (options && (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))) {
			print_help(u);
			return PARSED_HELP;
		}
		if (options && !strcmp(argv[i], "--"))
			options = false;
		else if (!options || argv[i][0] != '-' || !argv[i][1])
			argv[n++] = argv[i];
		else if (!take(u, argc, argv, &i))
			return PARSED_WRONG;
	}
	return check_operands(u, n, argv);
}

int cli_status(int parsed)
{
	return parsed == PARSED_HELP ? EXIT_SUCCESS : EXIT_USAGE;
}

bool cli_number(const char *name, const char *text, unsigned long long max, unsigned long long *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 0);
	if (text[0] >= '0' && text[0] <= '9' && !*end && !errno && *out <= max)
		return true;
	fail("option %s: expected a number of at most %llu, got '%s'", name, max, text);
	return false;
}
