// SPDX-License-Identifier: BSD-2-Clause
/* Seeded runs: what they write down is a legal program, and its text does the same again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "listing.h"
#include "program.h"
#include "sim.h"

#define RUNS 150

static struct sim s;
static struct sim_log log_of_run;

static void on_violation(struct machine *m, struct sim_device *d, const struct violation *v)
{
	fail_msg("%s at op %llu, %s%u: %s", v->oracle, (unsigned long long)m->op, d->type->name, d->nr,
		 v->what);
}

/* The log as text, read back and run by somebody else. */
static uint64_t hash_of_text(void)
{
	static struct machine m;
	struct listing l = {.op = log_of_run.op, .nops = log_of_run.nops}, again;
	char *text = NULL, err[512] = "";
	size_t n;
	FILE *f = open_memstream(&text, &n);
	l.text.head.ndevices = sim_device_ids(&s.options, l.ids);
	for (uint32_t i = 0; i < l.text.head.ndevices; i++)
		l.text.head.device[i].id = l.ids[i];
	assert_true(listing_print(&l, f));
	fclose(f);
	if (!listing_parse(&again, "log", text, err, sizeof(err)))
		fail_msg("%s", err);
	assert_int_equal(again.nops, l.nops);
	assert_true(machine_create(&m) && listing_devices(&m, &again.text, "log", err, sizeof(err)));
	m.violation = on_violation;
	for (uint32_t i = 0; i < again.nops; i++)
		program_step(&m, &again.op[i]);
	program_quiesce(&m);
	uint64_t h = machine_hash(&m);
	machine_destroy(&m);
	listing_free(&again);
	free(text);
	return h;
}

static void logs_are_programs(void **state)
{
	struct sim_options o = {.faults = (1u << SIM_FAULTS) - 1};
	(void)state;
	assert_true(sim_create(&s, &o, &log_of_run));
	for (uint64_t n = 0; n < RUNS; n++) {
		if (!sim_run(&s, sim_nth_seed(1, n)))
			fail_msg("run %llu: %s: %s", (unsigned long long)n, s.violation.v.oracle,
				 s.violation.v.what);
		uint64_t h = machine_hash(&s.machine);
		for (uint32_t i = 0; i < log_of_run.nops; i++)
			assert_int_equal(op_beyond(&log_of_run.op[i]), -1);
		assert_true(hash_of_text() == h);
	}
	sim_destroy(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(logs_are_programs)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
