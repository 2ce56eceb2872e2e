// SPDX-License-Identifier: BSD-2-Clause
/* The split ring: what is popped, what is refused, cursors. Notifications stand in test_vq_notify.c. */
#include <linux/virtio_config.h>
#include <sys/mman.h>

#include "tests/unit/ring.h"

#define EVENT    (1ull << VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT (1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define RING     0x2000ull  /* where the ring lies */
#define TABLE    0x20001ull /* an indirect table: at any alignment */

static struct guest g;
static struct ring r;
static struct vq q;
static struct vq_chain c;

static int setup(void **state)
{
	(void)state;
	guest_init(&g);
	memset(&q, 0, sizeof(q));
	q.size_max = VQ_SIZE_MAX;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guest_free(&g);
	return 0;
}

static enum offence enable(uint16_t size, uint64_t features)
{
	ring_init(&r, &g, RING, size);
	q.size = size;
	q.area[VQ_DESC] = gpa(r.desc);
	q.area[VQ_DRIVER] = gpa(r.avail);
	q.area[VQ_DEVICE] = gpa(r.used);
	return vq_enable(&q, &g.mem, features);
}

/* A ring whose indices start at idx on both sides. */
static void start(uint16_t size, uint64_t features, uint16_t idx)
{
	assert_int_equal(enable(size, features), OFFENCE_NONE);
	ring_seek(&r, idx);
	q.next_avail = q.seen_avail = q.next_used = q.published = idx;
}

static void pop_ok(void)
{
	assert_int_equal(vq_pop(&q, &g.mem, &c), VQ_OK);
}

static void pop_offence(enum offence o)
{
	assert_int_equal(vq_pop(&q, &g.mem, &c), VQ_OFFENCE);
	assert_string_equal(offence_info(q.offence)->name, offence_info(o)->name);
}

/* -- enabling
 * ------------------------------------------------------------------------------------------------------ */

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
	q.size = 4;
	q.area[VQ_DESC] = gpa(r.desc);
	q.area[VQ_DRIVER] = gpa(r.avail);
	q.area[VQ_DEVICE] = gpa(r.used);
	assert_int_equal(vq_enable(&q, &g.mem, 0), OFFENCE_NONE);
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

/* -- popping
 * ------------------------------------------------------------------------------------------------------- */

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

/* -- broken chains
 * ------------------------------------------------------------------------------------------------- */

#define NX VRING_DESC_F_NEXT
#define WR VRING_DESC_F_WRITE
#define IN VRING_DESC_F_INDIRECT

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static const struct {
	const char *name;
	enum offence offence;
	uint64_t features;
	struct desc ring[4];  /* ring of 4; head 0 */
	struct desc table[4]; /* at TABLE */
} broken[] = {
	{"loop of one", OFFENCE_CHAIN_LOOP, 0, {{LOW, 1, NX, 0}}, {{0}}},
	{"loop of one, empty buffer", OFFENCE_CHAIN_LOOP, 0, {{LOW, 0, NX, 0}}, {{0}}},
	{"loop of two", OFFENCE_CHAIN_LOOP, 0, {{LOW, 1, NX | WR, 1}, {LOW, 1, NX | WR, 0}}, {{0}}},
	{"loop behind a good start",
	 OFFENCE_CHAIN_LOOP,
	 0,
	 {{LOW, 1, NX, 1}, {LOW, 1, NX, 2}, {LOW, 1, NX, 3}, {LOW, 1, NX, 1}},
	 {{0}}},
	{"loop in a table",
	 OFFENCE_CHAIN_LOOP,
	 INDIRECT,
	 {{TABLE, 32, IN, 0}},
	 {{LOW, 1, NX, 1}, {LOW, 1, NX, 0}}},
	{"empty loop in a table", OFFENCE_CHAIN_LOOP, INDIRECT, {{TABLE, 16, IN, 0}}, {{LOW, 0, NX, 0}}},
	{"next at the size", OFFENCE_NEXT_RANGE, 0, {{LOW, 1, NX, 4}}, {{0}}},
	{"next far out", OFFENCE_NEXT_RANGE, 0, {{LOW, 1, NX, 65535}}, {{0}}},
	{"next at the table's size", OFFENCE_NEXT_RANGE, INDIRECT, {{TABLE, 16, IN, 0}}, {{LOW, 1, NX, 1}}},
	{"read after write", OFFENCE_READ_AFTER_WRITE, 0, {{LOW, 1, NX | WR, 1}, {LOW, 1, 0, 0}}, {{0}}},
	{"empty read after write",
	 OFFENCE_READ_AFTER_WRITE,
	 0,
	 {{LOW, 1, NX | WR, 1}, {LOW, 0, 0, 0}},
	 {{0}}},
	{"read after write in a table",
	 OFFENCE_READ_AFTER_WRITE,
	 INDIRECT,
	 {{LOW, 1, NX | WR, 1}, {TABLE, 16, IN, 0}},
	 {{LOW, 1, 0, 0}}},
	{"buffer in the hole", OFFENCE_BUFFER_RANGE, 0, {{HOLE, 1, 0, 0}}, {{0}}},
	{"buffer past the end", OFFENCE_BUFFER_RANGE, 0, {{HIGH_END - 1, 2, WR, 0}}, {{0}}},
	{"buffer that wraps", OFFENCE_BUFFER_RANGE, 0, {{UINT64_MAX, 2, WR, 0}}, {{0}}},
	{"buffer of 4 GiB", OFFENCE_BUFFER_RANGE, 0, {{LOW, UINT32_MAX, WR, 0}}, {{0}}},
	{"buffer over the hole", OFFENCE_BUFFER_RANGE, 0, {{LOW, HIGH - LOW + 8, 0, 0}}, {{0}}},
	{"second buffer bad", OFFENCE_BUFFER_RANGE, 0, {{LOW, 1, NX, 1}, {0, 1, WR, 0}}, {{0}}},
	{"buffer in a table bad",
	 OFFENCE_BUFFER_RANGE,
	 INDIRECT,
	 {{TABLE, 16, IN, 0}},
	 {{NEXT_END, 1, 0, 0}}},
	{"indirect without the feature", OFFENCE_INDIRECT_FEATURE, 0, {{TABLE, 16, IN, 0}}, {{LOW, 1, 0, 0}}},
	{"indirect with another feature",
	 OFFENCE_INDIRECT_FEATURE,
	 EVENT,
	 {{TABLE, 16, IN, 0}},
	 {{LOW, 1, 0, 0}}},
	{"nested", OFFENCE_INDIRECT_NESTED, INDIRECT, {{TABLE, 16, IN, 0}}, {{TABLE, 16, IN, 0}}},
	{"nested, second",
	 OFFENCE_INDIRECT_NESTED,
	 INDIRECT,
	 {{TABLE, 32, IN, 0}},
	 {{LOW, 1, NX, 1}, {TABLE, 16, IN, 0}}},
	{"indirect and next",
	 OFFENCE_INDIRECT_NEXT,
	 INDIRECT,
	 {{TABLE, 16, IN | NX, 1}, {LOW, 1, 0, 0}},
	 {{LOW, 1, 0, 0}}},
	{"table of 0", OFFENCE_INDIRECT_LENGTH, INDIRECT, {{TABLE, 0, IN, 0}}, {{0}}},
	{"table of 8", OFFENCE_INDIRECT_LENGTH, INDIRECT, {{TABLE, 8, IN, 0}}, {{LOW, 1, 0, 0}}},
	{"table of 17", OFFENCE_INDIRECT_LENGTH, INDIRECT, {{TABLE, 17, IN, 0}}, {{LOW, 1, 0, 0}}},
	{"table of 4 GiB - 1",
	 OFFENCE_INDIRECT_LENGTH,
	 INDIRECT,
	 {{TABLE, UINT32_MAX, IN, 0}},
	 {{LOW, 1, 0, 0}}},
	{"table in the hole", OFFENCE_INDIRECT_RANGE, INDIRECT, {{HOLE, 16, IN, 0}}, {{0}}},
	{"table past the end", OFFENCE_INDIRECT_RANGE, INDIRECT, {{HIGH_END - 16, 32, IN, 0}}, {{0}}},
	{"table of nearly 4 GiB", OFFENCE_INDIRECT_RANGE, INDIRECT, {{TABLE, 0xfffffff0u, IN, 0}}, {{0}}},
};

static void put_descs(uint64_t table, const struct desc *d)
{
	for (uint16_t i = 0; i < 4; i++)
		desc_at(&g, table, i, d[i].addr, d[i].len, d[i].flags, d[i].next);
}

static void broken_chains(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		start(4, broken[i].features, 0);
		put_descs(r.desc, broken[i].ring);
		put_descs(TABLE, broken[i].table);
		ring_publish(&r, 0);
		if (vq_pop(&q, &g.mem, &c) != VQ_OFFENCE || q.offence != broken[i].offence)
			fail_msg("%s: got %s", broken[i].name, offence_info(q.offence)->name);
		assert_int_equal(q.inflight, 0);
		vq_reset(&q);
	}
}

/* P01, P08: a chain is bounded by its segments, in both kinds of table, and one segment less is taken. */
static void too_many_segments(void **state)
{
	(void)state;
	struct buf b[VQ_SEGS_MAX + 1];
	for (uint32_t i = 0; i < VQ_SEGS_MAX + 1; i++)
		b[i] = (struct buf){LOW + i, 1, i > 3};
	for (uint16_t n = VQ_SEGS_MAX; n <= VQ_SEGS_MAX + 1; n++)
		for (int indirect = 0; indirect < 2; indirect++) {
			start(256, INDIRECT, 0);
			if (indirect)
				ring_post_indirect(&r, TABLE, b, n);
			else
				ring_post(&r, b, n);
			if (n > VQ_SEGS_MAX) {
				pop_offence(OFFENCE_CHAIN_SEGMENTS);
			} else {
				pop_ok();
				assert_int_equal(c.nread + c.nwrite, VQ_SEGS_MAX);
			}
			vq_reset(&q);
		}
}

/* Neither sum of lengths may overflow. Memory of that size is reserved, never touched. */
static void four_gigabytes(void **state)
{
	(void)state;
	uint64_t len = 1ull << 32;
	uint8_t *huge =
		mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(huge, MAP_FAILED);
	g.map.region[3] = (struct vmem_region){1ull << 33, len, huge};
	g.map.nregions = 4;
	vmem_init(&g.mem, &g.map);
	start(4, 0, 0);
	struct buf b[2] = {{1ull << 33, UINT32_MAX - 1, false}, {1ull << 33, 1, true}};
	ring_post_at(&r, 0, b, 2);
	pop_ok();
	assert_int_equal(c.read_len, UINT32_MAX - 1);
	b[1].len = 2;
	ring_post_at(&r, 2, b, 2);
	pop_offence(OFFENCE_CHAIN_BYTES);
	munmap(huge, len);
}

/* -- indirect
 * ------------------------------------------------------------------------------------------------------ */

/* Interop 14: tables lie at any alignment, up to the last byte of memory and across regions. */
static void tables_anywhere(void **state)
{
	(void)state;
	const struct buf b[2] = {{LOW, 5, false}, {NEXT, 6, true}};
	static const uint64_t tables[] = {TABLE, TABLE + 6, HIGH_END - 32, LOW_END - 17, NEXT_END - 32};
	for (size_t i = 0; i < 5; i++) {
		start(1, INDIRECT, 0);
		ring_post_indirect(&r, tables[i], b, 2);
		pop_ok();
		assert_int_equal(c.nread, 1);
		assert_int_equal(c.nwrite, 1);
		assert_int_equal(c.seg[1].addr.v, NEXT);
		vq_reset(&q);
	}
}

/* split.indirect.2: direct descriptors, then an indirect one. */
static void direct_then_indirect(void **state)
{
	(void)state;
	start(4, INDIRECT, 0);
	ring_desc(&r, 0, LOW, 16, NX, 3);
	ring_desc(&r, 3, LOW + 16, 8, NX, 1);
	ring_desc(&r, 1, TABLE, 32, IN, 0);
	desc_at(&g, TABLE, 0, LOW + 24, 4, NX | WR, 1);
	desc_at(&g, TABLE, 1, LOW + 28, 1, WR, 0);
	ring_publish(&r, 0);
	pop_ok();
	assert_int_equal(c.nread, 2);
	assert_int_equal(c.nwrite, 2);
	assert_int_equal(c.read_len, 24);
	assert_int_equal(c.write_len, 5);
}

/* split.indirect.1: the write-only flag of the descriptor that refers to a table means nothing. */
static void write_flag_on_indirect_is_ignored(void **state)
{
	(void)state;
	start(4, INDIRECT, 0);
	ring_desc(&r, 0, TABLE, 32, IN | WR, 0);
	desc_at(&g, TABLE, 0, LOW, 4, NX, 1);
	desc_at(&g, TABLE, 1, LOW + 4, 1, WR, 0);
	ring_publish(&r, 0);
	pop_ok();
	assert_int_equal(c.nread, 1);
	assert_int_equal(c.nwrite, 1);
}

/* A table with more entries than the ring is taken as long as the chain in it is not too long (interop 9). */
static void table_longer_than_the_ring(void **state)
{
	(void)state;
	struct buf b[100];
	for (int i = 0; i < 100; i++)
		b[i] = (struct buf){LOW, 1, true};
	start(2, INDIRECT, 0);
	ring_post_indirect(&r, TABLE, b, 100);
	pop_ok();
	assert_int_equal(c.nwrite, 100);
}

/* Interop 6: two chains in flight share one table. */
static void two_heads_share_a_table(void **state)
{
	(void)state;
	struct buf b[2] = {{LOW, 5, false}, {NEXT, 6, true}};
	start(4, INDIRECT, 0);
	ring_post_indirect(&r, TABLE, b, 2);
	ring_post_indirect(&r, TABLE, b, 2);
	pop_ok();
	struct vq_tok first = c.tok;
	pop_ok();
	assert_int_not_equal(c.tok.id, first.id);
	vq_complete(&q, &g.mem, first, 6);
	vq_complete(&q, &g.mem, c.tok, 6);
	assert_int_equal(q.inflight, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
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
		T(broken_chains),
		T(too_many_segments),
		T(four_gigabytes),
		T(tables_anywhere),
		T(direct_then_indirect),
		T(write_flag_on_indirect_is_ignored),
		T(table_longer_than_the_ring),
		T(two_heads_share_a_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
