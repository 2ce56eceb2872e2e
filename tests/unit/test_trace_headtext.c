// SPDX-License-Identifier: BSD-2-Clause
/* Head lines of the text form: every head comes back, mistakes are told with a column. */
#include "trace/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char *parse_head(struct trace_text *t, const char *line, bool *taken, size_t *at)
{
	size_t n = strlen(line);
	char *exact = malloc(n ? n : 1);
	const char *wrong;

	if (n)
		memcpy(exact, line, n);
	wrong = trace_parse_head(exact, n, t, taken, at);
	free(exact);
	return wrong;
}

static void check_head(const struct trace_head *h)
{
	static struct trace_text t;
	char line[TRACE_TEXT_LINE_MAX];
	size_t at, n;
	uint32_t i = 0;
	bool taken;

	memset(&t, 0, sizeof(t));
	for (; (n = trace_print_head(h, i, i % 2, line, sizeof(line))); i++) {
		assert_int_equal(strlen(line), n);
		assert_null(parse_head(&t, line, &taken, &at));
		assert_true(taken);
	}
	assert_int_equal(i, 1 + h->nregions + h->ndevices);
	assert_true(t.trace);
	assert_memory_equal(&t.head, h, sizeof(*h));
}

static void every_head_comes_back(void **state)
{
	static struct trace_head h;

	(void)state;
	check_head(&h);
	for (unsigned i = 1; i < sizeof(h.build); i++)
		h.build[i - 1] = (char)(i * 4 + 2); /* quotes, blanks, backslashes and what is no ASCII */
	memcpy(h.build, "a \"b\" \\ # =", 11);
	h.payload = TRACE_PAYLOAD_FULL;
	h.nregions = VMEM_REGIONS_MAX;
	h.region[0].len = h.region[7].gpa = UINT64_MAX;
	h.ndevices = OP_DEV_MAX;
	for (int i = 0; i < OP_DEV_MAX; i++) {
		struct trace_device *d = &h.device[i];

		d->id = (uint16_t[]){1, 2, 3, 4, 7, 0, UINT16_MAX}[i % 7];
		d->transport = i % 2 ? UINT16_MAX : 0;
		d->features = i ? UINT64_MAX : 0;
		d->nqueues = (uint16_t)(i % (TRACE_QUEUES_MAX + 1));
		memset(d->queue_size_max, 0xff, sizeof(uint16_t) * d->nqueues);
		d->config_len = (uint16_t)(i * TRACE_CONFIG_MAX / (OP_DEV_MAX - 1));
		memset(d->config, 0xc0 + i, d->config_len);
		d->ident_len = (uint8_t)(i * 17);
		memset(d->ident, i, d->ident_len);
	}
	check_head(&h);
}

static void a_head_line_as_it_is_printed(void **state)
{
	static struct trace_head h = {.build = "r 1", .ndevices = 1};
	char line[TRACE_TEXT_LINE_MAX];

	(void)state;
	h.device[0] = (struct trace_device){.id = 2,
					    .features = 1ull << 32 | 1 << 9 | 1,
					    .nqueues = 2,
					    .queue_size_max = {256, 8},
					    .config_len = 2,
					    .config = {1, 2},
					    .ident_len = 1,
					    .ident = {0xff}};
	assert_true(trace_print_head(&h, 0, true, line, sizeof(line)));
	assert_string_equal(line, "trace version=1 payload=hash build=\"r 1\"");
	h.restored = true;
	assert_true(trace_print_head(&h, 0, true, line, sizeof(line)));
	assert_string_equal(line, "trace version=2 payload=hash build=\"r 1\"");
	assert_true(trace_print_head(&h, 1, true, line, sizeof(line)));
	assert_string_equal(
		line,
		"device blk0 id=2 transport=mmio features=0x100000201 queues=256,8 config=0102 ident=ff "
		"# 0|FLUSH|VERSION_1");
	assert_int_equal(trace_print_head(&h, 2, true, line, sizeof(line)), 0);
	assert_true(trace_print_end(TRACE_END_LIMIT, line, sizeof(line)));
	assert_string_equal(line, "end limit");
}

static void what_a_device_line_gives(void **state)
{
	static struct trace_text t;
	size_t at;
	bool taken;

	(void)state;
	assert_null(parse_head(&t, "device rng0", &taken, &at));
	assert_null(parse_head(&t, "device blk1 queues=8,16 features=0x5 # mq", &taken, &at));
	assert_null(parse_head(&t, "device dev2 id=77 config= ident=", &taken, &at));
	assert_int_equal(t.head.ndevices, 3);
	assert_int_equal(t.head.device[0].id, 4);
	assert_int_equal(t.given[0], 0);
	assert_int_equal(t.given[1], TRACE_GIVEN_QUEUES | TRACE_GIVEN_FEATURES);
	assert_int_equal(t.head.device[1].nqueues, 2);
	assert_int_equal(t.head.device[1].queue_size_max[1], 16);
	assert_int_equal(t.given[2], TRACE_GIVEN_CONFIG | TRACE_GIVEN_IDENT);
	assert_int_equal(t.head.device[2].id, 77);
	assert_false(t.trace);
	assert_null(parse_head(&t, "blk1 kick", &taken, &at));
	assert_false(taken);
	assert_null(parse_head(&t, " # end", &taken, &at));
	assert_false(taken);
}

static void mistakes_in_heads_are_told(void **state)
{
	static const struct {
		const char *first, *line, *wrong;
		size_t at;
	} cases[] = {
		{"", "trace version=3", "another version of the trace format", 7},
		{"", "trace version=0", "another version of the trace format", 7},
		{"", "trace version=1 payload=some", "no such name for this field", 17},
		{"", "trace version=1 payload=2", "expected hash or full", 17},
		{"", "trace build=x", "expected a text in double quotes", 7},
		{"", "trace build=\"\\n\"", "broken text: only \\xNN stands behind a backslash", 7},
		{"", "trace build=\"\\x00\"", "broken text: only \\xNN stands behind a backslash", 7},
		{"", "trace build=\"a\"b\"", "broken text: only \\xNN stands behind a backslash", 7},
		{"", "trace size=1", "no such field on this line", 7},
		{"trace", "trace", "the trace line must be the first", 1},
		{"device blk0", "trace", "the trace line must be the first", 1},
		{"", "ram gpa=0 len=1", "only a trace has ram lines: put its trace line first", 1},
		{"trace", "ram gpa=0 len=x", "expected a number, decimal or 0x...", 11},
		{"", "end done", "only a trace has an end line", 1},
		{"trace", "end", "expected done, limit or error", 4},
		{"trace", "end killed", "expected done, limit or error", 5},
		{"", "device", "expected a device such as blk0", 7},
		{"", "device blk1", "devices are numbered from 0, in order", 8},
		{"device blk0", "device blk0", "devices are numbered from 0, in order", 8},
		{"", "device blk0 id=4", "the device's name says another type", 13},
		{"", "device blk0 id=65536", "number too large here", 13},
		{"", "device blk0 queues=1,", "expected a queue size behind the comma", 13},
		{"", "device blk0 queues=1,,2", "expected a number, decimal or 0x...", 13},
		{"", "device blk0 queues=65536", "number too large here", 13},
		{"", "device blk0 queues=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "too many queues", 13},
		{"", "device blk0 config=0", "odd number of hex digits", 13},
		{"", "device blk0 transport=pci", "no such name for this field", 13},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct trace_text t;
		const char *wrong;
		size_t at;
		bool taken;

		memset(&t, 0, sizeof(t));
		assert_null(parse_head(&t, cases[i].first, &taken, &at));
		wrong = parse_head(&t, cases[i].line, &taken, &at);
		if (!wrong || strcmp(wrong, cases[i].wrong) || at != cases[i].at)
			fail_msg("'%s': %s at %zu, expected %s at %zu", cases[i].line, wrong, at,
				 cases[i].wrong, cases[i].at);
	}
}

static void head_counts_are_bounded(void **state)
{
	static struct trace_text t;
	char line[600];
	size_t at;
	bool taken;

	(void)state;
	assert_null(parse_head(&t, "trace", &taken, &at));
	for (int i = 0; i < VMEM_REGIONS_MAX; i++)
		assert_null(parse_head(&t, "ram gpa=1 len=2", &taken, &at));
	assert_string_equal(parse_head(&t, "ram gpa=1 len=2", &taken, &at), "too many ram lines");
	for (int i = 0; i < OP_DEV_MAX; i++) {
		snprintf(line, sizeof(line), "device blk%d", i);
		assert_null(parse_head(&t, line, &taken, &at));
	}
	assert_string_equal(parse_head(&t, "device blk16", &taken, &at), "too many devices");
	memset(&t, 0, sizeof(t));
	memset(line, 0, sizeof(line));
	strcpy(line, "device blk0 config=");
	memset(line + strlen(line), '0', 2 * TRACE_CONFIG_MAX + 2);
	assert_string_equal(parse_head(&t, line, &taken, &at), "too many bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_head_comes_back),    cmocka_unit_test(a_head_line_as_it_is_printed),
		cmocka_unit_test(what_a_device_line_gives), cmocka_unit_test(mistakes_in_heads_are_told),
		cmocka_unit_test(head_counts_are_bounded),
	};

	return cmocka_run_group_tests_name("trace_headtext", tests, NULL, NULL);
}
