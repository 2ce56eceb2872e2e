// SPDX-License-Identifier: BSD-2-Clause
/*
 * sim_jobs: simulations as processes. The generator, the devices and the oracles run in workers; whoever
 * started them only watches. A worker's log lies in memory that both see, so a run that kills its worker (a
 * trap, a sanitizer, an endless loop) is a finding like any other: its ops are all there.
 *
 * Every finding is run once more, from its log alone, in a fresh process.
 */
#ifndef RINGSIDE_SIM_JOBS_H
#define RINGSIDE_SIM_JOBS_H

#include "sim.h"

#define SIM_JOBS_MAX 64

struct sim_jobs {
	struct sim_options options;
	uint32_t njobs;
	uint64_t steps; /* ops of all jobs together; 0: no end */
	double seconds; /* 0: no end */
	/* Now and then, and at the end; may be NULL. */
	void (*progress)(void *ctx, const struct sim_count *, double seconds);
	void *ctx;
	/* -- what came of it */
	struct sim_count count; /* of all jobs */
	double took;
	struct sim_violation violation; /* the first; v.oracle NULL: none */
	const struct sim_log *log;      /* its ops */
	bool same_again;                /* the violation came again from its log */
	char again[256];                /* else: what came instead */
};

/* False: no memory or no processes; errno tells. */
bool sim_jobs_run(struct sim_jobs *);

#endif
