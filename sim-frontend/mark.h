// SPDX-License-Identifier: BSD-2-Clause
/*
 * mark: the violation of a recorded run, as an op of its trace (OP_VIOLATION). A replay sees by itself what shows in
 * registers and memory; that something is missing at the end, or that the backend was asked for what it must not be, it
 * does not, so the recording says it.
 */
#ifndef RINGSIDE_MARK_H
#define RINGSIDE_MARK_H

#include "oracle.h"
#include "trace/recorder.h"

struct mark {
	uint64_t step; /* op of the program, from 1; one more than there are: in its quiescence */
	char oracle[32], clause[48];
	struct violation violation; /* its texts are these */
};

/* The last that is recorded: the run may be left in the midst of a device's work, and what comes after means nothing. */
void mark_put(struct recorder_dev *, uint64_t step, const struct violation *);
/* Of an op that says anything: what is no text shows as dots, what is too long is cut. */
void mark_get(const struct op *, struct mark *);

#endif
