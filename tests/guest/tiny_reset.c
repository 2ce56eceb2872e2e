// SPDX-License-Identifier: BSD-2-Clause
/* Cases: a reset, or a queue taken away, while requests are in flight. Their memory is the driver's again
 * when the write returns. */
#include "tests/guest/tiny_blk.h"

#define FLIGHT     16 /* requests */
#define EACH_LEN   1024u
#define FLIGHT_LEN (FLIGHT * EACH_LEN)
#define POISON     0xa5

struct flight {
	struct blk b;
	uint8_t *data;
	struct virtio_blk_outhdr *headers;
	uint8_t *statuses;
};

/* Requests posted with one kick, and not waited for but by a delay that grows from round to round. */
static void take_off(struct flight *f, uint32_t type, uint32_t delay)
{
	for (uint32_t i = 0; i < FLIGHT; i++) {
		f->headers[i] = (struct virtio_blk_outhdr){.type = type, .sector = 400 + 2 * i};
		struct seg s[3] = {{&f->headers[i], sizeof(f->headers[i]), false},
				   {f->data + EACH_LEN * i, EACH_LEN, type == VIRTIO_BLK_T_IN},
				   {&f->statuses[i], 1, true}};
		ring_add(&f->b.ring, s, 3);
	}
	ring_kick(&f->b.ring);
	for (uint64_t end = ticks() + delay; ticks() < end;)
		;
}

static void flight_open(struct flight *f, uint64_t features)
{
	blk_open(&f->b, features, 64);
	f->data = alloc(FLIGHT_LEN);
	f->headers = alloc(PAGE_LEN);
	f->statuses = alloc(PAGE_LEN);
}

static void poison(struct flight *f)
{
	memset((void *)(uint32_t)f->b.ring.desc, POISON, 16 * 64);
	memset((void *)(uint32_t)f->b.ring.avail, POISON, 4 + 2 * 64);
	memset((void *)(uint32_t)f->b.ring.used, POISON, 4 + 8 * 64);
	memset(f->statuses, POISON, 64);
	for (uint32_t i = 0; i < FLIGHT; i++)
		memset(f->data + EACH_LEN * i, POISON, 64);
}

static void expect_poison(const struct flight *f)
{
	EXPECT(filled_with((const void *)(uint32_t)f->b.ring.desc, 16 * 64, POISON));
	EXPECT(filled_with((const void *)(uint32_t)f->b.ring.avail, 4 + 2 * 64, POISON));
	EXPECT(filled_with((const void *)(uint32_t)f->b.ring.used, 4 + 8 * 64, POISON));
	EXPECT(filled_with(f->statuses, 64, POISON));
	for (uint32_t i = 0; i < FLIGHT; i++)
		EXPECT(filled_with(f->data + EACH_LEN * i, 64, POISON));
}

void case_reset_in_flight(void)
{
	struct flight f;
	struct blk next;
	for (uint32_t round = 0; round < 6; round++) {
		context("round", round);
		alloc_reset();
		flight_open(&f, round & 1 ? F_EVENT : 0);
		take_off(&f, VIRTIO_BLK_T_IN, round * 40000);
		dev_reset(f.b.ring.dev);
		EXPECT_EQ(reg_read(f.b.ring.dev, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
		poison(&f);
		blk_open(&next, round & 2 ? F_INDIRECT : 0, (uint16_t)(4 << round % 3));
		blk_works(&next, round);
		idle();
		expect_poison(&f);
		blk_works(&next, round + 1);
	}
}

/* Each sector of a write that a reset overtook holds the old data or the new. */
void case_reset_writes_in_flight(void)
{
	struct flight f;
	struct blk next;
	for (uint32_t round = 0; round < 4; round++) {
		context("round", round);
		alloc_reset();
		flight_open(&f, 0);
		memset(f.data, (int)(0x40 + round), FLIGHT_LEN);
		take_off(&f, VIRTIO_BLK_T_OUT, 0);
		ring_wait(&f.b.ring, FLIGHT);
		f.b.ring.next = 0;
		memset(f.data, (int)(0x50 + round), FLIGHT_LEN);
		take_off(&f, VIRTIO_BLK_T_OUT, round * 40000);
		dev_reset(f.b.ring.dev);
		memset(f.data, 0, FLIGHT_LEN); /* nobody reads this any more */
		blk_open(&next, 0, 4);
		EXPECT_EQ(blk_read(&next, 400, f.data, FLIGHT_LEN), VIRTIO_BLK_S_OK);
		for (uint32_t i = 0; i < FLIGHT_LEN; i += SECTOR_LEN)
			EXPECT(filled_with(f.data + i, SECTOR_LEN, (uint8_t)(0x40 + round)) ||
			       filled_with(f.data + i, SECTOR_LEN, (uint8_t)(0x50 + round)));
	}
}

/* QueueReady = 0, QueueNum = 0 and so on with requests in flight, then the queue anew, the device live all
 * along. */
void case_queue_stop_in_flight(void)
{
	struct flight f;
	struct blk next;
	announce("queue-size");
	for (uint32_t round = 0; round < 6; round++) {
		context("round", round);
		alloc_reset();
		flight_open(&f, 0);
		struct dev *d = f.b.ring.dev;
		take_off(&f, round & 1 ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN, round * 40000);
		reg_write(d, VIRTIO_MMIO_QUEUE_SEL, 0);
		reg_write(d, VIRTIO_MMIO_QUEUE_READY, 0);
		EXPECT_EQ(reg_read(d, VIRTIO_MMIO_QUEUE_READY), 0);
		reg_write(d, VIRTIO_MMIO_QUEUE_NUM,
			  0); /* once a division by zero, when the completion came */
		poison(&f);
		idle();
		ring_alloc(&next.ring, d, 0, (uint16_t)(4 << round % 3));
		EXPECT(ring_enable(&next.ring));
		blk_prepare(&next, d);
		blk_works(&next, round);
		EXPECT_EQ(status_read(d), 15);
		expect_poison(&f);
	}
}
