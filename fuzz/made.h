// SPDX-License-Identifier: BSD-2-Clause
/* made: devices and memory of a trace's head, made as a replay makes them, or refused; ops that change what a console's
 * ports are, or restore it, done to one. */
#ifndef RINGSIDE_FUZZ_MADE_H
#define RINGSIDE_FUZZ_MADE_H

#include "trace/file.h"
#include "trace/op.h"

void made_device(
	const struct trace_device *); /* offers what the head says, and tells so in a head of its own */
void made_memory(const struct trace_head *); /* each byte of it is there, and none behind it */
void made_begin(void);                       /* a console of two ports */
void made_input(const struct op *);          /* to that console: port 0 can not go */

#endif
