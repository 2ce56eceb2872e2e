// SPDX-License-Identifier: BSD-2-Clause
/*
 * Small rings, exhaustively: for 1, 2 and 4 entries, both layouts, with and without EVENT_IDX and IN_ORDER,
 * every sequence of driver and device steps is walked, breadth first, each state once (small.h tells the
 * model). In each state the rings' promises hold, and from each state everything drains: a driver that sleeps
 * until it is interrupted and a device that sleeps until it is kicked still get all chains used.
 *
 * The states of rings with one entry run out, and most of those of two with a longer walk; with four, the
 * walk ends after so many.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hash.h"
#include "tests/unit/small.h"

#define STATES_MAX \
	12000u /* of one kind of ring; SMALL_STATES in the environment raises it, for a longer walk */
#define STATES_MOST 2000000u
#define TABLE_LEN   4194304u /* a power of two */

struct walk {
	struct small *state;
	uint32_t nstates, max;
	uint64_t nsteps;
	uint64_t *seen; /* hashes; 0: free */
	bool closed;
};

static struct walk w;

/* True: that hash was not there yet. */
static bool remember(uint64_t h)
{
	h |= 1;
	for (uint32_t i = (uint32_t)(h >> 20) % TABLE_LEN;; i = (i + 1) % TABLE_LEN) {
		if (w.seen[i] == h)
			return false;
		if (w.seen[i] == 0) {
			w.seen[i] = h;
			return true;
		}
	}
}

static void visit(void)
{
	struct small now;
	if (w.nstates == w.max) {
		w.closed = false;
		return;
	}
	if (!remember(small_hash()))
		return;
	small_save(&now);
	w.state[w.nstates++] = now;
	small_drain();
}

static void expand(uint32_t nth)
{
	for (uint32_t step = 0; step < SMALL_STEPS; step++)
		for (uint32_t variant = 0; variant < small_variants(step); variant++) {
			small_load(&w.state[nth]);
			if (!small_step(step, variant))
				continue;
			w.nsteps++;
			small_check();
			visit();
		}
}

static void walk(const struct small_config *c)
{
	w.state = malloc(w.max * sizeof(*w.state));
	w.seen = calloc(TABLE_LEN, sizeof(*w.seen));
	assert_true(w.state && w.seen);
	w.nstates = 0;
	w.nsteps = 0;
	w.closed = true;
	small_start(c);
	visit();
	for (uint32_t i = 0; i < w.nstates; i++)
		expand(i);
	printf("small: %s, %u entries%s%s: %u states%s, %llu steps\n", c->packed ? "packed" : "split",
	       c->size, c->event_idx ? ", event_idx" : "", c->in_order ? ", in_order" : "", w.nstates,
	       w.closed ? " (all)" : "", (unsigned long long)w.nsteps);
	free(w.state);
	free(w.seen);
}

static void small_rings(bool packed)
{
	for (uint16_t size = 1; size <= 4; size = (uint16_t)(size * 2))
		for (int features = 0; features < 4; features++) {
			const struct small_config c = {.size = size,
						       .packed = packed,
						       .event_idx = features & 1,
						       .in_order = features & 2};
			walk(&c);
			assert_true(size == 1 ? w.closed : w.closed || w.nstates == w.max);
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
	const char *max = getenv("SMALL_STATES");
	unsigned long n = max ? strtoul(max, NULL, 10) : 0;
	w.max = n > STATES_MAX && n <= STATES_MOST ? (uint32_t)n : STATES_MAX;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_split_rings),
		cmocka_unit_test(small_packed_rings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
