// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/idle.h"

struct idle idle;

static void on_violation(void *ctx, const struct violation *v)
{
	(void)ctx;
	idle.n++;
	idle.last = *v;
}

void idle_interrupt(void *ctx, uint16_t source)
{
	(void)ctx;
	oracle_status_interrupt(&idle.s, source);
}

static void again(void *ctx, uint16_t queue)
{
	(void)ctx;
	(void)queue;
}

static uint64_t clock_ns(void *ctx)
{
	(void)ctx;
	return 0;
}

static void offence(void *ctx, enum offence o)
{
	(void)ctx;
	(void)o;
}

static void kick(struct vdev *d, uint16_t queue)
{
	(void)d;
	(void)queue;
}

static void reset(struct vdev *d)
{
	(void)d;
}

static void config_read(struct vdev *d, uint8_t *image)
{
	(void)d;
	memcpy(image, idle.image, sizeof(idle.image));
}

static const struct host host = {idle_interrupt, again, clock_ns, offence};
static const struct vdev_ops ops = {.name = "test",
				    .id = VIRTIO_ID_BLOCK,
				    .nqueues = 2,
				    .config_len = 64,
				    .queue_size_max = {IDLE_SIZE, IDLE_SIZE},
				    .kick = kick,
				    .reset = reset,
				    .config_read = config_read};

int idle_setup(void **state)
{
	struct oracle_config c = {
		.nqueues = 2, .queue_size_max = {IDLE_SIZE, IDLE_SIZE}, .report = on_violation};
	(void)state;
	memset(&idle, 0, sizeof(idle));
	assert_true(ram_create(&idle.ram));
	vmem_init(&idle.mem, &idle.ram.map);
	vdev_init(&idle.dev, &ops, &idle.mem, &host, NULL, 0);
	vdev_offer(&idle.dev, IDLE_RESETS);
	mmio_init(&idle.mmio, &idle.dev);
	idle.oracle = oracle_create(&c);
	oracle_status_init(&idle.s, idle.oracle, &idle.mmio, &idle.dev);
	oracle_status_restart(&idle.s);
	return 0;
}

int idle_teardown(void **state)
{
	(void)state;
	oracle_destroy(idle.oracle);
	ram_destroy(&idle.ram);
	return 0;
}

void idle_silent(void)
{
	if (idle.n)
		print_message("unexpected: %s\n", idle.last.what);
	assert_int_equal(idle.n, 0);
}

void idle_cries(const char *clause)
{
	if (idle.n != 1)
		print_message("%u violations, the last: %s\n", idle.n, idle.last.what);
	assert_int_equal(idle.n, 1);
	assert_string_equal(idle.last.oracle, "status");
	assert_string_equal(idle.last.clause, clause);
	idle.n = 0;
}

/* -- the driver ------------------------------------------------------------------------------------------ */

void idle_write_begins(uint32_t off, uint32_t value)
{
	oracle_status_write_begins(&idle.s, off, 4, value);
	mmio_write(&idle.mmio, off, 4, value);
}

void idle_write_ends(uint32_t off, uint32_t value)
{
	oracle_status_write_ends(&idle.s, off, 4, value);
}

void idle_put(uint32_t off, uint32_t value)
{
	idle_write_begins(off, value);
	idle_write_ends(off, value);
}

uint32_t idle_get(uint32_t off)
{
	uint32_t v = (uint32_t)mmio_read(&idle.mmio, off, 4);
	oracle_status_read(&idle.s, off, 4, v);
	return v;
}

/* The device answers something else. */
void idle_get_other(uint32_t off, uint32_t value)
{
	oracle_status_read(&idle.s, off, 4, value);
}

void idle_accept_features(uint64_t features)
{
	idle_put(VIRTIO_MMIO_STATUS, IDLE_BEGUN);
	for (uint32_t word = 0; word < 2; word++) {
		idle_put(VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
		idle_put(VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32 * word));
	}
}

void idle_set_up(uint32_t queue)
{
	idle_put(VIRTIO_MMIO_QUEUE_SEL, queue);
	idle_put(VIRTIO_MMIO_QUEUE_NUM, IDLE_SIZE);
	idle_put(VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)RAM_LOW + 0x1000 * queue);
	idle_put(VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)RAM_LOW + 0x1000 * queue + 0x400);
	idle_put(VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)RAM_LOW + 0x1000 * queue + 0x800);
	idle_put(VIRTIO_MMIO_QUEUE_READY, 1);
	assert_int_equal(idle_get(VIRTIO_MMIO_QUEUE_READY), 1);
}

void idle_start(uint64_t features)
{
	idle_accept_features(features);
	idle_put(VIRTIO_MMIO_STATUS, IDLE_AGREED);
	idle_set_up(0);
	idle_set_up(1);
	idle_put(VIRTIO_MMIO_STATUS, IDLE_LIVE);
}

void idle_raise_bit(uint32_t bit, uint16_t source)
{
	idle.dev.isr |= bit;
	idle_interrupt(NULL, source);
}
