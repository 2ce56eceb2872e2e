// SPDX-License-Identifier: BSD-2-Clause
/* Cases: the entropy device. */
#include "tests/guest/tiny_blk.h"

static void rng_open(struct ring *r, uint64_t features)
{
	ring_open(r, dev_find(VIRTIO_ID_RNG, 0), features | F_VERSION, 64);
}

/* One request of len bytes; answers how many came. */
static uint32_t draw(struct ring *r, void *to, uint32_t len)
{
	const struct seg s[1] = {{to, len, true}};
	return ring_run(r, ring_add(r, s, 1));
}

void case_rng_differs(void)
{
	struct ring r;
	rng_open(&r, 0);
	uint8_t *a = alloc(PAGE_LEN), *b = alloc(PAGE_LEN);
	EXPECT_EQ(draw(&r, a, 64), 64);
	EXPECT_EQ(draw(&r, b, 64), 64);
	EXPECT(memcmp(a, b, 64));
	EXPECT(filled_with(a + 64, 64, 0));
}

void case_rng_lengths(void)
{
	static const uint32_t lens[] = {1, 2, 3, 63, 4096, 8192};
	struct ring r;
	rng_open(&r, F_EVENT);
	uint8_t *to = alloc(4 * PAGE_LEN);
	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		context("bytes", lens[i]);
		memset(to, 0, 8192 + 64);
		uint32_t n = draw(&r, to, lens[i]);
		EXPECT(n > 0 && n <= lens[i]);
		EXPECT(filled_with(to + ((n + 3) & ~3u), 32, 0)); /* nothing behind what it says it stored */
	}
}

/* A full ring with one kick. */
void case_rng_many(void)
{
	struct ring r;
	rng_open(&r, F_INDIRECT);
	uint8_t *to = alloc(PAGE_LEN);
	for (uint32_t i = 0; i < 64; i++) {
		const struct seg s[1] = {{to + 16 * i, 16, true}};
		ring_add(&r, s, 1);
	}
	ring_kick(&r);
	ring_wait(&r, 64);
	for (uint32_t i = 0; i < 64; i++)
		EXPECT_EQ(ring_reap(&r).len, 16);
	for (uint32_t i = 0; i < 64; i++)
		EXPECT(!filled_with(to + 16 * i, 16, 0));
}

void case_rng_readable_buffer(void)
{
	struct ring r;
	announce("rng-readable");
	rng_open(&r, 0);
	uint8_t *to = alloc(PAGE_LEN);
	const struct seg s[2] = {{to, 16, false}, {to + 64, 16, true}};
	EXPECT_EQ(ring_run(&r, ring_add(&r, s, 2)), 16);
	EXPECT(filled_with(to, 64, 0));
	EXPECT(!filled_with(to + 64, 16, 0));
}

void case_rng_no_buffer(void)
{
	struct ring r;
	announce("rng-empty");
	rng_open(&r, 0);
	uint8_t *to = alloc(PAGE_LEN);
	const struct seg empty[1] = {{to, 0, true}};
	EXPECT_EQ(ring_run(&r, ring_add(&r, empty, 1)), 0);
	EXPECT_EQ(draw(&r, to, 16), 16);
}
