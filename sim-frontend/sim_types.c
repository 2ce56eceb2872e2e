// SPDX-License-Identifier: BSD-2-Clause
/* The types of devices that the simulator has. */
#include "machine.h"

extern const struct sim_type sim_blk, sim_rng, sim_net, sim_console;

static const struct sim_type *const types[] = {&sim_blk, &sim_rng, &sim_net, &sim_console, NULL};

const struct sim_type *sim_type(uint16_t id)
{
	const struct sim_type *const *t = types;
	while (*t && (*t)->id != id)
		t++;
	return *t;
}
