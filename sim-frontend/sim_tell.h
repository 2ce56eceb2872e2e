// SPDX-License-Identifier: BSD-2-Clause
/* sim_tell: how far a simulation is, and what it came to, for a person. */
#ifndef RINGSIDE_SIM_TELL_H
#define RINGSIDE_SIM_TELL_H

#include "sim.h"

struct sim_tell {
	bool terminal; /* one line that is written over; else a line every ten seconds */
	double next;
	bool open; /* the line is not ended yet */
};

void sim_tell_progress(void *ctx, const struct sim_count *, double seconds);
void sim_tell_summary(struct sim_tell *, const struct sim_count *, double seconds);

#endif
