// SPDX-License-Identifier: BSD-2-Clause
/* shrink_out: a failing program in the three forms in which it is kept. */
#ifndef RINGSIDE_SHRINK_OUT_H
#define RINGSIDE_SHRINK_OUT_H

#include "trial.h"

/*
 * Writes BASE.txt, BASE.c (a test for tests/regress/) and BASE.vtrace (a recording of its run, as far as it
 * goes). *recorded: there is a trace; some crashes leave none. False: err tells.
 */
bool shrink_write(const struct listing *, const struct outcome *, const char *base, bool *recorded, char *err,
		  size_t max);

#endif
