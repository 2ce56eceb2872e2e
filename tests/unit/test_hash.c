// SPDX-License-Identifier: BSD-2-Clause
#include "tests/unit/guest.h"

#include "hash.h"

static uint8_t bytes[256];

static int setup(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 1);
	return 0;
}

/* Traces hold these values: another result would make every kept one diverge. */
static void is_frozen(void **state)
{
	(void)state;
	assert_int_equal(hash_u64(HASH_SEED, 1), 0x2f21048d4e054889ull);
	assert_int_equal(hash_bytes(HASH_SEED, bytes, 0), 0xd5f0b44d31acc869ull);
	assert_int_equal(hash_bytes(HASH_SEED, bytes, 7), 0x42737ea2ce91771cull);
	assert_int_equal(hash_bytes(HASH_SEED, bytes, 256), 0x367b1a59c1136c7dull);
}

/* Tails of 0 to 7 bytes, the words of 8, the steps of 32: each bit of the input counts. */
static void every_bit_counts(void **state)
{
	(void)state;
	for (size_t n = 1; n <= 80; n++) {
		uint64_t h = hash_bytes(HASH_SEED, bytes, n);
		for (size_t bit = 0; bit < 8 * n; bit++) {
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_not_equal(hash_bytes(HASH_SEED, bytes, n), h);
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

static void length_and_seed_count(void **state)
{
	(void)state;
	static const uint8_t zero[128];
	uint64_t seen[129];
	for (size_t n = 0; n <= 128; n++) {
		seen[n] = hash_bytes(HASH_SEED, zero, n);
		assert_int_not_equal(seen[n], hash_bytes(HASH_SEED + 1, zero, n));
		for (size_t i = 0; i < n; i++)
			assert_int_not_equal(seen[i], seen[n]);
	}
}

/* Nothing is read beyond the end, wherever it is (the sanitizers watch a block of exactly n bytes). */
static void alignment_does_not_count(void **state)
{
	(void)state;
	for (size_t n = 0; n < 100; n++) {
		uint8_t *copy = test_malloc(n + 3);
		memcpy(copy + 3, bytes, n);
		assert_int_equal(hash_bytes(1, copy + 3, n), hash_bytes(1, bytes, n));
		test_free(copy);
	}
}

static void nothing_may_be_null(void **state)
{
	(void)state;
	assert_int_equal(hash_bytes(1, NULL, 0), hash_bytes(1, bytes, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_frozen),
		cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(length_and_seed_count),
		cmocka_unit_test(alignment_does_not_count),
		cmocka_unit_test(nothing_may_be_null),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
