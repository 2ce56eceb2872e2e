// SPDX-License-Identifier: BSD-2-Clause
/*
 * The text form of ops: one op a line, for reading, reviewing, diffing and writing by hand.
 *
 *   blk0 write reg=0x070 size=4 value=0xb            # Status ACKNOWLEDGE|DRIVER|FEATURES_OK
 *   blk0 load for=desc gpa=0x100040 data=0010...     # addr=0x1000 len=16 NEXT next=1
 *
 * A line is: device (its type's name and its number in the trace), op, field=value..., data=hex; a '#' starts a comment to
 * the end of the line (made by op_comment, ignored by the reader). Fields may be left out (0) and come in any order.
 */
#ifndef RINGSIDE_TRACE_TEXT_H
#define RINGSIDE_TRACE_TEXT_H

#include "trace/op.h"

/* The longest line: all fields, the comment, and len bytes of data as hex. */
#define OP_TEXT_MAX(len) (768 + 2 * (size_t)(len))

/* Writes one line without newline, NUL-terminated; returns its length, 0 when it does not fit. ids[] maps a device number to its
 * virtio device id (names, request types, registers). comment: append the decoded meaning. */
size_t op_print(const struct op *, const uint16_t *ids, bool comment, char *out, size_t max);

/* Reads one line (no newline). Returns NULL and fills op, or a message that tells what is wrong, with *at the offending column.
 * Empty lines and comment lines give code OP_NOP with *blank set. Data bytes go to buf (max bytes). */
const char *op_parse(const char *line, size_t n, const uint16_t *ids, uint32_t ndevices, struct op *, uint8_t *buf,
		     size_t max, bool *blank, size_t *at);

#endif
