// SPDX-License-Identifier: BSD-2-Clause
/*
 * Cases: rings that break a rule. The device must say so (DEVICE_NEEDS_RESET and a configuration interrupt),
 * leave everything that was in flight unpublished, do nothing until it is reset, and work after that.
 */
#include "tests/guest/tiny_blk.h"

#define QUEUE_SIZE 256

typedef void spoil_fn(struct blk *);

static void post_good(struct blk *b, uint8_t *data)
{
	const struct seg s[3] = {
		{b->header, sizeof(*b->header), false}, {data, 512, true}, {b->status, 1, true}};
	blk_begin(b, VIRTIO_BLK_T_IN, 1);
	ring_add(&b->ring, s, 3);
}

static void expect_broken(struct dev *d)
{
	dev_wait_irq(d, IRQ_CONFIG);
	EXPECT_EQ(status_read(d), 15 | VIRTIO_CONFIG_S_NEEDS_RESET);
}

static void offend(const char *name, uint64_t features, spoil_fn *spoil)
{
	struct blk b;
	blk_open(&b, features, QUEUE_SIZE);
	struct dev *d = b.ring.dev;
	uint8_t *data = alloc(PAGE_LEN);
	blk_works(&b, 30);
	dev_forget_irqs(d);
	announce(name);
	uint16_t used = b.ring.used_idx;
	post_good(&b, data); /* in flight when the rule is broken */
	spoil(&b);
	ring_kick(&b.ring);
	expect_broken(d);
	EXPECT_EQ(b.ring.used->idx, used);
	reg_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	idle();
	EXPECT_EQ(b.ring.used->idx, used);
	EXPECT_EQ(status_read(d), 15 | VIRTIO_CONFIG_S_NEEDS_RESET);
	dev_reset(d);
	blk_open(&b, 0, 16);
	blk_works(&b, 31);
}

/* Puts a chain of raw descriptors from index 16 on behind what the good request takes. */
static volatile struct vring_desc *raw(struct blk *b)
{
	ring_post(&b->ring, 16);
	return b->ring.desc;
}

/* The header in descriptor 16, going on in 17. */
static volatile struct vring_desc *raw_header(struct blk *b)
{
	volatile struct vring_desc *d = raw(b);
	desc_set(&d[16], (uint32_t)b->header, sizeof(*b->header), VRING_DESC_F_NEXT, 17);
	return d;
}

static void avail_jump(struct blk *b)
{
	b->ring.avail_idx = (uint16_t)(b->ring.avail_idx + QUEUE_SIZE);
}

void case_offence_avail_jump(void)
{
	offend("avail-jump", 0, avail_jump);
}

static void head_range(struct blk *b)
{
	ring_post(&b->ring, QUEUE_SIZE);
}

void case_offence_head_range(void)
{
	offend("head-range", 0, head_range);
}

/*
 * A head twice in a row is an offence only while the first is in flight; a backend that answers at once makes
 * it two good requests. Either way nothing worse may happen.
 */
void case_offence_head_in_flight(void)
{
	struct blk b;
	blk_open(&b, 0, QUEUE_SIZE);
	struct dev *d = b.ring.dev;
	uint8_t *data = alloc(PAGE_LEN);
	post_good(&b, data);
	ring_post(&b.ring, 0);
	ring_kick(&b.ring);
	patience_begin();
	while (b.ring.used->idx != 2 && !(status_read(d) & VIRTIO_CONFIG_S_NEEDS_RESET))
		if (patience_over())
			FAIL("neither answered nor refused");
	if (b.ring.used->idx != 2)
		announce("head-in-flight");
	blk_open(&b, 0, 16);
	blk_works(&b, 32);
}

static void next_range(struct blk *b)
{
	raw_header(b)[16].next = QUEUE_SIZE;
}

void case_offence_next_range(void)
{
	offend("next-range", 0, next_range);
}

static void chain_loop(struct blk *b)
{
	volatile struct vring_desc *d = raw_header(b);
	desc_set(&d[17], (uint32_t)b->header, 0, VRING_DESC_F_NEXT, 17);
}

void case_offence_chain_loop(void)
{
	/* Whichever bound it meets first: more descriptors than the table has, or more segments than a chain
	 * may. */
	offend("chain-segments", 0, chain_loop);
}

static void chain_loop_indirect(struct blk *b)
{
	volatile struct vring_desc *d = raw_header(b), *table = alloc(PAGE_LEN);
	desc_set(&d[17], (uint32_t)table, 4 * 16, VRING_DESC_F_INDIRECT, 0);
	desc_set(&table[0], (uint32_t)b->header, 0, VRING_DESC_F_NEXT, 1);
	desc_set(&table[1], (uint32_t)b->header, 0, VRING_DESC_F_NEXT, 0);
}

void case_offence_chain_loop_indirect(void)
{
	offend("chain-loop", F_INDIRECT, chain_loop_indirect);
}

/* n descriptors from 16 on, each of len bytes at addr. */
static void long_chain(struct blk *b, unsigned n, uint32_t addr, uint32_t len)
{
	volatile struct vring_desc *d = raw(b);
	for (unsigned i = 0; i < n; i++)
		desc_set(&d[16 + i], addr, len,
			 i + 1 < n ? VRING_DESC_F_WRITE | VRING_DESC_F_NEXT : VRING_DESC_F_WRITE,
			 (uint16_t)(17 + i));
}

static void chain_segments(struct blk *b)
{
	long_chain(b, 129, (uint32_t)b->header, 1);
}

void case_offence_chain_segments(void)
{
	offend("chain-segments", 0, chain_segments);
}

static void chain_bytes(struct blk *b)
{
	long_chain(b, 100, 0x100000, ram_end() - 0x100000);
}

void case_offence_chain_bytes(void)
{
	EXPECT(ram_end() >= 48u << 20); /* so that a hundred times almost all of RAM is more than 4 GiB */
	offend("chain-bytes", 0, chain_bytes);
}

static void read_after_write(struct blk *b)
{
	volatile struct vring_desc *d = raw_header(b);
	desc_set(&d[17], (uint32_t)b->status, 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 18);
	desc_set(&d[18], (uint32_t)b->header, 16, 0, 0);
}

void case_offence_read_after_write(void)
{
	offend("read-after-write", 0, read_after_write);
}

static void one_buffer(struct blk *b, uint64_t addr, uint32_t len)
{
	volatile struct vring_desc *d = raw_header(b);
	desc_set(&d[17], addr, len, VRING_DESC_F_WRITE, 0);
}

static void buffer_range(struct blk *b)
{
	one_buffer(b, ram_end() - 512, 513);
}

static void buffer_hole(struct blk *b)
{
	one_buffer(b, b->ring.dev->base, 4);
}

static void buffer_wrap(struct blk *b)
{
	one_buffer(b, 0xffffffffffffff00, 0x100000);
}

void case_offence_buffer_range(void)
{
	offend("buffer-range", 0, buffer_range);
}

void case_offence_buffer_hole(void)
{
	offend("buffer-range", 0, buffer_hole);
}

void case_offence_buffer_wrap(void)
{
	offend("buffer-range", 0, buffer_wrap);
}

/* -- indirect ------------------------------------------------------------------------------------------- */

/* Descriptor 17 names a table of a status byte; flags, length and what is in the table may then be spoiled.
 */
static volatile struct vring_desc *indirect(struct blk *b, uint32_t len, uint16_t more_flags)
{
	volatile struct vring_desc *d = raw_header(b), *table = alloc(PAGE_LEN);
	desc_set(&d[17], (uint32_t)table, len, VRING_DESC_F_INDIRECT | more_flags, 18);
	desc_set(&d[18], (uint32_t)b->status, 1, VRING_DESC_F_WRITE, 0);
	desc_set(&table[0], (uint32_t)b->status, 1, VRING_DESC_F_WRITE, 0);
	return table;
}

static void indirect_plain(struct blk *b)
{
	indirect(b, 16, 0);
}

void case_offence_indirect_feature(void)
{
	offend("indirect-feature", 0, indirect_plain);
}

static void indirect_nested(struct blk *b)
{
	volatile struct vring_desc *table = indirect(b, 16, 0);
	desc_set(&table[0], (uint32_t)table, 16, VRING_DESC_F_INDIRECT, 0);
}

void case_offence_indirect_nested(void)
{
	offend("indirect-nested", F_INDIRECT, indirect_nested);
}

static void indirect_next(struct blk *b)
{
	indirect(b, 16, VRING_DESC_F_NEXT);
}

void case_offence_indirect_next(void)
{
	offend("indirect-next", F_INDIRECT, indirect_next);
}

static void indirect_length(struct blk *b)
{
	indirect(b, 24, 0);
}

void case_offence_indirect_length(void)
{
	offend("indirect-length", F_INDIRECT, indirect_length);
}

static void indirect_empty(struct blk *b)
{
	indirect(b, 0, 0);
}

void case_offence_indirect_empty(void)
{
	offend("indirect-length", F_INDIRECT, indirect_empty);
}

static void indirect_range(struct blk *b)
{
	volatile struct vring_desc *d = raw_header(b);
	desc_set(&d[17], ram_end() - 16, 32, VRING_DESC_F_INDIRECT, 0);
}

void case_offence_indirect_range(void)
{
	offend("indirect-range", F_INDIRECT, indirect_range);
}

static void no_status(struct blk *b)
{
	raw_header(b)[16].flags = 0;
}

void case_offence_blk_no_status(void)
{
	offend("blk-no-status", 0, no_status);
}
