// SPDX-License-Identifier: BSD-2-Clause
/* trial_report: what the death of a try says, as a check that is the same when the same died. */
#ifndef RINGSIDE_TRIAL_REPORT_H
#define RINGSIDE_TRIAL_REPORT_H

#include "trial.h"

/* Killed by a signal at an instruction. Safe in a signal handler. */
void report_signal(int number, uintptr_t at, uint64_t op, struct outcome *);
/* A child died without a verdict; report: a file with what it printed. */
void report_death(int status, int report, uint64_t op, struct outcome *);

#endif
