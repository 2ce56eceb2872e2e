// SPDX-License-Identifier: BSD-2-Clause
/* Clauses on split rings (clauses.def) that no other test shows: kicks for nothing, none, and one for many.
 */
#include "tests/unit/disk.h"

#define DATA 0x20000ull
#define SIZE 16

static struct machine *m;

static int setup(void **state)
{
	(void)state;
	const struct blk_options o = {.nqueues = 2};
	m = machine_new(&o, CAN_ALL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_free(m);
	return 0;
}

static const uint64_t without[2] = {0, BIT(VIRTIO_RING_F_EVENT_IDX)};

/* How many answers came since the last time, and each of them once. */
static uint32_t answers(void)
{
	uint32_t n = 0, id, len;
	while (ring_take(&m->ring[0], &id, &len)) {
		assert_int_equal(*at(&m->g, status_at(0, (uint16_t)id)), VIRTIO_BLK_S_OK);
		*at(&m->g, status_at(0, (uint16_t)id)) = NO_STATUS;
		n++;
	}
	return n;
}

static void kick_often(void)
{
	for (int i = 0; i < 5; i++) {
		kick(m, 0);
		kick(m, 1);
		vdev_run(&m->blk.vdev, 0);
	}
}

/* split.availnotif.5: with nothing there, with requests at the backend, and after their answers. */
static void spurious_kicks_are_harmless(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		machine_boot(m, without[i], SIZE);
		m->g.irqs[0] = m->g.irqs[1] = 0;
		kick_often();
		assert_int_equal(answers(), 0);
		m->disk.hold = true;
		for (int k = 0; k < 3; k++)
			post(m, 0, VIRTIO_BLK_T_IN, 0, DATA, 512);
		m->disk.nsubmits = 0;
		kick_often();
		assert_int_equal(m->disk.nsubmits, 3);
		assert_int_equal(answers() + m->g.irqs[0], 0);
		disk_finish_all(m);
		kick_often();
		assert_int_equal(answers(), 3);
		assert_int_equal(m->g.irqs[0], 1);
		assert_int_equal(m->g.irqs[1], 0);
		m->disk.hold = false;
	}
	assert_int_equal(m->g.offences_all, 0);
}

/* split.prose.1: the driver writes many entries and moves the index once. */
static void batch_behind_one_index_is_taken_whole(void **state)
{
	(void)state;
	for (uint16_t n = 1; n <= SIZE / 2; n++) {
		machine_boot(m, 0, SIZE);
		struct ring *r = &m->ring[0];
		m->g.irqs[0] = 0;
		for (uint16_t i = 0; i < n; i++) { /* two descriptors each */
			post(m, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
			put16(&m->g, r->avail + 2, 0);
		}
		kick(m, 0);
		assert_int_equal(answers(), 0);
		put16(&m->g, r->avail + 2, n);
		kick(m, 0);
		assert_int_equal(answers(), n);
		assert_int_equal(m->g.irqs[0], 1);
	}
}

/* Another chain appears while the device answers the one before it, and nobody kicks for that. */
static void post_one_more(struct taplog *t, const struct event *e)
{
	if (e->op == EV_LOAD && e->what == VMEM_AVAIL_ENTRY) {
		t->before = NULL;
		post(m, 0, VIRTIO_BLK_T_IN, 1, DATA, 512);
	}
}

static void published_chains_are_taken_without_a_kick(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		machine_boot(m, without[i], SIZE);
		struct taplog *t = taplog_new(&m->g, 0);
		t->before = post_one_more;
		post(m, 0, VIRTIO_BLK_T_IN, 0, DATA + 512, 512);
		kick(m, 0);
		assert_int_equal(answers(), 2);
		taplog_free(t);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(spurious_kicks_are_harmless),
		T(batch_behind_one_index_is_taken_whole),
		T(published_chains_are_taken_without_a_kick),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
