// SPDX-License-Identifier: BSD-2-Clause
/* The oracle of the status machine: interrupts, registers, configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/idle.h"

/* -- interrupts ------------------------------------------------------------------------------------------ */

static void a_cause_erases_another(void **state)
{
	(void)state;
	idle_start(IDLE_VERSION);
	idle_raise_bit(2, HOST_SOURCE_CONFIG);
	idle_silent();
	idle.dev.isr = 1;
	idle_interrupt(NULL, 0);
	idle_cries("mmio.3");
}

static void interrupt_without_a_bit(void **state)
{
	(void)state;
	idle_start(IDLE_VERSION);
	idle_interrupt(NULL, 0);
	idle_cries("mmio.3");
}

static void interrupt_status_reads_less(void **state)
{
	(void)state;
	idle_start(IDLE_VERSION);
	idle_raise_bit(1, 0);
	idle_get_other(VIRTIO_MMIO_INTERRUPT_STATUS, 0);
	idle_cries("mmio.3");
}

static void interrupt_status_reads_more(void **state)
{
	(void)state;
	idle_start(IDLE_VERSION);
	idle_get_other(VIRTIO_MMIO_INTERRUPT_STATUS, 1);
	idle_cries("mmio.4");
	idle_get_other(VIRTIO_MMIO_INTERRUPT_STATUS, 4);
	idle_cries("mmio.4");
	idle.s.used_stored = true; /* the driver wanted no notification, and the bit may stand there */
	idle_get_other(VIRTIO_MMIO_INTERRUPT_STATUS, 1);
	idle_silent();
}

static void acknowledged_in_vain(void **state)
{
	(void)state;
	idle_start(IDLE_VERSION);
	idle_raise_bit(1, 0);
	idle_write_begins(VIRTIO_MMIO_INTERRUPT_ACK, 1);
	idle.dev.isr = 1;
	idle_write_ends(VIRTIO_MMIO_INTERRUPT_ACK, 1);
	idle_cries("mmio.3");
}

static void acknowledged_too_much(void **state)
{
	(void)state;
	idle_start(IDLE_VERSION);
	idle_raise_bit(1, 0);
	idle_raise_bit(2, HOST_SOURCE_CONFIG);
	idle_write_begins(VIRTIO_MMIO_INTERRUPT_ACK, 1);
	idle.dev.isr = 0;
	idle_write_ends(VIRTIO_MMIO_INTERRUPT_ACK, 1);
	idle_cries("mmio.3");
}

static void notified_of_a_queue_that_is_gone(void **state)
{
	(void)state;
	idle_start(IDLE_VERSION);
	idle_put(VIRTIO_MMIO_QUEUE_READY, 0);
	idle_raise_bit(1, 1);
	idle_cries("vqreset.1");
	idle_put(VIRTIO_MMIO_STATUS, 0);
	idle_raise_bit(2, HOST_SOURCE_CONFIG);
	idle_cries("reset.2");
}

/* Ready or not, a queue that was reset is as it was at first; the other one is as it is. */
static void queue_reset_forgets_too_little(void **state)
{
	(void)state;
	idle_start(IDLE_VERSION | IDLE_RESETS);
	idle_put(VIRTIO_MMIO_QUEUE_RESET, 1);
	idle_put(VIRTIO_MMIO_QUEUE_NUM, IDLE_SIZE);
	idle_put(VIRTIO_MMIO_QUEUE_RESET, 1);
	idle_silent();
	idle_write_begins(VIRTIO_MMIO_QUEUE_RESET, 1);
	idle.dev.queue[1].size = IDLE_SIZE;
	idle_write_ends(VIRTIO_MMIO_QUEUE_RESET, 1);
	idle_cries("vqreset.2");
	idle_write_begins(VIRTIO_MMIO_QUEUE_RESET, 1);
	idle.dev.queue[1].area[2] = gpa(4);
	idle_write_ends(VIRTIO_MMIO_QUEUE_RESET, 1);
	idle_cries("vqreset.2");
}

/* -- registers ------------------------------------------------------------------------------------------- */

static void constants(void **state)
{
	static const struct {
		uint32_t off;
		const char *clause;
	} r[] = {{VIRTIO_MMIO_MAGIC_VALUE, "mmio.1"},
		 {VIRTIO_MMIO_VERSION, "mmio.2"},
		 {VIRTIO_MMIO_DEVICE_ID, ""},
		 {VIRTIO_MMIO_VENDOR_ID, ""},
		 {VIRTIO_MMIO_DEVICE_FEATURES, ""},
		 {VIRTIO_MMIO_QUEUE_NUM_MAX, ""},
		 {VIRTIO_MMIO_STATUS, ""},
		 {VIRTIO_MMIO_SHM_LEN_LOW, ""},
		 {VIRTIO_MMIO_SHM_LEN_HIGH, ""},
		 {VIRTIO_MMIO_SHM_BASE_LOW, ""},
		 {VIRTIO_MMIO_SHM_BASE_HIGH, ""},
		 {VIRTIO_MMIO_QUEUE_READY, "mmio.5"}};
	(void)state;
	for (size_t i = 0; i < sizeof(r) / sizeof(r[0]); i++) {
		uint32_t v = idle_get(r[i].off);
		idle_silent();
		idle_get_other(r[i].off, v + 1);
		idle_cries(r[i].clause);
	}
	idle_put(VIRTIO_MMIO_QUEUE_SEL, 2);
	idle_put(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
	idle_get(VIRTIO_MMIO_QUEUE_NUM_MAX);
	idle_get(VIRTIO_MMIO_QUEUE_READY);
	idle_get(VIRTIO_MMIO_DEVICE_FEATURES);
	idle_silent();
	idle_get_other(VIRTIO_MMIO_QUEUE_NUM_MAX, IDLE_SIZE);
	idle_cries("");
}

static void queues_that_do_not_obey(void **state)
{
	(void)state;
	idle_start(IDLE_VERSION);
	idle_write_begins(VIRTIO_MMIO_QUEUE_READY, 0);
	idle.dev.queue[1].ready = true;
	idle_write_ends(VIRTIO_MMIO_QUEUE_READY, 0);
	idle_cries("");
	idle_write_begins(VIRTIO_MMIO_QUEUE_READY, 0);
	idle.dev.queue[0].ready = false;
	idle_write_ends(VIRTIO_MMIO_QUEUE_READY, 0);
	idle_cries("");
}

static void queue_reset_lies(void **state)
{
	(void)state;
	idle_start(IDLE_VERSION | IDLE_RESETS);
	idle_get_other(VIRTIO_MMIO_QUEUE_RESET, 1);
	idle_cries("mmio.9");
	idle_write_begins(VIRTIO_MMIO_QUEUE_RESET, 1);
	idle.dev.queue[1].ready = true; /* not yet */
	idle_write_ends(VIRTIO_MMIO_QUEUE_RESET, 1);
	idle_get_other(VIRTIO_MMIO_QUEUE_RESET, 1);
	idle_silent();
	idle_get_other(VIRTIO_MMIO_QUEUE_RESET, 0);
	idle_cries("mmio.12");
	idle.dev.queue[1].ready = false;
	idle_put(VIRTIO_MMIO_STATUS, 0);
	idle_start(IDLE_VERSION | IDLE_RESETS);
	idle_put(VIRTIO_MMIO_QUEUE_RESET, 1);
	idle_get(VIRTIO_MMIO_QUEUE_RESET);
	idle_silent();
	idle_get_other(VIRTIO_MMIO_QUEUE_RESET, 1);
	idle_cries("mmio.8");
}

static void config(uint32_t off, uint32_t size)
{
	uint64_t v = mmio_read(&idle.mmio, VIRTIO_MMIO_CONFIG + off, size);
	oracle_status_read(&idle.s, VIRTIO_MMIO_CONFIG + off, size, v);
}

static void config_at_every_width(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < 64; i++)
		idle.image[i] = (uint8_t)(3 * i + 1);
	for (uint32_t size = 0; size <= 8; size++)
		for (uint32_t off = 0; off < 80; off++)
			config(off, size);
	idle_silent();
	idle.image[5] = 0;
	config(2, 2);
	idle_silent();
	config(4, 2);
	idle_cries("mmio.6");
	idle.image[9] = 0;
	idle.dev.config_gen++; /* changed, and says so; or for nothing */
	config(8, 4);
	idle.dev.config_gen++;
	config(8, 4);
	idle_silent();
}

static void config_that_is_known(void **state)
{
	uint64_t sectors = 0x1122334455667788;
	static const uint8_t zero[3];
	(void)state;
	oracle_status_expect(&idle.s, 0, &sectors, 8, STATUS_VALUE);
	oracle_status_expect(&idle.s, 57, zero, 3, STATUS_PADDING);
	memcpy(idle.image, &sectors, 8);
	config(0, 8);
	config(56, 4);
	idle_silent();
	idle.image[59] = 1;
	config(59, 1);
	idle_cries("blk.init.3");
	idle.image[3]++;
	idle.dev.config_gen++;
	config(0, 4);
	idle_cries("");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, idle_setup, idle_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_cause_erases_another),
		TEST(interrupt_without_a_bit),
		TEST(interrupt_status_reads_less),
		TEST(interrupt_status_reads_more),
		TEST(acknowledged_in_vain),
		TEST(acknowledged_too_much),
		TEST(notified_of_a_queue_that_is_gone),
		TEST(queue_reset_forgets_too_little),
		TEST(constants),
		TEST(queues_that_do_not_obey),
		TEST(queue_reset_lies),
		TEST(config_at_every_width),
		TEST(config_that_is_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
