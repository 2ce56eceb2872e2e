// SPDX-License-Identifier: BSD-2-Clause
#include "guest_trace.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <zstd.h>
#include "load.h"

static int damaged(char err[ERR_MAX])
{
	return err_set(err, "damaged, or cut short");
}

/* Appends a chunk's plain bytes to t->bytes. */
static int unpack(struct guest_trace *t, const struct trace_chunk *c, char err[ERR_MAX])
{
	uint8_t *more;

	if (t->len + c->plain_len > GUEST_TRACE_MAX)
		return err_set(err, "more than %u bytes of records: too long to be run", GUEST_TRACE_MAX);
	more = realloc(t->bytes, t->len + c->plain_len + 1);
	if (!more)
		return err_set(err, "out of memory");
	t->bytes = more;
	if (!(c->flags & TRACE_ZSTD) && c->stored_len == c->plain_len)
		memcpy(more + t->len, c->payload, c->plain_len);
	else if (ZSTD_decompress(more + t->len, c->plain_len, c->payload, c->stored_len) != c->plain_len)
		return damaged(err);
	t->len += c->plain_len;
	return 0;
}

static int take_head(struct guest_trace *t, char err[ERR_MAX])
{
	if (!trace_get_head(t->bytes, t->len, &t->head))
		return damaged(err);
	for (uint32_t i = 0; i < t->head.ndevices; i++)
		t->ids[i] = t->head.device[i].id;
	t->len = 0;
	return 0;
}

static int take_chunks(struct guest_trace *t, const uint8_t *in, size_t n, char err[ERR_MAX])
{
	struct trace_chunk c;
	size_t used;

	for (uint64_t seq = 0; n; seq++) {
		if (trace_get_chunk(in, n, seq, &c, &used) != TRACE_OK ||
		    (seq == 0) != (c.type == TRACE_HEAD))
			return damaged(err);
		in += used;
		n -= used;
		if (c.type != TRACE_HEAD && c.type != TRACE_OPS)
			continue;
		if (unpack(t, &c, err) || (c.type == TRACE_HEAD && take_head(t, err)))
			return -1;
	}
	return 0;
}

/* Counts, then decodes: data points into bytes, which must not move any more. */
static int decode(struct guest_trace *t, char err[ERR_MAX])
{
	struct op op;
	size_t used;
	uint32_t n = 0;

	for (size_t at = 0; at < t->len; at += used, n++)
		if (op_decode(t->bytes + at, t->len - at, &op, &used) != OP_DECODED)
			return err_set(err, "record %u is damaged, or of a later build", n);
	t->ops = calloc(n ? n : 1, sizeof(*t->ops));
	if (!t->ops)
		return err_set(err, "out of memory");
	for (size_t at = 0; at < t->len; at += used) {
		struct op *o = &t->ops[t->nops++];

		op_decode(t->bytes + at, t->len - at, o, &used);
		if (o->dev >= t->head.ndevices)
			return damaged(err);
		if (o->code == OP_VIOLATION) { /* nothing follows */
			t->nops--;
			t->violated = true;
			break;
		}
	}
	return 0;
}

static int parse(struct guest_trace *t, const uint8_t *in, size_t n, char err[ERR_MAX])
{
	uint32_t version;

	switch (trace_get_preamble(in, n, &version)) {
	case TRACE_OK:
		break;
	case TRACE_OTHER_VERSION:
		return err_set(err, "trace format version %u; this build reads versions %u to %u", version,
			       TRACE_VERSION, TRACE_VERSION_LAST);
	default:
		return err_set(
			err, "no trace; make one of a program with: ringside run PROGRAM.txt --record FILE");
	}
	if (version != TRACE_VERSION)
		return err_set(err, "its devices are restored ones, and a program begins with fresh ones");
	if (take_chunks(t, in + TRACE_PREAMBLE_LEN, n - TRACE_PREAMBLE_LEN, err))
		return -1;
	if (t->head.payload != TRACE_PAYLOAD_FULL)
		return err_set(
			err,
			"it holds hashes of payloads, not the bytes; only programs that were recorded by "
			"`ringside run --record` can be run");
	return decode(t, err);
}

int guest_trace_load(struct guest_trace *t, const char *path, char err[ERR_MAX])
{
	struct file file = {0};
	char why[ERR_MAX];
	int rc = file_map(path, &file, why);

	memset(t, 0, sizeof(*t));
	if (!rc) {
		rc = parse(t, file.data, file.len, why);
		munmap(file.data, file.len);
	}
	return rc ? err_set(err, "--guest-program %.80s: %.160s", path, why) : 0;
}

void guest_trace_destroy(struct guest_trace *t)
{
	free(t->ops);
	free(t->bytes);
	memset(t, 0, sizeof(*t));
}
