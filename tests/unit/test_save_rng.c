// SPDX-License-Identifier: BSD-2-Clause
/* Saving the entropy device anywhere and going on with a fresh one: nothing that the guest sees is any
 * different. The source is short, fails, or takes its time. */
#include <stdlib.h>

#include "devices/rng.h"
#include "hash.h"
#include "tests/unit/disk.h"
#include "trace/op.h"

#define DATA  0x20000ull
#define STEPS 40

static struct guest g;
static struct rng rng;
static struct mmio x;
static struct ring r;
static struct taplog *t;
static uint64_t tape;
static uint32_t posted;

static struct {
	uint32_t most, nheld, given;
	bool hold;
	struct rng_io *held[RNG_INFLIGHT_MAX];
} source;

static uint32_t draw(uint32_t n)
{
	tape = tape * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(tape >> 33) % n;
}

static void give(struct rng_io *io)
{
	uint32_t n = io->span.len < source.most ? (uint32_t)io->span.len : source.most;
	memset(io->span.base, (int)++source.given, n);
	rng_io_done(&rng, io, n);
}

static void submit(void *ctx, struct rng_io *io)
{
	(void)ctx;
	assert_true(io->span.base && io->span.len > 0 && io->span.len <= RNG_BYTES_MAX);
	if (source.hold)
		source.held[source.nheld++] = io;
	else
		give(io);
}

static void drain(void *ctx)
{
	(void)ctx;
	while (source.nheld)
		give(source.held[--source.nheld]);
}

static const struct rng_backend backend = {submit, drain, NULL};

static void fresh_device(void)
{
	memset(&rng, 0xa5, sizeof(rng));
	rng_init(&rng, &g.mem, &guest_host, &g, &backend);
	vdev_offer(&rng.vdev, BIT(VIRTIO_F_IN_ORDER));
	mmio_init(&x, &rng.vdev);
}

static void begin(bool in_order, uint32_t lend)
{
	guest_init(&g);
	memset(&source, 0, sizeof(source));
	source.most = UINT32_MAX;
	posted = 0;
	fresh_device();
	t = lend ? taplog_new(&g, lend) : NULL;
	negotiate(&x, offered(&x) & ~(in_order ? 0 : BIT(VIRTIO_F_IN_ORDER)));
	ring_init(&r, &g, 0x2000, 32);
	put16(&g, ring_used_event(&r), 0);
	queue_enable(&x, 0, &r);
	set(&x, VIRTIO_MMIO_STATUS, S_LIVE);
}

static void end(void)
{
	set(&x, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(source.nheld, 0);
	if (t)
		taplog_free(t);
	guest_free(&g);
}

/* All that is lent is lent anew, what failed too. */
static void unlend(void)
{
	for (uint16_t id = 0; id < RNG_INFLIGHT_MAX; id++)
		if ((rng.busy & ~rng.unsent) >> id & 1)
			vmem_unpin(&g.mem, VMEM_STORE, rng.io[id].at, rng.io[id].span, 0);
	source.nheld = 0;
}

static uint8_t *saved(size_t *n)
{
	*n = mmio_save(&x, NULL, 0);
	uint8_t *bytes = malloc(*n);
	assert_non_null(bytes);
	assert_int_equal(mmio_save(&x, bytes, *n), *n);
	return bytes;
}

static void load(const uint8_t *bytes, size_t n)
{
	bool hold = source.hold;
	assert_true(mmio_load(&x, bytes, n));
	source.hold = true; /* what was held is held again */
	vdev_resume(&rng.vdev);
	source.hold = hold;
}

static void replace(void)
{
	size_t n;
	uint8_t *bytes = saved(&n);
	uint64_t hash = mmio_hash(&x);
	uint16_t id[RNG_INFLIGHT_MAX], held = (uint16_t)source.nheld;
	for (uint16_t i = 0; i < held; i++)
		id[i] = source.held[i]->id;
	unlend();
	fresh_device();
	load(bytes, n);
	assert_int_equal(source.nheld, held);
	for (uint16_t i = 0; i < held; i++) /* a source may have them in an order of its own: ids tell */
		source.held[i] = &rng.io[id[i]];
	assert_int_equal(mmio_hash(&x), hash);
	free(bytes);
}

/* -- a tale ---------------------------------------------------------------------------------------------- */

static void post_one(void)
{
	struct buf b = {DATA + 512 * (posted++ % 64), 512, true};
	ring_post(&r, &b, 1);
}

static void step(void)
{
	static const uint32_t most[] = {UINT32_MAX, UINT32_MAX, 7, 0};
	switch (draw(8)) {
	case 0:
	case 1:
	case 2:
		for (uint32_t n = 1 + draw(4); n; n--)
			post_one();
		break;
	case 3:
		source.hold = draw(4);
		source.most = most[draw(4)];
		set(&x, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		break;
	case 4:
	case 5:
		source.most = most[draw(4)];
		for (uint32_t n = draw(4); n && source.nheld; n--) {
			uint32_t i = draw(source.nheld);
			struct rng_io *io = source.held[i];
			source.nheld--;
			memmove(&source.held[i], &source.held[i + 1],
				(source.nheld - i) * sizeof(source.held[0]));
			give(io);
		}
		break;
	case 6:
		rng_publish(&rng);
		break;
	default:
		if (g.again)
			vdev_run(&rng.vdev, 0);
		g.again = 0;
	}
}

static uint64_t tell(bool in_order, uint32_t lend, uint64_t seed, int save_at)
{
	uint64_t h = HASH_SEED;
	tape = seed;
	begin(in_order, lend);
	for (int i = 0; i < STEPS; i++) {
		step();
		if (save_at == i || save_at < 0)
			replace();
		h = hash_u64(hash_u64(h, mmio_hash(&x)), (uint64_t)g.again << 32 | g.irqs[0]);
		for (uint32_t k = 0; k < source.nheld; k++)
			h = hash_u64(h, source.held[k]->id);
	}
	for (uint32_t i = 0; i < g.map.nregions; i++)
		h = hash_bytes(h, g.map.region[i].host, g.map.region[i].len);
	end();
	return h;
}

static void saved_anywhere(void **state)
{
	(void)state;
	for (int in_order = 0; in_order < 2; in_order++)
		for (uint32_t lend = 0; lend <= 6; lend += 6)
			for (uint64_t seed = 1; seed <= 3; seed++) {
				uint64_t want = tell(in_order, lend, seed, STEPS);
				for (int at = -1; at < STEPS; at++)
					assert_int_equal(tell(in_order, lend, seed, at), want);
			}
}

/* -- what a loader can not do at once --------------------------------------------------------------------- */

static uint32_t take_all(void)
{
	uint32_t id, used, n = 0;
	while (ring_take(&r, &id, &used))
		n++;
	return n;
}

/* Saved where nobody lends copies, loaded where few can be lent: the rest waits its turn. */
static void loaded_where_less_can_be_lent(void **state)
{
	(void)state;
	size_t n;
	begin(false, 0);
	source.hold = true;
	for (int i = 0; i < 5; i++)
		post_one();
	set(&x, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	uint8_t *bytes = saved(&n);
	source.nheld = 0;
	fresh_device();
	t = taplog_new(&g, 2);
	load(bytes, n);
	assert_int_equal(source.nheld, 2);
	replace();
	assert_int_equal(source.nheld, 2);
	uint32_t done = 0;
	for (int i = 0; i < 5; i++) {
		assert_true(source.nheld > 0);
		give(source.held[--source.nheld]);
		rng_publish(&rng);
		run_again(&g, &rng.vdev);
		done += take_all();
	}
	assert_int_equal(done, 5);
	free(bytes);
	end();
}

/* The arena is others' for a while: the device asks to be run until it can lend. */
static void nothing_can_be_lent(void **state)
{
	(void)state;
	size_t n;
	begin(false, 0);
	source.hold = true;
	post_one();
	set(&x, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	uint8_t *bytes = saved(&n);
	source.nheld = 0;
	fresh_device();
	t = taplog_new(&g, 1);
	struct vspan other;
	assert_true(vmem_pin(&g.mem, VMEM_LOAD, gpa(DATA), 512, &other));
	load(bytes, n);
	assert_int_equal(source.nheld, 0);
	assert_int_equal(g.again, 1);
	g.again = 0;
	vdev_run(&rng.vdev, 0);
	assert_int_equal(g.again, 1);
	vmem_unpin(&g.mem, VMEM_LOAD, gpa(DATA), other, 0);
	source.hold = false;
	run_again(&g, &rng.vdev);
	assert_int_equal(take_all(), 1);
	free(bytes);
	end();
}

/* Loaded, and reset before it was resumed. */
static void reset_before_it_was_resumed(void **state)
{
	(void)state;
	size_t n;
	begin(false, 0);
	source.hold = true;
	post_one();
	post_one();
	set(&x, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	source.most = 0;
	give(source.held[--source.nheld]); /* one failed */
	uint8_t *bytes = saved(&n);
	source.nheld = 0;
	fresh_device();
	assert_true(mmio_load(&x, bytes, n));
	set(&x, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(rng.busy | rng.failed | rng.unsent, 0);
	free(bytes);
	end();
}

/* Bytes with a good checksum that no device made: refused, or the device works. */
static void any_sealed_byte(void **state)
{
	(void)state;
	static const uint8_t flip[] = {0x01, 0x02, 0x40, 0x80, 0xff};
	size_t n;
	uint32_t taken = 0, refused = 0;
	begin(true, 0);
	source.hold = true;
	for (int i = 0; i < 4; i++)
		post_one();
	set(&x, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	give(source.held[--source.nheld]);
	uint8_t *bytes = saved(&n);
	for (size_t i = 0; i < n - 4; i++)
		for (size_t k = 0; k < sizeof(flip); k++) {
			bytes[i] ^= flip[k];
			uint32_t crc = crc32c(0, bytes, n - 4);
			memcpy(bytes + n - 4, &crc, 4);
			bool ok = mmio_load(&x, bytes, n);
			ok ? taken++ : refused++;
			bytes[i] ^= flip[k];
			if (!ok)
				continue;
			vdev_resume(&rng.vdev);
			vdev_run(&rng.vdev, 0);
			while (source.nheld)
				give(source.held[--source.nheld]);
			rng_publish(&rng);
			vdev_run(&rng.vdev, 0);
		}
	assert_true(taken > 50 && refused > 50);
	free(bytes);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(saved_anywhere),      cmocka_unit_test(loaded_where_less_can_be_lent),
		cmocka_unit_test(nothing_can_be_lent), cmocka_unit_test(reset_before_it_was_resumed),
		cmocka_unit_test(any_sealed_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
