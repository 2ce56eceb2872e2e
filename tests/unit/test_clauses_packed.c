// SPDX-License-Identifier: BSD-2-Clause
/* Clauses on packed rings (clauses.def) that no other test shows: order, and where and when the device
 * stores. */
#include "tests/unit/disk.h"

#define DATA  0x20000ull
#define OUT   0x30000ull /* what the driver sends */
#define SIZE  7
#define AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define USED  (1u << VRING_PACKED_DESC_F_USED)

static struct machine *m;
static struct packed *p;
static uint32_t seed;

static uint32_t draw(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 16) % n;
}

static int setup(void **state)
{
	(void)state;
	const struct blk_options o = {.nqueues = 1};
	m = machine_new(&o, CAN_ALL);
	p = &m->packed;
	seed = 1;
	vdev_offer(&m->blk.vdev, BIT(VIRTIO_F_RING_PACKED));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_free(m);
	return 0;
}

/* packed.vq.1, packed.sg.1: random lists, many times round the ring, a few at a time. */
static void lists_are_taken_in_ring_order(void **state)
{
	(void)state;
	static struct vq q;
	static struct vq_chain c;
	struct packed_used u;
	vq_init(&q, SIZE);
	packed_start(p, &q, &m->g, SIZE, 0, POS_WRAP);
	for (int round = 0; round < 2000; round++) {
		uint16_t left = SIZE, id[SIZE], len[SIZE], n = 0;
		for (uint16_t want; (want = (uint16_t)(1 + draw(3))) <= left;
		     left = (uint16_t)(left - want)) {
			struct buf b[3];
			for (uint16_t i = 0; i < want; i++)
				b[i] = (struct buf){LOW + 64u * n + i, i + 1u, i > 0};
			len[n] = want;
			id[n++] = packed_post(p, b, want);
		}
		for (uint16_t k = 0; k < n; k++) {
			assert_int_equal(vq_pop(&q, &m->g.mem, &c), VQ_OK);
			assert_int_equal(c.tok.id, id[k]);
			assert_int_equal(c.nread + c.nwrite, len[k]);
			for (uint16_t i = 0; i < len[k]; i++) {
				assert_int_equal(c.seg[i].addr.v, LOW + 64u * k + i);
				assert_int_equal(c.seg[i].len, i + 1u);
			}
			vq_complete(&q, &m->g.mem, c.tok, 0);
		}
		assert_int_equal(vq_pop(&q, &m->g.mem, &c), VQ_EMPTY);
		vq_publish(&q, &m->g.mem);
		for (uint16_t k = 0; k < n; k++)
			assert_true(packed_take(p, &u) && u.id == id[k]);
	}
}

static bool within(const struct event *e, uint64_t from, uint64_t n)
{
	return e->addr >= from && e->addr + e->n <= from + n;
}

/* packed.desc.1: a store goes to the end of a descriptor (len, id, flags), to the device's events, to data
 * that was asked for, or to a status byte. */
static void check_stores(const struct taplog *t)
{
	for (uint32_t i = 0; i < t->n; i++) {
		const struct event *e = &t->ev[i];
		if (e->op == EV_UNPIN && e->n)
			assert_true(within(e, DATA, 4096));
		if (e->op != EV_STORE)
			continue;
		bool entry = within(e, p->desc, 16u * SIZE) && (e->addr - p->desc) % 16 >= 8 &&
			     (e->addr - p->desc) % 16 + e->n <= 16;
		assert_true(entry || within(e, p->device, 4) || within(e, DATA, 4096) ||
			    within(e, status_at(0, 0), SIZE));
	}
}

static void stores_go_where_they_may(void **state)
{
	(void)state;
	static const uint32_t types[] = {VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_GET_ID,
					 VIRTIO_BLK_T_FLUSH, 77};
	struct packed_used u;
	for (int event = 0; event < 2; event++) {
		machine_boot_packed(m, event ? 0 : BIT(VIRTIO_RING_F_EVENT_IDX), SIZE);
		fill(&m->g, OUT, 4096, 3);
		for (int i = 0; i < 300; i++) {
			struct taplog *t = taplog_new(&m->g, 64);
			uint32_t type = types[draw(5)],
				 len = type == VIRTIO_BLK_T_FLUSH ? 0 : 512 * (1 + draw(4));
			bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
			m->disk.result = draw(4) ? BLK_DONE : BLK_IO_ERROR;
			post_packed(m, type, draw(50), in ? DATA : OUT, len);
			kick(m, 0);
			assert_true(packed_take(p, &u));
			check_stores(t);
			taplog_free(t);
		}
		assert_true(filled(&m->g, OUT, 4096, 3));
	}
}

/*
 * packed.desc.3: whatever is stored to a descriptor, it is available when that happens: once it says used, it
 * is the driver's.
 */
static void still_available(struct taplog *t, const struct event *e)
{
	(void)t;
	if (e->op != EV_STORE || e->addr < p->desc || e->addr >= p->desc + 16u * SIZE)
		return;
	uint16_t flags = get16(&m->g, (e->addr & ~15ull) + 14);
	assert_true(!(flags & AVAIL) != !(flags & USED));
}

static void used_descriptors_stay_as_they_are(void **state)
{
	(void)state;
	struct packed_used u;
	for (int in_order = 0; in_order < 2; in_order++) {
		vdev_offer(&m->blk.vdev, in_order ? BIT(VIRTIO_F_IN_ORDER) : 0);
		machine_boot_packed(m, 0, SIZE);
		struct taplog *t = taplog_new(&m->g, 0);
		t->before = still_available;
		m->disk.hold = true;
		for (int round = 0; round < 200; round++) {
			uint16_t n = (uint16_t)(1 + draw(SIZE / 3));
			t->n = 0;
			for (uint16_t i = 0; i < n; i++)
				post_packed(m, VIRTIO_BLK_T_IN, 0, DATA, 512);
			kick(m, 0);
			while (m->disk.nheld) {
				disk_finish(m, draw(m->disk.nheld), BLK_DONE);
				if (draw(2))
					blk_publish(&m->blk);
			}
			blk_publish(&m->blk);
			uint16_t taken = 0;
			while (!in_order && packed_take(p, &u))
				taken++;
			assert_true(in_order || taken == n);
			p->seen = p->next;
		}
		m->disk.hold = false;
		taplog_free(t);
	}
}

static void post_one_more(struct taplog *t, const struct event *e)
{
	if (e->op == EV_LOAD && e->what == VMEM_DESC) {
		t->before = NULL;
		post_packed(m, VIRTIO_BLK_T_IN, 1, DATA, 512);
	}
}

/* packed.prose.1: another list appears while the device takes the one before it, and nobody kicks. */
static void lists_are_taken_without_a_kick(void **state)
{
	(void)state;
	struct packed_used u;
	for (int event = 0; event < 2; event++) {
		machine_boot_packed(m, event ? 0 : BIT(VIRTIO_RING_F_EVENT_IDX), SIZE);
		struct taplog *t = taplog_new(&m->g, 0);
		t->before = post_one_more;
		post_packed(m, VIRTIO_BLK_T_IN, 0, DATA + 512, 512);
		kick(m, 0);
		assert_true(packed_take(p, &u));
		assert_true(packed_take(p, &u));
		taplog_free(t);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(lists_are_taken_in_ring_order),
		T(stores_go_where_they_may),
		T(used_descriptors_stay_as_they_are),
		T(lists_are_taken_without_a_kick),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
