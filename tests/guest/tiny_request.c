// SPDX-License-Identifier: BSD-2-Clause
/* Cases: the block device's request types, and requests that it must refuse. */
#include "tests/guest/tiny_blk.h"

#define F_FLUSH   BIT(VIRTIO_BLK_F_FLUSH)
#define F_DISCARD BIT(VIRTIO_BLK_F_DISCARD)
#define F_ZEROES  BIT(VIRTIO_BLK_F_WRITE_ZEROES)

typedef struct virtio_blk_discard_write_zeroes range_t;

void case_blk_flush(void)
{
	struct blk b;
	for (unsigned i = 0; i < 2; i++) { /* with the feature, and without: then it has nothing to do */
		context("negotiated", i);
		blk_open(&b, i ? F_FLUSH : 0, 16);
		blk_works(&b, i);
		EXPECT_EQ(blk_do(&b, VIRTIO_BLK_T_FLUSH, 0, NULL, 0, false), VIRTIO_BLK_S_OK);
		EXPECT_EQ(b.used_len, 1);
	}
}

/* The used length tells how many leading bytes were stored: the id has 20, then comes the status. */
void case_blk_get_id(void)
{
	struct blk b;
	uint8_t want[20] = "tiny.img";
	blk_open(&b, 0, 16);
	uint8_t *id = alloc(PAGE_LEN);
	static const struct {
		uint32_t room, used;
	} sizes[] = {{20, 21}, {8, 9}, {1, 2}, {0, 1}, {64, 20}};
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t room = sizes[i].room, stored = room < 20 ? room : 20;
		context("room", room);
		memset(id, 0xa5, 128);
		EXPECT_EQ(blk_do(&b, VIRTIO_BLK_T_GET_ID, 0, id, room, true), VIRTIO_BLK_S_OK);
		EXPECT_EQ(b.used_len, sizes[i].used);
		EXPECT(!memcmp(id, want, stored));
		for (uint32_t k = stored; k < 128; k++)
			EXPECT_EQ(id[k], 0xa5);
	}
}

/* Writes 8 sectors from sector 200 on. */
static uint8_t *fill_eight(struct blk *b)
{
	uint8_t *data = alloc(PAGE_LEN);
	pattern_fill(data, PAGE_LEN, 200);
	EXPECT_EQ(blk_write(b, 200, data, PAGE_LEN), VIRTIO_BLK_S_OK);
	return data;
}

/* What was discarded may read as anything; what was not, as before. */
void case_blk_discard(void)
{
	struct blk b;
	blk_open(&b, F_DISCARD, 16);
	range_t *w = alloc(PAGE_LEN);
	uint8_t *data = fill_eight(&b);
	w[0] = (range_t){.sector = 201, .num_sectors = 2};
	EXPECT_EQ(blk_ranges(&b, VIRTIO_BLK_T_DISCARD, w, 1), VIRTIO_BLK_S_OK);
	EXPECT_EQ(b.used_len, 1);
	w[1] = (range_t){.sector = 206, .num_sectors = 1};
	EXPECT_EQ(blk_ranges(&b, VIRTIO_BLK_T_DISCARD, w, 2), VIRTIO_BLK_S_OK);
	uint8_t *again = alloc(PAGE_LEN);
	EXPECT_EQ(blk_read(&b, 200, again, PAGE_LEN), VIRTIO_BLK_S_OK);
	EXPECT(!memcmp(again, data, 512));
	EXPECT(!memcmp(again + 3 * 512, data + 3 * 512, 3 * 512));
	EXPECT(!memcmp(again + 7 * 512, data + 7 * 512, 512));
}

void case_blk_write_zeroes(void)
{
	struct blk b;
	for (uint32_t unmap = 0; unmap < 2; unmap++) {
		context("unmap", unmap);
		blk_open(&b, F_ZEROES, 16);
		range_t *w = alloc(PAGE_LEN);
		uint8_t *data = fill_eight(&b), *again = alloc(PAGE_LEN);
		w[0] = (range_t){.sector = 201, .num_sectors = 3, .flags = unmap};
		w[1] = (range_t){.sector = 207, .num_sectors = 1, .flags = unmap};
		EXPECT_EQ(blk_ranges(&b, VIRTIO_BLK_T_WRITE_ZEROES, w, 2), VIRTIO_BLK_S_OK);
		EXPECT_EQ(b.used_len, 1);
		EXPECT_EQ(blk_read(&b, 200, again, PAGE_LEN), VIRTIO_BLK_S_OK);
		EXPECT(!memcmp(again, data, 512));
		EXPECT(filled_with(again + 512, 3 * 512, 0));
		EXPECT(!memcmp(again + 4 * 512, data + 4 * 512, 3 * 512));
		EXPECT(filled_with(again + 7 * 512, 512, 0));
	}
}

/* Not one sector changes when any range of a request is bad. */
void case_blk_ranges_refused(void)
{
	struct blk b;
	announce("blk-flags");
	announce("blk-segments");
	announce("blk-range");
	blk_open(&b, F_DISCARD | F_ZEROES, 16);
	range_t *w = alloc(PAGE_LEN);
	uint8_t *data = fill_eight(&b), *again = alloc(PAGE_LEN);
	uint32_t max = reg_read(b.ring.dev, VIRTIO_MMIO_CONFIG +
						    offsetof(struct virtio_blk_config, max_write_zeroes_seg));
	for (uint32_t i = 0; i <= max; i++)
		w[i] = (range_t){.sector = 200, .num_sectors = 1};
	EXPECT_EQ(blk_ranges(&b, VIRTIO_BLK_T_WRITE_ZEROES, w, max + 1), VIRTIO_BLK_S_IOERR);
	EXPECT_EQ(blk_do(&b, VIRTIO_BLK_T_WRITE_ZEROES, 0, w, 24, false), VIRTIO_BLK_S_IOERR);
	EXPECT_EQ(blk_do(&b, VIRTIO_BLK_T_WRITE_ZEROES, 0, w, 0, false), VIRTIO_BLK_S_IOERR);
	w[1].flags = 2;
	EXPECT_EQ(blk_ranges(&b, VIRTIO_BLK_T_WRITE_ZEROES, w, 2), VIRTIO_BLK_S_UNSUPP);
	w[1].flags = 1;
	EXPECT_EQ(blk_ranges(&b, VIRTIO_BLK_T_DISCARD, w, 2), VIRTIO_BLK_S_UNSUPP);
	w[1] = (range_t){.sector = b.sectors, .num_sectors = 1};
	EXPECT_EQ(blk_ranges(&b, VIRTIO_BLK_T_WRITE_ZEROES, w, 2), VIRTIO_BLK_S_IOERR);
	w[1] = (range_t){.sector = ~0ull, .num_sectors = 2};
	EXPECT_EQ(blk_ranges(&b, VIRTIO_BLK_T_WRITE_ZEROES, w, 2), VIRTIO_BLK_S_IOERR);
	EXPECT_EQ(blk_read(&b, 200, again, PAGE_LEN), VIRTIO_BLK_S_OK);
	EXPECT(!memcmp(again, data, PAGE_LEN));
}

void case_blk_ranges_feature(void)
{
	struct blk b;
	announce("blk-feature");
	blk_open(&b, 0, 16);
	range_t *w = alloc(PAGE_LEN);
	w[0] = (range_t){.sector = 0, .num_sectors = 1};
	EXPECT_EQ(blk_ranges(&b, VIRTIO_BLK_T_DISCARD, w, 1), VIRTIO_BLK_S_UNSUPP);
	EXPECT_EQ(blk_ranges(&b, VIRTIO_BLK_T_WRITE_ZEROES, w, 1), VIRTIO_BLK_S_UNSUPP);
	blk_works(&b, 20);
}

void case_blk_unsupported(void)
{
	static const uint32_t types[] = {2, 3, 5, 6, 7, 9, 14, 100, 0x80000000, 0x80000001, 0xffffffff};
	struct blk b;
	blk_open(&b, 0, 16);
	uint8_t *data = alloc(PAGE_LEN);
	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		context("type", types[i]);
		EXPECT_EQ(blk_do(&b, types[i], 0, data, 512, i & 1), VIRTIO_BLK_S_UNSUPP);
		EXPECT_EQ(b.used_len, i & 1 ? 0 : 1); /* nothing was stored ahead of the status */
	}
	EXPECT(filled_with(data, 512, 0));
	blk_works(&b, 21);
}

void case_blk_capacity_end(void)
{
	struct blk b;
	announce("blk-range");
	blk_open(&b, 0, 16);
	uint8_t *data = alloc(PAGE_LEN);
	pattern_fill(data, 512, 22);
	EXPECT_EQ(blk_write(&b, b.sectors - 1, data, 512), VIRTIO_BLK_S_OK);
	memset(data, 0, 512);
	EXPECT_EQ(blk_read(&b, b.sectors - 1, data, 512), VIRTIO_BLK_S_OK);
	pattern_expect(data, 512, 22);
	memset(data, 0xa5, 1024);
	static const uint64_t ahead[] = {0, 1, 1ull << 32, 1ull << 55, 1ull << 63, ~0ull - 0xffff};
	for (unsigned i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
		context("try", i);
		EXPECT_EQ(blk_read(&b, b.sectors + ahead[i], data, 512), VIRTIO_BLK_S_IOERR);
		EXPECT_EQ(b.used_len, 0);
		EXPECT_EQ(blk_write(&b, b.sectors + ahead[i], data, 512), VIRTIO_BLK_S_IOERR);
		EXPECT_EQ(b.used_len, 1);
	}
	/* Across the end: nothing of it is done. */
	EXPECT_EQ(blk_read(&b, b.sectors - 1, data, 1024), VIRTIO_BLK_S_IOERR);
	EXPECT_EQ(blk_write(&b, b.sectors - 1, data, 1024), VIRTIO_BLK_S_IOERR);
	EXPECT(filled_with(data, 1024, 0xa5));
	EXPECT_EQ(blk_read(&b, b.sectors - 1, data, 512), VIRTIO_BLK_S_OK);
	pattern_expect(data, 512, 22);
}

void case_blk_odd_size(void)
{
	static const uint32_t sizes[] = {1, 511, 513, 1023, 4095};
	struct blk b;
	announce("blk-data-size");
	blk_open(&b, 0, 16);
	uint8_t *data = alloc(PAGE_LEN);
	memset(data, 0xa5, PAGE_LEN);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		context("bytes", sizes[i]);
		EXPECT_EQ(blk_read(&b, 0, data, sizes[i]), VIRTIO_BLK_S_IOERR);
		EXPECT_EQ(b.used_len, 0);
		EXPECT_EQ(blk_write(&b, 0, data, sizes[i]), VIRTIO_BLK_S_IOERR);
		EXPECT_EQ(b.used_len, 1);
	}
	EXPECT(filled_with(data, PAGE_LEN, 0xa5));
	blk_works(&b, 23);
}

void case_blk_no_data(void)
{
	struct blk b;
	blk_open(&b, 0, 16);
	EXPECT_EQ(blk_read(&b, 0, NULL, 0), VIRTIO_BLK_S_OK);
	EXPECT_EQ(b.used_len, 1);
	EXPECT_EQ(blk_write(&b, 0, NULL, 0), VIRTIO_BLK_S_OK);
	EXPECT_EQ(b.used_len, 1);
}

void case_blk_short_header(void)
{
	struct blk b;
	announce("blk-header");
	blk_open(&b, 0, 16);
	for (uint32_t len = 0; len < 16; len += 5) {
		const struct seg s[2] = {{b.header, len, false}, {b.status, 1, true}};
		context("bytes", len);
		blk_begin(&b, VIRTIO_BLK_T_FLUSH, 0);
		EXPECT_EQ(blk_run(&b, s, 2), VIRTIO_BLK_S_IOERR);
		EXPECT_EQ(b.used_len, 1);
	}
	const struct seg s[1] = {{b.status, 1, true}}; /* none at all */
	EXPECT_EQ(blk_run(&b, s, 1), VIRTIO_BLK_S_IOERR);
	blk_works(&b, 24);
}

/* The second disk: full of "read-only disk\n", as tests/e2e/tiny.sh made it, and it stays so. */
void case_blk_read_only(void)
{
	static const char text[16] = "read-only disk.\n";
	struct blk b;
	announce("blk-read-only");
	blk_open_nth(&b, 1, BIT(VIRTIO_BLK_F_RO), 16);
	uint8_t *data = alloc(PAGE_LEN);
	for (unsigned round = 0; round < 2; round++) {
		context("round", round);
		memset(data, 0, 1024);
		EXPECT_EQ(blk_read(&b, b.sectors - 2, data, 1024), VIRTIO_BLK_S_OK);
		for (uint32_t i = 0; i < 1024; i += 16)
			EXPECT(!memcmp(data + i, text, 16));
		memset(data, 0, 1024);
		EXPECT_EQ(blk_write(&b, b.sectors - 2, data, 1024), VIRTIO_BLK_S_IOERR);
		EXPECT_EQ(b.used_len, 1);
		*(range_t *)data = (range_t){.sector = 0, .num_sectors = 1};
		EXPECT_EQ(blk_ranges(&b, VIRTIO_BLK_T_DISCARD, (void *)data, 1), VIRTIO_BLK_S_IOERR);
		EXPECT_EQ(blk_ranges(&b, VIRTIO_BLK_T_WRITE_ZEROES, (void *)data, 1), VIRTIO_BLK_S_IOERR);
		EXPECT_EQ(blk_do(&b, VIRTIO_BLK_T_FLUSH, 0, NULL, 0, false), VIRTIO_BLK_S_OK);
		blk_open_nth(&b, 1, 0, 16); /* read-only is read-only, though RO be not accepted */
	}
}

/* -- many at once --------------------------------------------------------------------------------------- */

#define MANY 48

struct many {
	struct blk b;
	uint8_t *data;
	struct virtio_blk_outhdr *headers;
	uint8_t *statuses;
	uint16_t heads[MANY];
};

static void many_post(struct many *m, bool read)
{
	for (uint32_t i = 0; i < MANY; i++) {
		m->headers[i] = (struct virtio_blk_outhdr){.type = read ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT,
							   .sector = 300 + i};
		m->statuses[i] = UNWRITTEN;
		struct seg s[3] = {{&m->headers[i], sizeof(m->headers[i]), false},
				   {m->data + 512 * i, 512, read},
				   {&m->statuses[i], 1, true}};
		m->heads[i] = ring_add(&m->b.ring, s, 3);
	}
	ring_kick(&m->b.ring);
}

/* In whatever order they come: each head once, each with its own length, and its status is there by then. */
static void many_reap(struct many *m, uint32_t len)
{
	ring_wait(&m->b.ring, MANY);
	for (uint32_t k = 0; k < MANY; k++) {
		struct vring_used_elem e = ring_reap(&m->b.ring);
		uint32_t i = 0;
		while (i < MANY && m->heads[i] != e.id)
			i++;
		EXPECT(i < MANY);
		m->heads[i] = 0xffff;
		EXPECT_EQ(e.len, len);
		EXPECT_EQ(m->statuses[i], VIRTIO_BLK_S_OK);
	}
}

/* All requests with one kick, then read back with another. */
void case_blk_many(void)
{
	struct many m;
	blk_open(&m.b, 0, 256);
	m.data = alloc(512 * MANY);
	m.headers = alloc(PAGE_LEN);
	m.statuses = alloc(PAGE_LEN);
	for (uint32_t i = 0; i < MANY; i++)
		pattern_fill(m.data + 512 * i, 512, 300 + i);
	many_post(&m, false);
	many_reap(&m, 1);
	memset(m.data, 0, 512 * MANY);
	many_post(&m, true);
	many_reap(&m, 513);
	for (uint32_t i = 0; i < MANY; i++)
		pattern_expect(m.data + 512 * i, 512, 300 + i);
}

/* The host looks for this at sector 1024 when we are gone. */
void case_blk_leave_pattern(void)
{
	struct blk b;
	blk_open(&b, F_FLUSH, 16);
	uint8_t *data = alloc(4 * PAGE_LEN);
	memset(data, 'R', 4 * PAGE_LEN);
	EXPECT_EQ(blk_write(&b, 1024, data, 4 * PAGE_LEN), VIRTIO_BLK_S_OK);
	EXPECT_EQ(blk_do(&b, VIRTIO_BLK_T_FLUSH, 0, NULL, 0, false), VIRTIO_BLK_S_OK);
}
