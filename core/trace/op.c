// SPDX-License-Identifier: BSD-2-Clause
#include "trace/op.h"
#include "trace/varint.h"

#include <string.h>

#define F(name, format, bound)           \
	{                                \
		name, OP_##format, bound \
	}
#define FIELDS(...) (sizeof((struct op_field[]){__VA_ARGS__}) / sizeof(struct op_field))
#define DATA_NONE   false
#define DATA_BYTES  true

static const struct op_info infos[] = {
#define OP(code, NAME, text, class, data, ...) \
	[code] = {text, OP_CLASS_##class, DATA_##data, FIELDS(__VA_ARGS__), {__VA_ARGS__}},
#include "trace/ops.def"
#undef OP
};
static const struct op_info unassigned;

/* What the codec needs to know of a code, in a byte: number of fields, where it is legal. 0: unassigned. */
enum { SHAPE_FIELDS = 7, SHAPE_DATA = 8, SHAPE_PROGRAM = 16, SHAPE_TRACE = 32 };
#define LEGAL_IN   (SHAPE_PROGRAM | SHAPE_TRACE)
#define LEGAL_DRV  SHAPE_PROGRAM
#define LEGAL_OUT  SHAPE_TRACE
#define MARK_NONE  0
#define MARK_BYTES SHAPE_DATA

static const uint8_t shapes[256] = {
#define OP(code, NAME, text, class, data, ...) [code] = LEGAL_##class | MARK_##data | FIELDS(__VA_ARGS__),
#include "trace/ops.def"
#undef OP
};

const struct op_info *op_info(uint8_t code)
{
	return code < sizeof(infos) / sizeof(infos[0]) ? &infos[code] : &unassigned;
}

static size_t fields_len(const struct op *op, uint8_t shape)
{
	size_t n = 0;

	for (int i = 0; i < (shape & SHAPE_FIELDS); i++)
		n += varint_len(op->arg[i]);
	return n;
}

static size_t body_len(const struct op *op, uint8_t shape)
{
	return 2 + fields_len(op, shape) + (shape & SHAPE_DATA ? varint_len(op->len) + op->len : 0);
}

static size_t program_len(const struct op *op, uint8_t shape)
{
	return 1 + fields_len(op, shape) + (shape & SHAPE_DATA ? 1 + (size_t)op->len : 0);
}

static uint8_t *put_data(uint8_t *p, const struct op *op)
{
	if (op->len)
		memcpy(p, op->data, op->len);
	return p + op->len;
}

/* What follows the record's length. */
static uint8_t *put_body(uint8_t *p, const struct op *op, uint8_t shape)
{
	*p++ = op->code;
	*p++ = op->dev;
	for (int i = 0; i < (shape & SHAPE_FIELDS); i++)
		p = varint_put(p, op->arg[i]);
	return shape & SHAPE_DATA ? put_data(varint_put(p, op->len), op) : p;
}

/* With no more data than this a record's length is one byte, whatever its fields are. */
#define SHORT_RECORD_MAX 128u
#define SHORT_DATA_MAX   (SHORT_RECORD_MAX - 1 - (1 + 2 + OP_ARGS_MAX * VARINT_MAX + 1))

size_t op_encode(const struct op *op, uint8_t *out, size_t max)
{
	uint8_t shape = shapes[op->code];
	size_t body;

	if (!(shape & SHAPE_TRACE) || op->dev >= OP_DEV_MAX)
		return 0;
	if (max >= SHORT_RECORD_MAX && (!(shape & SHAPE_DATA) || op->len <= SHORT_DATA_MAX)) {
		body = (size_t)(put_body(out + 1, op, shape) - (out + 1));
		*out = (uint8_t)body;
		return 1 + body;
	}
	body = body_len(op, shape);
	if (varint_len(body) + body > max)
		return 0;
	return (size_t)(put_body(varint_put(out, body), op, shape) - out);
}

/* Fields are read against the end of the buffer, not of the record: the caller checks where that ended. */
static const uint8_t *get_fields(const uint8_t *p, const uint8_t *end, uint8_t shape, struct op *op)
{
	uint64_t len;

	memset(op->arg, 0, sizeof(op->arg));
	for (int i = 0; i < (shape & SHAPE_FIELDS); i++) {
		p = varint_get(p, end, &op->arg[i]);
		if (!p)
			return NULL;
	}
	op->len = 0;
	op->data = NULL;
	if (!(shape & SHAPE_DATA))
		return p;
	p = varint_get(p, end, &len);
	if (!p || len > (size_t)(end - p) || len > UINT32_MAX)
		return NULL;
	op->len = (uint32_t)len;
	op->data = len ? p : NULL;
	return p + len;
}

enum op_decode op_decode(const uint8_t *in, size_t n, struct op *op, size_t *used)
{
	const uint8_t *end = in + n, *p, *record_end;
	uint64_t len;

	p = varint_get(in, end, &len);
	if (!p)
		return n < VARINT_MAX ? OP_TRUNCATED : OP_MALFORMED;
	if (len > (size_t)(end - p))
		return OP_TRUNCATED;
	if (len < 2)
		return OP_MALFORMED;
	record_end = p + len;
	*used = (size_t)(record_end - in);
	op->code = *p++;
	op->dev = *p++;
	if (!shapes[op->code])
		return OP_UNKNOWN;
	if (!(shapes[op->code] & SHAPE_TRACE) || op->dev >= OP_DEV_MAX)
		return OP_MALFORMED;
	return get_fields(p, end, shapes[op->code], op) == record_end ? OP_DECODED : OP_MALFORMED;
}

/* A program's varint: exhausted input ends it, bits above 64 fall away. Every byte string means something. */
static const uint8_t *program_varint(const uint8_t *p, const uint8_t *end, uint64_t *out)
{
	uint64_t v = 0;

	if (p < end && *p < 0x80) { /* as most are */
		*out = *p;
		return p + 1;
	}
	for (unsigned shift = 0; shift < 64 && p < end; shift += 7) {
		v |= (uint64_t)(*p & 0x7f) << shift;
		if (*p++ < 0x80)
			break;
	}
	*out = v;
	return p;
}

static uint64_t program_value(uint64_t v, uint64_t bound)
{
	return bound && v >= bound ? v % bound : v;
}

size_t op_program_decode(const uint8_t *in, size_t n, struct op *op)
{
	const uint8_t *p = in, *end = in + n;
	const struct op_info *info;
	uint8_t shape;

	memset(op, 0, sizeof(*op));
	op->code = OP_NOP;
	if (!n)
		return 0;
	op->dev = *p >> 6;
	shape = shapes[*p & 0x3f];
	if (shape)
		op->code = *p & 0x3f;
	p++;
	info = op_info(op->code);
	for (int i = 0; i < (shape & SHAPE_FIELDS); i++) {
		p = program_varint(p, end, &op->arg[i]);
		op->arg[i] = program_value(op->arg[i], info->field[i].bound);
	}
	if (shape & SHAPE_DATA && p < end) {
		op->len = *p++;
		if (op->len > (size_t)(end - p))
			op->len = (uint32_t)(end - p);
		op->data = op->len ? p : NULL;
	}
	return (size_t)(p + op->len - in);
}

size_t op_program_encode(const struct op *op, uint8_t *out, size_t max)
{
	const struct op_info *info = op_info(op->code);
	uint8_t shape = shapes[op->code], *p = out;
	struct op canon = {.code = op->code, .data = op->data};

	if (!(shape & SHAPE_PROGRAM))
		return 0;
	for (int i = 0; i < info->nfields; i++)
		canon.arg[i] = program_value(op->arg[i], info->field[i].bound);
	canon.len = shape & SHAPE_DATA && op->len > OP_PROGRAM_DATA_MAX ? OP_PROGRAM_DATA_MAX : op->len;
	if (program_len(&canon, shape) > max)
		return 0;
	*p++ = (uint8_t)((op->dev & 3) << 6 | op->code);
	for (int i = 0; i < info->nfields; i++)
		p = varint_put(p, canon.arg[i]);
	if (!(shape & SHAPE_DATA))
		return (size_t)(p - out);
	*p++ = (uint8_t)canon.len;
	return (size_t)(put_data(p, &canon) - out);
}
