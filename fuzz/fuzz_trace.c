// SPDX-License-Identifier: BSD-2-Clause
/*
 * Whatever reads somebody else's traces and texts: preamble, chunks, heads, op records, programs, lines of text.
 * The first byte tells which of them the rest is given to, so that no checksum stands between a fuzzer and the
 * decoders. What decodes must come back the same from its own encoding.
 */
#include <stdlib.h>
#include <string.h>

#include "target.h"
#include "trace/text.h"

#define LINES_MAX 64
#define DATA_MAX  4096

static void must(bool holds)
{
	if (!holds)
		abort();
}

static const uint16_t ids[OP_DEV_MAX] = {2, 4, 1, 3}; /* blk, rng, net, console */

static void whole_file(const uint8_t *p, size_t n)
{
	struct trace_chunk c;
	size_t used = TRACE_PREAMBLE_LEN;
	uint32_t version;
	if (trace_get_preamble(p, n, &version) != TRACE_OK)
		return;
	for (uint64_t seq = 0; n > used; seq++) {
		p += used;
		n -= used;
		if (trace_get_chunk(p, n, seq, &c, &used) != TRACE_OK)
			return;
		must(used <= n && c.payload + c.stored_len == p + used);
	}
}

static void head(const uint8_t *p, size_t n)
{
	static struct trace_head h, again;
	static uint8_t bytes[TRACE_HEAD_LEN_MAX];
	if (!trace_get_head(p, n, &h))
		return;
	size_t len = trace_put_head(bytes, sizeof(bytes), &h);
	must(len && trace_get_head(bytes, len, &again));
	char line[TRACE_TEXT_LINE_MAX];
	for (uint32_t i = 0; i < LINES_MAX && trace_print_head(&h, i, true, line, sizeof(line)); i++)
		;
}

/* Printed, read and printed again: the same line. */
static void as_text(const struct op *op)
{
	static char line[OP_TEXT_MAX(DATA_MAX)], other[OP_TEXT_MAX(DATA_MAX)];
	static uint8_t data[DATA_MAX];
	struct op back;
	bool blank;
	size_t at, n = op->len <= DATA_MAX ? op_print(op, ids, true, line, sizeof(line)) : 0;
	if (!n || op->dev >= 4)
		return;
	must(!op_parse(line, n, ids, 4, &back, data, sizeof(data), &blank, &at) && !blank);
	must(op_print(&back, ids, true, other, sizeof(other)) == n && !memcmp(line, other, n));
}

static void records(const uint8_t *p, size_t n)
{
	struct op op;
	for (size_t used; n; p += used, n -= used) {
		enum op_decode d = op_decode(p, n, &op, &used);
		if (d != OP_DECODED && d != OP_UNKNOWN)
			return;
		must(used && used <= n);
		if (d == OP_DECODED)
			as_text(&op);
	}
}

/* Canonical: decode(encode(decode(x))) is decode(x). */
static void program(const uint8_t *p, size_t n)
{
	static uint8_t bytes[OP_ENCODED_MAX + OP_PROGRAM_DATA_MAX];
	struct op op, back;
	for (size_t used; n; p += used, n -= used) {
		used = op_program_decode(p, n, &op);
		must(used && used <= n);
		size_t len = op_program_encode(&op, bytes, sizeof(bytes));
		must(len && op_program_decode(bytes, len, &back) == len && back.code == op.code &&
		     back.dev == op.dev);
		must(!memcmp(back.arg, op.arg, sizeof(op.arg)) && back.len == op.len);
		must(!op.len || !memcmp(back.data, op.data, op.len));
		as_text(&op);
	}
}

static void lines(const uint8_t *p, size_t n)
{
	static struct trace_text text;
	static uint8_t data[DATA_MAX];
	struct op op;
	memset(&text, 0, sizeof(text));
	for (size_t at, len; n; p += len, n -= len) {
		const uint8_t *end = memchr(p, '\n', n);
		len = end ? (size_t)(end - p) + 1 : n;
		bool taken = false, blank = false;
		const char *line = (const char *)p;
		size_t chars = end ? len - 1 : len;
		if (!trace_parse_head(line, chars, &text, &taken, &at) && !taken &&
		    !op_parse(line, chars, ids, 4, &op, data, sizeof(data), &blank, &at) && !blank)
			as_text(&op);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static void (*const readers[])(const uint8_t *, size_t) = {whole_file, head, records, program, lines};
	if (n)
		readers[bytes[0] % (sizeof(readers) / sizeof(readers[0]))](bytes + 1, n - 1);
	return 0;
}
