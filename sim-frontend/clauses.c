// SPDX-License-Identifier: BSD-2-Clause
#include "clauses.h"

#include <string.h>

/* Constant expressions, so that a row can be initialised by its section's key. */
#define SECTION(KEY, AREA, TITLE)            \
	enum { AREA_##KEY = CLAUSE_##AREA }; \
	static const char title_##KEY[] = TITLE;
#define CLAUSE(...)
#define DRIVER_CLAUSE(...)
#include "clauses.def"
#undef SECTION
#undef CLAUSE
#undef DRIVER_CLAUSE

static const struct clause table[] = {
#define SECTION(...)
#define CLAUSE(ID, KEY, LEVEL, HOW, BY, RULE) \
	{ID, title_##KEY, RULE, LEVEL, BY, (enum clause_area)AREA_##KEY, CLAUSE_##HOW},
#define DRIVER_CLAUSE(ID, KEY, LEVEL, RULE) \
	{ID, title_##KEY, RULE, LEVEL, "", (enum clause_area)AREA_##KEY, CLAUSE_DRIVER},
#include "clauses.def"
};

size_t clause_count(void)
{
	return sizeof(table) / sizeof(table[0]);
}

const struct clause *clause_at(size_t nth)
{
	return &table[nth];
}

const struct clause *clause_find(const char *id)
{
	for (size_t i = 0; i < clause_count(); i++)
		if (!strcmp(table[i].id, id))
			return &table[i];
	return NULL;
}

void clause_print(FILE *out, const char *id)
{
	const struct clause *c = clause_find(id);
	if (c)
		fprintf(out, "clause %s (%s, %s): %s\n", c->id, c->level, c->section, c->rule);
}

const char *clause_area_name(enum clause_area area)
{
	static const char *const name[CLAUSE_AREAS] = {
		[CLAUSE_BASIC] = "basic",     [CLAUSE_SPLIT] = "split",     [CLAUSE_PACKED] = "packed",
		[CLAUSE_MMIO] = "mmio",       [CLAUSE_BLOCK] = "block",     [CLAUSE_ENTROPY] = "entropy",
		[CLAUSE_CONSOLE] = "console", [CLAUSE_NETWORK] = "network",
	};
	return name[area];
}

const char *clause_cover_name(enum clause_cover cover)
{
	static const char *const name[CLAUSE_COVERS + 1] = {
		[CLAUSE_CHECKED] = "checked", [CLAUSE_TESTED] = "tested", [CLAUSE_VACUOUS] = "vacuous",
		[CLAUSE_NOT_YET] = "not yet", [CLAUSE_DRIVER] = "driver",
	};
	return name[cover];
}

bool clause_binds(const struct clause *c)
{
	return strstr(c->level, "MUST") && c->cover != CLAUSE_VACUOUS && c->cover != CLAUSE_DRIVER;
}
