// SPDX-License-Identifier: BSD-2-Clause
/*
 * textfile: reads the text form of a trace or of a program (core/trace/text.h), op by op, for `assemble` and
 * `run`. Which of the two it is, its first line tells: a trace begins with a `trace` line. Every op is
 * checked to be legal there: a trace has no driver-level ops, a program no outputs, and its values lie below
 * their bounds.
 */
#ifndef RINGSIDE_TEXTFILE_H
#define RINGSIDE_TEXTFILE_H

#include "trace/text.h"

#include <stdio.h>

struct textfile {
	struct trace_text text; /* head lines; a program without a device line has one blk0, nothing given */
	uint16_t ids[OP_DEV_MAX]; /* virtio device ids, for op_print */
	char found
		[24]; /* the oracle that a finding's first line names: "# VIOLATION differential at op 9 ..."; else "" */
	uint64_t line_number; /* of the latest op, from 1 */
	char error[512];      /* one line, PATH:LINE:COLUMN: what is wrong; empty: nothing is */
	/* private */
	const char *path;
	FILE *file;
	char *line;
	size_t line_max, line_len;
	bool held;     /* the line was read, but not used yet */
	uint8_t *data; /* room for half of line_max: more hex digits do not stand in a line */
	size_t data_max;
};

/* Opens and reads up to the first op. False: error tells; nothing to close. */
bool textfile_open(struct textfile *, const char *path);
/* The same for a file that is open; path is for messages. It is closed by textfile_close, or where this
 * fails. */
bool textfile_take(struct textfile *, const char *path, FILE *);
/* The next op; its data is valid until the next call. False: the end, or error is not empty. */
bool textfile_next(struct textfile *, struct op *);
void textfile_close(struct textfile *);

#endif
