// SPDX-License-Identifier: BSD-2-Clause
/* What becomes of a recorded console and its chains. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/virtio_console.h>
#include <string.h>

#include "driver.h"
#include "lift_console.h"
#include "sim_console.h"

#define F(name) (1ull << VIRTIO_CONSOLE_F_##name)

static const struct lift_options options = {.bytes_max = 256, .data_max = 4096};
static uint32_t closed;
static struct op post;

static bool lifts(uint64_t accepted, const struct lift_chain *c)
{
	return lift_console_post(&options, accepted, c, &closed, &post);
}

static void a_device_that_offers_the_same(void **state)
{
	(void)state;
	struct trace_device t = {.id = 3, .features = F(MULTIPORT) | F(SIZE)};
	struct op op = lift_console_make(&t);
	assert_int_equal(op.code, OP_MAKE);
	assert_int_equal(op.arg[0], 3 | CONSOLE_FLAG_NO_EMERGENCY);
	t.features = F(EMERG_WRITE);
	assert_int_equal(lift_console_make(&t).arg[0], 1 | CONSOLE_FLAG_NO_SIZE);
}

static void output_and_room(void **state)
{
	(void)state;
	struct lift_chain c = {.queue = 7, .nsegs = 1, .read_len = 19, .seg = {{19, false}}};
	assert_true(lifts(F(MULTIPORT), &c));
	assert_int_equal(post.arg[0], 7);
	assert_int_equal(post.arg[1], 0);
	assert_int_equal(post.arg[3], 19);
	assert_int_equal(post.arg[4], 0);
	c = (struct lift_chain){
		.queue = 0, .nsegs = 2, .write_len = 9000, .seg = {{5000, true}, {4000, true}}};
	assert_true(lifts(0, &c));
	assert_int_equal(post.arg[1], 1);
	assert_int_equal(post.arg[3], 4096);
	assert_int_equal(post.arg[4], SHAPE_UNEVEN | 1);
}

/* Port 2 is the last that the simulator's console has; without MULTIPORT there is port 0 alone. */
static void ports_that_are_not_there(void **state)
{
	(void)state;
	struct lift_chain c = {.queue = 9, .nsegs = 1, .read_len = 4, .seg = {{4, false}}};
	assert_false(lifts(F(MULTIPORT), &c));
	c.queue = 7;
	assert_true(lifts(F(MULTIPORT), &c));
	assert_false(lifts(0, &c));
	assert_true(lift_console_has(2));
	assert_false(lift_console_has(3));
}

static bool message(uint16_t event, uint32_t port, uint16_t value)
{
	const struct virtio_console_control m = {port, event, value};
	struct lift_chain c = {.queue = 3, .nsegs = 1, .read_len = 8, .header_len = 8};
	memcpy(c.header, &m, sizeof(m));
	return lifts(F(MULTIPORT), &c);
}

/* The model driver gets itself ready and opens each port; what is left is to close one, and to open it again. */
static void messages(void **state)
{
	(void)state;
	closed = 0;
	assert_false(message(VIRTIO_CONSOLE_DEVICE_READY, UINT32_MAX, 1));
	assert_false(message(VIRTIO_CONSOLE_PORT_READY, 1, 1));
	assert_false(message(VIRTIO_CONSOLE_PORT_OPEN, 1, 1));
	assert_true(message(VIRTIO_CONSOLE_PORT_OPEN, 1, 0));
	assert_int_equal(post.arg[2], 1);
	assert_int_equal(post.arg[3] & 1, 1);
	assert_false(message(VIRTIO_CONSOLE_PORT_OPEN, 1, 0));
	assert_true(message(VIRTIO_CONSOLE_PORT_OPEN, 1, 1));
	assert_int_equal(post.arg[3] & 1, 0);
	assert_false(message(VIRTIO_CONSOLE_PORT_OPEN, 40, 0));
	struct lift_chain room = {.queue = 2, .nsegs = 1, .write_len = 64};
	assert_false(lifts(F(MULTIPORT), &room)); /* it posts them by itself */
	struct lift_chain cut = {.queue = 3, .nsegs = 1, .read_len = 4, .header_len = 4};
	assert_false(lifts(F(MULTIPORT), &cut));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_that_offers_the_same),
		cmocka_unit_test(output_and_room),
		cmocka_unit_test(ports_that_are_not_there),
		cmocka_unit_test(messages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
