// SPDX-License-Identifier: BSD-2-Clause
/* The host's ends of a console's ports: names, files and terminals. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/ports.h"

static void names_of_sockets(void **state)
{
	char longest[256], text[ERR_MAX];
	int fd;

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[0] = '/';
	longest[255] = 0;
	assert_int_equal(console_host_listen(&ports.host, 1, "--port a", longest, ports.err), -1);
	assert_non_null(strstr(ports.err, "107 bytes at the most"));
	assert_int_equal(console_host_listen(&ports.host, 1, "--port a", "/nowhere/at/all", ports.err), -1);
	assert_string_equal(ports.err, "--port a: cannot make /nowhere/at/all: No such file or directory");
	console_host_remove(&ports.host, 1);
	/* a file in the way stays, a socket that somebody listens on too */
	fd = open(ports.path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	snprintf(text, sizeof(text),
		 "--port a: %s is there already, and in use or no socket; take another path", ports.path);
	assert_int_equal(console_host_listen(&ports.host, 1, "--port a", ports.path, ports.err), -1);
	assert_string_equal(ports.err, text);
	console_host_remove(&ports.host, 1);
	assert_int_equal(access(ports.path, F_OK), 0);
	unlink(ports.path);
	assert_int_equal(console_host_listen(&ports.host, 1, "--port a", ports.path, ports.err), 0);
	assert_int_equal(console_host_listen(&ports.host, 2, "--port a", ports.path, ports.err), -1);
	assert_string_equal(ports.err, text);
	/* what somebody who was killed has left does not */
	ports.host.port[1].listener.name[0] = 0;
	console_host_remove(&ports.host, 1);
	console_host_remove(&ports.host, 2);
	assert_int_equal(access(ports.path, F_OK), 0);
	assert_int_equal(console_host_listen(&ports.host, 1, "--port a", ports.path, ports.err), 0);
	console_host_remove(&ports.host, 1);
	assert_int_equal(access(ports.path, F_OK), -1); /* and we leave nothing */
}

static void file_is_appended_to(void **state)
{
	struct console_io io;
	int fd = open(ports.path, O_CREAT | O_RDWR, 0600);

	(void)state;
	assert_int_equal(write(fd, "old ", 4), 4);
	assert_int_equal(console_host_append(&ports.host, 3, "--port log", ports.path, ports.err), 0);
	ports_run();
	ports_send(&io, 3, "new", 3);
	assert_int_equal(ports.port[3].answered, 1);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	ports_expect(fd, "old new");
	ports_stop();
	/* a disk's, or a recording */
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &(struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET}), 0);
	assert_int_equal(console_host_append(&ports.host, 5, "--port log", ports.path, ports.err), -1);
	assert_non_null(strstr(ports.err, "is in use, as a disk"));
	close(fd);
	assert_int_equal(console_host_append(&ports.host, 4, "--port log", "/nowhere/at/all", ports.err), -1);
	assert_string_equal(ports.err, "--port log: /nowhere/at/all: No such file or directory");
}

/* Standard error is where a pseudo terminal's name is told. */
static int open_pty(char *name, size_t max)
{
	int told[2], before = dup(STDERR_FILENO), child;
	char text[256] = "";
	const char *at;

	assert_int_equal(pipe(told), 0);
	dup2(told[1], STDERR_FILENO);
	assert_int_equal(console_host_terminal(&ports.host, "pty", ports.err), 0);
	dup2(before, STDERR_FILENO);
	assert_true(read(told[0], text, sizeof(text) - 1) > 0);
	at = strstr(text, "/dev/pts/");
	assert_non_null(at);
	snprintf(name, max, "%.*s", (int)strcspn(at, "\n"), at);
	child = open(name, O_RDWR | O_NOCTTY);
	close(before);
	close(told[0]);
	close(told[1]);
	return child;
}

static void pty_stopped_and_gone_and_back(void **state)
{
	enum { LEN = 200000 };
	struct console_io io;
	uint8_t *out = malloc(LEN), *in = malloc(LEN);
	char name[64];
	size_t got = 0;
	int child = open_pty(name, sizeof(name));

	(void)state;
	for (size_t i = 0; i < LEN; i++)
		out[i] = (uint8_t)(i * 7 + i / 251);
	ports_run();
	ports_make_room(0, 100);
	assert_int_equal(write(child, "ls\r", 3), 3);
	PORTS_UNTIL(ports.port[0].ngot == 3);
	ports_send(&io, 0, out, LEN);
	ports_sleep_ms(100); /* stopped */
	assert_int_equal(ports.port[0].answered, 0);
	while (got < LEN) {
		ssize_t n = read(child, in + got, LEN - got);

		assert_true(n > 0);
		got += (size_t)n;
	}
	assert_memory_equal(in, out, LEN);
	PORTS_UNTIL(ports.port[0].answered == 1);
	ports_send(&io, 0, out, LEN);
	close(child);
	PORTS_UNTIL(ports.port[0].answered == 2); /* nobody is waited for who is not there */
	child = open(name, O_RDWR | O_NOCTTY);
	assert_int_equal(write(child, "again", 5), 5);
	PORTS_UNTIL(ports.port[0].ngot == 8);
	assert_memory_equal(ports.port[0].got, "ls\ragain", 8);
	ports_stop();
	close(child);
	free(in);
	free(out);
}

static void emergency_writes_go_out_at_once(void **state)
{
	char name[64];
	int child = open_pty(name, sizeof(name));

	(void)state;
	ports.backend.emergency(ports.backend.ctx, 'o');
	ports.backend.emergency(ports.backend.ctx, 'h');
	ports_expect(child, "oh");
	close(child);
}

static void a_regular_file_is_typed_as_the_guest_takes_it(void **state)
{
	enum { LEN = 100000 };
	int before = dup(STDIN_FILENO), fd = open(ports.path, O_CREAT | O_RDWR, 0600);
	char *text = malloc(LEN);

	(void)state;
	for (int i = 0; i < LEN; i++)
		text[i] = (char)('a' + i % 23);
	text[7] = 1; /* Ctrl-A: a file is no terminal */
	assert_int_equal(write(fd, text, LEN), LEN);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	dup2(fd, STDIN_FILENO);
	assert_int_equal(console_host_terminal(&ports.host, "stdio", ports.err), 0);
	ports_run();
	for (uint32_t n = 0; n < LEN;) {
		uint32_t more = LEN - n < 9999 ? LEN - n : 9999;

		ports_make_room(0, more);
		n += more;
		PORTS_UNTIL(ports.port[0].ngot == n);
	}
	assert_memory_equal(ports.port[0].got, text, LEN);
	ports_stop();
	dup2(before, STDIN_FILENO);
	close(before);
	close(fd);
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, ports_create, ports_destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_of_sockets),
		TEST(file_is_appended_to),
		TEST(pty_stopped_and_gone_and_back),
		TEST(emergency_writes_go_out_at_once),
		TEST(a_regular_file_is_typed_as_the_guest_takes_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
