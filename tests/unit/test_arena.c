// SPDX-License-Identifier: BSD-2-Clause
#include <stdlib.h>

#include "tests/unit/guest.h"

#define BLOCK 64u

struct pool {
	struct arena a;
	uint8_t base[BLOCK * 256];
};

static struct pool *make(uint32_t nblocks)
{
	struct pool *p = calloc(1, sizeof(*p));
	assert_non_null(p);
	arena_init(&p->a, p->base, BLOCK, nblocks);
	return p;
}

static void gives_whole_blocks_lowest_first(void **state)
{
	(void)state;
	struct pool *p = make(8);
	assert_ptr_equal(arena_get(&p->a, 1), p->base);
	assert_ptr_equal(arena_get(&p->a, BLOCK), p->base + BLOCK);
	assert_ptr_equal(arena_get(&p->a, BLOCK + 1), p->base + 2 * BLOCK);
	assert_ptr_equal(arena_get(&p->a, 1), p->base + 4 * BLOCK);
	assert_int_equal(p->a.free, 3);
	free(p);
}

static void is_bounded(void **state)
{
	(void)state;
	struct pool *p = make(4);
	assert_null(arena_get(&p->a, 4 * BLOCK + 1));
	assert_null(arena_get(&p->a, UINT32_MAX));
	assert_non_null(arena_get(&p->a, 4 * BLOCK));
	assert_null(arena_get(&p->a, 1));
	arena_put(&p->a, p->base, 4 * BLOCK);
	assert_non_null(arena_get(&p->a, 1));
	free(p);
}

/* Half of the blocks are free, no two of them together. */
static void fragmentation_is_not_now(void **state)
{
	(void)state;
	struct pool *p = make(8);
	for (int i = 0; i < 8; i++)
		assert_non_null(arena_get(&p->a, BLOCK));
	for (uint32_t i = 0; i < 8; i += 2)
		arena_put(&p->a, p->base + i * BLOCK, BLOCK);
	assert_null(arena_get(&p->a, 2 * BLOCK));
	arena_put(&p->a, p->base + 3 * BLOCK, BLOCK);
	assert_ptr_equal(arena_get(&p->a, 3 * BLOCK), p->base + 2 * BLOCK);
	free(p);
}

/* The search skips full words of 64 blocks; a run may begin in one word and end in the next. */
static void runs_cross_words(void **state)
{
	(void)state;
	struct pool *p = make(200);
	assert_ptr_equal(arena_get(&p->a, 60 * BLOCK), p->base);
	assert_ptr_equal(arena_get(&p->a, 70 * BLOCK), p->base + 60 * BLOCK);
	assert_ptr_equal(arena_get(&p->a, 70 * BLOCK), p->base + 130 * BLOCK);
	assert_null(arena_get(&p->a, 1));
	arena_put(&p->a, p->base + 60 * BLOCK, 70 * BLOCK);
	assert_ptr_equal(arena_get(&p->a, 70 * BLOCK), p->base + 60 * BLOCK);
	free(p);
}

/* A free run may not be pieced together around a full word that the search jumped over. */
static void full_word_breaks_a_run(void **state)
{
	(void)state;
	struct pool *p = make(192);
	assert_non_null(arena_get(&p->a, 64 * BLOCK));
	assert_non_null(arena_get(&p->a, 64 * BLOCK));
	assert_non_null(arena_get(&p->a, 64 * BLOCK));
	arena_put(&p->a, p->base, 64 * BLOCK);
	arena_put(&p->a, p->base + 128 * BLOCK, 64 * BLOCK);
	assert_null(arena_get(&p->a, 65 * BLOCK));
	assert_int_equal(p->a.free, 128);
	free(p);
}

/* The last word may be used in part only: blocks beyond nblocks do not exist. */
static void stops_at_its_end(void **state)
{
	(void)state;
	struct pool *p = make(70);
	assert_null(arena_get(&p->a, 71 * BLOCK));
	assert_ptr_equal(arena_get(&p->a, 69 * BLOCK), p->base);
	assert_ptr_equal(arena_get(&p->a, BLOCK), p->base + 69 * BLOCK);
	assert_null(arena_get(&p->a, BLOCK));
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_whole_blocks_lowest_first), cmocka_unit_test(is_bounded),
		cmocka_unit_test(fragmentation_is_not_now),        cmocka_unit_test(runs_cross_words),
		cmocka_unit_test(full_word_breaks_a_run),          cmocka_unit_test(stops_at_its_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
