// SPDX-License-Identifier: BSD-2-Clause
#include "trace/fmt.h"

static const char digits[] = "0123456789abcdef";

void fmt_text(struct fmt *f, const char *s)
{
	while (*s)
		fmt_char(f, *s++);
}

void fmt_dec(struct fmt *f, uint64_t v)
{
	char buf[20];
	int n = 0;

	do
		buf[n++] = digits[v % 10];
	while (v /= 10);
	while (n)
		fmt_char(f, buf[--n]);
}

void fmt_hex(struct fmt *f, uint64_t v, int least)
{
	int n = 16;

	while (n > least && !(v >> 4 * (n - 1)))
		n--;
	fmt_text(f, "0x");
	while (n--)
		fmt_char(f, digits[v >> 4 * n & 15]);
}

void fmt_bytes(struct fmt *f, const uint8_t *p, size_t n)
{
	for (; n; n--, p++) {
		fmt_char(f, digits[*p >> 4]);
		fmt_char(f, digits[*p & 15]);
	}
}

void fmt_quoted(struct fmt *f, const char *s)
{
	fmt_char(f, '"');
	for (; *s; s++) {
		uint8_t c = (uint8_t)*s;

		if (c >= ' ' && c <= '~' && c != '"' && c != '\\') {
			fmt_char(f, *s);
			continue;
		}
		fmt_text(f, "\\x");
		fmt_bytes(f, &c, 1);
	}
	fmt_char(f, '"');
}

size_t fmt_end(struct fmt *f)
{
	if (!f->max)
		return 0;
	if (f->len >= f->max)
		f->len = 0;
	f->out[f->len] = 0;
	return f->len;
}
