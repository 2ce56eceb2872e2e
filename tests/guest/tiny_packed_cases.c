// SPDX-License-Identifier: BSD-2-Clause
/* Cases: the packed ring. */
#include "tests/guest/tiny_packed.h"

static void open_disk(struct packed *p, struct blk *b, uint64_t features, uint16_t size)
{
	struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	packed_open(p, d, features, size);
	blk_prepare(b, d);
}

/* A FLUSH of two slots. */
static uint16_t add_flush(struct packed *p, struct blk *b)
{
	const struct seg s[2] = {{b->header, sizeof(*b->header), false}, {b->status, 1, true}};
	blk_begin(b, VIRTIO_BLK_T_FLUSH, 0);
	return packed_add(p, s, 2);
}

/* Any size will do, not only powers of two; around the ring more than once. */
void case_packed_sizes(void)
{
	static const uint16_t sizes[] = {1, 2, 3, 5, 7, 100, 255, 256};
	struct packed p;
	struct blk b;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		context("size", sizes[i]);
		alloc_reset();
		open_disk(&p, &b, F_INDIRECT, sizes[i]);
		void *table = alloc(PAGE_LEN);
		for (uint32_t k = 0; k < 8; k++)
			packed_works(&p, &b, sizes[i] < 3 || k & 1 ? table : NULL, k);
	}
}

/* Lists of two and three slots in a ring of seven: they wrap at every place. */
void case_packed_lists(void)
{
	struct packed p;
	struct blk b;
	open_disk(&p, &b, 0, 7);
	for (uint32_t i = 0; i < 12; i++) {
		context("round", i);
		packed_works(&p, &b, NULL, i);
		EXPECT_EQ(packed_run(&p, add_flush(&p, &b)), 1);
		EXPECT_EQ(*b.status, VIRTIO_BLK_S_OK);
	}
}

/* A table may be longer than the ring. */
void case_packed_indirect(void)
{
	struct packed p;
	struct blk b;
	struct seg s[18];
	open_disk(&p, &b, F_INDIRECT | F_EVENT, 2);
	uint8_t *data = alloc(16 * SECTOR_LEN), *table = alloc(PAGE_LEN);
	for (unsigned read = 0; read < 2; read++) {
		s[0] = (struct seg){b.header, sizeof(*b.header), false};
		for (unsigned i = 0; i < 16; i++)
			s[1 + i] = (struct seg){data + i * SECTOR_LEN, SECTOR_LEN, read};
		s[17] = (struct seg){b.status, 1, true};
		if (read)
			memset(data, 0, 16 * SECTOR_LEN);
		else
			pattern_fill(data, 16 * SECTOR_LEN, 77);
		blk_begin(&b, read ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT, 200);
		EXPECT_EQ(packed_run(&p, packed_add_indirect(&p, table + 2, s, 18)),
			  read ? 16 * SECTOR_LEN + 1 : 1);
		EXPECT_EQ(*b.status, VIRTIO_BLK_S_OK);
	}
	pattern_expect(data, 16 * SECTOR_LEN, 77);
}

/* A ring without a free slot, with one kick; answers come in any order, each once (packed_reap sees to that).
 */
void case_packed_full(void)
{
	struct packed p;
	struct blk b;
	open_disk(&p, &b, F_INDIRECT, 255);
	uint8_t *data = alloc(4 * PAGE_LEN);
	for (uint32_t round = 0; round < 3; round++) {
		context("round", round);
		blk_begin(&b, VIRTIO_BLK_T_IN, round);
		for (uint32_t i = 0; i < 85; i++) {
			const struct seg s[3] = {{b.header, sizeof(*b.header), false},
						 {data + (i % 16) * SECTOR_LEN, SECTOR_LEN, true},
						 {b.status, 1, true}};
			packed_add(&p, s, 3);
		}
		packed_kick(&p);
		while (p.inflight)
			EXPECT_EQ(packed_reap(&p).len, SECTOR_LEN + 1);
	}
}

/* -- notifications -------------------------------------------------------------------------------------- */

static void flush_quietly(struct packed *p, struct blk *b)
{
	irq_on();
	packed_run(p, add_flush(p, b));
	idle();
	irq_off();
}

void case_packed_irq(void)
{
	struct packed p;
	struct blk b;
	open_disk(&p, &b, 0, 16);
	struct dev *d = p.dev;
	dev_forget_irqs(d);
	for (uint32_t i = 1; i <= 9; i++) {
		context("request", i);
		d->causes = 0;
		packed_run(&p, add_flush(&p, &b));
		dev_wait_irq(d, IRQ_USED);
		EXPECT_EQ(d->irqs, i);
	}
	packed_wish(&p, VRING_PACKED_EVENT_FLAG_DISABLE, 0);
	for (uint32_t i = 0; i < 9; i++)
		flush_quietly(&p, &b);
	EXPECT_EQ(d->irqs, 9);
	packed_wish(&p, VRING_PACKED_EVENT_FLAG_ENABLE, 0);
	d->causes = 0;
	flush_quietly(&p, &b);
	dev_wait_irq(d, IRQ_USED);
	EXPECT_EQ(d->irqs, 10);
}

/* An interrupt when the slot that was asked for is used, and not before: in every round of the ring. */
void case_packed_irq_event(void)
{
	struct packed p;
	struct blk b;
	open_disk(&p, &b, F_EVENT, 7);
	struct dev *d = p.dev;
	dev_forget_irqs(d);
	for (uint32_t round = 0; round < 7; round++) {
		context("round", round);
		packed_wish(&p, VRING_PACKED_EVENT_FLAG_DESC, 4); /* the third request's first slot */
		for (uint32_t i = 0; i < 2; i++) {
			flush_quietly(&p, &b);
			EXPECT_EQ(d->irqs, round);
		}
		d->causes = 0;
		flush_quietly(&p, &b);
		dev_wait_irq(d, IRQ_USED);
		EXPECT_EQ(d->irqs, round + 1);
	}
}

/* The driver kicks only where the device asked for it, and nothing is left lying. */
static void kicks(uint64_t features)
{
	struct packed p;
	struct blk b;
	uint32_t n = 0;
	open_disk(&p, &b, features, 31);
	for (uint32_t round = 0; round < 24; round++) {
		context("round", round);
		for (uint32_t i = 0; i < 1 + round % 8; i++) {
			add_flush(&p, &b);
			n += packed_kick_if_wanted(&p);
		}
		while (p.inflight)
			EXPECT_EQ(packed_reap(&p).len, 1);
	}
	EXPECT(n >= 1);
	patience_begin(); /* at rest it wants to hear of the very next one */
	uint16_t at_rest = features & F_EVENT ? VRING_PACKED_EVENT_FLAG_DESC : VRING_PACKED_EVENT_FLAG_ENABLE;
	while (p.device->flags != at_rest ||
	       (features & F_EVENT && p.device->off_wrap != (p.avail | p.avail_wrap << 15)))
		if (patience_over())
			FAIL("the device does not ask for the next kick");
}

void case_packed_kick(void)
{
	kicks(0);
}

void case_packed_kick_event(void)
{
	kicks(F_EVENT);
}

/* -- what must stay as it is ---------------------------------------------------------------------------- */

/* Four bytes are the device's event suppression; the driver's, and what lies behind either, are not. */
void case_packed_neighbours(void)
{
	struct packed p;
	struct blk b;
	open_disk(&p, &b, 0, 16);
	memset((uint8_t *)(uint32_t)p.driver + 4, 0xa5, 64);
	memset((uint8_t *)(uint32_t)p.device + 4, 0xa5, 64);
	memset((uint8_t *)(uint32_t)&p.desc[16], 0xa5, 64);
	for (uint32_t i = 0; i < 9; i++)
		packed_works(&p, &b, NULL, i);
	EXPECT(filled_with((uint8_t *)(uint32_t)p.driver + 4, 64, 0xa5));
	EXPECT(filled_with((uint8_t *)(uint32_t)p.device + 4, 64, 0xa5));
	EXPECT(filled_with((uint8_t *)(uint32_t)&p.desc[16], 64, 0xa5));
	EXPECT_EQ(p.driver->flags, 0);
	EXPECT_EQ(p.driver->off_wrap, 0);
}

void case_packed_reset_in_flight(void)
{
	struct packed p;
	struct blk b;
	for (uint32_t round = 0; round < 4; round++) {
		context("round", round);
		alloc_reset();
		open_disk(&p, &b, round & 1 ? F_EVENT : 0, 48);
		uint8_t *data = alloc(16 * 1024);
		blk_begin(&b, VIRTIO_BLK_T_IN, 400);
		for (uint32_t i = 0; i < 16; i++) {
			const struct seg s[3] = {{b.header, sizeof(*b.header), false},
						 {data + 1024 * i, 1024, true},
						 {b.status, 1, true}};
			packed_add(&p, s, 3);
		}
		packed_kick(&p);
		for (uint64_t end = ticks() + round * 40000; ticks() < end;)
			;
		dev_reset(p.dev);
		memset((void *)(uint32_t)p.desc, 0xa5, 16 * 48);
		memset((void *)(uint32_t)p.device, 0xa5, 4);
		memset(data, 0xa5, 16 * 1024);
		struct packed next;
		packed_open(&next, p.dev, 0, 7);
		packed_works(&next, &b, NULL, round);
		idle();
		EXPECT(filled_with((void *)(uint32_t)p.desc, 16 * 48, 0xa5));
		EXPECT(filled_with((void *)(uint32_t)p.device, 4, 0xa5));
		EXPECT(filled_with(data, 16 * 1024, 0xa5));
	}
}

void case_packed_rng(void)
{
	struct packed p;
	packed_open(&p, dev_find(VIRTIO_ID_RNG, 0), F_EVENT, 10);
	uint8_t *to = alloc(PAGE_LEN);
	for (uint32_t i = 0; i < 40; i++) {
		const struct seg s[1] = {{to + 64 * i, 32, true}};
		EXPECT_EQ(packed_run(&p, packed_add(&p, s, 1)), 32);
		EXPECT(!filled_with(to + 64 * i, 32, 0));
		EXPECT(filled_with(to + 64 * i + 32, 32, 0));
	}
}

/* -- offences ------------------------------------------------------------------------------------------- */

static void expect_broken(struct packed *p, struct blk *b)
{
	packed_kick(p);
	dev_wait_irq(p->dev, IRQ_CONFIG);
	EXPECT_EQ(status_read(p->dev), 15 | VIRTIO_CONFIG_S_NEEDS_RESET);
	EXPECT(!packed_has_used(p));
	packed_open(p, p->dev, 0, 16);
	packed_works(p, b, NULL, 3);
}

void case_packed_id_range(void)
{
	struct packed p;
	struct blk b;
	open_disk(&p, &b, 0, 16);
	dev_forget_irqs(p.dev);
	announce("id-range");
	packed_post(&p, b.status, 1, 16, VRING_DESC_F_WRITE);
	expect_broken(&p, &b);
}

void case_packed_indirect_list(void)
{
	struct packed p;
	struct blk b;
	open_disk(&p, &b, F_INDIRECT, 16);
	dev_forget_irqs(p.dev);
	announce("indirect-list");
	packed_post(&p, alloc(PAGE_LEN), 32, 0, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT);
	expect_broken(&p, &b);
}
