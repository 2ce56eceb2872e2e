// SPDX-License-Identifier: BSD-2-Clause
/* Room in bitmaps: what bits.h finds is what a look at every entry finds. */
#include "bits.h"
#include "tests/unit/guest.h"

static uint64_t next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static uint64_t mostly_ones(uint64_t *x)
{
	uint64_t w = 0;
	for (int i = 0; i < 3; i++)
		w |= next(x);
	return w;
}

static bool one(const uint64_t w[2], uint32_t i)
{
	return i < 128 && w[i / 64] >> (i % 64) & 1;
}

static uint32_t first_by_looking(const uint64_t w[2], uint32_t n)
{
	for (uint32_t i = 0; i < 64; i++) {
		uint32_t k = 0;
		while (k < n && one(w, i + k))
			k++;
		if (k == n)
			return i;
	}
	return 64;
}

static void finds_the_first_run(void **state)
{
	(void)state;
	uint64_t x = 1;
	for (int round = 0; round < 3000; round++) {
		uint64_t w[2] = {mostly_ones(&x), mostly_ones(&x)};
		w[0] |= round % 3 ? 0 : UINT64_MAX << round % 64;
		w[1] |= round % 5 ? 0 : UINT64_MAX;
		for (uint32_t n = 1; n <= 64; n++)
			assert_int_equal(bits_first_run(w[0], w[1], n), first_by_looking(w, n));
	}
}

static void what_lies_beyond_an_arena_is_used(void **state)
{
	(void)state;
	static uint8_t base[64];
	struct arena a;
	for (uint32_t n = 0; n <= 192; n++) {
		arena_init(&a, base, 64, n);
		for (uint32_t i = 0; i < 256; i++)
			assert_int_equal(a.used[i / 64] >> (i % 64) & 1, i >= n);
	}
}

/* Whatever was taken and given back, a piece is the lowest that fits. */
static void an_arena_gives_the_lowest_piece(void **state)
{
	(void)state;
	enum { BLOCKS = 200, BLOCK = 64 };
	static uint8_t base[BLOCKS * BLOCK];
	bool used[BLOCKS + 1] = {false};
	uint32_t at[64] = {0}, len[64] = {0};
	struct arena a;
	uint64_t x = 7;
	arena_init(&a, base, BLOCK, BLOCKS);
	for (int round = 0; round < 20000; round++) {
		uint32_t k = next(&x) % 64, n = 1 + (uint32_t)(next(&x) % (round % 16 ? 12 : 100)), first = 0;
		if (len[k]) {
			arena_put(&a, base + at[k] * BLOCK, len[k] * BLOCK);
			memset(used + at[k], 0, len[k]);
			len[k] = 0;
			continue;
		}
		for (uint32_t run = 0; run < n && first + run < BLOCKS;)
			if (used[first + run])
				first += run + 1, run = 0;
			else
				run++;
		uint8_t *p = arena_get(&a, n * BLOCK);
		if (first + n > BLOCKS) {
			assert_null(p);
			continue;
		}
		assert_ptr_equal(p, base + first * BLOCK);
		memset(used + first, 1, n);
		at[k] = first;
		len[k] = n;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_first_run),
		cmocka_unit_test(what_lies_beyond_an_arena_is_used),
		cmocka_unit_test(an_arena_gives_the_lowest_piece),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
