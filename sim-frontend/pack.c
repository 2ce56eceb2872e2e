// SPDX-License-Identifier: BSD-2-Clause
#include <string.h>

#include "pack.h"
#include "written.h"

static void put_group(FILE *out, const uint8_t *p, uint32_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
	char text[4] = {digits[v >> 18], digits[v >> 12 & 63], '=', '='};
	if (n > 1)
		text[2] = digits[v >> 6 & 63];
	if (n > 2)
		text[3] = digits[v & 63];
	fwrite(text, 1, sizeof(text), out);
}

static void put_bytes(struct pack *p, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		p->left[p->nleft++] = bytes[i];
		if (p->nleft < 3)
			continue;
		put_group(p->out, p->left, 3);
		p->nleft = 0;
	}
}

static void run(struct pack *p, int flush)
{
	do {
		p->z.next_out = p->chunk;
		p->z.avail_out = sizeof(p->chunk);
		if (deflate(&p->z, flush) == Z_STREAM_ERROR)
			p->failed = true;
		size_t n = sizeof(p->chunk) - p->z.avail_out;
		WRITTEN(p->chunk, n);
		put_bytes(p, p->chunk, n);
	} while (!p->failed && !p->z.avail_out);
}

void pack_begin(struct pack *p, FILE *out)
{
	memset(p, 0, sizeof(*p));
	p->out = out;
	p->failed = deflateInit(&p->z, Z_BEST_COMPRESSION) != Z_OK;
}

void pack_text(struct pack *p, const char *text, size_t n)
{
	if (p->failed)
		return;
	p->z.next_in = (const uint8_t *)text;
	p->z.avail_in = (uInt)n;
	run(p, Z_NO_FLUSH);
}

bool pack_end(struct pack *p)
{
	if (!p->failed)
		run(p, Z_FINISH);
	if (!p->failed && p->nleft) {
		memset(p->left + p->nleft, 0, sizeof(p->left) - p->nleft);
		put_group(p->out, p->left, p->nleft);
	}
	deflateEnd(&p->z);
	return !p->failed;
}
