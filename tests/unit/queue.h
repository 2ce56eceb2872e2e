// SPDX-License-Identifier: BSD-2-Clause
/* queue: one queue in front of one guest's memory, made anew for each test: what the tests of vq begin with.
 * The driver's side: ring.h, packed.h. */
#ifndef RINGSIDE_TESTS_QUEUE_H
#define RINGSIDE_TESTS_QUEUE_H

#include "tests/unit/guest.h"

extern struct guest g;
extern struct vq q;       /* of any size up to VQ_SIZE_MAX */
extern struct vq_chain c; /* popped last */
extern struct taplog *tap;

int queue_setup(void **state);
int queue_setup_tapped(void **state); /* and tap logs each access */
int queue_teardown(void **state);

void pop_ok(void);
void pop_offence(enum offence);

#endif
