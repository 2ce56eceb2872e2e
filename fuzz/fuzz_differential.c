// SPDX-License-Identifier: BSD-2-Clause
/*
 * The same guest on split and on packed rings: its driver must be told the same. An input is a tape, from which the
 * simulator's generator takes its decisions (`ringside sim --ring both` takes them from a seed): devices, features but
 * the ring, requests, faults at the backend, frames, input, saves, new starts. So every input is a legal guest, however
 * a fuzzer changes it: nothing that a driver may not do, nothing that hangs on how many entries a ring has, nothing that
 * depends on when the host comes to it (held or delayed requests, another processor).
 *
 * Compared are the used entries that the driver took, in their order: which request, how many bytes, what status; and what
 * the backends hold at the end. Not compared: buffer ids, interrupts, the ring's own bytes; and runs where the driver had no
 * room for a request on one of the rings alone. All oracles judge both runs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim_file.h"
#include "target.h"

static struct sim sim;
static struct sim_log sim_log;

static void make(void)
{
	const struct sim_options o = {
		.ring = SIM_RING_BOTH, .guest = SIM_GUEST_GOOD, .faults = (1u << SIM_FAULTS) - 1};
	if (!sim_create(&sim, &o, &sim_log)) {
		fprintf(stderr, "out of memory\n");
		exit(2);
	}
}

static uint64_t hash(void)
{
	return sim.hash;
}

/* As its ops, where somebody asks for that: the tape alone means something to the generator only. */
static void write_program(void)
{
	char path[4200];
	const char *dir = getenv("RINGSIDE_FUZZ_TEXTS");
	if (dir && sim_file_write(dir, &sim.options, &sim_log, &sim.violation, path, sizeof(path)))
		fprintf(stderr, "its ops: %s\n", path);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const struct sim_violation *v = &sim.violation;
	if (!sim.log)
		make();
	target_hashed_by(hash);
	if (sim_run_tape(&sim, bytes, n))
		return 0;
	fprintf(stderr, "\nORACLE %s%s%s: op %" PRIu64 ", device %u: %s\n", v->v.oracle,
		*v->v.clause ? " " : "", v->v.clause, v->op, v->dev, v->v.what);
	write_program();
	abort();
}
