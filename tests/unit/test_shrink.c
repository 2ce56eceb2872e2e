// SPDX-License-Identifier: BSD-2-Clause
/*
 * The shrinker, against failures that are told by a rule instead of by devices: what is needed stays,
 * everything else goes, another check is another failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shrink.h"
#include "shrink_out.h"
#include "triage.h"

/* Stands for trial.c: the rule decides. True: fails, at that op. */
static bool (*rule)(const struct listing *, uint64_t *op);
static const char *check;

bool trials_run(struct trials *t, const struct listing *l, struct outcome *v)
{
	(void)t;
	memset(v, 0, sizeof(*v));
	check = "the same";
	v->op = l->nops + 1ull;
	v->failed = rule(l, &v->op);
	snprintf(v->check, sizeof(v->check), "%s", check);
	return true;
}

static char shrunk[8192];
static struct shrink s;
static uint32_t left; /* ops */

/* The program that comes out, as text. */
static const char *shrink(const char *text, bool (*fails)(const struct listing *, uint64_t *))
{
	struct listing whole, l;
	struct outcome v;
	char err[512] = "";
	memset(shrunk, 0, sizeof(shrunk));
	FILE *f = fmemopen(shrunk, sizeof(shrunk), "w");
	assert_true(listing_parse(&whole, "test", text, err, sizeof(err)));
	l = whole;
	l.op = calloc(whole.nops + 1u, sizeof(*l.op));
	memcpy(l.op, whole.op, whole.nops * sizeof(*l.op));
	rule = fails;
	assert_true(trials_run(NULL, &l, &v) && v.failed);
	s = (struct shrink){.seconds_max = 20};
	assert_true(shrink_run(&s, NULL, &l, &v));
	assert_true(listing_print(&l, f));
	fclose(f);
	left = l.nops;
	free(l.op);
	listing_free(&whole);
	return shrunk;
}

static const char long_program[] = "device blk0\ndevice rng1\ndevice blk2\n"
				   "blk0 make flags=0x5 sectors=77\n"
				   "rng1 post len=100\nrng1 kick\n"
				   "blk2 queue queue=1 size=16\n"
				   "blk2 hold n=9\n"
				   "blk2 post queue=1 type=out sector=300 len=4096 shape=0x1234\n"
				   "blk0 post type=in len=512\n"
				   "blk2 kick queue=1\n"
				   "blk2 poke gpa=0x10000 data=0102030405060708\n"
				   "blk2 done id=3\n"
				   "blk2 reap queue=1\n";

/* A post of more than 1000 bytes. */
static bool long_post(const struct listing *l, uint64_t *op)
{
	for (uint32_t i = 0; i < l->nops; i++) {
		*op = i + 1;
		if (l->op[i].code == OP_POST && l->op[i].arg[3] > 1000)
			return true;
	}
	return false;
}

static void one_op_stays(void **state)
{
	(void)state;
	assert_string_equal(shrink(long_program, long_post), "blk0 post type=in len=1001\n");
	assert_false(s.late);
}

/* A hold, and later a done, of the same device; at the end. */
static bool held_and_done(const struct listing *l, uint64_t *op)
{
	int held = -1;
	(void)op;
	for (uint32_t i = 0; i < l->nops; i++) {
		if (l->op[i].code == OP_HOLD && l->op[i].arg[0] & 1)
			held = l->op[i].dev;
		if (l->op[i].code == OP_DONE && l->op[i].dev == held)
			return true;
	}
	return false;
}

static void order_stays(void **state)
{
	(void)state;
	assert_string_equal(shrink(long_program, held_and_done), "blk0 hold n=1\nblk0 done\n");
}

/* As many holds as dones: one can not go without the other. */
static bool balanced(const struct listing *l, uint64_t *op)
{
	int holds = 0, dones = 0, posts = 0;
	(void)op;
	for (uint32_t i = 0; i < l->nops; i++) {
		holds += l->op[i].code == OP_HOLD;
		dones += l->op[i].code == OP_DONE;
		posts += l->op[i].code == OP_POST;
	}
	return posts && holds == dones;
}

static void pairs_go(void **state)
{
	(void)state;
	assert_string_equal(shrink(long_program, balanced), "device rng0\nrng0 post\n");
}

/* Bits go one at a time, data gets shorter, the device's line stays as it is where it matters. */
static bool bits_and_bytes(const struct listing *l, uint64_t *op)
{
	bool bits = false, bytes = false;
	(void)op;
	for (uint32_t i = 0; i < l->nops; i++) {
		bits |= l->op[i].code == OP_POST && (l->op[i].arg[4] & 0x1030) == 0x1030;
		bytes |= l->op[i].code == OP_POKE && l->op[i].len >= 3 && l->op[i].data[2] == 3;
	}
	return bits && bytes && l->text.head.ndevices >= 2;
}

static void fields_shrink(void **state)
{
	(void)state;
	assert_string_equal(shrink(long_program, bits_and_bytes), "device blk0\ndevice blk1\n"
								  "blk1 post type=in shape=0x1030\n"
								  "blk1 poke data=010203\n");
}

/* Short programs fail too, but in another check: that is not this failure. */
static bool other_when_short(const struct listing *l, uint64_t *op)
{
	(void)op;
	if (l->nops < 4)
		check = "another";
	return true;
}

static void same_check_is_kept(void **state)
{
	(void)state;
	shrink(long_program, other_when_short);
	assert_int_equal(left, 4);
}

static bool always(const struct listing *l, uint64_t *op)
{
	(void)l;
	(void)op;
	return true;
}

static void nothing_may_be_left(void **state)
{
	(void)state;
	assert_string_equal(shrink(long_program, always), "");
	assert_string_equal(shrink("device rng0\nrng0 kick\n", always), "device rng0\n");
}

static void same_twice(void **state)
{
	char first[sizeof(shrunk)];
	(void)state;
	memcpy(first, shrink(long_program, bits_and_bytes), sizeof(first));
	uint64_t tries = s.tries;
	assert_string_equal(shrink(long_program, bits_and_bytes), first);
	assert_int_equal(s.tries, tries);
}

static void time_ends_it(void **state)
{
	struct listing l;
	struct outcome v;
	char err[512];
	(void)state;
	assert_true(listing_parse(&l, "test", long_program, err, sizeof(err)));
	rule = always;
	assert_true(trials_run(NULL, &l, &v));
	s = (struct shrink){.seconds_max = 0};
	assert_true(shrink_run(&s, NULL, &l, &v));
	assert_true(s.late);
	assert_int_equal(l.nops, 11);
	listing_free(&l);
}

int run_program(const char *path); /* cmd.h has a name that cmocka has too */

/* Stands for cmd_run.c, in a child: does not end, but for the time that it was given, which is made short. */
int run_program(const char *path)
{
	printf("runs %s\n", path);
	if (!alarm(0))
		return EXIT_FAILURE;
	ualarm(1000, 0);
	for (;;)
		pause();
}

/* The page of a bucket tells so. */
static void page_of_endless_work(void **state)
{
	struct triage_file file = {.path = "crash-1", .nops = 3};
	const struct bucket b = {.file = &file, .nfiles = 1, .name = "01-signal"};
	struct listing best = {.nops = 1};
	const struct shrink done = {.best = &best,
				    .verdict = {.check = "signal 27", .what = "it does not end"}};
	char dir[] = "/tmp/page-XXXXXX", path[64], err[512], page[4096];
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/shrunk.txt", dir);
	fclose(fopen(path, "w"));
	signal(SIGALRM, SIG_IGN);
	assert_true(triage_report(&b, &done, dir, false, err, sizeof(err)));
	unlink(path);
	snprintf(path, sizeof(path), "%s/report.md", dir);
	FILE *f = fopen(path, "r");
	page[fread(page, 1, sizeof(page) - 1, f)] = 0;
	fclose(f);
	assert_non_null(strstr(page, "\nIt does not end: stopped after 5 seconds.\n"));
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
}

/* A recording for which there is no room (here: in files of 400 bytes) is an error, and is told. */
static void no_room_for_the_recording(void **state)
{
	static const char *const ends[] = {"txt", "c", "vtrace"};
	struct listing l;
	struct outcome v = {.what = "violation"};
	struct rlimit before, small = {.rlim_cur = 400};
	char dir[] = "/tmp/shrunk-XXXXXX", base[64], path[80], err[512];
	bool recorded, good[2];
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(base, sizeof(base), "%s/small", dir);
	assert_true(listing_parse(&l, "test", "blk0 post type=in len=512\nblk0 kick\n", err, sizeof(err)));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	good[0] = shrink_write(&l, &v, base, &recorded, err, sizeof(err));
	assert_true(good[0] && recorded);
	setrlimit(RLIMIT_FSIZE, &small);
	good[1] = shrink_write(&l, &v, base, &recorded, err, sizeof(err));
	setrlimit(RLIMIT_FSIZE, &before);
	assert_false(good[1]);
	assert_non_null(strstr(err, "small.vtrace: File too large"));
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s.%s", base, ends[i]);
		assert_int_equal(unlink(path) == 0, i < 2);
	}
	assert_int_equal(rmdir(dir), 0);
	listing_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_op_stays),
		cmocka_unit_test(order_stays),
		cmocka_unit_test(pairs_go),
		cmocka_unit_test(fields_shrink),
		cmocka_unit_test(same_check_is_kept),
		cmocka_unit_test(same_twice),
		cmocka_unit_test(nothing_may_be_left),
		cmocka_unit_test(time_ends_it),
		cmocka_unit_test(page_of_endless_work),
		cmocka_unit_test(no_room_for_the_recording),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
