// SPDX-License-Identifier: BSD-2-Clause
/* shrink_out: a failing program in the three forms in which it is kept. */
#ifndef RINGSIDE_SHRINK_OUT_H
#define RINGSIDE_SHRINK_OUT_H

#include "trial.h"

/*
 * Writes BASE.txt, BASE.vtrace (a recording of its run, as far as it goes) and BASE.c (a test for
 * tests/regress/). False: err tells.
 */
bool shrink_write(const struct listing *, const struct outcome *, const char *base, char *err, size_t max);

#endif
