// SPDX-License-Identifier: BSD-2-Clause
/*
 * op: one step at a device's doors, and its three forms: bytes in a trace, bytes in a program, a line of text
 * (text.h). Pure functions over buffers. ops.def is the one table behind all of them.
 */
#ifndef RINGSIDE_OP_H
#define RINGSIDE_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OP_ARGS_MAX 6
#define OP_DEV_MAX  16 /* devices in one trace */

enum op_code {
#define OP(code, NAME, ...) OP_##NAME = (code),
#include "trace/ops.def"
#undef OP
};

/* arg[i] is the op's i-th field in ops.def, 0 beyond those; data (len bytes, NULL for none) points into the
 * buffer it was decoded from. */
struct op {
	uint8_t code, dev;
	uint32_t len;
	uint64_t arg[OP_ARGS_MAX];
	const uint8_t *data;
};

enum op_class { OP_CLASS_IN, OP_CLASS_DRV, OP_CLASS_OUT };
enum op_format {
	OP_DEC,
	OP_HEX,
	OP_GPA,
	OP_REG,
	OP_FOR,
	OP_KIND,
	OP_QUEUE_NR,
	OP_TYPE,
	OP_OFF,
	OP_BITS,
	OP_POINT
};

struct op_field {
	const char *name;
	enum op_format format;
	uint64_t bound;
};

struct op_info {
	const char *text; /* NULL: no such op */
	enum op_class class;
	bool has_data;
	uint8_t nfields;
	struct op_field field[OP_ARGS_MAX];
};

const struct op_info *op_info(uint8_t code); /* never NULL; text is NULL for an unassigned code */

/* Longest encoding of an op without its data: length, code, device, fields and data length as varints. */
#define OP_ENCODED_MAX 96

/*
 * Trace record: varint length of what follows, code, device, fields as varints (LEB128), then for an op with
 * data its length as a varint and its bytes. A reader skips a code it does not know by the record's length.
 */
/* Bytes written; 0: it does not fit, or may not stand in a trace (class DRV, unassigned, dev too large). */
size_t op_encode(const struct op *, uint8_t *out, size_t max);

/* OP_MALFORMED: fields and data do not fill the record exactly, or the op may not stand in a trace. */
enum op_decode { OP_DECODED, OP_TRUNCATED, OP_MALFORMED, OP_UNKNOWN };
/* *used: the record's whole size, set for OP_DECODED and OP_UNKNOWN (skip it). */
enum op_decode op_decode(const uint8_t *in, size_t n, struct op *, size_t *used);

#define OP_PROGRAM_DATA_MAX   255
#define OP_PROGRAM_DEV_MAX    4
#define OP_PROGRAM_QUEUES_MAX 8 /* of a device; the bound in ops.def */

/*
 * Program op: one byte (device << 6 | code), fields as varints reduced to their bounds, data with a length of
 * at most 255. Every byte string, the empty one too, decodes: exhausted input reads as zeroes, an unassigned
 * code is a NOP. Returns the bytes used (0 only when n is 0).
 */
size_t op_program_decode(const uint8_t *in, size_t n, struct op *);
/* The canonical form; decode(encode(decode(x))) equals decode(x). Values are reduced to their bounds, data is
 * cut, the device is taken modulo 4. 0: it does not fit, or the op may not stand in a program (class OUT,
 * unassigned). */
size_t op_program_encode(const struct op *, uint8_t *out, size_t max);

/* crc32c (Castagnoli) of a chunk. */
uint32_t crc32c(uint32_t crc, const void *, size_t n);

#endif
