// SPDX-License-Identifier: BSD-2-Clause
/*
 * sim_file: a finding as a program's text (docs/program-text.md): what was found and how in comments, the
 * devices, the ops up to the one at which it was found. `ringside run FILE` shows the same violation.
 */
#ifndef RINGSIDE_SIM_FILE_H
#define RINGSIDE_SIM_FILE_H

#include "sim.h"

/* Whether a finding could be written; nothing is left behind but the directory. False: errno tells. */
bool sim_file_can_write(const char *dir);
/* Into dir, which is made where it is not there; path: the file's name. False: errno tells. */
bool sim_file_write(const char *dir, const struct sim_options *, const struct sim_log *,
		    const struct sim_violation *, char *path, size_t max);

#endif
