// SPDX-License-Identifier: BSD-2-Clause
/* A device's life: early kicks, broken devices, resets and disabled queues with I/O in flight, drivers that
 * follow each other. */
#include "hash.h"
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

static uint32_t status(void)
{
	return reg(x, VIRTIO_MMIO_STATUS);
}

static uint64_t memory_hash(void)
{
	uint64_t h = HASH_SEED;
	for (uint32_t i = 0; i < m->g.map.nregions; i++)
		h = hash_bytes(h, m->g.map.region[i].host, m->g.map.region[i].len);
	return h;
}

static uint32_t interrupts(void)
{
	uint32_t n = m->g.config_irqs;
	for (int i = 0; i < VDEV_QUEUES_MAX; i++)
		n += m->g.irqs[i];
	return n;
}

static void rings(uint16_t size)
{
	for (uint16_t i = 0; i < BLK_QUEUES_MAX; i++) {
		ring_init(&m->ring[i], &m->g, 0x2000 + 0x2000ull * i, size);
		put16(&m->g, ring_used_event(&m->ring[i]), 0);
		put16(&m->g, ring_avail_event(&m->ring[i]), 0);
	}
}

/* -- before DRIVER_OK (interop 3) ------------------------------------------------------------------------ */

/* status.1: nothing is taken before DRIVER_OK; what was kicked, or only published, is not forgotten. */
static void early_requests_are_served_at_driver_ok(void **state)
{
	(void)state;
	negotiate(x, offered(x));
	rings(8);
	queue_enable(x, 0, &m->ring[0]);
	queue_enable(x, 2, &m->ring[2]);
	post(m, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	post(m, 2, VIRTIO_BLK_T_IN, 1, DATA, 512);
	uint64_t before = memory_hash();
	kick(m, 0);
	assert_int_equal(m->g.offences[OFFENCE_KICK_EARLY], 1);
	vdev_run(&m->blk.vdev, 0); /* an ioeventfd that fired */
	assert_int_equal(memory_hash(), before);
	assert_int_equal(interrupts(), 0);
	set(x, VIRTIO_MMIO_STATUS, S_LIVE);
	assert_int_equal(ring_used_idx(&m->ring[0]), 1);
	assert_int_equal(ring_used_idx(&m->ring[2]), 1);
	assert_int_equal(m->g.irqs[0] + m->g.irqs[2], 2);
	assert_memory_equal(at(&m->g, DATA), m->disk.data + 512, 512);
}

/* SeaBIOS enables queues before the features are settled: what counts is what was settled in the end. */
static void queues_enabled_before_features_ok(void **state)
{
	(void)state;
	for (int event = 0; event < 2; event++) {
		set(x, VIRTIO_MMIO_STATUS, 0);
		set(x, VIRTIO_MMIO_STATUS, S_DRIVER);
		rings(8);
		queue_enable(x, 0, &m->ring[0]);
		uint64_t features = offered(x) & ~(event ? 0 : BIT(VIRTIO_RING_F_EVENT_IDX));
		set(x, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
		set(x, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
		set(x, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
		set(x, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
		set(x, VIRTIO_MMIO_STATUS, S_AGREED);
		set(x, VIRTIO_MMIO_STATUS, S_LIVE);
		assert_int_equal(status(), S_LIVE);
		assert_int_equal(request(m, VIRTIO_BLK_T_IN, 0, DATA, 512, NULL), VIRTIO_BLK_S_OK);
		assert_int_equal(get16(&m->g, ring_avail_event(&m->ring[0])), event);
	}
	assert_int_equal(m->g.offences_all, 0);
}

/* The used ring ends on the last byte of memory; then EVENT_IDX is accepted, and its field does not fit. */
static void early_queue_that_does_not_fit_the_features(void **state)
{
	(void)state;
	set(x, VIRTIO_MMIO_STATUS, S_DRIVER);
	rings(8);
	m->ring[0].used = HIGH_END - 4 - 8 * 8;
	queue_enable(x, 0, &m->ring[0]);
	queue_enable(x, 1, &m->ring[1]);
	set(x, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	set(x, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)BIT(VIRTIO_RING_F_EVENT_IDX));
	set(x, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	set(x, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	set(x, VIRTIO_MMIO_STATUS, S_AGREED);
	set(x, VIRTIO_MMIO_STATUS, S_LIVE);
	assert_int_equal(m->g.offences[OFFENCE_QUEUE_LAYOUT], 1);
	set(x, VIRTIO_MMIO_QUEUE_SEL, 0);
	assert_int_equal(reg(x, VIRTIO_MMIO_QUEUE_READY), 0);
	set(x, VIRTIO_MMIO_QUEUE_SEL, 1);
	assert_int_equal(reg(x, VIRTIO_MMIO_QUEUE_READY), 1);
	kick(m, 0);
	assert_int_equal(m->g.offences[OFFENCE_KICK_NOT_READY], 1);
}

/* -- some queues only (interop 4) ------------------------------------------------------------------------ */

static void any_subset_of_queues(void **state)
{
	(void)state;
	for (uint32_t subset = 0; subset < 1u << BLK_QUEUES_MAX; subset++) {
		negotiate(x, offered(x));
		rings(8);
		for (uint16_t i = 0; i < BLK_QUEUES_MAX; i++)
			if (subset >> i & 1)
				queue_enable(x, i, &m->ring[i]);
		set(x, VIRTIO_MMIO_STATUS, S_LIVE);
		m->disk.hold = true;
		for (uint16_t i = 0; i < BLK_QUEUES_MAX; i++) {
			post(m, i, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
			kick(m, i);
			vdev_run(&m->blk.vdev, i);
		}
		blk_resize(&m->blk, SECTORS);
		disk_finish_all(m);
		for (uint16_t i = 0; i < BLK_QUEUES_MAX; i++)
			assert_int_equal(ring_used_idx(&m->ring[i]), subset >> i & 1);
		m->disk.hold = false;
		assert_int_equal(status(), S_LIVE);
	}
	assert_int_equal(m->g.offences[OFFENCE_KICK_NOT_READY], m->g.offences_all);
	assert_int_equal(m->g.offences_all, 32); /* half of 16 x 4 */
}

/* -- a broken device ------------------------------------------------------------------------------------- */

/* status.2, status.3: NEEDS_RESET, its configuration interrupt once, and nothing more reaches the guest until
 * the reset. */
static void offence_breaks_the_device(void **state)
{
	(void)state;
	machine_boot(m, 0, 16);
	m->disk.hold = true;
	post(m, 0, VIRTIO_BLK_T_IN, 0, DATA, 512);
	post(m, 1, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	kick(m, 0);
	kick(m, 1);
	ring_publish(&m->ring[0], 999);
	kick(m, 0);
	assert_int_equal(m->g.offences[OFFENCE_HEAD_RANGE], 1);
	assert_int_equal(status(), S_LIVE | VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_int_equal(m->g.config_irqs, 1);
	assert_int_equal(reg(x, VIRTIO_MMIO_INTERRUPT_STATUS), VDEV_ISR_CONFIG);
	uint64_t before = memory_hash();
	kick(m, 0);
	kick(m, 1);
	post(m, 2, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	before = memory_hash();
	kick(m, 2);
	set(x, VIRTIO_MMIO_STATUS, S_LIVE | VIRTIO_CONFIG_S_FAILED);
	disk_finish(m, 1, BLK_DONE);
	blk_publish(&m->blk);
	assert_int_equal(memory_hash(), before);
	assert_int_equal(m->g.config_irqs, 1);
	assert_int_equal(m->g.offences_all, 1);
	disk_finish(m, 0, BLK_IO_ERROR); /* a read: no byte may be copied, even less claimed */
	blk_publish(&m->blk);
	assert_int_equal(memory_hash(), before);
	machine_boot(m, 0, 16);
	m->disk.hold = false;
	assert_int_equal(request(m, VIRTIO_BLK_T_IN, 0, DATA, 512, NULL), VIRTIO_BLK_S_OK);
}

/* What was served before the offence in the same run ends unpublished too. */
static void staged_entries_of_a_broken_device_stay_unpublished(void **state)
{
	(void)state;
	machine_boot(m, 0, 16);
	post(m, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	ring_publish(&m->ring[0], 16);
	kick(m, 0);
	assert_int_equal(ring_used_idx(&m->ring[0]), 0);
	assert_int_equal(m->g.irqs[0], 0);
	assert_int_equal(status(), S_LIVE | VIRTIO_CONFIG_S_NEEDS_RESET);
}

/* -- reset with I/O in flight (P23, interop 5, 6) -------------------------------------------------------- */

static void fly(uint16_t n)
{
	m->disk.hold = true;
	for (uint16_t i = 0; i < n; i++) {
		post(m, i % BLK_QUEUES_MAX, i & 1 ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN, i, DATA + 512u * i,
		     512);
		kick(m, i % BLK_QUEUES_MAX);
	}
	assert_int_equal(m->disk.nheld, n);
}

/* Backends that write through lent copies only: then not one byte of the guest's may change once Status is 0.
 */
static void reset_drains_and_publishes_nothing(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&m->g, 64);
	machine_boot(m, 0, 16);
	fly(12);
	uint32_t irqs = interrupts();
	uint64_t before = memory_hash();
	t->n = 0;
	set(x, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(m->disk.ndrains, 1);
	assert_int_equal(m->disk.nheld, 0);
	assert_int_equal(m->blk.inflight, 0);
	assert_int_equal(t->pinned, 0);
	assert_int_equal(memory_hash(), before);
	assert_int_equal(interrupts(), irqs);
	blk_publish(&m->blk); /* the frontend's batch comes late */
	run_again(&m->g, &m->blk.vdev);
	assert_int_equal(memory_hash(), before);
	assert_int_equal(interrupts(), irqs);
	for (uint32_t i = 0; i < t->n; i++)
		assert_int_equal(t->ev[i].op, EV_UNPIN);
	taplog_free(t);
}

/* Two drivers with other features, sizes and places follow each other, over and over, always with I/O in
 * flight. */
static void generations(void **state)
{
	(void)state;
	static const uint16_t sizes[] = {16, 4, 256, 8, 64, 2};
	for (int i = 0; i < 24; i++) {
		uint64_t without = i & 1 ? BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_BLK_F_FLUSH)
					 : BIT(VIRTIO_RING_F_INDIRECT_DESC);
		m->disk.hold = false;
		machine_boot(m, without, sizes[i % 6]);
		struct buf b[2] = {{header_at(0, 0), 16, false}, {status_at(0, 0), 1, true}};
		put_header(m, header_at(0, 0), VIRTIO_BLK_T_FLUSH, 0);
		ring_post(&m->ring[3], b, 2);
		kick(m, 3);
		assert_int_equal(ring_used_idx(&m->ring[3]), 1);
		m->disk.hold = true;
		for (uint16_t k = 0; k < 3; k++) {
			ring_post(&m->ring[k], b, 2);
			kick(m, k);
		}
		assert_int_equal(m->disk.nheld, 3);
	}
	set(x, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(m->g.offences_all, 0);
}

static void reset_of_a_broken_device_with_io_in_flight(void **state)
{
	(void)state;
	machine_boot(m, 0, 16);
	fly(8);
	ring_publish(&m->ring[1], 16);
	kick(m, 1);
	set(x, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(m->blk.inflight, 0);
	machine_boot(m, 0, 16);
	m->disk.hold = false;
	assert_int_equal(request(m, VIRTIO_BLK_T_FLUSH, 0, 0, 0, NULL), VIRTIO_BLK_S_OK);
}

/* -- a queue is taken away ------------------------------------------------------------------------------- */

static void set_queue_ready(uint32_t queue, uint32_t v)
{
	set(x, VIRTIO_MMIO_QUEUE_SEL, queue);
	set(x, VIRTIO_MMIO_QUEUE_READY, v);
}

/* mmio.7: QueueReady = 0 with I/O in flight, then QueueNum = 0, then the completion (which once divided by
 * zero). */
static void queue_disabled_with_io_in_flight(void **state)
{
	(void)state;
	machine_boot(m, 0, 16);
	fly(8);
	uint16_t used1 = ring_used_idx(&m->ring[1]);
	set_queue_ready(1, 0);
	assert_int_equal(reg(x, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_int_equal(m->disk.nheld, 0);
	set(x, VIRTIO_MMIO_QUEUE_NUM, 0);
	assert_int_equal(m->g.offences[OFFENCE_QUEUE_SIZE], 1);
	/* The other queues' requests were drained with it; their answers are not lost. */
	for (int i = 0; i < 4; i++)
		if (i != 1) {
			assert_int_equal(ring_used_idx(&m->ring[i]), 2);
			assert_true(m->g.irqs[i] > 0);
		}
	blk_publish(&m->blk);
	assert_int_equal(ring_used_idx(&m->ring[1]), used1);
	assert_int_equal(m->g.irqs[1], 0);
	assert_int_equal(status(), S_LIVE);
}

/* The queue may come back with another size, elsewhere, and starts from nothing. */
static void queue_enabled_again_with_another_size(void **state)
{
	(void)state;
	machine_boot(m, 0, 16);
	fly(8);
	set_queue_ready(0, 0);
	m->disk.hold = false;
	ring_init(&m->ring[0], &m->g, HIGH, 4);
	put16(&m->g, ring_used_event(&m->ring[0]), 0);
	queue_enable(x, 0, &m->ring[0]);
	for (int i = 0; i < 10; i++)
		assert_int_equal(request(m, VIRTIO_BLK_T_IN, 1, DATA, 512, NULL), VIRTIO_BLK_S_OK);
	assert_int_equal(m->g.offences_all, 0);
}

static void disabled_queue_is_not_touched(void **state)
{
	(void)state;
	machine_boot(m, 0, 16);
	set_queue_ready(0, 0);
	set_queue_ready(0, 0); /* again: nothing */
	post(m, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	uint64_t before = memory_hash();
	kick(m, 0);
	vdev_run(&m->blk.vdev, 0);
	assert_int_equal(m->g.offences[OFFENCE_KICK_NOT_READY], 1);
	assert_int_equal(memory_hash(), before);
}

/* Runs that nobody asked for are harmless at every stage (split.availnotif.5). */
static void spurious_runs(void **state)
{
	(void)state;
	static const uint32_t stages[] = {0,        S_ACK,  S_DRIVER,
					  S_AGREED, S_LIVE, S_LIVE | VIRTIO_CONFIG_S_FAILED};
	for (int i = 0; i < 6; i++) {
		if (stages[i] == S_AGREED)
			negotiate(x, offered(x));
		else if (stages[i] >= S_LIVE)
			machine_boot(m, 0, 8);
		set(x, VIRTIO_MMIO_STATUS, stages[i]);
		for (uint32_t q = 0; q < 70000; q += q < 10 ? 1 : 997)
			vdev_run(&m->blk.vdev, (uint16_t)q);
		blk_publish(&m->blk);
		assert_int_equal(interrupts(), 0);
	}
	assert_int_equal(m->g.offences_all, 0);
}

/* Before DRIVER_OK a change shows in the generation and makes no interrupt. */
static void config_change_before_the_driver_lives(void **state)
{
	(void)state;
	uint32_t gen = reg(x, VIRTIO_MMIO_CONFIG_GENERATION);
	blk_resize(&m->blk, 5);
	negotiate(x, offered(x));
	blk_resize(&m->blk, 6);
	assert_int_not_equal(reg(x, VIRTIO_MMIO_CONFIG_GENERATION), gen);
	assert_int_equal(m->g.config_irqs, 0);
	assert_int_equal(reg(x, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	machine_boot(m, 0, 8);
	blk_resize(&m->blk, 7);
	assert_int_equal(m->g.config_irqs, 1);
	assert_int_equal(reg(x, VIRTIO_MMIO_INTERRUPT_STATUS), VDEV_ISR_CONFIG);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(early_requests_are_served_at_driver_ok),
		T(queues_enabled_before_features_ok),
		T(early_queue_that_does_not_fit_the_features),
		T(any_subset_of_queues),
		T(offence_breaks_the_device),
		T(staged_entries_of_a_broken_device_stay_unpublished),
		T(reset_drains_and_publishes_nothing),
		T(generations),
		T(reset_of_a_broken_device_with_io_in_flight),
		T(queue_disabled_with_io_in_flight),
		T(queue_enabled_again_with_another_size),
		T(disabled_queue_is_not_touched),
		T(spurious_runs),
		T(config_change_before_the_driver_lives),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
