// SPDX-License-Identifier: BSD-2-Clause
/*
 * The same logical request in any layout gets the same answer (interop 7, 9, 13): header, data and status are
 * cut into random pieces, empty ones among them, scattered over memory, in direct, indirect and mixed chains.
 */
#include "tests/unit/disk.h"

#define TABLE 0x1f003ull
#define AREA  0x20000ull /* where pieces lie: from here over the border of two regions */

static struct machine *m;
static uint64_t seed;

static int setup(void **state)
{
	(void)state;
	m = machine_booted();
	seed = 7;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_free(m);
	return 0;
}

static uint32_t rnd(uint32_t bound)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % bound;
}

/* A request's buffers, cut into pieces: piece i holds bytes off[i] .. of the readable or of the writable
 * half. */
struct layout {
	struct buf b[VQ_SEGS_MAX];
	uint16_t n, nread;
	uint64_t place; /* next free guest address */
};

static void piece(struct layout *l, uint32_t len, bool write)
{
	l->place += rnd(64);
	l->b[l->n++] = (struct buf){l->place, len, write};
	l->place += len;
}

/* Cuts len bytes into up to `most` pieces. */
static void cut(struct layout *l, uint32_t len, bool write, uint16_t most)
{
	for (uint16_t left = most; left > 1 && len; left--) {
		uint32_t n = rnd(3) ? rnd(len + 1) : rnd(4) % (len + 1);
		piece(l, rnd(5) ? n : 0, write);
		len -= l->b[l->n - 1].len;
	}
	if (len)
		piece(l, len, write);
	if (!rnd(3))
		piece(l, 0, write);
}

static void make_layout(struct layout *l, uint32_t read_len, uint32_t write_len)
{
	*l = (struct layout){.place = rnd(2) ? AREA : LOW_END - 1500};
	cut(l, read_len, false, (uint16_t)(1 + rnd(12)));
	l->nread = l->n;
	cut(l, write_len, true, (uint16_t)(1 + rnd(12)));
}

/* Copies between the pieces of one half and a flat buffer. */
static void scatter(const struct layout *l, bool write, uint8_t *flat, bool to_guest)
{
	for (uint32_t i = write ? l->nread : 0; i < (write ? l->n : (uint32_t)l->nread); i++)
		for (uint32_t k = 0; k < l->b[i].len; k++, flat++) {
			if (to_guest)
				*at(&m->g, l->b[i].addr + k) = *flat;
			else
				*flat = *at(&m->g, l->b[i].addr + k);
		}
}

/* Some descriptors of the ring, then the rest in a table. */
static void post_mixed(struct ring *r, const struct layout *l, uint16_t direct)
{
	const uint16_t NX = VRING_DESC_F_NEXT, WR = VRING_DESC_F_WRITE;
	for (uint16_t i = 0; i < l->n; i++) {
		uint16_t flags = l->b[i].write ? WR : 0;
		if (i < direct)
			ring_desc(r, i, l->b[i].addr, l->b[i].len, flags | NX, (uint16_t)(i + 1));
		else
			desc_at(&m->g, TABLE, (uint16_t)(i - direct), l->b[i].addr, l->b[i].len,
				i + 1 < l->n ? flags | NX : flags, (uint16_t)(i - direct + 1));
	}
	ring_desc(r, direct, TABLE, 16u * (uint32_t)(l->n - direct), VRING_DESC_F_INDIRECT, 0);
	ring_publish(r, 0);
}

static uint32_t submit(const struct layout *l)
{
	struct ring *r = &m->ring[0];
	uint32_t id, used;
	uint32_t form = rnd(3);
	if (form == 0)
		ring_post(r, l->b, l->n);
	else if (form == 1)
		ring_post_indirect(r, TABLE, l->b, l->n);
	else
		post_mixed(r, l, (uint16_t)rnd(l->n));
	kick(m, 0);
	assert_true(ring_take(r, &id, &used));
	assert_int_equal(m->g.offences_all, 0);
	return used;
}

static void put_flat_header(uint8_t *flat, uint32_t type, uint64_t sector)
{
	memset(flat, 0, 16);
	memcpy(flat, &type, 4);
	memcpy(flat + 8, &sector, 8);
}

static void writes_in_any_layout(void **state)
{
	(void)state;
	uint8_t flat[16 + 2048];
	for (int i = 0; i < 1000; i++) {
		uint32_t len = 512 * rnd(5), sector = rnd(SECTORS - 4);
		struct layout l;
		make_layout(&l, 16 + len, 1);
		put_flat_header(flat, VIRTIO_BLK_T_OUT, sector);
		for (uint32_t k = 0; k < len; k++)
			flat[16 + k] = (uint8_t)rnd(256);
		uint8_t status = NO_STATUS;
		scatter(&l, false, flat, true);
		scatter(&l, true, &status, true);
		assert_int_equal(submit(&l), 1);
		scatter(&l, true, &status, false);
		assert_int_equal(status, VIRTIO_BLK_S_OK);
		assert_memory_equal(m->disk.data + 512 * sector, flat + 16, len);
	}
}

static void reads_in_any_layout(void **state)
{
	(void)state;
	uint8_t flat[2049], header[16];
	for (int i = 0; i < 1000; i++) {
		uint32_t len = 512 * rnd(5), sector = rnd(SECTORS - 4);
		struct layout l;
		make_layout(&l, 16, len + 1);
		put_flat_header(header, VIRTIO_BLK_T_IN, sector);
		memset(flat, NO_STATUS, len + 1);
		scatter(&l, false, header, true);
		scatter(&l, true, flat, true);
		assert_int_equal(submit(&l), len + 1);
		scatter(&l, true, flat, false);
		assert_int_equal(flat[len], VIRTIO_BLK_S_OK);
		assert_memory_equal(flat, m->disk.data + 512 * sector, len);
		scatter(&l, false, flat, false);
		assert_memory_equal(flat, header, 16); /* nobody wrote to a readable buffer */
	}
}

/* Ids, range lists and refusals too. */
static void other_requests_in_any_layout(void **state)
{
	(void)state;
	static const struct {
		uint32_t type, read_len, write_len;
		uint8_t status;
		uint32_t used;
	} t[] = {{VIRTIO_BLK_T_FLUSH, 0, 1, VIRTIO_BLK_S_OK, 1},
		 {VIRTIO_BLK_T_GET_ID, 0, 21, VIRTIO_BLK_S_OK, 21},
		 {VIRTIO_BLK_T_WRITE_ZEROES, 32, 1, VIRTIO_BLK_S_OK, 1},
		 {VIRTIO_BLK_T_DISCARD, 32, 1, VIRTIO_BLK_S_OK, 1},
		 {77, 40, 30, VIRTIO_BLK_S_UNSUPP, 0}};
	uint8_t flat[64] = {0}, out[64];
	for (int i = 0; i < 1000; i++) {
		uint32_t k = rnd(5);
		struct layout l;
		make_layout(&l, 16 + t[k].read_len, t[k].write_len);
		put_flat_header(flat, t[k].type, 0);
		scatter(&l, false, flat, true);
		assert_int_equal(submit(&l), t[k].used);
		scatter(&l, true, out, false);
		assert_int_equal(out[t[k].write_len - 1], t[k].status);
		if (t[k].type == VIRTIO_BLK_T_GET_ID)
			assert_memory_equal(out, m->blk.options.ident, 20);
	}
}

/* Interop 9: many data segments, none a multiple of 512, the sum is; as many as SEG_MAX offers. */
static void as_many_segments_as_offered(void **state)
{
	(void)state;
	struct buf b[VQ_SEGS_MAX] = {{header_at(0, 0), 16, false}};
	uint32_t sum = 0;
	for (uint32_t i = 1; i <= BLK_SEG_MAX; i++) {
		uint32_t len = i < BLK_SEG_MAX ? 3 + i % 5 : 1024 - sum;
		b[i] = (struct buf){AREA + 16 * i, len, true};
		sum += len;
	}
	assert_int_equal(sum, 1024);
	b[BLK_SEG_MAX + 1] = (struct buf){status_at(0, 0), 1, true};
	put_header(m, header_at(0, 0), VIRTIO_BLK_T_IN, 4);
	ring_post_indirect(&m->ring[0], TABLE, b, BLK_SEG_MAX + 2);
	kick(m, 0);
	uint32_t id, used;
	assert_true(ring_take(&m->ring[0], &id, &used));
	assert_int_equal(used, 1025);
	const uint8_t *want = m->disk.data + 512 * 4;
	for (uint32_t i = 1; i <= BLK_SEG_MAX; want += b[i++].len)
		assert_memory_equal(at(&m->g, b[i].addr), want, b[i].len);
}

/* Every segment lies across two regions and needs two spans: more than fit. Answered, with nothing left
 * pinned. */
static void more_spans_than_fit(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&m->g, 1024);
	struct buf b[VQ_SEGS_MAX] = {{header_at(0, 0), 16, false}};
	for (uint32_t i = 1; i <= 126; i++)
		b[i] = (struct buf){LOW_END - 64, 128, false};
	b[127] = (struct buf){status_at(0, 0), 1, true};
	b[126].len = 512 * 31 - 125 * 128 + 512;
	put_header(m, header_at(0, 0), VIRTIO_BLK_T_OUT, 0);
	ring_post_indirect(&m->ring[0], TABLE, b, 128);
	kick(m, 0);
	uint32_t id, used;
	assert_true(ring_take(&m->ring[0], &id, &used));
	assert_int_equal(*at(&m->g, status_at(0, 0)), VIRTIO_BLK_S_IOERR);
	assert_int_equal(m->disk.nsubmits, 0);
	assert_int_equal(t->pinned, 0);
	assert_int_equal(m->blk.inflight, 0);
	assert_int_equal(request(m, VIRTIO_BLK_T_FLUSH, 0, 0, 0, NULL),
			 VIRTIO_BLK_S_OK); /* and its slot is free again */
	taplog_free(t);
}

/* Interop 13: buffers larger than needed. The status is the last byte the device may write. */
static void oversize_status(void **state)
{
	(void)state;
	struct buf b[2] = {{header_at(0, 0), 16, false}, {status_at(0, 0), 4, true}};
	memset(at(&m->g, status_at(0, 0)), NO_STATUS, 4);
	put_header(m, header_at(0, 0), VIRTIO_BLK_T_FLUSH, 0);
	ring_post(&m->ring[0], b, 2);
	kick(m, 0);
	uint32_t id, used;
	assert_true(ring_take(&m->ring[0], &id, &used));
	assert_int_equal(used, 0); /* the bytes before it were not written */
	static const uint8_t want[4] = {NO_STATUS, NO_STATUS, NO_STATUS, VIRTIO_BLK_S_OK};
	assert_memory_equal(at(&m->g, status_at(0, 0)), want, 4);
}

/* -- fetch once ------------------------------------------------------------------------------------------ */

static void check_loaded_once(const struct taplog *t, uint64_t byte)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < t->n; i++)
		n += (t->ev[i].op == EV_LOAD || t->ev[i].op == EV_PIN) && byte - t->ev[i].addr < t->ev[i].n;
	assert_int_equal(n, 1);
}

static void header_and_ranges_are_fetched_once(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&m->g, 0);
	struct buf b[3] = {{AREA, 20, false}, {AREA + 100, 28, false}, {status_at(0, 0), 1, true}};
	memset(at(&m->g, AREA), 0, 256);
	put_header(m, AREA, VIRTIO_BLK_T_WRITE_ZEROES, 0);
	ring_post(&m->ring[0], b, 3);
	kick(m, 0);
	assert_int_equal(*at(&m->g, status_at(0, 0)), VIRTIO_BLK_S_OK);
	for (uint32_t i = 0; i < 48; i++)
		check_loaded_once(t, i < 20 ? AREA + i : AREA + 80 + i);
	taplog_free(t);
}

/* Another processor changes the header (or the ranges) as soon as it was read: what was checked is what is
 * done. */
static void change_header(struct taplog *t, const struct event *e)
{
	const uint32_t *loads = t->arg;
	(void)e;
	if (taplog_count(t, EV_LOAD, VMEM_HEADER) >= *loads) {
		put_header(m, AREA, VIRTIO_BLK_T_OUT, UINT64_MAX);
		put64(&m->g, AREA + 16, UINT64_MAX);
		put32(&m->g, AREA + 24, UINT32_MAX);
	}
}

static void first_header_is_the_one_used(void **state)
{
	(void)state;
	static const uint32_t types[] = {VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_DISCARD};
	for (uint32_t i = 0; i < 2; i++) {
		struct taplog *t = taplog_new(&m->g, 0);
		struct buf b[2] = {{AREA, 32, false}, {status_at(0, 0), 1, true}};
		uint32_t loads = i + 1; /* the header, the header and the range */
		put_header(m, AREA, types[i], 0);
		put64(&m->g, AREA + 16, 7);
		put64(&m->g, AREA + 24, 3);
		t->before = change_header;
		t->arg = &loads;
		ring_post(&m->ring[0], b, 2);
		kick(m, 0);
		assert_int_equal(*at(&m->g, status_at(0, 0)), VIRTIO_BLK_S_OK);
		assert_int_equal(m->disk.last.type, i ? BLK_IO_DISCARD : BLK_IO_FLUSH);
		taplog_free(t);
	}
	assert_int_equal(m->disk.last.range[0].sector, 7);
	assert_int_equal(m->disk.last.range[0].nsectors, 3);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(writes_in_any_layout),
		T(reads_in_any_layout),
		T(other_requests_in_any_layout),
		T(as_many_segments_as_offered),
		T(more_spans_than_fit),
		T(oversize_status),
		T(header_and_ranges_are_fetched_once),
		T(first_header_is_the_one_used),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
