// SPDX-License-Identifier: BSD-2-Clause
/*
 * The violation that a recording ends with: it is put and got as it was, nothing stands behind it, and a replay stops there
 * although each output is right. And what makes that worth anything: a run that is recorded does what it does otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "listing.h"
#include "mark.h"
#include "program.h"
#include "replay.h"
#include "simrecord.h"

static const struct violation wrong = {
	.oracle = "liveness", .clause = "split.used.2", .check = "%u are lost", .what = "3 are lost"};

/* -- the op ---------------------------------------------------------------------------------------------- */

static uint8_t buf[1024];

static void what_is_put_is_got(void **state)
{
	(void)state;
	struct recorder rec = {.buf = buf, .max = sizeof(buf)};
	struct recorder_dev dev = {.rec = &rec, .dev = 2};
	struct op op;
	struct mark m;
	size_t used;
	mark_put(&dev, 7, &wrong);
	assert_true(rec.stopped);
	assert_int_equal(op_decode(buf, rec.len, &op, &used), OP_DECODED);
	assert_int_equal(used, rec.len);
	assert_int_equal(op.dev, 2);
	mark_get(&op, &m);
	assert_int_equal(m.step, 7);
	assert_string_equal(m.violation.oracle, wrong.oracle);
	assert_string_equal(m.violation.clause, wrong.clause);
	assert_string_equal(m.violation.what, wrong.what);
}

static void any_bytes_are_a_violation(void **state)
{
	(void)state;
	uint8_t data[600];
	struct mark m;
	struct op op = {.code = OP_VIOLATION, .data = data};
	mark_get(&op, &m);
	assert_string_equal(m.violation.oracle, "");
	assert_string_equal(m.violation.what, "");
	memset(data, 0xff, sizeof(data));
	op.len = sizeof(data);
	mark_get(&op, &m);
	assert_int_equal(strlen(m.violation.oracle), sizeof(m.oracle) - 1);
	assert_int_equal(m.violation.oracle[0], '.');
	assert_string_equal(m.violation.what, "");
	data[0] = data[1] = 0;
	mark_get(&op, &m);
	assert_string_equal(m.violation.clause, "");
	assert_int_equal(strlen(m.violation.what), sizeof(m.violation.what) - 1);
}

/* -- recordings ------------------------------------------------------------------------------------------ */

static const char program[] =
	"device blk0\nblk0 post type=out len=512\nblk0 kick\nblk0 post type=in len=512\n"
	"blk0 kick\nblk0 reap\n";

struct run {
	struct machine machine; /* first */
	struct simrecord record;
	struct listing l;
	jmp_buf out;
	char path[64];
};

static struct run *begin(const char *text)
{
	struct run *r = calloc(1, sizeof(*r));
	char err[512] = "";
	assert_true(machine_create(&r->machine));
	assert_true(listing_parse(&r->l, "test", text, err, sizeof(err)));
	assert_true(listing_devices(&r->machine, &r->l.text, "test", err, sizeof(err)));
	snprintf(r->path, sizeof(r->path), "/tmp/ringside-test-mark-%d.vtrace", (int)getpid());
	return r;
}

static void end(struct run *r)
{
	unlink(r->path);
	listing_free(&r->l);
	machine_destroy(&r->machine);
	free(r);
}

static void step(struct run *r, uint32_t first, uint32_t last)
{
	for (uint32_t i = first; i < last; i++)
		program_step(&r->machine, &r->l.op[i]);
}

/* How many ops the trace has; the last is of this code. */
static uint64_t expect_last(const char *path, uint8_t code)
{
	struct trace_reader t;
	struct op op;
	uint8_t last = OP_NOP;
	assert_true(trace_open(&t, path));
	while (trace_next(&t, &op))
		last = op.code;
	assert_true(t.ended);
	assert_int_equal(last, code);
	uint64_t n = t.nops;
	trace_close(&t);
	return n;
}

static void expect_stop(const char *path, uint64_t op_nr, uint64_t program_step_nr)
{
	struct replay *r = calloc(1, sizeof(*r));
	struct replay_counts c = {0};
	struct trace_reader t;
	char err[256] = "";
	assert_true(trace_open(&t, path));
	assert_true(replay_create(r, &t, err, sizeof(err)));
	assert_true(replay_judge(r));
	replay_run(r);
	assert_true(r->violated && r->marked && !r->diverged);
	assert_int_equal(r->violated_at, op_nr);
	assert_int_equal(r->mark.step, program_step_nr);
	assert_string_equal(r->violation.oracle, wrong.oracle);
	assert_string_equal(r->violation.what, wrong.what);
	assert_true(r->step_at < op_nr);
	replay_destroy(r);
	trace_close(&t);
	free(r);
	assert_true(trace_open(&t, path));
	assert_int_equal(loose_run(&t, &c, err, sizeof(err)), 0); /* what was cut off says nothing */
	assert_string_equal(err, "");
	trace_close(&t);
}

static void a_replay_stops_where_each_output_is_right(void **state)
{
	(void)state;
	struct run *r = begin(program);
	assert_true(simrecord_start(&r->record, &r->machine, r->path));
	step(r, 0, 3);
	machine_violation(&r->machine.device[0], &wrong);
	step(r, 3, 5); /* what follows is not recorded */
	assert_true(simrecord_finish(&r->record, &r->machine));
	expect_stop(r->path, expect_last(r->path, OP_VIOLATION), 3);
	end(r);
}

static void violate(void *ctx, struct sim_device *d, uint16_t source)
{
	(void)ctx;
	(void)source;
	machine_violation(d, &wrong);
}

static void leave(struct machine *m, struct sim_device *d, const struct violation *v)
{
	(void)d;
	(void)v;
	longjmp(((struct run *)(void *)m)->out, 1);
}

/* The device has not come to rest, so there is no state to record. */
static void and_in_the_midst_of_the_work(void **state)
{
	(void)state;
	static const struct machine_events events = {.interrupt = violate};
	struct run *r = begin(program);
	assert_true(simrecord_start(&r->record, &r->machine, r->path));
	r->machine.events = &events;
	r->machine.violation = leave;
	if (!setjmp(r->out)) {
		step(r, 0, 5);
		fail_msg("no interrupt came");
	}
	assert_true(simrecord_finish(&r->record, &r->machine));
	expect_stop(r->path, expect_last(r->path, OP_VIOLATION), 2);
	end(r);
}

static void without_one_the_state_stands_last(void **state)
{
	(void)state;
	struct run *r = begin(program);
	assert_true(simrecord_start(&r->record, &r->machine, r->path));
	step(r, 0, 5);
	assert_true(simrecord_finish(&r->record, &r->machine));
	expect_last(r->path, OP_STATE);
	end(r);
}

/* More is posted than can be lent: the first that has to wait is the same. */
static uint32_t held(bool recorded)
{
	char text[4096] = "device blk0\nblk0 hold n=64\n";
	for (int i = 0; i < 40; i++)
		strcat(text, "blk0 post type=in len=2560\n");
	strcat(text, "blk0 kick\n");
	struct run *r = begin(text);
	assert_true(!recorded || simrecord_start(&r->record, &r->machine, r->path));
	step(r, 0, r->l.nops);
	uint32_t n = r->machine.device[0].backend.nheld;
	assert_true(!recorded || simrecord_finish(&r->record, &r->machine));
	end(r);
	return n;
}

static void a_recorded_run_is_the_same_run(void **state)
{
	(void)state;
	uint32_t n = held(false);
	assert_in_range(n, 2, 39);
	assert_int_equal(held(true), n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_got),
		cmocka_unit_test(any_bytes_are_a_violation),
		cmocka_unit_test(a_replay_stops_where_each_output_is_right),
		cmocka_unit_test(and_in_the_midst_of_the_work),
		cmocka_unit_test(without_one_the_state_stands_last),
		cmocka_unit_test(a_recorded_run_is_the_same_run),
	};
	return cmocka_run_group_tests_name("mark", tests, NULL, NULL);
}
