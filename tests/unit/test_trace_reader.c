// SPDX-License-Identifier: BSD-2-Clause
/* Whole trace files: what was written is read, every damaged byte is noticed, every cut leaves a prefix. */
#include "textfile.h"
#include "tracefile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char path[] = "/tmp/ringside-test-XXXXXX";
static uint8_t file[4096];
static size_t file_len;

static void save(const uint8_t *bytes, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static size_t load(uint8_t *out, size_t max)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	assert_non_null(f);
	n = fread(out, 1, max, f);
	fclose(f);
	assert_true(n < max);
	return n;
}

static int create_path(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

static const struct trace_head head = {.build = "test",
				       .nregions = 1,
				       .region = {{0, 4096}},
				       .ndevices = 2,
				       .device = {{.id = 2}, {.id = 4}}};

static struct op nth_op(uint64_t i, const uint8_t *data)
{
	struct op op = {.code = i % 3 ? OP_WRITE : OP_POKE, .dev = i % 2, .arg = {i, 0, 0}};

	if (op.code == OP_POKE) {
		op.len = (uint32_t)(i % 5);
		op.data = op.len ? data : NULL;
	} else {
		op.arg[2] = i << 40;
	}
	return op;
}

static void write_ops(uint64_t n, int end)
{
	const uint8_t data[5] = {1, 2, 3, 4, 5};
	struct trace_writer w;

	assert_true(trace_create(&w, path, &head));
	for (uint64_t i = 0; i < n; i++) {
		struct op op = nth_op(i, data);

		assert_true(trace_write(&w, &op));
	}
	assert_true(trace_finish(&w, end));
}

/* Reads until the end, which it returns in r; the ops must be those of write_ops. */
static uint64_t read_ops(struct trace_reader *r)
{
	const uint8_t data[5] = {1, 2, 3, 4, 5};
	struct op op;

	while (trace_next(r, &op)) {
		struct op want = nth_op(r->nops - 1, data);

		assert_int_equal(op.code, want.code);
		assert_int_equal(op.dev, want.dev);
		assert_memory_equal(op.arg, want.arg, sizeof(op.arg));
		assert_int_equal(op.len, want.len);
		if (op.len)
			assert_memory_equal(op.data, want.data, op.len);
	}
	assert_false(trace_next(r, &op)); /* and stays so */
	return r->nops;
}

static void many_ops_come_back(void **state)
{
	struct trace_reader r;

	(void)state;
	write_ops(200000, TRACE_END_LIMIT);
	assert_true(trace_open(&r, path));
	assert_string_equal(r.head.build, "test");
	assert_int_equal(r.ids[1], 4);
	assert_int_equal(read_ops(&r), 200000);
	assert_false(r.bad || r.truncated);
	assert_true(r.ended);
	assert_int_equal(r.end, TRACE_END_LIMIT);
	assert_true(r.next_seq > 5); /* several chunks, or the test says little */
	trace_close(&r);
}

static void the_largest_record_comes_back(void **state)
{
	const uint32_t len = 4u << 20;
	uint8_t *data = malloc(len);
	struct trace_writer w;
	struct trace_reader r;
	struct op op = {.code = OP_UNPIN, .data = data, .len = len}, back;

	(void)state;
	for (uint32_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
	assert_true(trace_create(&w, path, &head));
	for (int i = 0; i < 3; i++)
		assert_true(trace_write(&w, &op));
	op.len = TRACE_CHUNK_MAX;
	assert_false(trace_write(&w, &op));
	assert_true(trace_finish(&w, TRACE_END_DONE));
	assert_true(trace_open(&r, path));
	for (int i = 0; i < 3; i++) {
		assert_true(trace_next(&r, &back));
		assert_int_equal(back.len, len);
		assert_memory_equal(back.data, data, len);
	}
	assert_false(trace_next(&r, &back));
	assert_true(r.ended && !r.bad);
	trace_close(&r);
	free(data);
}

static void an_empty_trace(void **state)
{
	struct trace_reader r;

	(void)state;
	write_ops(0, TRACE_END_DONE);
	assert_true(trace_open(&r, path));
	assert_int_equal(read_ops(&r), 0);
	assert_true(r.ended && !r.bad && !r.truncated);
	trace_close(&r);
}

static void a_recording_without_an_end_is_cut_short(void **state)
{
	struct trace_reader r;

	(void)state;
	write_ops(50, -1);
	assert_true(trace_open(&r, path));
	assert_int_equal(read_ops(&r), 50);
	assert_true(r.truncated && !r.bad && !r.ended);
	assert_non_null(strstr(r.error, "cut short without an end"));
	trace_close(&r);
}

/* Three chunks of ops, so that there is something before and behind each. */
static void make_small_file(void)
{
	const uint8_t data[5] = {1, 2, 3, 4, 5};
	uint8_t ops[200];
	uint64_t number = 0;

	write_ops(0, -1);
	file_len = load(file, sizeof(file));
	for (uint64_t seq = 1; seq < 4; seq++) {
		struct trace_chunk c = {.type = TRACE_OPS, .seq = seq, .payload = ops};

		for (int i = 0; i < 7; i++) {
			struct op op = nth_op(number++, data);

			c.stored_len +=
				(uint32_t)op_encode(&op, ops + c.stored_len, sizeof(ops) - c.stored_len);
		}
		c.plain_len = c.stored_len;
		trace_put_chunk(file + file_len, &c);
		memcpy(file + file_len + TRACE_CHUNK_LEN, ops, c.stored_len);
		file_len += TRACE_CHUNK_LEN + (size_t)c.stored_len;
	}
}

static void append_chunk(uint32_t type, uint64_t seq, const void *payload, uint32_t n)
{
	const struct trace_chunk c = {
		.type = type, .seq = seq, .stored_len = n, .plain_len = n, .payload = payload};

	trace_put_chunk(file + file_len, &c);
	memcpy(file + file_len + TRACE_CHUNK_LEN, payload, n);
	file_len += TRACE_CHUNK_LEN + (size_t)n;
}

static void every_damaged_byte_is_noticed(void **state)
{
	struct trace_reader r;

	(void)state;
	make_small_file();
	append_chunk(TRACE_END, 4, "", 1);
	for (size_t i = 0; i < file_len; i++) {
		file[i] ^= 0x40;
		save(file, file_len);
		file[i] ^= 0x40;
		if (trace_open(&r, path)) {
			assert_true(read_ops(&r) % 7 == 0); /* whole chunks */
			trace_close(&r);
		}
		assert_true(r.bad);
		assert_non_null(strstr(r.error, path));
	}
	save(file, file_len);
	assert_true(trace_open(&r, path));
	assert_int_equal(read_ops(&r), 21);
	assert_false(r.bad);
	trace_close(&r);
}

static void every_cut_leaves_a_prefix(void **state)
{
	struct trace_reader r;
	uint64_t before = 0;

	(void)state;
	make_small_file();
	for (size_t n = 0; n <= file_len; n++) {
		save(file, n);
		if (!trace_open(&r, path)) {
			assert_true(n < 100);
			assert_non_null(strstr(r.error, "nothing to read"));
			continue;
		}
		uint64_t nops = read_ops(&r);

		assert_true(nops % 7 == 0 && nops >= before);
		assert_true(r.truncated && !r.bad);
		before = nops;
		trace_close(&r);
	}
	assert_int_equal(before, 21);
}

static void expect_bad(const char *what)
{
	struct trace_reader r;
	struct op op;

	save(file, file_len);
	if (trace_open(&r, path)) {
		while (trace_next(&r, &op))
			;
		trace_close(&r);
	}
	assert_true(r.bad);
	if (!strstr(r.error, what))
		fail_msg("'%s' does not say '%s'", r.error, what);
}

static void what_checksums_do_not_tell(void **state)
{
	(void)state;
	make_small_file();
	append_chunk(TRACE_OPS, 4, "\x03\x22\x02\x00", 4);
	expect_bad("op 22 names device 2 of 2");
	make_small_file();
	append_chunk(TRACE_OPS, 4, "\x03\x22\x00", 3); /* a record that is not whole in its chunk */
	expect_bad("broken record behind op 21");
	make_small_file();
	append_chunk(TRACE_OPS, 4, "\x02\x06\x00", 3); /* a driver-level op */
	expect_bad("broken record behind op 21");
	make_small_file();
	append_chunk(TRACE_END, 4, "", 0);
	expect_bad("end without a reason");
	make_small_file();
	append_chunk(TRACE_END, 4, "", 1);
	append_chunk(TRACE_OPS, 5, "", 0);
	expect_bad("chunk 5, at byte");
	make_small_file();
	append_chunk(TRACE_OPS, 5, "", 0); /* chunk 4 is missing */
	expect_bad("chunk 4, at byte");
}

static void what_a_later_build_wrote_is_skipped(void **state)
{
	struct trace_reader r;

	(void)state;
	make_small_file();
	append_chunk(77, 4, "unknown", 7);
	append_chunk(TRACE_OPS, 5, "\x03\xfe\x01\x00\x02\xfd\x63", 7);
	append_chunk(TRACE_END, 6, "", 1);
	save(file, file_len);
	assert_true(trace_open(&r, path));
	assert_int_equal(read_ops(&r), 21);
	assert_false(r.bad);
	assert_int_equal(r.nskipped, 2);
	trace_close(&r);
}

static void what_cannot_be_opened(void **state)
{
	struct trace_reader r;
	struct trace_writer w;

	(void)state;
	assert_false(trace_open(&r, "/nonexistent/file"));
	assert_non_null(strstr(r.error, "cannot open"));
	assert_false(trace_open(&r, "/"));
	assert_non_null(strstr(r.error, "cannot read"));
	assert_false(trace_create(&w, "/nonexistent/file", &head));
	assert_non_null(strstr(w.error, "cannot create"));
	assert_true(trace_create(&w, "/dev/full", &head));
	assert_false(trace_finish(&w, TRACE_END_DONE));
	assert_non_null(strstr(w.error, "No space left"));
}

static void an_abandoned_file_leaves_nothing_and_takes_nothing(void **state)
{
	struct trace_writer w;
	struct stat before, after;
	char part[sizeof(path) + 8];

	(void)state;
	snprintf(part, sizeof(part), "%s.part", path);
	save(file, 10);
	assert_int_equal(stat(path, &before), 0);
	assert_true(trace_create(&w, path, &head));
	assert_int_equal(access(part, F_OK), 0);
	trace_abandon(&w);
	assert_int_equal(access(part, F_OK), -1);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	assert_int_equal(after.st_size, 10);
	save(file, 0);
}

/* -- texts -- */

static void expect_text(const char *text, unsigned nops, const char *error)
{
	struct textfile t;
	struct op op;
	unsigned n = 0;

	save((const uint8_t *)text, strlen(text));
	if (textfile_open(&t, path)) {
		while (textfile_next(&t, &op))
			n++;
		textfile_close(&t);
	}
	assert_int_equal(n, nops);
	if (!*error ? *t.error : !strstr(t.error, error))
		fail_msg("'%s': '%s', expected '%s'", text, t.error, error);
}

static void texts_of_programs(void **state)
{
	(void)state;
	expect_text("", 0, "");
	expect_text("blk0 kick", 1, ""); /* no newline, no device line */
	expect_text(
		"# what this shows\n\ndevice rng0\ndevice blk1\n# more\nrng0 kick\n\nblk1 post type=out\n", 2,
		"");
	expect_text("blk1 kick\n", 0, ":1:1: no device of this number");
	expect_text("blk0 kick\nblk0 load\n", 1, ":2:1: load is an output");
	expect_text("blk0 kick queue=8\n", 0, ":1:1: queue must be below 8");
	expect_text("blk0 kick\n  blk0 kick que=1", 1, ":2:13: this op has no such field");
	expect_text("blk0 kick\ndevice blk1\n", 1, ":2:1: this line must stand before the first op");
	expect_text("device blk0\ndevice blk1\ndevice blk2\ndevice blk3\ndevice blk4\n", 0,
		    "at most 4 devices");
	expect_text("device blk0\nend done\n", 0, ":2:1: only a trace has an end line");
}

static void texts_of_traces(void **state)
{
	(void)state;
	expect_text("trace\ndevice blk0\nblk0 load\nend done\n# remark\n", 1, "");
	expect_text("trace\ndevice blk0\nend done\nblk0 load\n", 0,
		    ":4:1: nothing stands behind the end line");
	expect_text("trace\ndevice blk0\nblk0 load\nend done\nblk0 load\n", 1,
		    ":5:1: nothing stands behind the end line");
	expect_text("trace\nblk0 load\n", 0, ":2:1: no device of this number");
	expect_text("trace\ndevice blk0\nblk0 kick\n", 0, ":3:1: kick is an op of programs");
	expect_text("trace\ndevice blk0\nblk0 kick\ntrace\n", 0, ":3:1");
	expect_text("trace version=3\n", 0, ":1:7: another version");
}

static void a_program_is_about_one_disk_unless_it_says_so(void **state)
{
	struct textfile t;

	(void)state;
	save((const uint8_t *)"\n", 1);
	assert_true(textfile_open(&t, path));
	assert_int_equal(t.text.head.ndevices, 1);
	assert_int_equal(t.ids[0], 2);
	assert_int_equal(t.text.given[0], 0);
	textfile_close(&t);
	assert_false(textfile_open(&t, "/nonexistent/file"));
	assert_non_null(strstr(t.error, "cannot open"));
	assert_false(textfile_open(&t, "/"));
	assert_non_null(strstr(t.error, "cannot read"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_ops_come_back),
		cmocka_unit_test(the_largest_record_comes_back),
		cmocka_unit_test(an_empty_trace),
		cmocka_unit_test(a_recording_without_an_end_is_cut_short),
		cmocka_unit_test(every_damaged_byte_is_noticed),
		cmocka_unit_test(every_cut_leaves_a_prefix),
		cmocka_unit_test(what_checksums_do_not_tell),
		cmocka_unit_test(what_a_later_build_wrote_is_skipped),
		cmocka_unit_test(what_cannot_be_opened),
		cmocka_unit_test(an_abandoned_file_leaves_nothing_and_takes_nothing),
		cmocka_unit_test(texts_of_programs),
		cmocka_unit_test(texts_of_traces),
		cmocka_unit_test(a_program_is_about_one_disk_unless_it_says_so),
	};

	return cmocka_run_group_tests_name("trace_reader", tests, create_path, remove_path);
}
