// SPDX-License-Identifier: BSD-2-Clause
#include <string.h>

#include "hash.h"
#include "must.h"
#include "roundtrip.h"

#define LINES_MAX 64 /* of a head that are printed */

const uint16_t roundtrip_ids[OP_DEV_MAX] = {2, 4, 1, 3, 77};

static uint64_t seen;

void roundtrip_begin(void)
{
	seen = HASH_SEED;
}

void roundtrip_see(uint64_t what, size_t len)
{
	seen = hash_u64(seen, what << 32 | len);
}

uint64_t roundtrip_hash(void)
{
	return seen;
}

void roundtrip_text(const struct op *op)
{
	static char line[OP_TEXT_MAX(ROUNDTRIP_DATA_MAX)], other[OP_TEXT_MAX(ROUNDTRIP_DATA_MAX)];
	static uint8_t data[ROUNDTRIP_DATA_MAX];
	struct op back;
	bool blank;
	size_t at, n = 0;
	if (op->len <= ROUNDTRIP_DATA_MAX)
		n = op_print(op, roundtrip_ids, true, line, sizeof(line));
	roundtrip_see(op->code, n);
	if (!n || op->dev >= ROUNDTRIP_DEVICES)
		return;
	must(!op_parse(line, n, roundtrip_ids, ROUNDTRIP_DEVICES, &back, data, sizeof(data), &blank, &at) &&
	     !blank);
	must(op_print(&back, roundtrip_ids, true, other, sizeof(other)) == n && !memcmp(line, other, n));
	must(!op_print(op, roundtrip_ids, true, other, n) && !op_print(op, roundtrip_ids, true, other, 0));
	size_t bare = op_print(op, roundtrip_ids, false, other, sizeof(other));
	must(bare && bare <= n && !memcmp(line, other, bare));
}

void roundtrip_record(const struct op *op)
{
	static uint8_t bytes[OP_ENCODED_MAX + ROUNDTRIP_DATA_MAX];
	struct op back, far = *op;
	size_t used, len = op->len <= ROUNDTRIP_DATA_MAX ? op_encode(op, bytes, sizeof(bytes)) : 0;
	roundtrip_see(op->code, len);
	far.dev = OP_DEV_MAX;
	must(!op_encode(&far, bytes, 0) &&
	     (len || op->len > ROUNDTRIP_DATA_MAX || op_info(op->code)->class == OP_CLASS_DRV));
	if (!len)
		return;
	must(op_decode(bytes, len, &back, &used) == OP_DECODED && used == len);
	must(!memcmp(back.arg, op->arg, sizeof(op->arg)) && back.len == op->len);
	must(op_encode(op, bytes, len) == len && !op_encode(op, bytes, len - 1));
}

/* In a program, where it may stand in one; data beyond what fits there is cut. */
static void as_program(const struct op *op)
{
	static uint8_t bytes[OP_ENCODED_MAX + OP_PROGRAM_DATA_MAX];
	struct op back;
	size_t len = op_program_encode(op, bytes, sizeof(bytes));
	must(!len == (op_info(op->code)->class == OP_CLASS_OUT));
	must(op_program_decode(bytes, len, &back) == len && (!len || back.code == op->code));
	must(!len || op_beyond(op) >= 0 || !memcmp(back.arg, op->arg, sizeof(op->arg)));
}

void roundtrip_decoded(const struct op *op)
{
	static uint8_t bytes[OP_ENCODED_MAX + OP_PROGRAM_DATA_MAX];
	struct op back;
	size_t len = op_program_encode(op, bytes, sizeof(bytes));
	roundtrip_see(op->code, len);
	must(!op_program_encode(op, bytes + 1, len - 1));
	must(len && op_program_decode(bytes, len, &back) == len && back.code == op->code &&
	     back.dev == op->dev);
	must(!memcmp(back.arg, op->arg, sizeof(op->arg)) && back.len == op->len);
	must(!op->len || !memcmp(back.data, op->data, op->len));
}

void roundtrip_head(const struct trace_head *h)
{
	static struct trace_head again;
	static uint8_t bytes[TRACE_HEAD_LEN_MAX];
	char line[TRACE_TEXT_LINE_MAX];
	size_t len = trace_put_head(bytes, sizeof(bytes), h);
	roundtrip_see(h->ndevices, len);
	must(len && trace_get_head(bytes, len, &again));
	must(!trace_put_head(bytes, len - 1, h));
	for (uint32_t i = 0; i < LINES_MAX && trace_print_head(h, i, i % 2, line, sizeof(line)); i++)
		;
}

void roundtrip_head_text(const struct trace_text *t)
{
	static struct trace_text back;
	static uint8_t bytes[2][TRACE_HEAD_LEN_MAX];
	char line[TRACE_TEXT_LINE_MAX];
	bool taken = true;
	size_t n, at;
	memset(&back, 0, sizeof(back));
	for (uint32_t i = 0; (n = trace_print_head(&t->head, i, true, line, sizeof(line))); i++)
		must(!trace_parse_head(line, n, &back, &taken, &at) && taken);
	n = trace_print_end(t->end, line, sizeof(line));
	must(!trace_parse_head(line, n, &back, &taken, &at) && taken && back.end == t->end);
	n = trace_put_head(bytes[0], sizeof(bytes[0]), &t->head);
	must(n && trace_put_head(bytes[1], sizeof(bytes[1]), &back.head) == n &&
	     !memcmp(bytes[0], bytes[1], n));
}

bool roundtrip_line(const char *line, size_t n, struct trace_text *text)
{
	static uint8_t data[ROUNDTRIP_DATA_MAX];
	struct op op;
	bool taken = false, blank = false;
	size_t at;
	bool bad = trace_parse_head(line, n, text, &taken, &at);
	roundtrip_see(bad, n);
	if (bad)
		return false;
	if (taken)
		return true;
	if (op_parse(line, n, roundtrip_ids, ROUNDTRIP_DEVICES, &op, data, sizeof(data), &blank, &at))
		return false;
	if (blank)
		return true;
	roundtrip_text(&op);
	roundtrip_record(&op);
	as_program(&op);
	return true;
}
