// SPDX-License-Identifier: BSD-2-Clause
/* The bytes of a saved state: written and read in the same order, bounded on both sides, damage refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "state.h"

static size_t write_all(void *buf, size_t room)
{
	struct state_out out;
	state_begin(&out, buf, room, STATE_MMIO);
	state_put_u8(&out, 0xfe);
	state_put_u16(&out, 0xbeef);
	state_put_u32(&out, 0xdeadbeef);
	state_put_u64(&out, 0x0123456789abcdefull);
	state_put_bool(&out, true);
	state_put(&out, "ring", 4);
	return state_end(&out);
}

#define ALL (12u + 1 + 2 + 4 + 8 + 1 + 4 + 4)

static void numbers_are_little_endian(void **state)
{
	(void)state;
	static const uint8_t want[ALL - 4] = {
		'R',  'S',  'S',  'V',  1,    0,    1,    0,    ALL,  0,    0,    0, 0xfe, 0xef, 0xbe, 0xef,
		0xbe, 0xad, 0xde, 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01, 1, 'r',  'i',  'n',  'g'};
	uint8_t got[ALL];
	assert_int_equal(write_all(got, sizeof(got)), ALL);
	assert_memory_equal(got, want, sizeof(want));
}

static void what_was_written_is_read(void **state)
{
	(void)state;
	uint8_t buf[ALL], text[4];
	struct state_in in;
	write_all(buf, sizeof(buf));
	assert_true(state_open(&in, buf, ALL, STATE_MMIO));
	assert_int_equal(state_get_u8(&in), 0xfe);
	assert_int_equal(state_get_u16(&in), 0xbeef);
	assert_int_equal(state_get_u32(&in), 0xdeadbeef);
	assert_int_equal(state_get_u64(&in), 0x0123456789abcdefull);
	assert_true(state_get_bool(&in));
	assert_false(state_close(&in)); /* something is left */
	state_get(&in, text, 4);
	assert_memory_equal(text, "ring", 4);
	assert_true(state_close(&in));
	assert_int_equal(state_get_u8(&in), 0); /* the checksum is not for readers */
	assert_false(state_close(&in));
}

/* Without enough room the length is told all the same, and no byte lies beyond the room. */
static void room_is_kept_to(void **state)
{
	(void)state;
	assert_int_equal(write_all(NULL, 0), ALL);
	for (size_t room = 1; room < ALL; room++) {
		uint8_t *buf = malloc(room);
		assert_non_null(buf);
		assert_int_equal(write_all(buf, room), ALL);
		free(buf);
	}
}

static void a_bool_is_0_or_1(void **state)
{
	(void)state;
	uint8_t buf[64];
	struct state_out out;
	struct state_in in;
	state_begin(&out, buf, sizeof(buf), STATE_MMIO);
	state_put_u8(&out, 2);
	assert_true(state_open(&in, buf, state_end(&out), STATE_MMIO));
	assert_false(state_get_bool(&in));
	assert_true(in.bad);
}

static void what_must_match(void **state)
{
	(void)state;
	uint8_t buf[ALL];
	struct state_in in;
	write_all(buf, sizeof(buf));
	assert_true(state_open(&in, buf, ALL, STATE_MMIO));
	state_match(&in, "\xfe\xef\xbe", 3);
	assert_false(in.bad);
	state_match(&in, "\xef\xbf", 2);
	assert_true(in.bad);
}

static void errors_stick(void **state)
{
	(void)state;
	uint8_t buf[ALL];
	struct state_in in;
	write_all(buf, sizeof(buf));
	assert_true(state_open(&in, buf, ALL, STATE_MMIO));
	assert_true(state_need(&in, true));
	assert_false(state_need(&in, false));
	assert_false(state_need(&in, true));
	assert_int_equal(state_get_u64(&in), 0);
}

static void damage_is_refused(void **state)
{
	(void)state;
	uint8_t good[ALL];
	struct state_in in;
	write_all(good, sizeof(good));
	for (size_t n = 0; n < ALL; n++) {
		uint8_t *cut = malloc(n + 1);
		assert_non_null(cut);
		memcpy(cut, good, n);
		assert_false(state_open(&in, cut, n, STATE_MMIO));
		free(cut);
	}
	for (uint32_t bit = 0; bit < 8 * ALL; bit++) {
		good[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(state_open(&in, good, ALL, STATE_MMIO));
		good[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_false(state_open(&in, good, ALL, (enum state_kind)2));
	assert_true(state_open(&in, good, ALL, STATE_MMIO));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_little_endian),
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(room_is_kept_to),
		cmocka_unit_test(a_bool_is_0_or_1),
		cmocka_unit_test(errors_stick),
		cmocka_unit_test(what_must_match),
		cmocka_unit_test(damage_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
