// SPDX-License-Identifier: BSD-2-Clause
/*
 * fmt: appends text to a buffer; what does not fit is counted but not stored, so that overflow is asked for
 * once, at the end. Internal to core/trace, which has no printf.
 */
#ifndef RINGSIDE_TRACE_FMT_H
#define RINGSIDE_TRACE_FMT_H

#include <stddef.h>
#include <stdint.h>

struct fmt {
	char *out;
	size_t max, len; /* len: of all that was appended */
};

static inline void fmt_char(struct fmt *f, char c)
{
	if (f->len < f->max)
		f->out[f->len] = c;
	f->len++;
}

void fmt_text(struct fmt *, const char *);
void fmt_dec(struct fmt *, uint64_t);
void fmt_hex(struct fmt *, uint64_t, int least); /* 0x and at least so many digits */
void fmt_bytes(struct fmt *, const uint8_t *, size_t n);
void fmt_quoted(struct fmt *, const char *); /* in double quotes; what is not plain ASCII as \xNN */
/* Ends the text with NUL; its length, 0 when it did not fit (and then the text is empty). */
size_t fmt_end(struct fmt *);

#endif
