// SPDX-License-Identifier: BSD-2-Clause
/* The console device without MULTIPORT: what it is, bytes in and out, back-pressure, odd buffers, and its end.
 */
#include "tests/unit/tty.h"

static struct tty *t;

static int setup(void **state)
{
	(void)state;
	t = tty_new(&tty_single);
	tty_boot(t, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tty_free(t);
	return 0;
}

static void sent(const uint8_t *want, uint32_t n)
{
	assert_int_equal(t->port[0].nout, n);
	assert_true(!n || !memcmp(t->port[0].out, want, n));
}

/* Bytes from..from+n of the input lie at addr. */
static void received(uint64_t addr, uint32_t from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(*at(&t->g, addr + i), tty_byte(from + i));
}

static uint32_t config(uint32_t off, uint32_t size)
{
	return (uint32_t)mmio_read(&t->mmio, VIRTIO_MMIO_CONFIG + off, size);
}

static void identity(void **state)
{
	(void)state;
	assert_int_equal(reg(&t->mmio, VIRTIO_MMIO_DEVICE_ID), 3);
	assert_int_equal(offered(&t->mmio), BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |
						    BIT(VIRTIO_RING_F_EVENT_IDX) |
						    BIT(VIRTIO_CONSOLE_F_SIZE) |
						    BIT(VIRTIO_CONSOLE_F_EMERG_WRITE));
	set(&t->mmio, VIRTIO_MMIO_QUEUE_SEL, 2);
	assert_int_equal(reg(&t->mmio, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	assert_int_equal(config(0, 2), 80);
	assert_int_equal(config(2, 2), 25);
	assert_int_equal(config(4, 4), 1);
	assert_int_equal(config(8, 4), 0);
}

static void features_can_be_left_out(void **state)
{
	struct console_options o = tty_multi;
	(void)state;
	tty_free(t);
	o.without = BIT(VIRTIO_CONSOLE_F_SIZE) | BIT(VIRTIO_CONSOLE_F_MULTIPORT) |
		    BIT(VIRTIO_CONSOLE_F_EMERG_WRITE);
	o.queue_size = 32;
	t = tty_new(&o);
	assert_int_equal(offered(&t->mmio) & 7, 0);
	assert_int_equal(t->con.vdev.nqueues, 2);
	set(&t->mmio, VIRTIO_MMIO_QUEUE_SEL, 1);
	assert_int_equal(reg(&t->mmio, VIRTIO_MMIO_QUEUE_NUM_MAX), 32);
	assert_int_equal(config(0, 4), 0); /* nothing of what is not offered */
	assert_int_equal(config(4, 4), 1);
	mmio_write(&t->mmio, VIRTIO_MMIO_CONFIG + 8, 4, 'x');
	assert_int_equal(t->nemergency, 0);
	assert_int_equal(t->g.offences[OFFENCE_CONFIG_READ_ONLY], 1);
}

static void output_in_order(void **state)
{
	uint8_t want[60];
	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		fill(&t->g, DATA + 100 * i, 10, (uint8_t)(i * 50));
		memcpy(want + 10 * i, at(&t->g, DATA + 100 * i), 10);
		tty_send(t, 0, DATA + 100 * i, 10);
		assert_int_equal(tty_used(t, 1), 0); /* nothing was written to the guest */
	}
	sent(want, 60);
	assert_int_equal(t->g.irqs[1], 1); /* the driver moved its used_event no further */
}

/* Six layouts of the same ten bytes. */
static void output_in_any_layout(void **state)
{
	(void)state;
	fill(&t->g, LOW_END - 5, 10, 3); /* over two regions */
	for (uint32_t cut = 0; cut <= 10; cut += 2) {
		const struct buf b[] = {
			{LOW_END - 5, cut, false}, {DATA, 0, false}, {LOW_END - 5 + cut, 10 - cut, false}};
		t->port[0].nout = 0;
		ring_post(&t->ring[1], b, 3);
		tty_kick(t, 1);
		assert_int_equal(tty_used(t, 1), 0);
		assert_int_equal(t->port[0].nout, 10);
		assert_memory_equal(t->port[0].out, at(&t->g, LOW_END - 5), 5);
		assert_memory_equal(t->port[0].out + 5, at(&t->g, NEXT), 5);
	}
}

static void input_waits_for_buffers(void **state)
{
	(void)state;
	tty_type(t, 0, 10);
	assert_true(t->port[0].waiting);
	assert_int_equal(t->port[0].typed, 0);
	tty_room(t, 0, DATA, 64);
	assert_int_equal(t->port[0].wakes, 0); /* not before it is told */
	tty_kick(t, 0);
	assert_int_equal(t->port[0].wakes, 1);
	tty_settle(t);
	assert_int_equal(tty_used(t, 0), 10);
	received(DATA, 0, 10);
	assert_true(untouched(&t->g, DATA + 10, 54));
	assert_int_equal(t->g.irqs[0], 1);
}

/* A burst fills buffer after buffer; what does not fit waits for the next ones. */
static void input_in_pieces(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		tty_room(t, 0, DATA + 16 * i, 16);
	tty_kick(t, 0);
	tty_type(t, 0, 100);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(tty_used(t, 0), 16);
		received(DATA + 16 * i, 16 * i, 16);
	}
	assert_int_equal(t->port[0].unread, 36);
	tty_room(t, 0, DATA + 64, 64);
	tty_kick(t, 0);
	tty_settle(t);
	assert_int_equal(tty_used(t, 0), 36);
	received(DATA, 0, 100);
	assert_int_equal(t->g.offences_all, 0);
}

/* More than the device lends at once, into one buffer over two regions and of several segments. */
static void large_input(void **state)
{
	const struct buf b[] = {{DATA, 0, true}, {LOW_END - 3000, 6000, true}, {DATA, 3000, true}};
	(void)state;
	ring_post(&t->ring[0], b, 3);
	tty_type(t, 0, 9000);
	assert_int_equal(tty_used(t, 0), CONSOLE_BYTES_MAX);
	assert_int_equal(t->port[0].unread, 9000 - CONSOLE_BYTES_MAX);
	received(LOW_END - 3000, 0, CONSOLE_BYTES_MAX);
}

/* While a request is out, more bytes come, and then the driver kicks: who waits is woken all the same. */
static void a_kick_does_not_end_the_wait(void **state)
{
	(void)state;
	tty_room(t, 0, DATA, 16);
	tty_room(t, 0, DATA + 16, 16);
	t->hold = true;
	tty_type(t, 0, 16);
	assert_int_equal(t->nheld, 1);
	tty_type(t, 0, 4);
	assert_true(t->port[0].waiting);
	tty_kick(t, 0);
	t->hold = false;
	tty_finish(t, 0);
	tty_settle(t);
	assert_int_equal(t->port[0].wakes, 1);
	assert_int_equal(tty_used(t, 0), 16);
	assert_int_equal(tty_used(t, 0), 4);
}

/* The backend may be slow, and may find that it has fewer bytes, or none, after all. */
static void short_and_late_input(void **state)
{
	(void)state;
	tty_room(t, 0, DATA, 16);
	tty_room(t, 0, DATA + 16, 16);
	t->hold = true;
	tty_type(t, 0, 20);
	assert_int_equal(t->nheld, 1);
	assert_int_equal(console_input(&t->con, 0, 4), 0); /* one at a time: they would overtake each other */
	t->port[0].waiting = true;
	t->most = 0;
	tty_finish(t, 0);
	assert_true(tty_idle(t, 0)); /* the buffer is still the next one */
	tty_settle(t);
	assert_int_equal(t->port[0].wakes, 1);
	assert_int_equal(t->nheld, 1);
	t->most = 5;
	tty_finish(t, 0);
	t->hold = false;
	tty_settle(t);
	assert_int_equal(tty_used(t, 0), 5);
	received(DATA, 0, 5);
	assert_true(untouched(&t->g, DATA + 5, 11));
	assert_int_equal(tty_used(t, 0), 5);
	received(DATA + 16, 5, 5);
	assert_int_equal(t->port[0].unread, 10);
}

static void odd_buffers(void **state)
{
	const struct buf none = {DATA, 0, true}, both_in[] = {{DATA, 4, false}, {DATA + 8, 4, true}},
			 both_out[] = {{DATA, 4, false}, {DATA + 64, 4, true}},
			 only_write = {DATA + 64, 4, true}, only_read = {DATA, 4, false},
			 empty = {DATA, 0, false};
	(void)state;
	ring_post(&t->ring[0], &none, 1);
	ring_post(&t->ring[0], &only_read, 1);
	ring_post(&t->ring[0], both_in, 2);
	tty_type(t, 0, 4);
	assert_int_equal(tty_used(t, 0), 0);
	assert_int_equal(tty_used(t, 0), 0);
	assert_int_equal(tty_used(t, 0), 4);
	received(DATA + 8, 0, 4);
	assert_int_equal(t->g.offences[OFFENCE_CONSOLE_EMPTY], 2);
	assert_int_equal(t->g.offences[OFFENCE_CONSOLE_READABLE], 2);
	ring_post(&t->ring[1], both_out, 2);
	ring_post(&t->ring[1], &only_write, 1);
	ring_post(&t->ring[1], &empty, 1);
	tty_kick(t, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(tty_used(t, 1), 0);
	sent(at(&t->g, DATA), 4);
	assert_true(untouched(&t->g, DATA + 64, 4));
	assert_int_equal(t->g.offences[OFFENCE_CONSOLE_WRITABLE], 2);
	assert_int_equal(t->g.offences_all, 6);
	assert_int_equal(reg(&t->mmio, VIRTIO_MMIO_STATUS), S_LIVE);
}

/* A ring full of buffers without a byte: each is given back, and the device is not kept busy for ever. */
static void empty_buffers_are_bounded(void **state)
{
	const struct buf none = {DATA, 0, true};
	(void)state;
	for (uint32_t i = 0; i < SIZE; i++)
		ring_post(&t->ring[0], &none, 1);
	tty_type(t, 0, 4);
	assert_int_equal(t->g.again, 1);
	tty_settle(t);
	assert_int_equal(t->g.offences[OFFENCE_CONSOLE_EMPTY], SIZE);
	assert_true(t->port[0].waiting);
	tty_room(t, 0, DATA, 4);
	tty_kick(t, 0);
	tty_settle(t);
	received(DATA, 0, 4);
}

/* Nobody asks for kicks for buffers that are of no interest: without EVENT_IDX the flag shows it. */
static void kicks_for_buffers_only_while_bytes_wait(void **state)
{
	(void)state;
	tty_boot(t, BIT(VIRTIO_RING_F_EVENT_IDX));
	tty_room(t, 0, DATA, 8);
	tty_kick(t, 0);
	assert_int_equal(get16(&t->g, t->ring[0].used), VRING_USED_F_NO_NOTIFY);
	tty_type(t, 0, 9);
	assert_int_equal(tty_used(t, 0), 8);
	assert_int_equal(get16(&t->g, t->ring[0].used), 0);
}

static void only_one_queue_is_set_up(void **state)
{
	(void)state;
	for (uint16_t there = 0; there < 2; there++) {
		assert_int_equal(negotiate(&t->mmio, offered(&t->mmio)), S_AGREED);
		ring_init(&t->ring[there], &t->g, 0x2000, SIZE);
		queue_enable(&t->mmio, there, &t->ring[there]);
		set(&t->mmio, VIRTIO_MMIO_STATUS, S_LIVE);
		t->port[0] = (struct tty_port){.out = t->port[0].out};
		tty_type(t, 0, 5);
		if (there == 0)
			tty_room(t, 0, DATA, 5);
		else
			tty_send(t, 0, DATA, 5);
		tty_kick(t, there);
		tty_settle(t);
		assert_int_equal(t->port[0].typed, there == 0 ? 5 : 0);
		assert_int_equal(t->port[0].nout, there == 0 ? 0 : 5);
	}
}

/* con.init.1, con.init.2: whatever the device's state, and only the lower byte. */
static void emergency_write_at_any_time(void **state)
{
	(void)state;
	mmio_write(&t->mmio, VIRTIO_MMIO_CONFIG + 8, 4, 0x12345600 | 'a');
	ring_publish(&t->ring[1], SIZE);
	tty_kick(t, 1); /* the device needs a reset now */
	mmio_write(&t->mmio, VIRTIO_MMIO_CONFIG + 8, 4, 'b');
	set(&t->mmio, VIRTIO_MMIO_STATUS, 0);
	mmio_write(&t->mmio, VIRTIO_MMIO_CONFIG + 8, 1, 'c');
	mmio_write(&t->mmio, VIRTIO_MMIO_CONFIG + 8, 2, 'd');
	assert_int_equal(t->nemergency, 4);
	assert_memory_equal(t->emergency, "abcd", 4);
	for (uint32_t off = 0; off < 12; off++) {
		if (off != 8)
			mmio_write(&t->mmio, VIRTIO_MMIO_CONFIG + off, 1, 'x');
	}
	assert_int_equal(t->nemergency, 4);
	assert_int_equal(t->g.offences[OFFENCE_CONFIG_READ_ONLY], 11);
	assert_int_equal(config(8, 4), 0);
}

static void resize(void **state)
{
	(void)state;
	uint32_t gen = reg(&t->mmio, VIRTIO_MMIO_CONFIG_GENERATION);
	console_resize(&t->con, 132, 50);
	assert_int_equal(config(0, 4), 50u << 16 | 132);
	assert_int_not_equal(reg(&t->mmio, VIRTIO_MMIO_CONFIG_GENERATION), gen);
	assert_int_equal(t->g.config_irqs, 1);
	assert_int_equal(reg(&t->mmio, VIRTIO_MMIO_INTERRUPT_STATUS), VDEV_ISR_CONFIG);
}

static void config_in_any_width(void **state)
{
	(void)state;
	console_resize(&t->con, 0x1234, 0x5678);
	assert_int_equal(config(0, 1), 0x34);
	assert_int_equal(config(3, 1), 0x56);
	assert_int_equal(mmio_read(&t->mmio, VIRTIO_MMIO_CONFIG, 8), 0x156781234);
	assert_int_equal(config(10, 4), 0);
	assert_int_equal(t->g.offences[OFFENCE_CONFIG_RANGE], 1);
}

/* P18, and a reset in between: who waits for room is woken by the next driver's buffers. */
static void input_waits_across_a_reset(void **state)
{
	(void)state;
	set(&t->mmio, VIRTIO_MMIO_STATUS, 0);
	tty_type(t, 0, 3);
	assert_true(t->port[0].waiting);
	tty_boot(t, 0);
	assert_true(t->port[0].waiting);
	tty_room(t, 0, DATA, 8);
	tty_kick(t, 0);
	tty_settle(t);
	assert_int_equal(tty_used(t, 0), 3);
	received(DATA, 0, 3);
	set(&t->mmio, VIRTIO_MMIO_STATUS, 0);
	tty_type(t, 0, 3);
	negotiate(&t->mmio, offered(&t->mmio));
	ring_init(&t->ring[0], &t->g, 0x2000, SIZE);
	queue_enable(&t->mmio, 0, &t->ring[0]);
	tty_room(t, 0, DATA, 8); /* before DRIVER_OK, and never kicked */
	set(&t->mmio, VIRTIO_MMIO_STATUS, S_LIVE);
	tty_settle(t);
	assert_int_equal(tty_used(t, 0), 3);
	received(DATA, 3, 3);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(identity),
		T(features_can_be_left_out),
		T(output_in_order),
		T(output_in_any_layout),
		T(input_waits_for_buffers),
		T(input_in_pieces),
		T(large_input),
		T(a_kick_does_not_end_the_wait),
		T(short_and_late_input),
		T(odd_buffers),
		T(empty_buffers_are_bounded),
		T(kicks_for_buffers_only_while_bytes_wait),
		T(only_one_queue_is_set_up),
		T(emergency_write_at_any_time),
		T(resize),
		T(config_in_any_width),
		T(input_waits_across_a_reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
