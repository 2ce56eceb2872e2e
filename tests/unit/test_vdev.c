// SPDX-License-Identifier: BSD-2-Clause
/* The status machine, features and queue registers, through virtio-mmio, with a block device above. Lives:
 * test_vdev_life.c. */
#include "tests/unit/disk.h"

static struct machine *m;
static struct mmio *x;

static int setup(void **state)
{
	(void)state;
	const struct blk_options o = {.nqueues = BLK_QUEUES_MAX};
	m = machine_new(&o, CAN_ALL);
	x = &m->mmio;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_free(m);
	return 0;
}

static uint32_t status(void)
{
	return reg(x, VIRTIO_MMIO_STATUS);
}

static void offence_was(enum offence o)
{
	assert_int_equal(m->g.offences[o], 1);
	assert_int_equal(m->g.offences_all, 1);
	m->g.offences[o] = m->g.offences_all = 0;
}

static void accept_word(uint32_t word, uint32_t bits)
{
	set(x, VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
	set(x, VIRTIO_MMIO_DRIVER_FEATURES, bits);
}

/* -- features -------------------------------------------------------------------------------------------- */

static void offers(void **state)
{
	(void)state;
	const uint64_t all =
		BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX) |
		BIT(VIRTIO_BLK_F_SEG_MAX) | BIT(VIRTIO_BLK_F_SIZE_MAX) | BIT(VIRTIO_BLK_F_BLK_SIZE) |
		BIT(VIRTIO_BLK_F_TOPOLOGY) | BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_CONFIG_WCE) |
		BIT(VIRTIO_BLK_F_DISCARD) | BIT(VIRTIO_BLK_F_WRITE_ZEROES) | BIT(VIRTIO_BLK_F_MQ);
	assert_int_equal(offered(x), all);
}

/* feat.2, feat.4, interop 11: every subset that has VERSION_1, twice; what is accepted is what is active. */
static void subsets_are_accepted(void **state)
{
	(void)state;
	uint64_t all = offered(x), seed = 1;
	for (int i = 0; i < 300; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		uint64_t features = (all & seed >> 20) | BIT(VIRTIO_F_VERSION_1);
		for (int again = 0; again < 2; again++) {
			assert_int_equal(negotiate(x, features), S_AGREED);
			assert_int_equal(m->blk.vdev.accepted, features);
		}
	}
	assert_int_equal(m->g.offences_all, 0);
}

/* drv.feat.1: one bit too many and FEATURES_OK does not stick; a second try without a reset may succeed. */
static void unknown_features_are_refused(void **state)
{
	(void)state;
	uint64_t all = offered(x);
	for (uint32_t bit = 0; bit < 64; bit++) {
		if (all >> bit & 1)
			continue;
		assert_int_equal(negotiate(x, all | BIT(bit)), S_DRIVER);
		offence_was(OFFENCE_FEATURES_UNKNOWN);
		accept_word(bit / 32, (uint32_t)(all >> (bit / 32 * 32)));
		set(x, VIRTIO_MMIO_STATUS, S_AGREED);
		assert_int_equal(status(), S_AGREED);
	}
}

static void legacy_drivers_are_refused(void **state)
{
	(void)state;
	assert_int_equal(negotiate(x, offered(x) & ~BIT(VIRTIO_F_VERSION_1)), S_DRIVER);
	offence_was(OFFENCE_FEATURES_VERSION);
	set(x, VIRTIO_MMIO_STATUS, S_LIVE); /* a driver that does not look */
	assert_int_equal(status(), S_DRIVER);
	assert_int_equal(m->g.offences[OFFENCE_STATUS_ORDER], 1);
}

/* Interop 11: halves in any order, each rewritten alone; words beyond 64 bits, which Linux since 6.17 writes
 * as 0. */
static void halves_are_separate(void **state)
{
	(void)state;
	uint64_t all = offered(x);
	set(x, VIRTIO_MMIO_STATUS, S_DRIVER);
	accept_word(1, (uint32_t)(all >> 32));
	accept_word(0, 0xffffffff);
	accept_word(2, 0);
	accept_word(3, 0);
	accept_word(0, (uint32_t)all);
	assert_int_equal(m->blk.vdev.accepted, all);
	accept_word(1, 1);
	assert_int_equal(m->blk.vdev.accepted, (all & 0xffffffff) | BIT(32));
	assert_int_equal(m->g.offences_all, 0);
	set(x, VIRTIO_MMIO_STATUS, S_AGREED);
	assert_int_equal(status(), S_AGREED);
}

/* Bits that no device has were accepted: FEATURES_OK must not stick, though all 64 low bits are right. */
static void high_words_are_refused(void **state)
{
	(void)state;
	static const uint32_t words[] = {2, 3, 31, UINT32_MAX};
	for (int i = 0; i < 4; i++) {
		assert_int_equal(negotiate(x, offered(x)), S_AGREED);
		set(x, VIRTIO_MMIO_STATUS, 0);
		set(x, VIRTIO_MMIO_STATUS, S_DRIVER);
		accept_word(words[i], 1);
		accept_word(0, (uint32_t)offered(x));
		accept_word(1, (uint32_t)(offered(x) >> 32));
		set(x, VIRTIO_MMIO_STATUS, S_AGREED);
		assert_int_equal(status(), S_DRIVER);
		assert_true(m->g.offences[OFFENCE_FEATURES_UNKNOWN] > 0);
	}
	assert_int_equal(negotiate(x, offered(x)), S_AGREED); /* a reset forgets it */
}

/* feat.2: a driver may think better of it, in each word that the specification knows, and in some more. */
static void high_words_are_taken_back(void **state)
{
	(void)state;
	for (uint32_t word = 2; word < 9; word++) {
		uint32_t other = word == 2 ? 3 : 2;
		set(x, VIRTIO_MMIO_STATUS, 0);
		set(x, VIRTIO_MMIO_STATUS, S_DRIVER);
		accept_word(0, (uint32_t)offered(x));
		accept_word(1, (uint32_t)(offered(x) >> 32));
		accept_word(word, 0x80000000);
		accept_word(other, 1);
		accept_word(word, 0);
		set(x, VIRTIO_MMIO_STATUS, S_AGREED);
		assert_int_equal(status(), S_DRIVER); /* the other word */
		accept_word(other, 0);
		set(x, VIRTIO_MMIO_STATUS, S_AGREED);
		assert_int_equal(status(), S_AGREED);
	}
	set(x, VIRTIO_MMIO_STATUS, 0);
	set(x, VIRTIO_MMIO_STATUS, S_DRIVER);
	accept_word(1, 1);
	accept_word(9, 1);
	accept_word(10, 0); /* is another one */
	set(x, VIRTIO_MMIO_STATUS, S_AGREED);
	assert_int_equal(status(), S_DRIVER);
}

static void features_are_settled(void **state)
{
	(void)state;
	uint64_t all = offered(x);
	negotiate(x, all);
	for (uint32_t word = 0; word < 4; word++) {
		accept_word(word, 0);
		offence_was(OFFENCE_FEATURES_LATE);
	}
	assert_int_equal(m->blk.vdev.accepted, all);
}

/* -- status ---------------------------------------------------------------------------------------------- */

static void status_bits_stick(void **state)
{
	(void)state;
	assert_int_equal(status(), 0);
	set(x, VIRTIO_MMIO_STATUS, S_ACK);
	assert_int_equal(status(), S_ACK);
	set(x, VIRTIO_MMIO_STATUS, S_ACK); /* again: nothing */
	set(x, VIRTIO_MMIO_STATUS, S_DRIVER);
	assert_int_equal(status(), S_DRIVER);
	set(x, VIRTIO_MMIO_STATUS, S_DRIVER | VIRTIO_CONFIG_S_FAILED);
	assert_int_equal(status(), S_DRIVER | VIRTIO_CONFIG_S_FAILED);
	assert_int_equal(m->g.offences_all, 0);
}

/* drv.status.2: only a reset clears bits. */
static void cleared_bits_are_ignored(void **state)
{
	(void)state;
	machine_boot(m, 0, 8);
	static const uint32_t less[] = {
		S_AGREED, S_DRIVER, S_ACK, VIRTIO_CONFIG_S_DRIVER_OK, VIRTIO_CONFIG_S_FAILED, 0x100};
	for (int i = 0; i < 6; i++) {
		set(x, VIRTIO_MMIO_STATUS, less[i]);
		offence_was(OFFENCE_STATUS_CLEARED);
		assert_int_equal(status(), S_LIVE);
	}
}

static void driver_ok_needs_features_ok(void **state)
{
	(void)state;
	set(x, VIRTIO_MMIO_STATUS, S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK);
	offence_was(OFFENCE_STATUS_ORDER);
	assert_int_equal(status(), S_DRIVER);
}

/* The driver can set neither the device's bit nor bits that do not exist. */
static void unknown_bits_do_not_stick(void **state)
{
	(void)state;
	set(x, VIRTIO_MMIO_STATUS, 0xffffff70 | S_ACK);
	assert_int_equal(status(), S_ACK);
}

/* reset.1, mmio.5, interop 5: everything is as in the beginning when the write of 0 returns, QueueReady
 * included (P12). */
static void reset_is_complete(void **state)
{
	(void)state;
	uint64_t fresh = mmio_hash(x);
	for (uint16_t size = 1; size <= 256; size = (uint16_t)(size * 4)) {
		machine_boot(m, 0, size);
		post(m, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
		kick(m, 0);
		assert_int_not_equal(reg(x, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
		set(x, VIRTIO_MMIO_STATUS, 0);
		assert_int_equal(status(), 0);
		assert_int_equal(reg(x, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
		for (uint32_t i = 0; i < BLK_QUEUES_MAX; i++) {
			set(x, VIRTIO_MMIO_QUEUE_SEL, i);
			assert_int_equal(reg(x, VIRTIO_MMIO_QUEUE_READY), 0);
			assert_int_equal(reg(x, VIRTIO_MMIO_QUEUE_NUM_MAX), BLK_QUEUE_SIZE);
		}
		set(x, VIRTIO_MMIO_STATUS, 0);
		assert_int_equal(mmio_hash(x), fresh);
	}
}

/* -- queue registers ------------------------------------------------------------------------------------- */

/* Interop 2: smaller sizes are taken; what is too large, zero or no power of two leaves the size before. */
static void queue_sizes(void **state)
{
	(void)state;
	const struct vq *q = &m->blk.vdev.queue[1];
	set(x, VIRTIO_MMIO_QUEUE_SEL, 1);
	uint32_t last = 0;
	for (uint32_t size = 0; size <= 600; size++) {
		bool good = size && size <= BLK_QUEUE_SIZE && !(size & (size - 1));
		set(x, VIRTIO_MMIO_QUEUE_NUM, size);
		if (good)
			last = size;
		else
			offence_was(OFFENCE_QUEUE_SIZE);
		assert_int_equal(q->size, last);
	}
	set(x, VIRTIO_MMIO_QUEUE_NUM, 0x10000 | 8); /* not cut to 16 bits */
	offence_was(OFFENCE_QUEUE_SIZE);
	set(x, VIRTIO_MMIO_QUEUE_NUM, 0x80000000);
	offence_was(OFFENCE_QUEUE_SIZE);
}

static void queue_limit_is_the_host_s(void **state)
{
	(void)state;
	vdev_limit_queue(&m->blk.vdev, 0, 16);
	set(x, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(reg(x, VIRTIO_MMIO_QUEUE_NUM_MAX), 16);
	set(x, VIRTIO_MMIO_QUEUE_NUM, 32);
	offence_was(OFFENCE_QUEUE_SIZE);
}

/* drv.mmio.10: the registers of a queue that is ready can not be changed. */
static void live_queue_is_locked(void **state)
{
	(void)state;
	machine_boot(m, 0, 8);
	set(x, VIRTIO_MMIO_QUEUE_SEL, 2);
	uint64_t before = mmio_hash(x);
	static const uint32_t regs[] = {VIRTIO_MMIO_QUEUE_NUM,        VIRTIO_MMIO_QUEUE_DESC_LOW,
					VIRTIO_MMIO_QUEUE_DESC_HIGH,  VIRTIO_MMIO_QUEUE_AVAIL_LOW,
					VIRTIO_MMIO_QUEUE_AVAIL_HIGH, VIRTIO_MMIO_QUEUE_USED_LOW,
					VIRTIO_MMIO_QUEUE_USED_HIGH};
	for (int i = 0; i < 7; i++) {
		set(x, regs[i], 0x40);
		offence_was(OFFENCE_QUEUE_LIVE);
	}
	set(x, VIRTIO_MMIO_QUEUE_READY, 1); /* it is */
	assert_int_equal(m->g.offences_all, 0);
	assert_int_equal(mmio_hash(x), before);
}

static void no_such_queue(void **state)
{
	(void)state;
	static const uint32_t sel[] = {BLK_QUEUES_MAX, VDEV_QUEUES_MAX, VDEV_QUEUES_MAX + 1, 0x10000,
				       UINT32_MAX};
	for (int i = 0; i < 5; i++) {
		set(x, VIRTIO_MMIO_QUEUE_SEL, sel[i]);
		set(x, VIRTIO_MMIO_QUEUE_NUM, 8);
		offence_was(OFFENCE_QUEUE_NONE);
		set(x, VIRTIO_MMIO_QUEUE_USED_HIGH, 8);
		offence_was(OFFENCE_QUEUE_NONE);
		set(x, VIRTIO_MMIO_QUEUE_READY, 1);
		offence_was(OFFENCE_QUEUE_NONE);
		set(x, VIRTIO_MMIO_QUEUE_NOTIFY, sel[i]);
		offence_was(OFFENCE_QUEUE_NONE);
		assert_int_equal(reg(x, VIRTIO_MMIO_QUEUE_READY), 0);
		vdev_run(&m->blk.vdev, (uint16_t)sel[i]);
	}
}

/* A ring that does not fit is refused: QueueReady reads 0. */
static void bad_layout_is_refused(void **state)
{
	(void)state;
	struct ring r;
	set(x, VIRTIO_MMIO_QUEUE_READY, 1); /* nothing set up at all */
	offence_was(OFFENCE_QUEUE_LAYOUT);
	assert_int_equal(reg(x, VIRTIO_MMIO_QUEUE_READY), 0);
	ring_init(&r, &m->g, 0x2000, 8);
	uint64_t *area[3] = {&r.desc, &r.avail, &r.used};
	for (int i = 0; i < 3; i++) {
		uint64_t good = *area[i];
		static const uint64_t bad[] = {1, HOLE, HIGH_END - 16, UINT64_MAX - 15, 1ull << 63};
		for (int k = 0; k < 5; k++) {
			*area[i] = bad[k];
			queue_set(x, 0, &r);
			set(x, VIRTIO_MMIO_QUEUE_READY, 1);
			offence_was(OFFENCE_QUEUE_LAYOUT);
			assert_int_equal(reg(x, VIRTIO_MMIO_QUEUE_READY), 0);
		}
		*area[i] = good;
	}
	queue_enable(x, 0, &r); /* and a second try works */
}

/* -- state hash ------------------------------------------------------------------------------------------ */

static void hash_tells_states_apart(void **state)
{
	(void)state;
	uint64_t seen[8];
	uint32_t n = 0;
	seen[n++] = mmio_hash(x);
	set(x, VIRTIO_MMIO_STATUS, S_ACK);
	seen[n++] = mmio_hash(x);
	accept_word(1, 1);
	seen[n++] = mmio_hash(x);
	machine_boot(m, 0, 8);
	seen[n++] = mmio_hash(x);
	post(m, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	kick(m, 0);
	seen[n++] = mmio_hash(x);
	set(x, VIRTIO_MMIO_INTERRUPT_ACK, 1);
	seen[n++] = mmio_hash(x);
	m->disk.hold = true;
	post(m, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	kick(m, 0);
	seen[n++] = mmio_hash(x);
	blk_resize(&m->blk, 1);
	seen[n++] = mmio_hash(x);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < i; k++)
			assert_int_not_equal(seen[i], seen[k]);
	set(x, VIRTIO_MMIO_STATUS, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(offers),
		T(subsets_are_accepted),
		T(unknown_features_are_refused),
		T(legacy_drivers_are_refused),
		T(halves_are_separate),
		T(high_words_are_refused),
		T(high_words_are_taken_back),
		T(features_are_settled),
		T(status_bits_stick),
		T(cleared_bits_are_ignored),
		T(driver_ok_needs_features_ok),
		T(unknown_bits_do_not_stick),
		T(reset_is_complete),
		T(queue_sizes),
		T(queue_limit_is_the_host_s),
		T(live_queue_is_locked),
		T(no_such_queue),
		T(bad_layout_is_refused),
		T(hash_tells_states_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
