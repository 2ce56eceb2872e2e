// SPDX-License-Identifier: BSD-2-Clause
/* Resets with a disk's requests in flight, and a write that must be alone. */
#define _GNU_SOURCE
#include "tests/unit/held_disk.h"

/* -- reset ----------------------------------------------------------------------------------------------- */

static void reset_drains(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++)
		post(i, i % 2 ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN, 8 * i, 2048);
	kick();
	assert_int_equal(e.nheld, 8);
	set(VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(e.nheld, 0);
	assert_int_equal(m.disk.inflight, 0);
	assert_int_equal(ring_used_idx(&ring), 0); /* nothing reaches the guest's rings after a reset */
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(status(i), NO_ANSWER);
	boot(0);
	post(0, VIRTIO_BLK_T_FLUSH, 0, 0);
	kick();
	answer(0);
	loop();
	assert_int_equal(status(0), VIRTIO_BLK_S_OK);
}

static void queue_reset_drains(void **state)
{
	(void)state;
	post(0, VIRTIO_BLK_T_FLUSH, 0, 0);
	kick();
	set(VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(e.nheld, 0);
	assert_int_equal(status(0), NO_ANSWER);
}

/* Writes that must be alone wait in a queue of their own, and a reset finds them there. */
static void reset_drains_what_waits(void **state)
{
	uint8_t sector[512];

	(void)state;
	post(0, VIRTIO_BLK_T_IN, 0, 4096);
	kick();
	image_align(&m, 4096, 1);
	post(1, VIRTIO_BLK_T_OUT, 9, 512);
	post(2, VIRTIO_BLK_T_IN, 8, 4096);
	kick();
	assert_int_equal(e.nheld, 1);
	assert_int_equal(m.disk.inflight, 3);
	memset(at(&g, DATA + 0x1000), 0x42, 512);
	set(VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(m.disk.inflight, 0);
	assert_int_equal(e.started, 2);
	image_read(&m, 9 * 512, sector, sizeof(sector));
	for (int i = 0; i < 512; i++)
		assert_int_equal(sector[i], 0x42);
	image_read(&m, 8 * 512, sector, sizeof(sector));
	assert_int_equal(sector[511], image_byte(9 * 512 - 1));
}

/* The same, in order, while the guest runs on. */
static void a_write_of_part_of_a_block_is_alone(void **state)
{
	(void)state;
	post(0, VIRTIO_BLK_T_OUT, 0, 4096);
	kick();
	image_align(&m, 4096, 1);
	post(1, VIRTIO_BLK_T_OUT, 9, 512);
	post(2, VIRTIO_BLK_T_OUT, 8, 4096);
	kick();
	assert_int_equal(e.nheld, 1);
	assert_int_equal(status(1), NO_ANSWER);
	answer(4096);
	loop();
	assert_int_equal(status(0), VIRTIO_BLK_S_OK);
	assert_int_equal(status(1), VIRTIO_BLK_S_OK);
	assert_int_equal(e.nheld, 1); /* what came after it is on its way now */
	assert_int_equal(e.held[0].id, 2);
	answer(4096);
	loop();
	assert_int_equal(status(2), VIRTIO_BLK_S_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(reset_drains),
		T(queue_reset_drains),
		T(reset_drains_what_waits),
		T(a_write_of_part_of_a_block_is_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
