// SPDX-License-Identifier: BSD-2-Clause
/*
 * Small rings, exhaustively: for 1, 2 and 4 entries, both layouts, with and without EVENT_IDX and IN_ORDER,
 * every sequence of driver and device steps (small.h tells which) is walked until no new state comes: each
 * state once, whatever way leads there. In each the rings' promises hold, and from each everything drains: a
 * driver that sleeps until it is interrupted and a device that sleeps until it is kicked still get all chains
 * used.
 *
 * Rings of one and two entries are walked at each place that they can stand at. For those of four, states
 * that differ only in where the ring stands count as one, and with IN_ORDER the walk ends after so many.
 * SMALL_ALL in the environment lifts both (minutes and gigabytes, then).
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/small.h"

#define TABLE_LEN     (1u << 19) /* hashes; a power of two */
#define WAY_MAX       200u       /* steps */
#define TABLE_LEN_ALL (1u << 24)
#define STATES_MAX    50000u /* of four entries with IN_ORDER */

/* MSan is ten times as slow, and sees uninitialised bytes long before the end. */
#define SLOW_STATES_MAX 4000u /* of four entries */
#ifdef __has_feature
#if __has_feature(memory_sanitizer)
#define SLOW true
#endif
#endif
#ifndef SLOW
#define SLOW false
#endif

/* The step that first led to a state. */
struct way {
	uint32_t from;
	uint8_t step, variant;
	bool on; /* it leads on to others */
};

static struct walk {
	struct small *state; /* each once, in order of how few steps lead there */
	struct way *way;
	uint32_t nstates, room, max;
	uint64_t nsteps;
	uint32_t njudged;
	uint64_t *seen; /* hashes; 0: free */
	uint32_t len;   /* of seen */
	bool everywhere;
} w;

/* True: that hash was not there yet. */
static bool remember(uint64_t h)
{
	h |= 1;
	for (uint32_t i = (uint32_t)(h >> 20) % w.len;; i = (i + 1) % w.len) {
		if (w.seen[i] == h)
			return false;
		if (w.seen[i] == 0) {
			w.seen[i] = h;
			return true;
		}
	}
}

static void visit(struct way way)
{
	small_rewind();
	if (w.nstates == w.max || !remember(small_hash(w.everywhere)))
		return;
	assert_true(w.nstates < w.len / 4 * 3);
	if (w.nstates == w.room) {
		w.room = w.room ? 2 * w.room : 1024;
		w.state = realloc(w.state, w.room * sizeof(*w.state));
		w.way = realloc(w.way, w.room * sizeof(*w.way));
		assert_true(w.state && w.way);
	}
	w.way[way.from].on = true;
	w.way[w.nstates] = way;
	small_save(&w.state[w.nstates++]);
	small_drain();
}

/* The array may move meanwhile. */
static void expand(uint32_t nth)
{
	bool loaded = false;
	for (uint32_t step = 0; step < SMALL_STEPS; step++)
		for (uint32_t variant = 0; variant < small_variants(step); variant++) {
			if (!loaded)
				small_load(&w.state[nth]);
			enum small_done done = small_step(step, variant);
			loaded = done == SMALL_NO;
			if (done != SMALL_DONE)
				continue;
			w.nsteps++;
			small_check();
			visit((struct way){nth, (uint8_t)step, (uint8_t)variant, false});
		}
}

/*
 * The whole way to a state, with the ring's oracles looking on. Those to the states that lead no further pass
 * all others.
 */
static void judge(const struct small_config *c, uint32_t state)
{
	uint32_t way[WAY_MAX], n = 0;
	for (; state; state = w.way[state].from) {
		assert_true(n < WAY_MAX);
		way[n++] = state;
	}
	small_start_judged(c);
	while (n--)
		assert_int_equal(small_step(w.way[way[n]].step, w.way[way[n]].variant), SMALL_DONE);
	small_end_judged();
	w.njudged++;
}

static void walk(const struct small_config *c)
{
	bool all = getenv("SMALL_ALL");
	w = (struct walk){.max = UINT32_MAX};
	if (c->size == 4 && !all && (SLOW || c->in_order))
		w.max = SLOW ? SLOW_STATES_MAX : STATES_MAX;
	w.len = all ? TABLE_LEN_ALL : TABLE_LEN;
	w.everywhere = c->size < 4 || all;
	w.seen = calloc(w.len, sizeof(*w.seen));
	assert_non_null(w.seen);
	small_start(c);
	visit((struct way){0});
	for (uint32_t i = 0; i < w.nstates; i++)
		expand(i);
	for (uint32_t i = 0; i < w.nstates; i++)
		if (!w.way[i].on)
			judge(c, i);
	printf("small: %s, %u entries%s%s: %u states%s, %llu steps, %u judged\n",
	       c->packed ? "packed" : "split", c->size, c->event_idx ? ", event_idx" : "",
	       c->in_order ? ", in_order" : "", w.nstates, w.nstates < w.max ? "" : " and no more",
	       (unsigned long long)w.nsteps, w.njudged);
	free(w.state);
	free(w.way);
	free(w.seen);
}

static void small_rings(bool packed)
{
	for (uint16_t size = 1; size <= SMALL_SIZE_MAX; size = (uint16_t)(size * 2))
		for (int features = 0; features < 4; features++) {
			const struct small_config c = {.size = size,
						       .packed = packed,
						       .event_idx = features & 1,
						       .in_order = features & 2};
			walk(&c);
		}
}

static void small_split_rings(void **state)
{
	(void)state;
	small_rings(false);
}

static void small_packed_rings(void **state)
{
	(void)state;
	small_rings(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_split_rings),
		cmocka_unit_test(small_packed_rings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
