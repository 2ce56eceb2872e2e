// SPDX-License-Identifier: BSD-2-Clause
#include "tests/unit/guest.h"

static struct guest g;

static int setup(void **state)
{
	(void)state;
	guest_init(&g);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guest_free(&g);
	return 0;
}

/* -- the map --------------------------------------------------------------------------------------------- */

static bool valid2(uint64_t gpa1, uint64_t len1, uint64_t gpa2, uint64_t len2)
{
	uint8_t *host = g.ram[0];
	struct vmem_map map = {2, {{gpa1, len1, host}, {gpa2, len2, host}}};
	return vmem_map_valid(&map);
}

static void map_rules(void **state)
{
	(void)state;
	assert_true(vmem_map_valid(&g.map));
	assert_true(valid2(0, 8, 8, 8));
	assert_true(valid2(0, 8, UINT64_MAX - 15, 8));
	assert_false(valid2(0, 0, 8, 8));
	assert_false(valid2(0, 8, 8, 0));
	assert_false(valid2(4, 8, 16, 8));
	assert_false(valid2(0, 12, 16, 8));
	assert_false(valid2(0, 16, 8, 8));
	assert_false(valid2(16, 8, 0, 8));
	assert_false(valid2(0, 8, UINT64_MAX - 7, 16)); /* wraps */
	struct vmem_map map = g.map;
	map.nregions = 0;
	assert_false(vmem_map_valid(&map));
	map.nregions = VMEM_REGIONS_MAX + 1;
	assert_false(vmem_map_valid(&map));
	map = g.map;
	map.region[2].host++;
	assert_false(vmem_map_valid(&map));
}

static void most_regions(void **state)
{
	(void)state;
	struct vmem_map map = {.nregions = VMEM_REGIONS_MAX};
	for (uint32_t i = 0; i < VMEM_REGIONS_MAX; i++)
		map.region[i] = (struct vmem_region){8ull * i, 8, g.ram[0] + 8 * i};
	assert_true(vmem_map_valid(&map));
	struct vmem m;
	vmem_init(&m, &map);
	uint8_t out[8 * VMEM_REGIONS_MAX];
	assert_true(vmem_read(&m, VMEM_PAYLOAD, gpa(0), out, sizeof(out)));
	assert_memory_equal(out, g.ram[0], sizeof(out));
	assert_false(vmem_read(&m, VMEM_PAYLOAD, gpa(1), out, sizeof(out)));
}

/* -- ranges ---------------------------------------------------------------------------------------------- */

/* P05: it is the whole range that must be memory, not its first byte. */
static const struct {
	uint64_t addr, len;
	bool ok;
} ranges[] = {
	{LOW, 1, true},
	{LOW - 1, 1, false},
	{LOW - 1, 2, false},
	{LOW, LOW_END - LOW, true},
	{LOW_END - 1, 1, true},
	{LOW_END - 1, 2, true}, /* next touches it */
	{LOW, NEXT_END - LOW, true},
	{LOW, NEXT_END - LOW + 1, false},
	{NEXT_END - 1, 1, true},
	{NEXT_END - 1, 2, false},
	{NEXT_END, 1, false},
	{NEXT_END - 8, HIGH - NEXT_END + 16, false}, /* both ends are memory, the hole between is not */
	{HOLE, 1, false},
	{HIGH - 1, 2, false},
	{HIGH, HIGH_END - HIGH, true},
	{HIGH_END - 16, 16, true},
	{HIGH_END - 16, 17, false},
	{HIGH_END, 1, false},
	{0, 1, false},
	{UINT64_MAX, 1, false},
	{UINT64_MAX, 2, false}, /* wraps */
	{LOW, UINT64_MAX, false},
	{HIGH, UINT64_MAX - HIGH + 1, false},
	{HOLE, 0, true}, /* an empty range is memory wherever it lies */
	{UINT64_MAX, 0, true},
};

static void check_range(uint64_t addr, uint64_t len, bool ok)
{
	uint8_t buf[64];
	assert_int_equal(vmem_covers(&g.mem, gpa(addr), len), ok);
	if (len > sizeof(buf))
		return;
	assert_int_equal(vmem_read(&g.mem, VMEM_PAYLOAD, gpa(addr), buf, (uint32_t)len), ok);
	memset(buf, 0, sizeof(buf));
	assert_int_equal(vmem_write(&g.mem, VMEM_PAYLOAD, gpa(addr), buf, (uint32_t)len), ok);
}

static void ranges_are_checked_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		check_range(ranges[i].addr, ranges[i].len, ranges[i].ok);
}

/* The tap never replaces the checks: with one set, every answer is the same. */
static void ranges_are_the_same_with_a_tap(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&g, 0);
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		check_range(ranges[i].addr, ranges[i].len, ranges[i].ok);
	taplog_free(t);
}

static void refused_access_copies_nothing(void **state)
{
	(void)state;
	uint8_t buf[32];
	memset(buf, 0x11, sizeof(buf));
	assert_false(vmem_write(&g.mem, VMEM_PAYLOAD, gpa(NEXT_END - 16), buf, 32));
	assert_true(untouched(&g, NEXT_END - 16, 16));
	memset(at(&g, NEXT_END - 16), 0x22, 16);
	assert_false(vmem_read(&g.mem, VMEM_PAYLOAD, gpa(NEXT_END - 16), buf, 32));
	for (int i = 0; i < 32; i++)
		assert_int_equal(buf[i], 0x11);
}

static void copies_cross_touching_regions(void **state)
{
	(void)state;
	uint8_t buf[40];
	fill(&g, LOW_END - 20, 40, 3);
	assert_true(vmem_read(&g.mem, VMEM_PAYLOAD, gpa(LOW_END - 20), buf, 40));
	memset(at(&g, LOW_END - 20), 0, 20);
	memset(at(&g, NEXT), 0, 20);
	assert_true(vmem_write(&g.mem, VMEM_PAYLOAD, gpa(LOW_END - 20), buf, 40));
	assert_true(filled(&g, LOW_END - 20, 40, 3));
	assert_true(untouched(&g, LOW_END - 24, 4));
	assert_true(untouched(&g, NEXT + 20, 4));
}

static void sixteen_bits(void **state)
{
	(void)state;
	static const struct {
		uint64_t addr;
		bool ok;
	} c[] = {{LOW, true},
		 {LOW + 1, false},
		 {LOW_END - 2, true},
		 {LOW_END - 1, false},
		 {NEXT, true},
		 {HOLE, false},
		 {HIGH, true},
		 {HIGH + 3, false},
		 {HIGH_END - 2, true},
		 {HIGH_END, false},
		 {LOW - 2, false},
		 {UINT64_MAX, false},
		 {UINT64_MAX - 1, false}};
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		uint16_t v = 0;
		assert_int_equal(vmem_store16(&g.mem, VMEM_USED_IDX, gpa(c[i].addr), (uint16_t)(0x1200 + i)),
				 c[i].ok);
		assert_int_equal(vmem_load16(&g.mem, VMEM_AVAIL_IDX, gpa(c[i].addr), &v), c[i].ok);
		assert_int_equal(v, c[i].ok ? 0x1200 + i : 0);
	}
}

/* -- the tap --------------------------------------------------------------------------------------------- */

static void tap_sees_every_access(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&g, 0);
	uint8_t buf[24] = {1, 2, 3};
	uint16_t v;
	assert_true(vmem_write(&g.mem, VMEM_HEADER, gpa(LOW_END - 12), buf,
			       24)); /* one access, though two regions */
	assert_true(vmem_read(&g.mem, VMEM_DESC, gpa(LOW_END - 12), buf, 16));
	assert_true(vmem_store16(&g.mem, VMEM_USED_IDX, gpa(HIGH), 0x0102));
	assert_true(vmem_load16(&g.mem, VMEM_EVENT, gpa(HIGH), &v));
	vmem_fence(&g.mem);
	static const struct event want[] = {{EV_STORE, VMEM_HEADER, LOW_END - 12, 24, 0x030201},
					    {EV_LOAD, VMEM_DESC, LOW_END - 12, 16, 0x030201},
					    {EV_STORE, VMEM_USED_IDX, HIGH, 2, 0x0102},
					    {EV_LOAD, VMEM_EVENT, HIGH, 2, 0x0102},
					    {EV_FENCE, 0, 0, 0, 0}};
	assert_int_equal(t->n, 5);
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(t->ev[i].op, want[i].op);
		assert_int_equal(t->ev[i].what, want[i].what);
		assert_int_equal(t->ev[i].addr, want[i].addr);
		assert_int_equal(t->ev[i].n, want[i].n);
		assert_int_equal(t->ev[i].value, want[i].value);
	}
	taplog_free(t);
}

static void tap_does_not_see_refused_or_empty_access(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&g, 0);
	uint8_t buf[8] = {0};
	uint16_t v;
	assert_false(vmem_read(&g.mem, VMEM_DESC, gpa(HOLE), buf, 8));
	assert_false(vmem_write(&g.mem, VMEM_DESC, gpa(HOLE), buf, 8));
	assert_false(vmem_load16(&g.mem, VMEM_DESC, gpa(LOW + 1), &v));
	assert_false(vmem_store16(&g.mem, VMEM_DESC, gpa(HOLE), 1));
	assert_true(vmem_read(&g.mem, VMEM_DESC, gpa(LOW), buf, 0));
	assert_true(vmem_write(&g.mem, VMEM_DESC, gpa(LOW), buf, 0));
	assert_int_equal(t->n, 0);
	taplog_free(t);
}

static void xor_first_byte(struct taplog *t, const struct event *e)
{
	(void)t;
	*at(&g, e->addr) ^= 0xff;
}

/* A race is an event that happens just ahead of the load, and the load sees it. */
static void tap_changes_memory_before_a_load(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&g, 0);
	uint16_t v = 0;
	put16(&g, LOW, 0x1234);
	t->before = xor_first_byte;
	assert_true(vmem_load16(&g.mem, VMEM_AVAIL_IDX, gpa(LOW), &v));
	assert_int_equal(v, 0x12cb);
	assert_int_equal(t->ev[0].value, 0x12cb);
	taplog_free(t);
}

static void empty_tap_and_none(void **state)
{
	(void)state;
	static const struct vmem_tap nothing;
	uint8_t buf[8] = {9};
	uint16_t v;
	struct vspan s;
	vmem_set_tap(&g.mem, &nothing, NULL);
	for (int side = 0; side < VMEM_SIDES; side++)
		assert_int_equal(g.mem.near[side].len, 0);
	assert_true(vmem_write(&g.mem, VMEM_PAYLOAD, gpa(LOW), buf, 8));
	assert_true(vmem_read(&g.mem, VMEM_PAYLOAD, gpa(LOW), buf, 8));
	assert_true(vmem_store16(&g.mem, VMEM_PAYLOAD, gpa(LOW), 7));
	assert_true(vmem_load16(&g.mem, VMEM_PAYLOAD, gpa(LOW), &v));
	vmem_fence(&g.mem);
	assert_int_equal(vmem_pin(&g.mem, VMEM_STORE, gpa(LOW), 8, &s), 8);
	vmem_unpin(&g.mem, VMEM_STORE, gpa(LOW), s, 8);
	vmem_set_tap(&g.mem, NULL, NULL);
	for (int side = 0; side < VMEM_SIDES; side++)
		assert_int_equal(g.mem.near[side].len, LOW_END - LOW);
}

/* -- pins ------------------------------------------------------------------------------------------------ */

static void pins_lend_guest_memory(void **state)
{
	(void)state;
	struct vspan s;
	assert_int_equal(vmem_pin(&g.mem, VMEM_STORE, gpa(HIGH_END - 512), 512, &s), 512);
	assert_ptr_equal(s.base, at(&g, HIGH_END - 512));
	assert_int_equal(s.len, 512);
	memset(s.base, 0x77, 512);
	vmem_unpin(&g.mem, VMEM_STORE, gpa(HIGH_END - 512), s, 512);
	assert_int_equal(*at(&g, HIGH_END - 1), 0x77);
}

static void pins_stop_at_a_region_and_at_the_limit(void **state)
{
	(void)state;
	struct vspan s;
	assert_int_equal(vmem_pin(&g.mem, VMEM_LOAD, gpa(LOW_END - 100), 300, &s), 100);
	assert_int_equal(vmem_pin(&g.mem, VMEM_LOAD, gpa(NEXT), 200, &s), 200);
	assert_int_equal(vmem_pin(&g.mem, VMEM_LOAD, gpa(HIGH_END - 1), UINT32_MAX, &s), 1);
	assert_int_equal(vmem_pin(&g.mem, VMEM_LOAD, gpa(HIGH_END), 1, &s), 0);
	assert_int_equal(vmem_pin(&g.mem, VMEM_LOAD, gpa(HOLE), 1, &s), 0);
	assert_int_equal(vmem_pin(&g.mem, VMEM_LOAD, gpa(LOW), 0, &s), 0);
	assert_true(LOW_END - LOW > VMEM_PIN_MAX);
	assert_int_equal(vmem_pin(&g.mem, VMEM_LOAD, gpa(LOW), UINT32_MAX, &s), VMEM_PIN_MAX);
}

/* Exactly what was stored comes back, nothing on an error, nothing for loads. */
static void lent_copies_come_back_exactly(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&g, 8);
	static const uint32_t stored[] = {0, 1, 511, 512};
	for (size_t i = 0; i < 4; i++) {
		struct vspan s;
		memset(at(&g, LOW), RAM_FILL, 512);
		assert_int_equal(vmem_pin(&g.mem, VMEM_STORE, gpa(LOW), 512, &s), 512);
		assert_ptr_not_equal(s.base, at(&g, LOW));
		memset(s.base, 0x33, 512);
		assert_true(untouched(&g, LOW, 512)); /* not before unpin */
		vmem_unpin(&g.mem, VMEM_STORE, gpa(LOW), s, stored[i]);
		for (uint32_t k = 0; k < 512; k++)
			assert_int_equal(*at(&g, LOW + k), k < stored[i] ? 0x33 : RAM_FILL);
	}
	taplog_free(t);
}

/* What a backend writes from is a snapshot, and what it does to the copy of a load does not reach the guest.
 */
static void lent_loads_are_snapshots(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&g, 8);
	struct vspan s;
	fill(&g, LOW, 512, 5);
	assert_int_equal(vmem_pin(&g.mem, VMEM_LOAD, gpa(LOW), 512, &s), 512);
	uint8_t first = *(uint8_t *)s.base;
	*at(&g, LOW) ^= 0xff;
	assert_int_equal(*(uint8_t *)s.base, first);
	*at(&g, LOW) ^= 0xff;
	memset(s.base, 0, 512);
	vmem_unpin(&g.mem, VMEM_LOAD, gpa(LOW), s, 0);
	assert_true(filled(&g, LOW, 512, 5));
	taplog_free(t);
}

static void full_arena_means_later(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&g, 2);
	struct vspan a, b;
	assert_int_equal(vmem_pin(&g.mem, VMEM_STORE, gpa(LOW), 1024, &a), 1024);
	assert_int_equal(vmem_pin(&g.mem, VMEM_STORE, gpa(HIGH), 1, &b), 0);
	vmem_unpin(&g.mem, VMEM_STORE, gpa(LOW), a, 0);
	assert_int_equal(vmem_pin(&g.mem, VMEM_STORE, gpa(HIGH), 1, &b), 1);
	vmem_unpin(&g.mem, VMEM_STORE, gpa(HIGH), b, 1);
	taplog_free(t);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(map_rules),
		T(most_regions),
		T(ranges_are_checked_whole),
		T(ranges_are_the_same_with_a_tap),
		T(refused_access_copies_nothing),
		T(copies_cross_touching_regions),
		T(sixteen_bits),
		T(tap_sees_every_access),
		T(tap_does_not_see_refused_or_empty_access),
		T(tap_changes_memory_before_a_load),
		T(empty_tap_and_none),
		T(pins_lend_guest_memory),
		T(pins_stop_at_a_region_and_at_the_limit),
		T(lent_copies_come_back_exactly),
		T(lent_loads_are_snapshots),
		T(full_arena_means_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
