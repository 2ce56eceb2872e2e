// SPDX-License-Identifier: BSD-2-Clause
/* Clauses on virtio-mmio (clauses.def) that no other test shows: InterruptStatus, ConfigGeneration,
 * QueueReset. */
#include "compat.h"
#include "tests/unit/disk.h"

#define DATA 0x20000ull

static struct machine *m;
static struct mmio *x;

static int setup(void **state)
{
	(void)state;
	const struct blk_options o = {.nqueues = 2};
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

/* mmio.3, mmio.4: events and acknowledgements in any order, also of what does not stand. */
static void interrupt_status_stands_until_acknowledged(void **state)
{
	(void)state;
	uint32_t want = 0, seed = 7;
	machine_boot(m, BIT(VIRTIO_RING_F_EVENT_IDX), 8);
	for (int i = 0; i < 2000; i++) {
		seed = seed * 1664525 + 1013904223;
		switch (seed >> 24 & 3) {
		case 0:
			request(m, VIRTIO_BLK_T_FLUSH, 0, 0, 0, NULL);
			want |= VDEV_ISR_QUEUE;
			break;
		case 1:
			blk_resize(&m->blk, SECTORS);
			want |= VDEV_ISR_CONFIG;
			break;
		default:
			set(x, VIRTIO_MMIO_INTERRUPT_ACK, seed >> 16 & 3);
			want &= ~(seed >> 16 & 3);
		}
		assert_int_equal(reg(x, VIRTIO_MMIO_INTERRUPT_STATUS), want);
		assert_int_equal(reg(x, VIRTIO_MMIO_INTERRUPT_STATUS), want); /* looking changes nothing */
	}
}

/* mmio.6: generation, low half, high half, generation; the capacity may change before any of them. */
static void generation_betrays_a_torn_read(void **state)
{
	(void)state;
	static const uint64_t sizes[2] = {0x1ffffffff, 0x200000000};
	machine_boot(m, 0, 8);
	for (int i = 0; i < 600; i++)
		for (int when = 0; when < 4; when++) {
			uint32_t gen[2], half[2];
			for (int step = 0; step < 4; step++) {
				if (step == when)
					blk_resize(&m->blk, sizes[i & 1]);
				if (step == 0 || step == 3)
					gen[step / 3] = reg(x, VIRTIO_MMIO_CONFIG_GENERATION);
				else
					half[step - 1] = (uint32_t)mmio_read(
						x, VIRTIO_MMIO_CONFIG + 4 * (unsigned)(step - 1), 4);
			}
			uint64_t seen = (uint64_t)half[1] << 32 | half[0];
			assert_true(gen[0] != gen[1] || seen == sizes[0] || seen == sizes[1]);
			assert_true(when == 0 || gen[0] != gen[1]);
		}
}

static void every_queue_reads_zero(void)
{
	for (uint32_t q = 0; q < 2; q++) {
		set(x, VIRTIO_MMIO_QUEUE_SEL, q);
		assert_int_equal(reg(x, VIRTIO_MMIO_QUEUE_RESET), 0);
	}
}

/* mmio.8, mmio.9 */
static void queue_reset_reads_zero(void **state)
{
	(void)state;
	vdev_offer(&m->blk.vdev, BIT(VIRTIO_F_RING_RESET));
	every_queue_reads_zero();
	machine_boot(m, 0, 8);
	every_queue_reads_zero(); /* enabled for the first time */
	set(x, VIRTIO_MMIO_QUEUE_RESET, 1);
	queue_enable(x, 1, &m->ring[1]);
	every_queue_reads_zero(); /* and again */
	set(x, VIRTIO_MMIO_QUEUE_RESET, 1);
	set(x, VIRTIO_MMIO_STATUS, 0);
	every_queue_reads_zero();
	assert_int_equal(m->g.offences_all, 0);
}

/* mmio.11, mmio.12: the registers say "done", and done it is: nothing is at the backend, nothing pinned. */
static void queue_reset_is_over_when_the_write_returns(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&m->g, 64);
	vdev_offer(&m->blk.vdev, BIT(VIRTIO_F_RING_RESET));
	for (int n = 0; n < 5; n++) {
		machine_boot(m, 0, 32);
		m->disk.hold = true;
		for (int i = 0; i < n; i++)
			post(m, 0, i & 1 ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN, 0, DATA, 512);
		kick(m, 0);
		assert_int_equal(t->pinned, n);
		set(x, VIRTIO_MMIO_QUEUE_SEL, 0);
		set(x, VIRTIO_MMIO_QUEUE_RESET, 1);
		assert_int_equal(t->pinned, 0);
		assert_int_equal(m->disk.nheld, 0);
		assert_int_equal(reg(x, VIRTIO_MMIO_QUEUE_RESET), 0);
		assert_int_equal(reg(x, VIRTIO_MMIO_QUEUE_READY), 0);
		assert_int_equal(ring_used_idx(&m->ring[0]), 0);
		t->n = 0;
	}
	taplog_free(t);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(interrupt_status_stands_until_acknowledged),
		T(generation_betrays_a_torn_read),
		T(queue_reset_reads_zero),
		T(queue_reset_is_over_when_the_write_returns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
