// SPDX-License-Identifier: BSD-2-Clause
#include "proto.h"
#include "trace/varint.h"

enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };

static void put_varint(struct proto *p, uint64_t v)
{
	if (PROTO_MAX - p->len < VARINT_MAX)
		p->full = true;
	else
		p->len = (size_t)(varint_put(p->buf + p->len, v) - p->buf);
}

static void put_bytes(struct proto *p, uint32_t field, const void *bytes, size_t n)
{
	put_varint(p, (uint64_t)field << 3 | WIRE_BYTES);
	put_varint(p, n);
	if (p->full || PROTO_MAX - p->len < n) {
		p->full = true;
		return;
	}
	memcpy(p->buf + p->len, bytes, n);
	p->len += n;
}

void proto_number(struct proto *p, uint32_t field, uint64_t v)
{
	put_varint(p, (uint64_t)field << 3 | WIRE_VARINT);
	put_varint(p, v);
}

void proto_string(struct proto *p, uint32_t field, const char *s)
{
	put_bytes(p, field, s, strlen(s));
}

void proto_message(struct proto *p, uint32_t field, const struct proto *inner)
{
	p->full |= inner->full;
	put_bytes(p, field, inner->buf, inner->len);
}
