// SPDX-License-Identifier: BSD-2-Clause
/* Cases: the same request cut into descriptors in every way that the specification allows. */
#include "tests/guest/tiny_blk.h"

/* Where pieces of a request lie: pages of their own. */
struct parts {
	struct blk b;
	uint8_t *data; /* 4 pages */
	uint8_t *head; /* the header's 16 bytes, with room for data or status behind */
};

static void parts_open(struct parts *p, uint64_t features, uint16_t size)
{
	blk_open(&p->b, features, size);
	p->data = alloc(4 * PAGE_LEN);
	p->head = alloc(PAGE_LEN);
}

static void parts_begin(struct parts *p, uint32_t type, uint64_t sector)
{
	blk_begin(&p->b, type, sector);
	memcpy(p->head, p->b.header, sizeof(*p->b.header));
}

/* Runs the segments first as a write and then, those from `first` to `last` turned round, as a read of the
 * same. */
static void write_then_read(struct parts *p, struct seg *s, unsigned n, unsigned first, unsigned last,
			    void *table)
{
	uint32_t len = 0;
	for (unsigned i = first; i <= last; i++)
		len += s[i].len;
	for (unsigned read = 0; read < 2; read++) {
		context(read ? "reading bytes" : "writing bytes", len);
		for (unsigned i = first; i <= last; i++)
			s[i].out = read;
		if (read)
			memset(p->data, 0, len);
		else
			pattern_fill(p->data, len, n);
		parts_begin(p, read ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT, 100 + n);
		EXPECT_EQ(table ? blk_run_indirect(&p->b, table, s, n) : blk_run(&p->b, s, n),
			  VIRTIO_BLK_S_OK);
		EXPECT_EQ(p->b.used_len, read ? len + 1 : 1);
	}
	pattern_expect(p->data, len, n);
}

void case_layout_header_split(void)
{
	struct parts p;
	parts_open(&p, 0, 16);
	struct seg s[] = {{p.head, 4, false},
			  {p.head + 4, 11, false},
			  {p.head + 15, 1, false},
			  {p.data, 1024, false},
			  {p.b.status, 1, true}};
	write_then_read(&p, s, 5, 3, 3, NULL);
}

/* Header and data in one buffer, data and status in one, and both with the border somewhere else. */
void case_layout_one_buffer(void)
{
	struct parts p;
	parts_open(&p, 0, 16);
	struct seg w[] = {{p.head, 16 + 512, false}, {p.b.status, 1, true}};
	parts_begin(&p, VIRTIO_BLK_T_OUT, 40);
	pattern_fill(p.head + 16, 512, 40);
	EXPECT_EQ(blk_run(&p.b, w, 2), VIRTIO_BLK_S_OK);
	EXPECT_EQ(p.b.used_len, 1);
	struct seg r[] = {{p.head, 16, false}, {p.data, 512 + 1, true}};
	parts_begin(&p, VIRTIO_BLK_T_IN, 40);
	p.data[512] = UNWRITTEN;
	blk_run(&p.b, r, 2);
	EXPECT_EQ(p.data[512], VIRTIO_BLK_S_OK);
	EXPECT_EQ(*p.b.status, UNWRITTEN);
	EXPECT_EQ(p.b.used_len, 513);
	pattern_expect(p.data, 512, 40);
	struct seg w2[] = {{p.head, 10, false},
			   {p.head + 10, 6 + 100, false},
			   {p.head + 116, 412, false},
			   {p.b.status, 1, true}};
	parts_begin(&p, VIRTIO_BLK_T_OUT, 41);
	pattern_fill(p.head + 16, 512, 41);
	EXPECT_EQ(blk_run(&p.b, w2, 4), VIRTIO_BLK_S_OK);
	EXPECT_EQ(blk_read(&p.b, 41, p.data, 512), VIRTIO_BLK_S_OK);
	pattern_expect(p.data, 512, 41);
}

/* The total counts, not the pieces: none of these is a multiple of 512. */
void case_layout_segments(void)
{
	struct parts p;
	parts_open(&p, 0, 16);
	uint8_t *d = p.data;
	struct seg s[] = {{p.head, 16, false},     {d, 1, false},          {d + 1, 511, false},
			  {d + 512, 3, false},     {d + 515, 1000, false}, {d + 1515, 20, false},
			  {d + 1535, 1025, false}, {d + 2560, 512, false}, {p.b.status, 1, true}};
	write_then_read(&p, s, 9, 1, 7, NULL);
}

void case_layout_zero_length(void)
{
	struct parts p;
	parts_open(&p, 0, 16);
	uint8_t *d = p.data;
	struct seg s[] = {{NULL, 0, false},
			  {p.head, 16, false},
			  {NULL, 0, false},
			  {d, 512, false},
			  {(void *)ram_end(), 0, false},
			  {d + 512, 512, false},
			  {d, 0, false},
			  {d, 0, true},
			  {p.b.status, 1, true},
			  {NULL, 0, true}};
	write_then_read(&p, s, 10, 3, 6, NULL);
}

/* Linux puts indirect tables at any alignment. */
void case_layout_indirect_unaligned(void)
{
	struct parts p;
	parts_open(&p, F_INDIRECT, 4);
	uint8_t *table = alloc(2 * PAGE_LEN);
	struct seg s[] = {{p.head, 16, false}, {p.data, 2048, false}, {p.b.status, 1, true}};
	write_then_read(&p, s, 3, 1, 1, table + 1);
	write_then_read(&p, s, 3, 1, 1, table + 6);
	write_then_read(&p, s, 3, 1, 1, table + PAGE_LEN - 20);
	write_then_read(&p, s, 3, 1, 1, (void *)(ram_end() - 48));
}

/* A chain may begin with direct descriptors and end in an indirect one (2.7.5.3). */
void case_layout_direct_then_indirect(void)
{
	struct parts p;
	parts_open(&p, F_INDIRECT, 4);
	struct vring_desc *table = alloc(PAGE_LEN);
	struct seg s[] = {{p.data, 512, true}, {p.data + 512, 512, true}, {p.b.status, 1, true}};
	volatile struct vring_desc *d = p.b.ring.desc;
	pattern_fill(p.data, 1024, 50);
	EXPECT_EQ(blk_write(&p.b, 50, p.data, 1024), VIRTIO_BLK_S_OK);
	memset(p.data, 0, 1024);
	parts_begin(&p, VIRTIO_BLK_T_IN, 50);
	desc_set(&d[0], (uint32_t)p.head, 8, VRING_DESC_F_NEXT, 3);
	desc_set(&d[3], (uint32_t)p.head + 8, 8, VRING_DESC_F_NEXT, 1);
	desc_set(&d[1], (uint32_t)table, 48, VRING_DESC_F_INDIRECT, 0);
	desc_chain(table, 0, s, 3);
	ring_post(&p.b.ring, 0);
	EXPECT_EQ(ring_run(&p.b.ring, 0), 1025);
	EXPECT_EQ(*p.b.status, VIRTIO_BLK_S_OK);
	pattern_expect(p.data, 1024, 50);
}

/* As many segments as the device offers, direct and indirect, in tables that are not in order. */
void case_layout_seg_max(void)
{
	struct parts p;
	static struct seg s[SEGS_MAX];
	parts_open(&p, F_INDIRECT, 128);
	uint32_t n = reg_read(p.b.ring.dev, VIRTIO_MMIO_CONFIG + offsetof(struct virtio_blk_config, seg_max));
	EXPECT(n + 2 <= 128);
	s[0] = (struct seg){p.head, 16, false};
	for (uint32_t i = 0; i < n; i++) /* 64 bytes each, and the last what is missing */
		s[1 + i] = (struct seg){p.data + 64 * i, 64, false};
	s[n].len = 64 + (512 - 64 * n % 512) % 512;
	s[n + 1] = (struct seg){p.b.status, 1, true};
	write_then_read(&p, s, n + 2, 1, n, NULL);
	write_then_read(&p, s, n + 2, 1, n, alloc(PAGE_LEN));
}

/* Buffers that end with the last byte of RAM. */
void case_layout_ram_end(void)
{
	struct parts p;
	parts_open(&p, 0, 16);
	p.data = (uint8_t *)(ram_end() - 1024);
	struct seg s[] = {{p.head, 16, false}, {p.data, 1024, false}, {p.b.status, 1, true}};
	write_then_read(&p, s, 3, 1, 1, NULL);
	p.b.status = (uint8_t *)(ram_end() - 1);
	EXPECT_EQ(blk_read(&p.b, 0, alloc(512), 512), VIRTIO_BLK_S_OK);
	p.b.header = (void *)(ram_end() - 64 - sizeof(*p.b.header));
	EXPECT_EQ(blk_read(&p.b, 0, alloc(512), 512), VIRTIO_BLK_S_OK);
}

/* Windows has used one table for two requests in flight: both are answered, each under its own head. */
void case_layout_shared_table(void)
{
	struct parts p;
	parts_open(&p, F_INDIRECT, 8);
	struct ring *r = &p.b.ring;
	void *table = alloc(PAGE_LEN);
	struct seg s[] = {{p.head, 16, false}, {p.data, 512, true}, {p.b.status, 1, true}};
	uint32_t seen = 0;
	parts_begin(&p, VIRTIO_BLK_T_IN, 1);
	for (unsigned i = 0; i < 8; i++)
		ring_add_indirect(r, table, s, 3);
	ring_kick(r);
	ring_wait(r, 8);
	for (unsigned i = 0; i < 8; i++) {
		struct vring_used_elem e = ring_reap(r);
		EXPECT_EQ(e.len, 513);
		seen |= 1u << e.id;
	}
	EXPECT_EQ(seen, 0xff);
}
