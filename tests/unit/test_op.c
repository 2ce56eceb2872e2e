// SPDX-License-Identifier: BSD-2-Clause
/* The op codec: trace records and program bytes. Buffers are exactly sized heap blocks, so that ASan sees any
 * over-read. */
#include "trace/op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const uint64_t edges[] = {
	0,           1,
	2,           0x7f,
	0x80,        0xff,
	0x3fff,      0x4000,
	0xffff,      0xffffffff,
	0x100000000, (1ull << 49) - 1,
	1ull << 49,  (1ull << 56) - 1,
	1ull << 56,  (1ull << 63) - 1,
	1ull << 63,  UINT64_MAX,
};
#define NEDGES (sizeof(edges) / sizeof(edges[0]))

static const uint32_t lens[] = {0, 1, 2, 16, 100, 127, 128, 129, 255, 256, 16383, 16384, 70000};
#define NLENS (sizeof(lens) / sizeof(lens[0]))

static uint64_t seed = 1;

static uint64_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void *copy(const void *from, size_t n)
{
	uint8_t *p = malloc(n ? n : 1);

	assert_non_null(p);
	if (n)
		memcpy(p, from, n);
	return p;
}

static bool in_traces(uint8_t code)
{
	return op_info(code)->text && op_info(code)->class != OP_CLASS_DRV;
}

static bool in_programs(uint8_t code)
{
	return op_info(code)->text && op_info(code)->class != OP_CLASS_OUT;
}

static void assert_same(const struct op *a, const struct op *b)
{
	assert_int_equal(a->code, b->code);
	assert_int_equal(a->dev, b->dev);
	assert_memory_equal(a->arg, b->arg, sizeof(a->arg));
	assert_int_equal(a->len, b->len);
	if (a->len)
		assert_memory_equal(a->data, b->data, a->len);
}

/* Encodes, decodes from a block of exactly that size, and checks every way in which there may be too little
 * room. */
static void check_record(const struct op *op)
{
	size_t max = OP_ENCODED_MAX + (size_t)op->len, used = 0, n;
	uint8_t *buf = malloc(max), *exact, *small;
	struct op back;

	n = op_encode(op, buf, max);
	assert_true(n >= 3 && n <= max);
	exact = copy(buf, n);
	assert_int_equal(op_decode(exact, n, &back, &used), OP_DECODED);
	assert_int_equal(used, n);
	assert_same(op, &back);
	small = malloc(n);
	assert_int_equal(op_encode(op, small, n - 1), 0);
	assert_int_equal(op_encode(op, small, n), n);
	assert_memory_equal(small, exact, n);
	free(small);
	free(exact);
	free(buf);
}

static void every_op_with_edge_values(void **state)
{
	uint8_t *bytes = calloc(1, 70000);

	(void)state;
	for (int code = 0; code < 256; code++) {
		const struct op_info *info = op_info((uint8_t)code);
		struct op op = {.code = (uint8_t)code, .data = bytes};

		if (!in_traces((uint8_t)code))
			continue;
		for (int f = 0; f < info->nfields; f++) {
			for (size_t e = 0; e < NEDGES; e++) {
				op.arg[f] = edges[e];
				check_record(&op);
			}
			op.arg[f] = UINT64_MAX; /* and all later rounds with the longest fields before */
		}
		op.dev = OP_DEV_MAX - 1;
		for (size_t l = 0; info->has_data && l < NLENS; l++) {
			op.len = lens[l];
			check_record(&op);
		}
	}
	free(bytes);
}

static void every_prefix_is_truncated(void **state)
{
	uint8_t buf[OP_ENCODED_MAX + 300], data[300] = {1, 2, 3};
	const struct op op = {
		.code = OP_LOAD, .dev = 3, .arg = {2, 0x123456789}, .data = data, .len = sizeof(data)};
	size_t n = op_encode(&op, buf, sizeof(buf)), used;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		uint8_t *part = copy(buf, i);
		struct op back;

		assert_int_equal(op_decode(part, i, &back, &used), OP_TRUNCATED);
		free(part);
	}
}

static enum op_decode decode(const uint8_t *in, size_t n, size_t *used)
{
	uint8_t *exact = copy(in, n);
	struct op op;
	enum op_decode result = op_decode(exact, n, &op, used);

	free(exact);
	return result;
}

#define DECODE(used, ...) decode((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), used)

static void broken_records_are_refused(void **state)
{
	size_t used = 0;

	(void)state;
	assert_int_equal(DECODE(&used, 3, OP_RUN, 0, 1), OP_DECODED);
	assert_int_equal(DECODE(&used, 0), OP_MALFORMED);             /* no code */
	assert_int_equal(DECODE(&used, 1, OP_FLUSHED), OP_MALFORMED); /* no device */
	assert_int_equal(DECODE(&used, 2, OP_RUN, 0), OP_MALFORMED);  /* no field */
	assert_int_equal(DECODE(&used, 2, OP_RUN, 0, 1, 1, 1, 1, 1, 1),
			 OP_MALFORMED);                                          /* field beyond the record */
	assert_int_equal(DECODE(&used, 4, OP_RUN, 0, 1, 0), OP_MALFORMED);       /* a byte too many */
	assert_int_equal(DECODE(&used, 3, OP_KICK, 0, 1), OP_MALFORMED);         /* not in traces */
	assert_int_equal(DECODE(&used, 3, OP_RUN, OP_DEV_MAX, 1), OP_MALFORMED); /* no such device */
	assert_int_equal(DECODE(&used, 5, OP_POKE, 0, 0, 9, 1), OP_MALFORMED);   /* data beyond the record */
	assert_int_equal(DECODE(&used, 5, OP_POKE, 0, 0, 2, 1, 1, 1), OP_MALFORMED);
	assert_int_equal(DECODE(&used, 5, OP_POKE, 0, 0, 0x80, 0x80), OP_MALFORMED); /* length without end */
	/* Ten bytes of which the last says more than bit 63. */
	assert_int_equal(DECODE(&used, 12, OP_CLOCK, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1),
			 OP_DECODED);
	assert_int_equal(DECODE(&used, 12, OP_CLOCK, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2),
			 OP_MALFORMED);
	assert_int_equal(DECODE(&used, 13, OP_CLOCK, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 129, 0),
			 OP_MALFORMED);
	/* A record length of 2^64 - 1. */
	assert_int_equal(DECODE(&used, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0), OP_TRUNCATED);
	assert_int_equal(DECODE(&used, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2, 0), OP_MALFORMED);
	/* Data of 2^32 bytes and more does not fit the struct, nor the record. */
	assert_int_equal(DECODE(&used, 9, OP_POKE, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x10, 1), OP_MALFORMED);
}

static void unknown_records_are_skipped_by_length(void **state)
{
	size_t used = 0;

	(void)state;
	assert_int_equal(DECODE(&used, 5, 0xfe, 0, 1, 2, 3, 3, OP_RUN, 0, 1), OP_UNKNOWN);
	assert_int_equal(used, 6);
	assert_int_equal(DECODE(&used, 2, 0xfe, 77), OP_UNKNOWN);
	assert_int_equal(used, 3);
	assert_int_equal(DECODE(&used, 5, 0xfe, 0, 1, 2), OP_TRUNCATED);
}

static void what_may_not_stand_there_is_not_encoded(void **state)
{
	uint8_t buf[OP_ENCODED_MAX];

	(void)state;
	for (int code = 0; code < 256; code++) {
		const struct op op = {.code = (uint8_t)code};

		assert_int_equal(op_encode(&op, buf, sizeof(buf)) > 0, in_traces((uint8_t)code));
		assert_int_equal(op_program_encode(&op, buf, sizeof(buf)) > 0, in_programs((uint8_t)code));
	}
	const struct op far = {.code = OP_RUN, .dev = OP_DEV_MAX};

	assert_int_equal(op_encode(&far, buf, sizeof(buf)), 0);
}

/* Random bytes may not be read beyond their end, and what decodes must encode to something that decodes
 * alike. */
static void random_records(void **state)
{
	unsigned decoded = 0;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		uint8_t bytes[40];
		size_t n = draw() % sizeof(bytes), used;
		struct op op;

		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)(draw() >> 20);
		if (n > 2) {
			bytes[0] = (uint8_t)(bytes[0] % 44);
			bytes[1] = (uint8_t)(0x20 + bytes[1] % 0x30);
			bytes[2] %= OP_DEV_MAX;
		}
		uint8_t *exact = copy(bytes, n);

		if (op_decode(exact, n, &op, &used) == OP_DECODED) {
			check_record(&op);
			decoded++;
		}
		free(exact);
	}
	assert_true(decoded > 1000); /* or this test says nothing */
}

/* -- programs -- */

/* Decodes a whole program from an exactly sized block; checks bounds and the canonical property op by op. */
static void check_program(const uint8_t *in, size_t n)
{
	uint8_t *exact = copy(in, n), canonical[OP_ENCODED_MAX + OP_PROGRAM_DATA_MAX];

	for (size_t at = 0, used; at < n; at += used) {
		struct op op, back;

		used = op_program_decode(exact + at, n - at, &op);
		assert_true(used > 0 && used <= n - at);
		assert_true(in_programs(op.code));
		assert_true(op.len <= OP_PROGRAM_DATA_MAX && op.dev < OP_PROGRAM_DEV_MAX);
		for (int i = 0; i < op_info(op.code)->nfields; i++)
			assert_true(!op_info(op.code)->field[i].bound ||
				    op.arg[i] < op_info(op.code)->field[i].bound);
		for (int i = op_info(op.code)->nfields; i < OP_ARGS_MAX; i++)
			assert_int_equal(op.arg[i], 0);
		size_t size = op_program_encode(&op, canonical, sizeof(canonical));

		assert_true(size > 0);
		assert_int_equal(op_program_decode(canonical, size, &back), size);
		assert_same(&op, &back);
		assert_int_equal(op_program_encode(&op, canonical, size), size);
		assert_int_equal(op_program_encode(&op, canonical, size - 1), 0);
	}
	free(exact);
}

static void every_short_string_is_a_program(void **state)
{
	struct op op;

	(void)state;
	assert_int_equal(op_program_decode(NULL, 0, &op), 0);
	assert_int_equal(op.code, OP_NOP);
	for (unsigned a = 0; a < 256; a++) {
		check_program((uint8_t[]){(uint8_t)a}, 1);
		for (unsigned b = 0; b < 256; b++)
			check_program((uint8_t[]){(uint8_t)a, (uint8_t)b}, 2);
	}
}

static void every_random_string_is_a_program(void **state)
{
	(void)state;
	for (int round = 0; round < 50000; round++) {
		uint8_t bytes[300];
		size_t n = draw() % sizeof(bytes);

		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)(draw() >> 20);
		check_program(bytes, n);
	}
}

static void every_program_op_with_edge_values(void **state)
{
	uint8_t buf[OP_ENCODED_MAX + OP_PROGRAM_DATA_MAX], data[300];

	(void)state;
	memset(data, 0xa5, sizeof(data));
	for (int code = 0; code < 0x40; code++) {
		const struct op_info *info = op_info((uint8_t)code);
		struct op op = {.code = (uint8_t)code, .dev = 2}, back;

		for (size_t e = 0; info->text && e < NEDGES; e++) {
			for (int f = 0; f < info->nfields; f++)
				op.arg[f] = edges[e];
			op.data = info->has_data ? data : NULL;
			op.len = info->has_data ? lens[e % NLENS] % 300 : 0;
			size_t n = op_program_encode(&op, buf, sizeof(buf));

			assert_int_equal(op_program_decode(buf, n, &back), n);
			assert_int_equal(back.code, code);
			assert_int_equal(back.len, op.len > 255 ? 255 : op.len);
			for (int f = 0; f < info->nfields; f++) {
				uint64_t bound = info->field[f].bound;

				assert_int_equal(back.arg[f], bound ? op.arg[f] % bound : op.arg[f]);
			}
		}
	}
}

static void exhausted_input_reads_as_zero(void **state)
{
	struct op op;

	(void)state;
	assert_int_equal(op_program_decode((uint8_t[]){0x40 | OP_POST, 3}, 2, &op), 2);
	assert_int_equal(op.code, OP_POST);
	assert_int_equal(op.dev, 1);
	assert_int_equal(op.arg[0], 3);
	assert_int_equal(op.arg[1], 0);
	/* A value that is cut off keeps the bits that are there. */
	assert_int_equal(op_program_decode((uint8_t[]){OP_NEGOTIATE, 0x85}, 2, &op), 2);
	assert_int_equal(op.arg[0], 5);
	/* Data is what is there of it. */
	assert_int_equal(op_program_decode((uint8_t[]){OP_POKE, 1, 200, 7, 8}, 5, &op), 5);
	assert_int_equal(op.len, 2);
	assert_int_equal(op.data[1], 8);
	/* Bits above 64 fall away: ten bytes at the most are one value. */
	assert_int_equal(op_program_decode((uint8_t[]){OP_NEGOTIATE, 255, 255, 255, 255, 255, 255, 255, 255,
						       255, 255, 9},
					   12, &op),
			 11);
	assert_int_equal(op.arg[0], UINT64_MAX);
}

static void an_unassigned_code_does_nothing(void **state)
{
	struct op op;

	(void)state;
	for (int code = 0; code < 0x40; code++) {
		uint8_t bytes[] = {(uint8_t)(0xc0 | code), 1, 1};

		if (op_info((uint8_t)code)->text)
			continue;
		assert_int_equal(op_program_decode(bytes, 3, &op), 1);
		assert_int_equal(op.code, OP_NOP);
		assert_int_equal(op.dev, 3);
	}
}

/* Codes and layouts are append-only: these bytes must mean this for good. */
static void bytes_are_frozen(void **state)
{
	static const uint8_t record[] = {6, 0x20, 1, 0x70, 4, 0x8b, 0x01};
	static const uint8_t program[] = {0x40, 2, 1, 0x80, 0x02, 0x80, 0x20, 7};
	static const struct op write = {.code = OP_WRITE, .dev = 1, .arg = {0x70, 4, 0x8b}};
	static const struct op post = {.code = OP_POST, .dev = 1, .arg = {2, 1, 256, 4096, 7}};
	uint8_t buf[OP_ENCODED_MAX];

	(void)state;
	assert_int_equal(op_encode(&write, buf, sizeof(buf)), sizeof(record));
	assert_memory_equal(buf, record, sizeof(record));
	assert_int_equal(op_program_encode(&post, buf, sizeof(buf)), sizeof(program));
	assert_memory_equal(buf, program, sizeof(program));
}

static void the_table_is_sound(void **state)
{
	(void)state;
	for (int a = 0; a < 256; a++) {
		const struct op_info *info = op_info((uint8_t)a);

		assert_non_null(info);
		assert_true(info->nfields <= OP_ARGS_MAX);
		assert_true(!info->text || a < 0x40 || info->class == OP_CLASS_OUT);
		assert_true(!info->text || a >= 0x40 || info->class != OP_CLASS_OUT);
		for (int i = 0; i < info->nfields; i++)
			assert_non_null(info->field[i].name);
		for (int b = 0; info->text && b < a; b++)
			assert_true(!op_info((uint8_t)b)->text ||
				    strcmp(info->text, op_info((uint8_t)b)->text));
	}
	assert_int_equal(op_info(OP_QUEUE)->field[0].format, OP_QUEUE_NR);
	assert_int_equal(op_info(OP_SUBMIT)->nfields, 6);
	assert_int_equal(op_info(OP_NOP)->nfields, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_sound),
		cmocka_unit_test(every_op_with_edge_values),
		cmocka_unit_test(every_prefix_is_truncated),
		cmocka_unit_test(broken_records_are_refused),
		cmocka_unit_test(unknown_records_are_skipped_by_length),
		cmocka_unit_test(what_may_not_stand_there_is_not_encoded),
		cmocka_unit_test(random_records),
		cmocka_unit_test(every_short_string_is_a_program),
		cmocka_unit_test(every_random_string_is_a_program),
		cmocka_unit_test(every_program_op_with_edge_values),
		cmocka_unit_test(exhausted_input_reads_as_zero),
		cmocka_unit_test(an_unassigned_code_does_nothing),
		cmocka_unit_test(bytes_are_frozen),
	};

	return cmocka_run_group_tests_name("op", tests, NULL, NULL);
}
