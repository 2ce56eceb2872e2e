// SPDX-License-Identifier: BSD-2-Clause
/* Opening an image: what is refused, with which words, and the lock. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/image.h"

static struct image m;
static struct disk_file f;
static char err[ERR_MAX];

static int setup(void **state)
{
	(void)state;
	image_path(&m, true);
	err[0] = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(m.path);
	rmdir(m.path);
	return 0;
}

static void make(off_t size)
{
	int fd = open(m.path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

/* One line, with the option and the file's name in it. */
static void refused(bool read_only, const char *words)
{
	assert_int_equal(disk_file_open(&f, m.path, read_only, err), -1);
	assert_int_equal(f.fd, -1);
	assert_non_null(strstr(err, "--disk"));
	assert_non_null(strstr(err, m.path));
	if (!strstr(err, words))
		fail_msg("\"%s\" does not say \"%s\"", err, words);
	assert_null(strchr(err, '\n'));
}

static void opens(bool read_only)
{
	if (disk_file_open(&f, m.path, read_only, err))
		fail_msg("%s", err);
}

static void missing(void **state)
{
	(void)state;
	refused(false, "no such file");
	strcat(m.path, "/x");
	refused(false, "no such file");
}

static void directory(void **state)
{
	(void)state;
	assert_int_equal(mkdir(m.path, 0700), 0);
	refused(true, "directory");
}

/* To open a FIFO would wait for ever. */
static void fifo(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(m.path, 0600), 0);
	refused(false, "is no file");
}

static void character_device(void **state)
{
	(void)state;
	strcpy(m.path, "/dev/null");
	refused(false, "is no file");
	m.path[0] = 0; /* not ours to remove */
}

static void sizes(void **state)
{
	(void)state;
	make(0);
	refused(false, "is empty");
	make(513);
	refused(true, "no multiple of 512");
	make(512);
	opens(false);
	assert_int_equal(f.sectors, 1);
	disk_file_close(&f);
}

/* A child without root's powers, since root may read anything. */
static int in_child(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (geteuid() == 0 && seteuid(65534))
			_exit(99);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

static void expect_no_permission(void)
{
	if (!disk_file_open(&f, m.path, false, err) || !strstr(err, "no permission to write it"))
		_exit(1);
	if (disk_file_open(&f, m.path, true, err))
		_exit(2);
	disk_file_close(&f);
	chmod(m.path, 0);
}

static void expect_nothing_allowed(void)
{
	if (!disk_file_open(&f, m.path, true, err) || !strstr(err, "no permission to read it"))
		_exit(1);
}

static void permission(void **state)
{
	(void)state;
	make(512);
	assert_int_equal(chmod(m.path, 0444), 0);
	assert_int_equal(in_child(expect_no_permission), 0);
	assert_int_equal(chmod(m.path, 0), 0);
	assert_int_equal(in_child(expect_nothing_allowed), 0);
}

/* A process that has the image open until it is killed. */
static pid_t holder(bool read_only)
{
	int ready[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
		if (disk_file_open(&f, m.path, read_only, err) || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void locked_by_a_writer(void **state)
{
	pid_t pid;

	(void)state;
	make(4096);
	pid = holder(false);
	refused(false, "is locked");
	refused(true, "is locked");
	end(pid); /* even by SIGKILL, the lock goes with the process */
	opens(false);
	disk_file_close(&f);
}

static void shared_by_readers(void **state)
{
	pid_t pid;

	(void)state;
	make(4096);
	pid = holder(true);
	opens(true);
	disk_file_close(&f);
	refused(false, "is locked");
	end(pid);
}

static void twice_in_one_process(void **state)
{
	struct disk_file first;

	(void)state;
	make(4096);
	opens(false);
	first = f;
	refused(false, "is locked");
	disk_file_close(&first);
	opens(false);
	disk_file_close(&f);
}

static void resized(void **state)
{
	(void)state;
	make(8192);
	opens(false);
	assert_false(disk_file_resized(&f));
	assert_int_equal(truncate(m.path, 16384), 0);
	assert_true(disk_file_resized(&f));
	assert_int_equal(f.sectors, 32);
	assert_int_equal(truncate(m.path, 16384 + 700), 0);
	assert_true(disk_file_resized(&f));
	assert_int_equal(f.sectors, 33);
	assert_int_equal(truncate(m.path, 0), 0);
	assert_false(disk_file_resized(&f));
	assert_int_equal(f.sectors, 33);
	disk_file_close(&f);
}

/* Direct I/O in blocks of 4 KiB cannot reach an odd last sector. */
static void no_direct_io_for_an_odd_size(void **state)
{
	(void)state;
	make(8192);
	opens(false);
	if (!f.direct)
		fail_msg("no direct I/O on /var/tmp: this test needs a file system that has it");
	f.align = 4096;
	assert_int_equal(truncate(m.path, 8192 + 512), 0);
	assert_true(disk_file_resized(&f));
	assert_false(f.direct);
	assert_int_equal(fcntl(f.fd, F_GETFL) & O_DIRECT, 0);
	assert_int_equal(f.align, 1);
	disk_file_close(&f);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(missing),
		T(directory),
		T(fifo),
		T(character_device),
		T(sizes),
		T(permission),
		T(locked_by_a_writer),
		T(shared_by_readers),
		T(twice_in_one_process),
		T(resized),
		T(no_direct_io_for_an_odd_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
