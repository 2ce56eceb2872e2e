// SPDX-License-Identifier: BSD-2-Clause
/* Seeded runs: what the generator writes is a program, the same seed writes the same, and what is switched
 * off stays away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>

#include "sim.h"
#include "trace/text.h"

#define ALL ((1u << SIM_FAULTS) - 1)

static struct sim s;
static struct sim_log log_, kept;
static uint32_t ops[256];

static void start(struct sim_options o)
{
	assert_true(sim_create(&s, &o, &log_));
	memset(ops, 0, sizeof(ops));
}

/* A byte that a console's driver may write at any time; any other register write is not a driver's. */
static bool is_emergency(const struct op *op)
{
	return op->code == OP_WRITE && op->arg[0] == VIRTIO_MMIO_CONFIG + 8 && op->arg[1] == 4;
}

static void run(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		if (!sim_run(&s, sim_nth_seed(s.options.seed, i)))
			fail_msg("%s: %s", s.violation.v.oracle, s.violation.v.what);
		for (uint32_t k = 0; k < log_.nops; k++)
			ops[log_.op[k].code] += !is_emergency(&log_.op[k]);
	}
}

static int teardown(void **state)
{
	(void)state;
	sim_destroy(&s);
	return 0;
}

/* Every op can be printed, assembled and read: no value is beyond its bound. */
static void ops_are_a_program(void **state)
{
	uint8_t bytes[512];
	struct op back;
	(void)state;
	start((struct sim_options){.seed = 1, .faults = ALL});
	for (uint64_t i = 0; i < 200; i++) {
		assert_true(sim_run(&s, sim_nth_seed(1, i)));
		for (uint32_t k = 0; k < log_.nops; k++) {
			const struct op *op = &log_.op[k];
			assert_int_equal(op_beyond(op), -1);
			size_t n = op_program_encode(op, bytes, sizeof(bytes));
			assert_int_equal(op_program_decode(bytes, n, &back), n);
			assert_int_equal(back.code, op->code);
			assert_int_equal(back.dev, op->dev);
			assert_memory_equal(back.arg, op->arg,
					    op_info(op->code)->nfields * sizeof(op->arg[0]));
		}
	}
}

/* All that a mix has is drawn, within some hundred runs. */
static void all_of_it_is_drawn(void **state)
{
	static const uint8_t want[] = {
		OP_POST,      OP_KICK,   OP_REAP,        OP_NEGOTIATE, OP_QUEUE,  OP_DRIVER_OK,
		OP_RESET,     OP_CHAIN,  OP_BREAK,       OP_HOLD,      OP_FAULT,  OP_RACE,
		OP_PUBLISH,   OP_NOTIFY, OP_MAKE,        OP_OFFER,     OP_WHEN,   OP_TICK,
		OP_POWER_CUT, OP_DELAY,  OP_QUEUE_RESET, OP_WIND,      OP_EARLY,  OP_WRITE,
		OP_READ,      OP_RUN,    OP_DONE,        OP_FLUSHED,   OP_RESIZE, OP_POKE,
		OP_INPUT,     OP_PORT,   OP_TERMINAL,    OP_FRAME,     OP_LINK,   OP_ANNOUNCE};
	(void)state;
	start((struct sim_options){.seed = 2, .faults = ALL});
	run(800);
	for (size_t i = 0; i < sizeof(want); i++)
		if (!ops[want[i]])
			fail_msg("no %s was drawn", op_info(want[i])->text);
	for (int f = 0; f < SIM_FAULTS; f++)
		assert_true(s.count.fault[f] > 0);
	assert_true(s.count.again > 5);
}

static void runs_are_done_once_where_nobody_compares(void **state)
{
	const uint32_t alone[] = {ORACLE_SNAPSHOT, ORACLE_DETERMINISM};
	uint64_t again[2];
	(void)state;
	for (int i = 0; i < 2; i++) {
		start((struct sim_options){.seed = 2, .faults = ALL, .oracles_off = ~(1u << alone[i])});
		run(200);
		again[i] = s.count.again;
		sim_destroy(&s);
	}
	assert_true(again[0] > 0 && again[1] > again[0]); /* only some of them save */
	start((struct sim_options){.seed = 2, .faults = ALL, .oracles_off = UINT32_MAX});
	run(200);
	assert_int_equal(s.count.again, 0);
}

static void good_guests_do_no_wrong(void **state)
{
	static const uint8_t never[] = {OP_CHAIN, OP_BREAK, OP_RACE, OP_PUBLISH, OP_POKE, OP_WRITE, OP_EARLY};
	(void)state;
	start((struct sim_options){.seed = 3, .faults = ALL, .guest = SIM_GUEST_GOOD});
	run(300);
	for (size_t i = 0; i < sizeof(never); i++)
		assert_int_equal(ops[never[i]], 0);
	for (int o = 0; o < OFFENCE_COUNT; o++) /* what breaks a device */
		if (offence_info((enum offence)o)->reaction == OFFENCE_BREAK)
			assert_int_equal(s.count.machine.offence[o], 0);
}

static void faults_can_be_chosen(void **state)
{
	static const uint8_t never[] = {OP_HOLD, OP_FAULT, OP_DELAY, OP_POWER_CUT};
	(void)state;
	start((struct sim_options){.seed = 4, .faults = 1u << SIM_FAULT_RESIZE, .guest = SIM_GUEST_GOOD});
	run(200);
	for (size_t i = 0; i < sizeof(never); i++)
		assert_int_equal(ops[never[i]], 0);
	assert_true(ops[OP_RESIZE] > 0);
}

static void rings_can_be_chosen(void **state)
{
	(void)state;
	for (int ring = SIM_RING_SPLIT; ring <= SIM_RING_PACKED; ring++) {
		uint32_t packed = 0, offers = 0;
		start((struct sim_options){.seed = 5, .guest = SIM_GUEST_GOOD, .ring = (enum sim_ring)ring});
		for (uint64_t i = 0; i < 100; i++) {
			assert_true(sim_run(&s, sim_nth_seed(5, i)));
			for (uint32_t k = 0; k < log_.nops; k++)
				if (log_.op[k].code == OP_OFFER) {
					offers++;
					packed += log_.op[k].arg[0] >> VIRTIO_F_RING_PACKED & 1;
				}
		}
		assert_true(offers > 20);
		assert_int_equal(packed, ring == SIM_RING_PACKED ? offers : 0);
		sim_destroy(&s);
	}
	start((struct sim_options){.seed = 5});
}

/* The same seed is the same run, whatever ran before it; its log alone comes to the same. */
static void the_same_again(void **state)
{
	struct sim other;
	(void)state;
	start((struct sim_options){.seed = 6, .faults = ALL});
	run(50);
	for (uint64_t i = 0; i < 50; i++) {
		uint64_t seed = sim_nth_seed(77, i);
		assert_true(sim_run(&s, seed));
		uint64_t hash = s.hash;
		assert_true(sim_again(&s));
		assert_int_equal(s.hash, hash);
		assert_true(sim_create(&other, &s.options, &kept));
		assert_true(sim_run(&other, seed));
		assert_int_equal(other.hash, hash);
		assert_int_equal(kept.nops, log_.nops);
		sim_destroy(&other);
	}
}

/* Another program is another hash: else nobody would notice a difference. */
static void hashes_tell(void **state)
{
	(void)state;
	start((struct sim_options){.seed = 7, .guest = SIM_GUEST_GOOD, .device_id = VIRTIO_ID_BLOCK});
	uint32_t told = 0, tried = 0;
	for (uint64_t i = 0; i < 40; i++) {
		assert_true(sim_run(&s, sim_nth_seed(7, i)));
		uint64_t hash = s.hash;
		for (uint32_t k = 0; k < log_.nops; k++)
			if (log_.op[k].code == OP_POST && log_.op[k].arg[1] == 1) {
				log_.op[k].arg[3] ^= 1024; /* a write of another length */
				sim_again(&s);
				told += s.hash != hash;
				tried++;
				break;
			}
	}
	assert_true(tried > 10 && told > tried / 4); /* what was written may be overwritten later */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(ops_are_a_program, teardown),
		cmocka_unit_test_teardown(all_of_it_is_drawn, teardown),
		cmocka_unit_test_teardown(runs_are_done_once_where_nobody_compares, teardown),
		cmocka_unit_test_teardown(good_guests_do_no_wrong, teardown),
		cmocka_unit_test_teardown(faults_can_be_chosen, teardown),
		cmocka_unit_test_teardown(rings_can_be_chosen, teardown),
		cmocka_unit_test_teardown(the_same_again, teardown),
		cmocka_unit_test_teardown(hashes_tell, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
