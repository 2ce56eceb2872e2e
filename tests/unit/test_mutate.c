// SPDX-License-Identifier: BSD-2-Clause
/* The mutator: what comes out is a program of whole ops within its bounds, the same for the same seed; every op comes, raw
 * ones with data that means something; splicing takes ops of both; trimming ends, with what is needed; the byte that
 * tells the machine stays ahead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "machine_byte.h"
#include "mutate.h"
#include "program.h"
#include "trace/op.h"
#include "wild.h"

#define MAX         200
#define ALL_DEVICES 7 /* a machine byte */

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

/* From nothing at all, every op that does something comes some time on some device, and each kind of bad chain. */
static void every_op_comes_some_time(void **state)
{
	(void)state;
	uint32_t seen[64] = {0}, how[32] = {0};
	uint8_t a[MAX];
	mutate_for_chosen();
	for (uint64_t seed = 0; seed < 30000; seed++) {
		struct op op;
		size_t n = 1;
		a[0] = ALL_DEVICES;
		for (uint64_t k = 0; k < 4; k++)
			n = mutate_program(a, n, MAX, 4 * seed + k);
		assert_int_equal(mutate_whole(a, n, MAX), n);
		for (size_t at = 1; at < n;) {
			at += op_program_decode(a + at, n - at, &op);
			seen[op.code & 63]++;
			if (op.code == OP_BREAK)
				how[op.arg[0] & 31]++;
		}
	}
	mutate_for(0);
	for (uint8_t code = 0; code < 64; code++)
		if (op_info(code)->text && code != OP_NOP && seen[code] < 100)
			fail_msg("%s came %u times", op_info(code)->text, seen[code]);
	for (size_t i = 0; i < BREAK_COUNT; i++)
		assert_true(how[i] > 0);
}

/* What was seen in raw descriptors, of how many chains. */
struct raw_chains {
	uint32_t all, plain, writable, loops, empty, indirect, outside, more;
};

static void look(struct raw_chains *c, const struct op *op)
{
	struct vring_desc d[OP_PROGRAM_DATA_MAX / 16];
	uint32_t n = op->len / 16;
	bool odd = !n;
	c->all++;
	memcpy(d, op->data, 16 * n);
	for (uint32_t i = 0; i < n; i++) {
		bool last = i + 1 == n,
		     inside = d[i].addr >= RAM_LOW && d[i].addr + d[i].len <= RAM_MID + RAM_LOW_LEN;
		bool empty = !d[i].len, loops = last && d[i].flags & VRING_DESC_F_NEXT;
		bool indirect = d[i].flags & VRING_DESC_F_INDIRECT;
		c->writable += !odd && d[i].flags == VRING_DESC_F_WRITE && last;
		c->empty += empty;
		c->loops += loops && d[i].next >= op->arg[1] && d[i].next < op->arg[1] + n;
		c->indirect += indirect;
		c->outside += !inside;
		odd |= empty || loops || indirect || !inside || d[i].flags > 3;
	}
	c->more += n > 1;
	c->plain += !odd;
}

/* Raw chains come with descriptors: good ones, and bad in each way. */
static void raw_chains_have_descriptors(void **state)
{
	(void)state;
	struct raw_chains c = {0};
	uint8_t a[MAX];
	mutate_for(VIRTIO_ID_BLOCK);
	for (uint64_t seed = 0; seed < 100000; seed++) {
		struct op op;
		size_t n = mutate_program(a, 0, MAX, seed);
		for (size_t at = 0; at < n;) {
			at += op_program_decode(a + at, n - at, &op);
			if (op.code == OP_CHAIN) {
				assert_true(op.len >= 16 && op.len % 16 == 0);
				look(&c, &op);
			}
		}
	}
	mutate_for(0);
	assert_true(c.all > 1000);
	assert_true(c.plain > c.all / 3 && c.plain < c.all);
	assert_true(c.more > c.all / 3 && c.writable > c.all / 3);
	assert_true(c.loops > 20 && c.empty > 20 && c.indirect > 20 && c.outside > 20);
}

/* Stores go where programs have rings, headers and tables, and to the edges of memory. */
static void stores_go_where_something_lies(void **state)
{
	(void)state;
	uint32_t all = 0, rings = 0, high = 0, buffers = 0, elsewhere = 0, long_ones = 0;
	uint8_t a[MAX];
	for (uint64_t seed = 0; seed < 100000; seed++) {
		struct op op;
		size_t n = mutate_program(a, 0, MAX, seed);
		for (size_t at = 0; at < n;) {
			at += op_program_decode(a + at, n - at, &op);
			if (op.code != OP_POKE)
				continue;
			uint64_t gpa = op.arg[0];
			bool ring = gpa >= RAM_LOW && gpa < RAM_LOW + RAM_RINGS_LEN,
			     buffer = gpa >= RAM_LOW + RAM_RINGS_LEN && gpa < RAM_MID + RAM_LOW_LEN;
			assert_true(op.len > 0);
			all++;
			rings += ring;
			buffers += buffer;
			high += gpa >= RAM_HIGH && gpa < RAM_HIGH + RAM_HIGH_LEN;
			elsewhere += !ring && !buffer;
			long_ones += op.len >= 16;
		}
	}
	assert_true(all > 1000 && rings > all / 4 && buffers > all / 8);
	assert_true(high > 50 && elsewhere > 50 && long_ones > 50);
}

/* The data of an op changes too, and by little: it grows, shrinks, or a part of it becomes something else. */
static void data_changes_as_fields_do(void **state)
{
	(void)state;
	static const uint8_t data[32] = {1, 2, 3};
	static const uint8_t codes[] = {OP_CHAIN, OP_POKE, OP_FRAME, OP_PORT};
	for (size_t i = 0; i < sizeof(codes); i++) {
		struct op op = {.code = codes[i], .data = data, .len = sizeof(data)}, now;
		uint32_t same_len = 0, longer = 0, shorter = 0;
		uint8_t a[MAX];
		for (uint64_t seed = 0; seed < 5000; seed++) {
			size_t n = mutate_program(a, op_program_encode(&op, a, MAX), MAX, seed);
			if (!n || op_program_decode(a, n, &now) != n || now.code != op.code ||
			    memcmp(now.arg, op.arg, sizeof(op.arg)))
				continue;
			same_len += now.len == op.len && memcmp(now.data, data, op.len);
			longer += now.len > op.len;
			shorter += now.len < op.len;
		}
		assert_true(same_len > 50 && longer > 20 && shorter > 20);
	}
}

/* What the mutator believes about memory is what the model driver does, as long as it is not told otherwise. */
static void rings_and_headers_are_where_stores_go(void **state)
{
	(void)state;
	static struct machine m;
	static const struct device_options options;
	assert_true(machine_create(&m) && machine_add(&m, VIRTIO_ID_NET, &options));
	for (int packed = 0; packed < 2; packed++) {
		machine_reset(&m);
		if (packed)
			program_step(&m,
				     &(struct op){.code = OP_OFFER, .arg = {1ull << VIRTIO_F_RING_PACKED}});
		for (uint64_t q = 0; q < 4; q++)
			program_step(&m, &(struct op){.code = OP_POST, .arg = {q, 0, 0, 64}});
		for (uint32_t q = 0; q < 4; q++) {
			const struct vq *vq = &m.device[0].vdev->queue[q];
			for (uint32_t part = 0; part < 3; part++)
				assert_int_equal(wild_ring(packed, q, part), vq->area[part].v);
		}
	}
	machine_destroy(&m);
	assert_true(machine_create(&m) && machine_add(&m, VIRTIO_ID_BLOCK, &options));
	machine_reset(&m);
	program_step(&m, &(struct op){.code = OP_POST, .arg = {0, 1, 7, 512}});
	struct virtio_blk_outhdr h;
	assert_true(ram_read(&m.ram, gpa(wild_buffer(0)), &h, sizeof(h)));
	assert_int_equal(h.sector, 7);
	machine_destroy(&m);
}

/* The next word of a dictionary. False: no more. */
static bool next_word(FILE *f, uint8_t *word, size_t *n)
{
	char line[1024];
	while (fgets(line, sizeof(line), f)) {
		const char *p = strchr(line, '"');
		if (*line == '#' || !p)
			continue;
		for (*n = 0, p++; p[0] == '\\' && p[1] == 'x'; p += 4) {
			const char hex[3] = {p[2], p[3], 0};
			word[(*n)++] = (uint8_t)strtoul(hex, NULL, 16);
		}
		assert_string_equal(p, "\"\n");
		return true;
	}
	return false;
}

/* Whoever changes bytes finds each op whole among its words, behind others at most. */
static void the_dictionary_has_each_op(void **state)
{
	(void)state;
	uint8_t word[256], again[1024];
	bool there[64] = {false};
	size_t n;
	struct op op;
	FILE *f = fopen("fuzz/ops.dict", "r");
	assert_non_null(f);
	while (next_word(f, word, &n)) {
		size_t whole = 0;
		assert_true(n > 0 && n <= 64); /* libFuzzer leaves longer ones out */
		for (size_t at = 0; at < n;) {
			at += op_program_decode(word + at, n - at, &op);
			whole += op_program_encode(&op, again + whole, sizeof(again) - whole);
			there[op.code & 63] |= at <= n && whole == at && !memcmp(word, again, at);
		}
	}
	fclose(f);
	for (uint8_t code = 0; code < 64; code++)
		if (op_info(code)->text && code != OP_NOP && !there[code])
			fail_msg("%s is no word", op_info(code)->text);
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
		cmocka_unit_test(raw_chains_have_descriptors),
		cmocka_unit_test(stores_go_where_something_lies),
		cmocka_unit_test(data_changes_as_fields_do),
		cmocka_unit_test(rings_and_headers_are_where_stores_go),
		cmocka_unit_test(the_dictionary_has_each_op),
		cmocka_unit_test(splicing_takes_ops_of_both),
		cmocka_unit_test(an_op_without_its_end_is_left_out),
		cmocka_unit_test(trimming_leaves_what_is_needed),
		cmocka_unit_test(makes_what_the_device_has),
		cmocka_unit_test(the_machine_byte_stays_ahead),
		cmocka_unit_test(whole_ops_are_spliced_and_trimmed_behind_the_machine_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
