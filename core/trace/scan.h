// SPDX-License-Identifier: BSD-2-Clause
/*
 * scan: one line of the text form as words between blanks (a double-quoted part may hold blanks); '#' at the
 * start of a word begins a comment. Internal to core/trace. Nothing here trusts the text: every message comes
 * with a column.
 */
#ifndef RINGSIDE_TRACE_SCAN_H
#define RINGSIDE_TRACE_SCAN_H

#include "trace/names.h"

struct span {
	const char *s;
	size_t n;
};

struct scan {
	const char *line;
	size_t n, at;           /* at: what comes after word */
	struct span word;       /* the current one */
	struct span key, value; /* its parts around the first '=', by scan_field */
};

bool scan_word(struct scan *); /* moves on to the next word; false: none left */
/* Moves on to the next word, which must be key=value. NULL: key and value are set; or there is no further
 * word, and key.s is NULL. */
const char *scan_field(struct scan *);
bool span_is(struct span, const char *);
/* These return NULL or what is wrong. */
const char *span_number(struct span, uint64_t max, uint64_t *out);
/* A word of the table, or a number; table may be NULL. */
const char *span_value(struct span, const struct name *table, uint64_t *out);
const char *span_bytes(struct span, uint8_t *out, size_t max, size_t *len);
const char *span_quoted(struct span, char *out, size_t max); /* NUL-terminated, at most max with the NUL */
/* A device such as blk0, with its name's id (0: "dev", or not a name) and its number. */
const char *span_device(struct span, uint16_t *id, uint64_t *number);
size_t scan_column(const struct scan *, struct span); /* from 1 */

#endif
