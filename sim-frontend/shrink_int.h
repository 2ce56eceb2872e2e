// SPDX-License-Identifier: BSD-2-Clause
/* Shared by shrink*.c alone. */
#ifndef RINGSIDE_SHRINK_INT_H
#define RINGSIDE_SHRINK_INT_H

#include "shrink.h"

/* True: the candidate (the first nops of s->ops; text: its devices, NULL: as they are) fails in the same
 * check, and is the best one from now on. */
bool shrink_try(struct shrink *, uint32_t nops, const struct trace_text *text);
/* shrink_fields.c: what ops say, made plainer */
bool shrink_fields(struct shrink *);

#endif
