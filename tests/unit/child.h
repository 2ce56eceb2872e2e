// SPDX-License-Identifier: BSD-2-Clause
/* child: what may end the process runs in one of its own, and what it says is kept. */
#ifndef RINGSIDE_TESTS_CHILD_H
#define RINGSIDE_TESTS_CHILD_H

#include <stdbool.h>
#include <stddef.h>

/* Calls act(ctx). True: it returned. said: what it wrote to standard error, max - 1 bytes of it at most, and a NUL. */
bool child_returns(void (*act)(const void *ctx), const void *ctx, char *said, size_t max);

#endif
