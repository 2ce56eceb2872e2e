// SPDX-License-Identifier: BSD-2-Clause
/*
 * trial: runs a program again and again, thousands of times a second, and tells what each time came to:
 * silent, an oracle's violation, or the death of the process. Two failures are the same where their checks
 * are: an oracle's name, clause and message without numbers; for a crash what died and at which instruction.
 *
 * Violations are tried in this process. Where a sanitizer is linked in, or the failure is a crash, each try
 * is a child: what it breaks dies with it.
 */
#ifndef RINGSIDE_TRIAL_H
#define RINGSIDE_TRIAL_H

#include "listing.h"

struct outcome {
	bool failed;
	char check[320]; /* what is the same when the same fails; "" where nothing did */
	char what[320];  /* one line for people */
	uint64_t op;     /* from 1; one more than there are: in the quiescence */
};

struct trials;

/* A program's options for sanitizers can only be set before it starts: starts it again with them where that
 * is needed. First thing in a command. */
void trials_prepare(char **argv);
struct trials *trials_create(void); /* NULL: no memory */
void trials_destroy(struct trials *);
/* From now on each try is a child. */
void trials_fork(struct trials *);
/* And from now on here, unless a sanitizer is linked in. */
void trials_stay(struct trials *);
/* False: the devices can not be made, or no child; what tells. */
bool trials_run(struct trials *, const struct listing *, struct outcome *);

#endif
