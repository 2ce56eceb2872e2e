// SPDX-License-Identifier: BSD-2-Clause
/*
 * The oracle of a console's byte streams, with a device that is played by the test: what gets lost, comes twice, is
 * made up, changes its order or its port is found; what may happen is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "oracle_stream.h"

#define OUT gpa(RAM_LOW)
#define IN  gpa(RAM_LOW + 0x4000)

static struct stream s;
static struct ram ram;
static struct oracle *oracle;
static uint32_t cries;
static char cried[200];

static void on_violation(void *ctx, const struct violation *v)
{
	(void)ctx;
	cries++;
	assert_string_equal(v->oracle, "content");
	memcpy(cried, v->what, sizeof(cried));
}

static int setup(void **state)
{
	const struct oracle_config c = {.nqueues = 1, .queue_size_max = {4}, .report = on_violation};
	(void)state;
	assert_true(ram_create(&ram));
	oracle = oracle_create(&c);
	stream_init(&s, oracle, &ram);
	stream_restart(&s);
	cries = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	oracle_destroy(oracle);
	ram_destroy(&ram);
	return 0;
}

static void silent(void)
{
	if (cries)
		print_message("unexpected: %s\n", cried);
	assert_int_equal(cries, 0);
}

static void cries_of(const char *what)
{
	assert_int_equal(cries, 1);
	assert_non_null(strstr(cried, what));
	cries = 0;
}

static gpa_t plus(gpa_t a, uint32_t n)
{
	return gpa(a.v + n);
}

static void *at(gpa_t a)
{
	uint32_t n = 1;
	return ram_at(&ram, a, &n);
}

static struct console_io request(enum console_io_type type, uint16_t port, gpa_t a, uint32_t n)
{
	return (struct console_io){
		.type = (uint8_t)type, .port = port, .len = n, .nspans = 1, .span = {{at(a), n}}};
}

/* The driver's output at a reaches the backend. */
static void take(uint16_t port, gpa_t a, uint32_t n)
{
	const struct console_io io = request(CONSOLE_IO_TX, port, a, n);
	stream_taken(&s, &io);
}

/* The backend gives n bytes, which the device puts at a. */
static void give(uint16_t port, gpa_t a, uint32_t n)
{
	const struct console_io io = request(CONSOLE_IO_RX, port, a, n);
	stream_asked(&s, port, true);
	stream_give(&s, &io, n);
}

static uint16_t room(uint8_t port, gpa_t a, uint32_t n)
{
	const struct content_piece piece[2] = {{a, n / 2}, {plus(a, n / 2), n - n / 2}};
	return stream_posted(&s, port ? (uint16_t)(2 * port + 2) : 0, port, piece, 2);
}

static void got(uint8_t port, gpa_t a, uint32_t n)
{
	stream_got(&s, room(port, a, n + 10), n);
}

/* -- output ---------------------------------------------------------------------------------------------- */

static void output_in_pieces(void **state)
{
	(void)state;
	stream_begin(&s, 0, true, true);
	stream_send(&s, 0, OUT, 100);
	stream_send(&s, 1, plus(OUT, 100), 50);
	take(0, OUT, 30);
	take(1, plus(OUT, 100), 50);
	take(0, plus(OUT, 30), 70);
	stream_quiet(&s, 0);
	stream_quiet(&s, 1);
	silent();
}

static void output_that_is_wrong(void **state)
{
	(void)state;
	for (int how = 0; how < 6; how++) {
		stream_restart(&s);
		stream_send(&s, 0, OUT, 100);
		stream_send(&s, 1, plus(OUT, 100), 100);
		if (how == 0)
			take(0, plus(OUT, 1), 99); /* a byte is lost */
		else if (how == 1)
			take(0, plus(OUT, 50), 50); /* the order changes */
		else if (how == 2)
			take(0, plus(OUT, 100), 100); /* another port's */
		else if (how == 3)
			take(2, OUT, 10); /* a port that sent nothing */
		take(1, plus(OUT, 100), how == 4 ? 99 : 100);
		if (how == 4)
			stream_quiet(&s, 1); /* the last byte never comes */
		else if (how == 5)
			take(1, plus(OUT, 100), 1); /* twice */
		if (how == 3 || how == 5)
			assert_int_equal(cries, 2); /* more than was sent, and what it is not */
		else
			assert_int_equal(cries, 1);
		cries = 0;
	}
}

static void one_wrong_byte(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 3000; i += 7) {
		stream_restart(&s);
		stream_send(&s, 1, OUT, 3000);
		((uint8_t *)at(OUT))[i] ^= 1;
		take(1, OUT, 3000);
		cries_of("is not what was sent");
	}
}

/* What is on its way to a port that goes may come or not; what is sent later comes. */
static void output_to_a_port_that_goes(void **state)
{
	(void)state;
	stream_send(&s, 1, OUT, 100);
	stream_cut(&s, 1);
	stream_begin(&s, 1, false, false);
	stream_send(&s, 1, plus(OUT, 100), 100);
	take(1, plus(OUT, 100), 100);
	stream_quiet(&s, 1);
	stream_begin(&s, 1, true, true);
	stream_send(&s, 1, OUT, 100);
	take(1, OUT, 100);
	stream_quiet(&s, 1);
	silent();
	stream_send(&s, 1, OUT, 100);
	stream_quiet(&s, 1);
	cries_of("100 bytes of output never came");
}

static void output_that_a_reset_drops(void **state)
{
	(void)state;
	stream_send(&s, 0, OUT, 100);
	take(0, OUT, 60);
	stream_reset(&s, 0, true);
	stream_quiet(&s, 0);
	stream_send(&s, 0, OUT, 10);
	take(0, OUT, 10);
	stream_quiet(&s, 0);
	silent();
}

/* -- input ----------------------------------------------------------------------------------------------- */

static void input_in_buffers(void **state)
{
	(void)state;
	give(0, IN, 100);
	give(0, plus(IN, 100), 1);
	got(0, IN, 100);
	give(1, plus(IN, 200), 5);
	got(0, plus(IN, 100), 1);
	got(0, plus(IN, 100), 0); /* a buffer comes back empty */
	got(1, plus(IN, 200), 5);
	stream_quiet(&s, 0);
	stream_quiet(&s, 1);
	silent();
}

static void input_that_is_wrong(void **state)
{
	(void)state;
	for (int how = 0; how < 6; how++) {
		stream_restart(&s);
		give(0, IN, 100);
		give(1, plus(IN, 100), 100);
		if (how == 0)
			got(0, plus(IN, 50), 50); /* the order changes */
		else if (how == 1)
			got(0, plus(IN, 100), 100); /* another port's */
		else if (how == 2)
			got(0, plus(IN, 1), 99); /* a byte is lost */
		else if (how == 3)
			got(0, IN, 99);
		got(1, plus(IN, 100), 100);
		if (how == 3 || how == 5)
			stream_quiet(&s, 0); /* the last byte never comes, or nothing at all */
		else if (how == 4)
			got(1, plus(IN, 100), 1); /* twice */
		assert_int_equal(cries, how == 4 ? 2 : 1);
		cries = 0;
	}
	stream_asked(&s, 1, false);
	cries_of("the guest has not opened it");
}

static void input_that_a_reset_drops(void **state)
{
	(void)state;
	give(0, IN, 100);
	stream_reset(&s, 0, false);
	stream_quiet(&s, 0);
	give(0, IN, 10);
	got(0, IN, 10);
	stream_quiet(&s, 0);
	silent();
}

/* -- both ------------------------------------------------------------------------------------------------ */

static void bytes_of_a_chain(void **state)
{
	uint8_t bytes[20];
	(void)state;
	uint16_t slot = room(STREAM_NONE, IN, 20);
	for (uint8_t i = 0; i < 20; i++)
		((uint8_t *)at(IN))[i] = i;
	assert_true(stream_bytes(&s, slot, bytes, 20));
	assert_memory_equal(bytes, at(IN), 20);
	assert_true(stream_bytes(&s, slot, bytes, 0));
	assert_false(stream_bytes(&s, 0, bytes, 1)); /* not looked at */
	assert_false(stream_bytes(&s, slot, bytes, 21));
	stream_got(&s, slot, 20); /* no port's input */
	silent();
	assert_int_equal(room(0, IN, 4), slot); /* free again */
}

static void too_many_chains(void **state)
{
	(void)state;
	for (int i = 1; i < STREAM_SLOTS_MAX; i++)
		assert_int_equal(room(0, IN, 4), i);
	assert_int_equal(room(0, IN, 4), 0);
	stream_dropped(&s, 7);
	assert_int_equal(room(0, IN, 4), 7);
	stream_got(&s, 0, 4);
	stream_dropped(&s, 0);
	silent();
}

/* A guest that is not followed: nothing is said of it until its device is reset. */
static void distrusted(void **state)
{
	(void)state;
	stream_send(&s, 0, OUT, 100);
	give(0, IN, 100);
	stream_distrust(&s);
	take(0, plus(OUT, 3), 10);
	got(0, plus(IN, 3), 10);
	stream_asked(&s, 0, false);
	stream_quiet(&s, 0);
	silent();
	stream_trust(&s);
	stream_quiet(&s, 0);
	stream_send(&s, 0, OUT, 100);
	take(0, OUT, 100);
	give(0, IN, 9);
	got(0, IN, 9);
	stream_quiet(&s, 0);
	silent();
	take(0, OUT, 1);
	assert_int_not_equal(cries, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(output_in_pieces),
		T(output_that_is_wrong),
		T(one_wrong_byte),
		T(output_to_a_port_that_goes),
		T(output_that_a_reset_drops),
		T(input_in_buffers),
		T(input_that_is_wrong),
		T(input_that_a_reset_drops),
		T(bytes_of_a_chain),
		T(too_many_chains),
		T(distrusted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
