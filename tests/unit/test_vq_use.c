// SPDX-License-Identifier: BSD-2-Clause
/* The split ring: fetching once, completion, cursors. */
#include <linux/virtio_config.h>

#include "tests/unit/queue.h"
#include "tests/unit/ring.h"

#define EVENT    (1ull << VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT (1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define TABLE    0x20001ull
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

/* -- fetch once ------------------------------------------------------------------------------------------ */

static void count_loads_of(uint64_t addr, uint32_t len)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < tap->n; i++) {
		const struct event *e = &tap->ev[i];
		n += e->op == EV_LOAD && e->addr < addr + len && addr < e->addr + e->n;
	}
	if (n != 1)
		fail_msg("0x%llx was loaded %u times", (unsigned long long)addr, n);
}

/* Every descriptor and the ring entry are loaded exactly once, whole. */
static void descriptors_are_fetched_once(void **state)
{
	(void)state;
	start(INDIRECT, 0);
	ring_desc(&r, 1, LOW, 16, VRING_DESC_F_NEXT, 6);
	ring_desc(&r, 6, TABLE, 48, VRING_DESC_F_INDIRECT, 0);
	desc_at(&g, TABLE, 0, LOW, 4, VRING_DESC_F_NEXT, 2);
	desc_at(&g, TABLE, 2, LOW, 4, VRING_DESC_F_WRITE, 0);
	ring_publish(&r, 1);
	pop_ok();
	count_loads_of(r.avail + 2, 2);
	count_loads_of(r.avail + 4, 2);
	for (uint32_t byte = 0; byte < 16; byte++) {
		count_loads_of(r.desc + 16 + byte, 1);
		count_loads_of(r.desc + 96 + byte, 1);
		count_loads_of(TABLE + byte, 1);
		count_loads_of(TABLE + 32 + byte, 1);
	}
	assert_int_equal(taplog_count(tap, EV_LOAD, VMEM_DESC), 2);
	assert_int_equal(taplog_count(tap, EV_LOAD, VMEM_INDIRECT), 2);
	assert_int_equal(tap->n, 6);
}

/* P04: another processor makes the buffer huge as soon as it has been looked at. */
static void grow_after_load(struct taplog *t, const struct event *e)
{
	(void)e;
	if (taplog_count(t, EV_LOAD, VMEM_DESC))
		desc_at(&g, r.desc, 0, HOLE, UINT32_MAX, VRING_DESC_F_NEXT, 77);
}

static void first_value_is_the_one_used(void **state)
{
	(void)state;
	start(0, 0);
	const struct buf b[2] = {{LOW, 32, false}, {HIGH, 64, true}};
	ring_post_at(&r, 0, b, 2);
	tap->before = grow_after_load;
	pop_ok();
	assert_int_equal(c.seg[0].addr.v, LOW);
	assert_int_equal(c.seg[0].len, 32);
	assert_int_equal(c.read_len, 32);
	assert_int_equal(c.seg[1].addr.v, HIGH);
}

/* The index is cached: one look serves all entries that it showed. */
static void index_is_loaded_once_per_batch(void **state)
{
	(void)state;
	start(0, 65534);
	post(5);
	for (int i = 0; i < 5; i++)
		pop_ok();
	assert_int_equal(taplog_count(tap, EV_LOAD, VMEM_AVAIL_IDX), 1);
	assert_int_equal(vq_pop(&q, &g.mem, &c), VQ_EMPTY);
	assert_int_equal(taplog_count(tap, EV_LOAD, VMEM_AVAIL_IDX), 2);
}

static void unpop_gives_the_chain_back(void **state)
{
	(void)state;
	start(0, 65535);
	post(2);
	pop_ok();
	struct vq_tok old = c.tok;
	vq_unpop(&q, c.tok);
	assert_int_equal(q.inflight, 0);
	pop_ok();
	assert_int_equal(c.tok.id, old.id);
	assert_int_not_equal(c.tok.seq, old.seq);
	pop_ok();
	assert_int_equal(c.tok.id, old.id + 1);
	assert_int_equal(vq_pop(&q, &g.mem, &c), VQ_EMPTY);
}

/* A frame that needs more buffers than there are gives all of them back. The numbers of pops go round here. */
static void unpop_gives_several_back(void **state)
{
	(void)state;
	struct vq_tok tok[3];
	start(0, 65534);
	q.seq = UINT32_MAX - 2;
	post(3);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 3; i++) {
			pop_ok();
			tok[i] = c.tok;
			assert_int_equal(c.tok.id, i);
		}
		assert_int_equal(vq_pop(&q, &g.mem, &c), VQ_EMPTY);
		for (int i = 3; i-- > round;)
			vq_unpop(&q, tok[i]);
		assert_int_equal(q.inflight, round);
		for (int i = round; i-- > 0;)
			vq_unpop(&q, tok[i]);
	}
}

/* -- completion ------------------------------------------------------------------------------------------ */

static void completes_in_any_order(void **state)
{
	(void)state;
	start(0, 65533);
	post(6);
	struct vq_tok tok[6];
	for (int i = 0; i < 6; i++) {
		pop_ok();
		tok[i] = c.tok;
	}
	static const int order[6] = {3, 0, 5, 1, 4, 2};
	for (uint32_t i = 0; i < 6; i++)
		vq_complete(&q, &g.mem, tok[order[i]], 100 + i);
	assert_int_equal(ring_used_idx(&r), 65533); /* staged, not published */
	vq_publish(&q, &g.mem);
	for (uint32_t i = 0; i < 6; i++) {
		uint32_t id, len;
		assert_true(ring_take(&r, &id, &len));
		assert_int_equal(id, tok[order[i]].id);
		assert_int_equal(len, 100 + i);
	}
	assert_int_equal(taplog_count(tap, EV_STORE, VMEM_USED_IDX), 1);
}

static void nothing_staged_publishes_nothing(void **state)
{
	(void)state;
	start(0, 0);
	assert_false(vq_publish(&q, &g.mem));
	assert_int_equal(tap->n, 0);
}

/* A sequence number never comes back soon, 0 is none. */
static void sequence_skips_zero(void **state)
{
	(void)state;
	start(0, 0);
	q.seq = UINT32_MAX - 1;
	post(2);
	pop_ok();
	assert_int_equal(c.tok.seq, UINT32_MAX);
	pop_ok();
	assert_int_equal(c.tok.seq, 1);
	vq_complete(&q, &g.mem, c.tok, 0);
}

/* A queue that is set up again starts from nothing, with another size too; sequence numbers go on. */
static void reset_forgets_all_but_the_limit(void **state)
{
	(void)state;
	start(EVENT | INDIRECT, 77);
	post(3);
	pop_ok();
	pop_ok();
	uint32_t seq = q.seq;
	vq_reset(&q);
	assert_int_equal(q.size_max, VQ_SIZE_MAX);
	assert_int_equal(q.size, 0);
	assert_int_equal(q.inflight, 0);
	assert_false(q.ready || q.event_idx || q.indirect || q.kicks_off);
	for (int i = 0; i < 3; i++)
		assert_int_equal(q.area[i].v, 0);
	start(0, 0);
	for (int i = 0; i < q.size; i++)
		assert_int_equal(q.live[i], 0);
	post(1);
	pop_ok();
	assert_int_equal(c.tok.seq, seq + 1);
}

/* -- cursors --------------------------------------------------------------------------------------------- */

static void cursor_chain(void)
{
	static const struct vq_seg seg[] = {{{LOW}, 0},       {{LOW}, 3},  {{HIGH}, 0},    {{LOW_END - 2}, 4},
					    {{NEXT + 64}, 0}, {{HIGH}, 5}, {{HIGH + 9}, 0}};
	memcpy(c.seg, seg, sizeof(seg));
	c.nread = 5;
	c.nwrite = 2;
	c.read_len = 7;
	c.write_len = 5;
}

/* Empty segments anywhere, a segment across two regions, pieces of any size: the same bytes, each fetched
 * once. */
static void cursor_reads_in_any_pieces(void **state)
{
	(void)state;
	cursor_chain();
	static const char text[] = "abcdefg";
	memcpy(at(&g, LOW), "abc", 3);
	for (uint32_t i = 0; i < 4; i++)
		*at(&g, LOW_END - 2 + i) = (uint8_t)text[3 + i];
	for (uint32_t piece = 1; piece <= 7; piece++) {
		struct vq_cursor cur = vq_reader(&c);
		char out[8] = {0};
		for (uint32_t done = 0; done < 7;) {
			uint32_t n = 7 - done < piece ? 7 - done : piece;
			assert_true(vq_read(&cur, &g.mem, VMEM_HEADER, out + done, n));
			done += n;
		}
		assert_string_equal(out, text);
		assert_int_equal(cur.left, 0);
		assert_false(vq_read(&cur, &g.mem, VMEM_HEADER, out, 1));
		assert_true(vq_read(&cur, &g.mem, VMEM_HEADER, out, 0));
	}
}

static void cursor_refuses_whole(void **state)
{
	(void)state;
	cursor_chain();
	struct vq_cursor cur = vq_reader(&c), w = vq_writer(&c);
	char out[8];
	assert_false(vq_read(&cur, &g.mem, VMEM_HEADER, out, 8));
	assert_int_equal(cur.left, 7);
	vq_skip(&cur, 7);
	assert_int_equal(cur.left, 0);
	vq_skip(&cur, 0);
	assert_false(vq_write(&w, &g.mem, VMEM_PAYLOAD, "123456", 6));
	assert_true(untouched(&g, HIGH, 16));
	assert_true(vq_write(&w, &g.mem, VMEM_PAYLOAD, "12345", 5));
	assert_memory_equal(at(&g, HIGH), "12345", 5);
	assert_true(untouched(&g, HIGH + 5, 16));
}

static void cursor_takes_pieces(void **state)
{
	(void)state;
	cursor_chain();
	struct vq_cursor cur = vq_reader(&c);
	gpa_t a = gpa(0);
	assert_int_equal(vq_take(&cur, 0, &a), 0);
	assert_int_equal(vq_take(&cur, 2, &a), 2);
	assert_int_equal(a.v, LOW);
	assert_int_equal(vq_take(&cur, 100, &a), 1);
	assert_int_equal(a.v, LOW + 2);
	assert_int_equal(vq_take(&cur, 100, &a), 4);
	assert_int_equal(a.v, LOW_END - 2);
	assert_int_equal(vq_take(&cur, 100, &a), 0);
	c.nwrite = 0;
	c.write_len = 0;
	cur = vq_writer(&c);
	assert_int_equal(vq_take(&cur, 1, &a), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, queue_setup_tapped, queue_teardown)
	const struct CMUnitTest tests[] = {
		T(descriptors_are_fetched_once),
		T(first_value_is_the_one_used),
		T(index_is_loaded_once_per_batch),
		T(unpop_gives_the_chain_back),
		T(unpop_gives_several_back),
		T(completes_in_any_order),
		T(nothing_staged_publishes_nothing),
		T(sequence_skips_zero),
		T(reset_forgets_all_but_the_limit),
		T(cursor_reads_in_any_pieces),
		T(cursor_refuses_whole),
		T(cursor_takes_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
