// SPDX-License-Identifier: BSD-2-Clause
/*
 * Cases: IN_ORDER, NOTIFICATION_DATA, RING_RESET, and the platform's features, on both kinds of rings. No
 * stock kernel that the boot test uses accepts the first three from virtio-mmio.
 */
#include "tests/guest/tiny_packed.h"

#define FLIGHT 16 /* requests */

static struct dev *disk(void)
{
	return dev_find(VIRTIO_ID_BLOCK, 0);
}

/* tiny-run.sh asks for all of them on the first disk; the second one and the entropy device have what is on
 * by default. */
void case_more_offered(void)
{
	const uint64_t more = F_PACKED | F_IN_ORDER | F_DATA | F_RESET | F_PLATFORM;
	EXPECT((features_read(disk()) & more) == more);
	EXPECT((features_read(dev_find(VIRTIO_ID_BLOCK, 1)) & more) == (F_PACKED | F_RESET));
	EXPECT((features_read(dev_find(VIRTIO_ID_RNG, 0)) & more) == (F_PACKED | F_RESET));
}

void case_more_platform(void)
{
	struct blk b;
	struct packed p;
	blk_open(&b, F_PLATFORM, 16);
	blk_works(&b, 1);
	packed_open(&p, disk(), F_PLATFORM, 16);
	packed_works(&p, &b, NULL, 2);
}

/* -- IN_ORDER ------------------------------------------------------------------------------------------- */

/* Large and small requests, so that a disk may finish them in another order. */
static void take_off(struct blk *b, uint8_t *data, void (*add)(void *ring, const struct seg *), void *ring)
{
	struct virtio_blk_outhdr *h = alloc(PAGE_LEN);
	for (uint32_t i = 0; i < FLIGHT; i++) {
		h[i] = (struct virtio_blk_outhdr){.type = VIRTIO_BLK_T_IN, .sector = 8 * i};
		const struct seg s[3] = {{&h[i], sizeof(h[i]), false},
					 {data, i & 1 ? SECTOR_LEN : 32 * SECTOR_LEN, true},
					 {b->status, 1, true}};
		add(ring, s);
	}
}

static void add_split(void *ring, const struct seg *s)
{
	ring_add(ring, s, 3);
}

static void add_packed(void *ring, const struct seg *s)
{
	packed_add(ring, s, 3);
}

static uint32_t in_order_len(uint32_t nth)
{
	return (nth & 1 ? SECTOR_LEN : 32 * SECTOR_LEN) + 1;
}

/* An entry names the last chain of those that it stands for, and stands where the first one's would. */
void case_in_order_split(void)
{
	struct blk b;
	blk_open(&b, F_IN_ORDER, 64);
	uint8_t *data = alloc(32 * SECTOR_LEN);
	for (uint32_t round = 0; round < 4; round++) {
		context("round", round);
		take_off(&b, data, add_split, &b.ring);
		ring_kick(&b.ring);
		ring_wait(&b.ring, FLIGHT);
		for (uint32_t done = 0; done < FLIGHT;) {
			volatile struct vring_used_elem *e =
				(volatile void *)&b.ring.used->ring[b.ring.used_idx % 64];
			uint32_t last = e->id / 3;
			EXPECT(e->id % 3 == 0 && last >= done && last < FLIGHT);
			EXPECT_EQ(e->len, in_order_len(last));
			for (; done <= last; done++)
				ring_reap(&b.ring);
		}
	}
	blk_works(&b, 9);
}

void case_in_order_packed(void)
{
	struct blk b;
	struct packed p;
	packed_open(&p, disk(), F_IN_ORDER, 50);
	blk_prepare(&b, p.dev);
	uint8_t *data = alloc(32 * SECTOR_LEN);
	for (uint32_t round = 0; round < 4; round++) {
		context("round", round);
		take_off(&b, data, add_packed, &p);
		packed_kick(&p);
		while (p.inflight) {
			uint32_t len = packed_reap(&p).len;
			EXPECT_EQ(len, in_order_len(FLIGHT - 1u - p.inflight));
		}
	}
	packed_works(&p, &b, NULL, 9);
}

/* -- NOTIFICATION_DATA: the device goes by the queue alone; how far we say we are is a hint ------------- */

static void kick_by_plain_value_again(void)
{
	struct blk b;
	blk_open(&b, 0, 16);
	for (uint32_t i = 0; i < 4; i++)
		blk_works(&b, i);
}

void case_notify_data_split(void)
{
	struct blk b;
	for (uint32_t round = 0; round < 3; round++) {
		blk_open(&b, F_DATA | (round & 1 ? F_EVENT : 0), 16);
		for (uint32_t i = 0; i < 20; i++)
			blk_works(&b, i);
		/* a hint that is wrong */
		const struct seg flush[2] = {{b.header, sizeof(*b.header), false}, {b.status, 1, true}};
		blk_begin(&b, VIRTIO_BLK_T_FLUSH, 0);
		ring_add(&b.ring, flush, 2);
		ring_publish(&b.ring);
		reg_write(b.ring.dev, VIRTIO_MMIO_QUEUE_NOTIFY, 0xabcd0000);
		ring_wait(&b.ring, 1);
		ring_reap(&b.ring);
		kick_by_plain_value_again();
	}
	announce("queue-none");
	blk_open(&b, F_DATA, 16);
	reg_write(b.ring.dev, VIRTIO_MMIO_QUEUE_NOTIFY, 0x00010008);
	blk_works(&b, 1);
}

void case_notify_data_packed(void)
{
	struct blk b;
	struct packed p;
	for (uint32_t round = 0; round < 3; round++) {
		packed_open(&p, disk(), F_DATA | (round & 1 ? F_EVENT : 0), 7);
		blk_prepare(&b, p.dev);
		for (uint32_t i = 0; i < 20; i++)
			packed_works(&p, &b, NULL, i);
		kick_by_plain_value_again();
	}
}

/* -- RING_RESET ----------------------------------------------------------------------------------------- */

static void queue_reset(const struct dev *d)
{
	reg_write(d, VIRTIO_MMIO_QUEUE_SEL, 0);
	reg_write(d, VIRTIO_MMIO_QUEUE_RESET, 1);
	patience_begin();
	while (reg_read(d, VIRTIO_MMIO_QUEUE_RESET) != 0)
		if (patience_over())
			FAIL("the queue's reset does not end");
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_QUEUE_READY), 0);
}

/* Where it was not negotiated there is no such register. */
void case_ring_reset_absent(void)
{
	struct blk b;
	announce("reg-unknown");
	blk_open(&b, 0, 16);
	reg_write(b.ring.dev, VIRTIO_MMIO_QUEUE_SEL, 0);
	reg_write(b.ring.dev, VIRTIO_MMIO_QUEUE_RESET, 1);
	EXPECT_EQ(reg_read(b.ring.dev, VIRTIO_MMIO_QUEUE_READY), 1);
	blk_works(&b, 4);
}

/* What was in flight is neither stored nor answered, and its memory is ours; the device stays live all along.
 */
void case_ring_reset_split(void)
{
	struct blk b;
	for (uint32_t round = 0; round < 6; round++) {
		context("round", round);
		alloc_reset();
		blk_open(&b, F_RESET | (round & 1 ? F_DATA : 0), 64);
		struct dev *d = b.ring.dev;
		uint8_t *data = alloc(32 * SECTOR_LEN);
		take_off(&b, data, add_split, &b.ring);
		ring_kick(&b.ring);
		queue_reset(d);
		memset(data, 0xa5, 32 * SECTOR_LEN);
		memset((void *)(uint32_t)b.ring.used, 0xa5, 4 + 8 * 64);
		struct ring old = b.ring;
		ring_alloc(&b.ring, d, 0, (uint16_t)(4 << round % 3));
		b.ring.notify_data = old.notify_data;
		EXPECT(ring_enable(&b.ring));
		blk_works(&b, round);
		idle();
		EXPECT_EQ(status_read(d), 15);
		EXPECT(filled_with(data, 32 * SECTOR_LEN, 0xa5));
		EXPECT(filled_with((void *)(uint32_t)old.used, 4 + 8 * 64, 0xa5));
	}
}

void case_ring_reset_packed(void)
{
	struct blk b;
	struct packed p;
	for (uint32_t round = 0; round < 6; round++) {
		uint64_t features = F_RESET | (round & 1 ? F_IN_ORDER : 0);
		context("round", round);
		alloc_reset();
		packed_open(&p, disk(), features, 50);
		blk_prepare(&b, p.dev);
		uint8_t *data = alloc(32 * SECTOR_LEN);
		packed_works(&p, &b, NULL, round);
		take_off(&b, data, add_packed, &p);
		packed_kick(&p);
		queue_reset(p.dev);
		memset(data, 0xa5, 32 * SECTOR_LEN);
		memset((void *)(uint32_t)p.desc, 0xa5, 16 * 48);
		volatile struct vring_packed_desc *old = p.desc;
		EXPECT(packed_enable(&p, p.dev, features, (uint16_t)(3 + round)));
		packed_works(&p, &b, NULL, round);
		idle();
		EXPECT_EQ(status_read(p.dev), 15);
		EXPECT(filled_with(data, 32 * SECTOR_LEN, 0xa5));
		EXPECT(filled_with((void *)(uint32_t)old, 16 * 48, 0xa5));
	}
}
