// SPDX-License-Identifier: BSD-2-Clause
/* Block requests: what each type does, its answers and used lengths, what is refused. Layouts, flow:
 * test_blk_*.c. */
#include "tests/unit/disk.h"

#define DATA 0x20000ull

static struct machine *m;

static int setup(void **state)
{
	(void)state;
	m = machine_booted();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	machine_free(m);
	return 0;
}

static void make(const struct blk_options *o, uint32_t can, uint64_t without)
{
	machine_free(m);
	m = machine_new(o, can);
	machine_boot(m, without, 64);
}

static const struct blk_options plain = {.nqueues = 1};

static bool disk_holds(uint64_t sector, uint64_t data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		if (m->disk.data[512 * sector + i] != *at(&m->g, data + i))
			return false;
	return true;
}

static void offence_was(enum offence o)
{
	assert_int_equal(m->g.offences[o], 1);
	assert_int_equal(m->g.offences_all, 1);
	m->g.offences[o] = m->g.offences_all = 0;
}

/* -- reading and writing --------------------------------------------------------------------------------- */

static void reads(void **state)
{
	(void)state;
	uint32_t used;
	assert_int_equal(request(m, VIRTIO_BLK_T_IN, 3, DATA, 1024, &used), VIRTIO_BLK_S_OK);
	assert_int_equal(used, 1025);
	assert_true(disk_holds(3, DATA, 1024));
	assert_true(untouched(&m->g, DATA + 1024, 64));
	assert_int_equal(m->disk.last.sync, false);
	assert_int_equal(m->g.irqs[0], 1);
	assert_int_equal(m->g.offences_all, 0);
}

static void writes(void **state)
{
	(void)state;
	uint32_t used;
	fill(&m->g, DATA, 1536, 9);
	assert_int_equal(request(m, VIRTIO_BLK_T_OUT, 61, DATA, 1536, &used), VIRTIO_BLK_S_OK);
	assert_int_equal(used, 1); /* interop 8: the status byte and nothing else */
	assert_true(disk_holds(61, DATA, 1536));
	assert_true(filled(&m->g, DATA, 1536, 9));
}

/* Interop 14: data that ends on the last byte of memory, or lies across two regions. */
static void data_at_the_edges_of_memory(void **state)
{
	(void)state;
	static const uint64_t edges[] = {HIGH_END - 512, NEXT_END - 512, LOW_END - 512,
					 LOW_END - 1,    LOW_END - 511,  HIGH};
	for (uint64_t i = 0; i < 6; i++) {
		assert_int_equal(request(m, VIRTIO_BLK_T_IN, i, edges[i], 512, NULL), VIRTIO_BLK_S_OK);
		assert_true(disk_holds(i, edges[i], 512));
		fill(&m->g, edges[i], 512, (uint8_t)i);
		assert_int_equal(request(m, VIRTIO_BLK_T_OUT, 32 + i, edges[i], 512, NULL), VIRTIO_BLK_S_OK);
		assert_true(disk_holds(32 + i, edges[i], 512));
	}
}

/* P15: all data together must fit, not each piece; the sum may not wrap either. */
static void capacity(void **state)
{
	(void)state;
	static const struct {
		uint64_t sector;
		uint32_t len;
		bool ok;
	} t[] = {{0, 512 * SECTORS, true},       {SECTORS - 1, 512, true}, {SECTORS - 1, 1024, false},
		 {SECTORS, 512, false},          {SECTORS, 0, true},       {SECTORS + 1, 0, false},
		 {1, 512 * SECTORS, false},      {UINT64_MAX, 512, false}, {UINT64_MAX - 1, 1024, false},
		 {UINT64_MAX / 512, 512, false}, {1ull << 55, 512, false}, {0, 512 * SECTORS + 512, false}};
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		for (uint32_t type = VIRTIO_BLK_T_IN; type <= VIRTIO_BLK_T_OUT; type++) {
			uint32_t used, nsubmits = m->disk.nsubmits;
			uint8_t status = request(m, type, t[i].sector, DATA, t[i].len, &used);
			assert_int_equal(status, t[i].ok ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
			if (t[i].ok)
				continue;
			offence_was(OFFENCE_BLK_RANGE);
			assert_int_equal(m->disk.nsubmits, nsubmits);
			assert_int_equal(used, type == VIRTIO_BLK_T_IN && t[i].len ? 0 : 1);
		}
}

/* P15 as it happened: the last sector, then many pieces of one sector each. */
static void capacity_over_many_segments(void **state)
{
	(void)state;
	struct buf b[6] = {{header_at(0, 0), 16, false}};
	put_header(m, header_at(0, 0), VIRTIO_BLK_T_OUT, SECTORS - 1);
	for (uint32_t i = 1; i < 5; i++)
		b[i] = (struct buf){DATA + 512 * i, 512, false};
	b[5] = (struct buf){status_at(0, 0), 1, true};
	ring_post_at(&m->ring[0], 0, b, 6);
	kick(m, 0);
	assert_int_equal(*at(&m->g, status_at(0, 0)), VIRTIO_BLK_S_IOERR);
	offence_was(OFFENCE_BLK_RANGE);
	assert_int_equal(m->disk.nsubmits, 0);
}

/* P16: data of a length that is no multiple of 512 never reaches the backend. */
static void odd_lengths(void **state)
{
	(void)state;
	static const uint32_t lens[] = {1, 100, 511, 513, 1023};
	for (size_t i = 0; i < 5; i++)
		for (uint32_t type = VIRTIO_BLK_T_IN; type <= VIRTIO_BLK_T_OUT; type++) {
			uint32_t used;
			assert_int_equal(request(m, type, 0, DATA, lens[i], &used), VIRTIO_BLK_S_IOERR);
			offence_was(OFFENCE_BLK_DATA_SIZE);
			assert_int_equal(used, type == VIRTIO_BLK_T_IN ? 0 : 1);
			assert_true(untouched(&m->g, DATA, 1024));
		}
	assert_int_equal(m->disk.nsubmits, 0);
}

static void no_data_is_no_error(void **state)
{
	(void)state;
	uint32_t used;
	assert_int_equal(request(m, VIRTIO_BLK_T_IN, 0, DATA, 0, &used), VIRTIO_BLK_S_OK);
	assert_int_equal(used, 1);
	assert_int_equal(request(m, VIRTIO_BLK_T_OUT, 0, DATA, 0, &used), VIRTIO_BLK_S_OK);
	assert_int_equal(used, 1);
	assert_int_equal(m->disk.nsubmits, 0);
}

/* -- failure --------------------------------------------------------------------------------------------- */

/* A failed read claims no data: the status byte lies behind bytes that nobody wrote. */
static void backend_failures(void **state)
{
	(void)state;
	static const struct {
		enum blk_result result;
		uint8_t status;
	} t[] = {{BLK_IO_ERROR, VIRTIO_BLK_S_IOERR}, {BLK_UNSUPPORTED, VIRTIO_BLK_S_UNSUPP}};
	for (int i = 0; i < 2; i++) {
		uint32_t used;
		m->disk.result = t[i].result;
		assert_int_equal(request(m, VIRTIO_BLK_T_IN, 0, DATA, 512, &used), t[i].status);
		assert_int_equal(used, 0);
		assert_int_equal(request(m, VIRTIO_BLK_T_OUT, 0, DATA, 512, &used), t[i].status);
		assert_int_equal(used, 1);
		assert_int_equal(request(m, VIRTIO_BLK_T_FLUSH, 0, 0, 0, &used), t[i].status);
		assert_int_equal(used, 1);
	}
	assert_int_equal(m->g.offences_all, 0); /* the host's failure is no fault of the guest's */
}

static void short_transfer_is_an_error(void **state)
{
	(void)state;
	uint32_t used;
	m->disk.short_by = 1;
	assert_int_equal(request(m, VIRTIO_BLK_T_IN, 0, DATA, 512, &used), VIRTIO_BLK_S_IOERR);
	assert_int_equal(used, 0);
	assert_int_equal(request(m, VIRTIO_BLK_T_OUT, 0, DATA, 512, &used), VIRTIO_BLK_S_IOERR);
	assert_int_equal(used, 1);
}

/* With lent copies a failed read leaves the guest's buffer as it was, however far the backend came. */
static void failed_read_copies_nothing_back(void **state)
{
	(void)state;
	struct taplog *t = taplog_new(&m->g, 64);
	m->disk.short_by = 512;
	assert_int_equal(request(m, VIRTIO_BLK_T_IN, 0, DATA, 1024, NULL), VIRTIO_BLK_S_IOERR);
	assert_true(untouched(&m->g, DATA, 1024));
	m->disk.short_by = 0;
	assert_int_equal(request(m, VIRTIO_BLK_T_IN, 0, DATA, 1024, NULL), VIRTIO_BLK_S_OK);
	assert_true(disk_holds(0, DATA, 1024));
	taplog_free(t);
}

/* -- flush and write-through ----------------------------------------------------------------------------- */

static void flush_waits_for_the_backend(void **state)
{
	(void)state;
	uint32_t id, len;
	m->disk.hold = true;
	uint16_t head = post(m, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	kick(m, 0);
	assert_int_equal(m->disk.last.type, BLK_IO_FLUSH);
	assert_false(ring_take(&m->ring[0], &id, &len));
	assert_int_equal(*at(&m->g, status_at(0, head)), NO_STATUS);
	disk_finish_all(m);
	assert_true(ring_take(&m->ring[0], &id, &len));
	assert_int_equal(*at(&m->g, status_at(0, head)), VIRTIO_BLK_S_OK);
}

static void flush_with_data_is_still_a_flush(void **state)
{
	(void)state;
	assert_int_equal(request(m, VIRTIO_BLK_T_FLUSH, 5, DATA, 100, NULL), VIRTIO_BLK_S_OK);
	assert_int_equal(m->disk.last.len, 0);
	assert_int_equal(m->disk.last.nspans, 0);
}

static void flush_that_cannot_be(void **state)
{
	(void)state;
	make(&plain, 0, 0);
	assert_false(offered(&m->mmio) & (BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_CONFIG_WCE)));
	assert_int_equal(request(m, VIRTIO_BLK_T_FLUSH, 0, 0, 0, NULL), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(m->disk.nsubmits, 0);
}

static bool write_is_sync(void)
{
	assert_int_equal(request(m, VIRTIO_BLK_T_OUT, 0, DATA, 512, NULL), VIRTIO_BLK_S_OK);
	return m->disk.last.sync;
}

static void set_writeback(uint8_t v)
{
	mmio_write(&m->mmio, VIRTIO_MMIO_CONFIG + offsetof(struct virtio_blk_config, wce), 1, v);
}

static uint8_t writeback(void)
{
	return (uint8_t)mmio_read(&m->mmio, VIRTIO_MMIO_CONFIG + offsetof(struct virtio_blk_config, wce), 1);
}

/* blk.op.11: a write is stable when it completes unless the driver can flush and has the cache on. */
static void write_through_rules(void **state)
{
	(void)state;
	const uint64_t flush = BIT(VIRTIO_BLK_F_FLUSH), wce = BIT(VIRTIO_BLK_F_CONFIG_WCE);
	assert_int_equal(writeback(), 1);
	assert_false(write_is_sync());
	set_writeback(0);
	assert_true(write_is_sync());
	set_writeback(1);
	assert_false(write_is_sync());
	make(&plain, CAN_ALL, wce); /* flush only: a cache is there */
	assert_false(write_is_sync());
	make(&plain, CAN_ALL, flush | wce);
	assert_true(write_is_sync());
	make(&plain, CAN_ALL, flush);
	assert_int_equal(writeback(), 0); /* blk.init.2 */
	assert_true(write_is_sync());
	make(&plain, 0, 0);
	assert_true(write_is_sync());
	request(m, VIRTIO_BLK_T_IN, 0, DATA, 512, NULL);
	assert_false(m->disk.last.sync);
	assert_int_equal(m->g.offences_all, 0);
}

static void writeback_takes_0_and_1_where_negotiated(void **state)
{
	(void)state;
	set_writeback(2);
	offence_was(OFFENCE_CONFIG_READ_ONLY);
	assert_int_equal(writeback(), 1);
	make(&plain, CAN_ALL, BIT(VIRTIO_BLK_F_CONFIG_WCE));
	set_writeback(0);
	offence_was(OFFENCE_CONFIG_READ_ONLY);
	assert_int_equal(writeback(), 1);
	assert_false(write_is_sync());
}

static void reset_turns_the_cache_on_again(void **state)
{
	(void)state;
	set_writeback(0);
	machine_boot(m, 0, 64);
	assert_int_equal(writeback(), 1);
	assert_false(write_is_sync());
}

/* -- identity and unknown types -------------------------------------------------------------------------- */

static void get_id(void **state)
{
	(void)state;
	static const uint8_t ident[20] = "ringside-disk";
	uint32_t used;
	assert_int_equal(request(m, VIRTIO_BLK_T_GET_ID, 0, DATA, 20, &used), VIRTIO_BLK_S_OK);
	assert_int_equal(used, 21);
	assert_memory_equal(at(&m->g, DATA), ident, 20);
	assert_true(untouched(&m->g, DATA + 20, 16));
}

/* Shorter buffers get what fits; of longer ones only the first 20 bytes are written, and no more is claimed.
 */
static void get_id_other_lengths(void **state)
{
	(void)state;
	uint32_t used;
	assert_int_equal(request(m, VIRTIO_BLK_T_GET_ID, 0, DATA, 8, &used), VIRTIO_BLK_S_OK);
	assert_int_equal(used, 9);
	assert_memory_equal(at(&m->g, DATA), "ringside", 8);
	assert_true(untouched(&m->g, DATA + 8, 16));
	assert_int_equal(request(m, VIRTIO_BLK_T_GET_ID, 0, DATA, 100, &used), VIRTIO_BLK_S_OK);
	assert_int_equal(used, 20);
	assert_true(untouched(&m->g, DATA + 20, 80));
}

/* blk.op.16 for the zone requests; every type we do not know is answered as unsupported. */
static void unknown_types(void **state)
{
	(void)state;
	for (uint32_t type = 0; type < 40; type++) {
		bool known = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_OUT ||
			     type == VIRTIO_BLK_T_FLUSH || type == VIRTIO_BLK_T_GET_ID ||
			     type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES;
		if (!known)
			assert_int_equal(request(m, type, 0, DATA, 512, NULL), VIRTIO_BLK_S_UNSUPP);
	}
	assert_int_equal(request(m, UINT32_MAX, 0, DATA, 512, NULL), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(request(m, VIRTIO_BLK_T_OUT | 1u << 31, 0, DATA, 512, NULL), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(m->disk.nsubmits, 0);
	assert_int_equal(m->g.offences_all, 0);
}

/* -- read-only ------------------------------------------------------------------------------------------- */

static void read_only(void **state)
{
	(void)state;
	const struct blk_options o = {.nqueues = 1, .read_only = true};
	make(&o, CAN_ALL, 0);
	assert_true(offered(&m->mmio) & BIT(VIRTIO_BLK_F_RO));
	static const uint32_t types[] = {VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES};
	for (uint32_t i = 0; i < 512 / 8; i++)
		put64(&m->g, DATA + 8 * i, 0); /* no range has a flag that nobody knows: UNSUPP else */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(request(m, types[i], 0, DATA, 512, NULL), VIRTIO_BLK_S_IOERR);
		offence_was(OFFENCE_BLK_READ_ONLY);
	}
	assert_int_equal(m->disk.nsubmits, 0);
	assert_int_equal(request(m, VIRTIO_BLK_T_IN, 0, DATA, 512, NULL), VIRTIO_BLK_S_OK);
	assert_int_equal(request(m, VIRTIO_BLK_T_FLUSH, 0, 0, 0, NULL), VIRTIO_BLK_S_OK);
	make(&o, CAN_ALL, BIT(VIRTIO_BLK_F_RO)); /* not accepted: read-only all the same (blk.op.3) */
	assert_int_equal(request(m, VIRTIO_BLK_T_OUT, 0, DATA, 512, NULL), VIRTIO_BLK_S_IOERR);
}

/* -- headers --------------------------------------------------------------------------------------------- */

static void short_headers(void **state)
{
	(void)state;
	for (uint32_t len = 0; len < 16; len++) {
		struct buf b[2] = {{header_at(0, 0), len, false}, {status_at(0, 0), 1, true}};
		put_header(m, header_at(0, 0), VIRTIO_BLK_T_FLUSH, 0);
		*at(&m->g, status_at(0, 0)) = NO_STATUS;
		ring_post_at(&m->ring[0], 0, b, 2);
		kick(m, 0);
		uint32_t id, used;
		assert_true(ring_take(&m->ring[0], &id, &used));
		assert_int_equal(used, 1);
		assert_int_equal(*at(&m->g, status_at(0, 0)), VIRTIO_BLK_S_IOERR);
		offence_was(OFFENCE_BLK_HEADER);
	}
}

/* There is no way to answer: the device asks for a reset. */
static void no_status_byte(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct buf b[2] = {{header_at(0, 0), 16, false}, {status_at(0, 0), 0, true}};
		machine_boot(m, 0, 64);
		ring_post_at(&m->ring[0], 0, b, (uint16_t)(i + 1));
		kick(m, 0);
		offence_was(OFFENCE_BLK_NO_STATUS);
		assert_int_equal(reg(&m->mmio, VIRTIO_MMIO_STATUS), S_LIVE | VIRTIO_CONFIG_S_NEEDS_RESET);
		assert_int_equal(ring_used_idx(&m->ring[0]), 0);
	}
	assert_int_equal(m->g.config_irqs, 2);
}

/* The reserved word between type and sector means nothing to us. */
static void reserved_word_is_ignored(void **state)
{
	(void)state;
	uint16_t head = post(m, 0, VIRTIO_BLK_T_IN, 2, DATA, 512);
	put32(&m->g, header_at(0, head) + 4, 0xffffffff);
	kick(m, 0);
	assert_int_equal(*at(&m->g, status_at(0, head)), VIRTIO_BLK_S_OK);
	assert_true(disk_holds(2, DATA, 512));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(reads),
		T(writes),
		T(data_at_the_edges_of_memory),
		T(capacity),
		T(capacity_over_many_segments),
		T(odd_lengths),
		T(no_data_is_no_error),
		T(backend_failures),
		T(short_transfer_is_an_error),
		T(failed_read_copies_nothing_back),
		T(flush_waits_for_the_backend),
		T(flush_with_data_is_still_a_flush),
		T(flush_that_cannot_be),
		T(write_through_rules),
		T(writeback_takes_0_and_1_where_negotiated),
		T(reset_turns_the_cache_on_again),
		T(get_id),
		T(get_id_other_lengths),
		T(unknown_types),
		T(read_only),
		T(short_headers),
		T(no_status_byte),
		T(reserved_word_is_ignored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
