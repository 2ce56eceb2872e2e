// SPDX-License-Identifier: BSD-2-Clause
/* Cases: the registers of the window, and the configuration space. */
#include "tests/guest/tiny_blk.h"

#define VENDOR 0x45444953u /* MMIO_VENDOR_ID, "SIDE" */

static void expect_identity(unsigned i, uint32_t id)
{
	const struct dev *d = &devices[i];
	context("device", i);
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_VERSION), 2);
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_DEVICE_ID), id);
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_VENDOR_ID), VENDOR);
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_STATUS), 0);
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_QUEUE_READY), 0);
	uint32_t generation = reg_read(d, VIRTIO_MMIO_CONFIG_GENERATION);
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_CONFIG_GENERATION), generation);
}

void case_regs_identity(void)
{
	EXPECT_EQ(ndevices, 3);
	expect_identity(0, VIRTIO_ID_BLOCK);
	expect_identity(1, VIRTIO_ID_BLOCK);
	expect_identity(2, VIRTIO_ID_RNG);
}

void case_regs_feature_words(void)
{
	static const uint32_t beyond[] = {2, 3, 4, 31, 32, 0x80000000, 0xffffffff};
	for (unsigned i = 0; i < ndevices; i++) {
		context("device", i);
		EXPECT(features_read(&devices[i]) & F_VERSION);
		EXPECT((features_read(&devices[i]) & (F_INDIRECT | F_EVENT)) == (F_INDIRECT | F_EVENT));
		for (unsigned k = 0; k < sizeof(beyond) / sizeof(beyond[0]); k++) {
			reg_write(&devices[i], VIRTIO_MMIO_DEVICE_FEATURES_SEL, beyond[k]);
			EXPECT_EQ(reg_read(&devices[i], VIRTIO_MMIO_DEVICE_FEATURES), 0);
		}
	}
	EXPECT(!(features_read(dev_find(VIRTIO_ID_BLOCK, 0)) & BIT(VIRTIO_BLK_F_RO)));
	EXPECT(features_read(dev_find(VIRTIO_ID_BLOCK, 1)) & BIT(VIRTIO_BLK_F_RO));
}

static uint32_t queue_num_max(const struct dev *d, uint32_t queue)
{
	reg_write(d, VIRTIO_MMIO_QUEUE_SEL, queue);
	return reg_read(d, VIRTIO_MMIO_QUEUE_NUM_MAX);
}

void case_regs_queue_num_max(void)
{
	static const uint32_t absent[] = {8, 31, 0x10000, 0xffffffff};
	for (unsigned i = 0; i < ndevices; i++) {
		context("device", i);
		EXPECT_EQ(queue_num_max(&devices[i], 0),
			  reg_read(&devices[i], VIRTIO_MMIO_DEVICE_ID) == VIRTIO_ID_RNG ? 64 : 256);
		for (unsigned k = 0; k < sizeof(absent) / sizeof(absent[0]); k++)
			EXPECT_EQ(queue_num_max(&devices[i], absent[k]), 0);
	}
}

/* No device has shared memory, and that reads as regions of length and address -1 (4.2.2). */
void case_regs_shm(void)
{
	static const uint32_t ids[] = {0, 1, 255, 0xffffffff};
	for (unsigned i = 0; i < ndevices; i++)
		for (unsigned k = 0; k < sizeof(ids) / sizeof(ids[0]); k++) {
			context("region", ids[k]);
			reg_write(&devices[i], VIRTIO_MMIO_SHM_SEL, ids[k]);
			for (uint32_t off = VIRTIO_MMIO_SHM_LEN_LOW; off <= VIRTIO_MMIO_SHM_BASE_HIGH;
			     off += 4)
				EXPECT_EQ(reg_read(&devices[i], off), 0xffffffff);
		}
}

void case_regs_unknown(void)
{
	const struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	announce("reg-unknown");
	announce("reg-write-only");
	EXPECT_EQ(reg_read(d, 0x018),
		  0); /* the legacy interface's registers end here: nothing answers in version 2 */
	EXPECT_EQ(reg_read(d, 0x0fc + 4 - 8), 0);
	reg_write(d, 0x028, 4096); /* GuestPageSize */
	reg_write(d, 0x0f8, 1);
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_QUEUE_NUM), 0);
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_QUEUE_NOTIFY), 0);
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_DRIVER_FEATURES), 0);
	EXPECT_EQ(status_read(d), 0);
}

/* Control registers take 32 aligned bits only; anything else reads 0 and does nothing. */
void case_regs_width(void)
{
	const struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	announce("reg-width");
	EXPECT_EQ(*(volatile uint8_t *)(d->base + VIRTIO_MMIO_MAGIC_VALUE), 0);
	EXPECT_EQ(*(volatile uint16_t *)(d->base + VIRTIO_MMIO_MAGIC_VALUE), 0);
	EXPECT_EQ(*(volatile uint32_t *)(d->base + VIRTIO_MMIO_MAGIC_VALUE + 1), 0);
	*(volatile uint8_t *)(d->base + VIRTIO_MMIO_STATUS) = VIRTIO_CONFIG_S_ACKNOWLEDGE;
	*(volatile uint16_t *)(d->base + VIRTIO_MMIO_STATUS) = VIRTIO_CONFIG_S_ACKNOWLEDGE;
	EXPECT_EQ(status_read(d), 0);
	status_add(d, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	*(volatile uint8_t *)(d->base + VIRTIO_MMIO_STATUS) = 0; /* no reset */
	EXPECT_EQ(status_read(d), VIRTIO_CONFIG_S_ACKNOWLEDGE);
}

void case_regs_read_only(void)
{
	const struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	announce("reg-read-only");
	reg_write(d, VIRTIO_MMIO_MAGIC_VALUE, 0);
	reg_write(d, VIRTIO_MMIO_DEVICE_ID, 1);
	reg_write(d, VIRTIO_MMIO_QUEUE_NUM_MAX, 1024);
	reg_write(d, VIRTIO_MMIO_CONFIG_GENERATION, 77);
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_DEVICE_ID), VIRTIO_ID_BLOCK);
	EXPECT_EQ(queue_num_max(d, 0), 256);
	EXPECT(reg_read(d, VIRTIO_MMIO_CONFIG_GENERATION) != 77);
}

/* -- configuration space -------------------------------------------------------------------------------- */

/* No EMMS behind it: KVM's interpreter lacks that, and nobody here uses the FPU. */
static uint64_t read8(uint32_t addr)
{
	uint64_t v;
	__asm__ volatile("movq (%1), %%mm0\n movq %%mm0, %0" : "=m"(v) : "r"(addr) : "memory");
	return v;
}

/* Drivers read fields by pieces of any width: the bytes must be the same. */
void case_config_widths(void)
{
	const struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	uint32_t at = d->base + VIRTIO_MMIO_CONFIG;
	uint8_t bytes[56];
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = *(volatile uint8_t *)(at + i);
	for (uint32_t i = 0; i < sizeof(bytes); i += 2) {
		uint16_t v = *(volatile uint16_t *)(at + i);
		context("offset", i);
		EXPECT(!memcmp(&v, &bytes[i], sizeof(v)));
	}
	for (uint32_t i = 0; i <= sizeof(bytes) - 4; i++) { /* misaligned too */
		uint32_t v = *(volatile uint32_t *)(at + i);
		context("offset", i);
		EXPECT(!memcmp(&v, &bytes[i], sizeof(v)));
	}
	for (uint32_t i = 0; i <= sizeof(bytes) - 8; i += 8) {
		uint64_t v = read8(at + i);
		context("offset of 8 bytes", i);
		EXPECT(!memcmp(&v, &bytes[i], sizeof(v)));
	}
}

/* A feature that is offered has sane fields, before anything is negotiated too. */
void case_config_fields(void)
{
	struct virtio_blk_config c;
	const struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	for (uint32_t i = 0; i < offsetof(struct virtio_blk_config, unused1); i++)
		((uint8_t *)&c)[i] = *(volatile uint8_t *)(d->base + VIRTIO_MMIO_CONFIG + i);
	EXPECT_EQ(c.capacity, option("sectors", 0));
	EXPECT_EQ(c.capacity >> 32, 0);
	EXPECT(c.size_max >= 4096 && c.seg_max >= 1 && c.seg_max <= 126);
	EXPECT_EQ(c.blk_size, 512);
	EXPECT_EQ(c.num_queues, 1);
	EXPECT(c.max_discard_sectors && c.max_discard_seg && c.discard_sector_alignment);
	EXPECT(c.max_write_zeroes_sectors && c.max_write_zeroes_seg);
	EXPECT_EQ(blk_capacity(dev_find(VIRTIO_ID_BLOCK, 1)), option("ro_sectors", 0));
}

void case_config_beyond(void)
{
	const struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	announce("config-range");
	announce("config-read-only");
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_CONFIG + 0x100), 0);
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_CONFIG + 0xefc), 0); /* the last of the window */
	reg_write(d, VIRTIO_MMIO_CONFIG + 0x100, 1);
	reg_write(d, VIRTIO_MMIO_CONFIG, 0xffffffff);
	EXPECT_EQ(blk_capacity(d), option("sectors", 0));
	EXPECT_EQ(reg_read(dev_find(VIRTIO_ID_RNG, 0), VIRTIO_MMIO_CONFIG), 0); /* has none at all */
}

void case_config_writeback(void)
{
	struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	volatile uint8_t *wce =
		(volatile uint8_t *)(d->base + VIRTIO_MMIO_CONFIG + offsetof(struct virtio_blk_config, wce));
	struct blk b;
	announce("config-read-only");
	blk_open(&b, BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_CONFIG_WCE), 16);
	EXPECT_EQ(*wce, 1);
	*wce = 0;
	EXPECT_EQ(*wce, 0);
	blk_works(&b, 1);
	*wce = 1;
	EXPECT_EQ(*wce, 1);
	*wce = 2; /* no such mode */
	EXPECT_EQ(*wce, 1);
	*wce = 0;
	dev_reset(d);
	EXPECT_EQ(*wce, 1);
	*wce = 0; /* not negotiated */
	EXPECT_EQ(*wce, 1);
}

/* The host grows the image while we look: a configuration interrupt, a new generation, and sectors that can
 * be used. */
void case_config_resize(void)
{
	struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	uint32_t grown = option("grown", 0), generation = reg_read(d, VIRTIO_MMIO_CONFIG_GENERATION);
	struct blk b;
	blk_open(&b, 0, 16);
	uint8_t *data = alloc(SECTOR_LEN);
	dev_forget_irqs(d);
	put_text("please resize\n");
	dev_wait_irq(d, IRQ_CONFIG);
	EXPECT(reg_read(d, VIRTIO_MMIO_CONFIG_GENERATION) != generation);
	EXPECT_EQ(blk_capacity(d), grown);
	EXPECT_EQ(status_read(d), 15);
	pattern_fill(data, SECTOR_LEN, grown);
	EXPECT_EQ(blk_write(&b, grown - 1, data, SECTOR_LEN), VIRTIO_BLK_S_OK);
	memset(data, 0, SECTOR_LEN);
	EXPECT_EQ(blk_read(&b, grown - 1, data, SECTOR_LEN), VIRTIO_BLK_S_OK);
	pattern_expect(data, SECTOR_LEN, grown);
}
