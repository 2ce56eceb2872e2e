// SPDX-License-Identifier: BSD-2-Clause
/* The packed ring: lists that break a rule, and indirect tables. */
#include "tests/unit/packed.h"
#include "tests/unit/queue.h"

#define EVENT    (1ull << VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT (1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define TABLE    0x20001ull /* an indirect table: at any alignment */

#define NX VRING_DESC_F_NEXT
#define WR VRING_DESC_F_WRITE
#define IN VRING_DESC_F_INDIRECT
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

/* -- offences */

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id, flags;
};

static const struct {
	const char *name;
	enum offence offence;
	uint64_t features;
	struct desc ring[4];  /* ring of 4, first round */
	struct desc table[2]; /* at TABLE */
} broken[] = {
	{"id at the size", OFFENCE_ID_RANGE, 0, {{LOW, 1, 4, AV}}, {{0}}},
	{"id far out", OFFENCE_ID_RANGE, 0, {{LOW, 1, 0xffff, AV}}, {{0}}},
	{"id of the last counts", OFFENCE_ID_RANGE, 0, {{LOW, 1, 0, AV | NX}, {LOW, 1, 9, AV}}, {{0}}},
	{"id out behind a table", OFFENCE_ID_RANGE, INDIRECT, {{TABLE, 16, 4, AV | IN}}, {{LOW, 1, 0, 0}}},
	{"more than the ring",
	 OFFENCE_RING_OVERRUN,
	 0,
	 {{LOW, 0, 0, AV | NX}, {LOW, 0, 0, AV | NX}, {LOW, 0, 0, AV | NX}, {LOW, 0, 0, AV | NX}},
	 {{0}}},
	{"second not there", OFFENCE_LIST_TORN, 0, {{LOW, 1, 0, AV | NX}, {LOW, 1, 0, 0}}, {{0}}},
	{"second used", OFFENCE_LIST_TORN, 0, {{LOW, 1, 0, AV | NX}, {LOW, 1, 0, AV | US}}, {{0}}},
	{"second of the other round", OFFENCE_LIST_TORN, 0, {{LOW, 1, 0, AV | NX}, {LOW, 1, 0, US}}, {{0}}},
	{"read after write",
	 OFFENCE_READ_AFTER_WRITE,
	 0,
	 {{LOW, 1, 0, AV | NX | WR}, {LOW, 1, 0, AV}},
	 {{0}}},
	{"read after write in a table",
	 OFFENCE_READ_AFTER_WRITE,
	 INDIRECT,
	 {{TABLE, 32, 0, AV | IN}},
	 {{LOW, 1, 0, WR}, {LOW, 0, 0, 0}}},
	{"buffer in the hole", OFFENCE_BUFFER_RANGE, 0, {{HOLE, 1, 0, AV}}, {{0}}},
	{"buffer that wraps", OFFENCE_BUFFER_RANGE, 0, {{UINT64_MAX, 2, 0, AV | WR}}, {{0}}},
	{"second buffer bad", OFFENCE_BUFFER_RANGE, 0, {{LOW, 1, 0, AV | NX}, {0, 1, 0, AV | WR}}, {{0}}},
	{"buffer in a table bad",
	 OFFENCE_BUFFER_RANGE,
	 INDIRECT,
	 {{TABLE, 32, 0, AV | IN}},
	 {{LOW, 1, 0, 0}, {NEXT_END, 1, 0, 0}}},
	{"indirect without the feature",
	 OFFENCE_INDIRECT_FEATURE,
	 EVENT,
	 {{TABLE, 16, 0, AV | IN}},
	 {{LOW, 1, 0, 0}}},
	{"indirect and next",
	 OFFENCE_INDIRECT_LIST,
	 INDIRECT,
	 {{TABLE, 16, 0, AV | IN | NX}, {LOW, 1, 0, AV}},
	 {{0}}},
	{"indirect behind direct",
	 OFFENCE_INDIRECT_LIST,
	 INDIRECT,
	 {{LOW, 1, 0, AV | NX}, {TABLE, 16, 0, AV | IN}},
	 {{0}}},
	{"table of 0", OFFENCE_INDIRECT_LENGTH, INDIRECT, {{TABLE, 0, 0, AV | IN}}, {{0}}},
	{"table of 8", OFFENCE_INDIRECT_LENGTH, INDIRECT, {{TABLE, 8, 0, AV | IN}}, {{0}}},
	{"table of 17", OFFENCE_INDIRECT_LENGTH, INDIRECT, {{TABLE, 17, 0, AV | IN}}, {{0}}},
	{"table of 4 GiB - 1", OFFENCE_INDIRECT_LENGTH, INDIRECT, {{TABLE, UINT32_MAX, 0, AV | IN}}, {{0}}},
	{"table in the hole", OFFENCE_INDIRECT_RANGE, INDIRECT, {{HOLE, 16, 0, AV | IN}}, {{0}}},
	{"table past the end", OFFENCE_INDIRECT_RANGE, INDIRECT, {{HIGH_END - 16, 32, 0, AV | IN}}, {{0}}},
	{"table of nearly 4 GiB",
	 OFFENCE_INDIRECT_RANGE,
	 INDIRECT,
	 {{TABLE, 0xfffffff0u, 0, AV | IN}},
	 {{0}}},
};

static void broken_chains(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		start(4, broken[i].features, POS_WRAP);
		for (uint16_t k = 0; k < 4; k++) {
			const struct desc *d = &broken[i].ring[k];
			packed_desc(&p, k, d->addr, d->len, d->id, d->flags);
		}
		for (uint16_t k = 0; k < 2; k++) {
			const struct desc *d = &broken[i].table[k];
			desc_at(&g, TABLE, k, d->addr, d->len, d->id, d->flags);
		}
		if (vq_pop(&q, &g.mem, &c) != VQ_OFFENCE || q.offence != broken[i].offence)
			fail_msg("%s: got %s", broken[i].name, offence_info(q.offence)->name);
		assert_int_equal(q.inflight, 0);
		assert_int_equal(q.next_avail, POS_WRAP);
		vq_reset(&q);
	}
}

/* P02, P06: an id that is in flight does not come twice; used, it may. */
static void id_in_flight(void **state)
{
	(void)state;
	const struct buf b = {LOW, 4, true};
	struct packed_used u;
	start(5, 0, 3);
	packed_post_id(&p, 2, &b, 1);
	packed_post_id(&p, 2, &b, 1);
	pop_ok();
	pop_offence(OFFENCE_ID_IN_FLIGHT);
	assert_int_equal(q.inflight, 1);
	vq_complete(&q, &g.mem, c.tok, 4);
	vq_publish(&q, &g.mem);
	assert_true(packed_take(&p, &u));
	pop_ok();
	assert_int_equal(c.tok.id, 2);
}

/* The slots of lists in flight, and of used entries that were not published, are not the driver's. */
static void overrun_counts_what_is_not_published(void **state)
{
	(void)state;
	const struct buf b[3] = {{LOW, 4, true}, {LOW, 4, true}, {LOW, 4, true}};
	for (int staged = 0; staged < 2; staged++) {
		start(5, 0, POS_WRAP);
		packed_post_id(&p, 0, b, 3);
		pop_ok();
		if (staged)
			vq_complete(&q, &g.mem, c.tok, 4);
		packed_post_id(&p, 1, b, 3); /* one more than there is */
		pop_offence(OFFENCE_RING_OVERRUN);
		vq_reset(&q);
		start(5, 0, POS_WRAP);
		packed_post_id(&p, 0, b, 3);
		packed_post_id(&p, 1, b, 2); /* just what there is */
		pop_ok();
		if (staged)
			vq_complete(&q, &g.mem, c.tok, 4);
		pop_ok();
		assert_int_equal(vq_pop(&q, &g.mem, &c), VQ_EMPTY);
		packed_desc(&p, q.next_avail, LOW, 4, 4, packed_avail(q.next_avail));
		pop_offence(OFFENCE_RING_OVERRUN);
		vq_reset(&q);
	}
}

/* P01, P08: bounded by segments, in the ring and in a table; one less is taken. */
static void too_many_segments(void **state)
{
	(void)state;
	struct buf b[VQ_SEGS_MAX + 1];
	for (uint32_t i = 0; i < VQ_SEGS_MAX + 1; i++)
		b[i] = (struct buf){LOW + i, 1, i > 3};
	for (uint16_t n = VQ_SEGS_MAX; n <= VQ_SEGS_MAX + 1; n++)
		for (int indirect = 0; indirect < 2; indirect++) {
			start(200, INDIRECT, 150);
			if (indirect)
				packed_post_indirect(&p, TABLE, b, n);
			else
				packed_post(&p, b, n);
			if (n > VQ_SEGS_MAX) {
				pop_offence(OFFENCE_CHAIN_SEGMENTS);
			} else {
				pop_ok();
				assert_int_equal(c.nread + c.nwrite, VQ_SEGS_MAX);
			}
			vq_reset(&q);
		}
}

/* A region of 48 MiB, whose memory nobody touches, 100 times. */
static void four_gigabytes(void **state)
{
	(void)state;
	uint32_t len = 48u << 20;
	struct buf b[100];
	g.map.region[3] = (struct vmem_region){1ull << 33, len, test_malloc(len)};
	g.map.nregions = 4;
	vmem_init(&g.mem, &g.map);
	for (int i = 0; i < 100; i++)
		b[i] = (struct buf){1ull << 33, len, false};
	start(100, 0, POS_WRAP);
	packed_post(&p, b, 85);
	pop_ok();
	assert_int_equal(c.read_len, 85u * len);
	vq_complete(&q, &g.mem, c.tok, 0);
	vq_publish(&q, &g.mem);
	packed_post(&p, b, 86);
	pop_offence(OFFENCE_CHAIN_BYTES);
	test_free(g.map.region[3].host);
}

/* -- indirect */

/* Interop 14: tables lie at any alignment, up to the last byte of memory and across regions. */
static void tables_anywhere(void **state)
{
	(void)state;
	const struct buf b[2] = {{LOW, 5, false}, {NEXT, 6, true}};
	static const uint64_t tables[] = {TABLE, TABLE + 6, HIGH_END - 32, LOW_END - 17, NEXT_END - 32};
	start(1, INDIRECT, POS_WRAP);
	for (size_t i = 0; i < 5; i++) {
		use_one(packed_post_indirect(&p, tables[i], b, 2));
		assert_int_equal(c.tok.ndesc, 1);
		assert_int_equal(c.nread, 1);
		assert_int_equal(c.nwrite, 1);
		assert_int_equal(c.seg[1].addr.v, NEXT);
	}
}

/* In a table only WRITE counts: its entries follow one another, and cannot name another table. */
static void other_flags_in_a_table_mean_nothing(void **state)
{
	(void)state;
	start(3, INDIRECT, 0);
	desc_at(&g, TABLE, 0, LOW, 5, 0xffff, (uint16_t)~WR);
	desc_at(&g, TABLE, 1, NEXT, 6, 7, 0xffff);
	packed_desc(&p, 0, TABLE, 32, 1, US | IN | WR); /* WRITE of this one means nothing either */
	pop_ok();
	assert_int_equal(c.tok.id, 1);
	assert_int_equal(c.nread, 1);
	assert_int_equal(c.read_len, 5);
	assert_int_equal(c.nwrite, 1);
	assert_int_equal(c.write_len, 6);
}

static void table_longer_than_the_ring(void **state)
{
	(void)state;
	struct buf b[100];
	for (int i = 0; i < 100; i++)
		b[i] = (struct buf){LOW, 1, true};
	start(2, INDIRECT, POS_WRAP | 1);
	for (int i = 0; i < 5; i++) {
		use_one(packed_post_indirect(&p, TABLE, b, 100));
		assert_int_equal(c.nwrite, 100);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, queue_setup, queue_teardown)
	const struct CMUnitTest tests[] = {
		T(broken_chains),
		T(id_in_flight),
		T(overrun_counts_what_is_not_published),
		T(too_many_segments),
		T(four_gigabytes),
		T(tables_anywhere),
		T(other_flags_in_a_table_mean_nothing),
		T(table_longer_than_the_ring),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
