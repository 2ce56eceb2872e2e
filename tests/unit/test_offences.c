// SPDX-License-Identifier: BSD-2-Clause
/*
 * Every entry of offence.def is provoked by a guest here, and shows the reaction that the table promises:
 *
 *   IGNORE  reported; the device is as live as before
 *   REFUSE  reported; the register reads back unchanged (each entry says which)
 *   STATUS  reported; the request is answered with an error status
 *   BREAK   reported; NEEDS_RESET, one configuration interrupt, and no used entry
 *
 * An offence without an entry here fails the test.
 */
#include "devices/rng.h"
#include "tests/unit/provoke.h"

#define DATA  0x20000ull
#define TABLE 0x22000ull

#define NX VRING_DESC_F_NEXT
#define WR VRING_DESC_F_WRITE
#define IN VRING_DESC_F_INDIRECT

static struct machine *m;
static struct mmio *x;

/* -- how to provoke them --------------------------------------------------------------------------------- */

static void publish_0(void)
{
	ring_publish(&m->ring[0], 0);
	kick(m, 0);
}

/* One descriptor at head 0, published. */
static void one(uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	ring_desc(&m->ring[0], 0, addr, len, flags, next);
	publish_0();
}

static void avail_jump(void)
{
	put16(&m->g, m->ring[0].avail + 2, 65);
	kick(m, 0);
}

static void head_range(void)
{
	ring_publish(&m->ring[0], 64);
	kick(m, 0);
}

static void head_in_flight(void)
{
	m->disk.hold = true;
	uint16_t head = post(m, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	ring_publish(&m->ring[0], head);
	kick(m, 0);
}

static void next_range(void)
{
	one(DATA, 1, NX, 64);
}

static void chain_loop(void)
{
	one(DATA, 1, NX, 0);
}

static void chain_segments(void)
{
	struct buf b[VQ_SEGS_MAX + 1];
	for (int i = 0; i <= VQ_SEGS_MAX; i++)
		b[i] = (struct buf){DATA, 1, false};
	ring_post_indirect(&m->ring[0], TABLE, b, VQ_SEGS_MAX + 1);
	kick(m, 0);
}

/* A region of 48 MiB, whose memory nobody touches, 100 times. */
static void chain_bytes(void)
{
	uint32_t len = 48u << 20;
	struct buf b[100];
	void *huge = test_malloc(len);
	m->g.map.region[3] = (struct vmem_region){1ull << 32, len, huge};
	m->g.map.nregions = 4;
	for (int i = 0; i < 100; i++)
		b[i] = (struct buf){1ull << 32, len, false};
	ring_post_indirect(&m->ring[0], TABLE, b, 100);
	kick(m, 0);
	m->g.map.nregions = 3;
	test_free(huge);
}

static void read_after_write(void)
{
	ring_desc(&m->ring[0], 1, DATA, 1, 0, 0);
	one(DATA, 1, NX | WR, 1);
}

static void buffer_range(void)
{
	one(HIGH_END - 1, 2, WR, 0);
}

static void indirect_feature(void)
{
	machine_boot(m, BIT(VIRTIO_RING_F_INDIRECT_DESC), 64);
	one(TABLE, 16, IN, 0);
}

static void indirect_nested(void)
{
	desc_at(&m->g, TABLE, 0, TABLE, 16, IN, 0);
	one(TABLE, 16, IN, 0);
}

static void indirect_next(void)
{
	one(TABLE, 16, IN | NX, 1);
}

static void indirect_length(void)
{
	one(TABLE, 8, IN, 0);
}

static void indirect_range(void)
{
	one(HOLE, 16, IN, 0);
}

static void reg_width(void)
{
	mmio_write(x, VIRTIO_MMIO_STATUS, 1, 0);
}

static void reg_unknown(void)
{
	set(x, 0x018, 1);
}

static void reg_read_only(void)
{
	set(x, VIRTIO_MMIO_DEVICE_ID, 1);
}

static void reg_write_only(void)
{
	reg(x, VIRTIO_MMIO_QUEUE_NUM);
}

static void config_range(void)
{
	mmio_read(x, 0xffe, 4);
}

static void config_read_only(void)
{
	mmio_write(x, VIRTIO_MMIO_CONFIG, 4, 1);
}

static void ack_bits(void)
{
	set(x, VIRTIO_MMIO_INTERRUPT_ACK, 4);
}

static void queue_none(void)
{
	kick(m, 1);
}

static void disable_queue_0(void)
{
	set(x, VIRTIO_MMIO_QUEUE_SEL, 0);
	set(x, VIRTIO_MMIO_QUEUE_READY, 0);
}

static void queue_size(void)
{
	disable_queue_0();
	set(x, VIRTIO_MMIO_QUEUE_NUM, 16);
	set(x, VIRTIO_MMIO_QUEUE_NUM, 24);
}

static bool queue_size_refused(void)
{
	return m->blk.vdev.queue[0].size == 16;
}

static void queue_live(void)
{
	set(x, VIRTIO_MMIO_QUEUE_SEL, 0);
	set(x, VIRTIO_MMIO_QUEUE_NUM, 16);
}

static bool queue_live_refused(void)
{
	return m->blk.vdev.queue[0].size == 64;
}

static void queue_layout(void)
{
	disable_queue_0();
	set(x, VIRTIO_MMIO_QUEUE_READY, 1);
}

static bool queue_layout_refused(void)
{
	return reg(x, VIRTIO_MMIO_QUEUE_READY) == 0;
}

static void features_late(void)
{
	set(x, VIRTIO_MMIO_DRIVER_FEATURES, 0);
}

static void features_unknown(void)
{
	negotiate(x, offered(x) | BIT(63));
}

static void features_version(void)
{
	negotiate(x, offered(x) & ~BIT(VIRTIO_F_VERSION_1));
}

static bool features_refused(void)
{
	return reg(x, VIRTIO_MMIO_STATUS) == S_DRIVER;
}

static void status_cleared(void)
{
	set(x, VIRTIO_MMIO_STATUS, S_ACK);
}

static void status_order(void)
{
	set(x, VIRTIO_MMIO_STATUS, 0);
	set(x, VIRTIO_MMIO_STATUS, S_DRIVER);
	set(x, VIRTIO_MMIO_STATUS, S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK);
}

static void kick_early(void)
{
	negotiate(x, offered(x));
	kick(m, 0);
	machine_boot(m, 0, 64);
}

static void kick_not_ready(void)
{
	disable_queue_0();
	kick(m, 0);
}

/* A request of one readable and one status buffer. */
static void short_request(uint32_t header_len, uint32_t status_len)
{
	struct buf b[2] = {{header_at(0, 0), header_len, false}, {status_at(0, 0), status_len, true}};
	put_header(m, header_at(0, 0), VIRTIO_BLK_T_FLUSH, 0);
	ring_post_at(&m->ring[0], 0, b, 2);
	kick(m, 0);
}

static void blk_header(void)
{
	short_request(15, 1);
}

static void blk_no_status(void)
{
	short_request(16, 0);
}

static void transfer(uint32_t type, uint64_t sector, uint32_t len)
{
	post(m, 0, type, sector, DATA, len);
	kick(m, 0);
}

static void blk_data_size(void)
{
	transfer(VIRTIO_BLK_T_OUT, 0, 513);
}

static void blk_range(void)
{
	transfer(VIRTIO_BLK_T_OUT, SECTORS, 512);
}

static void blk_read_only(void)
{
	m->blk.options.read_only = true;
	transfer(VIRTIO_BLK_T_OUT, 0, 512);
}

static void blk_segments(void)
{
	transfer(VIRTIO_BLK_T_DISCARD, 0, 8);
}

static void blk_flags(void)
{
	put64(&m->g, DATA, 0);
	put64(&m->g, DATA + 8, 1ull | 1ull << 33);
	transfer(VIRTIO_BLK_T_DISCARD, 0, 16);
}

static void blk_feature(void)
{
	machine_boot(m, BIT(VIRTIO_BLK_F_DISCARD), 64);
	transfer(VIRTIO_BLK_T_DISCARD, 0, 16);
}

/* -- the entropy device ---------------------------------------------------------------------------------- */

static void rng_submit(void *ctx, struct rng_io *io)
{
	rng_io_done(ctx, io, 1);
}

static void rng_drain(void *ctx)
{
	(void)ctx;
}

static void rng_request(bool write)
{
	static struct rng rng;
	const struct rng_backend backend = {rng_submit, rng_drain, &rng};
	struct mmio rx;
	rng_init(&rng, &m->g.mem, &guest_host, &m->g, &backend);
	mmio_init(&rx, &rng.vdev);
	assert_int_equal(negotiate(&rx, offered(&rx)), S_AGREED);
	ring_init(&m->ring[1], &m->g, 0x8000, 8);
	queue_enable(&rx, 0, &m->ring[1]);
	set(&rx, VIRTIO_MMIO_STATUS, S_LIVE);
	const struct buf b[2] = {{DATA, write ? 4 : 0, false}, {DATA + 8, write, true}};
	ring_post(&m->ring[1], b, 2);
	set(&rx, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	uint32_t id, len;
	assert_true(ring_take(&m->ring[1], &id, &len));
	assert_int_equal(len, write);
	assert_int_equal(reg(&rx, VIRTIO_MMIO_STATUS), S_LIVE);
}

static void rng_readable(void)
{
	rng_request(true);
}

static void rng_empty(void)
{
	rng_request(false);
}

/* -- the table ------------------------------------------------------------------------------------------- */

static const struct provoked {
	void (*how)(void);
	bool (*refused)(void); /* REFUSE: it did not take */
} provoked[OFFENCE_COUNT] = {
	[OFFENCE_AVAIL_JUMP] = {avail_jump, NULL},
	[OFFENCE_HEAD_RANGE] = {head_range, NULL},
	[OFFENCE_HEAD_IN_FLIGHT] = {head_in_flight, NULL},
	[OFFENCE_NEXT_RANGE] = {next_range, NULL},
	[OFFENCE_CHAIN_LOOP] = {chain_loop, NULL},
	[OFFENCE_CHAIN_SEGMENTS] = {chain_segments, NULL},
	[OFFENCE_CHAIN_BYTES] = {chain_bytes, NULL},
	[OFFENCE_READ_AFTER_WRITE] = {read_after_write, NULL},
	[OFFENCE_BUFFER_RANGE] = {buffer_range, NULL},
	[OFFENCE_INDIRECT_FEATURE] = {indirect_feature, NULL},
	[OFFENCE_INDIRECT_NESTED] = {indirect_nested, NULL},
	[OFFENCE_INDIRECT_NEXT] = {indirect_next, NULL},
	[OFFENCE_INDIRECT_LENGTH] = {indirect_length, NULL},
	[OFFENCE_INDIRECT_RANGE] = {indirect_range, NULL},
	[OFFENCE_REG_WIDTH] = {reg_width, NULL},
	[OFFENCE_REG_UNKNOWN] = {reg_unknown, NULL},
	[OFFENCE_REG_READ_ONLY] = {reg_read_only, NULL},
	[OFFENCE_REG_WRITE_ONLY] = {reg_write_only, NULL},
	[OFFENCE_CONFIG_RANGE] = {config_range, NULL},
	[OFFENCE_CONFIG_READ_ONLY] = {config_read_only, NULL},
	[OFFENCE_ACK_BITS] = {ack_bits, NULL},
	[OFFENCE_QUEUE_NONE] = {queue_none, NULL},
	[OFFENCE_QUEUE_SIZE] = {queue_size, queue_size_refused},
	[OFFENCE_QUEUE_LIVE] = {queue_live, queue_live_refused},
	[OFFENCE_QUEUE_LAYOUT] = {queue_layout, queue_layout_refused},
	[OFFENCE_FEATURES_LATE] = {features_late, NULL},
	[OFFENCE_FEATURES_UNKNOWN] = {features_unknown, features_refused},
	[OFFENCE_FEATURES_VERSION] = {features_version, features_refused},
	[OFFENCE_STATUS_CLEARED] = {status_cleared, NULL},
	[OFFENCE_STATUS_ORDER] = {status_order, features_refused},
	[OFFENCE_KICK_EARLY] = {kick_early, NULL},
	[OFFENCE_KICK_NOT_READY] = {kick_not_ready, NULL},
	[OFFENCE_BLK_HEADER] = {blk_header, NULL},
	[OFFENCE_BLK_NO_STATUS] = {blk_no_status, NULL},
	[OFFENCE_BLK_DATA_SIZE] = {blk_data_size, NULL},
	[OFFENCE_BLK_RANGE] = {blk_range, NULL},
	[OFFENCE_BLK_READ_ONLY] = {blk_read_only, NULL},
	[OFFENCE_BLK_SEGMENTS] = {blk_segments, NULL},
	[OFFENCE_BLK_FLAGS] = {blk_flags, NULL},
	[OFFENCE_BLK_FEATURE] = {blk_feature, NULL},
	[OFFENCE_RNG_READABLE] = {rng_readable, NULL},
	[OFFENCE_RNG_EMPTY] = {rng_empty, NULL},
};

static void check_status_answer(void)
{
	uint32_t id, len;
	assert_true(ring_take(&m->ring[0], &id, &len));
	uint8_t status = *at(&m->g, status_at(0, (uint16_t)id));
	assert_true(status == VIRTIO_BLK_S_IOERR || status == VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(m->disk.nsubmits, 0);
}

static void check_reaction(const struct provoked *p, enum offence_reaction reaction)
{
	bool broken = reg(x, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET;
	assert_int_equal(broken, reaction == OFFENCE_BREAK);
	assert_int_equal(m->g.config_irqs, reaction == OFFENCE_BREAK);
	assert_true((p->refused != NULL) == (reaction == OFFENCE_REFUSE));
	if (reaction == OFFENCE_BREAK)
		assert_int_equal(ring_used_idx(&m->ring[0]), 0);
	else if (reaction == OFFENCE_STATUS)
		check_status_answer();
	else if (reaction == OFFENCE_REFUSE)
		assert_true(p->refused());
	else
		assert_int_equal(reg(x, VIRTIO_MMIO_STATUS), S_LIVE);
}

/* After a reset everything is well again, whatever the guest did. */
static void check_recovery(void)
{
	m->blk.options.read_only = false;
	m->disk.hold = false;
	m->blk.vdev.offered &= ~BIT(VIRTIO_F_RING_PACKED);
	machine_boot(m, 0, 64);
	assert_int_equal(request(m, VIRTIO_BLK_T_OUT, 0, DATA, 512, NULL), VIRTIO_BLK_S_OK);
}

static void every_offence_shows_its_reaction(void **state)
{
	(void)state;
	for (uint32_t o = OFFENCE_NONE + 1; o < OFFENCE_COUNT; o++) {
		const struct offence_info *info = offence_info((enum offence)o);
		m = machine_booted();
		x = &m->mmio;
		bool on_net = provoke_net(m, (enum offence)o);
		if (!on_net && !provoked[o].how && !provoke[o])
			fail_msg("no test provokes %s", info->name);
		if (provoke[o])
			provoke[o](m);
		else if (provoked[o].how)
			provoked[o].how();
		if (m->g.offences[o] != 1 || m->g.offences_all != 1)
			fail_msg("%s: seen %u times, %u offences in all", info->name, m->g.offences[o],
				 m->g.offences_all);
		if (!on_net)
			check_reaction(&provoked[o], info->reaction);
		check_recovery();
		machine_free(m);
	}
}

/* -- the table itself ------------------------------------------------------------------------------------ */

static void infos_are_complete(void **state)
{
	(void)state;
	for (uint32_t o = 0; o < OFFENCE_COUNT; o++) {
		const struct offence_info *info = offence_info((enum offence)o);
		assert_true(info->name && *info->name && info->what && *info->what && info->clause);
		for (uint32_t k = 0; k < o; k++)
			assert_string_not_equal(info->name, offence_info((enum offence)k)->name);
	}
	assert_string_equal(offence_info(OFFENCE_COUNT)->name, "none");
	assert_string_equal(offence_info((enum offence) - 1)->name, "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_offence_shows_its_reaction),
		cmocka_unit_test(infos_are_complete),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
