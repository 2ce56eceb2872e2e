// SPDX-License-Identifier: BSD-2-Clause
/* How long the VMM waits for another request, with the device's lock held: not for long, however long the last one took. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "virtio_dev.h"

#define MS 1000000ull

static bool poll_nothing(struct virtio_dev *d)
{
	(void)d;
	return false;
}

static void publish_nothing(struct virtio_dev *d)
{
	(void)d;
}

static void a_slow_request_is_not_waited_for_twice(void **state)
{
	static const struct virtio_type type = {.poll = poll_nothing, .publish = publish_nothing};
	struct virtio_dev *d = calloc(1, sizeof(*d));
	struct vdev vdev = {.status = 0}; /* nothing will come */
	uint64_t begun = virtio_dev_clock_ns(NULL);

	(void)state;
	assert_non_null(d);
	d->type = &type;
	d->vdev = &vdev;
	d->irq_due = true;
	d->linger.begun_ns = begun - 60000 * MS;
	assert_false(virtio_linger(d, 0));
	assert_true(virtio_dev_clock_ns(NULL) - begun < 30000 * MS);
	free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_request_is_not_waited_for_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
