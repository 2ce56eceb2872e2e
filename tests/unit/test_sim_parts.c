// SPDX-License-Identifier: BSD-2-Clause
/* The simulated machine's parts: memory, heap, lent copies, disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "simdisk.h"
#include "hash.h"
#include "heap.h"
#include "lend.h"
#include "ram.h"

static void memory_crosses_and_ends(void **state)
{
	struct ram r;
	uint8_t in[16] = "fifteen letters", out[16] = {0};
	(void)state;
	assert_true(ram_create(&r));
	assert_true(vmem_map_valid(&r.map));
	assert_true(ram_write(&r, gpa(RAM_MID - 7), in, 16));
	assert_true(ram_read(&r, gpa(RAM_MID - 7), out, 16));
	assert_memory_equal(in, out, 16);
	assert_true(ram_write(&r, gpa(RAM_MID + RAM_LOW_LEN - 16), in, 16));
	assert_false(ram_write(&r, gpa(RAM_MID + RAM_LOW_LEN - 15), in, 16));
	assert_false(ram_read(&r, gpa(RAM_LOW - 1), out, 2));
	assert_true(ram_write(&r, gpa(RAM_HIGH + RAM_HIGH_LEN - 1), in, 1));
	assert_false(ram_write(&r, gpa(RAM_HIGH + RAM_HIGH_LEN), in, 1));
	ram_destroy(&r);
}

/* Every byte that was stored is zero again, whichever page it was on, and across region ends. */
static void memory_forgets_what_was_stored(void **state)
{
	struct ram r;
	uint8_t in[700], out[700], zero[700] = {0};
	(void)state;
	memset(in, 0xaa, sizeof(in));
	assert_true(ram_create(&r));
	for (uint64_t a = RAM_LOW; a < RAM_MID + RAM_LOW_LEN - sizeof(in); a += 513)
		assert_true(ram_write(&r, gpa(a), in, (uint32_t)(a % sizeof(in))));
	ram_reset(&r);
	for (uint64_t a = RAM_LOW; a + sizeof(out) <= RAM_MID + RAM_LOW_LEN; a += sizeof(out)) {
		assert_true(ram_read(&r, gpa(a), out, sizeof(out)));
		assert_memory_equal(out, zero, sizeof(out));
	}
	assert_int_equal(ram_hash(&r, 1), 1);
	ram_destroy(&r);
}

/* Block by block, as it is meant: where n free ones in a row are, from the lower end or from the upper one.
 */
static uint32_t slow_run(const struct heap *h, uint32_t n, bool from_end)
{
	uint32_t run = 0;
	for (uint32_t k = 0; k < h->nblocks; k++) {
		uint32_t i = from_end ? h->nblocks - 1 - k : k;
		run = h->used[i / 64] >> (i % 64) & 1 ? 0 : run + 1;
		if (run == n)
			return from_end ? i : i + 1 - n;
	}
	return h->nblocks;
}

static void heap_finds_what_is_there(void **state)
{
	struct heap h;
	gpa_t a;
	(void)state;
	for (uint64_t seed = 0; seed < 3000; seed++) {
		heap_init(&h, 0, (64 + (uint32_t)seed % 200) * HEAP_BLOCK_LEN, 0);
		for (uint32_t k = 0; k < 12; k++) {
			uint64_t v = hash_u64(seed, k);
			uint32_t n = 1 + (uint32_t)(v % (k < 4 ? 90 : 20));
			enum heap_place place = v >> 32 & 1 ? HEAP_LAST : HEAP_FIRST;
			uint32_t want = slow_run(&h, n, place == HEAP_LAST);
			assert_int_equal(heap_get(&h, n * HEAP_BLOCK_LEN, place, &a), want < h.nblocks);
			if (want < h.nblocks)
				assert_int_equal(a.v, want * HEAP_BLOCK_LEN);
			if (want < h.nblocks && v >> 33 & 1) /* a hole */
				heap_put(&h, gpa_add(a, HEAP_BLOCK_LEN * (n / 2)),
					 HEAP_BLOCK_LEN * (n - n / 2));
		}
	}
}

static void heap_places(void **state)
{
	struct heap h;
	gpa_t a, b, c;
	(void)state;
	heap_init(&h, 0x10000, 100 * HEAP_BLOCK_LEN, 0x10000 + 50 * HEAP_BLOCK_LEN);
	assert_true(heap_get(&h, 1, HEAP_FIRST, &a));
	assert_int_equal(a.v, 0x10000);
	assert_true(heap_get(&h, 65, HEAP_LAST, &b));
	assert_int_equal(b.v, 0x10000 + 98 * HEAP_BLOCK_LEN);
	assert_true(heap_get(&h, 128, HEAP_SEAM, &c));
	assert_int_equal(c.v, 0x10000 + 49 * HEAP_BLOCK_LEN);
	assert_true(heap_get(&h, 128, HEAP_SEAM, &c)); /* taken: elsewhere */
	assert_int_equal(c.v, 0x10000 + 1 * HEAP_BLOCK_LEN);
	assert_false(heap_get(&h, 49 * HEAP_BLOCK_LEN, HEAP_FIRST, &c));
	heap_put(&h, a, 1);
	assert_true(heap_get(&h, 64, HEAP_FIRST, &c));
	assert_int_equal(c.v, 0x10000);
	assert_false(heap_get(&h, 101 * HEAP_BLOCK_LEN, HEAP_FIRST, &c));
}

/* Everything that is got is somewhere else, until there is no more; then it is given back, and there is all
 * of it. */
static void heap_fills_up(void **state)
{
	struct heap h;
	gpa_t a[1024];
	uint32_t n = 0;
	(void)state;
	heap_init(&h, 0, HEAP_BLOCKS_MAX * HEAP_BLOCK_LEN, 0);
	while (heap_get(&h, 3 * HEAP_BLOCK_LEN, n & 1 ? HEAP_LAST : HEAP_FIRST, &a[n]))
		n++;
	assert_int_equal(n, HEAP_BLOCKS_MAX / 3);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < i; k++)
			assert_true(a[i].v + 192 <= a[k].v || a[k].v + 192 <= a[i].v);
	while (n--)
		heap_put(&h, a[n], 3 * HEAP_BLOCK_LEN);
	assert_true(heap_get(&h, HEAP_BLOCKS_MAX * HEAP_BLOCK_LEN, HEAP_FIRST, &a[0]));
}

static void lend_ends(void **state)
{
	struct lend l;
	void *p[LEND_BLOCKS + 1];
	uint32_t n = 0;
	(void)state;
	assert_true(lend_create(&l));
	assert_null(lend_get(&l, LEND_BLOCK_LEN * LEND_BLOCKS));
	assert_null(lend_get(&l, UINT32_MAX));
	while ((p[n] = lend_get(&l, LEND_BLOCK_LEN - LEND_GAP)))
		memset(p[n++], 1, LEND_BLOCK_LEN - LEND_GAP);
	assert_int_equal(n, LEND_BLOCKS);
	assert_int_equal(lend_index(&l, p[5]), 5);
	lend_put(&l, p[5], LEND_BLOCK_LEN - LEND_GAP);
	assert_ptr_equal(lend_get(&l, 1), p[5]);
	lend_reset(&l);
	assert_non_null(lend_get(&l, LEND_BLOCK_LEN * LEND_BLOCKS - LEND_GAP));
	lend_destroy(&l);
}

static struct simdisk disk;

static void io(uint32_t type, uint64_t sector, uint8_t *p, uint32_t len, uint32_t bytes)
{
	struct blk_io io = {.type = type, .sector = sector, .len = len, .nspans = 2};
	io.span[0] = (struct vspan){p, len / 3};
	io.span[1] = (struct vspan){p + len / 3, len - len / 3};
	simdisk_do(&disk, &io, bytes);
}

static void disk_keeps_what_was_written(void **state)
{
	uint8_t in[1536], out[1536], before[1536];
	(void)state;
	simdisk_reset(&disk);
	memset(in, 0x77, sizeof(in));
	io(BLK_IO_READ, 4, before, 1536, 1536);
	assert_memory_not_equal(before, before + 512, 512); /* sectors tell their number */
	io(BLK_IO_WRITE, 5, in, 512, 512);
	io(BLK_IO_READ, 4, out, 1536, 1536);
	assert_memory_equal(out, before, 512);
	assert_memory_equal(out + 512, in, 512);
	assert_memory_equal(out + 1024, before + 1024, 512);
	simdisk_reset(&disk);
	io(BLK_IO_READ, 4, out, 1536, 1536);
	assert_memory_equal(out, before, 1536);
}

static void disk_short_transfers(void **state)
{
	uint8_t in[1024], out[1024], before[1024];
	(void)state;
	simdisk_reset(&disk);
	memset(in, 0x77, sizeof(in));
	io(BLK_IO_READ, 8, before, 1024, 1024);
	io(BLK_IO_WRITE, 8, in, 1024, 700);
	memset(out, 0, sizeof(out));
	io(BLK_IO_READ, 8, out, 1024, 1024);
	assert_memory_equal(out, in, 700);
	assert_memory_equal(out + 700, before + 700, 324);
	memset(out, 0, sizeof(out));
	io(BLK_IO_READ, 8, out, 1024, 1);
	assert_int_equal(out[0], 0x77);
	assert_int_equal(out[1], 0);
}

static void disk_zeroes_and_pretends(void **state)
{
	struct blk_io zero = {.type = BLK_IO_DISCARD,
			      .nranges = 2,
			      .range = {{3, 2, 0}, {SIMDISK_SECTORS_KEPT - 1, 1u << 30, 0}}};
	uint8_t in[512], out[512], none[512] = {0};
	(void)state;
	simdisk_reset(&disk);
	memset(in, 0x77, sizeof(in));
	io(BLK_IO_WRITE, 3, in, 512, 512);
	simdisk_do(&disk, &zero, 0);
	io(BLK_IO_READ, 3, out, 512, 512);
	assert_memory_equal(out, none, 512);
	io(BLK_IO_READ, SIMDISK_SECTORS_KEPT - 1, out, 512, 512);
	assert_memory_equal(out, none, 512);
	io(BLK_IO_WRITE, 1ull << 60, in, 512, 512);
	io(BLK_IO_READ, 1ull << 60, out, 512, 512);
	assert_memory_not_equal(out, in, 512);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_crosses_and_ends),
		cmocka_unit_test(memory_forgets_what_was_stored),
		cmocka_unit_test(heap_places),
		cmocka_unit_test(heap_finds_what_is_there),
		cmocka_unit_test(heap_fills_up),
		cmocka_unit_test(lend_ends),
		cmocka_unit_test(disk_keeps_what_was_written),
		cmocka_unit_test(disk_short_transfers),
		cmocka_unit_test(disk_zeroes_and_pretends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
