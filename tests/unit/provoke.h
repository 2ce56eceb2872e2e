// SPDX-License-Identifier: BSD-2-Clause
/* provoke: how a guest commits the offences of packed rings. Each offers packed rings to a driver and boots
 * the machine again. */
#ifndef RINGSIDE_TESTS_PROVOKE_H
#define RINGSIDE_TESTS_PROVOKE_H

#include "tests/unit/disk.h"

void provoke_ring_overrun(struct machine *);
void provoke_list_torn(struct machine *);
void provoke_id_range(struct machine *);
void provoke_id_in_flight(struct machine *);
void provoke_indirect_list(struct machine *);

#endif
