// SPDX-License-Identifier: BSD-2-Clause
/* narrate: tells on standard output what happens in a machine, op by op. */
#ifndef RINGSIDE_NARRATE_H
#define RINGSIDE_NARRATE_H

#include "machine.h"
#include "trace/text.h"

struct narrator {
	struct machine *machine;
	uint16_t ids[OP_DEV_MAX];
	uint8_t code; /* of the op under way */
	bool quiet;   /* the summary only */
};

/* The narrator listens to the machine from now on. */
void narrate(struct narrator *, struct machine *);
void narrate_op(struct narrator *, const struct op *); /* ahead of the op */
void narrate_end(struct narrator *);                   /* ahead of the quiescence */
void narrate_summary(const struct narrator *);

#endif
