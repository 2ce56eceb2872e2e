// SPDX-License-Identifier: BSD-2-Clause
/* The split ring: enabling and popping. Chains: test_vq_chain.c; use: test_vq_use.c, test_vq_notify.c. */
#include <linux/virtio_config.h>

#include "tests/unit/queue.h"
#include "tests/unit/ring.h"

#define EVENT (1ull << VIRTIO_RING_F_EVENT_IDX)
#define RING  0x2000ull /* where the ring lies */

static struct ring r;

static void start(uint16_t size, uint64_t features, uint16_t idx)
{
	ring_start(&r, &q, &g, size, features, idx);
}

/* -- enabling -------------------------------------------------------------------------------------------- */

static void enable_checks_size(void **state)
{
	(void)state;
	q.size_max = 256;
	for (uint32_t size = 0; size <= 300; size++) {
		bool good = size && size <= 256 && !(size & (size - 1));
		q.size = (uint16_t)size;
		q.area[VQ_DESC] = gpa(0x2000);
		q.area[VQ_DRIVER] = gpa(0x8000);
		q.area[VQ_DEVICE] = gpa(0x9000);
		assert_int_equal(vq_enable(&q, &g.mem, 0), good ? OFFENCE_NONE : OFFENCE_QUEUE_LAYOUT);
		assert_int_equal(q.ready, good);
		q.ready = false;
	}
}

static void enable_checks_alignment(void **state)
{
	(void)state;
	static const uint64_t align[3] = {16, 2, 4};
	for (int area = 0; area < 3; area++)
		for (uint64_t off = 1; off <= 16; off++) {
			q.size = 4;
			q.area[VQ_DESC] = gpa(0x2000);
			q.area[VQ_DRIVER] = gpa(0x3000);
			q.area[VQ_DEVICE] = gpa(0x4000);
			q.area[area].v += off;
			bool good = off % align[area] == 0;
			assert_int_equal(vq_enable(&q, &g.mem, 0),
					 good ? OFFENCE_NONE : OFFENCE_QUEUE_LAYOUT);
		}
}

/* Interop 1, 14: every area may end on the last byte of memory; the event field counts only where it is
 * negotiated. */
static void enable_checks_ranges(void **state)
{
	(void)state;
	static const uint64_t len[3] = {16 * 4, 4 + 2 * 4, 4 + 8 * 4};
	for (int area = 0; area < 3; area++)
		for (uint64_t past = 0; past <= 16; past += 2)
			for (int event = 0; event < 2; event++) {
				q.size = 4;
				q.area[VQ_DESC] = gpa(0x2000);
				q.area[VQ_DRIVER] = gpa(0x3000);
				q.area[VQ_DEVICE] = gpa(0x4000);
				q.area[area].v = HIGH_END - len[area] - 16 + past;
				uint64_t need = len[area] + (event && area != VQ_DESC ? 2 : 0);
				bool aligned = past % (area == VQ_DESC ? 16 : area == VQ_DEVICE ? 4 : 2) == 0;
				bool good = aligned && q.area[area].v + need <= HIGH_END;
				assert_int_equal(vq_enable(&q, &g.mem, event ? EVENT : 0),
						 good ? OFFENCE_NONE : OFFENCE_QUEUE_LAYOUT);
			}
	q.area[VQ_DESC] = gpa(UINT64_MAX - 15);
	assert_int_equal(vq_enable(&q, &g.mem, 0), OFFENCE_QUEUE_LAYOUT);
	q.area[VQ_DESC] = gpa(HOLE);
	assert_int_equal(vq_enable(&q, &g.mem, 0), OFFENCE_QUEUE_LAYOUT);
}

/* The rings may cross from one region to the next. */
static void rings_cross_regions(void **state)
{
	(void)state;
	ring_init(&r, &g, LOW_END - 32, 4);
	assert_int_equal(ring_enable(&r, &q, 0), OFFENCE_NONE);
	uint32_t id, len;
	for (int i = 0; i < 9; i++) {
		struct buf b = {LOW_END - 1, 2, true};
		uint16_t head = ring_post(&r, &b, 1);
		pop_ok();
		vq_complete(&q, &g.mem, c.tok, 2);
		vq_publish(&q, &g.mem);
		assert_true(ring_take(&r, &id, &len));
		assert_int_equal(id, head);
		assert_int_equal(len, 2);
	}
}

/* -- popping --------------------------------------------------------------------------------------------- */

static void empty_is_empty(void **state)
{
	(void)state;
	start(4, 0, 0);
	assert_int_equal(vq_pop(&q, &g.mem, &c), VQ_EMPTY);
	assert_int_equal(vq_pop(&q, &g.mem, &c), VQ_EMPTY);
	assert_int_equal(q.inflight, 0);
}

static void chain_is_told_in_full(void **state)
{
	(void)state;
	start(8, 0, 0);
	const struct buf b[] = {
		{LOW, 16, false}, {HIGH_END - 7, 7, false}, {LOW_END - 3, 6, true}, {NEXT, 512, true}};
	ring_post_at(&r, 5, b, 4); /* 5, 6, 7, 0 */
	pop_ok();
	assert_int_equal(c.tok.id, 5);
	assert_int_equal(c.nread, 2);
	assert_int_equal(c.nwrite, 2);
	assert_int_equal(c.read_len, 23);
	assert_int_equal(c.write_len, 518);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(c.seg[i].addr.v, b[i].addr);
		assert_int_equal(c.seg[i].len, b[i].len);
	}
}

/* P03: with exactly `size` entries available the ring is full, not empty; on every size and around the wrap
 * of the index. */
static void full_ring(void **state)
{
	(void)state;
	for (uint16_t size = 1; size <= 256; size = (uint16_t)(size * 2)) {
		start(size, 0, (uint16_t)(65536 - size / 2 - 1));
		struct buf b = {LOW, 1, true};
		for (uint16_t i = 0; i < size; i++)
			ring_post(&r, &b, 1);
		for (uint16_t i = 0; i < size; i++) {
			pop_ok();
			assert_int_equal(c.tok.id, i);
			vq_complete(&q, &g.mem, c.tok, i);
		}
		assert_int_equal(vq_pop(&q, &g.mem, &c), VQ_EMPTY);
		vq_publish(&q, &g.mem);
		uint32_t id, len;
		for (uint16_t i = 0; i < size; i++) {
			assert_true(ring_take(&r, &id, &len));
			assert_int_equal(id, i);
			assert_int_equal(len, i);
		}
		assert_false(ring_take(&r, &id, &len));
		vq_reset(&q);
	}
}

/* Interop 15: small rings, more than twice round the 16-bit index. */
static void long_run_wraps(void **state)
{
	(void)state;
	for (uint16_t size = 1; size <= 4; size = (uint16_t)(size * 2)) {
		start(size, EVENT, 65530);
		put16(&g, ring_used_event(&r), 0);
		for (uint32_t i = 0; i < 140000; i++) {
			struct buf b = {LOW + i % 64, i % 5, true};
			uint16_t head = ring_post(&r, &b, 1);
			uint32_t id, len;
			pop_ok();
			vq_complete(&q, &g.mem, c.tok, i % 5);
			bool due = vq_publish(&q, &g.mem);
			assert_int_equal(due, (uint16_t)(65530 + i) == 0); /* used_event is 0 */
			assert_true(ring_take(&r, &id, &len));
			assert_int_equal(id, head);
			assert_int_equal(len, i % 5);
			assert_false(vq_kicks_resume(&q, &g.mem));
		}
		vq_reset(&q);
	}
}

static void avail_jump(void **state)
{
	(void)state;
	static const struct {
		uint16_t size, at, jump;
		bool ok;
	} t[] = {{4, 0, 4, true},       {4, 0, 5, false},      {4, 65534, 4, true},   {4, 65534, 5, false},
		 {1, 0, 1, true},       {1, 0, 2, false},      {4, 7, 0xffff, false}, /* goes back */
		 {4, 7, 0x8000, false}, {1024, 3, 1024, true}, {1024, 3, 1025, false}};
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		start(t[i].size, 0, t[i].at);
		put16(&g, r.avail + 2, (uint16_t)(t[i].at + t[i].jump));
		if (t[i].ok)
			pop_ok();
		else
			pop_offence(OFFENCE_AVAIL_JUMP);
		vq_reset(&q);
	}
}

/* The jump may also show when the driver is looked at again while entries are known to be pending. */
static void avail_jump_seen_on_resume(void **state)
{
	(void)state;
	start(4, 0, 0);
	struct buf b = {LOW, 1, true};
	ring_post(&r, &b, 1);
	put16(&g, r.avail + 2, 9);
	assert_true(vq_kicks_resume(&q, &g.mem));
	pop_offence(OFFENCE_AVAIL_JUMP);
}

static void head_range(void **state)
{
	(void)state;
	static const uint16_t heads[] = {8, 9, 255, 0x7fff, 0xffff};
	for (size_t i = 0; i < 5; i++) {
		start(8, 0, 0);
		ring_publish(&r, heads[i]);
		pop_offence(OFFENCE_HEAD_RANGE);
		vq_reset(&q);
	}
}

/* P02: the same head again and again can not make more requests than the ring has entries. */
static void head_in_flight(void **state)
{
	(void)state;
	start(4, 0, 0);
	ring_desc(&r, 2, LOW, 4, VRING_DESC_F_WRITE, 0);
	ring_publish(&r, 2);
	ring_publish(&r, 2);
	pop_ok();
	pop_offence(OFFENCE_HEAD_IN_FLIGHT);
	assert_int_equal(q.inflight, 1);
	vq_complete(&q, &g.mem, c.tok, 4);
	pop_ok(); /* used: may come again */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, queue_setup, queue_teardown)
	const struct CMUnitTest tests[] = {
		T(enable_checks_size),
		T(enable_checks_alignment),
		T(enable_checks_ranges),
		T(rings_cross_regions),
		T(empty_is_empty),
		T(chain_is_told_in_full),
		T(full_ring),
		T(long_run_wraps),
		T(avail_jump),
		T(avail_jump_seen_on_resume),
		T(head_range),
		T(head_in_flight),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
