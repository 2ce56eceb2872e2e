// SPDX-License-Identifier: BSD-2-Clause
/*
 * The oracle of a console's control protocol, with a device that is played by the test: messages that must not come,
 * that say what is not so, or that never come are found; what was overtaken, or is told twice, is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "oracle_control.h"

static struct control c;
static struct vdev vdev;
static struct oracle *oracle;
static uint32_t cries;
static struct violation last;

static void on_violation(void *ctx, const struct violation *v)
{
	(void)ctx;
	cries++;
	last = *v;
}

static int setup(void **state)
{
	const struct oracle_config config = {.nqueues = 1, .queue_size_max = {4}, .report = on_violation};
	const struct console_options options = {
		.cols = 80,
		.rows = 25,
		.nports = 3,
		.port = {{.there = true, .console = true, .open = true}, {.there = true, .name = "log"}}};
	(void)state;
	oracle = oracle_create(&config);
	vdev.offered = vdev.accepted = 1ull << VIRTIO_CONSOLE_F_MULTIPORT | 1ull << VIRTIO_CONSOLE_F_SIZE |
				       1ull << VIRTIO_CONSOLE_F_EMERG_WRITE;
	control_init(&c, oracle, &vdev);
	control_restart(&c, &options);
	cries = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	oracle_destroy(oracle);
	return 0;
}

static void silent(void)
{
	if (cries)
		print_message("unexpected: %s\n", last.what);
	assert_int_equal(cries, 0);
}

static void cried(const char *name, const char *clause, const char *what)
{
	assert_int_equal(cries, 1);
	assert_string_equal(last.oracle, name);
	assert_string_equal(last.clause, clause);
	assert_non_null(strstr(last.what, what));
	cries = 0;
}

static void hears_more(uint32_t id, uint16_t event, uint16_t value, const void *more, uint32_t n)
{
	uint8_t bytes[CONTROL_LEN_MAX + 1];
	const struct virtio_console_control m = {id, event, value};
	memcpy(bytes, &m, sizeof(m));
	if (n)
		memcpy(bytes + sizeof(m), more, n);
	control_hears(&c, bytes, (uint32_t)sizeof(m) + n);
}

static void hears(uint32_t id, uint16_t event, uint16_t value)
{
	hears_more(id, event, value, NULL, 0);
}

static void hears_size(uint16_t cols, uint16_t rows)
{
	const uint16_t size[2] = {cols, rows};
	hears_more(0, VIRTIO_CONSOLE_RESIZE, 0, size, sizeof(size));
}

static void says(uint32_t id, uint16_t event, uint16_t value)
{
	const struct virtio_console_control m = {id, event, value};
	control_says(&c, &m);
}

static void adds(uint32_t id)
{
	hears(id, VIRTIO_CONSOLE_PORT_ADD, 0);
	says(id, VIRTIO_CONSOLE_PORT_READY, 1);
	says(id, VIRTIO_CONSOLE_PORT_OPEN, 1);
	control_opened(&c, (uint16_t)id, true);
}

/* As it should be; of these ports. */
static void converse(void)
{
	says(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	adds(0);
	hears(0, VIRTIO_CONSOLE_CONSOLE_PORT, 1);
	adds(1);
	hears(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	hears_size(80, 25);
	hears_more(1, VIRTIO_CONSOLE_PORT_NAME, 0, "log", 3);
}

static void change(uint16_t port, enum port_change what, const char *name)
{
	struct console_port_options o = {.open = true};
	strncpy(o.name, name, sizeof(o.name) - 1);
	control_port(&c, port, what, &o);
}

/* -- what is legal --------------------------------------------------------------------------------------- */

static void the_usual_way(void **state)
{
	(void)state;
	control_quiet(&c); /* nobody has begun */
	converse();
	control_quiet(&c);
	control_terminal(&c, 100, 30);
	hears_size(90, 30); /* of meanwhile */
	hears_size(100, 30);
	change(1, PORT_OPENED, "");
	hears(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	change(1, PORT_CLOSED, "");
	hears(1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	change(2, PORT_ADDED, "agent");
	adds(2);
	hears_more(2, VIRTIO_CONSOLE_PORT_NAME, 0, "agent", 5);
	hears(2, VIRTIO_CONSOLE_PORT_OPEN, 1);
	says(0, VIRTIO_CONSOLE_PORT_OPEN, 0);
	control_opened(&c, 0, false);
	control_quiet(&c);
	silent();
}

/* Told twice; a port that came and went; a name that the port does not have any more. */
static void odd_but_legal(void **state)
{
	(void)state;
	converse();
	hears(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	hears(0, VIRTIO_CONSOLE_CONSOLE_PORT, 1);
	hears_size(80, 25);
	change(2, PORT_ADDED, "short");
	change(2, PORT_REMOVED, "");
	control_quiet(&c);
	change(1, PORT_REMOVED, "");
	change(1, PORT_ADDED, "two");
	hears_more(1, VIRTIO_CONSOLE_PORT_NAME, 0, "log", 3);
	hears(1, VIRTIO_CONSOLE_PORT_REMOVE, 0);
	hears(1, VIRTIO_CONSOLE_PORT_ADD, 0);
	hears_more(1, VIRTIO_CONSOLE_PORT_NAME, 0, "two", 3); /* by a PORT_READY of the old one */
	says(1, VIRTIO_CONSOLE_PORT_READY, 1);
	hears_more(1, VIRTIO_CONSOLE_PORT_NAME, 0, "two", 3);
	hears(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	control_quiet(&c);
	says(0, VIRTIO_CONSOLE_PORT_READY, 0); /* what is on its way comes */
	control_opened(&c, 0, false);
	hears_size(80, 25);
	control_hears(&c, NULL, 0); /* a buffer that was too small */
	control_quiet(&c);
	silent();
}

static void another_life(void **state)
{
	(void)state;
	converse();
	control_forget(&c);
	control_opened(&c, 0, false);
	control_opened(&c, 1, false);
	control_quiet(&c);
	converse();
	control_quiet(&c);
	silent();
}

/* Without MULTIPORT nothing is due; with messages lost, or a guest that is not followed, nobody knows. */
static void nothing_is_due(void **state)
{
	(void)state;
	says(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	vdev.accepted = 0;
	control_quiet(&c);
	vdev.accepted = vdev.offered;
	control_lost(&c);
	control_quiet(&c);
	hears(9, VIRTIO_CONSOLE_PORT_ADD, 0);
	control_forget(&c);
	control_trust(&c, false);
	says(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	hears(9, VIRTIO_CONSOLE_PORT_ADD, 0);
	control_quiet(&c);
	control_trust(&c, true);
	says(0, VIRTIO_CONSOLE_DEVICE_READY, 0);
	control_quiet(&c);
	silent();
}

/* -- what is not ----------------------------------------------------------------------------------------- */

static void too_early(void **state)
{
	(void)state;
	hears(0, VIRTIO_CONSOLE_PORT_ADD, 0);
	cried("content", "", "has not said DEVICE_READY");
	says(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	hears(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	cried("content", "", "has not said PORT_READY");
	hears(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	cried("content", "", "does not know it");
}

static void ports_that_are_not_so(void **state)
{
	(void)state;
	converse();
	hears(1, VIRTIO_CONSOLE_PORT_ADD, 0);
	cried("content", "con.mport.1", "port 1 is added, and the driver has it");
	hears(2, VIRTIO_CONSOLE_PORT_REMOVE, 0);
	cried("content", "con.mport.2", "port 2 is removed that was not added");
	hears(3, VIRTIO_CONSOLE_PORT_ADD, 0);
	cried("content", "con.mport.1", "there are at most 3");
	hears(UINT32_MAX, VIRTIO_CONSOLE_PORT_OPEN, 1);
	cried("content", "con.mport.1", "there are at most 3");
}

static void messages_that_are_none(void **state)
{
	(void)state;
	converse();
	hears(0, VIRTIO_CONSOLE_PORT_READY, 1);
	cried("content", "", "event 3 with 0 bytes");
	hears_more(0, VIRTIO_CONSOLE_PORT_OPEN, 1, "x", 1);
	cried("content", "", "event 6 with 1 bytes");
	hears_more(0, VIRTIO_CONSOLE_RESIZE, 0, "123", 3);
	cried("content", "", "event 5 with 3 bytes");
	hears_more(1, VIRTIO_CONSOLE_PORT_REMOVE, 0, "x", 1);
	cried("content", "", "event 2 with 1 bytes");
	hears_more(1, VIRTIO_CONSOLE_PORT_NAME, 0, "lo", 2);
	cried("content", "", "a name of 2 bytes");
	control_hears(&c, (const uint8_t *)"1234567", 7);
	cried("content", "", "a control message of 7 bytes");
	vdev.accepted &= ~(1ull << VIRTIO_CONSOLE_F_SIZE);
	hears_size(80, 25);
	cried("content", "", "SIZE was not negotiated");
}

static void never_told(void **state)
{
	(void)state;
	says(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	adds(0);
	adds(1);
	hears_more(1, VIRTIO_CONSOLE_PORT_NAME, 0, "log", 3);
	control_quiet(&c);
	cried("liveness", "", "never told that it is open");
	hears(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	control_quiet(&c);
	cried("liveness", "", "never told that it is a terminal");
	hears(0, VIRTIO_CONSOLE_CONSOLE_PORT, 1);
	control_quiet(&c);
	cried("liveness", "", "never told its size");
	hears_size(25, 80); /* the wrong way round */
	control_quiet(&c);
	cried("liveness", "", "never told its size");
	hears_size(80, 25);
	control_quiet(&c);
	silent();
	change(0, PORT_CLOSED, "");
	control_quiet(&c);
	cried("liveness", "", "never told that it is closed");
	hears(0, VIRTIO_CONSOLE_PORT_OPEN, 0);
	change(2, PORT_ADDED, "x");
	control_quiet(&c);
	cried("liveness", "", "port 2: the driver was never told that it is there");
	adds(2);
	hears(2, VIRTIO_CONSOLE_PORT_OPEN, 1);
	control_quiet(&c);
	cried("liveness", "", "never told its name");
	change(2, PORT_REMOVED, "");
	control_quiet(&c);
	cried("liveness", "", "never told that it is gone");
	hears(2, VIRTIO_CONSOLE_PORT_REMOVE, 0);
	says(1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	control_quiet(&c);
	cried("liveness", "", "port 1: the guest has closed it, and the backend was not told");
}

/* -- emergency writes ------------------------------------------------------------------------------------ */

static void emergencies(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= 4; n *= 2) {
		control_write_begins(&c, 8, n, 0x1241);
		control_emergency(&c, 0x41);
		control_write_ends(&c);
	}
	control_write_begins(&c, 0, 4, 0x41); /* another field */
	control_write_ends(&c);
	control_write_begins(&c, 8, 8, 0x41); /* beyond the configuration */
	control_write_ends(&c);
	vdev.offered &= ~(1ull << VIRTIO_CONSOLE_F_EMERG_WRITE);
	control_write_begins(&c, 8, 4, 0x41);
	control_write_ends(&c);
	silent();
	vdev.offered |= 1ull << VIRTIO_CONSOLE_F_EMERG_WRITE;
	control_write_begins(&c, 8, 4, 0x41);
	control_write_ends(&c);
	cried("backend", "con.init.1", "nothing comes out");
	control_write_begins(&c, 8, 4, 0x4142);
	control_emergency(&c, 0x41);
	cried("backend", "con.init.2", "0x41 comes out");
	control_write_ends(&c);
	control_emergency(&c, 0x41);
	cried("backend", "", "nobody wrote");
	silent();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_usual_way),          T(odd_but_legal), T(another_life),
		T(nothing_is_due),         T(too_early),     T(ports_that_are_not_so),
		T(messages_that_are_none), T(never_told),    T(emergencies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
