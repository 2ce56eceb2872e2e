// SPDX-License-Identifier: BSD-2-Clause
#include "trace/scan.h"

#include <string.h>

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

bool scan_word(struct scan *s)
{
	bool quoted = false;

	while (s->at < s->n && blank(s->line[s->at]))
		s->at++;
	s->word = (struct span){s->line + s->at, 0};
	if (s->at == s->n || s->line[s->at] == '#')
		return false;
	for (; s->at < s->n && (quoted || !blank(s->line[s->at])); s->at++)
		if (s->line[s->at] == '"')
			quoted = !quoted;
	s->word.n = (size_t)(s->line + s->at - s->word.s);
	return true;
}

const char *scan_field(struct scan *s)
{
	size_t i = 0;

	s->key = s->value = (struct span){NULL, 0};
	if (!scan_word(s))
		return NULL;
	while (i < s->word.n && s->word.s[i] != '=')
		i++;
	if (!i || i == s->word.n)
		return "expected field=value";
	s->key = (struct span){s->word.s, i};
	s->value = (struct span){s->word.s + i + 1, s->word.n - i - 1};
	return NULL;
}

bool span_is(struct span w, const char *text)
{
	size_t i = 0;

	for (; i < w.n; i++)
		if (text[i] != w.s[i] || !text[i])
			return false;
	return !text[i];
}

static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

const char *span_number(struct span w, uint64_t max, uint64_t *out)
{
	unsigned base = 10, d;
	size_t i = 0;

	*out = 0;
	if (w.n > 2 && w.s[0] == '0' && w.s[1] == 'x') {
		base = 16;
		i = 2;
	}
	if (i == w.n)
		return "expected a number, decimal or 0x...";
	for (; i < w.n; i++) {
		d = digit(w.s[i]);
		if (d >= base)
			return "expected a number, decimal or 0x...";
		if (__builtin_mul_overflow(*out, (uint64_t)base, out) ||
		    __builtin_add_overflow(*out, (uint64_t)d, out))
			return "number of more than 64 bits";
	}
	return *out > max ? "number too large here" : NULL;
}

const char *span_value(struct span w, const struct name *table, uint64_t *out)
{
	if (!table || (w.n && digit(w.s[0]) < 10))
		return span_number(w, UINT64_MAX, out);
	for (; table->text; table++) {
		if (span_is(w, table->text)) {
			*out = table->value;
			return NULL;
		}
	}
	return "no such name for this field";
}

const char *span_bytes(struct span w, uint8_t *out, size_t max, size_t *len)
{
	*len = w.n / 2;
	if (w.n % 2)
		return "odd number of hex digits";
	if (*len > max)
		return "too many bytes";
	for (size_t i = 0; i < *len; i++) {
		unsigned high = digit(w.s[2 * i]), low = digit(w.s[2 * i + 1]);

		if (high > 15 || low > 15)
			return "expected bytes as hex digits, without 0x";
		out[i] = (uint8_t)(high << 4 | low);
	}
	return NULL;
}

/* One character of a quoted text, at *i; moves *i on. -1: a broken escape. */
static int unquote(struct span w, size_t *i)
{
	unsigned high, low;

	if (w.s[*i] != '\\')
		return (uint8_t)w.s[(*i)++];
	if (w.n - *i < 4 || w.s[*i + 1] != 'x')
		return -1;
	high = digit(w.s[*i + 2]);
	low = digit(w.s[*i + 3]);
	*i += 4;
	return high > 15 || low > 15 || !(high | low) ? -1 : (int)(high << 4 | low);
}

const char *span_quoted(struct span w, char *out, size_t max)
{
	size_t len = 0;

	if (w.n < 2 || w.s[0] != '"' || w.s[w.n - 1] != '"')
		return "expected a text in double quotes";
	w = (struct span){w.s + 1, w.n - 2};
	for (size_t i = 0; i < w.n;) {
		int c = w.s[i] == '"' ? -1 : unquote(w, &i);

		if (c < 0)
			return "broken text: only \\xNN stands behind a backslash";
		if (len + 1 >= max)
			return "text too long";
		out[len++] = (char)c;
	}
	out[len] = 0;
	return NULL;
}

const char *span_device(struct span w, uint16_t *id, uint64_t *number)
{
	const struct name *t = name_devices;
	size_t n = 0;
	struct span name;

	while (n < w.n && digit(w.s[n]) > 9)
		n++;
	name = (struct span){w.s, n};
	*id = 0;
	if (!n || n == w.n || span_number((struct span){w.s + n, w.n - n}, UINT64_MAX, number))
		return "expected a device such as blk0";
	while (t->text && !span_is(name, t->text))
		t++;
	if (!t->text && !span_is(name, "dev"))
		return "no such device type";
	*id = (uint16_t)t->value;
	return NULL;
}

size_t scan_column(const struct scan *s, struct span w)
{
	return (size_t)((w.s ? w.s : s->line + s->at) - s->line) + 1;
}
