// SPDX-License-Identifier: BSD-2-Clause
/*
 * outfile: a file that is there as a whole or as it was before. It is written as PATH.part and takes PATH's place when it is
 * done; what is no regular file (a pipe, a device, a link) is written in place, and never removed.
 */
#ifndef RINGSIDE_OUTFILE_H
#define RINGSIDE_OUTFILE_H

#include <stdbool.h>
#include <stdio.h>

struct outfile {
	FILE *file;
	const char *path; /* the caller's, who keeps it */
	char *part;       /* NULL: in place */
};

bool outfile_open(struct outfile *, const char *path); /* false, errno: it cannot be created */
bool outfile_done(struct outfile *); /* false, errno: it cannot be written, and is dropped */
void outfile_drop(struct outfile *); /* also where it was not opened, or is done */

/* Whether the two are one file that is there: to write to one would destroy the other. */
bool outfile_is(const char *path, const char *other);

#endif
