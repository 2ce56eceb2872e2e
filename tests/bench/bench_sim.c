// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a simulated request costs, all told: the generator's decisions, the model driver, the device, its
 * backend, the oracles, the hash of each run. Good guests, no faults, one disk; sixteen transfers a
 * notification of 512 bytes, and of 4 KiB as many as the buffers' memory has room for.
 */
#include <linux/virtio_ids.h>

#include "sim.h"
#include "tests/bench/bench.h"

#define RUNS   64 /* of each round: always the same seeds */
#define ROUNDS 15

static struct sim_log log_;

static double requests_per_second(const struct sim_options *o)
{
	static struct sim s;
	double rate[ROUNDS];
	bench_check(sim_create(&s, o, &log_), "out of memory");
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint64_t begun = bench_now_ns(), before = s.count.machine.answered;
		for (uint64_t n = 0; n < RUNS; n++)
			bench_check(sim_run(&s, sim_nth_seed(o->seed, n)), "an oracle was violated");
		double ns = (double)(bench_now_ns() - begun);
		rate[round] = 1e9 * (double)(s.count.machine.answered - before) / ns;
	}
	sim_destroy(&s);
	return bench_median(rate, ROUNDS);
}

int main(void)
{
	struct sim_options o = {.seed = 1, .device_id = VIRTIO_ID_BLOCK, .guest = SIM_GUEST_GOOD};
	o.request_len = 512;
	bench_print("sim-blk", requests_per_second(&o), "requests/s");
	o.request_len = 4096;
	bench_print("sim-blk-4k", requests_per_second(&o), "requests/s");
	o.oracles_off = UINT32_MAX;
	bench_print("sim-blk-no-oracles-4k", requests_per_second(&o), "requests/s");
	o.request_len = 512;
	bench_print("sim-blk-no-oracles", requests_per_second(&o), "requests/s");
	return 0;
}
