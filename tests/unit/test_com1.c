// SPDX-License-Identifier: BSD-2-Clause
/*
 * COM1 and its terminal with a real event loop: standard input is replaced by a pipe, a file or a terminal, and the
 * test plays the guest on the port's registers.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/serial_reg.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "com1.h"

#define WAIT_MAX_MS 5000

static struct loop loop;
static struct com1 com1;
static atomic_int ended;
static pthread_t thread;
static char err[ERR_MAX];
static int stdin_before, irq_fd, loop_status, out[2]; /* out: a pipe that gets the guest's output */

static void *run_loop(void *arg)
{
	loop_status = loop_run(&loop);
	return arg;
}

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* Puts fd in place of standard input and a pipe in place of standard output, and starts a console on them. */
static void start(int in_fd)
{
	int stdout_before = dup(STDOUT_FILENO);

	stdin_before = dup(STDIN_FILENO);
	assert_true(dup2(in_fd, STDIN_FILENO) >= 0);
	irq_fd = eventfd(0, EFD_NONBLOCK);
	atomic_store(&ended, 0);
	assert_int_equal(loop_create(&loop), 0);
	assert_int_equal(pipe(out), 0);
	fflush(stdout);
	assert_true(dup2(out[1], STDOUT_FILENO) >= 0);
	assert_int_equal(com1_open(&com1, &loop, "stdio", &ended, err), 0);
	dup2(stdout_before, STDOUT_FILENO);
	close(stdout_before);
	assert_int_equal(com1_start(&com1, irq_fd, err), 0);
	assert_int_equal(pthread_create(&thread, NULL, run_loop, NULL), 0);
}

static void stop(void)
{
	loop_stop(&loop);
	pthread_join(thread, NULL);
	assert_int_equal(loop_status, 0);
	com1_close(&com1);
	close(out[0]);
	close(out[1]);
	loop_destroy(&loop);
	close(irq_fd);
	dup2(stdin_before, STDIN_FILENO);
	close(stdin_before);
}

/* The guest opens the port: FIFO on, RTS up, interrupt on. */
static void open_port(void)
{
	com1_write(&com1, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	com1_write(&com1, UART_IER, UART_IER_RDI);
	com1_write(&com1, UART_MCR, UART_MCR_RTS);
}

/* The guest waits for one byte; -1: none came in all that time. */
static int get(int wait_ms)
{
	for (; wait_ms > 0; wait_ms--) {
		if (com1_read(&com1, UART_LSR) & UART_LSR_DR)
			return com1_read(&com1, UART_RX);
		sleep_ms(1);
	}
	return -1;
}

static void expect_text(const char *text)
{
	for (; *text; text++)
		assert_int_equal(get(WAIT_MAX_MS), *text);
}

static void pipe_holds_input_back_until_the_port_is_open(void **state)
{
	int fds[2];
	uint64_t irqs;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	start(fds[0]);
	assert_int_equal(write(fds[1], "early", 5), 5);
	assert_int_equal(get(50), -1);
	open_port();
	expect_text("early");
	assert_int_equal(read(irq_fd, &irqs, sizeof(irqs)), sizeof(irqs));
	assert_int_equal(write(fds[1], "late", 4), 4);
	expect_text("late");
	close(fds[1]); /* the end of input is not the end of the machine */
	assert_int_equal(get(20), -1);
	stop();
	close(fds[0]);
}

static void nothing_is_lost_of_a_long_input(void **state)
{
	enum { LEN = 20000 };
	char *text = malloc(LEN);
	char path[] = "/tmp/ringside-console.XXXXXX";
	int fds[2], file;

	(void)state;
	for (int i = 0; i < LEN; i++)
		text[i] = (char)('a' + i % 23);
	file = mkstemp(path);
	assert_int_equal(write(file, text, LEN), LEN);
	assert_int_equal(lseek(file, 0, SEEK_SET), 0);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], text, LEN), LEN);
	for (int pass = 0; pass < 2; pass++) {
		start(pass ? file : fds[0]);
		open_port();
		for (int i = 0; i < LEN; i++)
			assert_int_equal(get(WAIT_MAX_MS), text[i]);
		assert_int_equal(get(20), -1);
		stop();
	}
	unlink(path);
	close(file);
	close(fds[0]);
	close(fds[1]);
	free(text);
}

static int open_terminal(int *child)
{
	int parent = posix_openpt(O_RDWR | O_NOCTTY);

	assert_true(parent >= 0);
	assert_int_equal(grantpt(parent), 0);
	assert_int_equal(unlockpt(parent), 0);
	*child = open(ptsname(parent), O_RDWR | O_NOCTTY);
	assert_true(*child >= 0);
	return parent;
}

static void terminal_is_raw_and_comes_back(void **state)
{
	struct termios before, during, after;
	int child, parent = open_terminal(&child);

	(void)state;
	tcgetattr(child, &before);
	assert_true(before.c_lflag & (ECHO | ISIG));
	start(child);
	tcgetattr(child, &during);
	assert_false(during.c_lflag & (ECHO | ISIG | ICANON));
	open_port();
	assert_int_equal(write(parent, "\003\032", 2), 2); /* Ctrl-C and Ctrl-Z are the guest's */
	expect_text("\003\032");
	stop();
	tcgetattr(child, &after);
	assert_int_equal(after.c_lflag, before.c_lflag);
	assert_int_equal(after.c_iflag, before.c_iflag);
	assert_int_equal(after.c_oflag, before.c_oflag);
	assert_int_equal(after.c_cflag, before.c_cflag);
	assert_memory_equal(after.c_cc, before.c_cc, sizeof(cc_t) * VEOL2);
	close(child);
	close(parent);
}

static void ctrl_a_x_ends_it(void **state)
{
	int child, parent = open_terminal(&child);

	(void)state;
	start(child);
	open_port();
	assert_int_equal(write(parent, "x\001\001\001bx", 6),
			 6); /* doubled: one goes through; with b: dropped */
	expect_text("x\001x");
	assert_int_equal(write(parent, "\001x", 2), 2);
	pthread_join(thread, NULL); /* the loop ends by itself */
	assert_true(com1.terminal.quit);
	pthread_create(&thread, NULL, run_loop, NULL);
	stop();
	close(child);
	close(parent);
}

static void ctrl_a_question_mark_tells_the_keys(void **state)
{
	int child, parent = open_terminal(&child);
	char told[256];
	ssize_t n;

	(void)state;
	start(child);
	open_port();
	assert_int_equal(write(parent, "a\001?b", 4), 4);
	expect_text("ab");
	n = read(out[0], told, sizeof(told) - 1);
	assert_true(n > 0);
	told[n] = 0;
	assert_non_null(strstr(told, "Ctrl-A x"));
	stop();
	close(child);
	close(parent);
}

static void slow_reader_slows_the_guest_until_the_end(void **state)
{
	int null = open("/dev/null", O_RDONLY), taken = 0;
	char byte;

	(void)state;
	start(null);
	for (int i = 0; i < 65536; i++)
		com1_write(&com1, UART_TX, 'x');
	atomic_store(&ended, 1); /* the pipe is full: without this the next byte would wait for ever */
	com1_write(&com1, UART_TX, 'y');
	assert_int_equal(fcntl(out[0], F_SETFL, O_NONBLOCK), 0);
	while (read(out[0], &byte, 1) == 1 && byte == 'x')
		taken++;
	assert_int_equal(taken, 65536);
	stop();
	close(null);
}

/* A guest that hangs takes no input; Ctrl-A x must end it all the same. */
static void ctrl_a_x_ends_a_guest_that_does_not_listen(void **state)
{
	int child, parent = open_terminal(&child);

	(void)state;
	start(child);
	assert_int_equal(write(parent, "why?\003\001x", 7), 7);
	pthread_join(thread, NULL);
	assert_true(com1.terminal.quit);
	pthread_create(&thread, NULL, run_loop, NULL);
	stop();
	close(child);
	close(parent);
}

/* KVM may have taken the signal, and the snapshot not hold the interrupt yet: the guest would wait for ever. */
static void a_restored_port_interrupts_once_more(void **state)
{
	uint8_t bytes[64];
	struct state_out saved = {bytes, sizeof(bytes), 0};
	struct state_in in = {.buf = bytes};
	uint64_t irqs;

	(void)state;
	irq_fd = eventfd(0, EFD_NONBLOCK);
	assert_int_equal(loop_create(&loop), 0);
	for (int asserted = 0; asserted < 2; asserted++) {
		assert_int_equal(com1_open(&com1, &loop, "/dev/null", &ended, err), 0);
		com1.irq_fd = irq_fd;
		com1_write(&com1, UART_MCR, UART_MCR_OUT2);
		com1_write(&com1, UART_IER, asserted ? UART_IER_THRI : 0);
		assert_int_equal(read(irq_fd, &irqs, sizeof(irqs)) > 0, asserted);
		saved.len = 0;
		com1_save(&com1, &saved);
		com1_close(&com1);
		assert_int_equal(com1_open(&com1, &loop, "/dev/null", &ended, err), 0);
		in = (struct state_in){.buf = bytes, .len = saved.len};
		assert_true(com1_load(&com1, &in));
		assert_int_equal(com1_start(&com1, irq_fd, err), 0);
		assert_int_equal(read(irq_fd, &irqs, sizeof(irqs)) > 0, asserted);
		com1_close(&com1);
	}
	loop_destroy(&loop);
	close(irq_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pipe_holds_input_back_until_the_port_is_open),
		cmocka_unit_test(nothing_is_lost_of_a_long_input),
		cmocka_unit_test(terminal_is_raw_and_comes_back),
		cmocka_unit_test(ctrl_a_x_ends_it),
		cmocka_unit_test(ctrl_a_x_ends_a_guest_that_does_not_listen),
		cmocka_unit_test(ctrl_a_question_mark_tells_the_keys),
		cmocka_unit_test(slow_reader_slows_the_guest_until_the_end),
		cmocka_unit_test(a_restored_port_interrupts_once_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
