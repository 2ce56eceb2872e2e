// SPDX-License-Identifier: BSD-2-Clause
/* The trace file as it grows: what a reader finds in it at any moment, whatever ends the recording. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <zstd.h>

#include "disk_file.h"
#include "record.h"

static struct loop loop;
static struct record *r;
static char path[128], err[ERR_MAX];
static const struct trace_head head = {.build = "test",
				       .nregions = 1,
				       .region = {{0, 4096}},
				       .ndevices = 1,
				       .device = {{.id = 4, .nqueues = 1}}};

/* -- reading --------------------------------------------------------------------------------------------- */

struct contents {
	enum trace_read verdict;
	unsigned nops, nchunks;
	uint64_t next; /* the number that the next record must have */
	int end;       /* enum trace_end, or -1 */
};

static void read_ops(struct contents *c, const struct trace_chunk *chunk)
{
	static uint8_t plain[TRACE_CHUNK_MAX];
	const uint8_t *p = chunk->payload;
	size_t used;
	struct op op;

	if (chunk->flags & TRACE_ZSTD) {
		assert_int_equal(ZSTD_decompress(plain, sizeof(plain), p, chunk->stored_len),
				 chunk->plain_len);
		p = plain;
	}
	for (size_t at = 0; at < chunk->plain_len; at += used, c->nops++) {
		assert_int_equal(op_decode(p + at, chunk->plain_len - at, &op, &used),
				 OP_DECODED); /* whole records */
		if (op.code == OP_WRITE)
			assert_int_equal(op.arg[2], c->next++); /* none lost, none twice */
	}
}

static struct contents read_trace(const uint8_t *in, size_t n)
{
	struct contents c = {.end = -1};
	struct trace_chunk chunk;
	uint32_t version;
	size_t used;

	c.verdict = trace_get_preamble(in, n, &version);
	if (c.verdict != TRACE_OK)
		return c;
	for (size_t at = TRACE_PREAMBLE_LEN;; at += used, c.nchunks++) {
		c.verdict = trace_get_chunk(in + at, n - at, c.nchunks, &chunk, &used);
		if (c.verdict != TRACE_OK)
			return c;
		assert_int_equal(chunk.type == TRACE_HEAD, c.nchunks == 0);
		assert_int_equal(c.end, -1); /* nothing follows END */
		if (chunk.type == TRACE_OPS)
			read_ops(&c, &chunk);
		else if (chunk.type == TRACE_END)
			c.end = chunk.payload[0];
	}
}

static uint8_t *slurp(size_t *n)
{
	struct stat st;
	int fd = open(path, O_RDONLY);
	uint8_t *p;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*n = (size_t)st.st_size;
	p = malloc(*n + 1);
	assert_non_null(p);
	assert_int_equal(read(fd, p, *n), *n);
	close(fd);
	return p;
}

static struct contents contents(void)
{
	size_t n;
	uint8_t *p = slurp(&n);
	struct contents c = read_trace(p, n);

	free(p);
	return c;
}

/* -- writing --------------------------------------------------------------------------------------------- */

static uint64_t value;

/* Numbered records; `noise` bytes of data that do not compress go with each. */
static void put(unsigned n, uint32_t noise)
{
	static uint8_t data[VMEM_PIN_MAX];
	struct recorder_dev dev = {.rec = &r->rec};

	for (unsigned i = 0; i < n; i++) {
		struct op op = {.code = OP_LOAD, .data = data, .len = noise};

		for (size_t k = 0; k < noise; k++)
			data[k] = (uint8_t)(random() >> 8);
		pthread_mutex_lock(&r->lock);
		recorder_write(&dev, 0x50, 4, value++);
		if (noise)
			recorder_put(&r->rec, &op);
		pthread_mutex_unlock(&r->lock);
	}
}

static void start(bool full, uint64_t limit)
{
	r = record_create(path, full, limit, &loop, err);
	if (!r)
		fail_msg("%s", err);
	if (record_head(r, &head, err))
		fail_msg("%s", err);
}

static int setup(void **state)
{
	static unsigned n;

	(void)state;
	value = 0;
	r = NULL;
	snprintf(path, sizeof(path), "/var/tmp/ringside-record.%d.%u", (int)getpid(), n++);
	return loop_create(&loop);
}

static int teardown(void **state)
{
	(void)state;
	loop_destroy(&loop);
	unlink(path);
	return 0;
}

static void records_all(void **state)
{
	struct contents c;
	struct stat st;

	(void)state;
	start(false, 0);
	c = contents();
	assert_int_equal(c.verdict, TRACE_EOF); /* readable before the first record */
	assert_int_equal(c.nchunks, 1);
	put(200000, 0);
	record_save(r);
	c = contents();
	assert_int_equal(c.next, 200000);
	assert_int_equal(c.end, -1);
	put(1, 0);
	record_destroy(r);
	c = contents();
	assert_int_equal(c.verdict, TRACE_EOF);
	assert_int_equal(c.next, 200001);
	assert_int_equal(c.end, TRACE_END_DONE);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600); /* a guest's secrets */
}

/* The largest record there is, and what does not compress, fit a chunk. */
static void large_records(void **state)
{
	struct contents c;

	(void)state;
	start(true, 0);
	put(20, VMEM_PIN_MAX);
	record_destroy(r);
	c = contents();
	assert_int_equal(c.verdict, TRACE_EOF);
	assert_int_equal(c.next, 20);
	assert_int_equal(c.nops, 40);
	assert_int_equal(c.end, TRACE_END_DONE);
}

/* Killed at any byte: never "damaged", and everything up to the last whole chunk is there. */
static void any_prefix_is_readable(void **state)
{
	unsigned most = 0;
	size_t n;
	uint8_t *p;

	(void)state;
	start(false, 0);
	for (int i = 0; i < 6; i++) {
		put(30, 10);
		record_save(r);
	}
	record_destroy(r);
	p = slurp(&n);
	for (size_t len = 0; len <= n; len++) {
		struct contents c = read_trace(p, len);

		assert_true(c.verdict == TRACE_EOF || c.verdict == TRACE_TRUNCATED);
		assert_true(c.nops >= most);
		most = c.nops;
	}
	assert_int_equal(most, 360);
	free(p);
}

static void stop_loop(void *ctx)
{
	loop_stop(ctx);
}

/* A quiet guest's last records do not wait for the buffer to fill. */
static void saved_soon(void **state)
{
	struct itimerspec later = {.it_value.tv_nsec = 400000000};
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);

	(void)state;
	start(false, 0);
	put(3, 0);
	pthread_mutex_lock(&r->lock);
	record_touch(r);
	record_touch(r);
	pthread_mutex_unlock(&r->lock);
	assert_int_equal(contents().next, 0);
	assert_int_equal(timerfd_settime(fd, 0, &later, NULL), 0);
	assert_non_null(loop_add_fd(&loop, fd, stop_loop, &loop));
	assert_int_equal(loop_run(&loop), 0);
	close(fd);
	assert_int_equal(contents().next, 3);
	assert_false(r->timer_armed);
	record_destroy(r);
}

/* -- the file cannot grow -------------------------------------------------------------------------------- */

static void limit(void **state)
{
	static const uint64_t limits[] = {500, 20000, 100000, 2500000, 5000000};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct contents c;
		struct stat st;

		value = 0;
		start(true, limits[i]);
		put(60, 100000);
		record_destroy(r);
		assert_int_equal(stat(path, &st), 0);
		assert_true((uint64_t)st.st_size <= limits[i]);
		c = contents();
		assert_int_equal(c.verdict, TRACE_EOF);
		assert_int_equal(c.end, TRACE_END_LIMIT);
		assert_true(c.next < 60);
		if (limits[i] > 2000000)
			assert_true(c.next > 5);
	}
}

/* Also where a chunk would just fit but its END would not. */
static void limit_at_every_byte(void **state)
{
	uint64_t first;

	(void)state;
	start(false, 0);
	first = r->good;
	record_destroy(r);
	for (uint64_t room = first + 33; room < first + 133; room++) {
		struct contents c;
		struct stat st;

		value = 0;
		start(false, room);
		put(6, 0);
		record_save(r);
		record_destroy(r);
		assert_int_equal(stat(path, &st), 0);
		assert_true((uint64_t)st.st_size <= room);
		c = contents();
		assert_int_equal(c.verdict, TRACE_EOF);
		assert_int_equal(c.end, c.next == 6 ? TRACE_END_DONE : TRACE_END_LIMIT);
	}
}

static void limit_without_room(void **state)
{
	(void)state;
	r = record_create(path, false, 60, &loop, err);
	assert_non_null(r);
	assert_int_equal(record_head(r, &head, err), -1);
	assert_non_null(strstr(err, "--record-limit"));
	record_destroy(r);
}

static int writes_left;
static size_t torn; /* bytes that the failing write still puts */
static int fail_errno;
static bool fails_for_good;

static ssize_t failing(int fd, const void *p, size_t n, off_t at)
{
	int left = writes_left--;

	if (left == 0 && torn)
		return pwrite(fd, p, torn, at); /* and the rest of it meets the error */
	if (left == (torn ? -1 : 0) || (left < 0 && fails_for_good)) {
		errno = fail_errno;
		return -1;
	}
	return pwrite(fd, p, n, at);
}

/* The disk is full at some moment: whole, or in the middle of a chunk; for good, or for large writes only. */
static void full_disk(void **state)
{
	(void)state;
	for (int i = 0; i < 16; i++) {
		struct contents c;

		value = 0;
		start(false, 0);
		r->write = failing;
		writes_left = i / 4;
		torn = i & 1 ? 17 : 0;
		fails_for_good = i & 2;
		fail_errno = ENOSPC;
		for (int k = 0; k < 6; k++) {
			put(1000, 30);
			record_save(r);
		}
		assert_true(r->rec.stopped);
		record_destroy(r);
		c = contents();
		assert_int_equal(c.verdict, TRACE_EOF); /* cut back to the last whole chunk */
		assert_int_equal(c.next, i / 4 * 1000);
		assert_int_equal(c.end, fails_for_good ? -1 : TRACE_END_ERROR);
	}
}

static void file_size_limit(void **state)
{
	struct rlimit old, most;
	struct contents c;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	start(true, 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	most = old;
	most.rlim_cur = 3000000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &most), 0);
	put(60, 100000);
	assert_true(r->rec.stopped);
	put(60, 100000); /* the guest goes on */
	record_destroy(r);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	c = contents();
	assert_int_equal(c.verdict, TRACE_EOF);
	assert_true(c.next > 10 && c.next < 60);
	assert_int_equal(c.end, TRACE_END_ERROR);
}

/* -- creation -------------------------------------------------------------------------------------------- */

static void refused(const char *words)
{
	assert_null(record_create(path, false, 0, &loop, err));
	assert_non_null(strstr(err, "--record "));
	if (!strstr(err, words))
		fail_msg("\"%s\" does not say \"%s\"", err, words);
	assert_null(strchr(err, '\n'));
}

static void cannot_be_created(void **state)
{
	(void)state;
	strcpy(path, "/var/tmp/no-such-folder-of-ringside/x");
	refused("cannot be created");
	strcpy(path, "/var/tmp");
	refused("cannot be created");
	strcpy(path, "/dev/full");
	refused("no regular file");
	path[0] = 0;
}

static void two_recordings(void **state)
{
	(void)state;
	start(false, 0);
	put(5, 0);
	record_save(r);
	refused("in use");
	assert_int_equal(contents().next, 5);
	record_destroy(r);
}

/* --disk X --record X: a slip that must not cost the disk. */
static void a_disk_in_use(void **state)
{
	struct disk_file f;
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	struct stat st;

	(void)state;
	assert_int_equal(ftruncate(fd, 8192), 0);
	for (int ro = 0; ro < 2; ro++) {
		assert_int_equal(disk_file_open(&f, path, ro, err), 0);
		refused("in use");
		disk_file_close(&f);
	}
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 8192);
	close(fd);
}

static void an_older_trace_is_replaced(void **state)
{
	(void)state;
	start(false, 0);
	put(50000, 0);
	record_destroy(r);
	value = 0;
	start(false, 0);
	put(2, 0);
	record_destroy(r);
	assert_int_equal(contents().next, 2);
	assert_int_equal(contents().end, TRACE_END_DONE);
}

static void arena(void **state)
{
	struct arena *a = record_arena_create();

	(void)state;
	assert_non_null(a);
	assert_null(arena_get(a, RECORD_ARENA_LEN + 1));
	memset(arena_get(a, RECORD_ARENA_LEN), 1, RECORD_ARENA_LEN);
	assert_null(arena_get(a, 1));
	record_arena_destroy(a);
	record_arena_destroy(NULL);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(records_all),
		T(large_records),
		T(any_prefix_is_readable),
		T(saved_soon),
		T(limit),
		T(limit_at_every_byte),
		T(limit_without_room),
		T(full_disk),
		T(file_size_limit),
		T(cannot_be_created),
		T(two_recordings),
		T(a_disk_in_use),
		T(an_older_trace_is_replaced),
		T(arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
