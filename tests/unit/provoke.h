// SPDX-License-Identifier: BSD-2-Clause
/* provoke: how a guest commits the offences that test_offences.c has no row for: those of packed rings, which
 * boot the machine again, and those of devices that share the machine's memory and host. */
#ifndef RINGSIDE_TESTS_PROVOKE_H
#define RINGSIDE_TESTS_PROVOKE_H

#include "tests/unit/disk.h"

extern void (*const provoke[OFFENCE_COUNT])(struct machine *);

/* provoke_console.c */
void provoke_console_readable(struct machine *);
void provoke_console_writable(struct machine *);
void provoke_console_empty(struct machine *);
void provoke_console_room(struct machine *);
void provoke_console_short(struct machine *);
void provoke_console_event(struct machine *);
void provoke_console_port(struct machine *);

/* provoke_net.c: commits that one on a network device of its own, and checks its reaction there; false: it is none
 * of that device's. */
bool provoke_net(struct machine *, enum offence);

#endif
