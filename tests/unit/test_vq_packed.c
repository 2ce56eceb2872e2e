// SPDX-License-Identifier: BSD-2-Clause
/* The packed ring: enabling, what is popped, what is refused. Completion and notifications: test_vq_packed_use.c. */
#include "tests/unit/packed.h"

#define EVENT    (1ull << VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT (1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define TABLE    0x20001ull /* an indirect table: at any alignment */

#define NX VRING_DESC_F_NEXT
#define WR VRING_DESC_F_WRITE
#define IN VRING_DESC_F_INDIRECT
#define AV 0x0080u /* AVAIL of the first round */
#define US 0x8000u /* USED of the first round; what stands for AVAIL in the second */

static struct guest g;
static struct packed p;
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

static void start(uint16_t size, uint64_t features, uint16_t pos)
{
	packed_start(&p, &q, &g, size, features, pos);
}

static void pop_ok(void)
{
	enum vq_err e = vq_pop(&q, &g.mem, &c);
	if (e != VQ_OK)
		fail_msg("popped %d: %s", e, offence_info(q.offence)->name);
}

static void pop_offence(enum offence o)
{
	assert_int_equal(vq_pop(&q, &g.mem, &c), VQ_OFFENCE);
	assert_string_equal(offence_info(q.offence)->name, offence_info(o)->name);
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
				q.area[area].v = HIGH_END - len[area] + (area == VQ_DESC ? 16u : 4u) * (unsigned)past;
				assert_int_equal(vq_enable(&q, &g.mem, 1ull << VIRTIO_F_RING_PACKED | (event ? EVENT : 0)),
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
	{"read after write", OFFENCE_READ_AFTER_WRITE, 0, {{LOW, 1, 0, AV | NX | WR}, {LOW, 1, 0, AV}}, {{0}}},
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
	{"indirect without the feature", OFFENCE_INDIRECT_FEATURE, EVENT, {{TABLE, 16, 0, AV | IN}}, {{LOW, 1, 0, 0}}},
	{"indirect and next", OFFENCE_INDIRECT_LIST, INDIRECT, {{TABLE, 16, 0, AV | IN | NX}, {LOW, 1, 0, AV}}, {{0}}},
	{"indirect behind direct", OFFENCE_INDIRECT_LIST, INDIRECT, {{LOW, 1, 0, AV | NX}, {TABLE, 16, 0, AV | IN}}, {{0}}},
	{"table of 0", OFFENCE_INDIRECT_LENGTH, INDIRECT, {{TABLE, 0, 0, AV | IN}}, {{0}}},
	{"table of 8", OFFENCE_INDIRECT_LENGTH, INDIRECT, {{TABLE, 8, 0, AV | IN}}, {{0}}},
	{"table of 17", OFFENCE_INDIRECT_LENGTH, INDIRECT, {{TABLE, 17, 0, AV | IN}}, {{0}}},
	{"table of 4 GiB - 1", OFFENCE_INDIRECT_LENGTH, INDIRECT, {{TABLE, UINT32_MAX, 0, AV | IN}}, {{0}}},
	{"table in the hole", OFFENCE_INDIRECT_RANGE, INDIRECT, {{HOLE, 16, 0, AV | IN}}, {{0}}},
	{"table past the end", OFFENCE_INDIRECT_RANGE, INDIRECT, {{HIGH_END - 16, 32, 0, AV | IN}}, {{0}}},
	{"table of nearly 4 GiB", OFFENCE_INDIRECT_RANGE, INDIRECT, {{TABLE, 0xfffffff0u, 0, AV | IN}}, {{0}}},
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
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
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
