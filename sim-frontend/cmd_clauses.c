// SPDX-License-Identifier: BSD-2-Clause
#include "clauses.h"
#include "cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool list;
static const char *id;

static const struct usage usage = {
	.command = "clauses",
	.operands = "[AREA]",
	.about = "Prints how our devices' obedience to the specification (virtio 1.4) is covered: by area, "
		 "how\n"
		 "many of the clauses for devices an oracle checks in every simulated run, a unit test "
		 "shows,\n"
		 "never apply to us (vacuous), or are not covered yet.\n"
		 "AREA: basic, split, packed, mmio, block, entropy, network or console.",
	.operands_min = 0,
	.operands_max = 1,
	.option =
		{
			{.name = "--list", .flag = &list, .help = "one line for each clause"},
			{.name = "--id",
			 .value_name = "ID",
			 .value = &id,
			 .help = "one clause in full, for devices or for drivers"},
		},
};

static void print_one(const struct clause *c)
{
	printf("%s: %s\n  section  %s\n  rule     %s\n", c->id, c->level, c->section, c->rule);
	if (c->cover == CLAUSE_DRIVER)
		puts("  binds the driver");
	else
		printf("  %-8s %s\n", clause_cover_name(c->cover), c->by);
}

static bool wanted(const struct clause *c, unsigned area)
{
	return c->cover != CLAUSE_DRIVER && (area == CLAUSE_AREAS || c->area == area);
}

static void print_list(unsigned area)
{
	for (size_t i = 0; i < clause_count(); i++) {
		const struct clause *c = clause_at(i);

		if (wanted(c, area))
			printf("%-18s %-24s %-8s %s [%s]\n", c->id, c->level, clause_cover_name(c->cover),
			       c->rule, c->by);
	}
}

static void print_area(unsigned area)
{
	unsigned n[CLAUSE_COVERS] = {0}, all = 0;

	for (size_t i = 0; i < clause_count(); i++)
		if (wanted(clause_at(i), area)) {
			n[clause_at(i)->cover]++;
			all++;
		}
	printf("%-10s %8u %8u %8u %8u %8u\n",
	       area == CLAUSE_AREAS ? "all" : clause_area_name((enum clause_area)area), all,
	       n[CLAUSE_CHECKED], n[CLAUSE_TESTED], n[CLAUSE_VACUOUS], n[CLAUSE_NOT_YET]);
}

/* What the project promises of the rules that leave no choice. */
static void print_promise(unsigned area)
{
	unsigned bind = 0, covered = 0;

	for (size_t i = 0; i < clause_count(); i++) {
		const struct clause *c = clause_at(i);

		if (!wanted(c, area) || !clause_binds(c))
			continue;
		bind++;
		covered += c->cover != CLAUSE_NOT_YET;
	}
	printf("\nMUST and MUST NOT that apply: %u of %u are checked or tested\n", covered, bind);
}

static void print_missing(unsigned area)
{
	for (size_t i = 0; i < clause_count(); i++) {
		const struct clause *c = clause_at(i);

		if (wanted(c, area) && c->cover == CLAUSE_NOT_YET)
			printf("not yet: %s (%s): %s\n", c->id, c->level, c->by);
	}
}

static void print_table(unsigned only)
{
	printf("%-10s %8s %8s %8s %8s %8s\n", "area", "clauses", "checked", "tested", "vacuous", "not yet");
	for (unsigned area = 0; area <= CLAUSE_AREAS; area++)
		if (only == CLAUSE_AREAS || area == only)
			print_area(area);
	print_promise(only);
	print_missing(only);
}

static unsigned find_area(const char *name)
{
	unsigned area = 0;

	while (area < CLAUSE_AREAS && strcmp(name, clause_area_name((enum clause_area)area)))
		area++;
	return area;
}

int cmd_clauses(int argc, char **argv)
{
	int n = cli_parse(&usage, argc, argv);
	unsigned area = n > 0 ? find_area(argv[0]) : CLAUSE_AREAS;

	if (n < 0)
		return cli_status(n);
	if (n > 0 && area == CLAUSE_AREAS)
		return fail("clauses: no such area: %s; see ringside clauses --help", argv[0]);
	if (id && (list || n > 0))
		return fail("clauses: --id shows one clause: leave out %s", list ? "--list" : argv[0]);
	if (id && !clause_find(id))
		return fail("clauses: no such clause in the table: %s; see ringside clauses --list", id);
	if (id)
		print_one(clause_find(id));
	else if (list)
		print_list(area);
	else
		print_table(area);
	return EXIT_SUCCESS;
}
