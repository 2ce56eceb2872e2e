// SPDX-License-Identifier: BSD-2-Clause
/*
 * program: runs op programs (core/trace/ops.def) on a machine. Any byte string is a program; so is a list of
 * parsed ops.
 *
 * What is missing in a program is done in the plainest way: the first request on a device negotiates and sets
 * its queue up. At the end comes the quiescence: what is held completes, what asked to be run is run, every
 * queue is notified and reaped, and the liveness oracle looks.
 *
 * A hold, fault or race waits for what comes after it. `done` counts among the held requests (modulo their
 * number), and bytes 0 means all of them. `make` is the one op that is not about the guest: it replaces the
 * device by a fresh one.
 */
#ifndef RINGSIDE_PROGRAM_H
#define RINGSIDE_PROGRAM_H

#include "machine.h"

#define PROGRAM_OPS_MAX 4096 /* of one run; what follows is ignored */

/* One op; its device is taken modulo the machine's. */
void program_step(struct machine *, const struct op *);
/* Nothing new comes: all that is under way must end. */
void program_quiesce(struct machine *);
/* A whole program on a fresh machine. */
void program_run(struct machine *, const uint8_t *, size_t n);

#endif
