// SPDX-License-Identifier: BSD-2-Clause
/* Clauses on basic facilities (clauses.def) that no other test shows: what is offered, broken devices,
 * resets, the SUSPEND bit. */
#include "compat.h"
#include "devices/rng.h"
#include "tests/unit/disk.h"

#define DATA    0x20000ull
#define SUSPEND 0x10u /* status bit 4 of virtio 1.4 */

static struct machine *m;
static struct mmio *x;
static struct vdev *d;

static void make(const struct blk_options *o, uint32_t can)
{
	if (m)
		machine_free(m);
	m = machine_new(o, can);
	x = &m->mmio;
	d = &m->blk.vdev;
}

static int setup(void **state)
{
	(void)state;
	const struct blk_options o = {.nqueues = 2};
	make(&o, CAN_ALL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_free(m);
	m = NULL;
	return 0;
}

static uint32_t interrupts(void)
{
	uint32_t n = m->g.config_irqs;
	for (int i = 0; i < VDEV_QUEUES_MAX; i++)
		n += m->g.irqs[i];
	return n;
}

/* -- status.3 */

static bool needed_reset;

static void interrupt_after_the_bit(void *ctx, uint16_t source)
{
	if (source == HOST_SOURCE_CONFIG)
		needed_reset = reg(x, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET;
	guest_host.interrupt(ctx, source);
}

static void device_that_breaks_tells_its_driver_once(void **state)
{
	(void)state;
	struct host h = guest_host;
	h.interrupt = interrupt_after_the_bit;
	d->host = &h;
	for (int round = 0; round < 3; round++) {
		needed_reset = false;
		m->g.config_irqs = 0;
		machine_boot(m, 0, 8);
		ring_publish(&m->ring[1], 8); /* no such descriptor */
		kick(m, 1);
		assert_true(needed_reset); /* the bit stood when the notification came */
		assert_int_equal(reg(x, VIRTIO_MMIO_INTERRUPT_STATUS), VDEV_ISR_CONFIG);
		kick(m, 0);
		kick(m, 1);
		blk_resize(&m->blk, SECTORS);
		assert_int_equal(m->g.config_irqs, 1);
	}
}

/* -- feat.1, feat.3, rfeat.9 */

static void no_feature_is_offered_without_what_it_needs(void **state)
{
	(void)state;
	for (uint32_t can = 0; can < 16; can++)
		for (unsigned bit = 0; bit < 24; bit++)
			for (int read_only = 0; read_only < 2; read_only++) {
				const struct blk_options o = {
					.nqueues = 1, .read_only = read_only, .without = BIT(bit)};
				make(&o, can);
				uint64_t f = offered(x);
				assert_false((f & BIT(VIRTIO_BLK_F_CONFIG_WCE)) &&
					     !(f & BIT(VIRTIO_BLK_F_FLUSH)));
				assert_int_equal(f & BIT(bit), 0);
			}
}

static void only_known(uint64_t features, uint64_t types)
{
	const uint64_t common = BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX) |
				BIT(VIRTIO_F_VERSION_1) | VDEV_FEATURES_MORE;
	assert_int_equal(features & ~(common | types), 0);
	assert_true(features & BIT(VIRTIO_F_VERSION_1));
	assert_false(features & BIT(VIRTIO_F_SR_IOV));
}

/* Whatever a host asks for: no reserved bit, none of the legacy interface, none of another device type's. */
static void only_features_that_exist_are_offered(void **state)
{
	(void)state;
	const uint64_t blk = BIT(VIRTIO_BLK_F_SEG_MAX) | BIT(VIRTIO_BLK_F_SIZE_MAX) | BIT(VIRTIO_BLK_F_RO) |
			     BIT(VIRTIO_BLK_F_BLK_SIZE) | BIT(VIRTIO_BLK_F_FLUSH) |
			     BIT(VIRTIO_BLK_F_TOPOLOGY) | BIT(VIRTIO_BLK_F_CONFIG_WCE) |
			     BIT(VIRTIO_BLK_F_MQ) | BIT(VIRTIO_BLK_F_DISCARD) |
			     BIT(VIRTIO_BLK_F_WRITE_ZEROES);
	const struct blk_options o = {.nqueues = BLK_QUEUES_MAX, .read_only = true};
	make(&o, UINT32_MAX);
	vdev_offer(d, VDEV_FEATURES_MORE);
	only_known(offered(x), blk);
	for (uint32_t word = 2; word < 8; word++) {
		set(x, VIRTIO_MMIO_DEVICE_FEATURES_SEL, word);
		assert_int_equal(reg(x, VIRTIO_MMIO_DEVICE_FEATURES), 0);
	}
	static struct rng rng;
	struct mmio y;
	rng_init(&rng, &m->g.mem, &guest_host, &m->g, &(struct rng_backend){0});
	vdev_offer(&rng.vdev, VDEV_FEATURES_MORE);
	mmio_init(&y, &rng.vdev);
	only_known(offered(&y), 0);
}

/* -- rfeat.4, 6, 7 */

static void platform_features_may_be_refused(void **state)
{
	(void)state;
	const uint64_t both = BIT(VIRTIO_F_ACCESS_PLATFORM) | BIT(VIRTIO_F_ORDER_PLATFORM);
	const uint64_t without[] = {0, BIT(VIRTIO_F_ACCESS_PLATFORM), BIT(VIRTIO_F_ORDER_PLATFORM), both};
	vdev_offer(d, both);
	for (int i = 0; i < 4; i++) {
		machine_boot(m, without[i], 8);
		assert_int_equal(d->accepted & both, both & ~without[i]);
		fill(&m->g, DATA, 1024, (uint8_t)i);
		assert_int_equal(request(m, VIRTIO_BLK_T_OUT, 3, DATA, 1024, NULL), VIRTIO_BLK_S_OK);
		assert_int_equal(request(m, VIRTIO_BLK_T_IN, 3, DATA + 4096, 1024, NULL), VIRTIO_BLK_S_OK);
		assert_true(filled(&m->g, DATA + 4096, 1024, (uint8_t)i));
	}
}

/* -- reset.2 */

/* After a reset the rings may hold anything: nobody looks, whatever comes in. */
static void kicks_after_a_reset_touch_nothing(void **state)
{
	(void)state;
	static const uint32_t stages[] = {0, S_ACK, S_DRIVER};
	machine_boot(m, 0, 8);
	post(m, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	post(m, 1, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	set(x, VIRTIO_MMIO_STATUS, 0);
	struct taplog *t = taplog_new(&m->g, 8);
	uint32_t before = interrupts();
	for (int i = 0; i < 3; i++) {
		if (stages[i])
			set(x, VIRTIO_MMIO_STATUS, stages[i]);
		for (uint16_t q = 0; q < 2; q++) {
			kick(m, q);
			vdev_run(d, q);
		}
		blk_publish(&m->blk);
		blk_resize(&m->blk, SECTORS - (unsigned)i);
	}
	run_again(&m->g, d);
	assert_int_equal(t->n, 0);
	assert_int_equal(interrupts(), before);
	assert_int_equal(reg(x, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	taplog_free(t);
}

/* -- vqreset.reenable.1 */

static void nothing_between(const struct taplog *t, uint64_t from, uint64_t to)
{
	for (uint32_t i = 0; i < t->n; i++)
		assert_false(t->ev[i].op != EV_FENCE && t->ev[i].addr + t->ev[i].n > from &&
			     t->ev[i].addr < to);
}

/* Each time elsewhere and of another size: what stood in the registers before is not used any more. */
static void queue_comes_back_where_the_driver_says(void **state)
{
	(void)state;
	vdev_offer(d, BIT(VIRTIO_F_RING_RESET));
	machine_boot(m, 0, 64);
	uint64_t old = m->ring[0].desc;
	for (uint16_t i = 0; i < 6; i++) {
		const uint64_t place = i & 1 ? HIGH : 0x30000;
		set(x, VIRTIO_MMIO_QUEUE_SEL, 0);
		set(x, VIRTIO_MMIO_QUEUE_RESET, 1);
		ring_init(&m->ring[0], &m->g, place, (uint16_t)(4u << i));
		put16(&m->g, ring_used_event(&m->ring[0]), 0);
		queue_enable(x, 0, &m->ring[0]);
		struct taplog *t = taplog_new(&m->g, 8);
		for (int k = 0; k < 9; k++) /* more than the smallest holds */
			assert_int_equal(request(m, VIRTIO_BLK_T_IN, 1, DATA, 512, NULL), VIRTIO_BLK_S_OK);
		nothing_between(t, old, old + 0x1000);
		assert_true(taplog_count(t, EV_STORE, VMEM_USED_IDX) == 9);
		taplog_free(t);
		old = place;
	}
}

/* -- suspend.1 */

static void suspend_bit_means_nothing(void **state)
{
	(void)state;
	static const uint32_t stages[] = {S_ACK, S_DRIVER, S_AGREED, S_LIVE};
	for (int i = 0; i < 4; i++) {
		if (stages[i] == S_LIVE)
			machine_boot(m, 0, 8);
		else
			negotiate(x, offered(x));
		if (stages[i] < S_AGREED) {
			set(x, VIRTIO_MMIO_STATUS, 0);
			set(x, VIRTIO_MMIO_STATUS, stages[i]);
		}
		uint64_t before = mmio_hash(x);
		set(x, VIRTIO_MMIO_STATUS, stages[i] | SUSPEND);
		assert_int_equal(reg(x, VIRTIO_MMIO_STATUS), stages[i]);
		assert_int_equal(mmio_hash(x), before);
	}
	assert_int_equal(request(m, VIRTIO_BLK_T_FLUSH, 0, 0, 0, NULL), VIRTIO_BLK_S_OK);
	assert_int_equal(m->g.offences_all, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(device_that_breaks_tells_its_driver_once),
		T(no_feature_is_offered_without_what_it_needs),
		T(only_features_that_exist_are_offered),
		T(platform_features_may_be_refused),
		T(kicks_after_a_reset_touch_nothing),
		T(queue_comes_back_where_the_driver_says),
		T(suspend_bit_means_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
