// SPDX-License-Identifier: BSD-2-Clause
/* The mutator: what comes out is a program of whole ops within its bounds, the same for the same seed; splicing
 * takes ops of both; trimming ends, with what is needed; the byte that tells the machine stays ahead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_ids.h>
#include <string.h>

#include "machine_byte.h"
#include "mutate.h"
#include "trace/op.h"

#define MAX 200

static size_t make(uint8_t *out, const uint8_t *codes, size_t n)
{
	size_t len = 0;
	for (size_t i = 0; i < n; i++)
		len += op_program_encode(&(struct op){.code = codes[i], .arg = {i % 2}}, out + len,
					 MAX - len);
	return len;
}

static uint32_t count(const uint8_t *bytes, size_t n, uint8_t code)
{
	uint32_t found = 0;
	struct op op;
	for (size_t at = 0; at < n;) {
		at += op_program_decode(bytes + at, n - at, &op);
		found += op.code == code;
	}
	return found;
}

static void changes_stay_in_their_bounds_and_are_the_same_for_the_same_seed(void **state)
{
	(void)state;
	static const uint8_t codes[] = {OP_POST, OP_KICK, OP_POST, OP_POST, OP_KICK, OP_REAP, OP_RESET};
	uint8_t first[MAX], a[MAX], b[MAX];
	size_t n = make(first, codes, sizeof(codes)), na = n, nb = n;
	memcpy(a, first, n);
	memcpy(b, first, n);
	uint32_t changed = 0;
	for (uint64_t seed = 0; seed < 20000; seed++) {
		size_t max = 1 + seed % MAX;
		na = na < max ? na : max;
		nb = nb < max ? nb : max;
		na = mutate_program(a, na, max, seed);
		nb = mutate_program(b, nb, max, seed);
		assert_true(na <= max);
		assert_int_equal(na, nb);
		assert_memory_equal(a, b, na);
		changed += na != n || memcmp(a, first, na) != 0;
	}
	assert_true(changed > 10000);
}

/* From nothing at all, every op that a fuzzer is to try comes some time, and each kind of bad chain. */
static void every_op_comes_some_time(void **state)
{
	(void)state;
	static const uint8_t wanted[] = {OP_POST,  OP_KICK,  OP_REAP,  OP_BREAK, OP_RACE,   OP_FAULT,
					 OP_HOLD,  OP_SAVE,  OP_RESET, OP_WHEN,  OP_POKE,   OP_WIND,
					 OP_OFFER, OP_CHAIN, OP_WRITE, OP_READ,  OP_NOTIFY, OP_QUEUE_RESET};
	uint32_t seen[64] = {0}, how[32] = {0};
	uint8_t a[MAX];
	for (uint64_t seed = 0; seed < 30000; seed++) {
		struct op op;
		size_t n = 0;
		for (uint64_t k = 0; k < 4; k++)
			n = mutate_program(a, n, MAX, 4 * seed + k);
		for (size_t at = 0; at < n;) {
			at += op_program_decode(a + at, n - at, &op);
			seen[op.code & 63]++;
			if (op.code == OP_BREAK)
				how[op.arg[0] & 31]++;
		}
	}
	for (size_t i = 0; i < sizeof(wanted); i++)
		assert_true(seen[wanted[i]] > 0);
	for (size_t i = 0; i < 26; i++)
		assert_true(how[i] > 0);
}

static void splicing_takes_ops_of_both(void **state)
{
	(void)state;
	static const uint8_t one[] = {OP_POST, OP_POST, OP_POST, OP_POST},
			     other[] = {OP_KICK, OP_KICK, OP_KICK};
	uint8_t a[MAX], b[MAX], out[MAX];
	size_t na = make(a, one, sizeof(one)), nb = make(b, other, sizeof(other));
	uint32_t mixed = 0;
	for (uint64_t seed = 0; seed < 1000; seed++) {
		size_t n = mutate_cross(a, na, b, nb, out, MAX, seed);
		uint32_t posts = count(out, n, OP_POST), kicks = count(out, n, OP_KICK);
		assert_true(posts <= sizeof(one) && kicks <= sizeof(other));
		mixed += posts && kicks;
		assert_true(mutate_cross(a, na, b, nb, out, 7, seed) <= 7);
	}
	assert_true(mixed > 400);
	assert_int_equal(mutate_cross(a, 0, b, 0, out, MAX, 1), 0);
}

static void an_op_without_its_end_is_left_out(void **state)
{
	(void)state;
	static const uint8_t codes[] = {OP_KICK, OP_POST, OP_KICK};
	uint8_t a[MAX];
	size_t n = make(a, codes, sizeof(codes)), kick = 2;
	assert_int_equal(mutate_whole(a, n, MAX), n);
	assert_int_equal(mutate_whole(a, kick + 3, MAX), kick);
	assert_int_equal(mutate_whole(a, n, kick), kick);
	assert_int_equal(mutate_whole(a, 1, MAX), 1); /* but the only one */
	assert_int_equal(mutate_whole(a, 0, MAX), 0);
}

/* "Does the same" here: has the reset, and a post. */
static void trimming_leaves_what_is_needed(void **state)
{
	(void)state;
	static const uint8_t codes[] = {OP_KICK, OP_REAP,  OP_POST, OP_KICK, OP_KICK,
					OP_REAP, OP_RESET, OP_KICK, OP_POST};
	static struct mutate_trim t;
	uint8_t a[MAX], out[MAX];
	size_t n = make(a, codes, sizeof(codes));
	mutate_trim_begin(&t, a, n);
	uint32_t tries = 0;
	while (!mutate_trim_done(&t)) {
		size_t m = mutate_trim_next(&t, out);
		assert_true(m <= t.len);
		mutate_trim_tell(&t, count(out, m, OP_RESET) && count(out, m, OP_POST));
		assert_true(++tries < 100);
	}
	assert_int_equal(count(t.best, t.len, OP_RESET), 1);
	assert_int_equal(count(t.best, t.len, OP_POST), 1);
	assert_int_equal(count(t.best, t.len, OP_KICK) + count(t.best, t.len, OP_REAP), 0);
	mutate_trim_begin(&t, a, 0);
	assert_true(mutate_trim_done(&t));
}

/* Frames come for a network device, and for no other; requests are on all of its queues. */
static void makes_what_the_device_has(void **state)
{
	(void)state;
	uint8_t bytes[MAX];
	uint32_t frames[2] = {0}, control = 0;
	for (int net = 0; net < 2; net++) {
		mutate_for(net ? VIRTIO_ID_NET : VIRTIO_ID_BLOCK);
		for (uint64_t seed = 0; seed < 500; seed++) {
			struct op op;
			size_t n = mutate_program(bytes, 0, MAX, seed);
			frames[net] += count(bytes, n, OP_FRAME);
			for (size_t at = 0; at < n;) {
				at += op_program_decode(bytes + at, n - at, &op);
				control += net && op.code == OP_POST && op.arg[0] == 4;
			}
		}
	}
	mutate_for(0);
	assert_int_equal(frames[0], 0);
	assert_true(frames[1] > 50 && control > 20);
}

/* The byte that tells the machine stays, nearly always; ops are for each of its devices, and frames only where there is a
 * network device. Without a byte there is any. */
static void the_machine_byte_stays_ahead(void **state)
{
	(void)state;
	static const uint8_t blk_and_net = 4;
	uint8_t bytes[MAX];
	uint32_t kept = 0, empty[MACHINE_BYTE_ALL] = {0}, frames[2] = {0}, other = 0;
	mutate_for_chosen();
	assert_int_equal(mutate_ahead(), 1);
	for (uint64_t seed = 0; seed < 4000; seed++) {
		struct op op;
		bytes[0] = blk_and_net;
		size_t n = mutate_program(bytes, 1, MAX, seed);
		n = mutate_program(bytes, n, MAX, seed + 10000);
		assert_true(n >= 1);
		kept += bytes[0] == blk_and_net;
		for (size_t at = 1; at < n && bytes[0] == blk_and_net;) {
			at += op_program_decode(bytes + at, n - at, &op);
			assert_true(op.dev < 2);
			other += op.code == OP_FRAME && op.dev == 0;
			frames[op.dev] += op.code == OP_FRAME;
		}
		n = mutate_program(bytes, 0, MAX, seed);
		empty[bytes[0]]++;
	}
	assert_true(kept > 3800 && kept < 4000);
	assert_true(frames[1] > 200 && frames[0] < frames[1] / 4 && frames[0] == other);
	for (uint32_t i = 0; i < MACHINE_BYTE_ALL; i++)
		assert_true(empty[i] > 0);
	mutate_for(0);
	assert_int_equal(mutate_ahead(), 0);
}

static void whole_ops_are_spliced_and_trimmed_behind_the_machine_byte(void **state)
{
	(void)state;
	static const uint8_t one[] = {OP_POST, OP_POST, OP_POST}, two[] = {OP_KICK, OP_KICK, OP_RESET};
	static struct mutate_trim t;
	uint8_t a[MAX] = {7}, b[MAX] = {9}, out[MAX];
	size_t na = 1 + make(a + 1, one, sizeof(one)), nb = 1 + make(b + 1, two, sizeof(two));
	mutate_for_chosen();
	for (uint64_t seed = 0; seed < 500; seed++) {
		size_t n = mutate_cross(a, na, b, nb, out, MAX, seed);
		assert_int_equal(out[0], 7);
		assert_int_equal(mutate_whole(out, n, MAX), n);
	}
	assert_int_equal(mutate_cross(a, na, b, nb, out, 0, 1), 0);
	assert_int_equal(mutate_whole(a, 1, MAX), 1);
	mutate_trim_begin(&t, b, nb);
	while (!mutate_trim_done(&t)) {
		size_t n = mutate_trim_next(&t, out);
		assert_int_equal(out[0], 9);
		mutate_trim_tell(&t, count(out + 1, n - 1, OP_RESET) == 1);
	}
	assert_int_equal(t.len, 2);
	assert_int_equal(t.best[1], OP_RESET);
	mutate_for(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_stay_in_their_bounds_and_are_the_same_for_the_same_seed),
		cmocka_unit_test(every_op_comes_some_time),
		cmocka_unit_test(splicing_takes_ops_of_both),
		cmocka_unit_test(an_op_without_its_end_is_left_out),
		cmocka_unit_test(trimming_leaves_what_is_needed),
		cmocka_unit_test(makes_what_the_device_has),
		cmocka_unit_test(the_machine_byte_stays_ahead),
		cmocka_unit_test(whole_ops_are_spliced_and_trimmed_behind_the_machine_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
