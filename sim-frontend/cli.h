// SPDX-License-Identifier: BSD-2-Clause
/*
 * cli: command lines of `ringside`: options, operands, help text and the one line that tells what was wrong.
 * Whatever is wrong with what the user gave ends in exit status 2.
 */
#ifndef RINGSIDE_CLI_H
#define RINGSIDE_CLI_H

#include <stdbool.h>

#define EXIT_USAGE 2 /* bad usage, or a file that cannot be used */

struct option_row {
	const char *name;       /* with its dashes: "--loose", "-o" */
	const char *value_name; /* NULL: a flag */
	const char **value;     /* set to what follows `--name value` or `--name=value` */
	bool *flag;
	int times; /* above 1: it may be given so many times, and value is an array, NULL where it was not */
	const char *help;
};

struct usage {
	const char *command;
	const char *operands; /* as help shows them: "FILE" */
	const char *about;    /* one line or more, without the last newline */
	int operands_min, operands_max;
	struct option_row option[16]; /* ends with a NULL name */
};

/*
 * Reads argv[1..argc): sets values and flags, moves the operands to argv[0..] and returns how many there are.
 * Negative: all is said (help, or an error); return cli_status() of it from the command.
 */
int cli_parse(const struct usage *, int argc, char **argv);
int cli_status(int parsed); /* exit status for a negative result */
/* A number option's text; false, and said so, where it is none or above max. */
bool cli_number(const char *name, const char *text, unsigned long long max, unsigned long long *out);

/* One line "ringside: ..." on standard error; returns EXIT_USAGE. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
