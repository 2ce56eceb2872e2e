// SPDX-License-Identifier: BSD-2-Clause
#include "trace/text.h"
#include "trace/names.h"
#include "trace/scan.h"

static void print_value(struct fmt *f, const struct op *op, enum op_format format, uint16_t id, uint64_t v)
{
	const struct name *words = name_values(op->code, format, id);
	const char *word = words ? name_of(words, v) : NULL;

	if (word)
		fmt_text(f, word);
	else if (format == OP_REG)
		fmt_hex(f, v, 3);
	else if (format == OP_HEX || format == OP_GPA || format == OP_BITS)
		fmt_hex(f, v, 1);
	else
		fmt_dec(f, v);
}

static void print_device(struct fmt *f, uint16_t id, uint8_t dev)
{
	fmt_text(f, name_device(id));
	fmt_dec(f, dev);
}

size_t op_print(const struct op *op, const uint16_t *ids, bool comment, char *out, size_t max)
{
	const struct op_info *info = op_info(op->code);
	struct fmt f = {out, max, 0};
	uint16_t id;

	if (!info->text)
		return 0;
	id = ids[op->dev];
	print_device(&f, id, op->dev);
	fmt_char(&f, ' ');
	fmt_text(&f, info->text);
	for (int i = 0; i < info->nfields; i++) {
		fmt_char(&f, ' ');
		fmt_text(&f, info->field[i].name);
		fmt_char(&f, '=');
		print_value(&f, op, info->field[i].format, id, op->arg[i]);
	}
	if (info->has_data && op->len) {
		fmt_text(&f, " data=");
		fmt_bytes(&f, op->data, op->len);
	}
	if (comment)
		op_comment(&f, op, id);
	return fmt_end(&f);
}

static int find_op(struct span w)
{
	for (int code = 0; code < 256; code++) {
		const char *text = op_info((uint8_t)code)->text;

		if (text && span_is(w, text))
			return code;
	}
	return -1;
}

static int find_field(const struct op_info *info, struct span key)
{
	for (int i = 0; i < info->nfields; i++)
		if (span_is(key, info->field[i].name))
			return i;
	return info->has_data && span_is(key, "data") ? OP_ARGS_MAX : -1;
}

/* Where parse_fields puts data bytes. */
struct parse_data {
	uint8_t *buf;
	size_t max;
};

static const char *parse_data(struct span value, struct op *op, struct parse_data d)
{
	size_t len;
	const char *wrong = span_bytes(value, d.buf, d.max, &len);

	if (wrong)
		return wrong;
	op->len = (uint32_t)len;
	op->data = len ? d.buf : NULL;
	return NULL;
}

static const char *parse_fields(struct scan *s, uint16_t id, struct op *op, struct parse_data d,
				struct span *where)
{
	const struct op_info *info = op_info(op->code);
	unsigned seen = 0;
	const char *wrong;

	for (;;) {
		wrong = scan_field(s);
		*where = s->word;
		if (wrong || !s->key.s)
			return wrong;
		int i = find_field(info, s->key);

		if (i < 0)
			return "this op has no such field";
		if (seen >> i & 1)
			return "field given twice";
		seen |= 1u << i;
		*where = s->value;
		if (i == OP_ARGS_MAX)
			wrong = parse_data(s->value, op, d);
		else
			wrong = span_value(s->value, name_values(op->code, info->field[i].format, id),
					   &op->arg[i]);
		if (wrong)
			return wrong;
	}
}

static const char *parse_device(struct span w, const uint16_t *ids, uint32_t ndevices, struct op *op)
{
	uint64_t number;
	uint16_t id;
	const char *wrong = span_device(w, &id, &number);

	if (wrong)
		return wrong;
	if (number >= ndevices)
		return "no device of this number was declared";
	if (id != (name_of(name_devices, ids[number]) ? ids[number] : 0))
		return "the device of this number is of another type";
	op->dev = (uint8_t)number;
	return NULL;
}

static const char *parse_line(struct scan *s, const uint16_t *ids, uint32_t ndevices, struct op *op,
			      struct parse_data d, struct span *where)
{
	const char *wrong;
	int code;

	*where = s->word;
	wrong = parse_device(s->word, ids, ndevices, op);
	if (wrong)
		return wrong;
	*where = (struct span){NULL, 0};
	if (!scan_word(s))
		return "expected an op behind the device";
	*where = s->word;
	code = find_op(s->word);
	if (code < 0)
		return "no such op";
	op->code = (uint8_t)code;
	return parse_fields(s, ids[op->dev], op, d, where);
}

const char *op_parse(const char *line, size_t n, const uint16_t *ids, uint32_t ndevices, struct op *op,
		     uint8_t *buf, size_t max, bool *blank, size_t *at)
{
	struct scan s = {.line = line, .n = n};
	struct span where;
	const char *wrong;

	memset(op, 0, sizeof(*op));
	op->code = OP_NOP;
	*at = 0;
	*blank = !scan_word(&s);
	if (*blank)
		return NULL;
	wrong = parse_line(&s, ids, ndevices, op, (struct parse_data){buf, max}, &where);
	if (wrong)
		*at = scan_column(&s, where);
	return wrong;
}

int op_beyond(const struct op *op)
{
	const struct op_info *info = op_info(op->code);

	for (int i = 0; i < info->nfields; i++)
		if (info->field[i].bound && op->arg[i] >= info->field[i].bound)
			return i;
	return -1;
}
