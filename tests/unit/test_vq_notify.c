// SPDX-License-Identifier: BSD-2-Clause
/* Notifications of the split ring, in both directions: who asks for what, and in which order things become
 * visible. */
#include <linux/virtio_config.h>

#include "tests/unit/queue.h"
#include "tests/unit/ring.h"

#define EVENT    (1ull << VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT (1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define SIZE     8

static struct ring r;

static void start(uint64_t features, uint16_t idx)
{
	ring_start(&r, &q, &g, SIZE, features, idx);
	tap->n = 0;
}

static void post(uint16_t n)
{
	struct buf b = {LOW, 4, true};
	for (uint16_t i = 0; i < n; i++)
		ring_post(&r, &b, 1);
}

/* Posts, pops and completes n chains; publishes them at once. */
static bool use(uint16_t n)
{
	post(n);
	for (uint16_t i = 0; i < n; i++) {
		pop_ok();
		vq_complete(&q, &g.mem, c.tok, 4);
	}
	return vq_publish(&q, &g.mem);
}

/* -- used buffer notifications: device to driver --------------------------------------------------------- */

/* P10: used entries, then the index, then a full fence, and only then the driver's wish is read. */
static void check_publish_order(uint64_t features)
{
	start(features, 0);
	post(2);
	pop_ok();
	vq_complete(&q, &g.mem, c.tok, 4);
	pop_ok();
	vq_complete(&q, &g.mem, c.tok, 4);
	vq_publish(&q, &g.mem);
	uint32_t entry = taplog_find(tap, EV_STORE, VMEM_USED_ENTRY, 1);
	uint32_t idx = taplog_find(tap, EV_STORE, VMEM_USED_IDX, 0);
	uint32_t fence = taplog_find(tap, EV_FENCE, 0, 0);
	uint32_t event = taplog_find(tap, EV_LOAD, VMEM_EVENT, 0);
	assert_true(entry < idx && idx < fence && fence < event);
	assert_int_equal(taplog_count(tap, EV_LOAD, VMEM_EVENT), 1);
	assert_int_equal(tap->ev[event].addr, features ? ring_used_event(&r) : r.avail);
}

static void publish_order(void **state)
{
	(void)state;
	check_publish_order(0);
	vq_reset(&q);
	check_publish_order(EVENT);
}

/* split.usednotif.1-3: without EVENT_IDX the flag decides, used_event is not looked at. */
static void flag_suppresses_interrupts(void **state)
{
	(void)state;
	start(0, 0);
	put16(&g, ring_used_event(&r), 0x7777);
	assert_true(use(1));
	put16(&g, r.avail, VRING_AVAIL_F_NO_INTERRUPT);
	assert_false(use(1));
	put16(&g, r.avail, 0xfffe); /* other bits mean nothing */
	assert_true(use(1));
	put16(&g, r.avail, 0);
	assert_true(use(1));
}

/* split.usednotif.4-6: with EVENT_IDX the flag is ignored and used_event decides, for any batch and across
 * the wrap. */
static void event_index_suppresses_interrupts(void **state)
{
	(void)state;
	static const uint16_t from[] = {0, 1, 65529, 65534, 65535, 0x7ffe};
	for (size_t f = 0; f < sizeof(from) / sizeof(from[0]); f++)
		for (int32_t event = -10; event <= 10; event++)
			for (uint16_t batch = 1; batch <= SIZE; batch++) {
				start(EVENT, from[f]);
				r.next_desc = 0;
				put16(&g, r.avail, event & 1 ? VRING_AVAIL_F_NO_INTERRUPT : 0);
				put16(&g, ring_used_event(&r), (uint16_t)(from[f] + event));
				bool inside =
					event >= 0 && event < batch; /* the entry used_event is among them */
				assert_int_equal(use(batch), inside);
				vq_reset(&q);
			}
}

static void rearm_between(struct taplog *t, const struct event *e)
{
	(void)t;
	if (e->op == EV_STORE && e->what == VMEM_USED_IDX)
		put16(&g, ring_used_event(&r), 0);
}

/* The driver re-arms and looks at the used index just before our store of it, then sleeps: it must be woken.
 */
static void rearming_driver_is_woken(void **state)
{
	(void)state;
	start(EVENT, 0);
	put16(&g, ring_used_event(&r), 0x4000); /* asleep for long */
	tap->before = rearm_between;
	assert_true(use(1));
}

/* -- available buffer notifications: driver to device ---------------------------------------------------- */

static void kicks_off_by_flag(void **state)
{
	(void)state;
	start(0, 0);
	put16(&g, ring_avail_event(&r), 0x5a5a);
	vq_kicks_stop(&q, &g.mem);
	assert_int_equal(get16(&g, r.used), VRING_USED_F_NO_NOTIFY);
	uint32_t n = tap->n;
	vq_kicks_stop(&q, &g.mem);
	assert_int_equal(tap->n, n); /* said already */
	assert_false(vq_kicks_resume(&q, &g.mem));
	assert_int_equal(get16(&g, r.used), 0);
	assert_int_equal(get16(&g, ring_avail_event(&r)), 0x5a5a);
}

/* split.availnotif.3: with EVENT_IDX flags stay 0; what we wait for stands in avail_event. */
static void kicks_off_by_event_index(void **state)
{
	(void)state;
	start(EVENT, 65535);
	put16(&g, ring_avail_event(&r), 0x1234);
	vq_kicks_stop(&q, &g.mem);
	assert_int_equal(get16(&g, ring_avail_event(&r)), 0x1234);
	post(2);
	pop_ok();
	pop_ok();
	assert_false(vq_kicks_resume(&q, &g.mem));
	assert_int_equal(get16(&g, ring_avail_event(&r)), 1);
	assert_int_equal(get16(&g, r.used), 0);
}

/* The wish is stored, then a full fence, then the index is looked at once more. */
static void check_resume_order(uint64_t features)
{
	start(features, 0);
	vq_kicks_stop(&q, &g.mem);
	post(1);
	tap->n = 0;
	assert_true(vq_kicks_resume(&q, &g.mem));
	assert_int_equal(tap->n, 3);
	assert_int_equal(tap->ev[0].op, EV_STORE);
	assert_int_equal(tap->ev[0].what, VMEM_EVENT);
	assert_int_equal(tap->ev[1].op, EV_FENCE);
	assert_int_equal(tap->ev[2].what, VMEM_AVAIL_IDX);
}

static void resume_order(void **state)
{
	(void)state;
	check_resume_order(0);
	vq_reset(&q);
	check_resume_order(EVENT);
}

static void post_late(struct taplog *t, const struct event *e)
{
	if (e->op == EV_STORE && e->what == VMEM_EVENT) {
		t->before = NULL;
		post(1); /* the driver still sees the old wish, so it does not kick */
	}
}

static void entry_posted_while_kicks_were_off_is_seen(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		start(i ? EVENT : 0, 0);
		vq_kicks_stop(&q, &g.mem);
		tap->before = post_late;
		assert_true(vq_kicks_resume(&q, &g.mem));
		pop_ok();
		vq_reset(&q);
	}
}

/* P11, interop 1: without EVENT_IDX not a byte behind either ring is written, nor read. */
static void nothing_behind_the_rings_without_event_idx(void **state)
{
	(void)state;
	start(INDIRECT, 65530);
	memset(at(&g, ring_used_event(&r)), RAM_FILL, 2);
	for (int i = 0; i < 20; i++) {
		vq_kicks_stop(&q, &g.mem);
		use(3);
		vq_kicks_resume(&q, &g.mem);
	}
	assert_true(untouched(&g, ring_avail_event(&r), 64));
	assert_true(untouched(&g, ring_used_event(&r), 2));
	for (uint32_t i = 0; i < tap->n; i++) {
		assert_int_not_equal(tap->ev[i].addr, ring_avail_event(&r));
		assert_int_not_equal(tap->ev[i].addr, ring_used_event(&r));
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, queue_setup_tapped, queue_teardown)
	const struct CMUnitTest tests[] = {
		T(publish_order),
		T(flag_suppresses_interrupts),
		T(event_index_suppresses_interrupts),
		T(rearming_driver_is_woken),
		T(kicks_off_by_flag),
		T(kicks_off_by_event_index),
		T(resume_order),
		T(entry_posted_while_kicks_were_off_is_seen),
		T(nothing_behind_the_rings_without_event_idx),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
