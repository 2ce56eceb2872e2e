// SPDX-License-Identifier: BSD-2-Clause
/* The file of a saved machine: whole, or refused by one clear line; and memory as parts of it. */
#define _GNU_SOURCE /* memfd_create */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory_save.h"
#include "savefile.h"
#include "state.h"

static char path[] = "/tmp/ringside-savefile.XXXXXX";
static char err[ERR_MAX];
static uint8_t large[300000], file[400000];
static size_t file_len;

static int setup(void **state)
{
	(void)state;
	strcpy(path + strlen(path) - 6, "XXXXXX");
	close(mkstemp(path));
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (uint8_t)(i * i >> 5);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

/* A file with parts of several sizes; what it holds is in `file`. */
static void write_file(void)
{
	int fd = open(path, O_RDWR | O_TRUNC);
	struct savefile_out *out = savefile_begin(fd);
	uint64_t len;
	ssize_t n;

	assert_non_null(out);
	savefile_put(out, SAVEFILE_MACHINE, 0, "machine", 7);
	savefile_put(out, SAVEFILE_DEVICE, 1, NULL, 0);
	savefile_put(out, SAVEFILE_MEMORY, 2, large, sizeof(large));
	savefile_put(out, SAVEFILE_CPU, 3, large, 4000);
	assert_int_equal(savefile_finish(out, &len), 0);
	n = pread(fd, file, sizeof(file), 0);
	assert_true(n > 0 && (uint64_t)n == len);
	file_len = (size_t)n;
	close(fd);
}

static void put_file(const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

/* All parts, or the line that says why not. */
static int read_file(void)
{
	struct savefile_in in;
	int rc = savefile_open(&in, path, err);

	while (!rc) {
		rc = savefile_next(&in, err);
		if (!rc && in.part == SAVEFILE_END)
			break;
	}
	savefile_close(&in);
	if (rc && (strchr(err, '\n') || !strstr(err, path)))
		fail_msg("no clear line: %s", err);
	return rc;
}

static void assert_part(struct savefile_in *in, enum savefile_part part, uint32_t index, const void *bytes,
			size_t n)
{
	assert_int_equal(savefile_next(in, err), 0);
	assert_int_equal(in->part, part);
	assert_int_equal(in->index, index);
	assert_int_equal(in->len, n);
	if (n)
		assert_memory_equal(in->bytes, bytes, n);
}

static void what_was_written_is_read(void **state)
{
	struct savefile_in in;

	(void)state;
	write_file();
	assert_true(file_len < sizeof(large)); /* it is compressed */
	assert_int_equal(savefile_open(&in, path, err), 0);
	assert_part(&in, SAVEFILE_MACHINE, 0, "machine", 7);
	assert_part(&in, SAVEFILE_DEVICE, 1, NULL, 0);
	assert_part(&in, SAVEFILE_MEMORY, 2, large, sizeof(large));
	assert_part(&in, SAVEFILE_CPU, 3, large, 4000);
	assert_part(&in, SAVEFILE_END, 0, NULL, 0);
	savefile_close(&in);
	savefile_close(&in); /* harmless */
}

/* What does not become shorter stays as it is. */
static void noise_is_not_compressed(void **state)
{
	uint64_t seed = 1;
	struct savefile_in in;
	struct savefile_out *out;
	uint64_t len;
	int fd = open(path, O_WRONLY | O_TRUNC);

	(void)state;
	for (size_t i = 0; i < 8192; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		large[i] = (uint8_t)(seed >> 56);
	}
	out = savefile_begin(fd);
	savefile_put(out, SAVEFILE_MACHINE, 0, large, 8192);
	assert_int_equal(savefile_finish(out, &len), 0);
	close(fd);
	assert_int_equal(savefile_open(&in, path, err), 0);
	assert_part(&in, SAVEFILE_MACHINE, 0, large, 8192);
	savefile_close(&in);
}

static void cut_off_anywhere(void **state)
{
	(void)state;
	write_file();
	for (size_t n = 0; n < file_len; n += n < 200 || n > file_len - 200 ? 1 : 97) {
		put_file(file, n);
		assert_int_equal(read_file(), -1);
	}
	put_file(file, file_len);
	assert_int_equal(read_file(), 0);
}

static void any_wrong_byte(void **state)
{
	(void)state;
	write_file();
	for (size_t i = 0; i < file_len; i += i < 300 || i > file_len - 100 ? 1 : 61) {
		file[i] ^= 0x20;
		put_file(file, file_len);
		assert_int_equal(read_file(), -1);
		file[i] ^= 0x20;
	}
}

static void something_behind_the_end(void **state)
{
	(void)state;
	write_file();
	file[file_len] = 0;
	put_file(file, file_len + 1);
	assert_int_equal(read_file(), -1);
	assert_non_null(strstr(err, "follows its end"));
}

/* Parts that are whole, but not where they were. */
static void parts_that_were_moved(void **state)
{
	uint8_t part[64];

	(void)state;
	write_file();
	memcpy(part, file + 16, 39); /* MACHINE, and what is DEVICE's head after it */
	memmove(file + 16, file + 16 + 39, file_len - 16 - 39);
	put_file(file, file_len - 39);
	assert_int_equal(read_file(), -1);
	assert_non_null(strstr(err, "a part is missing"));
	memmove(file + 16 + 39, file + 16, file_len - 16 - 39);
	memcpy(file + 16, part, 39);
	memmove(file + 16 + 39 + 39, file + 16 + 39, file_len - 16 - 39); /* twice */
	memcpy(file + 16 + 39, part, 39);
	put_file(file, file_len + 39);
	assert_int_equal(read_file(), -1);
	assert_non_null(strstr(err, "a part is missing"));
}

static void what_is_no_snapshot(void **state)
{
	struct savefile_in in;

	(void)state;
	put_file("", 0);
	assert_int_equal(read_file(), -1);
	assert_non_null(strstr(err, "is no machine that was saved"));
	put_file("RSDV0000000000000000", 20);
	assert_int_equal(read_file(), -1);
	assert_non_null(strstr(err, "is no machine that was saved"));
	write_file();
	file[15] = 2;
	put_file(file, file_len);
	assert_int_equal(read_file(), -1);
	assert_non_null(strstr(err, "version 2"));
	assert_int_equal(savefile_open(&in, "/no/such/file", err), -1);
	assert_non_null(strstr(err, "No such file"));
	savefile_close(&in);
	assert_int_equal(savefile_open(&in, "/tmp", err), -1);
	assert_non_null(strstr(err, "no regular file"));
	savefile_close(&in);
	assert_int_equal(savefile_open(&in, "/dev/null", err), -1);
	savefile_close(&in);
}

static void a_write_that_fails_is_told(void **state)
{
	struct savefile_out *out;
	uint64_t len;
	int full = open("/dev/full", O_WRONLY);

	(void)state;
	out = savefile_begin(full);
	savefile_put(out, SAVEFILE_MEMORY, 0, large, sizeof(large));
	assert_int_equal(savefile_finish(out, &len), ENOSPC);
	close(full);
}

/* -- memory ------------------------------------------------------------------------------------------------ */

#define CHUNK (2u << 20)
#define LOW   (2 * CHUNK)
#define HIGH  CHUNK

static uint8_t *ram[2];
static struct vmem_map map;

static void make_ram(void)
{
	const uint64_t len[2] = {LOW, HIGH}, gpa[2] = {0, 1ull << 32};

	map.nregions = 2;
	for (int i = 0; i < 2; i++) {
		ram[i] = mmap(NULL, len[i], PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_true(ram[i] != MAP_FAILED);
		map.region[i] = (struct vmem_region){gpa[i], len[i], ram[i]};
	}
}

static void free_ram(void)
{
	munmap(ram[0], LOW);
	munmap(ram[1], HIGH);
}

static void save_ram(void)
{
	uint64_t len;
	int fd = open(path, O_RDWR | O_TRUNC);
	struct savefile_out *out = savefile_begin(fd);

	assert_int_equal(memory_save(&map, out, err), 0);
	assert_int_equal(savefile_finish(out, &len), 0);
	file_len = (size_t)len;
	close(fd);
}

static int load_ram(void)
{
	struct savefile_in in;
	int rc;

	assert_int_equal(savefile_open(&in, path, err), 0);
	assert_int_equal(savefile_next(&in, err), 0);
	rc = memory_restore(&map, &in, err);
	if (!rc)
		assert_int_equal(in.part, SAVEFILE_END);
	savefile_close(&in);
	return rc;
}

static void memory_with_holes(void **state)
{
	uint8_t *want = malloc(LOW);

	(void)state;
	assert_non_null(want);
	make_ram();
	save_ram();
	assert_true(file_len < 100); /* nothing but zeroes */
	ram[0][0] = 1;
	ram[0][4096 * 3 - 1] = 2;
	ram[0][LOW - 1] = 3;
	memset(ram[1] + HIGH - 4096 * 5, 4, 4096 * 5);
	memcpy(want, ram[0], LOW);
	save_ram();
	free_ram();
	make_ram();
	assert_int_equal(load_ram(), 0);
	assert_memory_equal(ram[0], want, LOW);
	assert_int_equal(ram[1][HIGH - 4096 * 5 - 1], 0);
	assert_int_equal(ram[1][HIGH - 4096 * 5], 4);
	assert_int_equal(ram[1][HIGH - 1], 4);
	free_ram();
	free(want);
}

static void put_chunk(uint64_t gpa, const uint64_t bits[8], unsigned pages)
{
	static uint8_t bytes[72 + 4096 * 4];
	struct state_out o = {bytes, sizeof(bytes), 0};
	int fd = open(path, O_RDWR | O_TRUNC);
	struct savefile_out *out = savefile_begin(fd);
	uint64_t len;

	state_put_u64(&o, gpa);
	for (int i = 0; i < 8; i++)
		state_put_u64(&o, bits[i]);
	savefile_put(out, SAVEFILE_MEMORY, 0, bytes, 72 + 4096 * pages);
	savefile_put(out, SAVEFILE_MEMORY, 0, bytes, 72 + 4096 * pages);
	assert_int_equal(savefile_finish(out, &len), 0);
	close(fd);
}

static void memory_that_is_not_there(void **state)
{
	static const uint64_t one[8] = {1}, two[8] = {1, [7] = 1ull << 63};

	(void)state;
	make_ram();
	put_chunk(LOW, one, 1);
	assert_int_equal(load_ram(), -1);
	put_chunk(UINT64_MAX - 4095, one, 1);
	assert_int_equal(load_ram(), -1);
	put_chunk(4096, one, 1);
	assert_int_equal(load_ram(), -1);
	put_chunk(0, two, 1); /* a page is missing */
	assert_int_equal(load_ram(), -1);
	put_chunk(0, one, 2); /* one too many */
	assert_int_equal(load_ram(), -1);
	put_chunk(0, one, 1); /* good, but twice */
	assert_int_equal(load_ram(), -1);
	assert_non_null(strstr(err, "damaged"));
	free_ram();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_was_written_is_read), T(noise_is_not_compressed),    T(cut_off_anywhere),
		T(any_wrong_byte),           T(something_behind_the_end),   T(parts_that_were_moved),
		T(what_is_no_snapshot),      T(a_write_that_fails_is_told), T(memory_with_holes),
		T(memory_that_is_not_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
