// SPDX-License-Identifier: BSD-2-Clause
/*
 * roundtrip: what was decoded comes back the same from its own encoding, in each form that it has. Not where there is no
 * room for all of it: those that check data leave out what is longer than ROUNDTRIP_DATA_MAX.
 */
#ifndef RINGSIDE_FUZZ_ROUNDTRIP_H
#define RINGSIDE_FUZZ_ROUNDTRIP_H

#include "trace/op.h"
#include "trace/text.h"

#define ROUNDTRIP_DATA_MAX 4096

#define ROUNDTRIP_DEVICES 5
extern const uint16_t roundtrip_ids[OP_DEV_MAX]; /* blk, rng, net, console, and none of ours */

/* A hash of all that came since the beginning: what it was, and how long in that form. */
void roundtrip_begin(void);
void roundtrip_see(uint64_t what, size_t len); /* something that has no form of its own */
uint64_t roundtrip_hash(void);

void roundtrip_text(const struct op *);    /* printed, read and printed again */
void roundtrip_record(const struct op *);  /* as a record of a trace, where it may stand in one */
void roundtrip_decoded(const struct op *); /* of a program: it is canonical */
/* One line, of the head (which goes into *text), an op or blank; false: neither. */
bool roundtrip_line(const char *line, size_t n, struct trace_text *);
void roundtrip_head(const struct trace_head *);
void roundtrip_head_text(const struct trace_text *); /* the same head, in text and in bytes */

#endif
