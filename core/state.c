// SPDX-License-Identifier: BSD-2-Clause
#include <string.h>

#include "state.h"
#include "trace/op.h"

#define LENGTH_AT 8u
#define CRC_LEN   4u

static void store(uint8_t *to, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t load(const uint8_t *from, size_t n)
{
	uint64_t v = 0;
	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)from[i] << 8 * i;
	return v;
}

/* -- writing --------------------------------------------------------------------------------------------- */

void state_put(struct state_out *o, const void *in, size_t n)
{
	if (o->len <= o->room && n <= o->room - o->len)
		memcpy(o->buf + o->len, in, n);
	o->len += n;
}

static void put(struct state_out *o, uint64_t v, size_t n)
{
	uint8_t b[8];
	store(b, v, n);
	state_put(o, b, n);
}

void state_put_u8(struct state_out *o, uint8_t v)
{
	put(o, v, 1);
}

void state_put_bool(struct state_out *o, bool v)
{
	put(o, v, 1);
}

void state_put_u16(struct state_out *o, uint16_t v)
{
	put(o, v, 2);
}

void state_put_u32(struct state_out *o, uint32_t v)
{
	put(o, v, 4);
}

void state_put_u64(struct state_out *o, uint64_t v)
{
	put(o, v, 8);
}

void state_begin(struct state_out *o, void *buf, size_t room, enum state_kind kind)
{
	*o = (struct state_out){buf, room, 0};
	state_put_u32(o, STATE_MAGIC);
	state_put_u16(o, STATE_VERSION);
	state_put_u16(o, (uint16_t)kind);
	state_put_u32(o, 0); /* the length, which state_end knows */
}

size_t state_end(struct state_out *o)
{
	size_t all = o->len + CRC_LEN;
	if (all <= o->room) {
		store(o->buf + LENGTH_AT, all, 4);
		put(o, crc32c(0, o->buf, o->len), CRC_LEN);
	}
	return all;
}

/* -- reading --------------------------------------------------------------------------------------------- */

bool state_need(struct state_in *in, bool ok)
{
	in->bad |= !ok;
	return !in->bad;
}

void state_get(struct state_in *in, void *out, size_t n)
{
	if (!state_need(in, n <= in->len - in->at)) {
		memset(out, 0, n);
		return;
	}
	memcpy(out, in->buf + in->at, n);
	in->at += n;
}

void state_match(struct state_in *in, const void *want, size_t n)
{
	const uint8_t *p = want;
	for (size_t i = 0; i < n; i++)
		state_need(in, state_get_u8(in) == p[i]);
}

static uint64_t get(struct state_in *in, size_t n)
{
	uint8_t b[8];
	state_get(in, b, n);
	return load(b, n);
}

uint8_t state_get_u8(struct state_in *in)
{
	return (uint8_t)get(in, 1);
}

bool state_get_bool(struct state_in *in)
{
	uint8_t v = state_get_u8(in);
	return state_need(in, v <= 1) && v;
}

uint16_t state_get_u16(struct state_in *in)
{
	return (uint16_t)get(in, 2);
}

uint32_t state_get_u32(struct state_in *in)
{
	return (uint32_t)get(in, 4);
}

uint64_t state_get_u64(struct state_in *in)
{
	return get(in, 8);
}

bool state_open(struct state_in *in, const void *buf, size_t len, enum state_kind kind)
{
	*in = (struct state_in){.buf = buf, .len = len};
	if (!state_need(in, len > CRC_LEN && len <= STATE_LEN_MAX))
		return false;
	in->len -= CRC_LEN;
	state_need(in, state_get_u32(in) == STATE_MAGIC);
	state_need(in, state_get_u16(in) == STATE_VERSION);
	state_need(in, state_get_u16(in) == kind);
	state_need(in, state_get_u32(in) == len);
	return !in->bad && crc32c(0, in->buf, in->len) == load(in->buf + in->len, CRC_LEN);
}

bool state_close(const struct state_in *in)
{
	return !in->bad && in->at == in->len;
}
