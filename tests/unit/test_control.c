// SPDX-License-Identifier: BSD-2-Clause
/* The control socket: lines in, answers out, and what may be wrong with its path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"

static char dir[64], path[128];
static struct loop loop;
static struct control *control;
static pthread_t thread;
static char got[CONTROL_LINE_MAX];

/* Joins its words, and fails where the second one is "no". */
static int echo(void *ctx, unsigned words, char *word[], char err[ERR_MAX])
{
	if (ctx != &loop)
		abort(); /* assertions belong to the main thread */
	got[0] = 0;
	for (unsigned i = 0; i < words; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s|", word[i]);
	return words > 1 && !strcmp(word[1], "no") ? err_set(err, "as you said: %s", word[1]) : 0;
}

static void *run(void *ctx)
{
	(void)ctx;
	loop_run(&loop);
	return NULL;
}

static int setup(void **state)
{
	char err[ERR_MAX];

	(void)state;
	strcpy(dir, "/tmp/ringside-control.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	assert_int_equal(loop_create(&loop), 0);
	control = control_create(path, &loop, err);
	assert_non_null(control);
	control_add(control, "echo WORD...", "says it again", echo, &loop);
	control_add(control, "echo2", "the same", echo, &loop);
	assert_int_equal(pthread_create(&thread, NULL, run, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_stop(&loop);
	pthread_join(thread, NULL);
	control_destroy(control);
	assert_int_equal(access(path, F_OK), -1); /* the file goes with it */
	loop_destroy(&loop);
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

static int join(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct timeval t = {.tv_sec = 10};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(a.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)), 0);
	return fd;
}

static void put(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* All lines up to the verdict, which is the last. */
static const char *verdict(int fd, char *all, size_t max)
{
	static char line[512];
	size_t n = 0;
	char c;

	all[0] = 0;
	while (n < sizeof(line) - 1 && read(fd, &c, 1) == 1) {
		line[n++] = c;
		if (c != '\n')
			continue;
		line[n] = 0;
		if (!strcmp(line, "ok\n") || !strncmp(line, "error: ", 7))
			return line;
		strncat(all, line, max - strlen(all) - 1);
		n = 0;
	}
	line[n] = 0;
	return line;
}

static void expect(int fd, const char *want)
{
	char all[512];

	assert_string_equal(verdict(fd, all, sizeof(all)), want);
}

static void commands(void **state)
{
	int fd = join();

	(void)state;
	put(fd, "echo a\n");
	expect(fd, "ok\n");
	assert_string_equal(got, "echo|a|");
	put(fd, "  echo\ta  bc \r\n"); /* as a terminal may send it */
	expect(fd, "ok\n");
	assert_string_equal(got, "echo|a|bc|");
	put(fd, "echo no\n");
	expect(fd, "error: as you said: no\n");
	put(fd, "echo2\n");
	expect(fd, "ok\n");
	assert_string_equal(got, "echo2|");
	put(fd, "ech a\n");
	expect(fd, "error: no such command; `help` lists them\n");
	put(fd, "WORD...\n");
	expect(fd, "error: no such command; `help` lists them\n");
	put(fd, "echo 1 2 3 4 5 6 7\n");
	expect(fd, "ok\n");
	put(fd, "echo 1 2 3 4 5 6 7 8\n");
	expect(fd, "error: no such command; `help` lists them\n");
	close(fd);
}

static void help(void **state)
{
	int fd = join();
	char all[512];

	(void)state;
	put(fd, "help\n");
	assert_string_equal(verdict(fd, all, sizeof(all)), "ok\n");
	assert_string_equal(all, "echo WORD...             says it again\n"
				 "echo2                    the same\n");
	close(fd);
}

/* Lines come in any pieces, and several at once. */
static void pieces(void **state)
{
	int fd = join();

	(void)state;
	put(fd, "ec");
	usleep(20000);
	put(fd, "ho a");
	usleep(20000);
	put(fd, "\necho no\n\n  \necho b\nec");
	expect(fd, "ok\n");
	expect(fd, "error: as you said: no\n");
	expect(fd, "ok\n");
	assert_string_equal(got, "echo|b|");
	put(fd, "ho c\n");
	expect(fd, "ok\n");
	assert_string_equal(got, "echo|c|");
	close(fd);
}

static void long_line(void **state)
{
	int fd = join();
	char text[CONTROL_LINE_MAX + 1];

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "echo ", 5);
	text[CONTROL_LINE_MAX - 1] = '\n';
	text[CONTROL_LINE_MAX] = 0;
	put(fd, text);
	expect(fd, "ok\n");
	text[CONTROL_LINE_MAX - 1] = 'x';
	put(fd, text);
	expect(fd, "error: that line is too long\n");
	assert_int_equal(read(fd, text, 1), 0);
	close(fd);
}

/* Some at a time; a place that is given up is there for the next. */
static void clients(void **state)
{
	int fd[CONTROL_CLIENTS_MAX], more;

	(void)state;
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		fd[i] = join();
		put(fd[i], "echo a\n");
		expect(fd[i], "ok\n");
	}
	more = join();
	expect(more, "error: too many are connected\n");
	close(more);
	close(fd[1]);
	for (int tries = 0; tries < 1000; tries++, usleep(10000)) {
		char all[512];

		fd[1] = join();
		if (write(fd[1], "echo a\n", 7) == 7 && !strcmp(verdict(fd[1], all, sizeof(all)), "ok\n"))
			break;
		close(fd[1]); /* it is not seen yet that one has left */
	}
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		put(fd[i], "echo a\n");
		expect(fd[i], "ok\n");
	}
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
		close(fd[i]);
}

/* One that never reads holds nobody up. */
static void deaf_client(void **state)
{
	int deaf = join(), fd = join();
	char many[4096];

	(void)state;
	memset(many, '\n', sizeof(many));
	for (size_t i = 0; i + 5 < sizeof(many); i += 5)
		memcpy(many + i, "help\n", 5);
	for (unsigned i = 0; i < 200; i++)
		if (send(deaf, many, sizeof(many), MSG_DONTWAIT) < 0)
			break;
	put(fd, "echo a\n");
	expect(fd, "ok\n");
	close(deaf);
	close(fd);
}

static void refused(const char *where, const char *word)
{
	char err[ERR_MAX] = "";

	assert_null(control_create(where, &loop, err));
	if (strncmp(err, "--control: ", 11) || !strstr(err, word) || strchr(err, '\n'))
		fail_msg("\"%s\" is no clear line with \"%s\"", err, word);
}

static void paths(void **state)
{
	struct stat s;
	char other[128], err[ERR_MAX], long_path[200];
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct control *again;
	FILE *f;
	int fd;

	(void)state;
	assert_int_equal(stat(path, &s), 0);
	assert_int_equal(s.st_mode & 0777, 0600);
	refused(path, "in use");
	refused("/nowhere/at/all", "cannot make /nowhere/at/all: No such file");
	memset(long_path, 'x', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = 0;
	refused(long_path, "107 bytes at the most");
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0); /* nor did it close what is not its own */
	/* a file is not taken away */
	snprintf(other, sizeof(other), "%s/other", dir);
	f = fopen(other, "w");
	assert_non_null(f);
	fclose(f);
	refused(other, "no socket");
	assert_int_equal(unlink(other), 0);
	/* a socket that nobody listens to is */
	strcpy(a.sun_path, other);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
	again = control_create(other, &loop, err);
	assert_non_null(again);
	control_destroy(again);
	assert_int_equal(access(other, F_OK), -1);
}

static void none(void **state)
{
	(void)state;
	control_add(NULL, "echo", "", echo, NULL);
	control_destroy(NULL);
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(commands), TEST(help),        TEST(pieces), TEST(long_line),
		TEST(clients),  TEST(deaf_client), TEST(paths),  cmocka_unit_test(none),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
