// SPDX-License-Identifier: BSD-2-Clause
/* textout: prints heads and ops as text, line by line, to a file. Errors are told by textout_close. */
#ifndef RINGSIDE_TEXTOUT_H
#define RINGSIDE_TEXTOUT_H

#include "trace/text.h"

#include <stdio.h>

/* Begin with {.file = ..., .comments = ...}. */
struct textout {
	FILE *file;
	bool comments;
	/* private */
	char *line;
	size_t max;
	bool failed;
};

void textout_head(struct textout *, const struct trace_head *);
void textout_op(struct textout *, const struct op *, const uint16_t *ids);
void textout_end(struct textout *, uint8_t end);
/* Flushes (the file stays open) and frees. False: something did not get written. */
bool textout_close(struct textout *);

#endif
