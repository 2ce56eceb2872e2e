// SPDX-License-Identifier: BSD-2-Clause
/*
 * listing: a whole program in memory, as its text says it (docs/program-text.md): what devices there are, and
 * the ops. For whoever runs a program more than once: shrink, replay, the tests in tests/regress/.
 */
#ifndef RINGSIDE_LISTING_H
#define RINGSIDE_LISTING_H

#include "machine.h"
#include "textfile.h"

struct listing {
	struct trace_text text; /* the device lines */
	uint16_t ids[OP_DEV_MAX];
	enum oracle_kind
		found; /* what the first line says that it violates (twice.h); ORACLE_COUNT: it says nothing */
	uint32_t nops, max;
	struct op *op; /* each one's data is its own allocation */
};

/* False: err tells in one line, and there is nothing to free. A recorded trace's text is no program. */
bool listing_read(struct listing *, const char *path, char *err, size_t max);
/* The same, from text in memory; name stands for its path in messages. */
bool listing_parse(struct listing *, const char *name, const char *text, char *err, size_t max);
void listing_free(struct listing *);
/* Device lines and ops, no comments. False: it could not be written. */
bool listing_print(const struct listing *, FILE *);

/* Adds the devices that a program's device lines ask for. False: err tells. */
bool listing_devices(struct machine *, const struct trace_text *, const char *path, char *err, size_t max);

/* True: the op only says how the device is made. A recording begins behind those that come first. */
static inline bool listing_makes(const struct op *op)
{
	return op->code == OP_MAKE || op->code == OP_OFFER;
}

#endif
