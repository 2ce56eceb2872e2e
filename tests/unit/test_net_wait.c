// SPDX-License-Identifier: BSD-2-Clause
/* Frames that must wait: nobody polls, none is lost, and the driver is asked for the right kick. */
#include "tests/unit/nic.h"

#define RXBUFS 0x20000ull

static struct nic *n;

static void make(uint64_t offer, uint64_t without, uint16_t size, uint16_t pairs)
{
	struct net_options o = {.mac = {2, 0, 0, 0, 0, 1}, .pairs = pairs};
	if (n)
		nic_free(n);
	n = nic_new(&o, CAN_NET);
	vdev_offer(&n->net.vdev, offer);
	nic_boot(n, without, size);
}

static int setup(void **state)
{
	(void)state;
	make(0, 0, 16, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	nic_free(n);
	n = NULL;
	return 0;
}

/* P18 */
static void waits_for_a_buffer(void **state)
{
	(void)state;
	assert_int_equal(nic_arrive(n, 60), NET_LATER);
	assert_int_equal(n->wire.wakes[0], 0);
	nic_post_rx(n, RXBUFS, 100);
	nic_kick(n, RX);
	assert_int_equal(n->wire.wakes[0], 1);
	nic_kick(n, RX); /* nobody waits now */
	assert_int_equal(n->wire.wakes[0], 1);
	assert_int_equal(nic_arrive(n, 60), NET_TAKEN);
	nic_used(n, RX, (const uint32_t[]){HDR + 60}, 1);
}

/* Does the driver, which has just made one more entry available, have to kick? */
static bool must_kick(struct nic *m)
{
	if (m->on_packed) {
		const struct packed *p = &m->packed[RX];
		uint16_t flags = get16(&m->g, p->device + 2), pos = get16(&m->g, p->device);
		if (flags != VRING_PACKED_EVENT_FLAG_DESC)
			return flags == VRING_PACKED_EVENT_FLAG_ENABLE;
		return pos == packed_step(p, p->next, (uint16_t)(p->size - 1)) ||
		       packed_step(p, pos, 1) == p->next;
	}
	struct ring *r = &m->ring[RX];
	if (m->net.vdev.accepted & BIT(VIRTIO_RING_F_EVENT_IDX))
		return vring_need_event(get16(&m->g, ring_avail_event(r)), r->idx, (uint16_t)(r->idx - 1));
	return !(get16(&m->g, r->used) & VRING_USED_F_NO_NOTIFY);
}

static const struct {
	uint64_t offer, without;
} rings[] = {
	{0, 0},
	{0, BIT(VIRTIO_RING_F_EVENT_IDX)},
	{BIT(VIRTIO_F_RING_PACKED), 0},
	{BIT(VIRTIO_F_RING_PACKED), BIT(VIRTIO_RING_F_EVENT_IDX)},
	{BIT(VIRTIO_F_IN_ORDER), 0},
	{BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_IN_ORDER), 0},
};
#define NRINGS (sizeof(rings) / sizeof(rings[0]))

/* One frame was used, in so many buffers, each filled; in order, one entry stands for all of them. */
static void all_of_a_frame(uint16_t nbuffers, uint32_t each)
{
	uint32_t id, len;
	bool in_order = n->net.vdev.accepted & BIT(VIRTIO_F_IN_ORDER);
	for (uint32_t i = 0; i < (in_order ? 1u : nbuffers); i++) {
		assert_true(nic_take(n, RX, &id, &len));
		assert_int_equal(len, each);
	}
	if (in_order && n->on_packed)
		n->packed[RX].seen = n->packed[RX].next;
	else if (in_order)
		n->ring[RX].seen = (uint16_t)(n->ring[RX].seen + nbuffers - 1);
	assert_false(nic_take(n, RX, &id, &len));
}

/*
 * A frame of five buffers, which come one by one: the device asks for a kick for the next one each time, not for
 * one of those that it has seen and given back; and it takes all of them, in their order.
 */
static void asks_for_the_next_buffer(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < NRINGS; i++) {
		make(rings[i].offer, rings[i].without, 16, 1);
		for (uint32_t frame = 0; frame < 30; frame++) {
			assert_int_equal(nic_arrive(n, 188), NET_LATER);
			for (uint32_t k = 0; k < 5; k++) {
				nic_post_rx(n, RXBUFS + 64 * k, 40);
				assert_true(must_kick(n));
				nic_kick(n, RX);
				assert_int_equal(n->wire.wakes[0], frame * 5 + k + 1);
				assert_int_equal(nic_arrive(n, 188), k < 4 ? NET_LATER : NET_TAKEN);
			}
			assert_int_equal(get16(&n->g, RXBUFS + 10), 5);
			all_of_a_frame(5, 40);
		}
	}
}

/* While nothing waits, buffers are posted without a kick. */
static void no_kicks_while_nothing_waits(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < NRINGS; i++) {
		make(rings[i].offer, rings[i].without, 16, 1);
		nic_post_rx(n, RXBUFS, 100);
		nic_kick(n, RX);
		for (uint32_t k = 0; k < 8; k++) {
			nic_post_rx(n, RXBUFS, 100);
			assert_false(must_kick(n));
		}
	}
}

/* A buffer comes between the device's look and its wish for kicks: the second look finds it. */
static void post_before_the_wish(struct taplog *t, const struct event *e)
{
	if (e->op != EV_STORE || e->what != VMEM_EVENT)
		return;
	t->before = NULL;
	nic_post_rx(n, RXBUFS, 100);
}

static void second_look(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < NRINGS; i++) {
		make(rings[i].offer, rings[i].without, 16, 1);
		nic_post_rx(n, RXBUFS, 100);
		nic_kick(n, RX); /* turns kicks off */
		assert_int_equal(nic_arrive(n, 60), NET_TAKEN);
		struct taplog *t = taplog_new(&n->g, 0);
		t->before = post_before_the_wish;
		assert_int_equal(nic_arrive(n, 60), NET_TAKEN);
		taplog_free(t);
	}
}

/* The ring is full of buffers that are too small together: it can never be received. */
static void full_ring(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < NRINGS; i++) {
		make(rings[i].offer, rings[i].without, 4, 1);
		for (uint32_t k = 0; k < 3; k++)
			nic_post_rx(n, RXBUFS, 30);
		assert_int_equal(nic_arrive(n, 200), NET_LATER);
		nic_post_rx(n, RXBUFS, 30);
		assert_int_equal(nic_arrive(n, 200), NET_DROPPED);
		nic_used(n, RX, NULL, 0);
		assert_int_equal(nic_arrive(n, 108), NET_TAKEN);
	}
}

/* Full of descriptors: buffers of two each are half as many. What comes behind the frame is not held up. */
static void full_ring_of_longer_buffers(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < NRINGS; i++) {
		make(rings[i].offer, rings[i].without, 4, 1);
		for (uint32_t k = 0; k < 2; k++) {
			const struct buf b[2] = {{RXBUFS + 256 * k, HDR, true},
						 {RXBUFS + 256 * k + 64, 50, true}};
			assert_int_equal(nic_arrive(n, 200), NET_LATER);
			nic_post(n, RX, b, 2);
		}
		assert_int_equal(nic_arrive(n, 200), NET_DROPPED);
		assert_int_equal(nic_arrive(n, 60), NET_TAKEN);
	}
}

/* With others in flight more buffers will come: those wait. */
static void full_ring_with_frames_in_flight(void **state)
{
	(void)state;
	make(0, 0, 4, 1);
	n->wire.hold = true;
	for (uint32_t k = 0; k < 4; k++)
		nic_post_rx(n, RXBUFS + 64 * k, 60);
	assert_int_equal(nic_arrive(n, 20), NET_TAKEN);
	assert_int_equal(nic_arrive(n, 220), NET_LATER);
	nic_finish_all(n);
	nic_used(n, RX, (const uint32_t[]){HDR + 20}, 1);
	nic_post_rx(n, RXBUFS, 60);
	assert_true(must_kick(n));
	nic_kick(n, RX);
	assert_int_equal(nic_arrive(n, 220), NET_TAKEN);
}

/* Without a driver frames wait for one; what is posted by DRIVER_OK counts. */
static void no_driver_yet(void **state)
{
	(void)state;
	set(&n->mmio, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(nic_arrive(n, 60), NET_LATER);
	nic_boot(n, 0, 16);
	assert_int_equal(n->wire.wakes[0], 1);
	assert_int_equal(nic_arrive(n, 60), NET_LATER);
	set(&n->mmio, VIRTIO_MMIO_STATUS, 0);
	nic_boot(n, 0, 16);
	assert_int_equal(n->wire.wakes[0], 2); /* a frame that waited through the reset */
}

/* No room at the backend, or none to lend: the next completion is what counts, not a kick. */
static void waits_for_a_completion(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&n->g, 4); /* of 512 bytes */
	n->wire.hold = true;
	nic_post_rx(n, RXBUFS, 2000);
	nic_post_rx(n, RXBUFS + 2000, 2000);
	assert_int_equal(nic_arrive(n, 1400), NET_TAKEN);
	assert_int_equal(nic_arrive(n, 1400), NET_LATER);
	nic_kick(n, RX);
	assert_int_equal(n->wire.wakes[0], 0);
	nic_finish_all(n);
	assert_int_equal(n->wire.wakes[0], 1);
	assert_int_equal(nic_arrive(n, 1400), NET_TAKEN);
	nic_finish_all(n);
	nic_post_rx(n, RXBUFS, 4000);
	assert_int_equal(nic_arrive(n, 3000), NET_DROPPED); /* never */
	assert_int_equal(t->pinned, 0);
	taplog_free(t);
}

/* Room that a completion made before the frame came, and that is too little, is no reason to wake it. */
static void waits_for_the_next_completion(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&n->g, 4); /* of 512 bytes */
	n->wire.hold = true;
	for (uint32_t k = 0; k < 3; k++)
		nic_post_rx(n, RXBUFS + 2000 * k, 2000);
	assert_int_equal(nic_arrive(n, 1400), NET_TAKEN);
	assert_int_equal(nic_arrive(n, 60), NET_TAKEN);
	nic_finish(n, 1, NET_DONE);
	assert_int_equal(nic_arrive(n, 1400), NET_LATER);
	assert_int_equal(n->wire.wakes[0],
			 0); /* it would be lost: the backend does not know yet that it has to wait */
	nic_finish_all(n);
	assert_int_equal(n->wire.wakes[0], 1);
	assert_int_equal(nic_arrive(n, 1400), NET_TAKEN);
	nic_finish_all(n);
	taplog_free(t);
}

/* Either way as many as it may have, so that the other one goes on. */
static void all_requests_at_the_backend(void **state)
{
	(void)state;
	make(0, 0, 256, 1);
	n->wire.hold = true;
	struct buf b = {DATA, HDR + 60, false};
	nic_header(n, DATA, NULL);
	for (uint32_t i = 0; i < 256; i++)
		nic_post_rx(n, RXBUFS, 100);
	for (uint32_t i = 0; i < NET_RX_MAX; i++)
		assert_int_equal(nic_arrive(n, 60), NET_TAKEN);
	assert_int_equal(nic_arrive(n, 60), NET_LATER);
	for (uint32_t i = 0; i <= NET_TX_MAX; i++)
		nic_post(n, TX, &b, 1);
	nic_kick(n, TX);
	assert_int_equal(n->wire.nheld, NET_INFLIGHT_MAX);
	assert_int_equal(n->wire.wakes[0], 0);
	nic_finish(n, 0, NET_DONE);
	net_publish(&n->net);
	assert_int_equal(n->wire.wakes[0], 1);
	assert_int_equal(nic_arrive(n, 60), NET_TAKEN);
	assert_int_equal(nic_arrive(n, 60), NET_LATER);
	assert_int_equal(n->wire.nheld, NET_INFLIGHT_MAX);
	nic_finish_all(n);
}

/*
 * Two frames wait, one for any buffer, one for a large one. What comes without a kick is seen by the larger one, which
 * asks for the kick of the next: so the other must be woken, once, or nobody would tell it.
 */
static void smaller_frame_waits_too(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < NRINGS; i++) {
		struct net_frame small = nic_frame(60), large = nic_frame(400);
		make(rings[i].offer, rings[i].without, 16, 2);
		assert_int_equal(nic_arrive_at(n, 1, &small), NET_LATER);
		nic_post_rx(n, RXBUFS, 100); /* its kick is under way */
		assert_int_equal(nic_arrive_at(n, 0, &large), NET_LATER);
		assert_int_equal(n->wire.wakes[1], 1);
		assert_int_equal(nic_arrive_at(n, 0, &large), NET_LATER); /* nothing new */
		assert_int_equal(n->wire.wakes[0] + n->wire.wakes[1], 1);
		assert_int_equal(nic_arrive_at(n, 1, &small), NET_TAKEN);
		nic_post_rx(n, RXBUFS, 500);
		assert_true(must_kick(n));
		nic_kick(n, RX);
		assert_int_equal(n->wire.wakes[0], 1);
		assert_int_equal(nic_arrive_at(n, 0, &large), NET_TAKEN);
	}
}

/* -- several pairs --------------------------------------------------------------------------------------- */

static enum net_answer arrive_for(uint16_t pair)
{
	struct net_frame f = nic_frame(60);
	return nic_arrive_at(n, pair, &f);
}

static void post_pair(uint16_t pair)
{
	struct buf b = {RXBUFS, 100, true};
	nic_post(n, (uint16_t)(2 * pair), &b, 1);
}

static uint16_t pair_of_last(void)
{
	assert_int_equal(n->wire.last.type, NET_IO_RX);
	return n->wire.last.pair;
}

static void pairs(uint8_t count)
{
	const uint8_t le[] = {count, 0};
	assert_int_equal(nic_command(n, VIRTIO_NET_CTRL_MQ, 0, le, 2), VIRTIO_NET_OK);
}

/* net.mq.1, net.mq.2 */
static void only_pairs_in_use(void **state)
{
	(void)state;
	make(0, 0, 16, 3);
	for (uint16_t i = 0; i < 3; i++)
		for (int k = 0; k < 8; k++)
			post_pair(i);
	for (uint8_t count = 1; count <= 3; count++) {
		if (count > 1)
			pairs(count);
		for (uint16_t i = 0; i < NET_PAIRS_MAX; i++) {
			if (i > 2)
				continue;
			assert_int_equal(arrive_for(i), NET_TAKEN);
			assert_int_equal(pair_of_last(), i < count ? i : 0);
		}
	}
}

/* A frame for a pair that is not in use waits for the buffers of the one that it goes to. */
static void waits_at_the_queue_it_goes_to(void **state)
{
	(void)state;
	make(0, 0, 16, 3);
	assert_int_equal(arrive_for(2), NET_LATER);
	post_pair(2);
	nic_kick(n, 4);
	assert_int_equal(n->wire.wakes[2], 0);
	post_pair(0);
	nic_kick(n, 0);
	assert_int_equal(n->wire.wakes[2], 1);
	assert_int_equal(arrive_for(2), NET_TAKEN);
	assert_int_equal(arrive_for(2), NET_LATER);
	pairs(3); /* now it has a queue of its own, with a buffer that nobody will kick for */
	assert_int_equal(n->wire.wakes[2], 2);
	assert_int_equal(arrive_for(2), NET_TAKEN);
	assert_int_equal(pair_of_last(), 2);
}

/* Takes a queue away from the driver, by QueueReady or by QueueReset. */
static void stop_queue(uint32_t queue, bool by_reset)
{
	set(&n->mmio, VIRTIO_MMIO_QUEUE_SEL, queue);
	set(&n->mmio, by_reset ? VIRTIO_MMIO_QUEUE_RESET : VIRTIO_MMIO_QUEUE_READY, by_reset);
}

/* net.mq.3, net.mq.4: either way, and with nothing in flight. */
static void queues_that_are_reset(void **state)
{
	(void)state;
	for (int by_reset = 0; by_reset < 2; by_reset++) {
		make(BIT(VIRTIO_F_RING_RESET), 0, 16, 3);
		pairs(3);
		post_pair(0);
		assert_int_equal(arrive_for(1), NET_LATER);
		stop_queue(2, by_reset);
		assert_int_equal(n->wire.wakes[1], 1);
		assert_int_equal(arrive_for(1), NET_TAKEN);
		assert_int_equal(pair_of_last(), 0);
		stop_queue(0, by_reset);
		stop_queue(4, by_reset);
		assert_int_equal(arrive_for(1), NET_DROPPED);
		assert_int_equal(n->g.offences_all, 0);
	}
}

static void set_up_again(uint16_t queue)
{
	struct ring *r = &n->ring[queue];
	ring_init(r, &n->g, r->desc, 16);
	put16(&n->g, ring_used_event(r), 0);
	put16(&n->g, ring_avail_event(r), 0x7000); /* some older wish; the driver need not clear it */
}

/* A live device runs queues as they become ready: frames posted before are sent, and a frame that waited gets its turn. */
static void queues_set_up_late(void **state)
{
	(void)state;
	make(BIT(VIRTIO_F_RING_RESET), 0, 16, 2);
	struct buf b = {DATA, HDR + 60, false};
	nic_header(n, DATA, NULL);
	stop_queue(TX, true);
	set_up_again(TX);
	nic_post(n, TX, &b, 1);
	queue_enable(&n->mmio, TX, &n->ring[TX]);
	assert_int_equal(n->wire.nsent, 1);
	assert_int_equal(get16(&n->g, ring_avail_event(&n->ring[TX])), 1);
	pairs(2);
	stop_queue(2, true);
	assert_int_equal(arrive_for(1), NET_LATER); /* for the other pair's buffers */
	set_up_again(2);
	post_pair(1);
	queue_enable(&n->mmio, 2, &n->ring[2]);
	assert_int_equal(n->wire.wakes[1], 1);
	assert_int_equal(arrive_for(1), NET_TAKEN);
	assert_int_equal(pair_of_last(), 1);
	assert_int_equal(n->g.offences_all, 0);
}

/* interop 15: many rounds on the smallest rings, indices past their wrap, buffers of all sizes. */
static void small_rings_many_rounds(void **state)
{
	(void)state;
	for (uint16_t size = 1; size <= 4; size *= 2)
		for (uint32_t i = 0; i < 4; i++) {
			make(rings[i].offer, rings[i].without, size, 1);
			uint32_t frames = 0;
			for (uint32_t round = 0; frames < 70000 / size; round++) {
				enum net_answer a = nic_arrive(n, 60);
				if (a == NET_LATER) {
					nic_post_rx(n, RXBUFS, 80);
					assert_true(must_kick(n));
					nic_kick(n, RX);
					continue;
				}
				assert_int_equal(a, NET_TAKEN);
				nic_used(n, RX, (const uint32_t[]){HDR + 60}, 1);
				frames++;
			}
			assert_int_equal(n->wire.wakes[0], frames);
		}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(waits_for_a_buffer),
		T(asks_for_the_next_buffer),
		T(no_kicks_while_nothing_waits),
		T(second_look),
		T(full_ring),
		T(full_ring_of_longer_buffers),
		T(full_ring_with_frames_in_flight),
		T(no_driver_yet),
		T(waits_for_a_completion),
		T(waits_for_the_next_completion),
		T(all_requests_at_the_backend),
		T(smaller_frame_waits_too),
		T(only_pairs_in_use),
		T(waits_at_the_queue_it_goes_to),
		T(queues_that_are_reset),
		T(queues_set_up_late),
		T(small_rings_many_rounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
