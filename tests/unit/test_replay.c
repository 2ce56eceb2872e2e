// SPDX-License-Identifier: BSD-2-Clause
/*
 * Records a small block guest in process, then replays the trace: strictly, with any output changed, loosely,
 * with the completions of an in-memory disk nested in submit, and held across a reset.
 */
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
#include "replay.h"

static struct recorded *record(bool full_payload)
{
	struct recorded *g = recorded_create(full_payload);
	recorded_start(g);
	assert_int_equal(recorded_get(g, VIRTIO_MMIO_QUEUE_NUM),
			 0); /* write-only: an offence, inside a read */
	recorded_post(g, VIRTIO_BLK_T_OUT, 1, 0);
	recorded_post(g, VIRTIO_BLK_T_IN, 1, 1);
	recorded_kick(g);
	recorded_post(g, VIRTIO_BLK_T_GET_ID, 0, 0);
	recorder_run(&g->dev, 0);
	vdev_run(&g->blk.vdev, 0);
	assert_int_equal(recorded_get(g, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
	recorded_reg(g, VIRTIO_MMIO_INTERRUPT_ACK, 1);
	g->hold = true;
	recorded_post(g, VIRTIO_BLK_T_IN, 2, 1);
	recorded_kick(g);
	recorder_state(&g->dev, mmio_hash(&g->mmio));
	recorded_done(g, g->held[--g->nheld]);
	recorder_flushed(&g->dev);
	blk_publish(&g->blk);
	recorded_post(g, VIRTIO_BLK_T_IN, 3, 0);
	recorded_kick(g);
	recorder_resize(&g->dev, 128);
	blk_resize(&g->blk, 128);
	recorded_reg(g, VIRTIO_MMIO_STATUS, 0); /* with a read in flight */
	assert_int_equal(recorded_get(g, VIRTIO_MMIO_STATUS), 0);
	recorder_state(&g->dev, mmio_hash(&g->mmio));
	return g;
}

static const char *path_of(char *buf, const char *name)
{
	sprintf(buf, "/tmp/ringside-test-%d-%s.vtrace", (int)getpid(), name);
	return buf;
}

/* Returns the op at which it diverges, 0 for none. */
static uint64_t replay(const char *path, uint64_t *hash, struct replay_counts *count)
{
	struct replay *r = calloc(1, sizeof(*r));
	struct trace_reader t;
	char err[256];
	assert_true(trace_open(&t, path));
	assert_true(replay_create(r, &t, err, sizeof(err)));
	replay_run(r);
	assert_false(t.bad);
	uint64_t at = r->diverged ? r->at : 0;
	*hash = replay_state_hash(r);
	*count = r->count;
	replay_destroy(r);
	trace_close(&t);
	free(r);
	return at;
}

static void strict_replay_matches(void **state)
{
	char buf[128];
	uint64_t hash[2];
	struct replay_counts c;
	(void)state;
	for (int payload = 0; payload < 2; payload++) {
		struct recorded *g = record(payload);
		assert_false(g->rec.stopped);
		uint64_t n = recorded_write(g, path_of(buf, "ok"), 0, NULL);
		assert_int_equal(replay(buf, &hash[payload], &c), 0);
		assert_int_equal(c.events, n);
		assert_true(c.loads > 20);
		assert_true(c.interrupts >= 3);
		unlink(buf);
		free(g);
	}
}

static void every_changed_output_is_found(void **state)
{
	char buf[128];
	uint64_t hash, n, tried = 0;
	struct replay_counts c;
	bool output = false;
	struct recorded *g = record(false);
	(void)state;
	n = recorded_write(g, path_of(buf, "flip"), 0, NULL);
	for (uint64_t i = 1; i <= n; i++) {
		recorded_write(g, buf, i, &output);
		if (!output)
			continue;
		tried++;
		assert_int_equal(replay(buf, &hash, &c), i);
	}
	assert_true(tried > 20);
	unlink(buf);
	free(g);
}

static uint64_t loose(const char *path)
{
	struct trace_reader t;
	struct replay_counts c = {0};
	char err[256] = "";
	assert_true(trace_open(&t, path));
	uint64_t differences = loose_run(&t, &c, err, sizeof(err));
	assert_string_equal(err, "");
	assert_true(c.inputs > 10);
	trace_close(&t);
	return differences;
}

static void loose_replay_matches_and_differs(void **state)
{
	char buf[128];
	bool output;
	uint64_t n, found = 0;
	struct recorded *g = record(false);
	(void)state;
	n = recorded_write(g, path_of(buf, "loose"), 0, NULL);
	assert_int_equal(loose(buf), 0);
	for (uint64_t i = 1; i <= n; i++) {
		recorded_write(g, buf, i, &output);
		found += loose(buf) > 0;
	}
	assert_true(found > 5); /* changed used entries, status bytes, register reads, inputs */
	unlink(buf);
	free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strict_replay_matches),
		cmocka_unit_test(every_changed_output_is_found),
		cmocka_unit_test(loose_replay_matches_and_differs),
	};
	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
