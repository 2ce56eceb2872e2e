// SPDX-License-Identifier: BSD-2-Clause
/*
 * regress: a failure that was found once, as a test. `ringside shrink` writes them: the program's text and
 * REGRESS(program). It passes where the program runs and no oracle says anything; sanitizers and traps end
 * it. A first line that names an oracle of two runs ("# differential ...") has it run as that one wants it (twice.h).
 */
#ifndef RINGSIDE_REGRESS_H
#define RINGSIDE_REGRESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "listing.h"
#include "program.h"
#include "twice.h"

static void regress_violation(struct machine *m, struct sim_device *d, const struct violation *v)
{
	fail_msg("VIOLATION %s %s at op %llu, %s%u: %s", v->oracle, v->clause, (unsigned long long)m->op,
		 d->type->name, d->nr, v->what);
}

static inline void regress_run(const char *text)
{
	static struct machine m;
	struct listing l;
	char err[512];
	if (!listing_parse(&l, "program", text, err, sizeof(err)))
		fail_msg("%s", err);
	assert_true(machine_create(&m));
	if (!listing_devices(&m, &l.text, "program", err, sizeof(err)))
		fail_msg("%s", err);
	m.violation = regress_violation;
	for (uint32_t i = 0; i < l.nops; i++)
		program_step(&m, &l.op[i]);
	program_quiesce(&m);
	if (twice_differs(&m, l.op, l.nops, l.found)) {
		const struct violation v = twice_violation(l.found);
		regress_violation(&m, &m.device[0], &v);
	}
	machine_destroy(&m);
	listing_free(&l);
}

#define REGRESS(program)                                                             \
	static void runs_silently(void **state)                                      \
	{                                                                            \
		(void)state;                                                         \
		regress_run(program);                                                \
	}                                                                            \
	int main(void)                                                               \
	{                                                                            \
		const struct CMUnitTest tests[] = {cmocka_unit_test(runs_silently)}; \
		return cmocka_run_group_tests(tests, NULL, NULL);                    \
	}

#endif
