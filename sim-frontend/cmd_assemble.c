// SPDX-License-Identifier: BSD-2-Clause
#include "cmd.h"
#include "machine_byte.h"
#include "outfile.h"
#include "textfile.h"
#include "tracefile.h"

#include <errno.h>
#include <stdlib.h>
#include <limits.h>

static const char *output;
static bool machine_byte;

static const struct usage usage = {
	.command = "assemble",
	.operands = "FILE.txt -o FILE",
	.about =
		"Makes a trace, or a program's bytes, from its text. A text that begins with a `trace` line\n"
		"is a trace; any other is a program (its device lines are for ringside run: the bytes do\n"
		"not hold them).",
	.operands_min = 1,
	.operands_max = 1,
	.option = {{.name = "-o",
		    .value_name = "FILE",
		    .value = &output,
		    .help = "where to write it; replaced if it is there"},
		   {.name = "--machine-byte",
		    .flag = &machine_byte,
		    .help = "ahead of the program a byte that tells its devices, as fuzz_device wants it"}},
};

static int assemble_trace(struct textfile *text)
{
	struct trace_writer w;
	struct op op;
	bool ok = true;

	if (!trace_create(&w, output, &text->text.head))
		return fail("%s", w.error);
	while (ok && textfile_next(text, &op))
		ok = trace_write(&w, &op);
	if (!ok || *text->error) {
		trace_abandon(&w);
		return fail("%s", ok ? text->error : w.error);
	}
	return trace_finish(&w, text->text.ended ? text->text.end : -1) ? EXIT_SUCCESS : fail("%s", w.error);
}

/* What the devices offer, and how else they are made, is no part of it: ops say that. */
static bool find_machine(const struct textfile *text, uint8_t *byte)
{
	const struct trace_head *h = &text->text.head;

	if (h->ndevices <= MACHINE_BYTE_DEVICES && machine_byte_find(text->ids, h->ndevices, byte))
		return true;
	fail("assemble: --machine-byte: no machine has just these devices: blk; rng; net; console; blk, net; "
	     "net, "
	     "console; console, rng; blk, rng, net, console");
	return false;
}

/* False: the text is no good, and its error tells. */
static bool put_program(struct textfile *text, FILE *file)
{
	uint8_t bytes[OP_ENCODED_MAX + OP_PROGRAM_DATA_MAX];
	struct op op;

	while (textfile_next(text, &op)) {
		size_t n = op_program_encode(&op, bytes, sizeof(bytes));

		fwrite(bytes, 1, n, file);
	}
	return !*text->error;
}

static int assemble_program(struct textfile *text)
{
	struct outfile out;
	uint8_t byte = 0;

	if (machine_byte && !find_machine(text, &byte))
		return EXIT_USAGE;
	if (!outfile_open(&out, output))
		return fail("%s: cannot create: %s", output, strerror(errno));
	if (machine_byte)
		fputc(byte, out.file);
	if (!put_program(text, out.file)) {
		outfile_drop(&out);
		return fail("%s", text->error);
	}
	return outfile_done(&out) ? EXIT_SUCCESS : fail("%s: cannot write: %s", output, strerror(errno));
}

int cmd_assemble(int argc, char **argv)
{
	int n = cli_parse(&usage, argc, argv), status;
	struct textfile text;

	if (n < 0)
		return cli_status(n);
	if (!output)
		return fail("assemble: missing option -o FILE: where to write the result");
	if (outfile_is(argv[0], output))
		return fail("assemble: %s is the text itself: choose another output", output);
	if (!textfile_open(&text, argv[0]))
		return fail("%s", text.error);
	status = text.text.trace ? assemble_trace(&text) : assemble_program(&text);
	textfile_close(&text);
	return status;
}
