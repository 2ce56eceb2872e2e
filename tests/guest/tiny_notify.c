// SPDX-License-Identifier: BSD-2-Clause
/* Cases: interrupts through the local APIC, kicks, and when either may be left out. */
#include "tests/guest/tiny_blk.h"

#define WRAP_TICKS (1ull << 30) /* half a second or less */

/* Waits for the request, and long enough behind it that an interrupt would have come. */
static void run_quietly(struct blk *b)
{
	irq_on();
	EXPECT_EQ(blk_do(b, VIRTIO_BLK_T_FLUSH, 0, NULL, 0, false), VIRTIO_BLK_S_OK);
	idle();
	irq_off();
}

void case_irq_used(void)
{
	struct blk b;
	blk_open(&b, 0, 16);
	struct dev *d = b.ring.dev;
	dev_forget_irqs(d);
	for (uint32_t i = 1; i <= 5; i++) {
		context("request", i);
		d->causes = 0;
		EXPECT_EQ(blk_do(&b, VIRTIO_BLK_T_FLUSH, 0, NULL, 0, false), VIRTIO_BLK_S_OK);
		dev_wait_irq(d, IRQ_USED);
		EXPECT_EQ(d->irqs, i); /* one each */
		EXPECT_EQ(d->causes, IRQ_USED);
		EXPECT_EQ(reg_read(d, VIRTIO_MMIO_INTERRUPT_STATUS), 0); /* the handler acknowledged it */
	}
	/* The status register tells even while nobody takes interrupts, until it is acknowledged. */
	EXPECT_EQ(blk_do(&b, VIRTIO_BLK_T_FLUSH, 0, NULL, 0, false), VIRTIO_BLK_S_OK);
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_INTERRUPT_STATUS), IRQ_USED);
	reg_write(d, VIRTIO_MMIO_INTERRUPT_ACK, IRQ_CONFIG);
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_INTERRUPT_STATUS), IRQ_USED);
	reg_write(d, VIRTIO_MMIO_INTERRUPT_ACK, IRQ_USED);
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	announce("ack-bits");
	reg_write(d, VIRTIO_MMIO_INTERRUPT_ACK, 0xfffffffc);
}

void case_irq_flag(void)
{
	struct blk b;
	blk_open(&b, 0, 16);
	struct dev *d = b.ring.dev;
	b.ring.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	dev_forget_irqs(d);
	for (uint32_t i = 0; i < 3; i++)
		run_quietly(&b);
	EXPECT_EQ(d->irqs, 0);
	b.ring.avail->flags = 0;
	run_quietly(&b);
	dev_wait_irq(d, IRQ_USED);
	EXPECT_EQ(d->irqs, 1);
}

/* An interrupt comes when the used index passes used_event, and only then; here across 0 of a fresh ring,
 * too. */
void case_irq_event_idx(void)
{
	struct blk b;
	blk_open(&b, F_EVENT, 16);
	struct dev *d = b.ring.dev;
	dev_forget_irqs(d);
	for (uint16_t round = 0; round < 3; round++) {
		uint16_t event = (uint16_t)(b.ring.used_idx + 3);
		context("round", round);
		ring_set_used_event(&b.ring, event); /* the 4th from here */
		for (unsigned i = 0; i < 3; i++) {
			run_quietly(&b);
			EXPECT_EQ(d->irqs, round);
		}
		run_quietly(&b);
		dev_wait_irq(d, IRQ_USED);
		EXPECT_EQ(d->irqs, round + 1u);
		d->causes = 0;
	}
	ring_set_used_event(&b.ring,
			    (uint16_t)(b.ring.used_idx - 1)); /* passed already: a whole round away */
	run_quietly(&b);
	EXPECT_EQ(d->irqs, 3);
}

/* The driver kicks only where the device asked for it, and nothing is left lying. */
void case_kick_event_idx(void)
{
	struct blk b;
	uint32_t kicks = 0;
	blk_open(&b, F_EVENT, 64);
	const struct seg s[2] = {{b.header, sizeof(*b.header), false}, {b.status, 1, true}};
	for (uint32_t round = 0; round < 24; round++) {
		context("round", round);
		for (uint32_t i = 0; i < 1 + round % 8; i++) {
			blk_begin(&b, VIRTIO_BLK_T_FLUSH, 0);
			ring_add(&b.ring, s, 2);
			kicks += ring_kick_if_wanted(&b.ring);
		}
		ring_wait(&b.ring, (uint16_t)(1 + round % 8));
		while (b.ring.used_idx != b.ring.avail_idx)
			EXPECT_EQ(ring_reap(&b.ring).len, 1);
	}
	EXPECT(kicks >= 1 && kicks <= b.ring.avail_idx);
	patience_begin(); /* at rest it wants to hear of the very next one */
	while (ring_avail_event(&b.ring) != b.ring.avail_idx)
		if (patience_over())
			FAIL("avail_event does not follow");
}

void case_kick_flag(void)
{
	struct blk b;
	blk_open(&b, 0, 64);
	const struct seg s[2] = {{b.header, sizeof(*b.header), false}, {b.status, 1, true}};
	for (uint32_t round = 0; round < 24; round++) {
		context("round", round);
		for (uint32_t i = 0; i < 1 + round % 8; i++) {
			blk_begin(&b, VIRTIO_BLK_T_FLUSH, 0);
			ring_add(&b.ring, s, 2);
			ring_kick_if_wanted(&b.ring);
		}
		ring_wait(&b.ring, (uint16_t)(1 + round % 8));
		while (b.ring.used_idx != b.ring.avail_idx)
			ring_reap(&b.ring);
	}
}

/* -- the indices wrap ----------------------------------------------------------------------------------- */

static void expect_whole_round(struct ring *r)
{
	uint32_t ids = 0;
	for (uint16_t i = 0; i < r->size; i++) {
		volatile struct vring_used_elem *e = (volatile void *)&r->used->ring[i];
		EXPECT_EQ(e->len, 21);
		ids += e->id;
		e->len = 0;
	}
	EXPECT_EQ(ids, r->size * (r->size - 1u) / 2);
}

/*
 * GET_ID requests, a whole ring with each kick, whose descriptors never change: all slots name the same
 * indirect table, so a round costs the guest little more than a store and a kick.
 */
static void wrap(uint16_t size, uint32_t at_least, uint32_t total)
{
	struct blk b;
	blk_open(&b, F_INDIRECT, size);
	struct ring *r = &b.ring;
	const struct seg s[3] = {
		{b.header, sizeof(*b.header), false}, {alloc(PAGE_LEN), 20, true}, {b.status, 1, true}};
	void *table = alloc(PAGE_LEN);
	uint64_t end = ticks() + WRAP_TICKS;
	blk_begin(&b, VIRTIO_BLK_T_GET_ID, 0);
	r->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	for (uint16_t i = 0; i < size; i++)
		ring_add_indirect(r, table, s, 3);
	uint32_t done = 0;
	for (; done < total && (done < at_least || ticks() < end); done += size) {
		context("request", done);
		ring_kick(r);
		ring_wait(r, size);
		if (size < 16 || done % 4096 == 0)
			expect_whole_round(r);
		r->used_idx = r->avail_idx;
		r->avail_idx = (uint16_t)(r->avail_idx + size);
	}
	put_text("# ");
	put_dec(done);
	put_text(" requests\n");
}

void case_ring_wrap_4(void)
{
	wrap(4, 1024, 70000);
}

void case_ring_wrap_256(void)
{
	wrap(256, 70000, 70000);
}
