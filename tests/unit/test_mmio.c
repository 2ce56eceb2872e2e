// SPDX-License-Identifier: BSD-2-Clause
/* The virtio-mmio window: every register, width and offset. What the registers do to a device: test_vdev.c.
 */
#include "compat.h"
#include "tests/unit/disk.h"

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

/* The table of 4.2.2. R and W tell the direction. */
enum { R = 1, W = 2 };
static const struct {
	uint32_t off;
	int dir;
} table[] = {
	{VIRTIO_MMIO_MAGIC_VALUE, R},       {VIRTIO_MMIO_VERSION, R},
	{VIRTIO_MMIO_DEVICE_ID, R},         {VIRTIO_MMIO_VENDOR_ID, R},
	{VIRTIO_MMIO_DEVICE_FEATURES, R},   {VIRTIO_MMIO_DEVICE_FEATURES_SEL, W},
	{VIRTIO_MMIO_DRIVER_FEATURES, W},   {VIRTIO_MMIO_DRIVER_FEATURES_SEL, W},
	{VIRTIO_MMIO_QUEUE_SEL, W},         {VIRTIO_MMIO_QUEUE_NUM_MAX, R},
	{VIRTIO_MMIO_QUEUE_NUM, W},         {VIRTIO_MMIO_QUEUE_READY, R | W},
	{VIRTIO_MMIO_QUEUE_NOTIFY, W},      {VIRTIO_MMIO_INTERRUPT_STATUS, R},
	{VIRTIO_MMIO_INTERRUPT_ACK, W},     {VIRTIO_MMIO_STATUS, R | W},
	{VIRTIO_MMIO_QUEUE_DESC_LOW, W},    {VIRTIO_MMIO_QUEUE_DESC_HIGH, W},
	{VIRTIO_MMIO_QUEUE_AVAIL_LOW, W},   {VIRTIO_MMIO_QUEUE_AVAIL_HIGH, W},
	{VIRTIO_MMIO_QUEUE_USED_LOW, W},    {VIRTIO_MMIO_QUEUE_USED_HIGH, W},
	{VIRTIO_MMIO_SHM_SEL, W},           {VIRTIO_MMIO_SHM_LEN_LOW, R},
	{VIRTIO_MMIO_SHM_LEN_HIGH, R},      {VIRTIO_MMIO_SHM_BASE_LOW, R},
	{VIRTIO_MMIO_SHM_BASE_HIGH, R},     {VIRTIO_MMIO_QUEUE_RESET, R},
	{VIRTIO_MMIO_CONFIG_GENERATION, R},
};

static int direction(uint32_t off)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].off == off)
			return table[i].dir;
	return 0;
}

static uint32_t offence_of(enum offence o)
{
	uint32_t n = m->g.offences[o];
	assert_int_equal(m->g.offences_all, n);
	memset(m->g.offences, 0, sizeof(m->g.offences));
	m->g.offences_all = 0;
	return n;
}

static void constants(void **state)
{
	(void)state;
	assert_int_equal(reg(&m->mmio, 0x000), 0x74726976);
	assert_int_equal(reg(&m->mmio, 0x004), 2);
	assert_int_equal(reg(&m->mmio, 0x008), 2); /* block */
	assert_int_equal(reg(&m->mmio, 0x00c), MMIO_VENDOR_ID);
	assert_int_equal(reg(&m->mmio, 0x0fc), 0); /* generation */
}

/* Every offset below the configuration space, every width: 4 aligned bytes of the table have an effect,
 * nothing else has. */
static void reads_at_every_offset_and_width(void **state)
{
	(void)state;
	for (uint32_t off = 0; off < VIRTIO_MMIO_CONFIG; off++)
		for (uint32_t size = 0; size <= 16; size++) {
			bool shaped = size == 4 && off % 4 == 0;
			int dir = direction(off);
			uint64_t v = mmio_read(&m->mmio, off, size);
			if (!shaped)
				assert_int_equal(offence_of(OFFENCE_REG_WIDTH), 1);
			else if (!dir)
				assert_int_equal(offence_of(OFFENCE_REG_UNKNOWN), 1);
			else if (!(dir & R))
				assert_int_equal(offence_of(OFFENCE_REG_WRITE_ONLY), 1);
			else
				assert_int_equal(m->g.offences_all, 0);
			if (!shaped || !(dir & R))
				assert_int_equal(v, 0);
		}
	assert_int_equal(reg(&m->mmio, VIRTIO_MMIO_STATUS), S_LIVE); /* reads have no side effects */
}

/* Writes of a wrong width, to read-only and to unknown registers leave the whole state as it was. */
static void useless_writes_at_every_offset_and_width(void **state)
{
	(void)state;
	for (uint32_t off = 0; off < VIRTIO_MMIO_CONFIG; off++)
		for (uint32_t size = 0; size <= 16; size++) {
			bool shaped = size == 4 && off % 4 == 0;
			int dir = direction(off);
			if (shaped && (dir & W))
				continue;
			uint64_t before = mmio_hash(&m->mmio);
			mmio_write(&m->mmio, off, size, 0x0101010101010101);
			assert_int_equal(mmio_hash(&m->mmio), before);
			enum offence want = !shaped                                 ? OFFENCE_REG_WIDTH
					    : dir && off != VIRTIO_MMIO_QUEUE_RESET ? OFFENCE_REG_READ_ONLY
										    : OFFENCE_REG_UNKNOWN;
			assert_int_equal(offence_of(want), 1);
		}
}

/* Selectors take any value, also those that select nothing. */
static void selectors(void **state)
{
	(void)state;
	uint32_t low = (uint32_t)m->blk.vdev.offered, high = (uint32_t)(m->blk.vdev.offered >> 32);
	static const uint32_t sel[] = {0, 1, 2, 3, 31, 0x7fffffff, 0x80000000, UINT32_MAX};
	for (size_t i = 0; i < 8; i++) {
		set(&m->mmio, VIRTIO_MMIO_DEVICE_FEATURES_SEL, sel[i]);
		uint32_t want = sel[i] == 0 ? low : sel[i] == 1 ? high : 0;
		assert_int_equal(reg(&m->mmio, VIRTIO_MMIO_DEVICE_FEATURES), want);
		set(&m->mmio, VIRTIO_MMIO_QUEUE_SEL, sel[i]);
		assert_int_equal(reg(&m->mmio, VIRTIO_MMIO_QUEUE_NUM_MAX), sel[i] ? 0 : BLK_QUEUE_SIZE);
		assert_int_equal(reg(&m->mmio, VIRTIO_MMIO_QUEUE_READY), sel[i] == 0);
	}
	assert_int_equal(m->g.offences_all, 0); /* that is how drivers count queues */
	assert_true(high & 1);                  /* VERSION_1, rfeat.1 */
}

/* No region, whatever is selected: lengths and bases read as all ones (4.2.2). */
static void shared_memory_is_absent(void **state)
{
	(void)state;
	static const uint32_t regs[] = {VIRTIO_MMIO_SHM_LEN_LOW, VIRTIO_MMIO_SHM_LEN_HIGH,
					VIRTIO_MMIO_SHM_BASE_LOW, VIRTIO_MMIO_SHM_BASE_HIGH};
	for (uint32_t id = 0; id < 256; id++) {
		set(&m->mmio, VIRTIO_MMIO_SHM_SEL, id);
		for (int i = 0; i < 4; i++)
			assert_int_equal(reg(&m->mmio, regs[i]), UINT32_MAX);
	}
}

/* RING_RESET is not offered: the register reads as "done" and takes no write. */
static void queue_reset_register(void **state)
{
	(void)state;
	assert_false(offered(&m->mmio) & BIT(40));
	assert_int_equal(reg(&m->mmio, VIRTIO_MMIO_QUEUE_RESET), 0);
	set(&m->mmio, VIRTIO_MMIO_QUEUE_RESET, 1);
	assert_int_equal(offence_of(OFFENCE_REG_UNKNOWN), 1);
	assert_int_equal(reg(&m->mmio, VIRTIO_MMIO_QUEUE_READY), 1);
	assert_false(offered(&m->mmio) & BIT(VIRTIO_F_NOTIFICATION_DATA));
}

static void addresses_are_written_by_halves(void **state)
{
	(void)state;
	static const uint32_t low[3] = {VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_AVAIL_LOW,
					VIRTIO_MMIO_QUEUE_USED_LOW};
	set(&m->mmio, VIRTIO_MMIO_STATUS, 0);
	for (int i = 0; i < 3; i++) {
		uint64_t *v = &m->blk.vdev.queue[0].area[i].v;
		set(&m->mmio, low[i] + 4, 0x89abcdef);
		assert_int_equal(*v, 0x89abcdef00000000);
		set(&m->mmio, low[i], 0x01234567);
		assert_int_equal(*v, 0x89abcdef01234567);
		set(&m->mmio, low[i] + 4, 0);
		assert_int_equal(*v, 0x01234567);
	}
	assert_int_equal(m->g.offences_all, 0);
}

/* mmio.3-4, interop 10: bits stand until they are acknowledged, each by itself; reading does not clear. */
static void interrupt_status_and_ack(void **state)
{
	(void)state;
	struct mmio *x = &m->mmio;
	assert_int_equal(reg(x, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	request(m, VIRTIO_BLK_T_FLUSH, 0, 0, 0, NULL);
	assert_int_equal(reg(x, VIRTIO_MMIO_INTERRUPT_STATUS), VDEV_ISR_QUEUE);
	blk_resize(&m->blk, SECTORS - 1);
	assert_int_equal(reg(x, VIRTIO_MMIO_INTERRUPT_STATUS), VDEV_ISR_QUEUE | VDEV_ISR_CONFIG);
	assert_int_equal(reg(x, VIRTIO_MMIO_INTERRUPT_STATUS), VDEV_ISR_QUEUE | VDEV_ISR_CONFIG);
	set(x, VIRTIO_MMIO_INTERRUPT_ACK, 0);
	set(x, VIRTIO_MMIO_INTERRUPT_ACK, VDEV_ISR_QUEUE);
	assert_int_equal(reg(x, VIRTIO_MMIO_INTERRUPT_STATUS), VDEV_ISR_CONFIG);
	assert_int_equal(m->g.offences_all, 0);
	set(x, VIRTIO_MMIO_INTERRUPT_ACK, 0xfffffffe); /* the harmless part counts */
	assert_int_equal(offence_of(OFFENCE_ACK_BITS), 1);
	assert_int_equal(reg(x, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
}

/* -- configuration space: every offset x width x status (interop 12), P14 -------------------------------- */

static const uint32_t stages[] = {0, S_ACK, S_DRIVER, S_AGREED, S_LIVE, S_LIVE | VIRTIO_CONFIG_S_FAILED};

static void enter_stage(uint32_t status)
{
	if (status >= S_AGREED)
		machine_boot(m, 0, 8);
	else
		set(&m->mmio, VIRTIO_MMIO_STATUS, 0);
	if (status && status != S_AGREED)
		set(&m->mmio, VIRTIO_MMIO_STATUS, status);
}

static void config_reads_agree(uint8_t whole[static 512])
{
	uint32_t len = m->blk.vdev.ops->config_len;
	assert_true(len < 512 - 16);
	for (uint32_t off = 0; off < len; off++)
		whole[off] = (uint8_t)mmio_read(&m->mmio, VIRTIO_MMIO_CONFIG + off, 1);
	assert_int_equal(m->g.offences_all, 0);
	for (uint32_t off = 0; off < len + 8; off++)
		for (uint32_t size = 0; size <= 8; size++) {
			uint64_t want = 0;
			memcpy(&want, whole + off, size);
			assert_int_equal(mmio_read(&m->mmio, VIRTIO_MMIO_CONFIG + off, size), want);
			assert_int_equal(offence_of(OFFENCE_CONFIG_RANGE), off + size > len);
		}
}

/* config.1: the same at all stages, the first of which are ahead of FEATURES_OK. */
static void config_reads_at_every_offset_width_and_status(void **state)
{
	(void)state;
	static uint8_t whole[6][512];
	_Static_assert(sizeof(stages) / sizeof(stages[0]) == 6, "an image for each");
	for (size_t i = 0; i < 6; i++) {
		enter_stage(stages[i]);
		config_reads_agree(whole[i]);
		assert_int_equal(whole[i][0], SECTORS);
		assert_memory_equal(whole[i], whole[0], sizeof(whole[0]));
	}
}

/* Only the writeback byte takes a write, of one byte, 0 or 1. */
static void config_writes_at_every_offset_and_width(void **state)
{
	(void)state;
	const uint32_t wce = offsetof(struct virtio_blk_config, wce);
	uint32_t len = m->blk.vdev.ops->config_len;
	for (uint32_t off = 0; off < len + 8; off++)
		for (uint32_t size = 1; size <= 8; size++) {
			uint64_t before = mmio_hash(&m->mmio);
			mmio_write(&m->mmio, VIRTIO_MMIO_CONFIG + off, size, 0);
			if (off == wce && size == 1) {
				assert_int_equal(m->g.offences_all, 0);
				assert_int_equal(mmio_read(&m->mmio, VIRTIO_MMIO_CONFIG + wce, 1), 0);
				mmio_write(&m->mmio, VIRTIO_MMIO_CONFIG + wce, 1, 1);
			} else {
				assert_int_equal(offence_of(off + size > len ? OFFENCE_CONFIG_RANGE
									     : OFFENCE_CONFIG_READ_ONLY),
						 1);
			}
			assert_int_equal(mmio_hash(&m->mmio), before);
		}
}

static void config_far_out(void **state)
{
	(void)state;
	static const uint64_t offs[] = {0x1f0,      0xffc,      0xfff,          0x1000,
					0xfffffffc, 0xffffffff, UINT64_MAX - 3, UINT64_MAX};
	for (size_t i = 0; i < 8; i++)
		for (uint32_t size = 1; size <= 8; size++) {
			assert_int_equal(mmio_read(&m->mmio, offs[i], size), 0);
			assert_int_equal(offence_of(OFFENCE_CONFIG_RANGE), 1);
			mmio_write(&m->mmio, offs[i], size, 0x5555);
			assert_int_equal(offence_of(OFFENCE_CONFIG_RANGE), 1);
		}
	for (uint32_t size = 1; size <= 8; size++) { /* as another transport might ask: offsets that wrap */
		uint8_t buf[8] = {0};
		vdev_config_read(&m->blk.vdev, UINT64_MAX - 3, buf, size);
		assert_int_equal(offence_of(OFFENCE_CONFIG_RANGE), 1);
		vdev_config_write(&m->blk.vdev, UINT64_MAX - 3, buf, size);
		assert_int_equal(offence_of(OFFENCE_CONFIG_RANGE), 1);
	}
	assert_int_equal(mmio_read(&m->mmio, VIRTIO_MMIO_CONFIG, 9), 0);
	assert_int_equal(offence_of(OFFENCE_REG_WIDTH), 1);
	mmio_write(&m->mmio, VIRTIO_MMIO_CONFIG, 16, 1);
	assert_int_equal(offence_of(OFFENCE_REG_WIDTH), 1);
}

/* mmio.6: a driver that reads the capacity by halves sees that it changed in between. */
static void generation_changes_with_capacity(void **state)
{
	(void)state;
	uint32_t gen = reg(&m->mmio, VIRTIO_MMIO_CONFIG_GENERATION);
	assert_int_equal(reg(&m->mmio, VIRTIO_MMIO_CONFIG_GENERATION), gen);
	blk_resize(&m->blk, 1ull << 40);
	assert_int_not_equal(reg(&m->mmio, VIRTIO_MMIO_CONFIG_GENERATION), gen);
	assert_int_equal(mmio_read(&m->mmio, VIRTIO_MMIO_CONFIG, 8), 1ull << 40);
	assert_int_equal(mmio_read(&m->mmio, VIRTIO_MMIO_CONFIG + 4, 4), 1u << 8);
}

/* The selectors too are what they were in the beginning after a reset. */
static void reset_clears_selectors(void **state)
{
	(void)state;
	set(&m->mmio, VIRTIO_MMIO_STATUS, 0);
	uint64_t fresh = mmio_hash(&m->mmio);
	set(&m->mmio, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	set(&m->mmio, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	set(&m->mmio, VIRTIO_MMIO_QUEUE_SEL, 3);
	set(&m->mmio, VIRTIO_MMIO_SHM_SEL, 4);
	assert_int_not_equal(mmio_hash(&m->mmio), fresh);
	set(&m->mmio, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(mmio_hash(&m->mmio), fresh);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(constants),
		T(reads_at_every_offset_and_width),
		T(useless_writes_at_every_offset_and_width),
		T(selectors),
		T(shared_memory_is_absent),
		T(queue_reset_register),
		T(addresses_are_written_by_halves),
		T(interrupt_status_and_ack),
		T(config_reads_at_every_offset_width_and_status),
		T(config_writes_at_every_offset_and_width),
		T(config_far_out),
		T(generation_changes_with_capacity),
		T(reset_clears_selectors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
