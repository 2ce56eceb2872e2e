// SPDX-License-Identifier: BSD-2-Clause
/*
 * Loading bytes that are damaged, cut off, of another device, or made up with a good checksum: they are refused
 * and the device is as after a reset, or they are a state that a device can be in, and it works.
 */
#include <stdlib.h>

#include "hash.h"
#include "tests/unit/disk.h"
#include "trace/op.h"

#define DATA 0x20000ull

enum ring_kind { SPLIT, SPLIT_IN_ORDER, PACKED, PACKED_IN_ORDER, RING_KINDS };

static struct machine *m;
static uint8_t *bytes; /* a good state */
static size_t len;
static uint64_t fresh; /* hash of a device after a reset */
static void (*to_disk)(void *, struct blk_io *);

/* Requests of a made-up state may lie beyond the disk: a backend fails those (blk.h). */
static bool on_disk(const struct blk_io *io)
{
	uint64_t all = m->blk.backend.sectors;
	bool fits = io->sector <= all && io->len / 512 <= all - io->sector;
	for (uint16_t i = 0; i < io->nranges; i++)
		fits &= io->range[i].sector <= all && io->range[i].nsectors <= all - io->range[i].sector;
	return fits;
}

static void careful(void *ctx, struct blk_io *io)
{
	if (on_disk(io))
		to_disk(ctx, io);
	else
		blk_io_done(&m->blk, io, BLK_IO_ERROR, 0);
}

static struct machine *make(const struct blk_options *o, uint64_t offer)
{
	m = machine_new(o, CAN_ALL);
	to_disk = m->blk.backend.submit;
	m->blk.backend.submit = careful;
	vdev_offer(&m->blk.vdev, offer);
	fresh = mmio_hash(&m->mmio);
	return m;
}

#define OFFER (BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_IN_ORDER))

static const struct blk_options two_queues = {.nqueues = 2, .ident = "good"};

static void post_one(enum ring_kind kind, uint32_t type, uint64_t sector, uint64_t data, uint32_t n)
{
	if (kind >= PACKED)
		post_packed(m, type, sector, data, n);
	else
		post(m, 0, type, sector, data, n);
}

/* Every type of request in flight, some answered, one of them not published yet. */
static void fill_device(enum ring_kind kind)
{
	uint64_t without = kind == SPLIT || kind == PACKED ? BIT(VIRTIO_F_IN_ORDER) : 0;
	if (kind >= PACKED)
		machine_boot_packed(m, without, 24);
	else
		machine_boot(m, without | BIT(VIRTIO_F_RING_PACKED), 32);
	m->disk.hold = true;
	put64(&m->g, DATA, 3);
	put64(&m->g, DATA + 8, 2);
	post_one(kind, VIRTIO_BLK_T_IN, 4, DATA + 0x1000, 512);
	post_one(kind, VIRTIO_BLK_T_OUT, 5, DATA + 0x2000, 1024);
	post_one(kind, VIRTIO_BLK_T_DISCARD, 0, DATA, 16);
	post_one(kind, VIRTIO_BLK_T_WRITE_ZEROES, 0, DATA, 16);
	post_one(kind, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	post_one(kind, VIRTIO_BLK_T_IN, 8, NEXT - 512, 1024); /* two regions */
	kick(m, 0);
	disk_finish(m, 0, BLK_DONE);
	blk_publish(&m->blk);
	disk_finish(m, 1, BLK_DONE);
	disk_finish(m, 0, BLK_DONE);
}

static void begin(enum ring_kind kind)
{
	make(&two_queues, OFFER);
	fill_device(kind);
	len = mmio_save(&m->mmio, NULL, 0);
	bytes = malloc(len);
	assert_non_null(bytes);
	assert_int_equal(mmio_save(&m->mmio, bytes, len), len);
	disk_finish_all(m);
	set(&m->mmio, VIRTIO_MMIO_STATUS, 0);
	m->blk.vdev.config_gen = 0;
}

static void end(void)
{
	free(bytes);
	machine_free(m);
}

static void assert_refused(const void *b, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);
	assert_non_null(exact);
	memcpy(exact, b, n);
	uint32_t submits = m->disk.nsubmits;
	assert_false(mmio_load(&m->mmio, exact, n));
	assert_int_equal(mmio_hash(&m->mmio), fresh);
	assert_int_equal(m->disk.nsubmits, submits);
	free(exact);
}

static void seal(uint8_t *b, size_t n)
{
	uint32_t crc = crc32c(0, b, n - 4);
	for (uint32_t i = 0; i < 4; i++)
		b[n - 4 + i] = (uint8_t)(crc >> 8 * i);
}

static void good_bytes_are_good(void **state)
{
	(void)state;
	for (enum ring_kind k = 0; k < RING_KINDS; k++) {
		begin(k);
		assert_true(mmio_load(&m->mmio, bytes, len));
		assert_true(mmio_load(&m->mmio, bytes, len)); /* over what was not resumed */
		vdev_resume(&m->blk.vdev);
		assert_int_equal(m->disk.nheld, 3);
		assert_true(mmio_load(&m->mmio, bytes, len)); /* drains what is at the backend */
		assert_int_equal(m->disk.nheld, 0);
		end();
	}
}

static void cut_off(void **state)
{
	(void)state;
	begin(SPLIT);
	for (size_t n = 0; n < len; n++)
		assert_refused(bytes, n);
	end();
}

/* Also with the length and checksum of what is left: some part of the state is missing. */
static void cut_off_and_sealed(void **state)
{
	(void)state;
	begin(PACKED_IN_ORDER);
	for (size_t n = 16; n < len; n++) {
		uint8_t *b = malloc(n);
		assert_non_null(b);
		memcpy(b, bytes, n);
		b[8] = (uint8_t)n;
		b[9] = (uint8_t)(n >> 8);
		seal(b, n);
		assert_refused(b, n);
		free(b);
	}
	end();
}

static void something_more(void **state)
{
	(void)state;
	begin(SPLIT);
	uint8_t *b = calloc(1, len + 8);
	assert_non_null(b);
	memcpy(b, bytes, len);
	assert_refused(b, len + 8);
	b[8] = (uint8_t)(len + 8);
	b[9] = (uint8_t)((len + 8) >> 8);
	seal(b, len + 8);
	assert_refused(b, len + 8);
	free(b);
	end();
}

static void any_wrong_byte(void **state)
{
	(void)state;
	static const uint8_t flip[] = {0x01, 0x80, 0xff};
	begin(PACKED_IN_ORDER);
	for (size_t i = 0; i < len; i++)
		for (size_t k = 0; k < sizeof(flip); k++) {
			bytes[i] ^= flip[k];
			assert_refused(bytes, len);
			bytes[i] ^= flip[k];
		}
	assert_true(mmio_load(&m->mmio, bytes, len));
	end();
}

/* -- made up, with a good checksum ------------------------------------------------------------------------ */

/* Whatever a guest and its disk may do next. */
static void use(void)
{
	for (uint32_t i = 0; i < 2; i++) {
		vdev_run(&m->blk.vdev, 0);
		kick(m, 1);
		while (m->disk.nheld)
			disk_finish(m, m->disk.nheld / 2, BLK_DONE);
		blk_publish(&m->blk);
		uint32_t again = m->g.again;
		m->g.again = 0;
		for (uint16_t q = 0; q < 2; q++)
			if (again >> q & 1)
				vdev_run(&m->blk.vdev, q);
		mmio_read(&m->mmio, VIRTIO_MMIO_CONFIG, 8);
		set(&m->mmio, VIRTIO_MMIO_INTERRUPT_ACK, 3);
	}
	set(&m->mmio, VIRTIO_MMIO_QUEUE_READY, 0);
	set(&m->mmio, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(m->blk.inflight, 0);
}

/* Returns whether they were taken. */
static bool try_bytes(void)
{
	m->blk.vdev.config_gen = 0;
	bool taken = mmio_load(&m->mmio, bytes, len);
	if (taken)
		vdev_resume(&m->blk.vdev);
	else
		assert_int_equal(mmio_hash(&m->mmio), fresh);
	if (taken)
		use();
	return taken;
}

static void any_sealed_byte(void **state)
{
	(void)state;
	static const uint8_t flip[] = {0x01, 0x02, 0x40, 0x80, 0xff};
	for (enum ring_kind kind = 0; kind < RING_KINDS; kind++) {
		uint32_t taken = 0, refused = 0;
		begin(kind);
		for (size_t i = 0; i < len - 4; i++)
			for (size_t k = 0; k < sizeof(flip); k++) {
				bytes[i] ^= flip[k];
				seal(bytes, len);
				try_bytes() ? taken++ : refused++;
				bytes[i] ^= flip[k];
			}
		assert_true(taken > 100 && refused > 100); /* both ways are gone */
		end();
	}
}

static void many_sealed_bytes(void **state)
{
	(void)state;
	uint64_t tape = 1;
	for (enum ring_kind kind = 0; kind < RING_KINDS; kind++) {
		begin(kind);
		uint8_t *good = malloc(len);
		assert_non_null(good);
		memcpy(good, bytes, len);
		for (int i = 0; i < 3000; i++) {
			for (int n = 1 + i % 4; n; n--) {
				tape = hash_u64(tape, (uint64_t)i);
				bytes[12 + (uint32_t)tape % (len - 16)] = (uint8_t)(tape >> 40);
			}
			seal(bytes, len);
			try_bytes();
			memcpy(bytes, good, len);
		}
		free(good);
		end();
	}
}

/* -- what no device is in --------------------------------------------------------------------------------- */

/* What follows its ranges is zero, so that one that says it has more of them can be saved. */
static struct blk_req *flying(enum blk_io_type type)
{
	for (uint32_t i = 0; i < BLK_INFLIGHT_MAX; i++) {
		struct blk_io *io = &m->blk.req[i].io;
		if (!(m->blk.busy[i / 64] >> i % 64 & 1) || io->type != type)
			continue;
		memset(&io->range[io->nranges], 0, (BLK_RANGES_MAX - io->nranges) * sizeof(io->range[0]));
		return &m->blk.req[i];
	}
	fail();
	return NULL;
}

/* Saves the device with one value changed, which is put back before anything uses it. */
#define CHANGED(kind, field, value)                         \
	do {                                                \
		make(&two_queues, OFFER);                   \
		fill_device(kind);                          \
		typeof(field) *at_ = &(field), was_ = *at_; \
		*at_ = (value);                             \
		len = mmio_save(&m->mmio, NULL, 0);         \
		bytes = malloc(len);                        \
		assert_non_null(bytes);                     \
		mmio_save(&m->mmio, bytes, len);            \
		*at_ = was_;                                \
		disk_finish_all(m);                         \
		assert_refused(bytes, len);                 \
		end();                                      \
	} while (0)

static void requests_that_no_guest_could_make(void **state)
{
	(void)state;
	CHANGED(SPLIT, flying(BLK_IO_READ)->write_len, 512);
	CHANGED(SPLIT, flying(BLK_IO_READ)->io.sync, true);
	CHANGED(SPLIT, flying(BLK_IO_READ)->io.len, 0);
	CHANGED(SPLIT, flying(BLK_IO_READ)->io.len, 512);
	CHANGED(SPLIT, flying(BLK_IO_READ)->io.type, 7);
	CHANGED(SPLIT, flying(BLK_IO_READ)->io.type, BLK_IO_FLUSH);
	CHANGED(SPLIT, flying(BLK_IO_READ)->io.sector, UINT64_MAX);
	CHANGED(SPLIT, flying(BLK_IO_READ)->io.nranges, 1);
	CHANGED(SPLIT, flying(BLK_IO_READ)->queue, 1);
	CHANGED(SPLIT, flying(BLK_IO_READ)->queue, 2);
	CHANGED(SPLIT, flying(BLK_IO_READ)->status.v, HOLE);
	CHANGED(SPLIT, flying(BLK_IO_READ)->span_gpa[0].v, HOLE - 8);
	CHANGED(SPLIT, flying(BLK_IO_READ)->io.nspans, 0);
	CHANGED(SPLIT, flying(BLK_IO_FLUSH)->write_len, 0);
	CHANGED(SPLIT, flying(BLK_IO_FLUSH)->io.sector, 1);
	CHANGED(SPLIT, flying(BLK_IO_FLUSH)->tok.seq, 0);
	CHANGED(SPLIT, flying(BLK_IO_FLUSH)->tok.ndesc, 0);
	CHANGED(SPLIT, flying(BLK_IO_FLUSH)->tok.ndesc, 2);
	CHANGED(SPLIT, flying(BLK_IO_FLUSH)->tok.id, 32);
	CHANGED(SPLIT, flying(BLK_IO_FLUSH)->tok, flying(BLK_IO_READ)->tok);
	CHANGED(SPLIT, flying(BLK_IO_WRITE_ZEROES)->io.nranges, 0);
	CHANGED(SPLIT, flying(BLK_IO_WRITE_ZEROES)->io.range[0].nsectors, BLK_RANGE_MAX + 1);
	CHANGED(SPLIT, flying(BLK_IO_WRITE_ZEROES)->io.range[0].sector, UINT64_MAX);
	CHANGED(SPLIT, flying(BLK_IO_WRITE_ZEROES)->io.type, BLK_IO_WRITE);
	CHANGED(SPLIT, m->blk.options.read_only, true);
	CHANGED(SPLIT, m->blk.stalled, 4);
	CHANGED(SPLIT, m->blk.staged, 4);
	CHANGED(SPLIT, m->blk.writeback, 2);
	CHANGED(PACKED, flying(BLK_IO_READ)->tok.ndesc, 2);
	CHANGED(PACKED_IN_ORDER, flying(BLK_IO_READ)->tok.ndesc, 2);
}

#define Q m->blk.vdev.queue[0]

static void queues_that_no_guest_could_make(void **state)
{
	(void)state;
	for (enum ring_kind k = 0; k < RING_KINDS; k++) {
		CHANGED(k, Q.size, 257);
		CHANGED(k, Q.ready, false);
		CHANGED(k, Q.next_avail, Q.next_avail + 1);
		CHANGED(k, Q.next_used, Q.next_used - 1);
		CHANGED(k, Q.area[VQ_DESC].v, HOLE);
		CHANGED(k, Q.area[VQ_DRIVER].v, Q.area[VQ_DRIVER].v + 1);
		CHANGED(k, Q.area[VQ_DEVICE].v, HIGH_END - 1);
		CHANGED(k, Q.packed, k < PACKED);
		CHANGED(k, Q.in_order, k == SPLIT || k == PACKED);
		CHANGED(k, Q.event_idx, false);
		CHANGED(k, Q.indirect, false);
		CHANGED(k, Q.used_flags, 0x0100);
		CHANGED(k, m->blk.busy[0], m->blk.busy[0] & (m->blk.busy[0] - 1)); /* nobody owns a chain */
	}
	CHANGED(PACKED, Q.published, 24);
	CHANGED(PACKED, Q.published, Q.next_avail);
	CHANGED(SPLIT_IN_ORDER, Q.batch.at, Q.next_used);
	CHANGED(SPLIT_IN_ORDER, Q.batch.id, 32);
	CHANGED(PACKED_IN_ORDER, Q.batch.at, 24);
	CHANGED(PACKED_IN_ORDER, Q.order[Q.oldest], 24);
	CHANGED(PACKED_IN_ORDER, Q.order[Q.oldest], Q.order[Q.oldest + 1]);
	CHANGED(PACKED_IN_ORDER, Q.wait[Q.order[Q.oldest]].done, true);
	CHANGED(PACKED_IN_ORDER, Q.wait[Q.order[Q.oldest]].whole, true);
	CHANGED(PACKED_IN_ORDER, Q.wait[Q.order[Q.oldest]].ndesc, 0);
	CHANGED(PACKED_IN_ORDER, Q.wait[Q.order[Q.oldest]].bytes, 0);
}

static void registers_that_no_guest_could_make(void **state)
{
	(void)state;
	CHANGED(SPLIT, m->blk.vdev.status, S_LIVE | 0x10);
	CHANGED(SPLIT, m->blk.vdev.status, S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK);
	CHANGED(SPLIT, m->blk.vdev.status, S_AGREED); /* and chains in flight */
	CHANGED(SPLIT, m->blk.vdev.isr, 4);
	CHANGED(SPLIT, m->blk.vdev.accepted_beyond, 1);
	CHANGED(SPLIT, m->blk.vdev.accepted, m->blk.vdev.accepted | BIT(VIRTIO_F_NOTIFICATION_DATA));
	CHANGED(SPLIT, m->blk.vdev.accepted, m->blk.vdev.accepted & ~BIT(VIRTIO_F_VERSION_1));
}

/* -- of another device ------------------------------------------------------------------------------------ */

static void assert_foreign(const struct blk_options *o, uint64_t offer, uint64_t sectors)
{
	struct machine *mine = m;
	make(o, offer);
	m->blk.backend.sectors = sectors;
	fresh = mmio_hash(&m->mmio);
	assert_refused(bytes, len);
	machine_free(m);
	m = mine;
}

static void of_another_device(void **state)
{
	(void)state;
	begin(SPLIT);
	struct blk_options o = two_queues;
	o.nqueues = 3;
	assert_foreign(&o, OFFER, SECTORS);
	o = two_queues;
	o.queue_size = 128;
	assert_foreign(&o, OFFER, SECTORS);
	o = two_queues;
	o.ident[0] = 'G';
	assert_foreign(&o, OFFER, SECTORS);
	o = two_queues;
	o.physical_exp = 3;
	assert_foreign(&o, OFFER, SECTORS);
	o = two_queues;
	o.read_only = true;
	o.without = BIT(VIRTIO_BLK_F_RO);
	assert_foreign(&o, OFFER, SECTORS);
	o = two_queues;
	o.without = BIT(VIRTIO_BLK_F_TOPOLOGY);
	assert_foreign(&o, OFFER, SECTORS);
	assert_foreign(&two_queues, 0, SECTORS);
	assert_foreign(&two_queues, OFFER, SECTORS - 1);
	end();
}

/* A ring that lies where this machine has no memory. */
static void memory_is_not_there(void **state)
{
	(void)state;
	begin(SPLIT);
	const struct vmem_map all = m->g.map;
	m->g.map.nregions = 1;
	m->g.map.region[0].len = 0x4000;
	vmem_init(&m->g.mem, &m->g.map);
	assert_refused(bytes, len);
	m->g.map = all;
	vmem_init(&m->g.mem, &m->g.map);
	assert_true(mmio_load(&m->mmio, bytes, len));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_bytes_are_good),
		cmocka_unit_test(cut_off),
		cmocka_unit_test(cut_off_and_sealed),
		cmocka_unit_test(something_more),
		cmocka_unit_test(any_wrong_byte),
		cmocka_unit_test(any_sealed_byte),
		cmocka_unit_test(many_sealed_bytes),
		cmocka_unit_test(requests_that_no_guest_could_make),
		cmocka_unit_test(queues_that_no_guest_could_make),
		cmocka_unit_test(registers_that_no_guest_could_make),
		cmocka_unit_test(of_another_device),
		cmocka_unit_test(memory_is_not_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
