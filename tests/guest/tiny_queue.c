// SPDX-License-Identifier: BSD-2-Clause
/* Cases: setting queues up, and kicks at odd times. */
#include "tests/guest/tiny_blk.h"

/* A request of one descriptor, so that the smallest queue can carry it. */
static void indirect_works(uint16_t size)
{
	struct blk b;
	blk_open(&b, F_INDIRECT, size);
	void *table = alloc(PAGE_LEN);
	uint8_t *data = alloc(SECTOR_LEN);
	struct seg s[3] = {
		{b.header, sizeof(*b.header), false}, {data, SECTOR_LEN, false}, {b.status, 1, true}};
	for (uint32_t i = 0; i < 2u * size + 3; i++) { /* around the ring, twice */
		bool read = i & 1;
		context("request", i);
		if (!read)
			pattern_fill(data, SECTOR_LEN, i);
		else
			memset(data, 0, SECTOR_LEN);
		s[1].out = read;
		blk_begin(&b, read ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT, i / 2);
		EXPECT_EQ(blk_run_indirect(&b, table, s, 3), VIRTIO_BLK_S_OK);
		EXPECT_EQ(b.used_len, read ? SECTOR_LEN + 1 : 1);
		if (read)
			pattern_expect(data, SECTOR_LEN, i - 1);
		if (i == 12)
			break; /* the large ones are filled by blk_many and ring_wrap_256 */
	}
}

void case_queue_size_1(void)
{
	indirect_works(1);
}

void case_queue_size_2(void)
{
	struct blk b;
	indirect_works(2);
	blk_open(&b, 0, 2);
	for (uint32_t i = 0; i < 5; i++)
		EXPECT_EQ(blk_do(&b, VIRTIO_BLK_T_FLUSH, 0, NULL, 0, false), VIRTIO_BLK_S_OK);
}

void case_queue_size_4(void)
{
	indirect_works(4);
}

void case_queue_size_128(void)
{
	indirect_works(128);
}

void case_queue_size_256(void)
{
	indirect_works(256);
}

static bool ready_with(struct ring *r, uint32_t desc, uint32_t avail, uint32_t used)
{
	struct ring odd = *r;
	odd.desc = (volatile void *)desc;
	odd.avail = (volatile void *)avail;
	odd.used = (volatile void *)used;
	return ring_enable(&odd);
}

/* A size that is refused leaves none, and a queue without a size does not become ready. */
void case_queue_size_refused(void)
{
	static const uint32_t bad[] = {0, 3, 200, 257, 512, 32768, 65536, 0x10004, 0xffffffff};
	struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	struct ring r;
	announce("queue-size");
	announce("queue-layout");
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		context("size", bad[i]);
		dev_negotiate(d, F_VERSION);
		ring_alloc(&r, d, 0, 16);
		reg_write(d, VIRTIO_MMIO_QUEUE_SEL, 0);
		reg_write(d, VIRTIO_MMIO_QUEUE_NUM, bad[i]);
		reg_write(d, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)r.desc);
		reg_write(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)r.avail);
		reg_write(d, VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)r.used);
		reg_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
		EXPECT_EQ(reg_read(d, VIRTIO_MMIO_QUEUE_READY), 0);
	}
	EXPECT(ring_enable(&r));
}

void case_queue_layout_refused(void)
{
	struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	struct blk b;
	announce("queue-layout");
	dev_negotiate(d, F_VERSION);
	ring_alloc(&b.ring, d, 0, 16);
	uint32_t desc = (uint32_t)b.ring.desc, avail = (uint32_t)b.ring.avail, used = (uint32_t)b.ring.used,
		 end = ram_end();
	EXPECT(!ready_with(&b.ring, desc + 8, avail, used));
	EXPECT(!ready_with(&b.ring, desc, avail + 1, used));
	EXPECT(!ready_with(&b.ring, desc, avail, used + 2));
	EXPECT(!ready_with(&b.ring, end - 16 * 15, avail, used));
	EXPECT(!ready_with(&b.ring, desc, end - 34, used));
	EXPECT(!ready_with(&b.ring, desc, avail, end - 128));
	EXPECT(!ready_with(&b.ring, d->base, avail, used));
	EXPECT(!ready_with(&b.ring, 0xfffffff0, avail, used));
	/* The last bytes of RAM are as good as any: the rings just fit. */
	EXPECT(ready_with(&b.ring, end - 16 * 16, avail, used));
	reg_write(d, VIRTIO_MMIO_QUEUE_READY, 0);
	EXPECT(ready_with(&b.ring, desc, avail, end - 132));
	reg_write(d, VIRTIO_MMIO_QUEUE_READY, 0);
	EXPECT(ring_enable(&b.ring));
	status_add(d, VIRTIO_CONFIG_S_DRIVER_OK);
	blk_prepare(&b, d);
	blk_works(&b, 7);
}

/* The registers of a queue that is ready do not move it. */
void case_queue_live_registers(void)
{
	struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	struct blk b;
	announce("queue-live");
	blk_open(&b, 0, 16);
	uint32_t elsewhere = (uint32_t)alloc(PAGE_LEN);
	blk_works(&b, 8);
	reg_write(d, VIRTIO_MMIO_QUEUE_NUM, 4);
	reg_write(d, VIRTIO_MMIO_QUEUE_DESC_LOW, elsewhere);
	reg_write(d, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, 1);
	reg_write(d, VIRTIO_MMIO_QUEUE_USED_LOW, elsewhere);
	reg_write(d, VIRTIO_MMIO_QUEUE_READY, 1); /* once more: nothing happens */
	for (uint32_t i = 0; i < 8; i++)
		blk_works(&b, i);
}

void case_queue_absent(void)
{
	struct blk b;
	announce("queue-none");
	blk_open(&b, 0, 16);
	struct ring r = b.ring;
	r.queue = 8;
	EXPECT(!ring_enable(&r));
	r.queue = 0xffff;
	EXPECT(!ring_enable(&r));
	blk_works(&b, 9);
}

/* A queue that becomes ready only after DRIVER_OK. */
void case_queue_late_setup(void)
{
	struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	struct blk b;
	dev_negotiate(d, F_VERSION);
	status_add(d, VIRTIO_CONFIG_S_DRIVER_OK);
	ring_alloc(&b.ring, d, 0, 16);
	EXPECT(ring_enable(&b.ring));
	blk_prepare(&b, d);
	blk_works(&b, 10);
}

/* Firmware takes one queue of many. Where the disk has a second one, it works without the first; one queue:
 * it alone. */
void case_queue_second_only(void)
{
	struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	struct blk b;
	reg_write(d, VIRTIO_MMIO_QUEUE_SEL, 1);
	bool second = reg_read(d, VIRTIO_MMIO_QUEUE_NUM_MAX) != 0;
	EXPECT_EQ(second, (features_read(d) & BIT(VIRTIO_BLK_F_MQ)) != 0);
	uint64_t features = features_read(d) & ~(F_PACKED | F_DATA);
	dev_negotiate(d, features);
	ring_alloc(&b.ring, d, second, 8);
	b.ring.event_idx = true;
	EXPECT(ring_enable(&b.ring));
	status_add(d, VIRTIO_CONFIG_S_DRIVER_OK);
	blk_prepare(&b, d);
	blk_works(&b, 11);
}

/* -- kicks ---------------------------------------------------------------------------------------------- */

/* A FLUSH posted and kicked; it must be answered without another kick once something else makes the device
 * live. */
static uint16_t post_flush(struct blk *b)
{
	const struct seg s[2] = {{b->header, sizeof(*b->header), false}, {b->status, 1, true}};
	blk_begin(b, VIRTIO_BLK_T_FLUSH, 0);
	uint16_t head = ring_add(&b->ring, s, 2);
	ring_kick(&b->ring);
	return head;
}

void case_kick_before_driver_ok(void)
{
	struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	struct blk b;
	dev_negotiate(d, F_VERSION);
	ring_alloc(&b.ring, d, 0, 16);
	EXPECT(ring_enable(&b.ring));
	blk_prepare(&b, d);
	uint16_t head = post_flush(&b);
	idle();
	EXPECT_EQ(b.ring.used->idx, 0); /* no buffer is consumed before DRIVER_OK */
	EXPECT_EQ(*b.status, UNWRITTEN);
	status_add(d, VIRTIO_CONFIG_S_DRIVER_OK);
	ring_wait(&b.ring, 1);
	EXPECT_EQ(ring_reap(&b.ring).id, head);
	EXPECT_EQ(*b.status, VIRTIO_BLK_S_OK);
}

void case_kick_not_ready(void)
{
	struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	struct blk b;
	dev_negotiate(d, F_VERSION);
	status_add(d, VIRTIO_CONFIG_S_DRIVER_OK);
	reg_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	idle();
	EXPECT_EQ(status_read(d), 15);
	ring_alloc(&b.ring, d, 0, 16);
	EXPECT(ring_enable(&b.ring));
	blk_prepare(&b, d);
	blk_works(&b, 12);
}

void case_kick_absent(void)
{
	struct blk b;
	announce("queue-none");
	blk_open(&b, 0, 16);
	reg_write(b.ring.dev, VIRTIO_MMIO_QUEUE_NOTIFY, 8);
	reg_write(b.ring.dev, VIRTIO_MMIO_QUEUE_NOTIFY, 0x10000);
	reg_write(b.ring.dev, VIRTIO_MMIO_QUEUE_NOTIFY, 0xffffffff);
	EXPECT_EQ(status_read(b.ring.dev), 15);
	blk_works(&b, 13);
}

/*
 * SeaBIOS keeps its own data right behind the rings, where the event fields would be: without EVENT_IDX
 * nothing there may change, nor anything in what only the driver writes.
 */
void case_ring_neighbours(void)
{
	struct blk b;
	blk_open(&b, 0, 16);
	struct ring *r = &b.ring;
	uint8_t *behind_avail = (uint8_t *)r->avail + 4 + 2 * 16,
		*behind_used = (uint8_t *)r->used + 4 + 8 * 16;
	memset(behind_avail, 0xa5, 64);
	memset(behind_used, 0xa5, 64);
	memset((uint8_t *)(uint32_t)&r->desc[16], 0xa5, 64);
	for (uint32_t i = 0; i < 6; i++)
		blk_works(&b, i);
	EXPECT(filled_with(behind_avail, 64, 0xa5));
	EXPECT(filled_with(behind_used, 64, 0xa5));
	EXPECT(filled_with((uint8_t *)(uint32_t)&r->desc[16], 64, 0xa5));
	EXPECT_EQ(r->avail->flags, 0);
	EXPECT_EQ(r->avail->idx, r->avail_idx);
	EXPECT_EQ(r->desc[0].len, sizeof(*b.header));
	EXPECT_EQ(r->used->flags, 0); /* at rest the device wants kicks */
}
