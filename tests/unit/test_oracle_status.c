// SPDX-License-Identifier: BSD-2-Clause
/* The oracle of the status machine: status, features, buffers before their time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_net.h>

#include "tests/unit/idle.h"

/* -- status and features --------------------------------------------------------------------------------- */

static void a_whole_life(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		idle_start(idle.dev.offered);
		for (uint32_t off = 0; off < 0x140; off += 4)
			idle_get(off);
		idle_put(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		idle_raise_bit(1, 0);
		idle_get(VIRTIO_MMIO_INTERRUPT_STATUS);
		idle_put(VIRTIO_MMIO_INTERRUPT_ACK, 1);
		idle_put(VIRTIO_MMIO_QUEUE_RESET, 1);
		assert_int_equal(idle_get(VIRTIO_MMIO_QUEUE_RESET), 0);
		idle_put(VIRTIO_MMIO_STATUS, 0);
		idle_get(VIRTIO_MMIO_STATUS);
	}
	idle_silent();
}

/* A driver that does everything wrong; the device's answers are right. */
static void a_clumsy_driver(void **state)
{
	(void)state;
	for (uint32_t off = 0; off < 0x180; off += 4)
		idle_put(off, 0xffffffff);
	idle_start(idle.dev.offered);
	idle_put(VIRTIO_MMIO_STATUS, IDLE_BEGUN);
	for (uint32_t off = 0; off < 0x180; off += 4) {
		idle_put(off, 5);
		idle_get(off);
	}
	for (uint32_t size = 0; size < 9; size++) {
		oracle_status_write_begins(&idle.s, VIRTIO_MMIO_STATUS + 1, size, 0);
		oracle_status_write_ends(&idle.s, VIRTIO_MMIO_STATUS + 1, size, 0);
		oracle_status_read(&idle.s, VIRTIO_MMIO_STATUS + 1, size, 77);
	}
	idle_silent();
}

static void reset_leaves_a_status(void **state)
{
	(void)state;
	idle_start(IDLE_VERSION);
	idle_write_begins(VIRTIO_MMIO_STATUS, 0);
	idle.dev.status = 1;
	idle_write_ends(VIRTIO_MMIO_STATUS, 0);
	idle_cries("reset.1");
}

static void reset_leaves_a_queue(void **state)
{
	(void)state;
	idle_start(IDLE_VERSION);
	idle_write_begins(VIRTIO_MMIO_STATUS, 0);
	idle.dev.queue[1].ready = true;
	idle_write_ends(VIRTIO_MMIO_STATUS, 0);
	idle_cries("mmio.5");
}

static void reset_leaves_an_interrupt(void **state)
{
	(void)state;
	idle_start(IDLE_VERSION);
	idle_write_begins(VIRTIO_MMIO_STATUS, 0);
	idle.dev.isr = 1;
	idle_write_ends(VIRTIO_MMIO_STATUS, 0);
	idle_cries("mmio.5");
}

static void status_of_its_own(void **state)
{
	(void)state;
	idle_put(VIRTIO_MMIO_STATUS, 1);
	idle_write_begins(VIRTIO_MMIO_STATUS, 3);
	idle.dev.status |= VIRTIO_CONFIG_S_DRIVER_OK;
	idle_write_ends(VIRTIO_MMIO_STATUS, 3);
	idle_cries("");
}

static void status_that_goes_away(void **state)
{
	(void)state;
	idle_start(IDLE_VERSION);
	idle.dev.status &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
	idle_put(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	idle_cries("");
}

static void features_never_offered(void **state)
{
	(void)state;
	idle_accept_features(IDLE_VERSION | 1);
	idle_put(VIRTIO_MMIO_STATUS, IDLE_AGREED);
	assert_false(idle_get(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK);
	idle_silent();
	idle_write_begins(VIRTIO_MMIO_STATUS, IDLE_AGREED);
	idle.dev.status = IDLE_AGREED;
	idle_write_ends(VIRTIO_MMIO_STATUS, IDLE_AGREED);
	idle_cries("feat.2");
}

/* FEATURES_OK is written, and does not stay. */
static void refuse_features(void)
{
	idle_write_begins(VIRTIO_MMIO_STATUS, IDLE_AGREED);
	idle.dev.status = IDLE_BEGUN;
	idle_write_ends(VIRTIO_MMIO_STATUS, IDLE_AGREED);
}

/* Any part of what is offered fits, but for what needs another feature. */
static void features_refused(void **state)
{
	(void)state;
	uint64_t part = IDLE_VERSION | 1ull << VIRTIO_RING_F_EVENT_IDX;
	idle_accept_features(part);
	refuse_features();
	idle_cries("feat.2");
	idle_put(VIRTIO_MMIO_STATUS, IDLE_AGREED);
	idle_put(VIRTIO_MMIO_STATUS, 0);
	idle_accept_features(part);
	refuse_features();
	idle_cries("feat.4"); /* and it had them before */
}

/* Legal: one lacks what it needs, or VERSION_1 does. Until the device has taken them once. */
static void features_refused_that_do_not_fit(void **state)
{
	static struct vdev_ops net;
	uint64_t part = IDLE_VERSION | 1ull << VIRTIO_NET_F_CTRL_RX;
	(void)state;
	net = *idle.dev.ops;
	net.id = VIRTIO_ID_NET;
	idle.dev.ops = &net;
	idle.dev.offered |= 1ull << VIRTIO_NET_F_CTRL_RX | 1ull << VIRTIO_NET_F_CTRL_VQ;
	oracle_status_restart(&idle.s);
	idle_accept_features(part);
	refuse_features();
	idle_put(VIRTIO_MMIO_STATUS, 0);
	idle_accept_features(1ull << VIRTIO_RING_F_EVENT_IDX);
	refuse_features();
	idle_put(VIRTIO_MMIO_STATUS, 0);
	idle_silent();
	idle_accept_features(part | 1ull << VIRTIO_NET_F_CTRL_VQ);
	refuse_features();
	idle_cries("feat.2");
}

static void all_features_refused(void **state)
{
	(void)state;
	idle_accept_features(idle.dev.offered);
	refuse_features();
	idle_cries("feat.2");
}

static void features_that_change_late(void **state)
{
	(void)state;
	idle_accept_features(IDLE_VERSION);
	idle_put(VIRTIO_MMIO_STATUS, IDLE_AGREED);
	idle_put(VIRTIO_MMIO_DRIVER_FEATURES, 0);
	idle_silent();
	idle_write_begins(VIRTIO_MMIO_DRIVER_FEATURES, 0);
	idle.dev.accepted = 0;
	idle_write_ends(VIRTIO_MMIO_DRIVER_FEATURES, 0);
	idle_cries("feat.2");
}

static void features_of_the_life_before(void **state)
{
	(void)state;
	idle_accept_features(idle.dev.offered);
	idle_put(VIRTIO_MMIO_STATUS, 0);
	idle_accept_features(IDLE_VERSION);
	idle_write_begins(VIRTIO_MMIO_STATUS, IDLE_AGREED);
	idle.dev.accepted = idle.dev.offered;
	idle_write_ends(VIRTIO_MMIO_STATUS, IDLE_AGREED);
	idle_cries("feat.2");
}

static void version_is_not_offered(void **state)
{
	(void)state;
	idle.s.offered = 0;
	idle_put(VIRTIO_MMIO_STATUS, 1);
	idle_cries("rfeat.1");
}

static void cache_mode_without_flush(void **state)
{
	(void)state;
	idle.s.offered |= 1ull << VIRTIO_BLK_F_CONFIG_WCE | 1ull << VIRTIO_BLK_F_FLUSH;
	idle_put(VIRTIO_MMIO_STATUS, 1);
	idle_put(VIRTIO_MMIO_STATUS, 0);
	idle_silent();
	idle.s.offered &= ~(1ull << VIRTIO_BLK_F_FLUSH);
	idle_put(VIRTIO_MMIO_STATUS, 1);
	idle_cries("blk.init.1");
}

static void buffers_before_driver_ok(void **state)
{
	(void)state;
	idle_accept_features(IDLE_VERSION);
	idle_put(VIRTIO_MMIO_STATUS, IDLE_AGREED);
	idle_set_up(0);
	oracle_status_touch(&idle.s, VMEM_AVAIL_IDX); /* a look is no harm */
	idle_silent();
	oracle_status_touch(&idle.s, VMEM_AVAIL_ENTRY);
	idle_cries("status.1");
	idle_raise_bit(1, 0);
	idle_cries("status.1");
	assert_false(idle.s.open);
	idle_write_begins(VIRTIO_MMIO_STATUS, IDLE_LIVE);
	assert_true(idle.s.open); /* within the write it may begin */
	idle_write_ends(VIRTIO_MMIO_STATUS, IDLE_LIVE);
	assert_true(idle.s.open);
}

/* FEATURES_OK is not there, and can not come: neither can DRIVER_OK, and in that write nothing is consumed. */
static void buffers_while_driver_ok_is_refused(void **state)
{
	(void)state;
	idle_accept_features(IDLE_VERSION | 1);
	idle_put(VIRTIO_MMIO_STATUS, IDLE_AGREED);
	idle_set_up(0);
	idle_write_begins(VIRTIO_MMIO_STATUS, IDLE_LIVE);
	oracle_status_touch(&idle.s, VMEM_AVAIL_ENTRY);
	idle_cries("status.1");
	idle_write_ends(VIRTIO_MMIO_STATUS, IDLE_LIVE);
	idle_put(VIRTIO_MMIO_STATUS, 0);
	idle_accept_features(IDLE_VERSION);
	idle_set_up(0);
	idle_write_begins(VIRTIO_MMIO_STATUS, IDLE_LIVE); /* both at once */
	assert_true(idle.s.open);
	idle_write_ends(VIRTIO_MMIO_STATUS, IDLE_LIVE);
	idle_silent();
}

static void memory_without_a_queue(void **state)
{
	(void)state;
	idle_start(IDLE_VERSION);
	idle_put(VIRTIO_MMIO_QUEUE_SEL, 0);
	idle_put(VIRTIO_MMIO_QUEUE_READY, 0);
	assert_true(idle.s.open);
	idle_put(VIRTIO_MMIO_QUEUE_SEL, 1);
	idle_put(VIRTIO_MMIO_QUEUE_READY, 0);
	assert_false(idle.s.open);
	idle_silent();
	oracle_status_touch(&idle.s, VMEM_EVENT);
	idle_cries("mmio.7");
}

static void needs_reset_in_silence(void **state)
{
	(void)state;
	idle_start(IDLE_VERSION);
	vdev_offend(&idle.dev, OFFENCE_CHAIN_LOOP);
	oracle_status_leave(&idle.s);
	idle_silent();
	idle_put(VIRTIO_MMIO_STATUS, 0);
	idle_start(IDLE_VERSION);
	idle.dev.isr |= VDEV_ISR_CONFIG;
	idle_interrupt(NULL, HOST_SOURCE_CONFIG); /* too early: the driver may look before the bit is there */
	idle.dev.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	oracle_status_leave(&idle.s);
	idle_cries("status.3");
	oracle_status_leave(&idle.s);
	idle_silent();
}

/* Before DRIVER_OK nobody needs to be told. */
static void needs_reset_early(void **state)
{
	(void)state;
	idle_accept_features(IDLE_VERSION);
	idle.dev.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	oracle_status_leave(&idle.s);
	idle_put(VIRTIO_MMIO_STATUS, IDLE_AGREED);
	idle_put(VIRTIO_MMIO_STATUS, IDLE_LIVE);
	idle_silent();
}

/* Where nobody is told yet of a configuration that changes, its interrupt comes too early. */
static void configuration_interrupt_early(void **state)
{
	(void)state;
	idle_accept_features(IDLE_VERSION);
	idle_put(VIRTIO_MMIO_STATUS, IDLE_AGREED);
	idle_raise_bit(VDEV_ISR_CONFIG, HOST_SOURCE_CONFIG);
	idle_cries("reset.2");
	idle_put(VIRTIO_MMIO_STATUS, IDLE_LIVE);
	idle_raise_bit(VDEV_ISR_CONFIG, HOST_SOURCE_CONFIG);
	idle_silent();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, idle_setup, idle_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_whole_life),
		TEST(a_clumsy_driver),
		TEST(reset_leaves_a_status),
		TEST(reset_leaves_a_queue),
		TEST(reset_leaves_an_interrupt),
		TEST(status_of_its_own),
		TEST(status_that_goes_away),
		TEST(features_never_offered),
		TEST(features_refused),
		TEST(features_refused_that_do_not_fit),
		TEST(all_features_refused),
		TEST(features_that_change_late),
		TEST(features_of_the_life_before),
		TEST(version_is_not_offered),
		TEST(cache_mode_without_flush),
		TEST(buffers_before_driver_ok),
		TEST(buffers_while_driver_ok_is_refused),
		TEST(memory_without_a_queue),
		TEST(needs_reset_in_silence),
		TEST(needs_reset_early),
		TEST(configuration_interrupt_early),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
