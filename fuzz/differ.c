// SPDX-License-Identifier: BSD-2-Clause
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "differ.h"
#include "sim_file.h"

static struct sim sim;
static struct sim_log sim_log;

static uint32_t oracles_off(void)
{
	const char *without = getenv("RINGSIDE_FUZZ_WITHOUT");
	for (uint32_t i = 0; without && i < ORACLE_COUNT; i++)
		if (!strcmp(without, oracle_name(i)))
			return 1u << i;
	return 0;
}

static void make(void)
{
	const struct sim_options o = {.ring = SIM_RING_BOTH,
				      .guest = SIM_GUEST_GOOD,
				      .faults = (1u << SIM_FAULTS) - 1,
				      .oracles_off = oracles_off()};
	if (!sim_create(&sim, &o, &sim_log)) {
		fprintf(stderr, "out of memory\n");
		exit(2);
	}
}

static void write_program(void)
{
	char path[4200];
	const char *dir = getenv("RINGSIDE_FUZZ_TEXTS");
	if (dir && sim_file_write(dir, &sim.options, &sim_log, &sim.violation, path, sizeof(path)))
		fprintf(stderr, "its ops: %s\n", path);
}

void differ_run(const uint8_t *tape, size_t n)
{
	const struct sim_violation *v = &sim.violation;
	if (!sim.log)
		make();
	if (sim_run_tape(&sim, tape, n))
		return;
	fprintf(stderr, "\nORACLE %s%s%s: op %" PRIu64 ", device %u: %s\n", v->v.oracle,
		*v->v.clause ? " " : "", v->v.clause, v->op, v->dev, v->v.what);
	fprintf(stderr,
		"the input was a tape, from which a legal guest decided what to do: it is no program\n");
	write_program();
	abort();
}

uint64_t differ_hash(void)
{
	return sim.hash;
}
