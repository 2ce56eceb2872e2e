// SPDX-License-Identifier: BSD-2-Clause
/*
 * differ: the same guest on split and on packed rings: its driver must be told the same. An input is a tape, from which the
 * simulator's generator takes its decisions (`ringside sim --ring both` takes them from a seed): devices, features but
 * the ring, requests, faults at the backend, frames, input, saves, new starts. So every input is a legal guest, however
 * a fuzzer changes it: nothing that a driver may not do, nothing that hangs on how many entries a ring has, nothing that
 * depends on when the host comes to it (held or delayed requests, another processor).
 *
 * Compared are the used entries that the driver took, in their order: which request, how many bytes, what status; and what
 * the backends hold at the end. Not compared: buffer ids, interrupts, the ring's own bytes; and runs where the driver had no
 * room for a request on one of the rings alone. All oracles judge both runs, but the one that RINGSIDE_FUZZ_WITHOUT names.
 */
#ifndef RINGSIDE_FUZZ_DIFFER_H
#define RINGSIDE_FUZZ_DIFFER_H

#include <stddef.h>
#include <stdint.h>

/* A finding ends the process; where RINGSIDE_FUZZ_TEXTS names a folder, its ops are written there: the tape alone means
 * something to the generator only. */
void differ_run(const uint8_t *tape, size_t n);
uint64_t differ_hash(void); /* of what the latest run came to */

#endif
