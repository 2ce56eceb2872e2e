// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include <linux/serial_reg.h>

#include "serial.h"

static struct serial s;

static int setup(void **state)
{
	(void)state;
	serial_reset(&s);
	return 0;
}

/* As Linux opens the port: FIFO on, modem lines up. */
static void open_port(uint8_t ier)
{
	serial_write(&s, UART_FCR,
		     UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT | UART_FCR_TRIGGER_8);
	serial_write(&s, UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
	serial_read(&s, UART_MSR);
	serial_write(&s, UART_IER, ier);
	serial_take_irq(&s);
}

static uint8_t iir(void)
{
	return serial_read(&s, UART_IIR) & 0x0f;
}

static void sends_at_once(void **state)
{
	(void)state;
	assert_int_equal(serial_read(&s, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	assert_true(serial_write(&s, UART_TX, 'x'));
	assert_int_equal(serial_read(&s, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	assert_false(serial_take_irq(&s));
}

static void divisor_latch_hides_data(void **state)
{
	(void)state;
	open_port(UART_IER_RDI);
	serial_write(&s, UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	assert_false(serial_write(&s, UART_DLL, 1));
	serial_write(&s, UART_DLM, 2);
	assert_int_equal(serial_read(&s, UART_DLL), 1);
	assert_int_equal(serial_read(&s, UART_DLM), 2);
	serial_write(&s, UART_LCR, UART_LCR_WLEN8);
	assert_int_equal(serial_read(&s, UART_IER), UART_IER_RDI);
	assert_int_equal(serial_read(&s, UART_LCR), UART_LCR_WLEN8);
	serial_write(&s, UART_SCR, 0xa5);
	assert_int_equal(serial_read(&s, UART_SCR), 0xa5);
}

static void tells_an_empty_transmitter_each_time(void **state)
{
	(void)state;
	open_port(0);
	assert_int_equal(iir(), UART_IIR_NO_INT);
	serial_write(&s, UART_IER, UART_IER_THRI);
	assert_true(serial_take_irq(&s));
	assert_false(serial_take_irq(&s));
	assert_int_equal(iir(), UART_IIR_THRI);
	assert_int_equal(iir(), UART_IIR_NO_INT); /* told */
	serial_write(&s, UART_TX, 'a');
	assert_true(serial_take_irq(&s));
	serial_write(&s, UART_TX,
		     'b'); /* not told yet, and up again: an edge-triggered handler must not miss it */
	assert_true(serial_take_irq(&s));
	/* Linux tests a port so: off and on raises it anew. */
	assert_int_equal(iir(), UART_IIR_THRI);
	serial_write(&s, UART_IER, 0);
	serial_write(&s, UART_IER, UART_IER_THRI);
	assert_true(serial_take_irq(&s));
	assert_int_equal(iir(), UART_IIR_THRI);
}

static void receives_with_an_interrupt(void **state)
{
	(void)state;
	open_port(UART_IER_RDI);
	serial_receive(&s, (const uint8_t *)"ab", 2);
	assert_true(serial_take_irq(&s));
	assert_int_equal(iir(), 0x0c); /* below the trigger level: as after a time-out */
	serial_receive(&s, (const uint8_t *)"cdefgh", 6);
	assert_false(serial_take_irq(&s)); /* the line is up already */
	assert_int_equal(iir(), UART_IIR_RDI);
	for (const char *p = "abcdefgh"; *p; p++) {
		assert_true(serial_read(&s, UART_LSR) & UART_LSR_DR);
		assert_int_equal(serial_read(&s, UART_RX), *p);
	}
	assert_false(serial_read(&s, UART_LSR) & UART_LSR_DR);
	assert_int_equal(iir(), UART_IIR_NO_INT);
	assert_int_equal(serial_read(&s, UART_RX), 0);
	serial_receive(&s, (const uint8_t *)"i", 1);
	assert_true(serial_take_irq(&s));
}

static void room_is_back_pressure(void **state)
{
	uint8_t data[32];

	(void)state;
	memset(data, 'x', sizeof(data));
	assert_int_equal(serial_room(&s), 0); /* nobody has opened the port */
	open_port(0);
	assert_int_equal(serial_room(&s), 16);
	serial_receive(&s, data, 10);
	assert_int_equal(serial_room(&s), 6);
	serial_receive(&s, data, 32); /* more than told: dropped, and no overrun */
	assert_int_equal(serial_room(&s), 0);
	assert_int_equal(serial_read(&s, UART_LSR) & (UART_LSR_OE | UART_LSR_DR), UART_LSR_DR);
	serial_read(&s, UART_RX);
	assert_int_equal(serial_room(&s), 1);
	serial_write(&s, UART_MCR, UART_MCR_DTR); /* RTS down: hold it back */
	assert_int_equal(serial_room(&s), 0);
	serial_write(&s, UART_MCR, UART_MCR_RTS);
	serial_write(&s, UART_FCR, 0); /* no FIFO: one byte */
	assert_int_equal(serial_room(&s), 1);
}

static void fifo_wraps_in_order(void **state)
{
	uint8_t next_in = 0, next_out = 0;

	(void)state;
	open_port(0);
	for (int i = 0; i < 1000; i++) {
		uint8_t n = (uint8_t)(i % 16 + 1), data[16];

		for (uint8_t k = 0; k < n; k++)
			data[k] = next_in++;
		serial_receive(&s, data, n);
		while (n--)
			assert_int_equal(serial_read(&s, UART_RX), next_out++);
	}
}

static void loopback_stays_inside(void **state)
{
	(void)state;
	open_port(UART_IER_RLSI);
	/* The probe of Linux: outputs come back as inputs. */
	serial_write(&s, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	assert_int_equal(serial_read(&s, UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_CTS);
	assert_int_equal(serial_room(&s), 0);
	for (int i = 0; i < 17; i++)
		assert_false(serial_write(&s, UART_TX, (uint8_t)i));
	assert_true(serial_take_irq(&s)); /* the 17th was an overrun */
	assert_int_equal(iir(), UART_IIR_RLSI);
	assert_true(serial_read(&s, UART_LSR) & UART_LSR_OE);
	assert_false(serial_read(&s, UART_LSR) & UART_LSR_OE);
	for (int i = 0; i < 16; i++)
		assert_int_equal(serial_read(&s, UART_RX), i);
}

static void modem_lines_tell_changes(void **state)
{
	(void)state;
	open_port(UART_IER_MSI);
	assert_int_equal(serial_read(&s, UART_MSR), UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD);
	serial_write(&s, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT1);
	assert_true(serial_take_irq(&s));
	assert_int_equal(iir(), UART_IIR_MSI);
	assert_int_equal(serial_read(&s, UART_MSR),
			 UART_MSR_RI | UART_MSR_DCTS | UART_MSR_DDSR | UART_MSR_DDCD);
	assert_int_equal(iir(), UART_IIR_NO_INT);
	serial_write(&s, UART_MCR, UART_MCR_LOOP);
	assert_int_equal(serial_read(&s, UART_MSR), UART_MSR_TERI); /* trailing edge of RI */
}

/* Any sequence of accesses: registers stay within what they hold, the line agrees with IIR. */
static void survives_anything(void **state)
{
	uint64_t seed = 3;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint8_t value, data[16] = {0};
		bool line;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		value = (uint8_t)(seed >> 56);
		if (value & 1)
			serial_write(&s, seed >> 40 & 7, (uint8_t)(seed >> 48));
		else if (value & 2)
			serial_read(&s, seed >> 40 & 7);
		else
			serial_receive(&s, data, seed >> 48 & 15);
		assert_in_range(s.fifo_count, 0, 16);
		assert_in_range(serial_room(&s), 0, 16);
		line = s.line;
		assert_int_equal(line, !(iir() & UART_IIR_NO_INT));
	}
}

/* What the guest sees afterwards is the same, from any state that it can get the port into. */
static void saved_and_loaded(void **state)
{
	uint64_t seed = 5;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint8_t bytes[64], again[64], data[4] = {1, 2, 3, (uint8_t)i};
		struct state_out out = {bytes, sizeof(bytes), 0}, out2 = {again, sizeof(again), 0};
		struct state_in in = {.buf = bytes};
		struct serial other;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		if (seed >> 63)
			serial_write(&s, seed >> 40 & 7, (uint8_t)(seed >> 48));
		else if (seed >> 62 & 1)
			serial_read(&s, seed >> 40 & 7);
		else
			serial_receive(&s, data, seed >> 48 & 3);
		serial_save(&s, &out);
		memset(&other, 0xa5, sizeof(other));
		in.len = out.len;
		assert_true(serial_load(&other, &in));
		assert_int_equal(in.at, in.len);
		serial_save(&other, &out2);
		assert_int_equal(out2.len, out.len);
		assert_memory_equal(again, bytes, out.len);
		assert_int_equal(serial_room(&other), serial_room(&s));
		s = other;
	}
}

static void what_can_not_be_is_not_loaded(void **state)
{
	uint8_t bytes[64];
	struct state_out out = {bytes, sizeof(bytes), 0};
	static const struct {
		unsigned at;
		uint8_t value;
	} wrong[] = {{0, 0x10}, {1, 0x02}, {3, 0x20}, {7, 0x80}, {8, 0x10}, {9, 2}, {12, 17}, {12, 2}};

	(void)state;
	serial_save(&s, &out);
	for (unsigned n = 0; n < out.len; n++) {
		struct state_in in = {.buf = bytes, .len = n};
		struct serial other;

		assert_false(serial_load(&other, &in));
		assert_int_equal(other.dll, 12); /* as after a reset */
	}
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct state_in in = {.buf = bytes, .len = out.len};
		struct serial other;
		uint8_t was = bytes[wrong[i].at];

		bytes[wrong[i].at] = wrong[i].value;
		assert_false(serial_load(&other, &in));
		bytes[wrong[i].at] = was;
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(sends_at_once),
		T(divisor_latch_hides_data),
		T(tells_an_empty_transmitter_each_time),
		T(receives_with_an_interrupt),
		T(room_is_back_pressure),
		T(fifo_wraps_in_order),
		T(loopback_stays_inside),
		T(modem_lines_tell_changes),
		T(survives_anything),
		T(saved_and_loaded),
		T(what_can_not_be_is_not_loaded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
