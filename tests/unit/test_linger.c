// SPDX-License-Identifier: BSD-2-Clause
/* A frontend that waits for more where a ring was found empty: vdev->linger and vdev_waiting, on both
 * layouts. */
#include "tests/unit/disk.h"

static struct machine *m;
static unsigned calls, more; /* how often it was asked; how many more requests it then posts, one each time */
static uint16_t event;       /* where the driver was to kick when linger was asked first */
static bool packed;

static void post_one(void)
{
	if (packed)
		post_packed(m, VIRTIO_BLK_T_IN, 0, 0x20000, 512);
	else
		post(m, 0, VIRTIO_BLK_T_IN, 0, 0x20000, 512);
}

static bool linger(void *ctx, uint16_t queue)
{
	assert_ptr_equal(ctx, &m->g);
	assert_int_equal(queue, 0);
	assert_true(m->blk.vdev.queue[0].kicks_off);
	assert_false(vdev_waiting(&m->blk.vdev, 0));
	if (!packed && calls == 0)
		event = get16(&m->g, ring_avail_event(&m->ring[0]));
	calls++;
	if (more == 0)
		return false;
	more--;
	post_one();
	assert_true(vdev_waiting(&m->blk.vdev, 0));
	return true;
}

static void start(bool as_packed)
{
	m = machine_new(&(struct blk_options){.nqueues = 1}, CAN_ALL);
	packed = as_packed;
	calls = more = 0;
	if (packed) {
		vdev_offer(&m->blk.vdev, BIT(VIRTIO_F_RING_PACKED));
		machine_boot_packed(m, 0, 64);
	} else {
		machine_boot(m, 0, 8);
	}
	m->blk.vdev.linger = linger;
}

/* All of them in the one run, and only then is the driver asked to kick again. */
static void takes_what_comes(bool as_packed)
{
	start(as_packed);
	post_one();
	more = 4;
	kick(m, 0);
	assert_int_equal(m->disk.nsubmits, 5);
	assert_int_equal(calls, 5);
	assert_false(m->blk.vdev.queue[0].kicks_off);
	assert_int_equal(m->g.again, 0);
	if (!packed) {
		assert_int_equal(event, 0);
		assert_int_equal(get16(&m->g, ring_avail_event(&m->ring[0])), 5);
	}
	machine_free(m);
}

static void split_takes_what_comes(void **state)
{
	(void)state;
	takes_what_comes(false);
}

static void packed_takes_what_comes(void **state)
{
	(void)state;
	takes_what_comes(true);
}

/* One that never has enough cannot keep the device to itself: a ring's worth, then the frontend is asked to
 * come again. */
static void is_bounded(void **state)
{
	(void)state;
	start(false);
	post_one();
	more = 100;
	kick(m, 0);
	assert_int_equal(m->disk.nsubmits, 8);
	assert_int_equal(calls, 7);
	machine_free(m);
}

static void a_queue_that_is_not_ready_waits_for_nothing(void **state)
{
	(void)state;
	start(false);
	post_one();
	assert_true(vdev_waiting(&m->blk.vdev, 0));
	set(&m->mmio, VIRTIO_MMIO_QUEUE_SEL, 0);
	set(&m->mmio, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_false(vdev_waiting(&m->blk.vdev, 0));
	set(&m->mmio, VIRTIO_MMIO_STATUS, 0);
	assert_false(vdev_waiting(&m->blk.vdev, 0));
	machine_free(m);
}

/* A device that the guest broke is not lingered on. */
static void a_broken_device_is_left_alone(void **state)
{
	(void)state;
	start(false);
	ring_publish(&m->ring[0], 99);
	kick(m, 0);
	assert_int_equal(calls, 0);
	assert_int_equal(m->g.offences[OFFENCE_HEAD_RANGE], 1);
	machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_takes_what_comes),
		cmocka_unit_test(packed_takes_what_comes),
		cmocka_unit_test(is_bounded),
		cmocka_unit_test(a_queue_that_is_not_ready_waits_for_nothing),
		cmocka_unit_test(a_broken_device_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
