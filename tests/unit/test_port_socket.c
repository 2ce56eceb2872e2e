// SPDX-License-Identifier: BSD-2-Clause
/* The host's ends of a console's ports: sockets and their clients. */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/ports.h"

static void socket_serves_one_client_after_the_other(void **state)
{
	struct console_io io[2];
	int a, b;

	(void)state;
	assert_int_equal(console_host_listen(&ports.host, 2, "--port x", ports.path, ports.err), 0);
	ports_run();
	ports_send(&io[0], 2, "nobody there", 12); /* lost, as the guest was not told of anybody */
	assert_int_equal(ports.port[2].answered, 1);
	for (int i = 0; i < 3; i++) {
		a = ports_client();
		PORTS_UNTIL(ports.port[2].open == 1);
		b = ports_client();
		assert_int_equal(write(b, "second", 6), 6);
		assert_int_equal(write(a, "first", 5), 5);
		ports_make_room(2, 100);
		PORTS_UNTIL(ports.port[2].ngot == 5);
		assert_memory_equal(ports.port[2].got, "first", 5);
		ports_send(&io[0], 2, "answer", 6);
		ports_expect(a, "answer");
		close(a);
		PORTS_UNTIL(ports.port[2].ngot == 11);
		assert_memory_equal(ports.port[2].got + 5, "second", 6);
		assert_int_equal(ports.port[2].open, 1);
		assert_int_equal(ports.port[2].opens, 4 * i + 3);
		close(b);
		PORTS_UNTIL(ports.port[2].open == 0);
		ports.port[2].ngot = 0;
	}
	ports_stop();
}

static void what_a_client_sent_outlives_it(void **state)
{
	enum { LEN = 50000 };
	char *text = malloc(LEN);
	int a;

	(void)state;
	memset(text, 'x', LEN);
	assert_int_equal(console_host_listen(&ports.host, 1, "--port x", ports.path, ports.err), 0);
	ports_run();
	a = ports_client();
	assert_int_equal(write(a, text, LEN), LEN);
	close(a);
	PORTS_UNTIL(ports.port[1].waits); /* the guest takes nothing */
	ports_sleep_ms(20);
	assert_int_equal(ports.port[1].open, 1);
	for (int i = 1; i <= 5; i++) {
		ports_make_room(1, LEN / 5);
		PORTS_UNTIL(ports.port[1].ngot == (uint32_t)i * (LEN / 5));
	}
	assert_memory_equal(ports.port[1].got, text, LEN);
	PORTS_UNTIL(ports.port[1].open == 0);
	ports_stop();
	free(text);
}

static void a_client_that_sends_no_more_still_listens(void **state)
{
	struct console_io io;
	int a;

	(void)state;
	assert_int_equal(console_host_listen(&ports.host, 1, "--port x", ports.path, ports.err), 0);
	ports_run();
	ports_make_room(1, 100);
	a = ports_client();
	assert_int_equal(write(a, "question", 8), 8);
	shutdown(a, SHUT_WR);
	PORTS_UNTIL(ports.port[1].ngot == 8);
	ports_sleep_ms(20);
	assert_int_equal(ports.port[1].open, 1);
	ports_send(&io, 1, "answer", 6);
	ports_expect(a, "answer");
	close(a);
	PORTS_UNTIL(ports.port[1].open == 0);
	ports_stop();
}

static void a_slow_client_holds_the_guest_up_and_loses_nothing(void **state)
{
	enum { LEN = 100000 };
	struct console_io io[CONSOLE_TX_MAX];
	uint8_t *out = malloc(CONSOLE_TX_MAX * LEN), *in = malloc(CONSOLE_TX_MAX * LEN);
	size_t got = 0;
	int a, small = 4096;

	(void)state;
	for (size_t i = 0; i < CONSOLE_TX_MAX * LEN; i++)
		out[i] = (uint8_t)(i * 7 + i / 251);
	assert_int_equal(console_host_listen(&ports.host, 1, "--port x", ports.path, ports.err), 0);
	ports_run();
	a = ports_client();
	setsockopt(a, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	PORTS_UNTIL(ports.port[1].open == 1);
	for (int i = 0; i < CONSOLE_TX_MAX; i++)
		ports_send(&io[i], 1, out + i * LEN, LEN);
	ports_sleep_ms(50);
	assert_true(ports.port[1].answered < CONSOLE_TX_MAX); /* held: nothing was copied */
	while (got < CONSOLE_TX_MAX * LEN) {
		ssize_t n = read(a, in + got, CONSOLE_TX_MAX * LEN - got);

		assert_true(n > 0);
		got += (size_t)n;
	}
	assert_memory_equal(in, out, CONSOLE_TX_MAX * LEN);
	PORTS_UNTIL(ports.port[1].answered == CONSOLE_TX_MAX);
	assert_int_equal(ports.port[1].lost, 0);
	close(a);
	PORTS_UNTIL(ports.port[1].open == 0);
	ports_stop();
	free(in);
	free(out);
}

static void a_client_that_goes_takes_the_rest_with_it(void **state)
{
	enum { LEN = 1000000 };
	struct console_io io[2];
	uint8_t *out = calloc(1, LEN);
	int a;

	(void)state;
	assert_int_equal(console_host_listen(&ports.host, 1, "--port x", ports.path, ports.err), 0);
	ports_run();
	a = ports_client();
	PORTS_UNTIL(ports.port[1].open == 1);
	ports_send(&io[0], 1, out, LEN);
	ports_send(&io[1], 1, out, LEN);
	assert_int_equal(ports.port[1].answered, 0);
	close(a);
	PORTS_UNTIL(ports.port[1].open == 0);
	assert_int_equal(ports.port[1].answered, 2);
	a = ports_client(); /* and does not hear the end of somebody else's message */
	PORTS_UNTIL(ports.port[1].open == 1);
	ports_send(&io[0], 1, "hello", 5);
	ports_expect(a, "hello");
	close(a);
	PORTS_UNTIL(ports.port[1].open == 0);
	ports_stop();
	free(out);
}

static void drain_returns_at_once(void **state)
{
	enum { LEN = 1000000 };
	struct console_io io[3];
	uint8_t *out = calloc(1, LEN);
	int a;

	(void)state;
	assert_int_equal(console_host_listen(&ports.host, 1, "--port x", ports.path, ports.err), 0);
	ports_run();
	a = ports_client();
	PORTS_UNTIL(ports.port[1].open == 1);
	for (int i = 0; i < 3; i++)
		ports_send(&io[i], 1, out, LEN);
	ports_lock();
	ports.backend.drain(ports.backend.ctx, 1);
	assert_int_equal(ports.port[1].answered, 3);
	assert_true(ports.port[1].lost > 2 * LEN && ports.port[1].lost < 3 * LEN);
	ports_unlock();
	close(a);
	PORTS_UNTIL(ports.port[1].open == 0);
	ports_stop();
	free(out);
}

static void *read_all(void *fd)
{
	char data[4096];

	while (read(*(int *)fd, data, sizeof(data)) > 0)
		;
	return NULL;
}

static void what_is_in_flight_at_the_end_reaches_who_reads(void **state)
{
	enum { LEN = 1000000 };
	struct console_io io;
	uint8_t *out = calloc(1, LEN);
	pthread_t reader;
	int a;

	(void)state;
	assert_int_equal(console_host_listen(&ports.host, 1, "--port x", ports.path, ports.err), 0);
	ports_run();
	a = ports_client();
	PORTS_UNTIL(ports.port[1].open == 1);
	ports_send(&io, 1, out, LEN);
	ports_stop();
	assert_int_equal(pthread_create(&reader, NULL, read_all, &a), 0);
	assert_true(console_host_flush(&ports.host));
	assert_int_equal(ports.port[1].answered, 1);
	assert_int_equal(ports.port[1].lost, 0);
	assert_false(console_host_flush(&ports.host));
	ports_send(&io, 1, out, LEN);
	console_host_flush(&ports.host);
	ports.backend.drain(ports.backend.ctx, 1);
	port_leave(&ports.host.port[1]); /* the end for who reads */
	pthread_join(reader, NULL);
	close(a);
	free(out);
}

/* The client is sent away; who connects while the port is out is served once it is back. */
static void an_unplugged_port_serves_nobody(void **state)
{
	char byte;
	int a, b;

	(void)state;
	assert_int_equal(console_host_listen(&ports.host, 1, "--port x", ports.path, ports.err), 0);
	ports_run();
	ports_make_room(1, 100);
	a = ports_client();
	PORTS_UNTIL(ports.port[1].open == 1);
	ports_lock();
	port_drain(&ports.host.port[1]);
	console_host_unplug(&ports.host, 1);
	ports_unlock();
	assert_int_equal(read(a, &byte, 1), 0);
	close(a);
	b = ports_client();
	assert_int_equal(write(b, "late", 4), 4);
	ports_sleep_ms(20);
	assert_int_equal(ports.port[1].opens, 1);
	ports_lock();
	assert_int_equal(ports.port[1].ngot, 0);
	console_host_plug(&ports.host, 1);
	ports_unlock();
	PORTS_UNTIL(ports.port[1].ngot == 4);
	assert_int_equal(ports.port[1].opens, 2);
	close(b);
	ports_stop();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, ports_create, ports_destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(socket_serves_one_client_after_the_other),
		TEST(what_a_client_sent_outlives_it),
		TEST(a_client_that_sends_no_more_still_listens),
		TEST(a_slow_client_holds_the_guest_up_and_loses_nothing),
		TEST(a_client_that_goes_takes_the_rest_with_it),
		TEST(drain_returns_at_once),
		TEST(what_is_in_flight_at_the_end_reaches_who_reads),
		TEST(an_unplugged_port_serves_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
