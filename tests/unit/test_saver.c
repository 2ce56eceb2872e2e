// SPDX-License-Identifier: BSD-2-Clause
/* The process that makes the file of a saved machine: an older file is there, whole, until the new one is. */
#define _GNU_SOURCE /* O_PATH */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "saver.h"

static char dir[] = "/tmp/ringside-saver.XXXXXX";
static char path[64], temporary[80], err[ERR_MAX];
static struct saver s;
static const struct privilege as_we_are = {.root_fd = -1};

static void start(bool sandboxed)
{
	if (saver_start(&s, "--save-on", path, &as_we_are, sandboxed, err))
		fail_msg("%s", err);
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/snap", dir);
	snprintf(temporary, sizeof(temporary), "%s.saving", path);
	start(true);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	saver_stop(&s);
	while (wait(NULL) > 0) /* it ends by itself */
		;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void put(const char *where, const char *text)
{
	int fd = open(where, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void assert_holds(const char *where, const char *text)
{
	char got[64] = "";
	int fd = open(where, O_RDONLY);

	assert_true(fd >= 0);
	assert_true(read(fd, got, sizeof(got) - 1) >= 0);
	close(fd);
	assert_string_equal(got, text);
}

static int begin(void)
{
	int fd = saver_begin(&s, err);

	if (fd < 0)
		fail_msg("%s", err);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	return fd;
}

static void save(const char *text)
{
	int fd = begin();

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_int_equal(saver_commit(&s, err), 0);
}

static void again_and_again(void **state)
{
	struct stat st;

	(void)state;
	save("one");
	assert_holds(path, "one");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600); /* nobody else's to read */
	save("two");
	save("three");
	assert_holds(path, "three");
	assert_int_equal(access(temporary, F_OK), -1);
}

/* Whoever has moved or linked what was saved keeps it. */
static void an_older_one_that_is_kept_elsewhere(void **state)
{
	char kept[80];

	(void)state;
	snprintf(kept, sizeof(kept), "%s/kept", dir);
	save("one");
	assert_int_equal(link(path, kept), 0);
	save("two");
	save("three");
	assert_holds(kept, "one");
}

static void the_old_one_stays_until_the_end(void **state)
{
	int fd;

	(void)state;
	put(path, "old");
	fd = begin();
	assert_int_equal(write(fd, "half", 4), 4);
	assert_holds(path, "old");
	saver_abandon(&s);
	close(fd);
	assert_holds(path, "old");
	assert_int_equal(access(temporary, F_OK), -1);
	save("new");
	assert_holds(path, "new");
}

/* What `pkill ringside-vmm` and the like send is for the machine. The child has a process group of its own. */
static void signals_of_the_machine(void **state)
{
	static const int sent[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
	int status, fd;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		if (setpgid(0, 0) || saver_start(&s, "--save-on", path, &as_we_are, true, err))
			_exit(2);
		for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
			signal(sent[i], SIG_IGN);
			kill(0, sent[i]);
		}
		fd = saver_begin(&s, err);
		_exit(fd < 0 || saver_commit(&s, err));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Ours is killed in the midst of it. */
static void our_end(void **state)
{
	int fd;

	(void)state;
	put(path, "old");
	fd = begin();
	assert_int_equal(access(temporary, F_OK), 0);
	saver_stop(&s);
	for (int i = 0; i < 5000 && !access(temporary, F_OK); i++)
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	assert_int_equal(access(temporary, F_OK), -1);
	assert_holds(path, "old");
	close(fd);
}

/* Both were killed, and left something behind: a link to another file even. */
static void what_a_killed_save_left(void **state)
{
	char other[80];

	(void)state;
	snprintf(other, sizeof(other), "%s/other", dir);
	put(other, "other");
	assert_int_equal(symlink(other, temporary), 0);
	save("new");
	assert_holds(path, "new");
	assert_holds(other, "other");
}

static void commit_without_begin(void **state)
{
	(void)state;
	put(path, "old");
	assert_int_equal(saver_commit(&s, err), -1);
	saver_abandon(&s);
	assert_holds(path, "old");
	save("new");
}

static void its_end_is_told(void **state)
{
	(void)state;
	struct saver dead = {path, -1};

	assert_int_equal(saver_begin(&dead, err), -1);
	assert_non_null(strstr(err, "is gone"));
	assert_int_equal(saver_commit(&dead, err), -1);
	saver_abandon(&dead);
	saver_stop(&dead);
}

static void the_folder_goes_away(void **state)
{
	char moved[80];

	(void)state;
	snprintf(moved, sizeof(moved), "%s.moved", dir);
	assert_int_equal(rename(dir, moved), 0);
	save("there"); /* it is the folder that was found at the start */
	assert_int_equal(rename(moved, dir), 0);
	assert_holds(path, "there");
}

static void refused(const char *where, const char *word)
{
	struct saver none;

	assert_int_equal(saver_start(&none, "--save-on", where, &as_we_are, false, err), -1);
	saver_stop(&none);
	if (!strstr(err, word) || !strstr(err, "--save-on") || strchr(err, '\n'))
		fail_msg("%s: \"%s\" is no clear line with \"%s\"", where, err, word);
}

static void places_where_no_file_can_be(void **state)
{
	char name[5000];

	(void)state;
	refused("/no/such/folder/snap", "No such file");
	refused("/dev/null/snap", "Not a directory");
	refused("/tmp/", "no name for a file");
	refused("/tmp/..", "no name for a file");
	refused("..", "no name for a file");
	refused(dir, "no regular file");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	name[250] = 0;
	refused(name, "no name for a file");
	name[250] = 'x';
	name[4900] = '/';
	refused(name, "too long");
}

/* Without the sandbox it works, too: kernels without seccomp. */
static void not_confined(void **state)
{
	(void)state;
	saver_stop(&s);
	start(false);
	save("one");
	assert_holds(path, "one");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(again_and_again),
		T(an_older_one_that_is_kept_elsewhere),
		T(the_old_one_stays_until_the_end),
		T(signals_of_the_machine),
		T(our_end),
		T(what_a_killed_save_left),
		T(commit_without_begin),
		T(its_end_is_told),
		T(the_folder_goes_away),
		T(places_where_no_file_can_be),
		T(not_confined),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
