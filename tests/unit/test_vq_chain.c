// SPDX-License-Identifier: BSD-2-Clause
/* Descriptor chains of the split ring: every way to break one, and the legal forms of indirect tables. */
#include <linux/virtio_config.h>
#include <sys/mman.h>

#include "tests/unit/queue.h"
#include "tests/unit/ring.h"

#define EVENT    (1ull << VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT (1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define RING     0x2000ull  /* where the ring lies */
#define TABLE    0x20001ull /* an indirect table: at any alignment */

static struct ring r;

static void start(uint16_t size, uint64_t features, uint16_t idx)
{
	ring_start(&r, &q, &g, size, features, idx);
}

/* -- broken chains --------------------------------------------------------------------------------------- */

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

/*
 * Neither sum of lengths may overflow: one byte less than 4 GiB is our limit, where drv.split.desc.1 allows just as much.
 * Memory of that size is reserved, never touched.
 */
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

/* -- indirect -------------------------------------------------------------------------------------------- */

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
#define T(f) cmocka_unit_test_setup_teardown(f, queue_setup, queue_teardown)
	const struct CMUnitTest tests[] = {
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
