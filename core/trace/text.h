// SPDX-License-Identifier: BSD-2-Clause
/*
 * The text form of ops: one op a line, for reading, reviewing, diffing and writing by hand.
 *
 *   blk0 write reg=0x070 size=4 value=0xb            # Status ACKNOWLEDGE|DRIVER|FEATURES_OK
 *   blk0 load for=desc gpa=0x100040 data=0010...     # addr=0x1000 len=16 NEXT next=1
 *
 * A line is: device (its type's name and its number in the trace; "dev" for a type without a name), op,
 * field=value..., data=hex; a '#' at the start of a word begins a comment to the end of the line (made by
 * op_print, ignored by the reader). Fields may be left out (0) and come in any order. Numbers are decimal or
 * 0x...; where a field has words for its values (for, kind, type, offence) the word is printed and both are
 * read.
 *
 * Ahead of the ops, a whole trace's text carries its head, a line each, and after them why it ended:
 *
 *   trace version=1 payload=hash build="ringside 0.1.0"
 *   ram gpa=0x0 len=0x10000000
 *   device blk0 id=2 transport=mmio features=0x130001c76 queues=256 config=00... ident=00...
 *   end done
 *
 * A program has device lines at the most, and may leave anything out of them.
 */
#ifndef RINGSIDE_TRACE_TEXT_H
#define RINGSIDE_TRACE_TEXT_H

#include "trace/file.h"
#include "trace/op.h"

/* The longest line: all fields, the comment, and len bytes of data as hex, with the NUL. */
#define OP_TEXT_MAX(len) (1024 + 2 * (size_t)(len))

/* Writes one line without newline, NUL-terminated; returns its length, 0 when it does not fit or is no op.
 * The op was decoded or read. ids[] (OP_DEV_MAX, 0: unknown) maps a device number to its virtio device id (names, request types).
 * comment: append the decoded meaning. */
size_t op_print(const struct op *, const uint16_t *ids, bool comment, char *out, size_t max);

/* Reads one line (no newline). Returns NULL and fills op, or a message that tells what is wrong, with *at the
 * offending column (from 1). Empty lines and comment lines give code OP_NOP with *blank set. Data bytes go to
 * buf (max bytes). The device must be one of ndevices (at most OP_DEV_MAX) and of the type that ids[] tells. Values are not held
 * against the bounds of programs: op_beyond is. */
const char *op_parse(const char *line, size_t n, const uint16_t *ids, uint32_t ndevices, struct op *,
		     uint8_t *buf, size_t max, bool *blank, size_t *at);

/* The first field whose value is not below its bound in programs, or -1. */
int op_beyond(const struct op *);

/* What of a device's line stood there. */
enum trace_given {
	TRACE_GIVEN_FEATURES = 1,
	TRACE_GIVEN_QUEUES = 2,
	TRACE_GIVEN_CONFIG = 4,
	TRACE_GIVEN_IDENT = 8
};

/* The head lines and the end line of a text, as far as they were read. Begin with all zeroes. */
struct trace_text {
	struct trace_head head;
	uint8_t given[OP_DEV_MAX]; /* enum trace_given, by device */
	bool trace;                /* a `trace` line: a recording; else a program */
	bool ended;                /* an `end` line */
	uint8_t end;               /* enum trace_end */
};

#define TRACE_TEXT_LINE_MAX 2048

/* The i-th line of a head, from 0, like op_print; 0: there is none. */
size_t trace_print_head(const struct trace_head *, uint32_t i, bool comment, char *out, size_t max);
size_t trace_print_end(uint8_t end, char *out, size_t max);
/* Reads a head or end line; *taken false: it is neither (an op, blank). Returns NULL or what is wrong, with
 * the column. */
const char *trace_parse_head(const char *line, size_t n, struct trace_text *, bool *taken, size_t *at);

#endif
