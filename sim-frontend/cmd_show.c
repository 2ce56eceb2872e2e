// SPDX-License-Identifier: BSD-2-Clause
#include "cmd.h"
#include "program_text.h"
#include "textout.h"
#include "tracefile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool program, no_comments, one_device;
static const char *device = "blk";

static const struct usage usage = {
	.command = "show",
	.operands = "FILE",
	.about = "Prints a trace as text: its head, then one op a line. Behind a # stands what it means.\n"
		 "ringside assemble turns the text into the same trace again.",
	.operands_min = 1,
	.operands_max = 1,
	.option =
		{
			{.name = "--no-comments",
			 .flag = &no_comments,
			 .help = "leave out what stands behind the #"},
			{.name = "--program",
			 .flag = &program,
			 .help = "FILE is a program's bytes (a fuzzer's input): any file is one"},
			{.name = "--device",
			 .value_name = "blk|rng|net|console|device",
			 .value = &device,
			 .help = "what the program is about (blk); device: its first byte tells, as for "
				 "fuzz_device"},
			{.name = "--one-device",
			 .flag = &one_device,
			 .help = "all its devices are one, as in a fuzz target"},
		},
};

static int cannot_write(void)
{
	return fail("cannot write the text: is the disk full?");
}

static int show_trace(const char *path)
{
	struct textout out = {.file = stdout, .comments = !no_comments};
	struct trace_reader r;
	struct op op;
	int status;

	if (!trace_open(&r, path))
		return fail("%s", r.error);
	textout_head(&out, &r.head);
	while (trace_next(&r, &op))
		textout_op(&out, &op, r.ids);
	if (r.ended)
		textout_end(&out, r.end);
	status = textout_close(&out) ? EXIT_SUCCESS : cannot_write();
	if (r.bad)
		status = fail("%s", r.error);
	trace_warn(&r);
	trace_close(&r);
	return status;
}

static int show_bytes(FILE *file, const char *path, const struct program_text_options *o)
{
	static uint8_t bytes[PROGRAM_BYTES_MAX];
	size_t n = fread(bytes, 1, sizeof(bytes), file);

	if (ferror(file))
		return fail("%s: cannot read it: %s", path, strerror(errno));
	if (fgetc(file) != EOF)
		return fail("%s: longer than %zu bytes: no program is", path, sizeof(bytes));
	return program_text(stdout, bytes, n, o) ? EXIT_SUCCESS : cannot_write();
}

static int show_program(const char *path)
{
	struct program_text_options o = {.one_device = one_device, .comments = !no_comments};
	FILE *file;
	int status;

	if (!program_text_device(&o, device))
		return fail(
			"show: option --device: no device %s can be simulated (blk, rng, net, console; or "
			"device: the first byte tells)",
			device);
	file = fopen(path, "rb");
	if (!file)
		return fail("%s: cannot open: %s", path, strerror(errno));
	status = show_bytes(file, path, &o);
	fclose(file);
	return status;
}

int cmd_show(int argc, char **argv)
{
	int n = cli_parse(&usage, argc, argv);

	if (n < 0)
		return cli_status(n);
	return program ? show_program(argv[0]) : show_trace(argv[0]);
}
