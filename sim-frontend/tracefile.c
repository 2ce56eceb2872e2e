// SPDX-License-Identifier: BSD-2-Clause
#include "tracefile.h"
#include "cli.h"
#include "trace/text.h"
#include "written.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <zstd.h>

static bool bad(struct trace_reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool bad(struct trace_reader *r, const char *format, ...)
{
	va_list args;
	int n = snprintf(r->error, sizeof(r->error), "%s: ", r->path);

	va_start(args, format);
	if (n >= 0 && (size_t)n < sizeof(r->error))
		vsnprintf(r->error + n, sizeof(r->error) - (size_t)n, format, args);
	va_end(args);
	r->bad = true;
	r->at = r->stop = NULL;
	return false;
}

/* A file that stops short is no error: a recorder may be killed at any point. */
static bool cut_short(struct trace_reader *r, const char *where)
{
	bad(r, "cut short %s, at byte %" PRIu64 ": read up to its last whole chunk, %" PRIu64 " ops", where,
	    r->offset, r->nops);
	r->bad = false;
	r->truncated = true;
	return false;
}

static bool damaged(struct trace_reader *r, const char *what)
{
	return bad(r, "damaged: chunk %" PRIu64 ", at byte %" PRIu64 ": %s", r->chunk, r->chunk_offset, what);
}

/* Reads up to n bytes; the count is short only at the end of the file. */
static bool read_bytes(struct trace_reader *r, uint8_t *out, size_t n, size_t *got)
{
	errno = 0;
	*got = fread(out, 1, n, r->file);
	r->offset += *got;
	if (ferror(r->file))
		return bad(r, "cannot read: %s", strerror(errno));
	return true;
}

static bool reserve(struct trace_reader *r, uint8_t **buf, size_t *max, size_t n)
{
	uint8_t *more;

	if (n <= *max)
		return true;
	more = realloc(*buf, n);
	if (!more)
		return bad(r, "out of memory");
	*buf = more;
	*max = n;
	return true;
}

static bool read_preamble(struct trace_reader *r)
{
	uint8_t buf[TRACE_PREAMBLE_LEN];
	size_t got;

	if (!read_bytes(r, buf, sizeof(buf), &got))
		return false;
	switch (trace_get_preamble(buf, got, &r->version)) {
	case TRACE_OK:
		return true;
	case TRACE_OTHER_VERSION:
		return bad(r,
			   "trace format version %" PRIu32
			   "; this build reads versions %u to %u: record it again",
			   r->version, TRACE_VERSION, TRACE_VERSION_LAST);
	case TRACE_TRUNCATED:
		return bad(r, got ? "cut short before its first chunk: nothing to read"
				  : "empty file: nothing to read");
	case TRACE_DAMAGED:
		return bad(r, "damaged: preamble, at byte 12");
	default:
		return bad(
			r,
			"not a trace (a .vtrace file begins with RVTRACE); of a text ringside assemble makes "
			"one, and ringside run runs a program");
	}
}

/* Reads one chunk into r->stored and checks it. False: none, r tells why. */
static bool read_chunk(struct trace_reader *r, struct trace_chunk *c)
{
	enum trace_read result;
	size_t have, more, whole;

	r->chunk_offset = r->offset;
	r->chunk = r->next_seq;
	if (!read_bytes(r, r->stored, TRACE_CHUNK_LEN, &have))
		return false;
	result = trace_get_chunk(r->stored, have, r->next_seq, c, &whole);
	if (result == TRACE_TRUNCATED && have == TRACE_CHUNK_LEN) {
		if (!reserve(r, &r->stored, &r->stored_max, whole) ||
		    !read_bytes(r, r->stored + have, whole - have, &more))
			return false;
		have += more;
		result = trace_get_chunk(r->stored, have, r->next_seq, c, &whole);
	}
	if (result == TRACE_EOF)
		return r->ended ? false : cut_short(r, "without an end");
	if (r->ended)
		return damaged(r, "more bytes behind the end");
	if (result == TRACE_TRUNCATED)
		return cut_short(r, "in the middle of a chunk");
	if (result != TRACE_OK)
		return damaged(r, have == TRACE_CHUNK_LEN ? "broken chunk header" : "its checksum is wrong");
	r->next_seq++;
	return true;
}

/* Sets r->at .. r->stop to the plain payload. */
static bool unpack(struct trace_reader *r, const struct trace_chunk *c)
{
	size_t n = c->stored_len;

	r->at = c->payload;
	if (c->flags & TRACE_ZSTD) {
		if (!reserve(r, &r->plain, &r->plain_max, (size_t)c->plain_len + 1))
			return false;
		n = ZSTD_decompressDCtx(r->zstd, r->plain, c->plain_len, c->payload, c->stored_len);
		r->at = r->plain;
		if (ZSTD_isError(n) || n != c->plain_len)
			return damaged(r, "it does not decompress");
		WRITTEN(r->plain, n);
	}
	r->stop = r->at + n;
	return true;
}

static bool take_end(struct trace_reader *r)
{
	if (r->at == r->stop)
		return damaged(r, "end without a reason");
	r->ended = true;
	r->end = *r->at;
	r->at = r->stop;
	return true;
}

/* Moves on to the next chunk of ops that holds any. */
static bool next_ops(struct trace_reader *r)
{
	struct trace_chunk c;

	while (!r->bad && r->at == r->stop) {
		if (!read_chunk(r, &c))
			return false;
		if (c.type != TRACE_OPS && c.type != TRACE_END)
			continue; /* of a later build */
		if (!unpack(r, &c))
			return false;
		if (c.type == TRACE_END && !take_end(r))
			return false;
	}
	return !r->bad;
}

static bool read_head(struct trace_reader *r)
{
	struct trace_chunk c;

	if (!read_chunk(r, &c)) {
		r->bad = true;
		if (r->truncated)
			bad(r, "cut short before its head: nothing to read");
		return false;
	}
	if (!unpack(r, &c))
		return false;
	if (c.type != TRACE_HEAD || !trace_get_head(r->at, (size_t)(r->stop - r->at), &r->head))
		return bad(r, "damaged: chunk 0, at byte %u: no head", TRACE_PREAMBLE_LEN);
	for (uint32_t i = 0; i < r->head.ndevices; i++)
		r->ids[i] = r->head.device[i].id;
	r->head.restored = r->version == TRACE_VERSION_LAST;
	r->at = r->stop;
	return true;
}

bool trace_open(struct trace_reader *r, const char *path)
{
	memset(r, 0, sizeof(*r));
	r->path = path;
	r->file = fopen(path, "rb");
	if (!r->file)
		return bad(r, "cannot open: %s", strerror(errno));
	r->zstd = ZSTD_createDCtx();
	if (!r->zstd)
		bad(r, "out of memory");
	else if (reserve(r, &r->stored, &r->stored_max, TRACE_CHUNK_LEN) && read_preamble(r) && read_head(r))
		return true;
	trace_close(r);
	return false;
}

/* What was decoded; false: it may not stand here. */
static bool take_op(struct trace_reader *r, const struct op *op)
{
	if (op->dev >= r->head.ndevices)
		return bad(r, "damaged: op %" PRIu64 " names device %u of %" PRIu32, r->nops + 1, op->dev,
			   r->head.ndevices);
	if (op->code == OP_RESTORED && (!r->head.restored || (r->begun >> op->dev & 1)))
		return bad(r, "damaged: op %" PRIu64 " restores device %u: %s", r->nops + 1, op->dev,
			   r->head.restored ? "it is in use already" : "only a trace of version 2 may do so");
	r->begun |= 1u << op->dev;
	r->nops++;
	return true;
}

bool trace_next(struct trace_reader *r, struct op *op)
{
	size_t used;

	for (;;) {
		if (r->at == r->stop && !next_ops(r))
			return false;
		switch (op_decode(r->at, (size_t)(r->stop - r->at), op, &used)) {
		case OP_DECODED:
			r->at += used;
			return take_op(r, op);
		case OP_UNKNOWN:
			r->at += used;
			r->nskipped++;
			break;
		default:
			return bad(r,
				   "damaged: chunk %" PRIu64 ", at byte %" PRIu64
				   ": broken record behind op %" PRIu64,
				   r->chunk, r->chunk_offset, r->nops);
		}
	}
}

void trace_close(struct trace_reader *r)
{
	if (r->file)
		fclose(r->file);
	free(r->stored);
	free(r->plain);
	ZSTD_freeDCtx(r->zstd);
	r->file = NULL;
	r->stored = r->plain = NULL;
	r->zstd = NULL;
	r->at = r->stop = NULL;
}

void trace_print_range(const char *path, uint64_t first, uint64_t last, const char *prefix, FILE *out)
{
	struct trace_reader r;
	struct op op;

	if (!trace_open(&r, path))
		return;
	while (r.nops < last && trace_next(&r, &op)) {
		size_t max = OP_TEXT_MAX(op.len);
		char *line = r.nops < first ? NULL : malloc(max);

		if (line && op_print(&op, r.ids, true, line, max))
			fprintf(out, "%s%" PRIu64 " %s\n", prefix, r.nops, line);
		free(line);
	}
	trace_close(&r);
}

void trace_warn(const struct trace_reader *r)
{
	if (r->truncated)
		fail("%s", r->error);
	if (r->nskipped)
		fail("%s: %" PRIu64 " records of kinds that this build does not know were skipped", r->path,
		     r->nskipped);
}
