// SPDX-License-Identifier: BSD-2-Clause
/* The control protocol of MULTIPORT (5.3.6.2). */
#include "tests/unit/tty.h"

#define READY VIRTIO_CONSOLE_DEVICE_READY
#define ADD   VIRTIO_CONSOLE_PORT_ADD
#define GONE  VIRTIO_CONSOLE_PORT_REMOVE
#define PORT  VIRTIO_CONSOLE_PORT_READY
#define TERM  VIRTIO_CONSOLE_CONSOLE_PORT
#define SIZED VIRTIO_CONSOLE_RESIZE
#define OPEN  VIRTIO_CONSOLE_PORT_OPEN
#define NAME  VIRTIO_CONSOLE_PORT_NAME

static const struct console_port_options plain = {.open = true, .name = "two"};
static struct tty *t;

static int setup(void **state)
{
	(void)state;
	t = tty_new(&tty_multi);
	tty_boot(t, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tty_free(t);
	return 0;
}

static void hears(uint32_t id, uint16_t event, uint16_t value)
{
	tty_hears(t, id, event, value, NULL, 0);
}

static void identity(void **state)
{
	(void)state;
	assert_int_equal(offered(&t->mmio) & 7, 7);
	assert_int_equal(t->con.vdev.nqueues, 8);
	assert_int_equal(mmio_read(&t->mmio, VIRTIO_MMIO_CONFIG + 4, 4), 3);
}

/* tty_open_ports is the whole dialogue; bytes flow only once a port is open. */
static void opens_ports(void **state)
{
	(void)state;
	tty_room(t, 0, DATA, 8);
	tty_room(t, 1, DATA + 8, 8);
	tty_kick(t, 0);
	tty_kick(t, 4);
	tty_type(t, 0, 2);
	tty_type(t, 1, 3);
	assert_true(t->port[0].waiting && t->port[1].waiting);
	tty_open_ports(t);
	assert_true(t->port[0].open && t->port[1].open);
	assert_int_equal(t->port[0].wakes, 1);
	tty_settle(t);
	assert_int_equal(tty_used(t, 0), 2);
	assert_int_equal(tty_used(t, 4), 3);
	tty_send(t, 1, DATA, 5);
	assert_int_equal(t->port[1].nout, 5);
	tty_say(t, 1, OPEN, 0);
	assert_false(t->port[1].open);
	tty_room(t, 1, DATA, 8);
	tty_kick(t, 4);
	tty_type(t, 1, 1);
	assert_true(t->port[1].waiting && tty_idle(t, 4)); /* nothing to a closed port */
	tty_say(t, 1, OPEN, 1);
	tty_settle(t);
	assert_int_equal(tty_used(t, 4), 1);
	assert_int_equal(t->port[1].opens, 3);
	assert_int_equal(t->g.offences_all, 0);
}

/* Nothing is said to a driver that is not ready, or that said it failed. */
static void silent_until_the_driver_is_ready(void **state)
{
	(void)state;
	tty_ctrl_room(t, 8, 64);
	console_port_add(&t->con, 2, &plain);
	console_resize(&t->con, 1, 2);
	tty_hears_nothing(t);
	tty_say(t, 0, READY, 0);
	tty_hears_nothing(t);
	tty_say(t, 77, READY, 1); /* the id is unused */
	for (uint32_t i = 0; i < 3; i++)
		hears(i, ADD, 0);
	tty_say(t, 0, READY, 1); /* con.mport.1: they exist */
	tty_hears_nothing(t);
	console_port_open(&t->con, 1, false); /* not before PORT_READY */
	tty_hears_nothing(t);
	tty_say(t, 1, PORT, 1);
	tty_hears(t, 1, NAME, 0, "log", 3);
	tty_hears_nothing(t);
	console_port_open(&t->con, 1, true);
	hears(1, OPEN, 1);
	tty_say(t, 1, OPEN, 1);
	tty_say(t, 1, PORT, 0); /* it gave up on it */
	assert_false(t->port[1].open);
	console_port_open(&t->con, 1, false);
	tty_hears_nothing(t);
}

/* Messages wait for buffers, as state: one of each at most, the latest wins, and none is lost. */
static void messages_wait_for_buffers(void **state)
{
	(void)state;
	uint16_t size[2] = {100, 40};
	tty_open_ports(t);
	while (t->ring[CTRL_RX].seen < SIZE) { /* no buffer left */
		console_resize(&t->con, 1, 1);
		tty_used(t, CTRL_RX);
	}
	for (uint16_t i = 0; i < 1000; i++) {
		console_resize(&t->con, i, i);
		console_port_open(&t->con, 1, i % 2);
	}
	console_resize(&t->con, 100, 40);
	console_port_add(&t->con, 2, &plain);
	console_port_remove(&t->con, 2); /* came and went: nobody needs to know */
	console_port_add(&t->con, 2, &plain);
	tty_hears_nothing(t);
	tty_ctrl_room(t, 1, 64);
	tty_hears(t, 0, SIZED, 0, size, 4);
	tty_ctrl_room(t, 8, 64);
	hears(1, OPEN, 0);
	hears(1, OPEN, 1);
	hears(2, ADD, 0);
	tty_hears_nothing(t);
}

/* It closes while there are no buffers; the driver, which is to hear that it is open, says ready once more. */
static void ready_again_while_it_closes(void **state)
{
	(void)state;
	tty_open_ports(t);
	while (t->ring[CTRL_RX].seen < SIZE) {
		console_resize(&t->con, 1, 1);
		tty_used(t, CTRL_RX);
	}
	tty_ctrl_room(t, 2, 64);
	console_port_open(&t->con, 1, false);
	console_port_open(&t->con, 1, true);
	console_port_open(&t->con, 1, false);
	tty_say(t, 1, PORT, 1);
	hears(1, OPEN, 0);
	hears(1, OPEN, 1);
	tty_ctrl_room(t, 4, 64);
	tty_hears(t, 1, NAME, 0, "log", 3);
	hears(1, OPEN, 0);
	tty_hears_nothing(t);
}

static void hot_plug(void **state)
{
	(void)state;
	tty_open_ports(t);
	console_port_add(&t->con, 2, &plain);
	hears(2, ADD, 0);
	tty_say(t, 2, PORT, 1);
	tty_hears(t, 2, NAME, 0, "two", 3);
	hears(2, OPEN, 1);
	tty_say(t, 2, OPEN, 1);
	tty_send(t, 2, DATA, 7);
	assert_int_equal(t->port[2].nout, 7);
	assert_int_equal(tty_used(t, 7), 0);
	console_port_remove(&t->con, 2);
	t->port[2].open = false; /* the host knows */
	hears(2, GONE, 0);
	tty_hears_nothing(t);
	tty_send(t, 2, DATA, 7); /* too late: used, and lost */
	assert_int_equal(tty_used(t, 7), 0);
	assert_int_equal(t->port[2].nout, 7);
	tty_say(t, 2, OPEN, 0); /* was under way when the port went: no offence */
	tty_say(t, 2, PORT, 1);
	tty_hears_nothing(t);
	console_port_add(&t->con, 2, &(struct console_port_options){.console = true});
	hears(2, ADD, 0);
	tty_say(t, 2, PORT, 1);
	hears(2, TERM, 1); /* no name, not open, and the size is port 0's */
	tty_hears_nothing(t);
	assert_int_equal(t->g.offences_all, 0);
}

/* A removal that the driver has not heard of yet, and a port of the same number behind it. */
static void another_port_of_the_same_number(void **state)
{
	(void)state;
	tty_ctrl_room(t, 2, 64);
	tty_say(t, 0, READY, 1);
	hears(0, ADD, 0);
	hears(1, ADD, 0);
	tty_say(t, 1, OPEN, 1);
	console_port_remove(&t->con, 1);
	t->port[1].open = false;
	console_port_add(&t->con, 1, &plain);
	tty_say(t, 1, PORT, 1); /* of the old one */
	tty_say(t, 1, OPEN, 1);
	assert_false(t->port[1].open);
	tty_room(t, 1, DATA, 8);
	tty_type(t, 1, 3);
	assert_true(t->port[1].waiting);
	tty_ctrl_room(t, 4, 64);
	hears(1, GONE, 0);
	hears(1, ADD, 0);
	tty_hears_nothing(t);
	tty_say(t, 1, PORT, 1);
	tty_hears(t, 1, NAME, 0, "two", 3);
	hears(1, OPEN, 1);
	tty_say(t, 1, OPEN, 1);
	tty_settle(t);
	assert_int_equal(tty_used(t, 4), 3);
	assert_int_equal(t->g.offences_all, 0);
}

/* What is in flight on a port that goes is drained first; what was not sent yet is lost. */
static void removal_with_requests_in_flight(void **state)
{
	(void)state;
	tty_open_ports(t);
	t->hold = true;
	for (int i = 0; i < 10; i++)
		tty_send(t, 1, DATA, 4);
	tty_send(t, 0, DATA, 4);
	tty_room(t, 1, DATA + 64, 16);
	tty_type(t, 1, 9);
	assert_int_equal(t->nheld, CONSOLE_TX_MAX + 2);
	console_port_remove(&t->con, 1);
	t->port[1].open = false;
	assert_int_equal(t->nheld, 1); /* port 0 goes on */
	assert_int_equal(t->port[1].nout, 4 * CONSOLE_TX_MAX);
	assert_int_equal(tty_used(t, 4), 9);
	tty_settle(t);
	for (int i = 0; i < 10; i++)
		assert_int_equal(tty_used(t, 5), 0);
	assert_int_equal(t->port[1].nout, 4 * CONSOLE_TX_MAX);
	hears(1, GONE, 0);
	tty_finish(t, 0);
	tty_settle(t);
	assert_int_equal(t->port[0].nout, 4);
}

/* P19: the header in any layout, and what is no header at all. */
static void messages_in_any_layout(void **state)
{
	(void)state;
	tty_ctrl_room(t, 16, 64);
	for (uint32_t cut = 0; cut <= 8; cut++) {
		const struct buf b[] = {{SAY_AT, cut, false},
					{SAY_AT, 0, false},
					{SAY_AT + cut, 8 - cut, false},
					{SAY_AT, 24, false}};
		put32(&t->g, SAY_AT, 0);
		put16(&t->g, SAY_AT + 4, READY);
		put16(&t->g, SAY_AT + 6, 1);
		t->con.driver_ready = false;
		ring_post(&t->ring[CTRL_TX], b, cut % 2 ? 3 : 4);
		tty_kick(t, CTRL_TX);
		assert_int_equal(tty_used(t, CTRL_TX), 0);
		assert_true(t->con.driver_ready);
	}
	assert_int_equal(t->g.offences_all, 0);
	for (uint32_t n = 0; n < 8; n++) {
		const struct buf b[] = {{SAY_AT, n / 2, false}, {SAY_AT + n / 2, n - n / 2, false}};
		ring_post(&t->ring[CTRL_TX], b, 2);
		tty_kick(t, CTRL_TX);
		assert_int_equal(tty_used(t, CTRL_TX), 0);
	}
	assert_int_equal(t->g.offences[OFFENCE_CONSOLE_SHORT], 8);
	assert_int_equal(t->g.offences_all, 8);
}

static void bad_messages(void **state)
{
	(void)state;
	static const uint32_t ids[] = {2, 3, 7, 0x80000000, 0xffffffff};
	static const uint16_t events[] = {ADD, GONE, TERM, SIZED, NAME, 8, 0xffff};
	const struct buf b[] = {{SAY_AT, 8, false}, {SAY_AT + 8, 8, true}};
	tty_say(t, 0, PORT, 1); /* nobody has told it of a port */
	assert_int_equal(t->g.offences[OFFENCE_CONSOLE_PORT], 1);
	tty_open_ports(t);
	for (int i = 0; i < 5; i++) {
		tty_say(t, ids[i], PORT, 1);
		tty_say(t, ids[i], OPEN, 1);
	}
	assert_int_equal(t->g.offences[OFFENCE_CONSOLE_PORT], 11);
	for (int i = 0; i < 7; i++)
		tty_say(t, 1, events[i], 1);
	assert_int_equal(t->g.offences[OFFENCE_CONSOLE_EVENT], 7);
	put16(&t->g, SAY_AT + 4, READY);
	ring_post(&t->ring[CTRL_TX], b, 2);
	tty_kick(t, CTRL_TX);
	assert_int_equal(t->g.offences[OFFENCE_CONSOLE_WRITABLE], 1);
	assert_int_equal(t->g.offences_all, 19);
	tty_hears_nothing(t);
	assert_int_equal(reg(&t->mmio, VIRTIO_MMIO_STATUS), S_LIVE);
}

/* A buffer that can not hold the message goes back empty, and the message waits for one that can. */
static void small_control_buffers(void **state)
{
	const struct buf odd[] = {{CTRL_AT, 4, false}, {CTRL_AT + 64, 4, true}, {CTRL_AT + 68, 4, true}};
	(void)state;
	tty_ctrl_room(t, 1, 7);
	tty_ctrl_room(t, 1, 0);
	tty_say(t, 0, READY, 1);
	assert_int_equal(tty_used(t, CTRL_RX), 0);
	assert_int_equal(tty_used(t, CTRL_RX), 0);
	assert_int_equal(t->g.offences[OFFENCE_CONSOLE_ROOM], 1);
	assert_int_equal(t->g.offences[OFFENCE_CONSOLE_EMPTY], 1);
	ring_post(&t->ring[CTRL_RX], odd, 3);
	tty_kick(t, CTRL_RX);
	assert_int_equal(t->g.offences[OFFENCE_CONSOLE_READABLE], 1);
	assert_int_equal(tty_used(t, CTRL_RX), 8);
	assert_int_equal(get16(&t->g, CTRL_AT + 68), ADD);
	t->ctrl_posted++;
	tty_ctrl_room(t, 1, 8);
	hears(1, ADD, 0);
	tty_say(t, 1, PORT, 1);
	tty_ctrl_room(t, 2, 10); /* too small for the name */
	assert_int_equal(tty_used(t, CTRL_RX), 0);
	assert_int_equal(tty_used(t, CTRL_RX), 0);
	tty_ctrl_room(t, 1, 11);
	tty_hears(t, 1, NAME, 0, "log", 3);
	tty_ctrl_room(t, 1, 64);
	hears(1, OPEN, 1);
}

/* A driver that gives back its small buffers at once can not keep the device to itself. */
static void too_small_for_ever(void **state)
{
	(void)state;
	for (int i = 0; i < SIZE; i++) {
		const struct buf b = {CTRL_AT, 4, true};
		ring_post(&t->ring[CTRL_RX], &b, 1);
	}
	tty_say(t, 0, READY, 1);
	assert_int_equal(t->g.offences[OFFENCE_CONSOLE_ROOM], SIZE);
	assert_int_equal(t->g.again, 1u << CTRL_RX);
	tty_settle(t);
}

/* With the control queue's end, what was said is said; what was not waits for the next. */
static void without_a_control_queue(void **state)
{
	(void)state;
	tty_open_ports(t);
	set(&t->mmio, VIRTIO_MMIO_QUEUE_SEL, CTRL_RX);
	set(&t->mmio, VIRTIO_MMIO_QUEUE_READY, 0);
	console_port_remove(&t->con, 1);
	t->port[1].open = false;
	ring_init(&t->ring[CTRL_RX], &t->g, t->ring[CTRL_RX].desc, SIZE);
	queue_enable(&t->mmio, CTRL_RX, &t->ring[CTRL_RX]);
	t->ctrl_posted = 0;
	tty_ctrl_room(t, 2, 64);
	hears(1, GONE, 0);
	tty_hears_nothing(t);
}

/* Accepted or not: without MULTIPORT there are two queues, and port 0 is open. */
static void driver_that_uses_what_it_did_not_accept(void **state)
{
	(void)state;
	tty_boot(t, BIT(VIRTIO_CONSOLE_F_MULTIPORT));
	tty_room(t, 0, DATA, 8);
	tty_type(t, 0, 3);
	assert_int_equal(tty_used(t, 0), 3);
	tty_ctrl_room(t, 4, 64);
	const struct buf b = {SAY_AT, 8, false};
	ring_post(&t->ring[CTRL_TX], &b, 1);
	tty_kick(t, CTRL_TX);
	tty_room(t, 1, DATA, 8);
	tty_kick(t, 4);
	tty_type(t, 1, 3);
	tty_send(t, 1, DATA, 4);
	for (uint16_t i = 2; i < 8; i++)
		assert_true(tty_idle(t, i));
	assert_int_equal(t->port[1].nout, 0);
	console_resize(&t->con, 5, 6);
	tty_hears_nothing(t);
	assert_int_equal(t->g.config_irqs, 1);
	assert_int_equal(t->port[0].opens, 0);
}

/* Without SIZE nobody is told of sizes; Linux wants rows first. */
static void resize(void **state)
{
	static const uint16_t cols_rows[2] = {90, 30}, rows_cols[2] = {30, 90};
	(void)state;
	tty_open_ports(t);
	console_resize(&t->con, 90, 30);
	tty_hears(t, 0, SIZED, 0, cols_rows, 4);
	assert_int_equal(t->g.config_irqs, 1);
	t->con.options.rows_first = true;
	console_resize(&t->con, 90, 30);
	tty_hears(t, 0, SIZED, 0, rows_cols, 4);
	tty_boot(t, BIT(VIRTIO_CONSOLE_F_SIZE));
	tty_ctrl_room(t, 8, 64);
	tty_say(t, 0, READY, 1);
	hears(0, ADD, 0);
	hears(1, ADD, 0);
	tty_say(t, 0, PORT, 1);
	hears(0, TERM, 1);
	hears(0, OPEN, 1);
	console_resize(&t->con, 91, 30);
	tty_hears_nothing(t);
}

/* After a reset it all begins anew, and the backend hears that nobody has its ports open. */
static void reset_forgets(void **state)
{
	(void)state;
	tty_open_ports(t);
	set(&t->mmio, VIRTIO_MMIO_STATUS, 0);
	assert_false(t->port[0].open || t->port[1].open);
	tty_boot(t, 0);
	tty_say(t, 1, OPEN, 1);
	assert_int_equal(t->g.offences[OFFENCE_CONSOLE_PORT], 1);
	tty_open_ports(t);
	assert_true(t->port[0].open && t->port[1].open);
}

static void longest_name(void **state)
{
	struct console_port_options o = {.there = true};
	(void)state;
	memset(o.name, 'n', sizeof(o.name) - 1);
	tty_open_ports(t);
	console_port_add(&t->con, 2, &o);
	hears(2, ADD, 0);
	tty_say(t, 2, PORT, 1);
	tty_hears(t, 2, NAME, 0, o.name, 31);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(identity),
		T(opens_ports),
		T(silent_until_the_driver_is_ready),
		T(messages_wait_for_buffers),
		T(ready_again_while_it_closes),
		T(hot_plug),
		T(another_port_of_the_same_number),
		T(removal_with_requests_in_flight),
		T(messages_in_any_layout),
		T(bad_messages),
		T(small_control_buffers),
		T(too_small_for_ever),
		T(without_a_control_queue),
		T(driver_that_uses_what_it_did_not_accept),
		T(resize),
		T(reset_forgets),
		T(longest_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
