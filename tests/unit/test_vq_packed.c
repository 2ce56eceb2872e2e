// SPDX-License-Identifier: BSD-2-Clause
/* The packed ring: enabling, what is popped. What is refused: test_vq_packed_chain.c; completion and
 * notifications: test_vq_packed_use.c. */
#include "tests/unit/packed.h"
#include "tests/unit/queue.h"

#define EVENT (1ull << VIRTIO_RING_F_EVENT_IDX)

#define WR VRING_DESC_F_WRITE
#define AV 0x0080u /* AVAIL of the first round */
#define US 0x8000u /* USED of the first round; what stands for AVAIL in the second */

static struct packed p;

static void start(uint16_t size, uint64_t features, uint16_t pos)
{
	packed_start(&p, &q, &g, size, features, pos);
}

/* Pops, completes and publishes one chain, and the driver takes it. */
static void use_one(uint16_t id)
{
	struct packed_used u;
	pop_ok();
	assert_int_equal(c.tok.id, id);
	vq_complete(&q, &g.mem, c.tok, c.write_len);
	vq_publish(&q, &g.mem);
	assert_true(packed_take(&p, &u));
	assert_int_equal(u.id, id);
	assert_int_equal(u.len, c.write_len);
}

/* -- enabling */

/* Any size up to the limit, no power of two needed (2.8). */
static void enable_checks_size(void **state)
{
	(void)state;
	q.size_max = 200;
	for (uint16_t size = 0; size <= 300; size++) {
		packed_init(&p, &g, 0x2000, size);
		bool good = size && size <= 200;
		assert_int_equal(packed_enable(&p, &q, 0), good ? OFFENCE_NONE : OFFENCE_QUEUE_LAYOUT);
		assert_int_equal(q.ready, good);
		assert_int_equal(q.packed, good);
		vq_reset(&q);
	}
}

/* drv.packed.vq.1 */
static void enable_checks_alignment(void **state)
{
	(void)state;
	static const uint64_t align[3] = {16, 4, 4};
	for (int area = 0; area < 3; area++)
		for (uint64_t off = 1; off <= 16; off++) {
			q.size = 3;
			q.area[VQ_DESC] = gpa(0x2000);
			q.area[VQ_DRIVER] = gpa(0x3000);
			q.area[VQ_DEVICE] = gpa(0x4000);
			q.area[area].v += off;
			bool good = off % align[area] == 0;
			assert_int_equal(vq_enable(&q, &g.mem, 1ull << VIRTIO_F_RING_PACKED),
					 good ? OFFENCE_NONE : OFFENCE_QUEUE_LAYOUT);
		}
}

/* Every area may end on the last byte of memory, and not one further, whatever was negotiated. */
static void enable_checks_ranges(void **state)
{
	(void)state;
	static const uint64_t len[3] = {16 * 3, 4, 4};
	for (int area = 0; area < 3; area++)
		for (int past = 0; past < 2; past++)
			for (int event = 0; event < 2; event++) {
				q.size = 3;
				q.area[VQ_DESC] = gpa(0x2000);
				q.area[VQ_DRIVER] = gpa(0x3000);
				q.area[VQ_DEVICE] = gpa(0x4000);
				q.area[area].v =
					HIGH_END - len[area] + (area == VQ_DESC ? 16u : 4u) * (unsigned)past;
				assert_int_equal(
					vq_enable(&q, &g.mem,
						  1ull << VIRTIO_F_RING_PACKED | (event ? EVENT : 0)),
					past ? OFFENCE_QUEUE_LAYOUT : OFFENCE_NONE);
			}
	q.area[VQ_DEVICE] = gpa(0x4000);
	static const uint64_t nowhere[] = {HOLE, 0, UINT64_MAX - 15};
	for (int i = 0; i < 3; i++) {
		q.area[VQ_DESC] = gpa(nowhere[i]);
		assert_int_equal(vq_enable(&q, &g.mem, 1ull << VIRTIO_F_RING_PACKED), OFFENCE_QUEUE_LAYOUT);
	}
}

/* A queue that was enabled before the features were settled becomes what they say, either way. */
static void enabled_again_with_the_other_layout(void **state)
{
	(void)state;
	packed_init(&p, &g, 0x2000, 4);
	q.size = 4;
	q.area[VQ_DESC] = gpa(p.desc);
	q.area[VQ_DRIVER] = gpa(p.driver);
	q.area[VQ_DEVICE] = gpa(0x8000);
	assert_int_equal(vq_enable(&q, &g.mem, 0), OFFENCE_NONE);
	assert_int_equal(q.next_avail, 0);
	q.area[VQ_DEVICE] = gpa(p.device);
	assert_int_equal(vq_enable(&q, &g.mem, 1ull << VIRTIO_F_RING_PACKED), OFFENCE_NONE);
	const struct buf b = {LOW, 1, true};
	use_one(packed_post(&p, &b, 1));
	assert_int_equal(vq_enable(&q, &g.mem, 0), OFFENCE_NONE);
	assert_false(q.packed);
	assert_int_equal(q.next_used, 0);
}

static void ring_crosses_regions(void **state)
{
	(void)state;
	packed_init(&p, &g, LOW_END - 32, 5);
	assert_int_equal(packed_enable(&p, &q, 0), OFFENCE_NONE);
	for (int i = 0; i < 23; i++) {
		const struct buf b[2] = {{LOW_END - 1, 2, false}, {LOW_END - 1, 2, true}};
		use_one(packed_post(&p, b, 2));
	}
}

/* -- popping */

static void empty_is_empty(void **state)
{
	(void)state;
	static const uint16_t pos[] = {POS_WRAP, 0, POS_WRAP | 2, 2};
	for (int i = 0; i < 4; i++) {
		start(3, 0, pos[i]);
		assert_int_equal(vq_pop(&q, &g.mem, &c), VQ_EMPTY);
		assert_int_equal(vq_pop(&q, &g.mem, &c), VQ_EMPTY);
		assert_int_equal(q.inflight, 0);
		vq_reset(&q);
	}
}

/* packed.desc.2: of the four ways the two bits can stand, one is available, in each round its own. */
static void only_one_flag_pair_is_available(void **state)
{
	(void)state;
	for (uint32_t pair = 0; pair < 4; pair++)
		for (uint32_t wrap = 0; wrap < 2; wrap++) {
			start(4, 0, wrap ? POS_WRAP : 0);
			uint16_t flags = (uint16_t)((pair & 1 ? AV : 0) | (pair & 2 ? US : 0));
			packed_desc(&p, 0, LOW, 4, 1, flags | WR);
			bool good = flags == (wrap ? AV : US);
			assert_int_equal(vq_pop(&q, &g.mem, &c), good ? VQ_OK : VQ_EMPTY);
			vq_reset(&q);
		}
}

/* The list begins in the last slots and goes on in the first: its flags turn over where the ring does. */
static void chain_crosses_the_end(void **state)
{
	(void)state;
	const struct buf b[] = {
		{LOW, 16, false}, {HIGH_END - 7, 7, false}, {LOW_END - 3, 6, true}, {NEXT, 512, true}};
	for (uint16_t slot = 0; slot < 5; slot++)
		for (uint32_t wrap = 0; wrap < 2; wrap++) {
			start(5, 0, (uint16_t)(slot | (wrap ? POS_WRAP : 0)));
			packed_post_id(&p, 3, b, 4);
			pop_ok();
			assert_int_equal(c.tok.id, 3);
			assert_int_equal(c.tok.ndesc, 4);
			assert_int_equal(c.nread, 2);
			assert_int_equal(c.nwrite, 2);
			assert_int_equal(c.read_len, 23);
			assert_int_equal(c.write_len, 518);
			for (int i = 0; i < 4; i++) {
				assert_int_equal(c.seg[i].addr.v, b[i].addr);
				assert_int_equal(c.seg[i].len, b[i].len);
			}
			assert_int_equal(q.next_avail, p.next);
			assert_int_equal(vq_pop(&q, &g.mem, &c), VQ_EMPTY);
			vq_reset(&q);
		}
}

/* With every slot available the ring is full, not empty; on every size, in both rounds, from every slot. */
static void full_ring(void **state)
{
	(void)state;
	const struct buf b = {LOW, 1, true};
	for (uint16_t size = 1; size <= 40; size++)
		for (uint16_t slot = 0; slot < size; slot++) {
			start(size, 0, (uint16_t)(slot | (slot & 1 ? POS_WRAP : 0)));
			p.next_id = 0;
			for (uint16_t i = 0; i < size; i++)
				packed_post(&p, &b, 1);
			for (uint16_t i = 0; i < size; i++) {
				pop_ok();
				assert_int_equal(c.tok.id, i);
				vq_complete(&q, &g.mem, c.tok, 1);
			}
			assert_int_equal(vq_pop(&q, &g.mem, &c), VQ_EMPTY);
			vq_publish(&q, &g.mem);
			struct packed_used u;
			for (uint16_t i = 0; i < size; i++) {
				assert_true(packed_take(&p, &u));
				assert_int_equal(u.id, i);
			}
			assert_false(packed_take(&p, &u));
			assert_int_equal(vq_pop(&q, &g.mem, &c), VQ_EMPTY);
			vq_reset(&q);
		}
}

/* Many rounds on every small size with lists of all lengths that fit. */
static void long_run_wraps(void **state)
{
	(void)state;
	struct buf b[7];
	for (uint16_t i = 0; i < 7; i++)
		b[i] = (struct buf){LOW + i, i, i > 2};
	for (uint16_t size = 1; size <= 7; size++) {
		start(size, EVENT, POS_WRAP);
		packed_event(&p, VRING_PACKED_EVENT_FLAG_ENABLE, 0);
		for (uint32_t i = 0; i < 5000; i++) {
			use_one(packed_post(&p, b, (uint16_t)(i % size + 1)));
			assert_false(vq_kicks_resume(&q, &g.mem));
		}
		vq_reset(&q);
	}
}

static void unpop_gives_the_chain_back(void **state)
{
	(void)state;
	const struct buf b[3] = {{LOW, 1, false}, {LOW, 2, true}, {LOW, 3, true}};
	for (uint16_t slot = 0; slot < 7; slot++) {
		start(7, 0, slot);
		packed_post(&p, b, 2);
		packed_post(&p, b, 3);
		pop_ok();
		pop_ok();
		struct vq_tok old = c.tok;
		uint16_t next = q.next_avail;
		vq_unpop(&q, c.tok);
		assert_int_equal(q.inflight, 1);
		pop_ok();
		assert_int_equal(c.tok.id, old.id);
		assert_int_equal(c.tok.ndesc, 3);
		assert_int_not_equal(c.tok.seq, old.seq);
		assert_int_equal(q.next_avail, next);
		assert_int_equal(vq_pop(&q, &g.mem, &c), VQ_EMPTY);
		vq_reset(&q);
	}
}

static void unpop_gives_several_back(void **state)
{
	(void)state;
	const struct buf b[3] = {{LOW, 1, false}, {LOW, 2, true}, {LOW, 3, true}};
	for (uint16_t slot = 0; slot < 7; slot++) {
		struct vq_tok tok[3];
		start(7, 0, slot);
		uint16_t begin = q.next_avail;
		for (uint16_t n = 1; n <= 3; n++)
			packed_post(&p, b, n);
		for (int round = 0; round < 3; round++) {
			for (int i = 0; i < 3; i++) {
				pop_ok();
				tok[i] = c.tok;
				assert_int_equal(c.tok.ndesc, i + 1);
			}
			for (int i = 3; i-- > 0;)
				vq_unpop(&q, tok[i]);
			assert_int_equal(q.next_avail, begin);
			assert_int_equal(q.inflight, 0);
		}
		vq_reset(&q);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, queue_setup, queue_teardown)
	const struct CMUnitTest tests[] = {
		T(enable_checks_size),
		T(enable_checks_alignment),
		T(enable_checks_ranges),
		T(enabled_again_with_the_other_layout),
		T(ring_crosses_regions),
		T(empty_is_empty),
		T(only_one_flag_pair_is_available),
		T(chain_crosses_the_end),
		T(full_ring),
		T(long_run_wraps),
		T(unpop_gives_the_chain_back),
		T(unpop_gives_several_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
