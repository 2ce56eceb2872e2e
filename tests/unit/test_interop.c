// SPDX-License-Identifier: BSD-2-Clause
/*
 * What real guest drivers do that trips devices: one test each, named by what they do. All of it is legal, or
 * so common that a device must live with it. The oracles watch every step; `ringside sim --guest sloppy`
 * draws the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "driver.h"
#include "program.h"
#include "tests/unit/silent.h"

#define EVENT_IDX (1ull << VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT  (1ull << VIRTIO_RING_F_INDIRECT_DESC)

enum { IN, OUT, FLUSH, GET_ID };

static struct machine m;
static struct sim_device *d = &m.device[0];
static struct {
	uint32_t used, ok, interrupts, len;
	int status;
} seen;

static void on_used(void *ctx, struct sim_device *dev, uint16_t queue, uint16_t id, uint32_t len,
		    uint32_t type, int status)
{
	(void)ctx;
	(void)dev;
	(void)queue;
	(void)id;
	(void)type;
	seen.used++;
	seen.ok += status == VIRTIO_BLK_S_OK;
	seen.len = len;
	seen.status = status;
}

static void on_interrupt(void *ctx, struct sim_device *dev, uint16_t source)
{
	(void)ctx;
	(void)dev;
	(void)source;
	seen.interrupts++;
}

static const struct machine_events events = {.used = on_used, .interrupt = on_interrupt};

static int setup(void **state)
{
	(void)state;
	silent_create(&m, &events);
	silent_add(&m, VIRTIO_ID_BLOCK);
	silent_add(&m, VIRTIO_ID_RNG);
	machine_reset(&m);
	memset(&seen, 0, sizeof(seen));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_destroy(&m);
	return 0;
}

static void step(uint8_t code, uint64_t a, uint64_t b, uint64_t c)
{
	struct op op = {.code = code, .arg = {a, b, c}};
	program_step(&m, &op);
}

static void post(uint64_t queue, uint64_t type, uint64_t sector, uint64_t len, uint64_t shape)
{
	struct op op = {.code = OP_POST, .arg = {queue, type, sector, len, shape}};
	program_step(&m, &op);
}

static void kick(uint64_t queue)
{
	step(OP_KICK, queue, 0, 0);
}

static void reap(uint64_t queue)
{
	step(OP_REAP, queue, 0, 0);
}

/* A request from beginning to end; it must be done, with so many bytes written. */
static void expect(uint64_t queue, uint64_t type, uint64_t sector, uint64_t len, uint64_t shape,
		   uint32_t used_len)
{
	uint32_t before = seen.used;
	post(queue, type, sector, len, shape);
	kick(queue);
	reap(queue);
	assert_int_equal(seen.used, before + 1);
	assert_int_equal(seen.status, VIRTIO_BLK_S_OK);
	assert_int_equal(seen.len, used_len);
}

static void set(uint32_t reg, uint32_t value)
{
	machine_write(d, reg, 4, value);
}

static uint32_t get(uint32_t reg)
{
	return (uint32_t)machine_read(d, reg, 4);
}

static void start(uint64_t without, uint64_t size)
{
	step(OP_NEGOTIATE, without, 0, 0);
	step(OP_QUEUE, 0, size, 0);
	step(OP_DRIVER_OK, 0, 0, 0);
}

/* 1. SeaBIOS keeps its own data right behind the used ring; kvmtool wrote avail_event there. */
static void no_room_for_event_fields(void **state)
{
	uint16_t mine = 0x5ea5, now;
	(void)state;
	start(EVENT_IDX, 16);
	gpa_t behind = gpa_add(d->vdev->queue[0].area[VQ_DEVICE], 4 + 8 * 16);
	gpa_t between = gpa_add(d->vdev->queue[0].area[VQ_DRIVER], 4 + 2 * 16);
	assert_true(ram_write(&m.ram, behind, &mine, 2));
	assert_true(between.v == d->vdev->queue[0].area[VQ_DEVICE].v);
	for (int i = 0; i < 40; i++)
		expect(0, IN, 1, 512, 0, 513);
	assert_true(ram_read(&m.ram, behind, &now, 2));
	assert_int_equal(now, mine);
}

/* 2. Small fixed queues (rust-hypervisor-firmware), and sizes above the maximum that are written blindly
 * (seL4 sDDF). */
static void queue_sizes(void **state)
{
	(void)state;
	for (uint32_t size = 4; size <= 256; size *= 2) {
		start(0, size);
		assert_int_equal(d->vdev->queue[0].size, size);
		for (uint32_t i = 0; i < 2 * size; i++)
			expect(0, OUT, i, 512, 0, 1);
	}
	step(OP_NEGOTIATE, 0, 0, 0);
	set(VIRTIO_MMIO_QUEUE_SEL, 0);
	uint32_t max = get(VIRTIO_MMIO_QUEUE_NUM_MAX);
	set(VIRTIO_MMIO_QUEUE_NUM, 8);
	set(VIRTIO_MMIO_QUEUE_NUM, 2 * max); /* ignored, and told as an offence */
	assert_int_equal(d->vdev->queue[0].size, 8);
	assert_int_equal(m.stats.offence[OFFENCE_QUEUE_SIZE], 1);
	start(0, 0);
	assert_int_equal(d->vdev->queue[0].size, max);
	expect(0, IN, 0, 512, 0, 513);
}

/* 3. Linux 2.6.32's entropy driver and others add buffers and kick before DRIVER_OK: QEMU's guests hung. */
static void kick_before_driver_ok(void **state)
{
	(void)state;
	step(OP_NEGOTIATE, 0, 0, 0);
	step(OP_QUEUE, 0, 16, 0);
	step(OP_EARLY, 0, 0, 0);
	post(0, IN, 2, 512, 0);
	post(0, OUT, 3, 512, 0);
	kick(0);
	assert_int_equal(m.stats.offence[OFFENCE_KICK_EARLY], 1);
	assert_int_equal(d->vdev->queue[0].next_avail, 0);
	step(OP_DRIVER_OK, 0, 0, 0); /* nobody kicks again */
	reap(0);
	assert_int_equal(seen.ok, 2);
	program_quiesce(&m);
}

/* 4. Firmware sets up one queue of several, and not the first one. */
static void only_some_queues(void **state)
{
	(void)state;
	step(OP_MAKE, 2u << DEVICE_QUEUES_SHIFT, 0, 0); /* four queues */
	step(OP_NEGOTIATE, 0, 0, 0);
	step(OP_QUEUE, 2, 8, 0);
	step(OP_DRIVER_OK, 0, 0, 0);
	expect(2, IN, 0, 512, 0, 513);
	step(OP_RESIZE, 2048, 0, 0);
	reap(2);
	for (uint64_t queue = 0; queue < 4; queue++)
		step(OP_RUN, queue, 0, 0);
	set(VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	assert_int_equal(m.stats.offence[OFFENCE_KICK_NOT_READY], 1);
	expect(2, OUT, 0, 512, 0, 1);
	step(OP_RESET, 0, 0, 0);
	assert_int_equal(get(VIRTIO_MMIO_STATUS), 0);
}

/* 5. From firmware to kernel: a reset, other features, other sizes. Linux wants QueueReady to read 0 then. */
static void another_generation(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		start(i & 1 ? EVENT_IDX : INDIRECT, 4u << i);
		expect(0, OUT, i, 1024, i & 1 ? 0x40 : 0, 1);
		step(OP_RESET, 0, 0, 0);
		assert_int_equal(get(VIRTIO_MMIO_STATUS), 0);
		assert_int_equal(get(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
		for (uint32_t queue = 0; queue < 2; queue++) {
			set(VIRTIO_MMIO_QUEUE_SEL, queue);
			assert_int_equal(get(VIRTIO_MMIO_QUEUE_READY), 0);
		}
	}
}

/* 6. viostor gives up on requests and starts over; what was in flight must not reach the new driver's memory.
 */
static void reset_in_flight(void **state)
{
	(void)state;
	start(0, 16);
	step(OP_HOLD, 4, 0, 0);
	for (uint64_t i = 0; i < 4; i++)
		post(0, IN, i, 512, 0x40);
	kick(0);
	assert_int_equal(d->backend.nheld, 4);
	start(0, 16);
	assert_int_equal(d->backend.nheld, 0);
	for (uint64_t i = 0; i < 8; i++)
		expect(0, IN, i, 512, 0x40, 513);
	assert_int_equal(seen.used, 8);
}

/* ... and uses one indirect table for two chains at once. */
static void one_table_twice(void **state)
{
	struct vring_desc table[3] = {
		{.addr = RAM_HIGH + 0x9000, .len = 16, .flags = VRING_DESC_F_NEXT, .next = 1},
		{.addr = RAM_HIGH + 0x9100,
		 .len = 512,
		 .flags = VRING_DESC_F_NEXT | VRING_DESC_F_WRITE,
		 .next = 2},
		{.addr = RAM_HIGH + 0x9400, .len = 1, .flags = VRING_DESC_F_WRITE}};
	struct vring_desc ring = {.addr = RAM_HIGH + 0x9500, .len = 48, .flags = VRING_DESC_F_INDIRECT};
	struct op op = {.code = OP_CHAIN, .len = 16, .data = (const uint8_t *)&ring};
	(void)state;
	start(0, 16);
	assert_true(ram_write(&m.ram, gpa(ring.addr), table, sizeof(table)));
	step(OP_HOLD, 2, 0, 0);
	for (op.arg[1] = 0; op.arg[1] < 2; op.arg[1]++)
		program_step(&m, &op);
	kick(0);
	assert_int_equal(d->backend.nheld, 2);
	program_quiesce(&m);
	assert_int_equal(seen.used, 2);
	assert_int_equal(d->vdev->status & VIRTIO_CONFIG_S_NEEDS_RESET, 0);
}

/* 7. Header in one piece, in several, together with the data; 8. the used length is exactly what was written.
 */
static void any_layout_exact_length(void **state)
{
	(void)state;
	start(0, 0);
	for (uint32_t shape = 0; shape < 65536; shape += 37) {
		expect(0, IN, 1, 2048, shape, 2049);
		expect(0, OUT, 1, 2048, shape, 1);
		expect(0, GET_ID, 0, 20, shape, 21);
		expect(0, FLUSH, 0, 0, shape, 1);
	}
}

/* 8. A failed read claims no byte that nobody wrote. */
static void failed_read_claims_nothing(void **state)
{
	(void)state;
	start(0, 16);
	step(OP_FAULT, 1, 1, 100);
	post(0, IN, 0, 1024, 0);
	kick(0);
	reap(0);
	assert_int_equal(seen.status, VIRTIO_BLK_S_IOERR);
	assert_int_equal(seen.len, 0);
}

/* 9. Windows: tables longer than the queue; segments that are no multiples of 512. Without INDIRECT_DESC a
 * table breaks the device, as documented. */
static void windows_layouts(void **state)
{
	(void)state;
	start(0, 4);
	expect(0, IN, 0, 8192, 0x47 | SHAPE_UNEVEN, 8193); /* ten segments through a ring of four */
	expect(0, OUT, 0, 8192, 0x57 | SHAPE_UNEVEN, 1);
	start(INDIRECT, 16);
	step(OP_BREAK, BREAK_INDIRECT, 0, 0);
	post(0, IN, 0, 512, 0);
	kick(0);
	assert_int_equal(m.stats.offence[OFFENCE_INDIRECT_FEATURE], 1);
	assert_true(d->vdev->status & VIRTIO_CONFIG_S_NEEDS_RESET);
	start(0, 16);
	expect(0, IN, 0, 512, 0x40, 513);
}

/* 10. Drivers that poll InterruptStatus: it stays until it is acknowledged, bit by bit. */
static void polled_interrupts(void **state)
{
	(void)state;
	start(0, 16);
	post(0, IN, 0, 512, 0);
	kick(0);
	step(OP_RESIZE, 512, 0, 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(get(VIRTIO_MMIO_INTERRUPT_STATUS), VDEV_ISR_QUEUE | VDEV_ISR_CONFIG);
	set(VIRTIO_MMIO_INTERRUPT_ACK, VDEV_ISR_QUEUE);
	assert_int_equal(get(VIRTIO_MMIO_INTERRUPT_STATUS), VDEV_ISR_CONFIG);
	set(VIRTIO_MMIO_INTERRUPT_ACK, VDEV_ISR_CONFIG);
	assert_int_equal(get(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	reap(0);
	assert_int_equal(seen.ok, 1);
}

/* 11. Any subset of the features; bits that were not offered; Linux since 6.17 writes words above the second,
 * as 0. */
static void feature_subsets(void **state)
{
	uint64_t offered = d->vdev->offered;
	(void)state;
	for (uint32_t bit = 0; bit < 32; bit++) {
		start(1ull << bit, 16);
		assert_int_equal(d->vdev->accepted, offered & ~(1ull << bit));
		expect(0, IN, 0, 512, 0x40, 513);
	}
	set(VIRTIO_MMIO_STATUS, 0);
	set(VIRTIO_MMIO_STATUS, 3);
	for (uint32_t word = 0; word < 4; word++) {
		set(VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
		set(VIRTIO_MMIO_DRIVER_FEATURES, word == 1);
	}
	set(VIRTIO_MMIO_STATUS, 11);
	assert_int_equal(get(VIRTIO_MMIO_STATUS), 11);
	set(VIRTIO_MMIO_STATUS, 0);
	set(VIRTIO_MMIO_STATUS, 3);
	set(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	set(VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	set(VIRTIO_MMIO_STATUS, 11);
	assert_int_equal(get(VIRTIO_MMIO_STATUS), 3);
}

/* 12. Configuration reads before FEATURES_OK, of every width, at every place. iPXE reads wide fields in
 * halves. */
static void config_reads(void **state)
{
	uint8_t image[8];
	(void)state;
	for (int live = 0; live < 2; live++) {
		for (uint32_t off = 0; off < 128; off++)
			for (uint32_t size = 1; size <= 8; size *= 2) {
				uint64_t v = machine_read(d, VIRTIO_MMIO_CONFIG + off, size);
				for (uint32_t i = 0; i < size; i++)
					image[i] = (uint8_t)machine_read(d, VIRTIO_MMIO_CONFIG + off + i, 1);
				assert_memory_equal(&v, image, size);
			}
		assert_int_equal(machine_read(d, VIRTIO_MMIO_CONFIG, 8), 1024);
		start(0, 16);
	}
	/* Windows divides by what a negotiated feature promises. */
	assert_true(machine_read(
		d, VIRTIO_MMIO_CONFIG + offsetof(struct virtio_blk_config, max_discard_sectors), 4));
	assert_int_equal(machine_read(&m.device[1], VIRTIO_MMIO_CONFIG, 4), 0); /* entropy has none */
	expect(0, IN, 0, 512, 0, 513);
}

/* 13. Empty segments anywhere, and buffers larger than what goes in. */
static void empty_and_oversize(void **state)
{
	(void)state;
	start(0, 64);
	for (uint32_t shape = SHAPE_EMPTY; shape < 65536; shape = (shape + 41) | SHAPE_EMPTY) {
		expect(0, IN, 0, 1024, shape, 1025);
		expect(0, OUT, 0, 1024, shape, 1);
	}
	post(0, GET_ID, 0, 63, 0); /* 20 bytes go in; the status is behind the gap */
	kick(0);
	reap(0);
	assert_int_equal(seen.status, VIRTIO_BLK_S_OK);
	assert_int_equal(seen.len, 20);
}

/* 14. Linux places buffers up to the last byte of memory, and tables at any alignment. */
static void end_of_memory(void **state)
{
	(void)state;
	start(0, 64);
	for (uint32_t place = 0; place < 4; place++)
		for (uint32_t align = 0; align < 4; align++)
			for (uint32_t more = 0; more < 8; more++) {
				uint32_t shape = place << SHAPE_PLACE_SHIFT | align << SHAPE_ALIGN_SHIFT |
						 SHAPE_RIGHT | 0x40 | more;
				expect(0, IN, 5, 4096, shape, 4097);
				expect(0, OUT, 5, 4096, shape, 1);
			}
}

/* 15. A ring filled to its last entry before the only kick, again and again, up to and over the indices'
 * wrap. */
static void full_rings(void **state)
{
	(void)state;
	for (uint32_t size = 1; size <= 8; size *= 2) {
		start(0, size);
		step(OP_WIND, 0, 65500, 0);
		for (uint32_t round = 0; round < 80; round++) {
			for (uint32_t i = 0; i < size; i++)
				post(0, i & 1 ? OUT : IN, i, 512, 0x40);
			kick(0);
			uint32_t before = seen.ok;
			reap(0);
			assert_int_equal(seen.ok, before + size);
		}
	}
}

/* ... by a driver that asks for no interrupts and polls. */
static void polling_driver(void **state)
{
	(void)state;
	start(EVENT_IDX, 8);
	step(OP_NOTIFY, 0, WISH_NONE, 0);
	seen.interrupts = 0;
	for (uint32_t i = 0; i < 100; i++)
		expect(0, IN, i, 512, 0, 513);
	assert_int_equal(seen.interrupts, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(no_room_for_event_fields),
		CASE(queue_sizes),
		CASE(kick_before_driver_ok),
		CASE(only_some_queues),
		CASE(another_generation),
		CASE(reset_in_flight),
		CASE(one_table_twice),
		CASE(any_layout_exact_length),
		CASE(failed_read_claims_nothing),
		CASE(windows_layouts),
		CASE(polled_interrupts),
		CASE(feature_subsets),
		CASE(config_reads),
		CASE(empty_and_oversize),
		CASE(end_of_memory),
		CASE(full_rings),
		CASE(polling_driver),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
