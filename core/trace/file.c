// SPDX-License-Identifier: BSD-2-Clause
#include "trace/file.h"
#include "trace/varint.h"

enum {
	AT_TYPE = 0,
	AT_FLAGS = 4,
	AT_STORED = 8,
	AT_PLAIN = 12,
	AT_SEQ = 16,
	AT_CRC = 24,
	AT_HEADER_CRC = 28
};

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

size_t trace_put_preamble(uint8_t *out, const struct trace_head *h)
{
	memcpy(out, TRACE_MAGIC, 8);
	put32(out + 8, h->restored ? TRACE_VERSION_LAST : TRACE_VERSION);
	put32(out + 12, 0);
	return TRACE_PREAMBLE_LEN;
}

enum trace_read trace_get_preamble(const uint8_t *in, size_t n, uint32_t *version)
{
	for (size_t i = 0; i < n && i < 8; i++)
		if (in[i] != (uint8_t)TRACE_MAGIC[i])
			return TRACE_NOT_A_TRACE;
	if (n < TRACE_PREAMBLE_LEN)
		return TRACE_TRUNCATED;
	*version = varint_load32(in + 8);
	if (*version < TRACE_VERSION || *version > TRACE_VERSION_LAST)
		return TRACE_OTHER_VERSION;
	return varint_load32(in + 12) ? TRACE_DAMAGED : TRACE_OK;
}

void trace_put_chunk(uint8_t *out, const struct trace_chunk *c)
{
	put32(out + AT_TYPE, c->type);
	put32(out + AT_FLAGS, c->flags);
	put32(out + AT_STORED, c->stored_len);
	put32(out + AT_PLAIN, c->plain_len);
	put32(out + AT_SEQ, (uint32_t)c->seq);
	put32(out + AT_SEQ + 4, (uint32_t)(c->seq >> 32));
	put32(out + AT_CRC, crc32c(0, c->payload, c->stored_len));
	put32(out + AT_HEADER_CRC, crc32c(0, out, AT_HEADER_CRC));
}

static bool header_valid(const struct trace_chunk *c, uint64_t want_seq)
{
	if (c->seq != want_seq || c->flags & ~(uint32_t)TRACE_ZSTD)
		return false;
	if (c->stored_len > TRACE_CHUNK_MAX || c->plain_len > TRACE_CHUNK_MAX)
		return false;
	return c->flags & TRACE_ZSTD || c->stored_len == c->plain_len;
}

enum trace_read trace_get_chunk(const uint8_t *in, size_t n, uint64_t want_seq, struct trace_chunk *c,
				size_t *used)
{
	*used = TRACE_CHUNK_LEN;
	if (n < TRACE_CHUNK_LEN)
		return n ? TRACE_TRUNCATED : TRACE_EOF;
	if (varint_load32(in + AT_HEADER_CRC) != crc32c(0, in, AT_HEADER_CRC))
		return TRACE_DAMAGED;
	c->type = varint_load32(in + AT_TYPE);
	c->flags = varint_load32(in + AT_FLAGS);
	c->stored_len = varint_load32(in + AT_STORED);
	c->plain_len = varint_load32(in + AT_PLAIN);
	c->seq = varint_load64(in + AT_SEQ);
	c->payload = in + TRACE_CHUNK_LEN;
	if (!header_valid(c, want_seq))
		return TRACE_DAMAGED;
	*used = TRACE_CHUNK_LEN + (size_t)c->stored_len;
	if (n < *used)
		return TRACE_TRUNCATED;
	return varint_load32(in + AT_CRC) == crc32c(0, c->payload, c->stored_len) ? TRACE_OK : TRACE_DAMAGED;
}
