// SPDX-License-Identifier: BSD-2-Clause
#include "shrink_int.h"

static const uint8_t zeroes[OP_PROGRAM_DATA_MAX];

/* Best, with one op replaced. */
static bool try_op(struct shrink *s, uint32_t i, const struct op *op)
{
	if (i >= s->best->nops)
		return false;
	memcpy(s->ops, s->best->op, s->best->nops * sizeof(*s->ops));
	s->ops[i] = *op;
	return shrink_try(s, s->best->nops, NULL);
}

static bool try_field(struct shrink *s, uint32_t i, int field, uint64_t value)
{
	if (i >= s->best->nops || value >= s->best->op[i].arg[field])
		return false; /* only ever smaller, so it ends */
	struct op op = s->best->op[i];
	op.arg[field] = value;
	return try_op(s, i, &op);
}

/* Bits are features, flags or a shape: each by itself. */
static bool shrink_bits(struct shrink *s, uint32_t i, int field)
{
	bool any = false;
	for (unsigned bit = 64; bit-- > 0 && i < s->best->nops;) {
		uint64_t v = s->best->op[i].arg[field];
		if (v >> bit & 1)
			any |= try_field(s, i, field, v & ~(1ull << bit));
	}
	return any;
}

/* The smallest value that will do, as far as halving and counting down find it. */
static bool shrink_number(struct shrink *s, uint32_t i, int field)
{
	bool any = false;
	for (uint64_t step = s->best->op[i].arg[field] / 2; step && i < s->best->nops;) {
		uint64_t v = s->best->op[i].arg[field];
		if (v > step && try_field(s, i, field, v - step))
			any = true;
		else
			step /= 2;
	}
	return any;
}

static bool shrink_field(struct shrink *s, uint32_t i, int field)
{
	enum op_format format = op_info(s->best->op[i].code)->field[field].format;
	if (!s->best->op[i].arg[field] || format == OP_REG)
		return false;
	if (try_field(s, i, field, 0))
		return true;
	if (i >= s->best->nops)
		return false;
	if (format == OP_BITS || format == OP_HEX)
		return shrink_bits(s, i, field);
	return shrink_number(s, i, field);
}

/* Shorter, then all zero. */
static bool shrink_data(struct shrink *s, uint32_t i)
{
	bool any = false;
	for (uint32_t step = s->best->op[i].len; step && i < s->best->nops;) {
		struct op op = s->best->op[i];
		op.len -= step < op.len ? step : op.len;
		op.data = op.len ? op.data : NULL;
		if (op.len < s->best->op[i].len && try_op(s, i, &op))
			any = true;
		else
			step /= 2;
	}
	if (i >= s->best->nops || !s->best->op[i].len || s->best->op[i].len > sizeof(zeroes) ||
	    !memcmp(s->best->op[i].data, zeroes, s->best->op[i].len))
		return any;
	struct op op = s->best->op[i];
	op.data = zeroes;
	return try_op(s, i, &op) || any;
}

bool shrink_fields(struct shrink *s)
{
	bool any = false;
	for (uint32_t i = 0; i < s->best->nops; i++) {
		for (int f = 0; i < s->best->nops && f < op_info(s->best->op[i].code)->nfields; f++)
			any |= shrink_field(s, i, f);
		if (i < s->best->nops && s->best->op[i].len)
			any |= shrink_data(s, i);
	}
	return any;
}
