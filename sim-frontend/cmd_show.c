// SPDX-License-Identifier: BSD-2-Clause
#include "cmd.h"
#include "textout.h"
#include "tracefile.h"

#include <errno.h>
#include <stdlib.h>
#include <linux/virtio_ids.h>

#define PROGRAM_MAX (1u << 20) /* bytes */

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
			 .value_name = "blk|rng",
			 .value = &device,
			 .help = "what the program is about (blk)"},
			{.name = "--one-device",
			 .flag = &one_device,
			 .help = "all its devices are one, as in a fuzz target"},
		},
};

static int finish(struct textout *out)
{
	return textout_close(out) ? EXIT_SUCCESS : fail("cannot write the text: is the disk full?");
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
	status = finish(&out);
	if (r.bad)
		status = fail("%s", r.error);
	trace_warn(&r);
	trace_close(&r);
	return status;
}

/* A program's bytes name no devices; its text declares those that it uses, and the first. */
static void put_devices(const uint8_t *bytes, size_t n)
{
	uint8_t last = 0;
	struct op op;

	for (size_t at = 0; at < n; at += op_program_decode(bytes + at, n - at, &op))
		last = bytes[at] >> 6 > last ? bytes[at] >> 6 : last;
	for (int i = 0; i <= last && !(one_device && i); i++)
		printf("device %s%d\n", device, i);
}

static int show_bytes(FILE *file, const char *path, uint16_t id)
{
	static uint8_t bytes[PROGRAM_MAX];
	struct textout out = {.file = stdout, .comments = !no_comments};
	const uint16_t ids[OP_DEV_MAX] = {id, id, id, id};
	size_t n = fread(bytes, 1, sizeof(bytes), file), used;
	struct op op;

	if (ferror(file))
		return fail("%s: cannot read it: %s", path, strerror(errno));
	if (fgetc(file) != EOF)
		return fail("%s: longer than %zu bytes: no program is", path, sizeof(bytes));
	put_devices(bytes, n);
	for (size_t at = 0; at < n; at += used) {
		used = op_program_decode(bytes + at, n - at, &op);
		op.dev = one_device ? 0 : op.dev;
		textout_op(&out, &op, ids);
	}
	return finish(&out);
}

static int show_program(const char *path)
{
	uint16_t id = 0;
	FILE *file;
	int status;

	if (!strcmp(device, "blk"))
		id = VIRTIO_ID_BLOCK;
	else if (!strcmp(device, "rng"))
		id = VIRTIO_ID_RNG;
	else
		return fail("show: option --device: expected blk or rng, got %s", device);
	file = fopen(path, "rb");
	if (!file)
		return fail("%s: cannot open: %s", path, strerror(errno));
	status = show_bytes(file, path, id);
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
