// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/silent.h"

static void on_violation(struct machine *m, struct sim_device *d, const struct violation *v)
{
	(void)m;
	print_message("%s%u: %s: %s\n", d->type->name, d->nr, v->oracle, v->what);
	fail();
}

void silent_create(struct machine *m, const struct machine_events *events)
{
	assert_true(machine_create(m));
	m->violation = on_violation;
	m->events = events;
}

void silent_add(struct machine *m, uint16_t device_id)
{
	static const struct device_options plain;
	assert_true(machine_add(m, device_id, &plain));
}
