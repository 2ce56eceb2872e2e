// SPDX-License-Identifier: BSD-2-Clause
/*
 * Whatever reads somebody else's traces and texts: preamble, chunks, heads, op records, programs, lines of text.
 * The first byte tells which of them the rest is given to, so that no checksum stands between a fuzzer and the
 * decoders. What decodes must come back the same from its own encoding. Of each device that a head tells one is
 * made, as for a replay, or it is refused; ops that change what a console's ports are,
 * or restore it from saved bytes, are done to one.
 */
#include <string.h>

#include "made.h"
#include "must.h"
#include "roundtrip.h"
#include "target.h"

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
		roundtrip_see(c.type, used);
		must(used <= n && c.payload + c.stored_len == p + used);
	}
}

static void head(const uint8_t *p, size_t n)
{
	static struct trace_head h;
	if (!trace_get_head(p, n, &h))
		return;
	roundtrip_head(&h);
	for (uint32_t i = 0; i < h.ndevices; i++)
		made_device(&h.device[i]);
	made_memory(&h);
}

static void records(const uint8_t *p, size_t n)
{
	struct op op = {0};
	made_begin();
	for (size_t used; n; p += used, n -= used) {
		enum op_decode d = op_decode(p, n, &op, &used);
		if (d != OP_DECODED && d != OP_UNKNOWN)
			return;
		must(used && used <= n);
		if (d == OP_UNKNOWN) { /* passed over: there are no words for it */
			must(!op_print(&op, roundtrip_ids, true, (char[1]){0}, 1));
			continue;
		}
		roundtrip_text(&op);
		roundtrip_record(&op);
		made_input(&op);
	}
}

/* Canonical: decode(encode(decode(x))) is decode(x). */
static void program(const uint8_t *p, size_t n)
{
	struct op op;
	for (size_t used; n; p += used, n -= used) {
		used = op_program_decode(p, n, &op);
		must(used && used <= n);
		roundtrip_decoded(&op);
		roundtrip_text(&op);
	}
}

static void lines(const uint8_t *p, size_t n)
{
	static struct trace_text text;
	memset(&text, 0, sizeof(text));
	bool good = true;
	for (size_t len; n; p += len, n -= len) {
		const uint8_t *end = memchr(p, '\n', n);
		len = end ? (size_t)(end - p) + 1 : n;
		/* Who reads a file stops at a bad one. */
		good &= roundtrip_line((const char *)p, end ? len - 1 : len, &text);
	}
	if (good)
		roundtrip_head_text(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static void (*const readers[])(const uint8_t *, size_t) = {whole_file, head, records, program, lines};
	target_begin(roundtrip_hash);
	roundtrip_begin();
	if (n)
		readers[bytes[0] % (sizeof(readers) / sizeof(readers[0]))](bytes + 1, n - 1);
	return 0;
}
