// SPDX-License-Identifier: BSD-2-Clause
/* Many block requests at once: order, limits, stalls and their end, several queues, resizing. */
#include "tests/unit/disk.h"

#define DATA 0x20000ull

static struct machine *m;
static struct mmio *x;

static int setup(void **state)
{
	(void)state;
	const struct blk_options o = {.nqueues = BLK_QUEUES_MAX};
	m = machine_new(&o, CAN_ALL);
	x = &m->mmio;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_free(m);
	return 0;
}

static uint32_t take_all(uint16_t queue)
{
	uint32_t id, len, n = 0;
	while (ring_take(&m->ring[queue], &id, &len))
		n++;
	return n;
}

/* -- order ----------------------------------------------------------------------------------------------- */

/* Completions in any order: each answer has its own id, status, data and length. */
static void out_of_order(void **state)
{
	(void)state;
	machine_boot(m, 0, 64);
	m->disk.hold = true;
	uint16_t head[16];
	for (uint16_t i = 0; i < 16; i++)
		head[i] = post(m, 0, VIRTIO_BLK_T_IN, i, DATA + 512u * i, i % 4 ? 512 : 1024);
	kick(m, 0);
	assert_int_equal(m->disk.nheld, 16);
	assert_int_equal(take_all(0), 0);
	/* Every fifth, round and round: sequence numbers tell which request was finished. */
	for (uint16_t left = 16, pick = 3; left; left--, pick = (uint16_t)(pick + 5)) {
		uint32_t id, len, i = pick % left;
		uint64_t sector = m->disk.held[i]->sector;
		uint32_t want = m->disk.held[i]->len;
		disk_finish(m, i, sector == 7 ? BLK_IO_ERROR : BLK_DONE);
		blk_publish(&m->blk);
		assert_true(ring_take(&m->ring[0], &id, &len));
		assert_int_equal(id, head[sector]);
		assert_int_equal(len, sector == 7 ? 0 : want + 1);
		assert_int_equal(*at(&m->g, status_at(0, (uint16_t)id)),
				 sector == 7 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
	}
	assert_int_equal(m->blk.inflight, 0);
}

/* A batch of completions is published by one index store and one interrupt. */
static void completions_are_batched(void **state)
{
	(void)state;
	machine_boot(m, BIT(VIRTIO_RING_F_EVENT_IDX), 64);
	m->disk.hold = true;
	for (int i = 0; i < 10; i++)
		post(m, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	kick(m, 0);
	disk_finish_all(m);
	assert_int_equal(take_all(0), 10);
	assert_int_equal(m->g.irqs[0], 1);
}

/* The backend answers older requests from inside submit. */
static void finish_older(struct taplog *t, const struct event *e)
{
	(void)t;
	if (e->op == EV_LOAD && e->what == VMEM_HEADER && m->disk.nheld > 2)
		disk_finish(m, 0, BLK_DONE);
}

static void completions_inside_a_kick(void **state)
{
	(void)state;
	machine_boot(m, 0, 64);
	struct taplog *t = taplog_new(&m->g, 0);
	t->before = finish_older;
	m->disk.hold = true;
	for (int i = 0; i < 10; i++)
		post(m, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	kick(m, 0);
	assert_int_equal(m->disk.nheld, 3);
	assert_int_equal(take_all(0), 7);
	disk_finish_all(m);
	assert_int_equal(take_all(0), 3);
	taplog_free(t);
}

/* -- limits ---------------------------------------------------------------------------------------------- */

/* More requests over four queues than may be in flight: the rest waits, none is lost, and all are answered.
 */
static void more_than_may_be_in_flight(void **state)
{
	(void)state;
	for (int event = 0; event < 2; event++) {
		machine_boot(m, event ? 0 : BIT(VIRTIO_RING_F_EVENT_IDX), 256);
		m->disk.hold = true;
		for (uint16_t q = 0; q < BLK_QUEUES_MAX; q++) {
			for (int i = 0; i < 80; i++)
				post(m, q, VIRTIO_BLK_T_IN, 0, DATA, 512);
			kick(m, q);
		}
		assert_int_equal(m->disk.nheld, BLK_INFLIGHT_MAX);
		assert_int_equal(m->blk.inflight, BLK_INFLIGHT_MAX);
		assert_int_equal(m->g.again, 0);
		kick(m, 3); /* no use, no harm */
		assert_int_equal(m->disk.nheld, BLK_INFLIGHT_MAX);
		uint32_t done = 0;
		while (m->disk.nheld) {
			disk_finish(m, m->disk.nheld / 2, BLK_DONE);
			blk_publish(&m->blk);
			run_again(&m->g, &m->blk.vdev);
			for (uint16_t q = 0; q < BLK_QUEUES_MAX; q++)
				done += take_all(q);
		}
		assert_int_equal(done, 320);
		assert_int_equal(m->g.offences_all, 0);
	}
}

/* Kicks stay off while a queue waits for room, and are on again when it has had it. */
static void kicks_are_off_while_stalled(void **state)
{
	(void)state;
	machine_boot(m, BIT(VIRTIO_RING_F_EVENT_IDX), 256);
	m->disk.hold = true;
	for (uint16_t q = 0; q < BLK_QUEUES_MAX; q++) {
		for (int i = 0; i < 80; i++)
			post(m, q, VIRTIO_BLK_T_IN, 0, DATA, 512);
		kick(m, q);
	}
	assert_int_equal(get16(&m->g, m->ring[0].used), 0);
	assert_int_equal(get16(&m->g, m->ring[3].used), VRING_USED_F_NO_NOTIFY);
	m->disk.hold = false;
	disk_finish_all(m);
	run_again(&m->g, &m->blk.vdev);
	assert_int_equal(get16(&m->g, m->ring[3].used), 0);
	assert_int_equal(m->blk.inflight, 0);
}

/* -- lent copies: "not now" ------------------------------------------------------------------------------ */

/* The arena holds two requests; eight are posted. They go through by and by, in order, with the right data.
 */
static void full_arena_stalls_and_recovers(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&m->g, 5);
	machine_boot(m, 0, 64);
	m->disk.hold = true;
	for (uint16_t i = 0; i < 8; i++)
		post(m, 0, VIRTIO_BLK_T_IN, 2u * i, DATA + 1024u * i, 1024);
	kick(m, 0);
	assert_int_equal(m->disk.nheld, 2);
	uint32_t done = 0;
	while (m->disk.nheld) {
		disk_finish(m, 0, BLK_DONE);
		blk_publish(&m->blk);
		run_again(&m->g, &m->blk.vdev);
		done += take_all(0);
	}
	assert_int_equal(done, 8);
	assert_memory_equal(at(&m->g, DATA), m->disk.data, 8 * 1024);
	assert_int_equal(t->arena.free, 5);
	taplog_free(t);
}

/* A chain that was given back is taken again by itself, though the driver kicks no more. */
static void stall_needs_no_kick(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&m->g, 2);
	machine_boot(m, 0, 64);
	m->disk.hold = true;
	post(m, 0, VIRTIO_BLK_T_OUT, 0, DATA, 1024);
	post(m, 1, VIRTIO_BLK_T_OUT, 0, DATA, 1024);
	kick(m, 0);
	kick(m, 1);
	assert_int_equal(m->disk.nheld, 1);
	disk_finish(m, 0, BLK_DONE);
	assert_int_equal(m->g.again, 0);
	blk_publish(&m->blk);
	assert_int_equal(m->g.again, 2);
	run_again(&m->g, &m->blk.vdev);
	assert_int_equal(m->disk.nheld, 1);
	disk_finish_all(m);
	assert_int_equal(take_all(0) + take_all(1), 2);
	assert_int_equal(m->g.again, 0); /* it waits no more */
	assert_int_equal(m->blk.stalled, 0);
	taplog_free(t);
}

/* With nothing in flight "later" would be never. */
static void request_larger_than_the_arena_fails(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&m->g, 2);
	uint32_t used;
	machine_boot(m, 0, 64);
	assert_int_equal(request(m, VIRTIO_BLK_T_IN, 0, DATA, 1536, &used), VIRTIO_BLK_S_IOERR);
	assert_int_equal(used, 0);
	assert_int_equal(request(m, VIRTIO_BLK_T_IN, 0, DATA, 1024, &used), VIRTIO_BLK_S_OK);
	assert_int_equal(t->arena.free, 2);
	assert_int_equal(m->g.offences_all, 0);
	taplog_free(t);
}

/* A reset while a queue waits: nothing is left of the wait. */
static void reset_ends_a_stall(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&m->g, 2);
	machine_boot(m, 0, 64);
	m->disk.hold = true;
	for (int i = 0; i < 3; i++)
		post(m, 0, VIRTIO_BLK_T_IN, 0, DATA, 1024);
	kick(m, 0);
	assert_int_equal(m->blk.stalled, 1);
	set(x, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(m->blk.stalled, 0);
	machine_boot(m, 0, 64);
	run_again(&m->g, &m->blk.vdev);
	assert_int_equal(take_all(0), 0);
	m->disk.hold = false;
	assert_int_equal(request(m, VIRTIO_BLK_T_IN, 0, DATA, 1024, NULL), VIRTIO_BLK_S_OK);
	taplog_free(t);
}

/* The queue that waits is taken away: nobody runs it when there is room again. */
static void disabled_queue_waits_no_more(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&m->g, 2);
	machine_boot(m, 0, 64);
	m->disk.hold = true;
	post(m, 0, VIRTIO_BLK_T_OUT, 0, DATA, 1024);
	post(m, 1, VIRTIO_BLK_T_OUT, 0, DATA, 1024);
	kick(m, 0);
	kick(m, 1);
	assert_int_equal(m->blk.stalled, 2);
	set(x, VIRTIO_MMIO_QUEUE_SEL, 1);
	set(x, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(m->blk.stalled, 0);
	assert_int_equal(m->g.again, 0);
	assert_int_equal(take_all(0), 1);
	taplog_free(t);
}

/* -- work per kick --------------------------------------------------------------------------------------- */

/* A second processor publishes a new request for each that is answered: one run takes a ring's worth at most.
 */
static void post_more(struct taplog *t, const struct event *e)
{
	uint32_t *left = t->arg;
	if (e->op != EV_STORE || e->what != VMEM_USED_ENTRY || !*left)
		return;
	--*left;
	ring_publish(&m->ring[0], (uint16_t)get32(&m->g, m->ring[0].avail + 4) & 0xff);
}

static void work_per_kick_is_bounded(void **state)
{
	(void)state;
	for (int event = 0; event < 2; event++) {
		uint32_t left = 1000;
		machine_boot(m, event ? 0 : BIT(VIRTIO_RING_F_EVENT_IDX), 8);
		struct taplog *t = taplog_new(&m->g, 0);
		t->arg = &left;
		t->before = post_more;
		struct buf b[2] = {{header_at(0, 0), 16, false}, {status_at(0, 0), 1, true}};
		put_header(m, header_at(0, 0), VIRTIO_BLK_T_GET_ID, 0);
		ring_post_at(&m->ring[0], 0, b, 2);
		kick(m, 0);
		assert_int_equal(taplog_count(t, EV_STORE, VMEM_USED_ENTRY), 8);
		assert_int_equal(m->g.again, 1);
		left = 0;
		m->g.again = 0;
		vdev_run(&m->blk.vdev, 0);
		assert_int_equal(m->g.again, 0);
		assert_int_equal(ring_used_idx(&m->ring[0]), m->ring[0].idx);
		taplog_free(t);
	}
}

/* -- queues ---------------------------------------------------------------------------------------------- */

static void queues_are_independent(void **state)
{
	(void)state;
	machine_boot(m, 0, 64);
	assert_int_equal(mmio_read(x, VIRTIO_MMIO_CONFIG + offsetof(struct virtio_blk_config, num_queues), 2),
			 BLK_QUEUES_MAX);
	m->disk.hold = true;
	for (uint16_t q = 0; q < BLK_QUEUES_MAX; q++) {
		post(m, q, VIRTIO_BLK_T_IN, q, DATA + 512u * q, 512);
		kick(m, q);
	}
	for (uint16_t n = BLK_QUEUES_MAX; n-- > 0;) {
		disk_finish(m, n, BLK_DONE);
		blk_publish(&m->blk);
		assert_int_equal(take_all(n), 1);
		assert_int_equal(m->g.irqs[n], 1);
	}
	assert_memory_equal(at(&m->g, DATA), m->disk.data, 512 * BLK_QUEUES_MAX);
}

static void one_queue_means_no_mq(void **state)
{
	(void)state;
	const struct blk_options o = {.nqueues = 1, .queue_size = 32};
	machine_free(m);
	m = machine_new(&o, CAN_ALL);
	x = &m->mmio;
	assert_false(offered(x) & BIT(VIRTIO_BLK_F_MQ));
	set(x, VIRTIO_MMIO_QUEUE_SEL, 1);
	assert_int_equal(reg(x, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	set(x, VIRTIO_MMIO_QUEUE_SEL, 0);
	assert_int_equal(reg(x, VIRTIO_MMIO_QUEUE_NUM_MAX), 32);
}

/* -- resizing -------------------------------------------------------------------------------------------- */

static void resize_changes_what_is_allowed(void **state)
{
	(void)state;
	machine_boot(m, 0, 64);
	assert_int_equal(request(m, VIRTIO_BLK_T_IN, SECTORS - 1, DATA, 512, NULL), VIRTIO_BLK_S_OK);
	m->g.irqs[0] = 0;
	blk_resize(&m->blk, SECTORS - 1);
	assert_int_equal(m->g.config_irqs, 1);
	assert_int_equal(mmio_read(x, VIRTIO_MMIO_CONFIG, 8), SECTORS - 1);
	assert_int_equal(request(m, VIRTIO_BLK_T_IN, SECTORS - 1, DATA, 512, NULL), VIRTIO_BLK_S_IOERR);
	blk_resize(&m->blk, 0); /* an empty disk */
	assert_int_equal(request(m, VIRTIO_BLK_T_IN, 0, DATA, 512, NULL), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(m, VIRTIO_BLK_T_FLUSH, 0, 0, 0, NULL), VIRTIO_BLK_S_OK);
	blk_resize(&m->blk, SECTORS);
	assert_int_equal(request(m, VIRTIO_BLK_T_IN, SECTORS - 1, DATA, 512, NULL), VIRTIO_BLK_S_OK);
}

/* Interrupt suppression by the driver, through the device. */
static void driver_suppresses_interrupts(void **state)
{
	(void)state;
	machine_boot(m, BIT(VIRTIO_RING_F_EVENT_IDX), 64);
	put16(&m->g, m->ring[0].avail, VRING_AVAIL_F_NO_INTERRUPT);
	request(m, VIRTIO_BLK_T_FLUSH, 0, 0, 0, NULL);
	assert_int_equal(m->g.irqs[0], 0);
	assert_int_equal(reg(x, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	machine_boot(m, 0, 64);
	put16(&m->g, ring_used_event(&m->ring[0]), 2);
	for (uint32_t i = 0; i < 5; i++) {
		request(m, VIRTIO_BLK_T_FLUSH, 0, 0, 0, NULL);
		assert_int_equal(m->g.irqs[0], i >= 2);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(out_of_order),
		T(completions_are_batched),
		T(completions_inside_a_kick),
		T(more_than_may_be_in_flight),
		T(kicks_are_off_while_stalled),
		T(full_arena_stalls_and_recovers),
		T(stall_needs_no_kick),
		T(request_larger_than_the_arena_fails),
		T(reset_ends_a_stall),
		T(disabled_queue_waits_no_more),
		T(work_per_kick_is_bounded),
		T(queues_are_independent),
		T(one_queue_means_no_mq),
		T(resize_changes_what_is_allowed),
		T(driver_suppresses_interrupts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
