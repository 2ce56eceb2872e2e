// SPDX-License-Identifier: BSD-2-Clause
/* Traces that begin with a saved state: a device in use, requests in flight, goes on in another one that is recorded from there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_mmio.h>

#include "tests/unit/recorded.h"
#include "follow.h"
#include "replay.h"

static char path[64];

static int name_file(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/ringside-test-%d-restored.vtrace", (int)getpid());
	return 0;
}

static int remove_file(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static void answer(struct recorded *g)
{
	recorded_done(g, g->held[--g->nheld]);
	recorder_flushed(&g->dev);
	blk_publish(&g->blk);
}

/* A write and a read are in flight when it is saved, and some requests are over. */
static struct recorded *restored(bool full_payload)
{
	struct recorded *before = recorded_create(full_payload), *g;
	recorded_start(before);
	recorded_post(before, VIRTIO_BLK_T_OUT, 1, 0);
	recorded_post(before, VIRTIO_BLK_T_IN, 1, 1);
	recorded_kick(before);
	before->hold = true;
	recorded_post(before, VIRTIO_BLK_T_OUT, 4, 0);
	recorded_post(before, VIRTIO_BLK_T_IN, 5, 1);
	recorded_kick(before);
	assert_int_equal(before->nheld, 2);
	g = recorded_restore(before, full_payload);
	assert_int_equal(g->nheld, 2);
	free(before);
	return g;
}

/* It goes on; its driver resets it, and comes up once more. */
static struct recorded *record(bool full_payload)
{
	struct recorded *g = restored(full_payload);
	answer(g);
	recorded_reg(g, VIRTIO_MMIO_INTERRUPT_ACK, recorded_get(g, VIRTIO_MMIO_INTERRUPT_STATUS));
	answer(g);
	recorded_post(g, VIRTIO_BLK_T_IN, 6, 0);
	recorded_kick(g);
	recorder_state(&g->dev, mmio_hash(&g->mmio));
	recorded_reg(g, VIRTIO_MMIO_STATUS, 0);
	g->hold = false;
	recorded_start(g);
	recorded_post(g, VIRTIO_BLK_T_OUT, 7, 0);
	recorded_post(g, VIRTIO_BLK_T_IN, 7, 1);
	recorded_kick(g);
	assert_int_equal(recorded_get(g, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
	recorder_state(&g->dev, mmio_hash(&g->mmio));
	assert_false(g->rec.stopped);
	return g;
}

/* Release it with replay_destroy and free. */
static struct replay *replay(struct trace_reader *t)
{
	struct replay *r = calloc(1, sizeof(*r));
	char err[256];
	assert_true(trace_open(t, path));
	assert_true(t->head.restored);
	assert_true(replay_create(r, t, err, sizeof(err)));
	assert_true(replay_judge(r));
	replay_run(r);
	trace_close(t);
	return r;
}

static uint64_t loose(char *err, size_t max)
{
	struct trace_reader t;
	struct replay_counts c = {0};
	*err = 0;
	assert_true(trace_open(&t, path));
	uint64_t differences = loose_run(&t, &c, err, max);
	trace_close(&t);
	return differences;
}

static void it_replays(void **state)
{
	struct trace_reader t;
	char err[256];
	(void)state;
	for (int payload = 0; payload < 2; payload++) {
		struct recorded *g = record(payload);
		uint64_t n = recorded_write(g, path, 0, NULL);
		struct replay *r = replay(&t);
		assert_false(t.bad || r->diverged || r->refused || r->violated);
		assert_int_equal(r->count.events, n);
		assert_int_equal(mmio_hash(&r->twin.device[0].mmio), mmio_hash(&g->mmio));
		replay_destroy(r);
		free(r);
		assert_int_equal(loose(err, sizeof(err)), 0);
		assert_string_equal(err, "");
		free(g);
	}
}

/* What is submitted again is compared as all else is. */
static void every_changed_output_is_found(void **state)
{
	struct recorded *g = record(false);
	uint64_t n = recorded_write(g, path, 0, NULL), tried = 0;
	struct trace_reader t;
	(void)state;
	for (uint64_t i = 2; i <= n; i++) {
		bool output = false;
		recorded_write(g, path, i, &output);
		if (!output)
			continue;
		struct replay *r = replay(&t);
		assert_true(r->diverged);
		assert_int_equal(r->at, i);
		replay_destroy(r);
		free(r);
		tried++;
	}
	assert_true(tried > 20);
	free(g);
}

static void a_request_too_few_is_found(void **state)
{
	struct recorded *before = restored(false), *g;
	struct trace_reader t;
	struct op op;
	size_t used, none;
	(void)state;
	answer(before);
	g = recorded_restore(before, false); /* with one request; the bytes of two stand in its trace now */
	assert_int_equal(op_decode(before->ops, before->rec.len, &op, &used), OP_DECODED);
	assert_int_equal(op.code, OP_RESTORED);
	assert_int_equal(op_decode(g->ops, g->rec.len, &op, &none), OP_DECODED);
	memmove(g->ops + used, g->ops + none, g->rec.len - none);
	memcpy(g->ops, before->ops, used);
	g->rec.len = g->rec.len - none + used;
	recorded_write(g, path, 0, NULL);
	struct replay *r = replay(&t);
	assert_true(r->diverged && !r->refused);
	replay_destroy(r);
	free(r);
	free(before);
	free(g);
}

static void a_damaged_state_is_refused(void **state)
{
	struct recorded *g = record(false);
	struct trace_reader t;
	struct op op;
	size_t used;
	char err[256];
	(void)state;
	assert_int_equal(op_decode(g->ops, g->rec.len, &op, &used), OP_DECODED);
	assert_int_equal(op.code, OP_RESTORED);
	assert_true(op.len > 100);
	for (uint32_t i = 0; i < op.len; i += i < 40 ? 1 : 7) {
		uint8_t *byte = g->ops + used - op.len + i;
		*byte ^= 0x10;
		recorded_write(g, path, 0, NULL);
		struct replay *r = replay(&t);
		assert_true(r->refused && !t.bad);
		assert_int_equal(r->count.events, 0);
		replay_destroy(r);
		free(r);
		loose(err, sizeof(err));
		assert_non_null(strstr(err, "saved state of device 0"));
		*byte ^= 0x10;
	}
	free(g);
}

/* -- as export sees it ------------------------------------------------------------------------------------- */

struct seen {
	uint32_t began, used, dropped, ready, gone;
	struct follow *f;
};

static void on_began(void *ctx, struct follow_request *r)
{
	(void)r;
	((struct seen *)ctx)->began++;
}

static void on_ended(void *ctx, const struct follow_request *r, enum follow_end how)
{
	struct seen *s = ctx;
	assert_true(r->popped && r->submitted);
	s->used += how == FOLLOW_USED;
	s->dropped += how == FOLLOW_DROPPED;
}

static void on_queue(void *ctx, uint8_t dev, uint16_t queue)
{
	struct seen *s = ctx;
	bool ready = s->f->device[dev].queue[queue].ready;
	s->ready += ready;
	s->gone += !ready;
}

/* Its queue is there without a register write; what is published in it from then on is seen. */
static void its_queues_are_followed(void **state)
{
	static const struct follow_events events = {on_began, on_ended, on_queue};
	struct recorded *g = record(false);
	struct seen seen = {0};
	struct trace_reader t;
	struct op op;
	char err[256];
	(void)state;
	recorded_write(g, path, 0, NULL);
	assert_true(trace_open(&t, path));
	seen.f = follow_create(&t.head, &events, &seen, err, sizeof(err));
	assert_non_null(seen.f);
	while (trace_next(&t, &op)) {
		assert_true(follow_op(seen.f, &op));
		assert_true(t.nops > 1 || seen.ready == 1);
	}
	follow_end(seen.f);
	assert_int_equal(seen.ready, 2);
	assert_int_equal(seen.gone, 1);
	assert_int_equal(seen.began, 3);
	assert_int_equal(seen.used, 2);
	assert_int_equal(seen.dropped, 1);
	follow_destroy(seen.f);
	trace_close(&t);
	free(g);
}

/* -- where it may stand ------------------------------------------------------------------------------------ */

static void only_version_2_has_it(void **state)
{
	struct trace_head head = {.ndevices = 1};
	const struct op op = {.code = OP_RESTORED, .data = (const uint8_t *)"x", .len = 1};
	struct trace_writer w;
	(void)state;
	assert_true(trace_create(&w, path, &head));
	assert_false(trace_write(&w, &op));
	assert_non_null(strstr(w.error, "version=2"));
	trace_abandon(&w);
}

/* Reads ops of two devices; true: all of them. */
static bool reads(const char *ops)
{
	struct trace_head head = {.ndevices = 2, .restored = true};
	struct trace_writer w;
	struct trace_reader t;
	struct op op;
	assert_true(trace_create(&w, path, &head));
	for (const char *p = ops; *p; p++) {
		op = (struct op){.code = *p < 'a' ? OP_RESTORED : OP_RUN, .dev = *p == 'b' || *p == 'B'};
		assert_true(trace_write(&w, &op));
	}
	assert_true(trace_finish(&w, TRACE_END_DONE));
	assert_true(trace_open(&t, path));
	while (trace_next(&t, &op))
		;
	assert_true(!t.bad || strstr(t.error, "it is in use already"));
	trace_close(&t);
	return !t.bad;
}

/* Upper case: restored; lower case: anything else. */
static void it_stands_ahead_of_all_else_of_its_device(void **state)
{
	(void)state;
	assert_true(reads("AB") && reads("BA") && reads("AaB") && reads("aB") && reads("ab"));
	assert_false(reads("aA"));
	assert_false(reads("AA"));
	assert_false(reads("ABbaA"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_replays),
		cmocka_unit_test(every_changed_output_is_found),
		cmocka_unit_test(a_request_too_few_is_found),
		cmocka_unit_test(a_damaged_state_is_refused),
		cmocka_unit_test(its_queues_are_followed),
		cmocka_unit_test(only_version_2_has_it),
		cmocka_unit_test(it_stands_ahead_of_all_else_of_its_device),
	};
	return cmocka_run_group_tests_name("replay_restored", tests, name_file, remove_file);
}
