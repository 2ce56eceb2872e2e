// SPDX-License-Identifier: BSD-2-Clause
/* The entropy device, with a source that is short, fails, or takes its time. */
#include "devices/rng.h"
#include "tests/unit/disk.h"

#define DATA 0x20000ull
#define SIZE 32

static struct guest g;
static struct rng rng;
static struct mmio x;
static struct ring r;

/* The source: gives at most `most` bytes a request; holds them when asked to. */
static struct {
	uint32_t most, nheld, nsubmits, ndrains;
	bool hold;
	struct rng_io *held[RNG_INFLIGHT_MAX];
} source;

static void give(struct rng_io *io)
{
	uint32_t n = io->span.len < source.most ? (uint32_t)io->span.len : source.most;
	memset(io->span.base, 0x42, n);
	rng_io_done(&rng, io, n);
}

static void submit(void *ctx, struct rng_io *io)
{
	(void)ctx;
	source.nsubmits++;
	assert_true(io->span.len > 0 && io->span.len <= RNG_BYTES_MAX);
	if (source.hold)
		source.held[source.nheld++] = io;
	else
		give(io);
}

static void drain(void *ctx)
{
	(void)ctx;
	source.ndrains++;
	while (source.nheld)
		give(source.held[--source.nheld]);
}

static void boot(void)
{
	assert_int_equal(negotiate(&x, offered(&x)), S_AGREED);
	ring_init(&r, &g, 0x2000, SIZE);
	put16(&g, ring_used_event(&r), 0);
	queue_enable(&x, 0, &r);
	set(&x, VIRTIO_MMIO_STATUS, S_LIVE);
}

static int setup(void **state)
{
	(void)state;
	guest_init(&g);
	memset(&source, 0, sizeof(source));
	source.most = UINT32_MAX;
	const struct rng_backend backend = {submit, drain, NULL};
	memset(&rng, 0xa5, sizeof(rng)); /* rng_init must do with that */
	rng_init(&rng, &g.mem, &guest_host, &g, &backend);
	mmio_init(&x, &rng.vdev);
	boot();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guest_free(&g);
	return 0;
}

static void go(void)
{
	set(&x, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
}

static void ask(uint32_t len)
{
	struct buf b = {DATA, len, true};
	ring_post(&r, &b, 1);
}

/* Posts these buffers, kicks, and returns the used length. */
static uint32_t answer(const struct buf *b, uint16_t n)
{
	uint32_t id, used;
	uint16_t head = ring_post(&r, b, n);
	go();
	assert_true(ring_take(&r, &id, &used));
	assert_int_equal(id, head);
	return used;
}

static void identity(void **state)
{
	(void)state;
	assert_int_equal(reg(&x, VIRTIO_MMIO_DEVICE_ID), 4);
	assert_int_equal(offered(&x), BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |
					      BIT(VIRTIO_RING_F_EVENT_IDX));
	set(&x, VIRTIO_MMIO_QUEUE_SEL, 1);
	assert_int_equal(reg(&x, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
}

/* P14: there is no configuration space at all; every access to it is answered by 0. */
static void empty_config_space(void **state)
{
	(void)state;
	for (uint32_t off = 0; off < 16; off++)
		for (uint32_t size = 1; size <= 8; size++) {
			assert_int_equal(mmio_read(&x, VIRTIO_MMIO_CONFIG + off, size), 0);
			mmio_write(&x, VIRTIO_MMIO_CONFIG + off, size, 0x77);
		}
	assert_int_equal(g.offences[OFFENCE_CONFIG_RANGE], 16 * 8 * 2);
	assert_int_equal(g.offences_all, 16 * 8 * 2);
}

static void fills_a_buffer(void **state)
{
	(void)state;
	struct buf b = {DATA, 64, true};
	assert_int_equal(answer(&b, 1), 64);
	for (uint32_t i = 0; i < 64; i++)
		assert_int_equal(*at(&g, DATA + i), 0x42);
	assert_true(untouched(&g, DATA + 64, 16));
	assert_int_equal(g.irqs[0], 1);
}

/* P20: the used length is what the source gave, not what the guest asked for. */
static void short_reads(void **state)
{
	(void)state;
	for (uint32_t most = 1; most <= 64; most++) {
		struct taplog *t =
			taplog_new(&g, 8); /* lent copies: what was not stored does not reach the guest */
		source.most = most;
		memset(at(&g, DATA), RAM_FILL, 64);
		struct buf b = {DATA, 64, true};
		assert_int_equal(answer(&b, 1), most);
		assert_true(untouched(&g, DATA + most, 64 - most));
		taplog_free(t);
	}
}

/* rng.op.1: less than the whole buffer is fine; large ones get RNG_BYTES_MAX at most, of the first one that
 * has room. */
static void takes_the_first_buffer_with_room(void **state)
{
	(void)state;
	const struct buf many[] = {{DATA, 0, true}, {DATA + 8, 16, true}, {DATA + 100, 16, true}};
	assert_int_equal(answer(many, 3), 16);
	assert_true(untouched(&g, DATA, 8));
	assert_true(untouched(&g, DATA + 24, 200));
	const struct buf large = {DATA, 3 * RNG_BYTES_MAX, true};
	assert_int_equal(answer(&large, 1), RNG_BYTES_MAX);
	const struct buf edge = {LOW_END - 3, 16, true}; /* over two regions: the part in the first */
	assert_int_equal(answer(&edge, 1), 3);
	const struct buf last = {HIGH_END - 5, 5, true};
	assert_int_equal(answer(&last, 1), 5);
	assert_int_equal(g.offences_all, 0);
}

static void nothing_to_write_to(void **state)
{
	(void)state;
	const struct buf empty = {DATA, 0, true}, readable = {DATA, 16, false};
	assert_int_equal(answer(&empty, 1), 0);
	assert_int_equal(g.offences[OFFENCE_RNG_EMPTY], 1);
	assert_int_equal(answer(&readable, 1), 0);
	assert_int_equal(g.offences[OFFENCE_RNG_EMPTY], 2);
	assert_int_equal(g.offences[OFFENCE_RNG_READABLE], 1);
	assert_int_equal(source.nsubmits, 0);
}

/* drv.rng.op.1 is broken; the harmless part of the request is served all the same. */
static void readable_and_writable(void **state)
{
	(void)state;
	const struct buf b[] = {{DATA, 16, false}, {DATA + 32, 16, true}};
	assert_int_equal(answer(b, 2), 16);
	assert_int_equal(g.offences[OFFENCE_RNG_READABLE], 1);
	assert_true(untouched(&g, DATA, 32));
}

/* Sixteen in flight at most; the rest waits and is served as answers come in, in any order. */
static void more_than_may_be_in_flight(void **state)
{
	(void)state;
	uint32_t id, used, done = 0;
	source.hold = true;
	for (int i = 0; i < SIZE; i++)
		ask(8);
	go();
	assert_int_equal(source.nheld, RNG_INFLIGHT_MAX);
	assert_int_equal(g.again, 0);
	for (uint32_t pick = 0; source.nheld; pick += 7) {
		uint32_t i = pick % source.nheld;
		struct rng_io *io = source.held[i];
		source.held[i] = source.held[--source.nheld];
		give(io);
		rng_publish(&rng);
		run_again(&g, &rng.vdev);
		for (; ring_take(&r, &id, &used); done++)
			assert_int_equal(used, 8);
	}
	assert_int_equal(done, SIZE);
	assert_int_equal(rng.busy, 0);
	rng_publish(&rng);
	assert_int_equal(g.again, 0); /* it waits no more */
}

static void full_arena_stalls_and_recovers(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&g, 1);
	uint32_t id, used, done = 0;
	source.hold = true;
	for (int i = 0; i < 4; i++)
		ask(100);
	go();
	assert_int_equal(source.nheld, 1);
	while (source.nheld) {
		give(source.held[--source.nheld]);
		rng_publish(&rng);
		run_again(&g, &rng.vdev);
		for (; ring_take(&r, &id, &used); done++)
			assert_int_equal(used, 100);
	}
	assert_int_equal(done, 4);
	source.hold = false;
	ask(513); /* never fits: answered with less, not kept for ever */
	go();
	assert_true(ring_take(&r, &id, &used));
	assert_int_equal(used, 256);
	taplog_free(t);
}

/* P23: a reset, or the queue's end, with requests at the source: nothing is stored, nothing is answered. */
static void reset_with_requests_in_flight(void **state)
{
	(void)state;
	for (int whole = 0; whole < 2; whole++) {
		struct taplog *t = taplog_new(&g, 8);
		boot();
		source.hold = true;
		memset(at(&g, DATA), RAM_FILL, 64);
		for (int i = 0; i < 5; i++)
			ask(64);
		go();
		assert_int_equal(source.nheld, 5);
		source.ndrains = 0;
		set(&x, VIRTIO_MMIO_QUEUE_SEL, 0);
		set(&x, whole ? VIRTIO_MMIO_STATUS : VIRTIO_MMIO_QUEUE_READY, 0);
		assert_int_equal(source.ndrains, 1);
		assert_int_equal(rng.busy, 0);
		rng_publish(&rng);
		assert_true(untouched(&g, DATA, 64));
		assert_int_equal(ring_used_idx(&r), 0);
		assert_int_equal(g.irqs[0], 0);
		taplog_free(t);
	}
	boot();
	source.hold = false;
	const struct buf b = {DATA, 64, true};
	assert_int_equal(answer(&b, 1), 64);
}

/* A live device runs its queue as it becomes ready: what was asked for before is answered, and the next kick is asked for. */
static void queue_set_up_late(void **state)
{
	(void)state;
	uint32_t id, used;
	set(&x, VIRTIO_MMIO_QUEUE_SEL, 0);
	set(&x, VIRTIO_MMIO_QUEUE_READY, 0);
	ring_init(&r, &g, 0x2000, SIZE);
	put16(&g, ring_avail_event(&r), 0x7000);
	ask(64);
	queue_enable(&x, 0, &r);
	assert_true(ring_take(&r, &id, &used));
	assert_int_equal(used, 64);
	assert_int_equal(get16(&g, ring_avail_event(&r)), 1);
}

static void broken_device_answers_nothing(void **state)
{
	(void)state;
	source.hold = true;
	ask(64);
	go();
	ring_publish(&r, SIZE);
	go();
	assert_int_equal(reg(&x, VIRTIO_MMIO_STATUS), S_LIVE | VIRTIO_CONFIG_S_NEEDS_RESET);
	drain(NULL);
	rng_publish(&rng);
	assert_int_equal(ring_used_idx(&r), 0);
	assert_int_equal(g.irqs[0], 0);
	assert_int_equal(g.config_irqs, 1);
}

static void hash_sees_requests_in_flight(void **state)
{
	(void)state;
	uint64_t before = mmio_hash(&x);
	source.hold = true;
	ask(1);
	go();
	uint64_t during = mmio_hash(&x);
	assert_int_not_equal(before, during);
	set(&x, VIRTIO_MMIO_STATUS, 0);
	assert_int_not_equal(during, mmio_hash(&x));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(identity),
		T(empty_config_space),
		T(fills_a_buffer),
		T(short_reads),
		T(takes_the_first_buffer_with_room),
		T(nothing_to_write_to),
		T(readable_and_writable),
		T(more_than_may_be_in_flight),
		T(full_arena_stalls_and_recovers),
		T(reset_with_requests_in_flight),
		T(queue_set_up_late),
		T(broken_device_answers_nothing),
		T(hash_sees_requests_in_flight),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
