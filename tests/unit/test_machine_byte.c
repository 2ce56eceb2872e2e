// SPDX-License-Identifier: BSD-2-Clause
/* Every byte is a machine that can be made; kept finds rely on what each means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include "machine.h"
#include "machine_byte.h"

static void every_byte_is_a_machine(void **state)
{
	(void)state;
	for (uint32_t byte = 0; byte < 256; byte++) {
		struct machine_kind k = machine_byte_read((uint8_t)byte);
		assert_in_range(k.ndevices, 1, MACHINE_BYTE_DEVICES);
		assert_true(k.nr < MACHINE_BYTE_MACHINES);
		assert_int_equal(k.offer & ~VDEV_FEATURES_MORE, 0);
		for (uint32_t i = 0; i < k.ndevices; i++)
			assert_non_null(sim_type(k.id[i]));
		assert_int_equal(k.nr, machine_byte_read((uint8_t)(byte % MACHINE_BYTE_ALL)).nr);
	}
}

static void what_bytes_mean_stays(void **state)
{
	(void)state;
	struct machine_kind k = machine_byte_read(0);
	assert_true(k.ndevices == 1 && k.id[0] == VIRTIO_ID_BLOCK && !k.offer);
	k = machine_byte_read(0x08 | 3);
	assert_true(k.ndevices == 1 && k.id[0] == VIRTIO_ID_CONSOLE &&
		    k.offer == 1ull << VIRTIO_F_RING_PACKED);
	k = machine_byte_read(0x18 | 7);
	assert_true(k.ndevices == 4 && k.id[2] == VIRTIO_ID_NET && k.offer == VDEV_FEATURES_MORE);
	k = machine_byte_read(0x10 | 4);
	assert_true(k.ndevices == 2 && k.id[1] == VIRTIO_ID_NET && k.offer &&
		    !(k.offer >> VIRTIO_F_RING_PACKED & 1));
}

static void a_machine_is_found_by_its_devices(void **state)
{
	(void)state;
	static const uint16_t twice[2] = {VIRTIO_ID_BLOCK, VIRTIO_ID_BLOCK};
	uint8_t byte;
	for (uint8_t i = 0; i < MACHINE_BYTE_MACHINES; i++) {
		struct machine_kind k = machine_byte_read(i);
		assert_true(machine_byte_find(k.id, k.ndevices, &byte));
		assert_int_equal(byte, i);
	}
	assert_false(machine_byte_find(twice, 2, &byte));
	assert_false(machine_byte_find(twice, 0, &byte));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_is_a_machine),
		cmocka_unit_test(what_bytes_mean_stays),
		cmocka_unit_test(a_machine_is_found_by_its_devices),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
