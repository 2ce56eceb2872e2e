// SPDX-License-Identifier: BSD-2-Clause
/* rng.op.1: an answer holds one random byte at least, whatever the source does. test_rng.c has the rest. */
#include "devices/rng.h"
#include "tests/unit/disk.h"

#define DATA 0x20000ull
#define LEN  64u

static struct guest g;
static struct rng rng;
static struct mmio x;
static struct ring r;
static struct packed p;
static bool on_packed;

/* Each request gets what stands here next, and LEN bytes after that. */
static uint32_t gives[64], ngiven, nsubmits, nheld;
static bool hold;
static struct rng_io *held[RNG_INFLIGHT_MAX];

static void give(struct rng_io *io)
{
	uint32_t n = ngiven < 64 ? gives[ngiven++] : LEN;
	n = n < io->span.len ? n : (uint32_t)io->span.len;
	memset(io->span.base, 0x42, n);
	rng_io_done(&rng, io, n);
}

static void submit(void *ctx, struct rng_io *io)
{
	(void)ctx;
	nsubmits++;
	if (hold)
		held[nheld++] = io;
	else
		give(io);
}

static void drain(void *ctx)
{
	(void)ctx;
	while (nheld)
		give(held[--nheld]);
}

static void boot(void)
{
	uint64_t features = offered(&x) & ~(on_packed ? 0 : BIT(VIRTIO_F_RING_PACKED));
	assert_int_equal(negotiate(&x, features), S_AGREED);
	ring_init(&r, &g, 0x2000, 32);
	put16(&g, ring_used_event(&r), 0);
	if (on_packed) {
		packed_init(&p, &g, 0x2000, 32);
		r.desc = p.desc;
		r.avail = p.driver;
		r.used = p.device;
	}
	queue_enable(&x, 0, &r);
	set(&x, VIRTIO_MMIO_STATUS, S_LIVE);
}

static int setup(void **state)
{
	(void)state;
	const struct rng_backend backend = {submit, drain, NULL};
	guest_init(&g);
	ngiven = nsubmits = nheld = 0;
	hold = on_packed = false;
	for (uint32_t i = 0; i < 64; i++)
		gives[i] = LEN;
	rng_init(&rng, &g.mem, &guest_host, &g, &backend);
	vdev_offer(&rng.vdev, BIT(VIRTIO_F_RING_PACKED));
	mmio_init(&x, &rng.vdev);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guest_free(&g);
	return 0;
}

static void ask(uint32_t n)
{
	const struct buf b = {DATA, LEN, true};
	for (; n; n--)
		on_packed ? packed_post(&p, &b, 1) : ring_post(&r, &b, 1);
}

/* Takes every answer there is; none is empty. */
static uint32_t take(void)
{
	uint32_t n = 0, id, len;
	struct packed_used u = {0};
	while (on_packed ? packed_take(&p, &u) : ring_take(&r, &id, &len)) {
		assert_in_range(on_packed ? u.len : len, 1, LEN);
		n++;
	}
	return n;
}

static void kick_and_run(void)
{
	set(&x, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	run_again(&g, &rng.vdev);
}

/* The source fails now and then, several times in a row, in the kick and in the runs after it. */
static void every_answer_has_a_byte(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		on_packed = i;
		boot();
		ngiven = 0;
		for (uint32_t k = 0; k < 64; k++)
			gives[k] = k % 5 == 4 ? 1 + k % LEN : 0;
		ask(10);
		kick_and_run();
		assert_int_equal(take(), 10);
		assert_int_equal(rng.busy | rng.failed, 0);
	}
}

/* The driver is not made to wait for the one that failed, and the failure alone is no reason to interrupt. */
static void failed_one_holds_nobody_up(void **state)
{
	(void)state;
	boot();
	gives[0] = 0;
	ask(3);
	set(&x, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(take(), 2);
	assert_int_equal(g.irqs[0], 1);
	assert_int_equal(g.again, 1);
	run_again(&g, &rng.vdev);
	assert_int_equal(take(), 1);
	gives[ngiven] = 0;
	ask(1);
	g.irqs[0] = 0;
	set(&x, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(g.irqs[0], 0);
	run_again(&g, &rng.vdev);
	assert_int_equal(take(), 1);
}

/* A source that answers late fails: the frontend's publish asks for the run that tries again. */
static void late_failure_is_tried_again(void **state)
{
	(void)state;
	boot();
	hold = true;
	gives[0] = 0;
	ask(1);
	set(&x, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	give(held[--nheld]);
	rng_publish(&rng);
	assert_int_equal(take(), 0);
	assert_int_equal(g.again, 1);
	run_again(&g, &rng.vdev);
	assert_int_equal(nsubmits, 2);
	give(held[--nheld]);
	rng_publish(&rng);
	assert_int_equal(take(), 1);
	assert_int_equal(g.again, 0);
}

/* What failed and was not tried again yet is in flight: a reset ends it, nothing stays pinned. */
static void reset_ends_what_failed(void **state)
{
	(void)state;
	for (int whole = 0; whole < 2; whole++) {
		struct taplog *t = taplog_new(&g, 8);
		boot();
		ngiven = 0;
		memset(gives, 0, sizeof(gives));
		ask(4);
		set(&x, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		assert_int_equal(t->pinned, 4);
		set(&x, VIRTIO_MMIO_QUEUE_SEL, 0);
		set(&x, whole ? VIRTIO_MMIO_STATUS : VIRTIO_MMIO_QUEUE_READY, 0);
		assert_int_equal(t->pinned, 0);
		assert_int_equal(rng.busy | rng.failed, 0);
		assert_int_equal(nsubmits, 4);
		run_again(&g, &rng.vdev);
		assert_int_equal(nsubmits, 4);
		nsubmits = 0;
		taplog_free(t);
	}
}

/* More than the host can ever lend: fewer bytes are better than none. */
static void as_much_as_can_be_lent(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&g, 1);
	uint32_t id, len;
	boot();
	const struct buf b = {DATA, 3000, true};
	ring_post(&r, &b, 1);
	kick_and_run();
	assert_true(ring_take(&r, &id, &len));
	assert_in_range(len, 1, 512);
	taplog_free(t);
}

/* Others have all that can be lent, and nothing of ours is in flight that would come back: the queue runs
 * again until there is some. */
static void nothing_can_be_lent_for_now(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&g, 1);
	void *taken = arena_get(&t->arena, 512);
	boot();
	ask(1);
	for (int i = 0; i < 3; i++) {
		g.again = 0;
		i ? vdev_run(&rng.vdev, 0) : set(&x, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		assert_int_equal(g.again, 1);
		assert_int_equal(take(), 0);
	}
	arena_put(&t->arena, taken, 512);
	run_again(&g, &rng.vdev);
	assert_int_equal(take(), 1);
	taplog_free(t);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(every_answer_has_a_byte), T(failed_one_holds_nobody_up), T(late_failure_is_tried_again),
		T(reset_ends_what_failed),  T(as_much_as_can_be_lent),     T(nothing_can_be_lent_for_now),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
