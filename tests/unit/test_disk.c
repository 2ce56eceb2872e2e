// SPDX-License-Identifier: BSD-2-Clause
/* The host's disk: every request, by both engines, on a file in memory and on one of the disk, direct and
 * not. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/image.h"

struct where {
	bool real;
	const char *engine;
	uint32_t align; /* 0: what the file wants */
};
static const struct where *where;
static struct image *m;
static uint8_t *buf; /* 2 MiB, aligned */

#define BUF_LEN (2u << 20)

static int setup(void **state)
{
	where = *state;
	m = malloc(sizeof(*m));
	buf = aligned_alloc(4096, BUF_LEN);
	assert_true(m && buf);
	image_open(m, where->real, where->engine);
	if (where->align)
		image_align(m, where->align, where->align);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	image_close(m);
	free(m);
	free(buf);
	return 0;
}

static void check(uint64_t offset, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != image_byte(offset + i))
			fail_msg("byte %zu behind offset %llu", i, (unsigned long long)offset);
}

/* The file holds what it was made with, but for n sectors from `first` on, which hold `fill`. */
static void check_file(uint64_t first, uint64_t n, uint8_t fill)
{
	static uint8_t all[IMAGE_SECTORS * 512];

	image_read(m, 0, all, sizeof(all));
	check(0, all, first * 512);
	for (uint64_t i = first * 512; i < (first + n) * 512; i++)
		assert_int_equal(all[i], fill);
	check((first + n) * 512, all + (first + n) * 512, sizeof(all) - (first + n) * 512);
}

static void engine_is_the_one_asked_for(void **state)
{
	(void)state;
	assert_string_equal(m->disk.engine.name, where->engine ? where->engine : "io_uring");
	assert_int_equal(m->disk.file.sectors, IMAGE_SECTORS);
}

static void read_every_offset(void **state)
{
	(void)state;
	for (uint64_t sector = 0; sector < 20; sector++) {
		for (uint32_t n = 1; n < 20; n++) {
			struct blk_io *io = io_new(m, 0, BLK_IO_READ, sector);

			memset(buf, 0, 10240);
			io_span(io, buf, n * 512);
			assert_int_equal(io_run(m, io), BLK_DONE);
			assert_int_equal(m->bytes[0], n * 512);
			check(sector * 512, buf, n * 512);
		}
	}
}

/* Pieces of every length and address: nothing about them is the guest's duty but their sum. */
static void read_odd_spans(void **state)
{
	static const uint32_t len[] = {1, 511, 4096, 3, 1021, 512, 4608, 300, 212};
	struct blk_io *io = io_new(m, 3, BLK_IO_READ, 7);
	uint8_t *p = buf + 1;
	uint64_t offset = 7 * 512;

	(void)state;
	memset(buf, 0, 65536);
	for (size_t i = 0; i < sizeof(len) / sizeof(len[0]); i++, p += len[i - 1] + 5)
		io_span(io, p, len[i]);
	assert_int_equal(io->len % 512, 0);
	assert_int_equal(io_run(m, io), BLK_DONE);
	for (uint16_t i = 0; i < io->nspans; i++) {
		check(offset, io->span[i].base, io->span[i].len);
		assert_int_equal(((uint8_t *)io->span[i].base)[io->span[i].len], 0); /* not one byte more */
		offset += io->span[i].len;
	}
}

static void write_changes_its_sectors_only(void **state)
{
	(void)state;
	for (uint64_t sector = 0; sector < 18; sector += 3) {
		struct blk_io *io = io_new(m, 0, BLK_IO_WRITE, 1000 + sector);

		io->sync = sector % 2;
		memset(buf, 0x5a, 9 * 512);
		io_span(io, buf, 4 * 512);
		io_span(io, buf + 4 * 512, 5 * 512);
		assert_int_equal(io_run(m, io), BLK_DONE);
		check_file(1000 + sector, 9, 0x5a);
		for (uint32_t i = 0; i < 9 * 512; i++)
			buf[i] = image_byte((1000 + sector) * 512 + i);
		assert_int_equal(io_run(m, io), BLK_DONE);
		check_file(0, 0, 0);
	}
}

/* More than a bounce buffer takes at a time, in pieces that fit nothing. */
static void large_odd_request(void **state)
{
	struct blk_io *io = io_new(m, 0, BLK_IO_WRITE, 1);
	uint32_t left = (IMAGE_SECTORS - 2) * 512, n;
	uint8_t *p = buf + 3;

	(void)state;
	memset(buf, 0x77, BUF_LEN);
	for (; left; left -= n, p += n + 1) {
		n = left < 20001 ? left : 20001;
		io_span(io, p, n);
	}
	assert_int_equal(io_run(m, io), BLK_DONE);
	check_file(1, IMAGE_SECTORS - 2, 0x77);
	io->type = BLK_IO_READ;
	memset(buf, 0, BUF_LEN);
	assert_int_equal(io_run(m, io), BLK_DONE);
	for (uint16_t i = 0; i < io->nspans; i++)
		for (size_t k = 0; k < io->span[i].len; k++)
			assert_int_equal(((uint8_t *)io->span[i].base)[k], 0x77);
}

static void flush(void **state)
{
	(void)state;
	assert_int_equal(io_run(m, io_new(m, 9, BLK_IO_FLUSH, 0)), BLK_DONE);
}

static void zero(uint32_t unmap, enum blk_io_type type, bool sync)
{
	struct blk_io *io = io_new(m, 0, type, 0);

	io->sync = sync;
	io_range(io, 100, 8, unmap);
	io_range(io, 108, 0, unmap);
	io_range(io, 108, 53, unmap);
	assert_int_equal(io_run(m, io), BLK_DONE);
	check_file(100, 61, 0);
}

static void write_zeroes(void **state)
{
	(void)state;
	zero(0, BLK_IO_WRITE_ZEROES, false);
}

static void write_zeroes_unmap(void **state)
{
	(void)state;
	zero(1, BLK_IO_WRITE_ZEROES, true);
}

static void write_zeroes_by_writing(void **state)
{
	(void)state;
	m->disk.steps.no_punch = m->disk.steps.no_zero_range = true;
	zero(1, BLK_IO_WRITE_ZEROES, true);
}

static void discard(void **state)
{
	(void)state;
	zero(0, BLK_IO_DISCARD, true); /* the file systems tested on punch holes */
}

static void discard_is_a_hint(void **state)
{
	struct blk_io *io = io_new(m, 0, BLK_IO_DISCARD, 0);

	(void)state;
	m->disk.steps.no_punch = true;
	io_range(io, 100, 8, 0);
	assert_int_equal(io_run(m, io), BLK_DONE);
	check_file(0, 0, 0);
}

/* As many requests as can be in flight, against a model; those in flight together do not overlap. */
static void many_at_once(void **state)
{
	static uint8_t model[IMAGE_SECTORS * 512], file[sizeof(model)];
	uint32_t x = 12345;

	(void)state;
	for (size_t i = 0; i < sizeof(model); i++)
		model[i] = image_byte(i);
	for (unsigned round = 0; round < 6; round++) {
		for (uint16_t id = 0; id < BLK_INFLIGHT_MAX; id++) {
			uint64_t first = id * 8u + (x >> 16) % 5;
			uint32_t n = 512 * (1 + (x >> 20) % 3);
			bool write = x >> 28 & 1;
			struct blk_io *io = io_new(m, id, write ? BLK_IO_WRITE : BLK_IO_READ, first);

			x = x * 1664525 + 1013904223;
			memset(buf + id * 8192, (int)(x >> 24), n);
			if (write)
				memset(model + first * 512, (int)(x >> 24), n);
			io_span(io, buf + id * 8192, n);
			io_submit(m, io);
		}
		image_settle(m);
		for (uint16_t id = 0; id < BLK_INFLIGHT_MAX; id++) {
			assert_int_equal(m->result[id], BLK_DONE);
			assert_memory_equal(buf + id * 8192, model + m->io[id].sector * 512, m->io[id].len);
		}
		m->nanswers = 0;
	}
	image_read(m, 0, file, sizeof(file));
	assert_memory_equal(file, model, sizeof(model));
}

/* Neighbours in one block of the file, all in flight: none may undo another's bytes. */
static void neighbours_in_a_block(void **state)
{
	(void)state;
	for (uint16_t id = 0; id < 64; id++) {
		struct blk_io *io = io_new(m, id, BLK_IO_WRITE, 512u + id);

		memset(buf + id * 512, 0x33, 512);
		io_span(io, buf + id * 512, 512);
		io_submit(m, io);
	}
	image_settle(m);
	for (uint16_t id = 0; id < 64; id++)
		assert_int_equal(m->result[id], BLK_DONE);
	check_file(512, 64, 0x33);
}

static void drain_answers_all(void **state)
{
	struct blk_backend b = disk_backend(&m->disk);

	(void)state;
	for (uint16_t id = 0; id < 100; id++) {
		struct blk_io *io = io_new(m, id, id % 10 ? BLK_IO_WRITE : BLK_IO_FLUSH, id);

		if (id % 10)
			io_span(io, buf, 512);
		io_submit(m, io);
	}
	b.drain(b.ctx);
	assert_int_equal(m->disk.inflight, 0);
	assert_int_equal(m->nanswers, 100);
	b.drain(b.ctx); /* with nothing in flight it returns */
}

/* The lock ends with the disk, not some time later: a machine that is started again finds its image free. */
static void free_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		struct blk_io *io = io_new(m, 0, BLK_IO_READ, 0);

		io_span(io, buf, 4096);
		assert_int_equal(io_run(m, io), BLK_DONE);
		disk_close(&m->disk);
		image_reopen(m, where->engine);
	}
}

/* Somebody cut the file: a read beyond its end is an error, not stale or foreign bytes. */
static void cut_file(void **state)
{
	struct blk_io *io = io_new(m, 0, BLK_IO_READ, 1000);

	(void)state;
	assert_int_equal(truncate(m->path, 1004 * 512), 0);
	io_span(io, buf, 16 * 512);
	assert_int_equal(io_run(m, io), BLK_IO_ERROR);
	assert_true(m->bytes[0] < 16 * 512);
}

/* The file may not grow there: what a full disk says, too. */
static void no_space(void **state)
{
	struct rlimit old, limit = {4096, RLIM_INFINITY};
	struct blk_io *io = io_new(m, 0, BLK_IO_WRITE, 1000);
	enum blk_result result;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(truncate(m->path, 4096), 0);
	io_span(io, buf, 4096);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	result = io_run(m, io);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(result, BLK_IO_ERROR);
}

/* Only a restored machine may ask for it: the image stays as long as it is. */
static void behind_the_end(void **state)
{
	static const struct {
		enum blk_io_type type;
		uint64_t sector;
	} table[] = {{BLK_IO_READ, IMAGE_SECTORS},
		     {BLK_IO_WRITE, IMAGE_SECTORS - 1},
		     {BLK_IO_WRITE, UINT64_MAX / 1024},
		     {BLK_IO_DISCARD, IMAGE_SECTORS - 1},
		     {BLK_IO_WRITE_ZEROES, IMAGE_SECTORS}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		bool transfer = table[i].type == BLK_IO_READ || table[i].type == BLK_IO_WRITE;
		struct blk_io *io = io_new(m, (uint16_t)i, table[i].type, transfer ? table[i].sector : 0);

		if (transfer)
			io_span(io, buf, 1024);
		else
			io_range(io, table[i].sector, 2, 0);
		assert_int_equal(io_run(m, io), BLK_IO_ERROR);
	}
	check_file(0, 0, 0);
	assert_int_equal(m->disk.inflight, 0);
}

#define T(fn, w)                                                 \
	{                                                        \
#fn, fn, setup, teardown, (void *)(uintptr_t)(w) \
	}
#define ALL(w)                                                                                              \
	T(engine_is_the_one_asked_for, w), T(read_every_offset, w), T(read_odd_spans, w),                   \
		T(write_changes_its_sectors_only, w), T(large_odd_request, w), T(flush, w),                 \
		T(write_zeroes, w), T(write_zeroes_unmap, w), T(write_zeroes_by_writing, w), T(discard, w), \
		T(discard_is_a_hint, w), T(many_at_once, w), T(neighbours_in_a_block, w),                   \
		T(drain_answers_all, w), T(free_at_once, w), T(cut_file, w), T(no_space, w),                \
		T(behind_the_end, w)

int main(void)
{
	static const struct where tmp = {false, NULL, 0}, tmp_plain = {false, "plain", 0},
				  real = {true, NULL, 0}, real_plain = {true, "plain", 0},
				  real_4k = {true, NULL, 4096}, real_4k_plain = {true, "plain", 4096};
	const struct CMUnitTest tests[] = {ALL(&tmp),        ALL(&tmp_plain), ALL(&real),
					   ALL(&real_plain), ALL(&real_4k),   ALL(&real_4k_plain)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
