// SPDX-License-Identifier: BSD-2-Clause
/*
 * The commands of `ringside`, one file each (cmd_NAME.c). argv[0] is the command's name; the result is the
 * exit status: 0 all well, 1 the command's question was answered with no (replay diverged, traces differ),
 * EXIT_USAGE else.
 */
#ifndef RINGSIDE_CMD_H
#define RINGSIDE_CMD_H

#include "cli.h"
#include "version.h"

int cmd_assemble(int argc, char **argv);
int cmd_clauses(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_lift(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_run(int argc, char **argv);
int run_program(const char *path); /* a program's text, as `ringside run` does it; the exit status */
int cmd_sim(int argc, char **argv);
int cmd_shrink(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_triage(int argc, char **argv);

#endif
