// SPDX-License-Identifier: BSD-2-Clause
/* VIRTIO_F_IN_ORDER on both rings: completions wait for their turn, and used entries cover what they skip. */
#include "tests/unit/packed.h"

#define IN_ORDER (1ull << VIRTIO_F_IN_ORDER)
#define SIZE     8

static struct guest g;
static struct ring r;
static struct packed p;
static struct vq q;
static struct vq_tok tok[SIZE];
static bool packed;
static const struct buf bufs[3] = {{LOW, 8, false}, {LOW + 8, 10, true}, {LOW + 32, 10, true}};

static int setup(void **state)
{
	(void)state;
	guest_init(&g);
	memset(&q, 0x5a, sizeof(q)); /* what vq_init leaves alone must not matter */
	vq_init(&q, SIZE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guest_free(&g);
	return 0;
}

static void start(bool on_packed, uint16_t pos)
{
	packed = on_packed;
	vq_reset(&q);
	if (packed)
		packed_start(&p, &q, &g, SIZE, IN_ORDER, pos % SIZE | (pos & 1 ? POS_WRAP : 0));
	else
		ring_start(&r, &q, &g, SIZE, IN_ORDER, pos);
}

/* Posts and pops a chain of n buffers; tok[i] names it. */
static void take(uint16_t i, uint16_t first, uint16_t n)
{
	struct vq_chain c;
	if (packed)
		packed_post(&p, bufs + first, n);
	else
		ring_post(&r, bufs + first, n);
	assert_int_equal(vq_pop(&q, &g.mem, &c), VQ_OK);
	tok[i] = c.tok;
}

static void complete(uint16_t i, uint32_t written)
{
	vq_complete(&q, &g.mem, tok[i], written);
}

/* The next used entry must be of chain i; it covers `covers` chains, i the last of them. */
static void used(uint16_t i, uint32_t len, uint16_t covers)
{
	struct packed_used u;
	uint32_t id, n;
	if (packed) {
		assert_true(packed_take(&p, &u));
		id = u.id;
		n = u.len;
		p.seen = packed_step(&p, p.seen, (uint16_t)(2 * SIZE - p.ndesc[id]));
		for (uint16_t k = 0; k < covers; k++)
			p.seen = packed_step(&p, p.seen, tok[i + 1 - covers + k].ndesc);
	} else {
		assert_true(ring_take(&r, &id, &n));
		r.seen = (uint16_t)(r.seen + covers - 1);
	}
	assert_int_equal(id, tok[i].id);
	assert_int_equal(n, len);
}

static void used_none(void)
{
	struct packed_used u;
	uint32_t id, n;
	assert_false(packed ? packed_take(&p, &u) : ring_take(&r, &id, &n));
}

/* rfeat.5: the last one first: nothing is used before the first is done, then all at once. */
static void waits_for_the_oldest(void **state)
{
	(void)state;
	for (uint16_t k = 0; k < 2 * SIZE; k++) {
		start(k & 1, (uint16_t)(65530 + k));
		for (uint16_t i = 0; i < 4; i++)
			take(i, 0, 2);
		for (uint16_t i = 3; i > 0; i--) {
			complete(i, i); /* in part: no entry may skip it */
			assert_false(vq_publish(&q, &g.mem));
			used_none();
			assert_int_equal(q.inflight, 4);
		}
		complete(0, 5);
		assert_int_equal(q.inflight, 0);
		used_none();
		vq_publish(&q, &g.mem);
		used(0, 5, 1);
		for (uint16_t i = 1; i < 4; i++)
			used(i, i, 1);
		used_none();
	}
}

/* Chains that were written whole, or have nothing to write, are skipped; the entry tells id and length of the
 * last. */
static void whole_ones_share_an_entry(void **state)
{
	(void)state;
	for (uint16_t k = 0; k < 2 * SIZE; k++) {
		start(k & 1, k);
		take(0, 0, 2); /* 10 writable bytes */
		take(1, 0, 1); /* none */
		take(2, 1, 1);
		complete(2, 7);
		complete(1, 0);
		complete(0, 10);
		vq_publish(&q, &g.mem);
		used(2, 7, 3);
		used_none();
		take(3, 0, 3);
		complete(3, 20);
		vq_publish(&q, &g.mem);
		used(3, 20, 1);
		used_none();
	}
}

/* One that was written in part ends its batch; what follows begins another one. */
static void partial_ones_end_a_batch(void **state)
{
	(void)state;
	for (uint16_t k = 0; k < 2 * SIZE; k++) {
		start(k & 1, k);
		for (uint16_t i = 0; i < 4; i++)
			take(i, 0, 2);
		complete(0, 10);
		complete(1, 9);
		complete(2, 10);
		complete(3, 10);
		vq_publish(&q, &g.mem);
		used(1, 9, 2);
		used(3, 10, 2);
		used_none();
	}
}

/* A batch ends where it is published: what the driver may have seen is not changed any more. */
static void publishing_ends_a_batch(void **state)
{
	(void)state;
	for (uint16_t k = 0; k < 2 * SIZE; k++) {
		start(k & 1, k);
		for (uint16_t i = 0; i < 3; i++)
			take(i, 0, 2);
		complete(0, 10);
		vq_publish(&q, &g.mem);
		complete(2, 10);
		assert_false(vq_publish(&q, &g.mem));
		complete(1, 10);
		vq_publish(&q, &g.mem);
		used(0, 10, 1);
		used(2, 10, 2);
		used_none();
	}
}

/* An id that waits for its turn is in flight. */
static void waiting_id_may_not_come_again(void **state)
{
	(void)state;
	struct vq_chain c;
	for (int on_packed = 0; on_packed < 2; on_packed++) {
		start(on_packed, 0);
		take(0, 1, 1);
		take(1, 1, 1);
		complete(1, 10);
		if (packed)
			packed_post_id(&p, tok[1].id, bufs, 1);
		else
			ring_publish(&r, tok[1].id);
		assert_int_equal(vq_pop(&q, &g.mem, &c), VQ_OFFENCE);
		assert_int_equal(q.offence, packed ? OFFENCE_ID_IN_FLIGHT : OFFENCE_HEAD_IN_FLIGHT);
	}
}

static void unpop_leaves_the_order(void **state)
{
	(void)state;
	for (int on_packed = 0; on_packed < 2; on_packed++) {
		struct vq_chain c;
		start(on_packed, 0);
		take(0, 1, 1);
		take(1, 0, 2);
		take(2, 1, 1);
		vq_unpop(&q, tok[2]);
		vq_unpop(&q, tok[1]);
		complete(0, 10);
		assert_int_equal(q.inflight, 0);
		assert_int_equal(vq_pop(&q, &g.mem, &c), VQ_OK);
		assert_int_equal(c.tok.id, tok[1].id);
		vq_complete(&q, &g.mem, c.tok, 10);
		vq_publish(&q, &g.mem);
		used(1, 10, 2);
	}
}

/* Every ring slot in flight, many rounds, completed backwards in groups. */
static void full_rings_many_times(void **state)
{
	(void)state;
	for (int on_packed = 0; on_packed < 2; on_packed++) {
		start(on_packed, 65533);
		for (uint32_t round = 0; round < 3000; round++) {
			for (uint16_t i = 0; i < SIZE; i++)
				take(i, 1, 1);
			for (uint16_t i = SIZE; i-- > 0;)
				complete(i, 10 - (round + i) % 2);
			vq_publish(&q, &g.mem);
			for (uint16_t i = 0; i < SIZE; i++) {
				bool part = (round + i) % 2;
				if (part || i == SIZE - 1)
					used(i, part ? 9 : 10, part && i > 0 ? 2 : 1);
			}
			used_none();
		}
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(waits_for_the_oldest),    T(whole_ones_share_an_entry),     T(partial_ones_end_a_batch),
		T(publishing_ends_a_batch), T(waiting_id_may_not_come_again), T(unpop_leaves_the_order),
		T(full_rings_many_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
