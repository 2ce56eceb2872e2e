// SPDX-License-Identifier: BSD-2-Clause
/*
 * twice: what no single run shows. A program is run, and then once more in another way, and both must come to the same:
 * without its saves (oracle snapshot), in the same way (determinism), on the other ring (differential). For `ringside sim`, and for
 * whoever runs what that has found once more: the first line of the text says which oracle it was.
 */
#ifndef RINGSIDE_TWICE_H
#define RINGSIDE_TWICE_H

#include "machine.h"

/* What came out of a run. */
struct heard {
	uint64_t answers; /* what the driver was told of its requests */
	uint64_t outputs; /* and what else came out of the devices, in its order */
	uint64_t notes;   /* and what the driver could not do */
};

extern const struct machine_events heard_events; /* for a machine whose events_ctx is a struct heard */
void heard_begin(struct heard *);
/* Of all that was heard, and of the state that it came to; once, at the end of a run. */
uint64_t heard_hash(struct heard *, const struct machine *);

/* The oracle of that name; ORACLE_COUNT: there is none. */
enum oracle_kind twice_oracle(const char *name);
/* The op, for the run on the other ring. */
void twice_turn(struct op *);
/* It judges two runs; false: or any other number. */
bool twice_judges(enum oracle_kind);
/* Of one that does: what is wrong where they differ. */
struct violation twice_violation(enum oracle_kind);
/*
 * Runs the program two times on the machine, each from the start, as the oracle wants it. False: they come to the same, or it is no
 * oracle of two runs. Where one of them violates something, which the run before this did not, they differ.
 */
bool twice_differs(struct machine *, const struct op *, uint32_t n, enum oracle_kind);

#endif
