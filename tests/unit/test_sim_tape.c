// SPDX-License-Identifier: BSD-2-Clause
/* Runs from a tape, as fuzz_differential makes them: any bytes are one, the same bytes the same; a device that answers
 * otherwise on packed rings is found. That bug stands here: the linker sends vq_complete through this file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "listing.h"
#include "sim.h"
#include "vq.h"

#define TAPES 60u
#define LEN   64u

static bool planted, drifts; /* drifts: what is left of one run shows in the next */

void __real_vq_complete(struct vq *, struct vmem *, struct vq_tok, uint32_t written);
void __wrap_vq_complete(struct vq *, struct vmem *, struct vq_tok, uint32_t written);

void __wrap_vq_complete(struct vq *q, struct vmem *m, struct vq_tok tok, uint32_t written)
{
	static uint32_t n;
	bool less = (planted && q->packed) || (drifts && ++n % 3 == 0);
	__real_vq_complete(q, m, tok, less && written ? written - 1 : written);
}

static struct sim *make(uint32_t oracles_off)
{
	static struct sim sim;
	static struct sim_log log;
	const struct sim_options o = {.ring = SIM_RING_BOTH,
				      .guest = SIM_GUEST_GOOD,
				      .faults = (1u << SIM_FAULTS) - 1,
				      .oracles_off = oracles_off};
	assert_true(sim_create(&sim, &o, &log));
	return &sim;
}

static void draw(uint8_t *tape, uint32_t nr)
{
	struct rand r;
	rand_seed(&r, nr);
	for (uint32_t i = 0; i < LEN; i++)
		tape[i] = (uint8_t)rand_bits(&r, 8);
}

static void numbers_are_the_tape_and_zeroes_behind_it(void **state)
{
	(void)state;
	struct rand r;
	rand_tape(&r, (const uint8_t *)"\x21\x43\x65\x87\xa9\xcb\xed\x0f\x01\x02", 10);
	assert_int_equal(rand_bits(&r, 4), 1);
	assert_int_equal(rand_bits(&r, 8), 0x32);
	assert_int_equal(rand_bits(&r, 32), 0xba987654u);
	assert_int_equal(rand_u64(&r), 0x0201);
	assert_int_equal(rand_u64(&r), 0);
	rand_tape(&r, NULL, 0);
	assert_int_equal(rand_below(&r, 10), 0);
	assert_true(rand_once(&r, 5));
}

/* Nothing is left over of another run. */
static void any_tape_is_a_run_and_the_same_each_time(void **state)
{
	(void)state;
	uint8_t tape[LEN];
	struct sim *s = make(0);
	uint64_t hash[TAPES];
	uint32_t ops = 0;
	for (uint32_t i = 0; i < 2 * TAPES; i++) {
		draw(tape, i % TAPES);
		assert_true(sim_run_tape(s, tape, i % TAPES));
		if (i < TAPES)
			hash[i] = s->hash;
		assert_int_equal(s->hash, hash[i % TAPES]);
		ops += s->log->nops;
	}
	assert_true(ops > 10 * TAPES);
	sim_destroy(s);
}

static void an_answer_that_differs_is_found(void **state)
{
	(void)state;
	uint8_t tape[LEN];
	struct sim *s = make((1u << ORACLE_OF_ONE_RUN) - 1);
	uint32_t found = 0;
	for (uint32_t i = 0; i < TAPES; i++) {
		draw(tape, i);
		planted = false;
		assert_true(sim_run_tape(s, tape, LEN));
		planted = true;
		bool calm = sim_run_tape(s, tape, LEN);
		planted = false;
		found += !calm;
		assert_true(calm || !strcmp(s->violation.v.oracle, "differential"));
	}
	assert_true(found > TAPES / 2);
	sim_destroy(s);
}

static void nobody_looks_where_that_oracle_is_off(void **state)
{
	(void)state;
	uint8_t tape[LEN];
	struct sim *s = make(UINT32_MAX);
	planted = true;
	for (uint32_t i = 0; i < TAPES; i++) {
		draw(tape, i);
		assert_true(sim_run_tape(s, tape, LEN));
	}
	planted = false;
	sim_destroy(s);
}

/* -- what was found, as a text --------------------------------------------------------------------------- */

/* Whether its two runs differ as its first line says. */
static bool differs(const char *text)
{
	static struct machine m;
	struct listing l;
	char err[512] = "";
	assert_true(listing_parse(&l, "test", text, err, sizeof(err)));
	assert_true(machine_create(&m));
	assert_true(listing_devices(&m, &l.text, "test", err, sizeof(err)));
	bool answer = twice_differs(&m, l.op, l.nops, l.found);
	assert_null(m.violation);
	assert_false(m.no_saves);
	listing_free(&l);
	machine_destroy(&m);
	return answer;
}

#define OPS "device rng0\nrng0 offer\nrng0 post len=512\nrng0 kick\nrng0 save\nrng0 post len=512\nrng0 reap\n"

static void a_text_is_run_as_its_first_line_says(void **state)
{
	(void)state;
	planted = false;
	assert_false(differs("# differential at op 9, rng0: ...\n" OPS));
	assert_false(differs("# VIOLATION snapshot at op 9, rng0: ...\n" OPS));
	assert_false(differs("# VIOLATION determinism at op 9, rng0: ...\n" OPS));
	planted = true; /* on packed rings alone */
	assert_true(differs("# differential at op 9, rng0: ...\n" OPS));
	assert_true(differs("# VIOLATION differential at op 9, rng0: ...\n" OPS));
	assert_false(differs("# VIOLATION snapshot at op 9, rng0: ...\n" OPS));
	assert_false(differs("# VIOLATION determinism at op 9, rng0: ...\n" OPS));
	assert_false(differs("# VIOLATION content at op 9, rng0: ...\n" OPS));
	assert_false(differs("# some program\n" OPS));
	assert_false(differs("\n# differential at op 9, rng0: ...\n" OPS)); /* not the first line */
	assert_false(
		differs("# differential\ndevice rng0\nrng0 post len=512\n")); /* offers nothing that turns */
	planted = false;
	drifts = true;
	assert_true(differs("# VIOLATION determinism at op 9, rng0: ...\n" OPS));
	assert_true(differs("# snapshot at op 9, rng0: ...\n" OPS));
	drifts = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_the_tape_and_zeroes_behind_it),
		cmocka_unit_test(any_tape_is_a_run_and_the_same_each_time),
		cmocka_unit_test(an_answer_that_differs_is_found),
		cmocka_unit_test(nobody_looks_where_that_oracle_is_off),
		cmocka_unit_test(a_text_is_run_as_its_first_line_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
