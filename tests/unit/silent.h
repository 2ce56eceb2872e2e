// SPDX-License-Identifier: BSD-2-Clause
/* silent: a simulated machine for tests of what is right: whatever an oracle says fails the test. */
#ifndef RINGSIDE_TESTS_UNIT_SILENT_H
#define RINGSIDE_TESTS_UNIT_SILENT_H

#include "machine.h"

/* Without devices yet. */
void silent_create(struct machine *, const struct machine_events *);
/* A device as it is by default. */
void silent_add(struct machine *, uint16_t device_id);

#endif
