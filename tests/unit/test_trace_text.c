// SPDX-License-Identifier: BSD-2-Clause
/* The text form of ops: each comes back from its text, meanings and mistakes are told. */
#include "host.h"
#include "trace/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const uint16_t ids[OP_DEV_MAX] = {2, 4, 2, 99, 3};
#define NDEVICES 5

static uint64_t seed = 7;

static uint64_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static const char *parse(const char *line, struct op *op, size_t *at)
{
	static uint8_t data[600];
	size_t n = strlen(line);
	char *exact = malloc(n ? n : 1); /* without its NUL: a line is n bytes long */
	const char *wrong;
	bool blank;

	if (n)
		memcpy(exact, line, n);
	wrong = op_parse(exact, n, ids, NDEVICES, op, data, sizeof(data), &blank, at);
	assert_true(wrong || blank == (op->code == OP_NOP && (!*line || strchr(" \t#", *line))));
	free(exact);
	return wrong;
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

static void check_op(const struct op *op)
{
	char line[OP_TEXT_MAX(600)];
	struct op back;
	size_t at;

	for (int comment = 0; comment < 2; comment++) {
		size_t n = op_print(op, ids, comment, line, OP_TEXT_MAX(op->len));

		assert_true(n > 0);
		assert_int_equal(strlen(line), n);
		assert_true(line[n - 1] != ' ' && !strchr(line, '\n'));
		assert_null(parse(line, &back, &at));
		assert_same(op, &back);
	}
}

static void every_op_comes_back(void **state)
{
	static uint8_t data[600];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)draw();
	for (int code = 0; code < 256; code++) {
		const struct op_info *info = op_info((uint8_t)code);

		for (unsigned round = 0; info->text && round < 200; round++) {
			struct op op = {.code = (uint8_t)code, .dev = (uint8_t)(round % NDEVICES)};

			for (int f = 0; f < info->nfields; f++)
				op.arg[f] = round < 32    ? round
					    : round == 32 ? UINT64_MAX
							  : draw() >> draw() % 64;
			op.len = info->has_data && round % 7 ? (uint32_t)(draw() % sizeof(data)) : 0;
			op.data = op.len ? data : NULL;
			check_op(&op);
		}
	}
}

static void a_small_buffer_is_never_overrun(void **state)
{
	uint8_t data[16] = {1};
	const struct op op = {.code = OP_LOAD, .arg = {2, 0x1000}, .data = data, .len = 16};
	char whole[OP_TEXT_MAX(16)];
	size_t n = op_print(&op, ids, true, whole, sizeof(whole));

	(void)state;
	for (size_t max = 0; max <= n + 1; max++) {
		char *exact = malloc(max ? max : 1);

		assert_int_equal(op_print(&op, ids, true, exact, max), max > n ? n : 0);
		free(exact);
	}
}

/* One line as show prints it, without its comment's padding. */
static void assert_text(const struct op *op, const char *want, const char *comment)
{
	char line[OP_TEXT_MAX(600)], plain[OP_TEXT_MAX(600)];

	assert_true(op_print(op, ids, false, plain, sizeof(plain)));
	assert_string_equal(plain, want);
	assert_true(op_print(op, ids, true, line, sizeof(line)));
	assert_memory_equal(line, want, strlen(want));
	const char *hash = strstr(line, "# ");

	assert_string_equal(hash ? hash + 2 : "", comment);
}

#define BYTES(...) .data = (const uint8_t[]){__VA_ARGS__}, .len = sizeof((const uint8_t[]){__VA_ARGS__})

static void registers_are_named(void **state)
{
	(void)state;
	assert_text(&(struct op){.code = OP_WRITE, .arg = {0x70, 4, 0xb}},
		    "blk0 write reg=0x070 size=4 value=0xb", "Status ACKNOWLEDGE|DRIVER|FEATURES_OK");
	assert_text(&(struct op){.code = OP_WRITE, .arg = {0x70, 4, 0}},
		    "blk0 write reg=0x070 size=4 value=0x0", "Status reset");
	assert_text(&(struct op){.code = OP_READ, .arg = {0x70, 4, 0x30}},
		    "blk0 read reg=0x070 size=4 value=0x30", "Status 0x30");
	assert_text(&(struct op){.code = OP_READ, .dev = 1, .arg = {8, 4, 4}},
		    "rng1 read reg=0x008 size=4 value=0x4", "DeviceID rng");
	assert_text(&(struct op){.code = OP_WRITE, .arg = {0x64, 4, 3}},
		    "blk0 write reg=0x064 size=4 value=0x3", "InterruptACK USED|CONFIG");
	assert_text(&(struct op){.code = OP_READ, .arg = {0x100, 4, 0}},
		    "blk0 read reg=0x100 size=4 value=0x0", "Config capacity");
	assert_text(&(struct op){.code = OP_READ, .arg = {0x101, 1, 0}},
		    "blk0 read reg=0x101 size=1 value=0x0", "Config 0x1");
	assert_text(&(struct op){.code = OP_READ, .dev = 1, .arg = {0x100, 4, 0}},
		    "rng1 read reg=0x100 size=4 value=0x0", "Config 0x0");
	assert_text(&(struct op){.code = OP_READ, .arg = {0xf00, 4, 0}},
		    "blk0 read reg=0xf00 size=4 value=0x0", "Config 0xe00");
	assert_text(&(struct op){.code = OP_READ, .arg = {0xc, 4, 0}}, "blk0 read reg=0x00c size=4 value=0x0",
		    "VendorID");
	assert_text(&(struct op){.code = OP_READ, .arg = {0xe, 2, 0}}, "blk0 read reg=0x00e size=2 value=0x0",
		    "no such register");
}

static void rings_are_decoded(void **state)
{
	(void)state;
	assert_text(&(struct op){.code = OP_LOAD,
				 .arg = {VMEM_DESC, 0x40},
				 BYTES(0, 0x10, 0, 0, 1, 0, 0, 0, 16, 0, 0, 0, 3, 0, 5, 0)},
		    "blk0 load for=desc gpa=0x40 data=00100000010000001000000003000500",
		    "addr=0x100001000 len=16 NEXT|WRITE next=5");
	assert_text(&(struct op){.code = OP_LOAD, .arg = {VMEM_AVAIL_IDX, 2}, BYTES(0xff, 0xff)},
		    "blk0 load for=avail_idx gpa=0x2 data=ffff", "idx=65535");
	assert_text(&(struct op){.code = OP_LOAD, .arg = {VMEM_AVAIL_ENTRY, 4}, BYTES(7, 1)},
		    "blk0 load for=avail_entry gpa=0x4 data=0701", "head=263");
	assert_text(
		&(struct op){.code = OP_STORE, .arg = {VMEM_USED_ENTRY, 4}, BYTES(7, 0, 0, 0, 1, 2, 0, 0)},
		"blk0 store for=used_entry gpa=0x4 data=0700000001020000", "id=7 len=513");
	assert_text(&(struct op){.code = OP_IRQ, .arg = {0xffff}}, "blk0 irq source=0xffff",
		    "configuration change");
	assert_text(&(struct op){.code = OP_IRQ, .arg = {1}}, "blk0 irq source=0x1", "used buffers, queue 1");
	assert_text(&(struct op){.code = OP_NEGOTIATE, .arg = {1ull << 28 | 1ull << 9 | 1ull << 60}},
		    "blk0 negotiate without=0x1000000010000200", "FLUSH|INDIRECT_DESC|60");
	assert_text(&(struct op){.code = OP_OFFER, .arg = {1ull << 34 | 1ull << 40}},
		    "blk0 offer features=0x10400000000", "RING_PACKED|RING_RESET");
	assert_text(&(struct op){.code = OP_PIN, .arg = {1, 16, 512}},
		    "blk0 pin kind=store gpa=0x10 len=512 granted=0 hash=0x0", "not now");
}

static void packed_rings_are_known(void **state)
{
	(void)state;
	assert_text(&(struct op){.code = OP_LOAD,
				 .arg = {VMEM_DESC, 0x40},
				 BYTES(0, 0x10, 0, 0, 1, 0, 0, 0, 16, 0, 0, 0, 3, 0)},
		    "blk0 load for=desc gpa=0x40 data=0010000001000000100000000300",
		    "addr=0x100001000 len=16 id=3");
	assert_text(&(struct op){.code = OP_LOAD,
				 .arg = {VMEM_INDIRECT, 0x41},
				 BYTES(0, 0x10, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 2, 0)},
		    "blk0 load for=indirect gpa=0x41 data=00100000000000001000000000000200",
		    "addr=0x1000 len=16 WRITE id=0");
	assert_text(&(struct op){.code = OP_LOAD, .arg = {VMEM_AVAIL_IDX, 0x1e}, BYTES(0x81, 0)},
		    "blk0 load for=avail_idx gpa=0x1e data=8100", "NEXT|AVAIL");
	assert_text(&(struct op){.code = OP_STORE, .arg = {VMEM_USED_IDX, 0x1e}, BYTES(0x82, 0x80)},
		    "blk0 store for=used_idx gpa=0x1e data=8280", "WRITE|AVAIL|USED");
	assert_text(&(struct op){.code = OP_STORE, .arg = {VMEM_USED_ENTRY, 0x18}, BYTES(1, 2, 0, 0, 7, 0)},
		    "blk0 store for=used_entry gpa=0x18 data=010200000700", "len=513 id=7");
	assert_text(&(struct op){.code = OP_STORE,
				 .arg = {VMEM_USED_ENTRY, 0x28},
				 BYTES(1, 2, 0, 0, 7, 0, 0x82, 0x80)},
		    "blk0 store for=used_entry gpa=0x28 data=0102000007008280",
		    "len=513 id=7 WRITE|AVAIL|USED");
}

static void requests_are_decoded(void **state)
{
	(void)state;
	assert_text(&(struct op){.code = OP_LOAD,
				 .arg = {VMEM_HEADER, 0},
				 BYTES(1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0)},
		    "blk0 load for=header gpa=0x0 data=01000000000000000900000000000000", "OUT sector=9");
	assert_text(&(struct op){.code = OP_LOAD,
				 .arg = {VMEM_HEADER, 0},
				 BYTES(0, 8, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0)},
		    "blk0 load for=header gpa=0x0 data=00080000000000000900000001000000",
		    "range sector=2048 sectors=9 unmap, or request type 2048");
	/* Another device's header means nothing to us. */
	assert_text(&(struct op){.code = OP_LOAD,
				 .dev = 1,
				 .arg = {VMEM_HEADER, 0},
				 BYTES(1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0)},
		    "rng1 load for=header gpa=0x0 data=01000000000000000900000000000000", "");
	assert_text(&(struct op){.code = OP_STORE, .arg = {VMEM_STATUS, 1}, BYTES(1)},
		    "blk0 store for=status gpa=0x1 data=01", "IOERR");
	assert_text(&(struct op){.code = OP_SUBMIT, .arg = {1, 1, 8, 512, 1, 1}},
		    "blk0 submit id=1 type=write sector=8 len=512 flags=0x1 spans=1", "write-through");
	assert_text(&(struct op){.code = OP_POST, .arg = {1, 1, 8, 512, 1}},
		    "blk0 post queue=1 type=out sector=8 len=512 shape=0x1", "");
	assert_text(&(struct op){.code = OP_POST, .arg = {1, 7}},
		    "blk0 post queue=1 type=7 sector=0 len=0 shape=0x0", "");
	assert_text(&(struct op){.code = OP_POST, .dev = 1, .arg = {1, 1}},
		    "rng1 post queue=1 type=1 sector=0 len=0 shape=0x0", "");
	assert_text(&(struct op){.code = OP_DONE, .arg = {1, 1, 0, 1}},
		    "blk0 done id=1 result=1 bytes=0 nested=1", "I/O error");
	assert_text(&(struct op){.code = OP_OFFENCE, .dev = 3, .arg = {OFFENCE_CHAIN_LOOP}},
		    "dev3 offence offence=chain-loop",
		    "chain with more descriptors than its table has: a loop (drv.split.desc.1)");
	assert_text(&(struct op){.code = OP_OFFENCE, .arg = {9999}}, "blk0 offence offence=9999", "");
}

static void consoles_are_decoded(void **state)
{
	(void)state;
	assert_text(
		&(struct op){
			.code = OP_LOAD, .dev = 4, .arg = {VMEM_HEADER, 0}, BYTES(1, 0, 0, 0, 3, 0, 1, 0)},
		"console4 load for=header gpa=0x0 data=0100000003000100", "PORT_READY port=1 value=1");
	assert_text(&(struct op){.code = OP_STORE,
				 .dev = 4,
				 .arg = {VMEM_PAYLOAD, 0},
				 BYTES(0, 0, 0, 0, 5, 0, 0, 0, 80, 0, 25, 0)},
		    "console4 store for=payload gpa=0x0 data=000000000500000050001900",
		    "RESIZE port=0 value=0 80,25");
	assert_text(&(struct op){.code = OP_STORE,
				 .dev = 4,
				 .arg = {VMEM_PAYLOAD, 0},
				 BYTES(1, 0, 0, 0, 7, 0, 0, 0, 'l', '"', 0xc3)},
		    "console4 store for=payload gpa=0x0 data=01000000070000006c22c3",
		    "PORT_NAME port=1 value=0 \"l..\"");
	assert_text(
		&(struct op){
			.code = OP_LOAD, .dev = 4, .arg = {VMEM_HEADER, 0}, BYTES(1, 0, 0, 0, 9, 0, 1, 0)},
		"console4 load for=header gpa=0x0 data=0100000009000100", "unknown event port=1 value=1");
	assert_text(&(struct op){.code = OP_LOAD, .dev = 4, .arg = {VMEM_HEADER, 0}, BYTES(1, 0, 0, 0)},
		    "console4 load for=header gpa=0x0 data=01000000", ""); /* half of one */
	assert_text(&(struct op){.code = OP_SUBMIT, .dev = 4, .arg = {3, 1, 2, 40, 0, 1}},
		    "console4 submit id=3 type=rx sector=2 len=40 flags=0x0 spans=1", "port 2");
	assert_text(&(struct op){.code = OP_PORT, .dev = 4, .arg = {2, 1, 3}, BYTES('l', 'o', 'g')},
		    "console4 port port=2 what=1 flags=0x3 data=6c6f67", "added, a terminal, open, \"log\"");
	assert_text(&(struct op){.code = OP_PORT, .dev = 4, .arg = {2, 0}},
		    "console4 port port=2 what=0 flags=0x0", "removed");
	assert_text(&(struct op){.code = OP_EMERGENCY, .dev = 4, .arg = {'x'}},
		    "console4 emergency byte=0x78", "\"x\"");
	assert_text(
		&(struct op){.code = OP_VIOLATION, .dev = 4, .arg = {3}, BYTES('a', 0, 'b', 0, 0xc3, 'c')},
		"console4 violation step=3 data=61006200c363", "a b .c");
	assert_text(&(struct op){.code = OP_VIOLATION, .dev = 4, .arg = {3}, BYTES('a', 0, 0, 'c')},
		    "console4 violation step=3 data=61000063", "a c");
	assert_text(&(struct op){.code = OP_READ, .dev = 4, .arg = {0x104, 4, 3}},
		    "console4 read reg=0x104 size=4 value=0x3", "Config max_nr_ports");
	assert_text(&(struct op){.code = OP_NEGOTIATE, .dev = 4, .arg = {7}},
		    "console4 negotiate without=0x7", "SIZE|MULTIPORT|EMERG_WRITE");
}

static void fields_in_any_order_and_left_out(void **state)
{
	struct op op;
	size_t at;

	(void)state;
	assert_null(parse("  blk2\twrite  value=0x10 reg=112#no comment", &op, &at)
			    ? NULL
			    : "x"); /* '#' inside a word is no comment */
	assert_null(parse("  blk2\twrite  value=0x10 reg=112 # comment reg=1", &op, &at));
	assert_int_equal(op.code, OP_WRITE);
	assert_int_equal(op.dev, 2);
	assert_int_equal(op.arg[0], 0x70);
	assert_int_equal(op.arg[1], 0);
	assert_int_equal(op.arg[2], 16);
	assert_null(parse("dev3 poke data=0Aff gpa=0xFFFFFFFFFFFFFFFF\r", &op, &at));
	assert_int_equal(op.arg[0], UINT64_MAX);
	assert_int_equal(op.len, 2);
	assert_memory_equal(op.data, "\x0a\xff", 2);
	assert_null(parse("blk0 load for=3", &op, &at)); /* a number where there is a word */
	assert_int_equal(op.arg[0], VMEM_INDIRECT);
	assert_null(parse("", &op, &at));
	assert_null(parse("  # blk0 nonsense", &op, &at));
	assert_null(parse("\t", &op, &at));
}

static void mistakes_are_told_with_their_column(void **state)
{
	static const struct {
		const char *line, *wrong;
		size_t at;
	} cases[] = {
		{"blk write", "expected a device such as blk0", 1},
		{" 0 write", "expected a device such as blk0", 2},
		{"blk0x write", "expected a device such as blk0", 1},
		{"disk0 write", "no such device type", 1},
		{"blk5 write", "no device of this number was declared", 1},
		{"blk99999999999999999999 write", "expected a device such as blk0", 1},
		{"rng0 write", "the device of this number is of another type", 1},
		{"blk3 write", "the device of this number is of another type", 1},
		{"dev0 write", "the device of this number is of another type", 1},
		{"blk0", "expected an op behind the device", 5},
		{"blk0 # write", "expected an op behind the device", 6},
		{"blk0 writ", "no such op", 6},
		{"blk0 writes", "no such op", 6},
		{"blk0 write reg", "expected field=value", 12},
		{"blk0 write =1", "expected field=value", 12},
		{"blk0 write register=1", "this op has no such field", 12},
		{"blk0 write data=00", "this op has no such field", 12},
		{"blk0 write reg=1 reg=1", "field given twice", 18},
		{"blk0 write reg=", "expected a number, decimal or 0x...", 16},
		{"blk0 write reg=0x", "expected a number, decimal or 0x...", 16},
		{"blk0 write reg=-1", "expected a number, decimal or 0x...", 16},
		{"blk0 write reg=1f", "expected a number, decimal or 0x...", 16},
		{"blk0 write reg=0x1g", "expected a number, decimal or 0x...", 16},
		{"blk0 write reg=Status", "expected a number, decimal or 0x...", 16},
		{"blk0 write reg=18446744073709551616", "number of more than 64 bits", 16},
		{"blk0 write reg=0x10000000000000000", "number of more than 64 bits", 16},
		{"blk0 load for=descriptor", "no such name for this field", 15},
		{"blk0 load for=", "no such name for this field", 15},
		{"blk0 poke gpa=1 data=0", "odd number of hex digits", 22},
		{"blk0 poke gpa=1 data=0x", "expected bytes as hex digits, without 0x", 22},
	};
	struct op op;
	size_t at;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *wrong = parse(cases[i].line, &op, &at);

		if (!wrong || strcmp(wrong, cases[i].wrong) || at != cases[i].at)
			fail_msg("'%s': %s at %zu, expected %s at %zu", cases[i].line, wrong, at,
				 cases[i].wrong, cases[i].at);
	}
}

static void too_much_data_is_refused(void **state)
{
	char line[2000] = "blk0 poke data=";
	struct op op;
	size_t at;

	(void)state;
	memset(line + strlen(line), 'a', 1200);
	assert_null(parse(line, &op, &at));
	assert_int_equal(op.len, 600);
	strcat(line, "aa");
	assert_string_equal(parse(line, &op, &at), "too many bytes");
}

static void bounds_of_programs(void **state)
{
	struct op op = {.code = OP_POST, .arg = {7, 7, 65535, 65535, 65535}};

	(void)state;
	assert_int_equal(op_beyond(&op), -1);
	op.arg[3] = 65536;
	assert_int_equal(op_beyond(&op), 3);
	op = (struct op){.code = OP_NEGOTIATE, .arg = {UINT64_MAX}};
	assert_int_equal(op_beyond(&op), -1);
}

/* Any bytes at all: an answer, and nothing read or written beyond. */
static void random_lines(void **state)
{
	static const char *const words[] = {"blk0",    "rng1",   "write",   "device", "trace",
					    "ram",     "end",    "load",    "poke",   "data=",
					    "reg=",    "for=",   "desc",    "=",      "\"",
					    "\\x",     "#",      ",",       "0x",     "18446744073709551615",
					    "queues=", "build=", "config=", "ident=", " ",
					    "\t",      "ff",     "id="};
	struct op op;
	size_t at;
	bool taken;

	(void)state;
	for (int round = 0; round < 100000; round++) {
		static struct trace_text t;
		char line[200] = "";

		for (uint64_t n = draw() % 9; n; n--) {
			strcat(line, words[draw() % (sizeof(words) / sizeof(words[0]))]);
			if (draw() % 3)
				strcat(line, draw() % 20 ? " " : (char[]){(char)(draw() % 255 + 1), 0});
		}
		parse(line, &op, &at);
		if (round % 8 == 0)
			memset(&t, 0, sizeof(t));
		trace_parse_head(line, strlen(line), &t, &taken, &at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_op_comes_back),
		cmocka_unit_test(a_small_buffer_is_never_overrun),
		cmocka_unit_test(registers_are_named),
		cmocka_unit_test(rings_are_decoded),
		cmocka_unit_test(packed_rings_are_known),
		cmocka_unit_test(requests_are_decoded),
		cmocka_unit_test(consoles_are_decoded),
		cmocka_unit_test(fields_in_any_order_and_left_out),
		cmocka_unit_test(mistakes_are_told_with_their_column),
		cmocka_unit_test(too_much_data_is_refused),
		cmocka_unit_test(bounds_of_programs),
		cmocka_unit_test(random_lines),
	};

	return cmocka_run_group_tests_name("trace_text", tests, NULL, NULL);
}
