// SPDX-License-Identifier: BSD-2-Clause
/* The packed ring: fetching once, completion, notifications in both directions and all three modes. */
#include "tests/unit/packed.h"
#include "tests/unit/queue.h"

#define EVENT    (1ull << VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT (1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define TABLE    0x20001ull
#define SIZE     7

#define ENABLE  VRING_PACKED_EVENT_FLAG_ENABLE
#define DISABLE VRING_PACKED_EVENT_FLAG_DISABLE
#define DESC    VRING_PACKED_EVENT_FLAG_DESC

static struct packed p;

static void start(uint64_t features, uint16_t pos)
{
	packed_start(&p, &q, &g, SIZE, features, pos);
	tap->n = 0;
}

static void post(uint16_t n)
{
	const struct buf b = {LOW, 4, true};
	for (uint16_t i = 0; i < n; i++)
		packed_post(&p, &b, 1);
}

/* Pops and completes n chains; publishes them at once. */
static bool use(uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		pop_ok();
		vq_complete(&q, &g.mem, c.tok, 4);
	}
	return vq_publish(&q, &g.mem);
}

/* -- fetch once */

static void count_loads_of(uint64_t addr)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < tap->n; i++) {
		const struct event *e = &tap->ev[i];
		n += e->op == EV_LOAD && e->addr <= addr && addr < e->addr + e->n;
	}
	if (n != 1)
		fail_msg("0x%llx was loaded %u times", (unsigned long long)addr, n);
}

/* Every byte of a list is loaded once, its first flags before all else; across the end of the ring. */
static void descriptors_are_fetched_once(void **state)
{
	(void)state;
	start(INDIRECT, SIZE - 1);
	const struct buf b[3] = {{LOW, 4, false}, {LOW, 4, false}, {LOW, 4, true}};
	packed_post(&p, b, 3);
	pop_ok();
	assert_int_equal(tap->n, 4);
	assert_int_equal(tap->ev[0].what, VMEM_AVAIL_IDX);
	assert_int_equal(tap->ev[0].addr, packed_slot(&p, SIZE - 1) + 14);
	for (uint16_t i = 0; i < 3; i++)
		for (uint32_t byte = 0; byte < 16; byte++)
			count_loads_of(packed_slot(&p, packed_step(&p, SIZE - 1, i)) + byte);
	tap->n = 0;
	packed_post_indirect(&p, TABLE, b, 3);
	pop_ok();
	for (uint32_t byte = 0; byte < 48; byte++)
		count_loads_of(TABLE + byte);
	assert_int_equal(tap->n, 5);
}

/* P04: another processor changes the descriptor as soon as a part of it has been looked at. */
static void change_after_load(struct taplog *t, const struct event *e)
{
	(void)e;
	if (taplog_count(t, EV_LOAD, VMEM_AVAIL_IDX))
		put16(&g, packed_slot(&p, POS_WRAP) + 14, 0xffff & ~VRING_DESC_F_NEXT);
	if (taplog_count(t, EV_LOAD, VMEM_DESC))
		packed_desc(&p, POS_WRAP, HOLE, UINT32_MAX, 77, 0xffff);
}

static void first_value_is_the_one_used(void **state)
{
	(void)state;
	start(0, POS_WRAP);
	const struct buf b[2] = {{LOW, 32, false}, {HIGH, 64, true}};
	packed_post(&p, b, 2);
	tap->before = change_after_load;
	pop_ok();
	assert_int_equal(c.nread, 1);
	assert_int_equal(c.seg[0].addr.v, LOW);
	assert_int_equal(c.seg[0].len, 32);
	assert_int_equal(c.seg[1].addr.v, HIGH);
}

/* -- completion */

/* P07: used entries stand where their lists' turn is: each goes on by as many slots as the one before it had.
 */
static void batch_advances_by_descriptors(void **state)
{
	(void)state;
	const struct buf b[3] = {{LOW, 4, true}, {LOW, 4, true}, {LOW, 4, true}};
	static const uint16_t order[4][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {1, 0, 2}};
	for (uint16_t slot = 0; slot < SIZE; slot++)
		for (int o = 0; o < 4; o++) {
			struct vq_tok tok[3];
			struct packed_used u;
			start(0, (uint16_t)(slot | (o & 1 ? POS_WRAP : 0)));
			for (uint16_t i = 0; i < 3; i++) {
				packed_post_id(&p, (uint16_t)(4 + i) % SIZE, b, i + 1);
				pop_ok();
				tok[i] = c.tok;
			}
			for (uint32_t i = 0; i < 3; i++)
				vq_complete(&q, &g.mem, tok[order[o][i]], 100 + i);
			assert_false(packed_take(&p, &u)); /* staged, not published */
			vq_publish(&q, &g.mem);
			for (uint32_t i = 0; i < 3; i++) {
				assert_true(packed_take(&p, &u));
				assert_int_equal(u.id, tok[order[o][i]].id);
				assert_int_equal(u.len, 100 + i);
			}
			assert_false(packed_take(&p, &u));
			assert_int_equal(q.next_used, p.next);
			assert_int_equal(taplog_count(tap, EV_STORE, VMEM_USED_IDX), 1);
			vq_reset(&q);
		}
}

/* Address and what lies behind the first slot stay as the driver left them; WRITE tells that something was
 * written. */
static void used_entry_in_full(void **state)
{
	(void)state;
	const struct buf b[2] = {{LOW, 4, false}, {LOW + 8, 9, true}};
	start(0, POS_WRAP | (SIZE - 1));
	for (uint32_t written = 0; written < 3; written++) {
		uint16_t pos = p.next, id = packed_post(&p, b, 2);
		uint16_t second = get16(&g, packed_slot(&p, packed_step(&p, pos, 1)) + 14);
		pop_ok();
		vq_complete(&q, &g.mem, c.tok, written);
		vq_publish(&q, &g.mem);
		uint64_t a = packed_slot(&p, pos);
		assert_int_equal(get32(&g, a), LOW);
		assert_int_equal(get32(&g, a + 8), written);
		assert_int_equal(get16(&g, a + 12), id);
		assert_int_equal(get16(&g, a + 14),
				 (pos & POS_WRAP ? 0x8080u : 0) | (written ? VRING_DESC_F_WRITE : 0));
		assert_int_equal(get16(&g, packed_slot(&p, packed_step(&p, pos, 1)) + 14), second);
		p.seen = p.next;
	}
}

/* Nothing of a batch can be seen before the one store that publishes it, whenever the driver looks. */
static void nothing_yet(struct taplog *t, const struct event *e)
{
	struct packed_used u;
	uint16_t seen = p.seen;
	bool published = taplog_count(t, EV_STORE, VMEM_USED_IDX);
	(void)e;
	assert_int_equal(packed_take(&p, &u), published);
	p.seen = seen;
}

static void batch_becomes_visible_at_once(void **state)
{
	(void)state;
	for (uint16_t slot = 0; slot < SIZE; slot++) {
		start(0, slot);
		post(SIZE);
		tap->before = nothing_yet;
		use(SIZE);
		struct packed_used u;
		for (uint16_t i = 0; i < SIZE; i++)
			assert_true(packed_take(&p, &u));
		tap->before = NULL;
		vq_reset(&q);
	}
}

static void nothing_staged_publishes_nothing(void **state)
{
	(void)state;
	start(0, POS_WRAP);
	assert_false(vq_publish(&q, &g.mem));
	assert_int_equal(tap->n, 0);
}

static void reset_forgets_all_but_the_limit(void **state)
{
	(void)state;
	start(EVENT | INDIRECT, 3);
	post(3);
	pop_ok();
	pop_ok();
	uint32_t seq = q.seq;
	vq_reset(&q);
	assert_int_equal(q.size_max, VQ_SIZE_MAX);
	assert_int_equal(q.size | q.inflight | q.next_avail | q.next_used | q.published, 0);
	assert_false(q.ready || q.event_idx || q.indirect || q.kicks_off || q.packed);
	start(0, 0);
	for (int i = 0; i < q.size; i++)
		assert_int_equal(q.live[i], 0);
	post(1);
	pop_ok();
	assert_int_equal(c.tok.seq, seq + 1);
}

/* -- used buffer notifications: device to driver */

/* P10: entries, then the first one's flags, then a full fence, and only then the driver's wish: flags before
 * position. */
static void publish_order(void **state)
{
	(void)state;
	start(EVENT, POS_WRAP | (SIZE - 1));
	packed_event(&p, DESC, POS_WRAP);
	post(2);
	use(2);
	uint32_t entry = taplog_find(tap, EV_STORE, VMEM_USED_ENTRY, 1);
	uint32_t idx = taplog_find(tap, EV_STORE, VMEM_USED_IDX, 0);
	uint32_t fence = taplog_find(tap, EV_FENCE, 0, 0);
	uint32_t flags = taplog_find(tap, EV_LOAD, VMEM_EVENT, 0);
	uint32_t pos = taplog_find(tap, EV_LOAD, VMEM_EVENT, 1);
	assert_true(entry < idx && idx < fence && fence < flags && flags < pos);
	assert_int_equal(tap->ev[idx].addr, packed_slot(&p, SIZE - 1) + 14);
	assert_int_equal(tap->ev[flags].addr, p.driver + 2);
	assert_int_equal(tap->ev[pos].addr, p.driver);
	assert_int_equal(taplog_count(tap, EV_LOAD, VMEM_EVENT), 2);
}

/* Reserved bits mean nothing; a mode that does not exist or was not negotiated is no reason to keep silent.
 */
static void modes(void **state)
{
	(void)state;
	for (uint32_t flags = 0; flags < 8; flags++)
		for (int event = 0; event < 2; event++) {
			start(event ? EVENT : 0, POS_WRAP);
			packed_event(&p, (uint16_t)(flags & 4 ? 0xfff0 | (flags & 3) : flags), POS_WRAP | 5);
			post(1);
			bool want =
				(flags & 3) == ENABLE || (flags & 3) == 3 || ((flags & 3) == DESC && !event);
			assert_int_equal(use(1), want);
			vq_reset(&q);
		}
}

/* From every position, for every event position and every batch: due when the event's slot is among the
 * batch's. */
static void event_position_suppresses_interrupts(void **state)
{
	(void)state;
	for (uint16_t from = 0; from < 2 * SIZE; from++)
		for (uint16_t ahead = 0; ahead < 2 * SIZE; ahead++)
			for (uint16_t batch = 1; batch <= SIZE; batch++) {
				start(EVENT, packed_step(&p, POS_WRAP, 0));
				uint16_t pos = packed_step(&p, POS_WRAP, from);
				start(EVENT, pos);
				packed_event(&p, DESC, packed_step(&p, pos, ahead));
				post(batch);
				assert_int_equal(use(batch), ahead < batch);
				vq_reset(&q);
			}
}

/* The event's slot may be one that a list skips. */
static void event_inside_a_list(void **state)
{
	(void)state;
	const struct buf b[3] = {{LOW, 4, true}, {LOW, 4, true}, {LOW, 4, true}};
	for (uint16_t ahead = 0; ahead < SIZE; ahead++) {
		start(EVENT, 5);
		packed_event(&p, DESC, packed_step(&p, 5, ahead));
		packed_post(&p, b, 3);
		assert_int_equal(use(1), ahead < 3);
		vq_reset(&q);
	}
}

static void event_at_no_slot(void **state)
{
	(void)state;
	static const uint16_t off[] = {SIZE, SIZE + 1, 0x7fff, 0xffff, POS_WRAP | SIZE};
	for (int i = 0; i < 5; i++) {
		start(EVENT, POS_WRAP | 2);
		packed_event(&p, DESC, off[i]);
		post(1);
		assert_true(use(1));
		vq_reset(&q);
	}
}

static void rearm_between(struct taplog *t, const struct event *e)
{
	(void)t;
	if (e->op == EV_STORE && e->what == VMEM_USED_IDX)
		packed_event(&p, DESC, p.seen);
}

/* The driver re-arms and looks at the slot just before our store of its flags, then sleeps: it must be woken.
 */
static void rearming_driver_is_woken(void **state)
{
	(void)state;
	start(EVENT, POS_WRAP | 6);
	packed_event(&p, DISABLE, 0);
	post(1);
	tap->before = rearm_between;
	assert_true(use(1));
}

/* The driver stores position, then flags; whatever pair we catch it at, a driver that is asleep is woken. */
static void half_armed(struct taplog *t, const struct event *e)
{
	if (e->op == EV_LOAD && e->what == VMEM_EVENT && taplog_count(t, EV_LOAD, VMEM_EVENT) == 1)
		put16(&g, p.driver, p.seen); /* newer than the flags that were just loaded */
}

static void newer_position_with_older_flags(void **state)
{
	(void)state;
	start(EVENT, POS_WRAP);
	packed_event(&p, DESC, 3);
	post(1);
	tap->before = half_armed;
	assert_true(use(1));
}

/* -- available buffer notifications: driver to device */

static void kicks_off_by_flag(void **state)
{
	(void)state;
	start(0, POS_WRAP);
	put16(&g, p.device, 0x5a5a);
	vq_kicks_stop(&q, &g.mem);
	assert_int_equal(get16(&g, p.device + 2), DISABLE);
	uint32_t n = tap->n;
	vq_kicks_stop(&q, &g.mem);
	assert_int_equal(tap->n, n); /* said already */
	assert_false(vq_kicks_resume(&q, &g.mem));
	assert_int_equal(get16(&g, p.device + 2), ENABLE);
	assert_int_equal(get16(&g, p.device), 0x5a5a);
}

static void kicks_by_position(void **state)
{
	(void)state;
	start(EVENT, POS_WRAP | 6);
	vq_kicks_stop(&q, &g.mem);
	assert_int_equal(tap->n, 0); /* what was stored last is behind us: that says it */
	post(2);
	pop_ok();
	pop_ok();
	assert_false(vq_kicks_resume(&q, &g.mem));
	assert_int_equal(get16(&g, p.device), 1); /* second round */
	assert_int_equal(get16(&g, p.device + 2), DESC);
}

/* The wish is stored, position before flags, then a full fence, then the slot is looked at once more. */
static void resume_order(void **state)
{
	(void)state;
	for (int event = 0; event < 2; event++) {
		start(event ? EVENT : 0, 4);
		vq_kicks_stop(&q, &g.mem);
		post(1);
		tap->n = 0;
		assert_true(vq_kicks_resume(&q, &g.mem));
		uint32_t i = 0;
		if (event)
			assert_int_equal(tap->ev[i++].addr, p.device);
		assert_int_equal(tap->ev[i].op, EV_STORE);
		assert_int_equal(tap->ev[i++].addr, p.device + 2);
		assert_int_equal(tap->ev[i++].op, EV_FENCE);
		assert_int_equal(tap->ev[i].op, EV_LOAD);
		assert_int_equal(tap->ev[i++].what, VMEM_AVAIL_IDX);
		assert_int_equal(tap->n, i);
		vq_reset(&q);
	}
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
		start(i ? EVENT : 0, POS_WRAP);
		vq_kicks_stop(&q, &g.mem);
		tap->before = post_late;
		assert_true(vq_kicks_resume(&q, &g.mem));
		pop_ok();
		vq_reset(&q);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, queue_setup_tapped, queue_teardown)
	const struct CMUnitTest tests[] = {
		T(descriptors_are_fetched_once),
		T(first_value_is_the_one_used),
		T(batch_advances_by_descriptors),
		T(used_entry_in_full),
		T(batch_becomes_visible_at_once),
		T(nothing_staged_publishes_nothing),
		T(reset_forgets_all_but_the_limit),
		T(publish_order),
		T(modes),
		T(event_position_suppresses_interrupts),
		T(event_inside_a_list),
		T(event_at_no_slot),
		T(rearming_driver_is_woken),
		T(newer_position_with_older_flags),
		T(kicks_off_by_flag),
		T(kicks_by_position),
		T(resume_order),
		T(entry_posted_while_kicks_were_off_is_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
