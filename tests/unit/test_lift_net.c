// SPDX-License-Identifier: BSD-2-Clause
/* What becomes of a recorded network device, its chains and its frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "driver.h"
#include "lift_net.h"
#include "sim_net.h"

#define F(name) (1ull << VIRTIO_NET_F_##name)

static const struct lift_options options = {.bytes_max = 256, .data_max = 4096};
static struct trace_device card = {.id = 1,
				   .nqueues = 5,
				   .features = F(MQ) | F(MAC) | F(CTRL_VQ) | F(MTU),
				   .config = {0x52, 0x54, 0, 1, 2, 3}};
static struct op post;

static bool lifts(uint64_t accepted, const struct lift_chain *c)
{
	return lift_net_post(&options, &card, accepted, c, &post);
}

static void a_device_that_offers_the_same(void **state)
{
	(void)state;
	struct op op = lift_net_make(&card);
	assert_int_equal(op.code, OP_MAKE);
	assert_int_equal(op.arg[0], NET_FLAG_MTU); /* and two pairs */
	assert_int_equal(op.arg[1] & (F(MQ) | F(MAC) | F(CTRL_VQ) | F(MTU)), 0);
	assert_true(op.arg[1] & F(MRG_RXBUF) && op.arg[1] >> VIRTIO_NET_F_SPEED_DUPLEX & 1);
	assert_false(op.arg[1] >> VIRTIO_RING_F_EVENT_IDX & 1); /* of the ring */
	assert_true(lift_net_fits(&card));
	struct trace_device wide = card;
	wide.nqueues = 9;
	assert_false(lift_net_fits(&wide));
}

static void buffers(void **state)
{
	(void)state;
	struct lift_chain c = {.queue = 2, .nsegs = 2, .write_len = 1526, .seg = {{26, true}, {1500, true}}};
	assert_true(lifts(F(MQ), &c));
	assert_int_equal(post.arg[0], 2);
	assert_int_equal(post.arg[3], 1526);
	assert_int_equal(post.arg[4], SHAPE_UNEVEN | 1);
	c.write_len = 65562; /* more than the simulator's memory likes */
	assert_true(lifts(F(MQ), &c));
	assert_int_equal(post.arg[3], 4096);
}

static void sent_frames(void **state)
{
	(void)state;
	struct lift_chain c = {
		.queue = 1, .nsegs = 1, .read_len = 1012, .seg = {{1012, false}}, .header_len = 12};
	const struct net_header h = {1, VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, 54, 500, 34, 16};
	memcpy(c.header, &h, sizeof(h));
	assert_true(lifts(0, &c));
	assert_int_equal(post.arg[3], 1000);
	assert_int_equal(post.arg[2], 10 | 34 << 4);
	assert_int_equal(post.arg[4], 3 << SHAPE_HEADER_SHIFT);
	c.header_len = 11;
	assert_false(lifts(0, &c));
}

/* Behind all pairs with MQ, behind the first one without. */
static void commands(void **state)
{
	(void)state;
	struct lift_chain c = {.queue = 4, .header_len = 4, .header = {VIRTIO_NET_CTRL_MQ, 0, 2, 0}};
	assert_true(lifts(F(MQ), &c));
	assert_int_equal(post.arg[2], VIRTIO_NET_CTRL_MQ << 8);
	assert_int_equal(post.arg[3], 2);
	assert_true(lift_net_sets_up(&card, F(MQ), &post));
	c.queue = 2;
	c.header[0] = VIRTIO_NET_CTRL_RX;
	assert_true(lifts(0, &c));
	assert_int_equal(post.arg[3], 0);
	assert_false(lift_net_sets_up(&card, 0, &post));
}

static void frames(void **state)
{
	(void)state;
	const uint8_t head[16] = {1, 1, [10] = 0x52, 0x54, 0, 1, 2, 3}, own[6] = {2, 0, 0, 0, 0, 1};
	struct op op = {.code = OP_FRAME, .arg = {1, 9000}, .data = head, .len = sizeof(head)};
	uint8_t data[LIFT_DATA_LEN];
	struct op to = lift_net_frame(&card, &op, 5012, data);
	assert_int_equal(to.arg[0], 1);
	assert_int_equal(to.arg[1], 5000); /* as much as there is room for */
	assert_memory_equal(to.data + 10, own, 6);
	assert_int_equal(to.data[1], 1);
	assert_int_equal(lift_net_frame(&card, &op, 0, data).arg[1], 9000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_that_offers_the_same),
		cmocka_unit_test(buffers),
		cmocka_unit_test(sent_frames),
		cmocka_unit_test(commands),
		cmocka_unit_test(frames),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
