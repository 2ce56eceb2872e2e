// SPDX-License-Identifier: BSD-2-Clause
/* The table of clauses: whole, consistent, and as much covered as the project promises. That the tests which
 * it names exist is seen to by tests/check-clauses.sh. */
/* cmocka wants these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "clauses.h"
#include "host.h"
#include "oracle.h"

static void every_id_stands_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < clause_count(); i++) {
		const struct clause *c = clause_at(i);
		assert_ptr_equal(clause_find(c->id), c);
		assert_int_equal(!strncmp(c->id, "drv.", 4), c->cover == CLAUSE_DRIVER);
	}
	assert_null(clause_find("status.99"));
	assert_null(clause_find(""));
}

/* As many as the specification has (virtio 1.4), the legacy interface left out. */
static void areas_are_complete(void **state)
{
	(void)state;
	static const unsigned want[CLAUSE_AREAS] = {32, 23, 10, 12, 56, 1, 6, 158};
	unsigned n[CLAUSE_AREAS] = {0};
	for (size_t i = 0; i < clause_count(); i++)
		n[clause_at(i)->area] += clause_at(i)->cover != CLAUSE_DRIVER;
	for (int i = 0; i < CLAUSE_AREAS; i++)
		assert_int_equal(n[i], want[i]);
}

static bool is_oracle(const char *name, size_t n)
{
	for (enum oracle_kind i = 0; i < ORACLE_COUNT; i++)
		if (strlen(oracle_name(i)) == n && !memcmp(oracle_name(i), name, n))
			return true;
	return false;
}

/* The words of `by`: oracles, which must exist, tests, and as=ID (tests/check-clauses.sh). CHECKED has an oracle; TESTED has tests alone. */
static void names_of_rows(const struct clause *c)
{
	unsigned oracles = 0, tests = 0;
	size_t n;
	for (const char *w = c->by; *w; w += n + (w[n] == ' ')) {
		n = strcspn(w, " ");
		bool test = memchr(w, ':', n);
		if (c->cover == CLAUSE_CHECKED && !strncmp(w, "as=", 3))
			continue;
		if (!test && !is_oracle(w, n))
			fail_msg("%s: no oracle is called %.*s", c->id, (int)n, w);
		tests += test;
		oracles += !test;
	}
	if (c->cover == CLAUSE_CHECKED ? !oracles : oracles || !tests)
		fail_msg("%s: \"%s\" does not go with %s", c->id, c->by, clause_cover_name(c->cover));
}

static void rows_are_filled(void **state)
{
	(void)state;
	for (size_t i = 0; i < clause_count(); i++) {
		const struct clause *c = clause_at(i);
		assert_true(strlen(c->rule) > 10 && *c->section && *c->level);
		if (c->cover == CLAUSE_CHECKED || c->cover == CLAUSE_TESTED)
			names_of_rows(c);
		else if (c->cover != CLAUSE_DRIVER)
			assert_true(strlen(c->by) > 10);
	}
}

static void offences_name_clauses_of_the_table(void **state)
{
	(void)state;
	for (int i = 1; i < OFFENCE_COUNT; i++) {
		const struct offence_info *o = offence_info((enum offence)i);
		if (*o->clause && !clause_find(o->clause))
			fail_msg("offence %s: clause %s is not in clauses.def", o->name, o->clause);
	}
}

/* The promise: of what a device must and must not do, nine in ten are checked or tested. */
static void nine_in_ten_are_covered(void **state)
{
	(void)state;
	unsigned bind = 0, covered = 0;
	for (size_t i = 0; i < clause_count(); i++) {
		bind += clause_binds(clause_at(i));
		covered += clause_binds(clause_at(i)) && clause_at(i)->cover != CLAUSE_NOT_YET;
	}
	assert_true(bind > 50);
	assert_true(covered * 10 >= bind * 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_id_stands_once),
		cmocka_unit_test(areas_are_complete),
		cmocka_unit_test(rows_are_filled),
		cmocka_unit_test(offences_name_clauses_of_the_table),
		cmocka_unit_test(nine_in_ten_are_covered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
