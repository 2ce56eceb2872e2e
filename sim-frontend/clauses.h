// SPDX-License-Identifier: BSD-2-Clause
/*
 * clauses: the rules of virtio 1.4 that bind a device, in our own words, and what sees to it that ours obey
 * them. The table is clauses.def; docs/clauses.md tells how to add a row.
 *
 * An oracle that cries names a clause, and so does an offence (core/offence.def): clause_find tells what that
 * rule says and where it stands.
 */
#ifndef RINGSIDE_CLAUSES_H
#define RINGSIDE_CLAUSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum clause_area {
	CLAUSE_BASIC,
	CLAUSE_SPLIT,
	CLAUSE_PACKED,
	CLAUSE_MMIO,
	CLAUSE_BLOCK,
	CLAUSE_ENTROPY,
	CLAUSE_CONSOLE,
	CLAUSE_NETWORK,
	CLAUSE_AREAS
};

enum clause_cover {
	CLAUSE_CHECKED, /* judged by oracles in every simulated run */
	CLAUSE_TESTED,  /* shown by unit tests */
	CLAUSE_VACUOUS, /* never applies to our devices */
	CLAUSE_NOT_YET,
	CLAUSE_COVERS,
	CLAUSE_DRIVER = CLAUSE_COVERS, /* binds the driver: not counted */
};

struct clause {
	const char *id, *section, *rule;
	const char *level; /* its keywords: "MUST", "SHOULD+MUST" */
	/* CHECKED, TESTED: names of oracles, and tests as FILE:TEST, by spaces; VACUOUS, NOT_YET: the reason
	 */
	const char *by;
	enum clause_area area;
	enum clause_cover cover;
};

size_t clause_count(void);
const struct clause *clause_at(size_t nth);       /* in the table's order */
const struct clause *clause_find(const char *id); /* NULL: not in the table; so is "" */
/* One line: id, keywords, section and rule; nothing where the table has no such clause. */
void clause_print(FILE *, const char *id);
const char *clause_area_name(enum clause_area);   /* "basic" ... */
const char *clause_cover_name(enum clause_cover); /* "checked" ... */
/* A MUST or MUST NOT for devices that can apply to ours. */
bool clause_binds(const struct clause *);

#endif
