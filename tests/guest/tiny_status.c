// SPDX-License-Identifier: BSD-2-Clause
/* Cases: feature negotiation and the status register. */
#include "tests/guest/tiny_blk.h"

#define ACKNOWLEDGED (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define FEATURES_OK  VIRTIO_CONFIG_S_FEATURES_OK

static void works_with(uint64_t features)
{
	struct blk b;
	blk_open(&b, features, 16);
	for (uint32_t i = 0; i < 2; i++)
		blk_works(&b, i);
	EXPECT_EQ(blk_do(&b, VIRTIO_BLK_T_FLUSH, 0, NULL, 0, false), VIRTIO_BLK_S_OK);
}

void case_features_ring_none(void)
{
	works_with(0);
}

void case_features_ring_indirect(void)
{
	works_with(F_INDIRECT);
}

void case_features_ring_event_idx(void)
{
	works_with(F_EVENT);
}

void case_features_all(void)
{
	works_with(features_read(dev_find(VIRTIO_ID_BLOCK, 0)) & ~F_PACKED);
}

/* Up to FEATURES_OK; true when it sticks. */
static bool agrees(const struct dev *d, uint64_t features)
{
	dev_reset(d);
	status_add(d, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	status_add(d, VIRTIO_CONFIG_S_DRIVER);
	features_write(d, features);
	status_add(d, FEATURES_OK);
	EXPECT_EQ(status_read(d) & ~(uint32_t)FEATURES_OK, ACKNOWLEDGED);
	return status_read(d) & FEATURES_OK;
}

void case_features_no_version(void)
{
	const struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	announce("features-version");
	EXPECT(!agrees(d, 0));
	EXPECT(!agrees(d, features_read(d) & ~F_VERSION));
	features_write(d, F_VERSION); /* a second try needs no reset */
	status_add(d, FEATURES_OK);
	EXPECT(status_read(d) & FEATURES_OK);
}

void case_features_not_offered(void)
{
	const struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	announce("features-unknown");
	EXPECT(!agrees(d, F_VERSION | BIT(VIRTIO_BLK_F_RO)));
	EXPECT(!agrees(d, F_VERSION | BIT(63)));
	EXPECT(agrees(d, F_VERSION));
}

/* The halves come separately, in any order, and the last word counts. */
void case_features_halves(void)
{
	const struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	for (unsigned order = 0; order < 2; order++) {
		context("order", order);
		dev_reset(d);
		status_add(d, ACKNOWLEDGED);
		for (unsigned i = 0; i < 2; i++) {
			unsigned word = i ^ order;
			reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
			reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES, 0xffffffff); /* taken back by the next */
			reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES,
				  word ? (uint32_t)(F_VERSION >> 32) : (uint32_t)F_INDIRECT);
		}
		status_add(d, FEATURES_OK);
		EXPECT(status_read(d) & FEATURES_OK);
	}
}

/* Linux since 6.17 writes words above 64 bits, with nothing in them. */
void case_features_high_words(void)
{
	const struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	dev_reset(d);
	status_add(d, ACKNOWLEDGED);
	features_write(d, F_VERSION);
	for (uint32_t word = 2; word < 4; word++) {
		reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
		reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES, 0);
	}
	status_add(d, FEATURES_OK);
	EXPECT(status_read(d) & FEATURES_OK);
}

/* What comes after FEATURES_OK does not count: without EVENT_IDX the event field stays untouched. */
void case_features_late(void)
{
	struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	struct blk b;
	announce("features-late");
	dev_negotiate(d, F_VERSION);
	features_write(d, F_VERSION | F_EVENT);
	EXPECT_EQ(status_read(d), ACKNOWLEDGED | FEATURES_OK);
	ring_alloc(&b.ring, d, 0, 16);
	EXPECT(ring_enable(&b.ring));
	status_add(d, VIRTIO_CONFIG_S_DRIVER_OK);
	blk_prepare(&b, d);
	for (uint32_t i = 0; i < 4; i++)
		blk_works(&b, i);
	EXPECT_EQ(ring_avail_event(&b.ring), 0);
}

void case_status_steps(void)
{
	static const uint8_t steps[] = {VIRTIO_CONFIG_S_ACKNOWLEDGE, VIRTIO_CONFIG_S_DRIVER, FEATURES_OK,
					VIRTIO_CONFIG_S_DRIVER_OK, VIRTIO_CONFIG_S_FAILED};
	for (unsigned k = 0; k < ndevices; k++) {
		const struct dev *d = &devices[k];
		uint8_t want = 0;
		context("device", k);
		features_write(d, F_VERSION);
		for (unsigned i = 0; i < sizeof(steps); i++) {
			want |= steps[i];
			status_add(d, steps[i]);
			EXPECT_EQ(status_read(d), want);
		}
		reg_write(d, VIRTIO_MMIO_STATUS, 0);
		EXPECT_EQ(status_read(d), 0);
	}
}

void case_status_driver_ok_early(void)
{
	const struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	announce("status-order");
	status_add(d, ACKNOWLEDGED);
	status_add(d, VIRTIO_CONFIG_S_DRIVER_OK);
	EXPECT_EQ(status_read(d), ACKNOWLEDGED);
}

void case_status_bit_cleared(void)
{
	struct blk b;
	announce("status-cleared");
	blk_open(&b, 0, 16);
	reg_write(b.ring.dev, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	EXPECT_EQ(status_read(b.ring.dev), 15);
	blk_works(&b, 3);
}

/* Nothing of the life before a reset shows after it. */
void case_status_reset_clears(void)
{
	struct dev *d = dev_find(VIRTIO_ID_BLOCK, 0);
	struct blk b;
	blk_open(&b, F_EVENT | F_INDIRECT, 64);
	blk_works(&b, 5);
	EXPECT(reg_read(d, VIRTIO_MMIO_INTERRUPT_STATUS) & IRQ_USED);
	dev_reset(d);
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	reg_write(d, VIRTIO_MMIO_QUEUE_SEL, 0);
	EXPECT_EQ(reg_read(d, VIRTIO_MMIO_QUEUE_READY), 0);
	announce("features-version"); /* the features are forgotten, VERSION_1 among them */
	status_add(d, ACKNOWLEDGED);
	status_add(d, FEATURES_OK);
	EXPECT_EQ(status_read(d), ACKNOWLEDGED);
	blk_open(&b, 0, 8);
	blk_works(&b, 6);
}
