// SPDX-License-Identifier: BSD-2-Clause
/* The recorder: what it writes at each door, decoded again; its limits; payload as hash or in full. */
#include "devices/rng.h"
#include "hash.h"
#include "tests/unit/disk.h"
#include "trace/recorder.h"

#define DATA   0x20000ull
#define BUF    8192u
#define BLOCKS 8u

static struct guest g;
static struct recorder rec;
static struct recorder_dev dev;
static struct arena arena;
static uint8_t buf[BUF], pool[512 * BLOCKS];

/* What has been taken out of the buffer, and what is in it. */
static uint8_t taken[1 << 16];
static size_t taken_len;
static uint32_t nfull;
static bool stop_when_full;

static void full(struct recorder *r, size_t need)
{
	assert_true(need > r->max - r->len);
	nfull++;
	if (stop_when_full) {
		r->stopped = true;
		return;
	}
	assert_true(taken_len + r->len <= sizeof(taken));
	memcpy(taken + taken_len, r->buf, r->len);
	taken_len += r->len;
	r->len = 0;
}

static int setup(void **state)
{
	(void)state;
	guest_init(&g);
	arena_init(&arena, pool, 512, BLOCKS);
	rec = (struct recorder){.buf = buf, .max = sizeof(buf), .full = full};
	dev = (struct recorder_dev){.rec = &rec, .arena = &arena, .dev = 3};
	vmem_set_tap(&g.mem, &recorder_tap, &dev);
	taken_len = nfull = 0;
	stop_when_full = false;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(arena.free, BLOCKS);
	guest_free(&g);
	return 0;
}

/* The next record; fails the test when there is none. */
static size_t at_record;
static struct op next(void)
{
	struct op op;
	size_t used;
	assert_int_equal(op_decode(rec.buf + at_record, rec.len - at_record, &op, &used), OP_DECODED);
	at_record += used;
	assert_int_equal(op.dev, 3);
	return op;
}

static void no_more(void)
{
	assert_int_equal(at_record, rec.len);
	rec.len = at_record = 0;
}

/* The next record has this code and these fields, the rest are 0. */
static void want(uint8_t code, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct op op = next();
	uint64_t arg[4] = {a, b, c, d};
	assert_int_equal(op.code, code);
	for (int i = 0; i < 4; i++)
		assert_int_equal(op.arg[i], arg[i]);
	assert_int_equal(op.len, 0);
}

static void doors(void **state)
{
	(void)state;
	recorder_write(&dev, 0x70, 4, 15);
	recorder_read(&dev, 0x100, 8, UINT64_MAX);
	recorder_run(&dev, 2);
	recorder_flushed(&dev);
	recorder_resize(&dev, 1ull << 50);
	recorder_irq(&dev, HOST_SOURCE_CONFIG);
	recorder_again(&dev, 1);
	recorder_offence(&dev, OFFENCE_BLK_RANGE);
	want(OP_WRITE, 0x70, 4, 15, 0);
	want(OP_READ, 0x100, 8, UINT64_MAX, 0);
	want(OP_RUN, 2, 0, 0, 0);
	want(OP_FLUSHED, 0, 0, 0, 0);
	want(OP_RESIZE, 1ull << 50, 0, 0, 0);
	want(OP_IRQ, HOST_SOURCE_CONFIG, 0, 0, 0);
	want(OP_AGAIN, 1, 0, 0, 0);
	want(OP_OFFENCE, OFFENCE_BLK_RANGE, 0, 0, 0);
	no_more();
	assert_int_equal(rec.nrecords, 8);
}

/* Completions know whether they came from inside submit or drain. */
static void nesting(void **state)
{
	(void)state;
	struct rng_io io = {.id = 5, .span = {buf, 77}};
	recorder_done_rng(&dev, &io, 0);
	recorder_enter_rng(&dev, &io);
	recorder_done_rng(&dev, &io, 0);
	recorder_leave(&dev, false);
	recorder_enter_drain(&dev);
	recorder_done_rng(&dev, &io, 0);
	recorder_leave(&dev, true);
	recorder_done_rng(&dev, &io, 0);
	want(OP_DONE, 5, 0, 0, 0);
	struct op op = next();
	assert_int_equal(op.code, OP_SUBMIT);
	assert_int_equal(op.arg[0], 5);
	assert_int_equal(op.arg[3], 77);
	assert_int_equal(op.arg[5], 1);
	want(OP_DONE, 5, 0, 0, 1);
	want(OP_DRAIN, 0, 0, 0, 0);
	want(OP_DONE, 5, 0, 0, 1);
	want(OP_DRAINED, 0, 0, 0, 0);
	want(OP_DONE, 5, 0, 0, 0);
	no_more();
	assert_int_equal(dev.depth, 0);
}

static void block_requests(void **state)
{
	(void)state;
	static struct blk_io io;
	io = (struct blk_io){.id = 9, .type = BLK_IO_WRITE_ZEROES, .sector = 4, .sync = true, .nranges = 2};
	io.range[0] = (struct blk_range){1, 2, 1};
	io.range[1] = (struct blk_range){1ull << 40, 4, 0};
	recorder_enter_blk(&dev, &io);
	recorder_leave(&dev, false);
	struct op op = next();
	assert_int_equal(op.code, OP_SUBMIT);
	const uint64_t args[6] = {9, BLK_IO_WRITE_ZEROES, 4, 0, 1, 0};
	assert_memory_equal(op.arg, args, sizeof(args));
	assert_int_equal(op.len, 2 * sizeof(struct blk_range));
	assert_memory_equal(op.data, io.range, op.len);
	no_more();
}

/* Ring and header accesses are recorded with their bytes whatever the payload mode is. */
static void loads_and_stores(void **state)
{
	(void)state;
	uint8_t bytes[20] = "0123456789abcdefghi";
	uint16_t v;
	assert_true(vmem_write(&g.mem, VMEM_STATUS, gpa(LOW_END - 10), bytes, 20));
	assert_true(vmem_read(&g.mem, VMEM_HEADER, gpa(LOW_END - 10), bytes, 20));
	assert_true(vmem_store16(&g.mem, VMEM_USED_IDX, gpa(HIGH), 0x0102));
	assert_true(vmem_load16(&g.mem, VMEM_AVAIL_IDX, gpa(HIGH), &v));
	assert_false(vmem_load16(&g.mem, VMEM_AVAIL_IDX, gpa(HOLE), &v));
	vmem_fence(&g.mem);
	static const struct {
		uint8_t code;
		uint64_t what, addr;
		uint32_t len;
		const char *data;
	} t[] = {{OP_STORE, VMEM_STATUS, LOW_END - 10, 20, "0123456789abcdefghi"},
		 {OP_LOAD, VMEM_HEADER, LOW_END - 10, 20, "0123456789abcdefghi"},
		 {OP_STORE, VMEM_USED_IDX, HIGH, 2, "\2\1"},
		 {OP_LOAD, VMEM_AVAIL_IDX, HIGH, 2, "\2\1"}};
	for (int i = 0; i < 4; i++) {
		struct op op = next();
		assert_int_equal(op.code, t[i].code);
		assert_int_equal(op.arg[0], t[i].what);
		assert_int_equal(op.arg[1], t[i].addr);
		assert_int_equal(op.len, t[i].len);
		assert_memory_equal(op.data, t[i].data, t[i].len);
	}
	no_more();
}

/* -- payload --------------------------------------------------------------------------------------------- */

/* Lends n bytes, has them read or stored, completes and takes them back; the record that tells of the bytes.
 */
static struct op payload(enum vmem_kind kind, uint32_t n, uint32_t stored)
{
	struct rng_io io = {.id = 1};
	fill(&g, DATA, n, 1);
	assert_int_equal(vmem_pin(&g.mem, kind, gpa(DATA), n, &io.span), n);
	struct op pin = next();
	assert_int_equal(pin.code, OP_PIN);
	const uint64_t args[4] = {kind, DATA, n, 1};
	assert_memory_equal(pin.arg, args, sizeof(args));
	if (kind == VMEM_STORE)
		memset(io.span.base, 0x66, n);
	recorder_done_rng(&dev, &io, stored);
	if (stored) {
		struct op hashes = next();
		uint64_t hash = hash_bytes(HASH_SEED, io.span.base, stored);
		assert_int_equal(hashes.code, OP_PAYLOAD);
		assert_int_equal(hashes.len, sizeof(hash));
		assert_memory_equal(hashes.data, &hash, sizeof(hash));
	}
	want(OP_DONE, 1, 0, stored, 0);
	vmem_unpin(&g.mem, kind, gpa(DATA), io.span, stored);
	struct op unpin = next();
	assert_int_equal(unpin.code, OP_UNPIN);
	assert_int_equal(unpin.arg[0], kind);
	assert_int_equal(unpin.arg[3], stored);
	no_more();
	return kind == VMEM_LOAD ? pin : unpin;
}

/* A guest's data is a secret: what is kept of it is a hash. */
static void payload_as_hash(void **state)
{
	(void)state;
	struct op op = payload(VMEM_LOAD, 600, 0);
	assert_int_equal(op.len, 0);
	assert_int_equal(op.arg[4], hash_bytes(HASH_SEED, at(&g, DATA), 600));
	op = payload(VMEM_STORE, 600, 500);
	assert_int_equal(op.len, 0);
	assert_int_equal(op.arg[4], hash_bytes(HASH_SEED, at(&g, DATA), 500));
	assert_int_equal(*at(&g, DATA + 499), 0x66);
	assert_int_not_equal(*at(&g, DATA + 500), 0x66);
	op = payload(VMEM_STORE, 600, 0);
	assert_int_equal(op.arg[4], 0);
}

static void payload_in_full(void **state)
{
	(void)state;
	rec.full_payload = true;
	struct op op = payload(VMEM_LOAD, 600, 0);
	assert_int_equal(op.len, 600);
	assert_memory_equal(op.data, at(&g, DATA), 600);
	assert_int_equal(op.arg[4],
			 hash_bytes(HASH_SEED, at(&g, DATA), 600)); /* the hash is there all the same */
	op = payload(VMEM_STORE, 600, 500);
	assert_int_equal(op.len, 500);
	assert_memory_equal(op.data, at(&g, DATA), 500);
	op = payload(VMEM_STORE, 600, 0);
	assert_int_equal(op.len, 0);
}

/* One hash a span, of what was delivered; a read that failed or fell short delivers nothing. */
static void hashes_of_a_block_read(void **state)
{
	(void)state;
	static struct blk_io io;
	fill(&g, DATA, 1024, 3);
	io = (struct blk_io){.id = 2, .type = BLK_IO_READ, .len = 1024, .nspans = 2};
	io.span[0] = (struct vspan){at(&g, DATA), 300};
	io.span[1] = (struct vspan){at(&g, DATA) + 300, 724};
	recorder_done_blk(&dev, &io, BLK_DONE, 1024);
	struct op op = next();
	const uint64_t hash[2] = {hash_bytes(HASH_SEED, at(&g, DATA), 300),
				  hash_bytes(HASH_SEED, at(&g, DATA) + 300, 724)};
	assert_int_equal(op.code, OP_PAYLOAD);
	assert_int_equal(op.len, sizeof(hash));
	assert_memory_equal(op.data, hash, sizeof(hash));
	want(OP_DONE, 2, BLK_DONE, 1024, 0);
	recorder_done_blk(&dev, &io, BLK_DONE, 1023);
	want(OP_DONE, 2, BLK_DONE, 1023, 0);
	recorder_done_blk(&dev, &io, BLK_IO_ERROR, 1024);
	want(OP_DONE, 2, BLK_IO_ERROR, 1024, 0);
	io.type = BLK_IO_WRITE; /* a write delivers nothing to the guest */
	recorder_done_blk(&dev, &io, BLK_DONE, 1024);
	want(OP_DONE, 2, BLK_DONE, 1024, 0);
	no_more();
}

/* What is recorded is what the backend gets, whatever the guest does to the page meanwhile. */
static void a_load_is_copied_once(void **state)
{
	(void)state;
	struct vspan s;
	fill(&g, DATA, 512, 7);
	uint64_t hash = hash_bytes(HASH_SEED, at(&g, DATA), 512);
	assert_int_equal(vmem_pin(&g.mem, VMEM_LOAD, gpa(DATA), 512, &s), 512);
	memset(at(&g, DATA), 0, 512);
	assert_int_equal(next().arg[4], hash);
	assert_int_equal(hash_bytes(HASH_SEED, s.base, 512), hash);
	vmem_unpin(&g.mem, VMEM_LOAD, gpa(DATA), s, 0);
	next();
	no_more();
}

static void refused_pin_is_recorded(void **state)
{
	(void)state;
	struct vspan s, t;
	assert_int_equal(vmem_pin(&g.mem, VMEM_STORE, gpa(DATA), 512 * BLOCKS, &s), 512 * BLOCKS);
	assert_int_equal(vmem_pin(&g.mem, VMEM_LOAD, gpa(DATA), 1, &t), 0);
	next();
	struct op op = next();
	assert_int_equal(op.code, OP_PIN);
	assert_int_equal(op.arg[3], 0);
	assert_int_equal(op.arg[4], 0);
	vmem_unpin(&g.mem, VMEM_STORE, gpa(DATA), s, 0);
	next();
	no_more();
}

/* -- limits ---------------------------------------------------------------------------------------------- */

/* The buffer holds whole records only, at every size of it; put together they are all there, in order. */
static void buffer_is_emptied_in_time(void **state)
{
	(void)state;
	for (size_t max = OP_ENCODED_MAX + 1; max < 3 * OP_ENCODED_MAX; max += 7) {
		rec = (struct recorder){.buf = buf, .max = max, .full = full};
		taken_len = 0;
		for (uint32_t i = 0; i < 200; i++)
			recorder_write(&dev, i, 4, 0x0101010101010101ull * i);
		full(&rec, max);
		assert_false(rec.stopped);
		assert_int_equal(rec.nrecords, 200);
		size_t pos = 0, used;
		for (uint32_t i = 0; i < 200; i++, pos += used) {
			struct op op;
			assert_int_equal(op_decode(taken + pos, taken_len - pos, &op, &used), OP_DECODED);
			assert_int_equal(op.arg[0], i);
			assert_int_equal(op.arg[2], 0x0101010101010101ull * i);
		}
		assert_int_equal(pos, taken_len);
	}
}

/* A recorder whose disk is full stops; the device works on as before. */
static void stopped_records_nothing_more(void **state)
{
	(void)state;
	stop_when_full = true;
	while (!rec.stopped)
		recorder_irq(&dev, 0);
	size_t len = rec.len;
	uint64_t n = rec.nrecords;
	struct vspan s;
	recorder_irq(&dev, 0);
	assert_int_equal(vmem_pin(&g.mem, VMEM_STORE, gpa(DATA), 100, &s), 100);
	memset(s.base, 1, 100);
	vmem_unpin(&g.mem, VMEM_STORE, gpa(DATA), s, 100);
	assert_int_equal(*at(&g, DATA + 99), 1);
	assert_int_equal(rec.len, len);
	assert_int_equal(rec.nrecords, n);
	assert_int_equal(nfull, 1);
	assert_false(recorder_state_due(&rec));
}

/* A record larger than the buffer can not be kept in part. */
static void record_larger_than_the_buffer(void **state)
{
	(void)state;
	uint8_t bytes[600] = {0};
	rec.max = 500;
	recorder_irq(&dev, 0);
	assert_true(vmem_write(&g.mem, VMEM_PAYLOAD, gpa(DATA), bytes, 600));
	assert_true(rec.stopped);
	assert_int_equal(rec.nrecords, 1);
}

static void state_hashes_are_due_now_and_then(void **state)
{
	(void)state;
	uint32_t due = 0;
	for (uint32_t i = 0; i < 3 * RECORDER_STATE_EVERY; i++) {
		recorder_irq(&dev, 0);
		rec.len = 0;
		if (!recorder_state_due(&rec))
			continue;
		due++;
		recorder_state(&dev, 0x1234567890abcdefull);
		want(OP_STATE, 0x1234567890abcdefull, 0, 0, 0);
		no_more();
	}
	assert_int_equal(due, 3);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(doors),
		T(nesting),
		T(block_requests),
		T(loads_and_stores),
		T(payload_as_hash),
		T(payload_in_full),
		T(hashes_of_a_block_read),
		T(a_load_is_copied_once),
		T(refused_pin_is_recorded),
		T(buffer_is_emptied_in_time),
		T(stopped_records_nothing_more),
		T(record_larger_than_the_buffer),
		T(state_hashes_are_due_now_and_then),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
