// SPDX-License-Identifier: BSD-2-Clause
#include "tracefile.h"
#include "written.h"

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>

#define CHUNK_FULL (256u << 10) /* bytes of ops after which a chunk is written */
#define ZSTD_LEVEL 1

static bool failed(struct trace_writer *w, const char *what)
{
	snprintf(w->error, sizeof(w->error), "%s: %s", w->path, what);
	return false;
}

/* Writes payload as one chunk, compressed where that makes it smaller. */
static bool put_chunk(struct trace_writer *w, uint32_t type, const uint8_t *payload, size_t len)
{
	uint8_t header[TRACE_CHUNK_LEN];
	struct trace_chunk c = {
		.type = type, .plain_len = (uint32_t)len, .stored_len = (uint32_t)len, .seq = w->seq++};
	size_t n = ZSTD_compressCCtx(w->zstd, w->stored, TRACE_CHUNK_MAX, payload, len, ZSTD_LEVEL);

	c.payload = payload;
	if (!ZSTD_isError(n) && n < len) {
		WRITTEN(w->stored, n);
		c.flags = TRACE_ZSTD;
		c.stored_len = (uint32_t)n;
		c.payload = w->stored;
	}
	trace_put_chunk(header, &c);
	errno = 0;
	if (fwrite(header, 1, sizeof(header), w->out.file) == sizeof(header) &&
	    fwrite(c.payload, 1, c.stored_len, w->out.file) == c.stored_len)
		return true;
	return failed(w, strerror(errno));
}

static void release(struct trace_writer *w)
{
	free(w->plain);
	free(w->stored);
	ZSTD_freeCCtx(w->zstd);
}

static bool put_start(struct trace_writer *w, const struct trace_head *head)
{
	uint8_t preamble[TRACE_PREAMBLE_LEN];
	size_t n = trace_put_head(w->plain, TRACE_CHUNK_MAX, head);

	if (!n)
		return failed(w, "the head is out of bounds");
	trace_put_preamble(preamble, head);
	if (fwrite(preamble, 1, sizeof(preamble), w->out.file) != sizeof(preamble))
		return failed(w, strerror(errno));
	return put_chunk(w, TRACE_HEAD, w->plain, n);
}

bool trace_create(struct trace_writer *w, const char *path, const struct trace_head *head)
{
	memset(w, 0, sizeof(*w));
	w->path = path;
	w->restored = head->restored;
	if (!outfile_open(&w->out, path)) {
		snprintf(w->error, sizeof(w->error), "%s: cannot create: %s", path, strerror(errno));
		return false;
	}
	w->plain = malloc(TRACE_CHUNK_MAX);
	w->stored = malloc(TRACE_CHUNK_MAX);
	w->zstd = ZSTD_createCCtx();
	if (!w->plain || !w->stored || !w->zstd)
		failed(w, "out of memory");
	else if (put_start(w, head))
		return true;
	trace_abandon(w);
	return false;
}

static bool flush_ops(struct trace_writer *w)
{
	size_t len = w->len;

	w->len = 0;
	return !len || put_chunk(w, TRACE_OPS, w->plain, len);
}

bool trace_write(struct trace_writer *w, const struct op *op)
{
	size_t n;

	if (op->code == OP_RESTORED && !w->restored)
		return failed(w,
			      "a restored device in a trace of version 1: its first line must say version=2");
	if (w->len >= CHUNK_FULL && !flush_ops(w))
		return false;
	n = op_encode(op, w->plain + w->len, TRACE_CHUNK_MAX - w->len);
	if (!n && w->len) {
		if (!flush_ops(w))
			return false;
		n = op_encode(op, w->plain, TRACE_CHUNK_MAX);
	}
	w->len += n;
	return n || failed(w, "an op that does not fit a trace");
}

bool trace_finish(struct trace_writer *w, int end)
{
	uint8_t reason = (uint8_t)end;
	bool ok = flush_ops(w) && (end < 0 || put_chunk(w, TRACE_END, &reason, 1));

	if (!ok) {
		trace_abandon(w);
		return false;
	}
	ok = outfile_done(&w->out) || failed(w, strerror(errno));
	release(w);
	return ok;
}

void trace_abandon(struct trace_writer *w)
{
	outfile_drop(&w->out);
	release(w);
}
