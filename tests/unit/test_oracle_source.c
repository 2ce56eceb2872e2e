// SPDX-License-Identifier: BSD-2-Clause
/* The oracle of the backend beside an entropy device: what is asked of the source, and what is told of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_ids.h>

#include "oracle_backend.h"
#include "oracle_int.h"
#include "tests/unit/feed.h"

static struct feed f;
static struct oracle_backend b;
static struct vdev dev;
static const struct vdev_ops ops = {.id = VIRTIO_ID_RNG, .nqueues = 1};

static int setup(void **state)
{
	(void)state;
	feed_start(&f, 0, FEED_SIZE);
	memset(&dev, 0, sizeof(dev));
	dev.ops = &ops;
	dev.nqueues = 1;
	dev.queue[0].ready = true;
	dev.status = 15;
	memset(&b, 0, sizeof(b));
	oracle_backend_init(&b, f.oracle, &dev);
	oracle_backend_restart(&b, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	feed_stop(&f);
	return 0;
}

static void cries(const char *clause)
{
	feed_expect(&f, ORACLE_BACKEND, clause);
}

static void ask_entropy(uint16_t n)
{
	struct rng_io r = {.id = n, .span = {.len = 512}};
	feed_request(&f, n);
	feed_take(&f, (uint16_t)(3 * n));
	oracle_backend_submit_rng(&b, &r);
}

/* The source gives, the device stores and tells. */
static void entropy(uint16_t n, uint32_t given, uint32_t stored, uint32_t told)
{
	ask_entropy(n);
	oracle_backend_done_begins(&b, n, BLK_DONE, given, true);
	oracle_backend_stored(&b, stored);
	oracle_backend_done_ends(&b);
	oracle_backend_used(&b, b.ask[n].serial, told);
}

static void as_much_as_was_given(void **state)
{
	(void)state;
	entropy(0, 512, 512, 512);
	entropy(1, 3, 3, 3);
	entropy(2, 0, 0, 0);
	feed_silent(&f);
}

static void more_than_was_given(void **state)
{
	(void)state;
	entropy(0, 3, 3, 512);
	cries("rng.op.1");
	entropy(1, 3, 512, 3);
	cries("rng.op.1");
	entropy(2, 3, 3, 2);
	cries("rng.op.1");
	ask_entropy(3);
	oracle_backend_used(&b, b.ask[3].serial, 8);
	cries("rng.op.1");
}

static void more_than_there_is_room_for(void **state)
{
	struct rng_io r = {.id = 0, .span = {.len = 512}};
	(void)state;
	feed_request(&f, 0);
	feed_take(&f, 0);
	r.span.len = b.oracle->newest->write_len; /* all of it */
	oracle_backend_submit_rng(&b, &r);
	feed_silent(&f);
	feed_request(&f, 1);
	feed_take(&f, 3);
	r.id = 1;
	r.span.len++;
	oracle_backend_submit_rng(&b, &r);
	cries("");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(as_much_as_was_given),
		TEST(more_than_was_given),
		TEST(more_than_there_is_room_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
