// SPDX-License-Identifier: BSD-2-Clause
/* Ring features of a device: what is offered, packed rings, IN_ORDER, NOTIFICATION_DATA and RING_RESET
 * through the registers, with a block device above. */
#include "compat.h"
#include "tests/unit/disk.h"

#define DATA 0x20000ull
#define MORE VDEV_FEATURES_MORE

static struct machine *m;
static struct mmio *x;
static struct vdev *d;

static int setup(void **state)
{
	(void)state;
	const struct blk_options o = {.nqueues = 2};
	m = machine_new(&o, CAN_ALL);
	x = &m->mmio;
	d = &m->blk.vdev;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_free(m);
	return 0;
}

static void offence_was(enum offence o)
{
	assert_int_equal(m->g.offences[o], 1);
	assert_int_equal(m->g.offences_all, 1);
	m->g.offences[o] = m->g.offences_all = 0;
}

static void take_packed(uint16_t id, uint32_t len)
{
	struct packed_used u;
	assert_true(packed_take(&m->packed, &u));
	assert_int_equal(u.id, id);
	assert_int_equal(u.len, len);
	assert_int_equal(*at(&m->g, status_at(0, id)), VIRTIO_BLK_S_OK);
}

static void take_packed_none(void)
{
	struct packed_used u;
	assert_false(packed_take(&m->packed, &u));
}

/* -- offering */

static void nothing_more_unless_asked(void **state)
{
	(void)state;
	assert_int_equal(offered(x) & MORE, 0);
	vdev_offer(d, MORE);
	assert_int_equal(offered(x) & MORE, MORE);
	assert_true(offered(x) & BIT(VIRTIO_F_VERSION_1)); /* rfeat.1 */
}

/* Each of them can be refused by the driver, alone; and VERSION_1 is required with all of them (drv.rfeat.1).
 */
static void drivers_choose(void **state)
{
	(void)state;
	vdev_offer(d, MORE);
	for (unsigned bit = 0; bit < 64; bit++) {
		if (!(offered(x) & BIT(bit)))
			continue;
		bool fits = bit != VIRTIO_F_VERSION_1;
		assert_int_equal(negotiate(x, offered(x) & ~BIT(bit)), fits ? S_AGREED : S_DRIVER);
	}
	offence_was(OFFENCE_FEATURES_VERSION);
	d->offered &= ~BIT(VIRTIO_F_RING_PACKED);
	assert_int_equal(negotiate(x, offered(x) | BIT(VIRTIO_F_RING_PACKED)), S_DRIVER);
	offence_was(OFFENCE_FEATURES_UNKNOWN);
}

/* -- packed */

/* Any size below the limit, where packed rings were accepted. */
static void queue_sizes(void **state)
{
	(void)state;
	vdev_offer(d, BIT(VIRTIO_F_RING_PACKED));
	for (int packed = 0; packed < 2; packed++) {
		negotiate(x, offered(x) & ~(packed ? 0 : BIT(VIRTIO_F_RING_PACKED)));
		for (uint32_t size = 0; size <= BLK_QUEUE_SIZE + 1; size++) {
			bool good = size && size <= BLK_QUEUE_SIZE && (packed || !(size & (size - 1)));
			uint16_t before = d->queue[0].size;
			set(x, VIRTIO_MMIO_QUEUE_NUM, size);
			assert_int_equal(d->queue[0].size, good ? size : before);
			if (!good)
				offence_was(OFFENCE_QUEUE_SIZE);
		}
	}
}

/* The size was written while packed was accepted; then the driver thought better of it. */
static void odd_size_does_not_slip_through(void **state)
{
	(void)state;
	vdev_offer(d, BIT(VIRTIO_F_RING_PACKED));
	machine_boot_packed(m, 0, 3);
	set(x, VIRTIO_MMIO_STATUS, 0);
	set(x, VIRTIO_MMIO_STATUS, S_DRIVER);
	set(x, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	set(x, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(offered(x) >> 32));
	const struct ring areas = {
		.size = 3, .desc = m->packed.desc, .avail = m->packed.driver, .used = m->packed.device};
	queue_enable(x, 0, &areas);
	set(x, VIRTIO_MMIO_DRIVER_FEATURES, 1); /* VERSION_1 alone */
	set(x, VIRTIO_MMIO_STATUS, S_AGREED);
	set(x, VIRTIO_MMIO_STATUS, S_LIVE);
	offence_was(OFFENCE_QUEUE_LAYOUT);
	assert_int_equal(reg(x, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_int_equal(d->queue[0].size, 0);
}

/* Reads and writes of all kinds of lengths, many times round rings of odd sizes; interrupts come as asked
 * for. */
static void packed_disk_works(void **state)
{
	(void)state;
	static const uint16_t sizes[] = {3, 5, 7, 64, 100};
	vdev_offer(d, BIT(VIRTIO_F_RING_PACKED));
	for (size_t s = 0; s < 5; s++) {
		machine_boot_packed(m, s & 1 ? BIT(VIRTIO_RING_F_EVENT_IDX) : 0, sizes[s]);
		m->g.irqs[0] = 0;
		for (uint32_t i = 0; i < 300; i++) {
			uint64_t sector = i % 60;
			fill(&m->g, DATA, 1024, (uint8_t)i);
			uint16_t id = post_packed(m, VIRTIO_BLK_T_OUT, sector, DATA, 1024);
			kick(m, 0);
			take_packed(id, 1);
			id = post_packed(m, VIRTIO_BLK_T_IN, sector + 1, DATA + 4096, 512);
			kick(m, 0);
			take_packed(id, 513);
			assert_memory_equal(at(&m->g, DATA + 4096), at(&m->g, DATA + 512), 512);
		}
		assert_int_equal(m->g.irqs[0], 600);
	}
	assert_int_equal(m->g.offences_all, 0);
}

/* Held and answered in any order; batches of several. */
static void packed_disk_out_of_order(void **state)
{
	(void)state;
	uint16_t id[4];
	vdev_offer(d, BIT(VIRTIO_F_RING_PACKED));
	machine_boot_packed(m, 0, 13);
	for (int round = 0; round < 50; round++) {
		m->disk.hold = true;
		for (uint32_t i = 0; i < 4; i++)
			id[i] = post_packed(m, VIRTIO_BLK_T_IN, i, DATA + 512 * i, 512);
		kick(m, 0);
		disk_finish(m, 2, BLK_DONE);
		disk_finish(m, 0, BLK_DONE);
		blk_publish(&m->blk);
		take_packed(id[2], 513);
		take_packed(id[0], 513);
		take_packed_none();
		disk_finish_all(m);
		take_packed(id[1], 513);
		take_packed(id[3], 513);
	}
}

/* -- IN_ORDER */

static void in_order_disk(void **state)
{
	(void)state;
	uint16_t id[3];
	vdev_offer(d, BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_IN_ORDER));
	machine_boot_packed(m, 0, 12);
	m->disk.hold = true;
	for (uint32_t i = 0; i < 3; i++)
		id[i] = post_packed(m, VIRTIO_BLK_T_IN, i, DATA + 512 * i, 512);
	kick(m, 0);
	uint64_t held = vdev_hash(d);
	disk_finish(m, 2, BLK_DONE);
	blk_publish(&m->blk);
	assert_true(vdev_hash(d) != held); /* that one waits is state */
	take_packed_none();
	assert_int_equal(m->g.irqs[0], 0);
	disk_finish(m, 1, BLK_IO_ERROR);
	disk_finish(m, 0, BLK_DONE);
	blk_publish(&m->blk);
	assert_int_equal(m->g.irqs[0], 1);
	struct packed_used u;
	m->packed.ndesc[id[1]] = 6; /* the entry covers the first chain, which was read whole */
	assert_true(packed_take(&m->packed, &u));
	assert_int_equal(u.id, id[1]);
	assert_int_equal(u.len, 0); /* a failed read claims nothing */
	take_packed(id[2], 513);
	take_packed_none();
}

/* -- NOTIFICATION_DATA: mmio, 4.2.3.3 */

static uint16_t used_idx(void)
{
	return ring_used_idx(&m->ring[1]);
}

static void notification_data_names_the_queue(void **state)
{
	(void)state;
	vdev_offer(d, BIT(VIRTIO_F_NOTIFICATION_DATA));
	machine_boot(m, 0, 8);
	post(m, 1, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	set(x, VIRTIO_MMIO_QUEUE_NOTIFY, 1u << 16 | 1);
	assert_int_equal(used_idx(), 1);
	static const uint32_t wrong[] = {0, 0x7777u << 16, 0xffffu << 16}; /* a hint, and the ring decides */
	for (uint16_t i = 0; i < 3; i++) {
		post(m, 1, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
		set(x, VIRTIO_MMIO_QUEUE_NOTIFY, wrong[i] | 1);
		assert_int_equal(used_idx(), i + 2);
	}
	assert_int_equal(m->g.offences_all, 0);
	set(x, VIRTIO_MMIO_QUEUE_NOTIFY, 2);
	offence_was(OFFENCE_QUEUE_NONE);
	set(x, VIRTIO_MMIO_QUEUE_NOTIFY, 0xffff);
	offence_was(OFFENCE_QUEUE_NONE);
	machine_boot(m, BIT(VIRTIO_F_NOTIFICATION_DATA), 8);
	set(x, VIRTIO_MMIO_QUEUE_NOTIFY, 1u << 16 | 1); /* not negotiated: the whole value is the queue */
	offence_was(OFFENCE_QUEUE_NONE);
}

/* -- RING_RESET */

static void reset_queue(uint32_t queue)
{
	set(x, VIRTIO_MMIO_QUEUE_SEL, queue);
	set(x, VIRTIO_MMIO_QUEUE_RESET, 1);
}

/* vqreset.1-2, mmio.10-12: over when the write returns; nothing of it reaches the guest; the other queue goes
 * on. */
static void reset_with_io_in_flight(void **state)
{
	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		vdev_offer(d, BIT(VIRTIO_F_RING_RESET) | BIT(VIRTIO_F_RING_PACKED));
		if (packed)
			machine_boot_packed(m, 0, 8);
		else
			machine_boot(m, BIT(VIRTIO_F_RING_PACKED), 8);
		m->disk.hold = true;
		m->g.irqs[0] = 0;
		for (int i = 0; i < 2; i++)
			packed ? post_packed(m, VIRTIO_BLK_T_IN, 0, DATA, 512)
			       : post(m, 0, VIRTIO_BLK_T_IN, 0, DATA, 512);
		kick(m, 0);
		assert_int_equal(m->disk.nheld, 2);
		reset_queue(0);
		assert_int_equal(reg(x, VIRTIO_MMIO_QUEUE_RESET), 0);
		assert_int_equal(reg(x, VIRTIO_MMIO_QUEUE_READY), 0);
		assert_int_equal(m->disk.nheld, 0);
		assert_int_equal(m->g.irqs[0], 0);
		assert_int_equal(reg(x, VIRTIO_MMIO_STATUS), S_LIVE);
		assert_int_equal(d->queue[0].size, 0);
		if (!packed) {
			m->disk.hold = false;
			post(m, 1, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
			kick(m, 1);
			assert_int_equal(used_idx(), 1);
		}
		kick(m, 0);
		offence_was(OFFENCE_KICK_NOT_READY);
	}
}

/* vqreset.reenable.1: the same queue again, with another size, from an empty ring. */
static void reset_and_enable_again(void **state)
{
	(void)state;
	vdev_offer(d, BIT(VIRTIO_F_RING_RESET));
	machine_boot(m, 0, 64);
	assert_int_equal(request(m, VIRTIO_BLK_T_FLUSH, 0, 0, 0, NULL), VIRTIO_BLK_S_OK);
	for (uint16_t size = 32; size >= 2; size /= 2) {
		reset_queue(0);
		ring_init(&m->ring[0], &m->g, 0x2000, size);
		put16(&m->g, ring_used_event(&m->ring[0]), 0);
		queue_enable(x, 0, &m->ring[0]);
		assert_int_equal(reg(x, VIRTIO_MMIO_QUEUE_RESET), 0); /* mmio.9 */
		for (int i = 0; i < 3; i++)
			assert_int_equal(request(m, VIRTIO_BLK_T_FLUSH, 0, 0, 0, NULL), VIRTIO_BLK_S_OK);
	}
	assert_int_equal(m->g.offences_all, 0);
}

static void reset_of_an_idle_queue(void **state)
{
	(void)state;
	vdev_offer(d, BIT(VIRTIO_F_RING_RESET));
	machine_boot(m, 0, 8);
	reset_queue(0);
	reset_queue(0);
	set(x, VIRTIO_MMIO_QUEUE_NUM, 4);
	set(x, VIRTIO_MMIO_QUEUE_DESC_LOW, 0x1000);
	reset_queue(0); /* forgets what was written for the next time too */
	assert_int_equal(d->queue[0].size, 0);
	assert_int_equal(d->queue[0].area[VQ_DESC].v, 0);
	set(x, VIRTIO_MMIO_QUEUE_SEL, 1);
	set(x, VIRTIO_MMIO_QUEUE_RESET, 0);
	set(x, VIRTIO_MMIO_QUEUE_RESET, 2);
	assert_int_equal(reg(x, VIRTIO_MMIO_QUEUE_READY), 1);
	assert_int_equal(m->g.offences_all, 0);
	reset_queue(2);
	offence_was(OFFENCE_QUEUE_NONE);
	machine_boot(m, BIT(VIRTIO_F_RING_RESET), 8);
	reset_queue(0);
	offence_was(OFFENCE_REG_UNKNOWN); /* not negotiated */
	assert_int_equal(reg(x, VIRTIO_MMIO_QUEUE_READY), 1);
}

/* The type hears of each reset of a ready queue once, whether something is in flight or not (net.mq.3 needs that). */
static struct vdev_ops counting;
static void (*type_queue_reset)(struct vdev *, uint16_t queue);
static uint32_t ntold;

static void count_queue_reset(struct vdev *dev, uint16_t queue)
{
	assert_int_equal(queue, 0);
	ntold++;
	type_queue_reset(dev, queue);
}

static void type_hears_of_resets(void **state)
{
	(void)state;
	counting = *d->ops;
	type_queue_reset = counting.queue_reset;
	counting.queue_reset = count_queue_reset;
	d->ops = &counting;
	vdev_offer(d, BIT(VIRTIO_F_RING_RESET));
	for (int busy = 0; busy < 2; busy++)
		for (int by_ready = 0; by_ready < 2; by_ready++) {
			machine_boot(m, 0, 8);
			ntold = 0;
			m->disk.hold = busy;
			post(m, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
			kick(m, 0);
			assert_int_equal(m->disk.nheld, busy);
			set(x, VIRTIO_MMIO_QUEUE_SEL, 0);
			set(x, by_ready ? VIRTIO_MMIO_QUEUE_READY : VIRTIO_MMIO_QUEUE_RESET, !by_ready);
			assert_int_equal(ntold, 1);
			set(x, by_ready ? VIRTIO_MMIO_QUEUE_READY : VIRTIO_MMIO_QUEUE_RESET, !by_ready);
			assert_int_equal(ntold, 1); /* it is not ready any more */
		}
}

/* -- a queue that becomes ready on a live device --------------------------------------------------------- */

/*
 * drv.split.availnotif.1: of what the device writes a driver clears the flags alone. The wish that some earlier queue left in
 * the event field must not stand, or the driver never kicks, and both sleep.
 */
static void event_field_of_a_queue_set_up_late(void **state)
{
	(void)state;
	vdev_offer(d, BIT(VIRTIO_F_RING_RESET));
	for (uint16_t event = 0; event < 2; event++) {
		machine_boot(m, event ? 0 : BIT(VIRTIO_RING_F_EVENT_IDX), 8);
		struct ring *r = &m->ring[0];
		reset_queue(0);
		ring_init(r, &m->g, r->desc, 8);
		put16(&m->g, ring_used_event(r), 0);
		put16(&m->g, ring_avail_event(r), 0x7000);
		queue_enable(x, 0, r);
		post(m, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
		assert_int_equal(get16(&m->g, r->used) & VRING_USED_F_NO_NOTIFY, 0);
		assert_int_equal(get16(&m->g, ring_avail_event(r)), event ? 0 : 0x7000);
		assert_int_equal(m->disk.nsubmits, 0); /* the driver has not kicked yet, and it will */
	}
	assert_int_equal(m->g.offences_all, 0);
}

/* The same in the packed ring's device area: a position, and flags that ask for none, or for that position. */
static void event_area_of_a_packed_queue_set_up_late(void **state)
{
	(void)state;
	vdev_offer(d, BIT(VIRTIO_F_RING_RESET) | BIT(VIRTIO_F_RING_PACKED));
	for (uint16_t event = 0; event < 2; event++)
		for (uint16_t left = 1; left <= 2; left++) {
			machine_boot_packed(m, event ? 0 : BIT(VIRTIO_RING_F_EVENT_IDX), 8);
			struct packed *p = &m->packed;
			reset_queue(0);
			packed_init(p, &m->g, p->desc, 8);
			put16(&m->g, p->device, POS_WRAP | 5);
			put16(&m->g, p->device + 2, left);
			const struct ring areas = {
				.size = 8, .desc = p->desc, .avail = p->driver, .used = p->device};
			queue_enable(x, 0, &areas);
			assert_int_equal(get16(&m->g, p->device), event ? POS_WRAP : POS_WRAP | 5);
			assert_int_equal(get16(&m->g, p->device + 2), event ? VRING_PACKED_EVENT_FLAG_DESC
									    : VRING_PACKED_EVENT_FLAG_ENABLE);
		}
	assert_int_equal(m->g.offences_all, 0);
}

/* What was made available before is served at once, with its interrupt; a queue that does not become ready is not. */
static void requests_of_a_queue_set_up_late(void **state)
{
	(void)state;
	vdev_offer(d, BIT(VIRTIO_F_RING_RESET));
	machine_boot(m, 0, 8);
	struct ring *r = &m->ring[0];
	for (uint32_t i = 1; i <= 3; i++) {
		reset_queue(0);
		ring_init(r, &m->g, r->desc, 8);
		put16(&m->g, ring_used_event(r), 0);
		post(m, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
		queue_enable(x, 0, r);
		assert_int_equal(ring_used_idx(r), 1);
		assert_int_equal(m->g.irqs[0], i);
		set(x, VIRTIO_MMIO_QUEUE_READY, 1); /* it is */
		assert_int_equal(m->disk.nsubmits, i);
	}
	assert_int_equal(m->g.offences_all, 0);
	ring_publish(r, 99);
	kick(m, 0); /* breaks the device, which then runs nothing */
	reset_queue(0);
	ring_init(r, &m->g, r->desc, 8);
	post(m, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	queue_enable(x, 0, r);
	assert_int_equal(ring_used_idx(r), 0);
	assert_int_equal(m->disk.nsubmits, 3);
}

/* Ring layouts and modes are part of a device's state. */
static void hash_knows_the_ring(void **state)
{
	(void)state;
	uint64_t h[3];
	vdev_offer(d, MORE);
	for (int i = 0; i < 3; i++) {
		machine_boot_packed(m, BIT(VIRTIO_F_ORDER_PLATFORM), 4);
		d->accepted = 0; /* not by the bits themselves */
		d->queue[0].packed = i != 1;
		d->queue[0].in_order = i != 2;
		h[i] = vdev_hash(d);
	}
	assert_true(h[0] != h[1] && h[0] != h[2] && h[1] != h[2]);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(nothing_more_unless_asked),
		T(drivers_choose),
		T(queue_sizes),
		T(odd_size_does_not_slip_through),
		T(packed_disk_works),
		T(packed_disk_out_of_order),
		T(in_order_disk),
		T(notification_data_names_the_queue),
		T(reset_with_io_in_flight),
		T(reset_and_enable_again),
		T(reset_of_an_idle_queue),
		T(type_hears_of_resets),
		T(event_field_of_a_queue_set_up_late),
		T(event_area_of_a_packed_queue_set_up_late),
		T(requests_of_a_queue_set_up_late),
		T(hash_knows_the_ring),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
