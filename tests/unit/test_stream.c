// SPDX-License-Identifier: BSD-2-Clause
/* Streams and terminals of the host, with real pipes, sockets, files and pseudo terminals. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>

#include "terminal.h"

static char err[ERR_MAX];

static size_t put(struct stream *s, const char *text)
{
	char copy[256];
	size_t n = strlen(text);

	memcpy(copy, text, n);
	return stream_write(s, &(struct iovec){copy, n}, 1);
}

static void expect(struct stream *s, const char *text)
{
	char data[256];
	size_t n = strlen(text);

	poll(&(struct pollfd){.fd = s->in_fd, .events = POLLIN}, 1, 5000);
	assert_int_equal(stream_read(s, data, sizeof(data)), n);
	assert_memory_equal(data, text, n);
}

/* Runs fn with in and out in place of standard input and output. */
static void with_stdio(int in, int out, void (*fn)(struct stream *))
{
	int before[2] = {dup(STDIN_FILENO), dup(STDOUT_FILENO)};
	struct stream s;

	fflush(stdout);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	stream_stdio(&s, "test");
	fn(&s);
	stream_close(&s);
	dup2(before[0], STDIN_FILENO);
	dup2(before[1], STDOUT_FILENO);
	close(before[0]);
	close(before[1]);
}

static void echo_once(struct stream *s)
{
	char byte;

	assert_int_equal(stream_read(s, &byte, 1), 0);
	assert_int_equal(put(s, "out"), 3);
}

static bool blocks(int fd)
{
	return !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static int in_fd, out_fd;

static void others_do_not_notice(struct stream *s)
{
	echo_once(s);
	assert_true(blocks(in_fd) && blocks(out_fd));
}

static void pipes_of_others_stay_as_they_are(void **state)
{
	int in[2], out[2];
	char text[3];

	(void)state;
	assert_int_equal(pipe(in) | pipe(out), 0);
	in_fd = in[0];
	out_fd = out[1];
	with_stdio(in_fd, out_fd, others_do_not_notice);
	assert_int_equal(read(out[0], text, sizeof(text)), 3);
	for (int i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
}

static void terminals_of_others_stay_as_they_are(void **state)
{
	int parent;

	(void)state;
	assert_int_equal(openpty(&parent, &in_fd, NULL, NULL, NULL), 0);
	out_fd = in_fd;
	with_stdio(in_fd, out_fd, others_do_not_notice);
	close(in_fd);
	close(parent);
}

static void sockets_are_given_back(void **state)
{
	int fds[2];
	char text[3];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	with_stdio(fds[0], fds[0], echo_once);
	assert_true(blocks(fds[0]));
	assert_int_equal(read(fds[1], text, sizeof(text)), 3);
	close(fds[0]);
	close(fds[1]);
}

static void full_is_not_broken(void **state)
{
	static char block[4096];
	struct iovec iov = {block, sizeof(block)};
	struct stream s;
	int fds[2];
	size_t n, total = 0;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	stream_fds(&s, "test", fds[0], fds[1]);
	while ((n = stream_write(&s, &iov, 1)))
		total += n;
	assert_true(total >= 65536);
	assert_int_equal(stream_read(&s, block, sizeof(block)), sizeof(block));
	assert_int_equal(stream_write(&s, &iov, 1), sizeof(block));
	stream_close(&s);
	assert_int_equal(s.in_fd, -1);
}

static void broken_is_told_once_and_the_end_is_an_end(void **state)
{
	struct stream s;
	int fds[2], told[2], before = dup(STDERR_FILENO);
	char text[512] = "", byte;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(pipe(told), 0);
	stream_fds(&s, "the test", fds[0], fds[0]);
	close(fds[1]);
	dup2(told[1], STDERR_FILENO);
	assert_int_equal(put(&s, "lost"), 4);
	assert_int_equal(put(&s, "too"), 3);
	dup2(before, STDERR_FILENO);
	assert_true(read(told[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "the test: cannot write: Broken pipe"));
	assert_ptr_equal(strchr(text, '\n'), strrchr(text, '\n'));
	assert_int_equal(stream_read(&s, &byte, 1), -1);
	stream_close(&s);
	close(before);
	close(told[0]);
	close(told[1]);
}

static void nowhere_takes_everything(void **state)
{
	struct terminal t;
	uint16_t cols, rows;

	(void)state;
	assert_int_equal(terminal_open(&t, NULL, "test", err), 0);
	assert_int_equal(put(&t.stream, "lost"), 4);
	assert_false(terminal_size(&t, &cols, &rows));
	terminal_close(&t);
}

/* Opens a pseudo terminal; child: its name. What is told on standard error is taken. */
static void open_pty(struct terminal *t, char *child, size_t max)
{
	int told[2], before = dup(STDERR_FILENO);
	char text[256] = "";
	const char *name;

	assert_int_equal(pipe(told), 0);
	dup2(told[1], STDERR_FILENO);
	assert_int_equal(terminal_open(t, "pty", "hvc0", err), 0);
	dup2(before, STDERR_FILENO);
	assert_true(read(told[0], text, sizeof(text) - 1) > 0);
	name = strstr(text, "hvc0 is at /dev/pts/");
	assert_non_null(name);
	snprintf(child, max, "%.*s", (int)strcspn(name + 11, "\n"), name + 11);
	close(before);
	close(told[0]);
	close(told[1]);
}

static void pty_outlives_who_has_it_open(void **state)
{
	struct terminal t;
	char name[64], byte;

	(void)state;
	open_pty(&t, name, sizeof(name));
	for (int i = 0; i < 3; i++) {
		int child;
		char text[16];

		assert_int_equal(put(&t.stream, "early "), 6);
		assert_int_equal(stream_read(&t.stream, &byte, 1), 0); /* nobody is no end */
		child = open(name, O_RDWR | O_NOCTTY);
		assert_true(child >= 0);
		assert_int_equal(stream_read(&t.stream, &byte, 1), 0);
		assert_int_equal(put(&t.stream, "hello"), 5);
		for (size_t n = 0; n < 11;)
			n += (size_t)read(child, text + n, sizeof(text) - n);
		assert_memory_equal(text, "early hello", 11);
		assert_int_equal(write(child, "\003x\r", 3), 3);
		expect(&t.stream, "\003x\r"); /* raw, and no echo of hello before it */
		close(child);
	}
	for (int i = 0; i < 50000; i++)
		assert_int_equal(put(&t.stream, "x"), 1); /* nobody is waited for */
	terminal_close(&t);
}

static void pty_has_a_size_and_a_slow_reader_is_waited_for(void **state)
{
	struct winsize size = {.ws_row = 50, .ws_col = 132};
	uint16_t cols = 0, rows = 0;
	struct terminal t;
	char name[64], text[4096];
	size_t sent = 0, got = 0;
	int child;

	(void)state;
	open_pty(&t, name, sizeof(name));
	child = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
	assert_int_equal(ioctl(child, TIOCSWINSZ, &size), 0);
	assert_true(terminal_size(&t, &cols, &rows));
	assert_int_equal(cols, 132);
	assert_int_equal(rows, 50);
	while (put(&t.stream, "x"))
		sent++;
	assert_true(sent >= 4000);
	for (int still = 0; still < 100 && got < sent; still++) { /* the kernel hands it on in pieces */
		ssize_t n = read(child, text, sizeof(text));

		got += n > 0 ? (size_t)n : 0;
		if (n <= 0)
			poll(&(struct pollfd){.fd = child, .events = POLLIN}, 1, 100);
	}
	assert_int_equal(got, sent);
	assert_int_equal(put(&t.stream, "x"), 1);
	close(child);
	terminal_close(&t);
}

static void one_terminal_is_known_by_two_names(void **state)
{
	struct terminal a, b, c;
	char path[] = "/tmp/ringside-terminal.XXXXXX", other[64];

	(void)state;
	close(mkstemp(path));
	snprintf(other, sizeof(other), "/tmp/../%s", path);
	assert_int_equal(terminal_open(&a, path, "a", err), 0);
	assert_int_equal(terminal_open(&b, other, "b", err), -1);
	assert_non_null(strstr(err, "is in use, as a disk, a recording or another console"));
	assert_true(terminal_same(&a, &b));
	terminal_close(&a);
	terminal_close(&b);
	assert_int_equal(terminal_open(&a, "/dev/null", "a", err), 0);
	assert_int_equal(terminal_open(&b, "/dev/null", "b", err), 0);
	assert_int_equal(terminal_open(&c, NULL, "c", err), 0);
	assert_false(terminal_same(&a, &b));
	assert_false(terminal_same(&a, &c));
	terminal_close(&a);
	terminal_close(&b);
	assert_int_equal(terminal_open(&a, "/nowhere/at/all", "a", err), -1);
	assert_string_equal(err, "--console /nowhere/at/all: No such file or directory");
	terminal_close(&a);
	unlink(path);
}

/* A disk, given here by mistake, is locked; a log of the last time is not, and begins anew once all is open. */
static void a_file_is_emptied_late_and_a_disk_never(void **state)
{
	struct flock fl = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	char path[] = "/tmp/ringside-terminal.XXXXXX";
	int fd = mkstemp(path);
	struct terminal t;
	struct stat st;

	(void)state;
	assert_int_equal(write(fd, "old", 3), 3);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &fl), 0);
	assert_int_equal(terminal_open(&t, path, "a", err), -1);
	terminal_close(&t);
	fl.l_type = F_UNLCK;
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &fl), 0);
	assert_int_equal(terminal_open(&t, path, "a", err), 0);
	fl.l_type = F_RDLCK;
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &fl), -1); /* who opens the disk afterwards */
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 3);
	terminal_start(&t);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(put(&t.stream, "x"), 1);
	terminal_close(&t);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pipes_of_others_stay_as_they_are),
		cmocka_unit_test(terminals_of_others_stay_as_they_are),
		cmocka_unit_test(sockets_are_given_back),
		cmocka_unit_test(full_is_not_broken),
		cmocka_unit_test(broken_is_told_once_and_the_end_is_an_end),
		cmocka_unit_test(nowhere_takes_everything),
		cmocka_unit_test(a_file_is_emptied_late_and_a_disk_never),
		cmocka_unit_test(pty_outlives_who_has_it_open),
		cmocka_unit_test(pty_has_a_size_and_a_slow_reader_is_waited_for),
		cmocka_unit_test(one_terminal_is_known_by_two_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
