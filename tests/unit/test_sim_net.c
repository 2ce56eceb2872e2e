// SPDX-License-Identifier: BSD-2-Clause
/*
 * The network device in the simulator: frames wait for buffers and go on when they come, in any layout and on both
 * rings; commands are answered; a save at any moment changes nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>

#include "driver.h"
#include "program.h"
#include "sim_net.h"
#include "tests/unit/silent.h"

#define PACKED  (1ull << VIRTIO_F_RING_PACKED)
#define RX      0
#define TX      1
#define CONTROL 4

static struct machine m;
static uint32_t nused;
static struct {
	uint16_t queue;
	uint32_t len;
	int status;
} used[256];

static void on_used(void *ctx, struct sim_device *d, uint16_t queue, uint16_t id, uint32_t len, uint32_t type,
		    int status)
{
	(void)ctx;
	(void)d;
	(void)id;
	(void)type;
	used[nused % 256].queue = queue;
	used[nused % 256].len = len;
	used[nused++ % 256].status = status;
}

static const struct machine_events events = {.used = on_used};

static int setup(void **state)
{
	(void)state;
	silent_create(&m, &events);
	silent_add(&m, VIRTIO_ID_NET);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_destroy(&m);
	return 0;
}

static void step(uint8_t code, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	struct op op = {.code = code, .arg = {a, b, c, d, e}};
	program_step(&m, &op);
}

static void post(uint64_t queue, uint64_t sector, uint64_t len, uint64_t shape)
{
	step(OP_POST, queue, queue == RX, sector, len, shape);
	step(OP_KICK, queue, 0, 0, 0, 0);
}

/* To the device's own address. */
static void arrives(uint64_t len)
{
	static const uint8_t data[16] = {[10] = 2, [15] = 1};
	struct op op = {.code = OP_FRAME, .arg = {0, len}, .data = data, .len = sizeof(data)};
	program_step(&m, &op);
}

static void start(uint64_t offer, uint64_t without)
{
	machine_reset(&m);
	nused = 0;
	step(OP_OFFER, offer, 0, 0, 0, 0);
	step(OP_NEGOTIATE, without, 0, 0, 0, 0);
}

/* What the driver finds on a queue, as lengths. */
static uint32_t reap(uint16_t queue)
{
	uint32_t before = nused;
	step(OP_REAP, queue, 0, 0, 0, 0);
	return nused - before;
}

/* All four of them: split and packed, with buffers merged and one for each frame. */
static const uint64_t merge = 1ull << VIRTIO_NET_F_MRG_RXBUF;

static void on_both(void (*what)(bool merged))
{
	for (int i = 0; i < 4; i++) {
		start(i & 1 ? PACKED : 0, i & 2 ? merge : 0);
		what(!(i & 2));
		program_quiesce(&m);
	}
}

static void receive_every_size(bool merged)
{
	for (uint32_t len = 14; len <= 65554; len = len < 30000 ? 3 * len : len + 5077) {
		uint32_t n = merged ? (len + 12 + 4095) / 4096 : 1, sum = 0;
		if (!merged && len > 32000)
			return;
		for (uint32_t i = 0; i < n; i++)
			post(RX, 0, merged ? 4096 : len + 12, i < 9 ? 0 : 3 << SHAPE_PLACE_SHIFT);
		arrives(len);
		assert_int_equal(reap(RX), n);
		for (uint32_t i = 1; i <= n; i++)
			sum += used[(nused - i) % 256].len;
		assert_int_equal(sum, len + 12);
	}
}

static void every_size(void **state)
{
	(void)state;
	on_both(receive_every_size);
}

/* Header and data cut anywhere: the header spans two segments, or sixteen, or is in one with the data. */
static void receive_every_layout(bool merged)
{
	for (uint64_t shape = 0; shape < 0x10000; shape += 0x33) {
		post(RX, 0, merged ? 300 : 700, shape);
		post(RX, 0, merged ? 300 : 700, shape);
		arrives(500);
		assert_int_equal(reap(RX), merged ? 2 : 1);
		if (merged)
			continue;
		arrives(60);
		assert_int_equal(reap(RX), 1);
	}
}

static void every_layout(void **state)
{
	(void)state;
	on_both(receive_every_layout);
}

static void wait_for_buffers(bool merged)
{
	uint32_t n = merged ? 4 : 3;
	step(OP_QUEUE, RX, 0, 0, 0, 0);
	step(OP_DRIVER_OK, 0, 0, 0, 0, 0);
	arrives(60);
	arrives(3000);
	arrives(61);
	assert_int_equal(reap(RX), 0);
	step(OP_SAVE, 0, 0, 0, 0, 0);
	for (uint32_t i = 0; i < n; i++) {
		post(RX, 0, merged ? 2000 : 4000, 0);
		step(OP_SAVE, 0, 0, 0, 0, 0);
	}
	assert_int_equal(reap(RX), n);
	assert_int_equal(used[0].len, 72);
	assert_int_equal(used[n - 1].len, 73);
}

static void waits_and_goes_on(void **state)
{
	(void)state;
	on_both(wait_for_buffers);
}

/* More frames than the wire holds: the rest is lost on the way, in order. */
static void bursts(void **state)
{
	(void)state;
	start(0, 0);
	step(OP_QUEUE, RX, 64, 0, 0, 0);
	step(OP_DRIVER_OK, 0, 0, 0, 0, 0);
	for (uint32_t i = 0; i < 50; i++)
		arrives(60 + i);
	for (uint32_t i = 0; i < 50; i++)
		post(RX, 0, 200, 0);
	assert_int_equal(reap(RX), 32);
	for (uint32_t i = 0; i < 32; i++)
		assert_int_equal(used[i].len, 72 + i);
	program_quiesce(&m);
}

static void held_and_reordered(void **state)
{
	(void)state;
	start(0, 0);
	post(RX, 0, 200, 0);
	post(RX, 0, 200, 0);
	step(OP_HOLD, 2, 0, 0, 0, 0);
	arrives(60);
	arrives(70);
	assert_int_equal(reap(RX), 0);
	step(OP_DONE, 1, 0, 0, 0, 0);
	step(OP_FLUSHED, 0, 0, 0, 0, 0);
	step(OP_DONE, 0, 1, 0, 0, 0); /* the reception fails */
	step(OP_FLUSHED, 0, 0, 0, 0, 0);
	reap(RX);
	assert_int_equal(used[0].len, 82);
	assert_int_equal(used[1].len, 0);
	program_quiesce(&m);
}

static void sends(void **state)
{
	(void)state;
	start(0, 0);
	for (uint64_t offload = 0; offload < 16; offload++) {
		post(TX, offload | 0x30, 1000, 0);
		assert_int_equal(reap(TX), 1);
	}
	for (uint64_t shape = 0; shape < 0x10000; shape += 0x101) {
		post(TX, shape, shape % 3000, shape);
		assert_int_equal(reap(TX), 1);
	}
	program_quiesce(&m);
	for (uint32_t i = 0; i < 256; i++)
		assert_int_equal(used[i].len, 0);
}

static int command(uint64_t code, uint64_t value)
{
	post(CONTROL, code, value, 0);
	assert_int_equal(reap(CONTROL), 1);
	assert_int_equal(used[(nused - 1) % 256].len, 1);
	return used[(nused - 1) % 256].status;
}

#define CODE(class, cmd) (VIRTIO_NET_CTRL_##class << 8 | VIRTIO_NET_CTRL_##class##_##cmd)

static void commands(void **state)
{
	(void)state;
	start(0, 0);
	assert_int_equal(command(CODE(RX, PROMISC), 1), VIRTIO_NET_OK);
	assert_int_equal(command(CODE(MAC, TABLE_SET), 5 + 70 * 3), VIRTIO_NET_OK);
	assert_int_equal(command(CODE(VLAN, ADD), 7), VIRTIO_NET_OK);
	assert_int_equal(command(CODE(MQ, VQ_PAIRS_SET), 2), VIRTIO_NET_OK);
	assert_int_equal(command(CODE(MQ, VQ_PAIRS_SET), 3), VIRTIO_NET_ERR);
	assert_int_equal(command(CODE(GUEST_OFFLOADS, SET), 1), VIRTIO_NET_OK);
	assert_int_equal(command(0x0900, 1), VIRTIO_NET_ERR);
	step(OP_ANNOUNCE, 0, 0, 0, 0, 0);
	assert_int_equal(command(CODE(ANNOUNCE, ACK), 0), VIRTIO_NET_OK);
	program_quiesce(&m);
}

/* Without MQ the control queue is behind the first pair. */
static void queues_by_feature(void **state)
{
	const struct sim_device *d = &m.device[0];
	uint64_t control = 1ull << VIRTIO_NET_F_CTRL_VQ, mq = 1ull << VIRTIO_NET_F_MQ;
	(void)state;
	start(0, 0);
	assert_int_equal(sim_net_queue(d, 2, control | mq), NET_QUEUE_RX);
	assert_int_equal(sim_net_queue(d, 3, control | mq), NET_QUEUE_TX);
	assert_int_equal(sim_net_queue(d, 4, control | mq), NET_QUEUE_CONTROL);
	assert_int_equal(sim_net_queue(d, 2, control), NET_QUEUE_CONTROL);
	assert_int_equal(sim_net_queue(d, 2, mq), NET_QUEUE_NONE);
	assert_int_equal(sim_net_queue(d, 3, control), NET_QUEUE_NONE);
}

static void cable(void **state)
{
	(void)state;
	start(0, 0);
	post(RX, 0, 200, 0);
	step(OP_LINK, 0, 0, 0, 0, 0);
	arrives(60);
	assert_int_equal(reap(RX), 0);
	post(TX, 0, 60, 0);
	assert_int_equal(reap(TX), 1);
	step(OP_READ, VIRTIO_MMIO_CONFIG + 6, 2, 0, 0, 0);
	step(OP_LINK, 1, 0, 0, 0, 0);
	step(OP_READ, VIRTIO_MMIO_CONFIG + 6, 2, 0, 0, 0);
	arrives(61);
	assert_int_equal(reap(RX), 1);
	assert_int_equal(used[1].len, 73);
	program_quiesce(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_size, setup, teardown),
		cmocka_unit_test_setup_teardown(every_layout, setup, teardown),
		cmocka_unit_test_setup_teardown(waits_and_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(bursts, setup, teardown),
		cmocka_unit_test_setup_teardown(held_and_reordered, setup, teardown),
		cmocka_unit_test_setup_teardown(sends, setup, teardown),
		cmocka_unit_test_setup_teardown(commands, setup, teardown),
		cmocka_unit_test_setup_teardown(queues_by_feature, setup, teardown),
		cmocka_unit_test_setup_teardown(cable, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
