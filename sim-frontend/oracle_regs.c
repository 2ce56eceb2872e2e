// SPDX-License-Identifier: BSD-2-Clause
/* What the driver writes to the registers: features, queues; what became of the queues it can read back. */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "oracle_int.h"

static void write_features(struct oracle *o, const struct vdev *d, uint32_t value)
{
	uint32_t shift = 32 * o->regs.feature_sel;
	if (o->regs.feature_sel < 2 && !(d->status & VIRTIO_CONFIG_S_FEATURES_OK))
		oracle_features(o, (o->features & ~(0xffffffffull << shift)) | (uint64_t)value << shift);
}

static void write_size(struct oracle *o, const struct vdev *d, uint32_t queue, uint32_t value)
{
	bool any_size = o->features >> VIRTIO_F_RING_PACKED & 1;
	if (value && value <= d->queue[queue].size_max && (any_size || !(value & (value - 1))))
		o->regs.size[queue] = (uint16_t)value;
}

/* As the registers say. */
static void open_as_written(struct oracle *o, uint16_t queue)
{
	const uint64_t *area = o->regs.area[queue];
	oracle_queue_ready(o, queue, gpa(area[0]), gpa(area[1]), gpa(area[2]), o->regs.size[queue]);
}

/* A live device may run the queue before the write returns; where it refuses, the write's end takes this back. */
static void ready_asked(struct oracle *o, uint16_t queue)
{
	o->regs.was_tangled = o->tangled;
	open_as_written(o, queue);
}

static void write_queue(struct oracle *o, const struct vdev *d, uint64_t off, uint32_t value)
{
	static const uint16_t base[AREAS] = {VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_AVAIL_LOW,
					     VIRTIO_MMIO_QUEUE_USED_LOW};
	uint32_t queue = o->regs.queue_sel;
	if (off == VIRTIO_MMIO_QUEUE_NOTIFY || queue >= o->config.nqueues || o->ring[queue].ready)
		return;
	if (off == VIRTIO_MMIO_QUEUE_NUM)
		write_size(o, d, queue, value);
	if (off == VIRTIO_MMIO_QUEUE_READY && value & 1 && o->regs.size[queue])
		ready_asked(o, (uint16_t)queue);
	for (int i = 0; i < AREAS; i++) {
		uint64_t *area = &o->regs.area[queue][i];
		if (off == base[i])
			*area = (*area & ~0xffffffffull) | value;
		if (off == base[i] + 4u)
			*area = (*area & 0xffffffffull) | (uint64_t)value << 32;
	}
}

/* Queues may be set up before the features are settled; with DRIVER_OK they are, and the queues begin. */
static void write_status(struct oracle *o, const struct vdev *d, uint32_t value)
{
	if (value & ~(uint32_t)d->status & VIRTIO_CONFIG_S_DRIVER_OK)
		oracle_lay_out(o);
}

static void write_ack(struct oracle *o, uint32_t bits)
{
	if (bits & VDEV_ISR_QUEUE)
		oracle_acknowledged(o);
	if (bits & VDEV_ISR_CONFIG)
		oracle_config_acknowledged(o);
}

void oracle_write_begins(struct oracle *o, const struct vdev *d, uint64_t off, uint32_t size, uint64_t value)
{
	if (size != 4 || off >= VIRTIO_MMIO_CONFIG)
		return;
	if (off == VIRTIO_MMIO_QUEUE_SEL)
		o->regs.queue_sel = (uint32_t)value;
	else if (off == VIRTIO_MMIO_DRIVER_FEATURES_SEL)
		o->regs.feature_sel = (uint32_t)value;
	else if (off == VIRTIO_MMIO_DRIVER_FEATURES)
		write_features(o, d, (uint32_t)value);
	else if (off == VIRTIO_MMIO_INTERRUPT_ACK)
		write_ack(o, (uint32_t)value);
	else if (off == VIRTIO_MMIO_STATUS)
		write_status(o, d, (uint32_t)value);
	else
		write_queue(o, d, off, (uint32_t)value);
}

static void forget_registers(struct oracle *o, uint16_t queue)
{
	o->regs.size[queue] = 0;
	memset(o->regs.area[queue], 0, sizeof(o->regs.area[queue]));
}

static void look_at_queue(struct oracle *o, struct vdev *d, uint16_t queue, bool asked)
{
	const struct ring *r = &o->ring[queue];
	bool ready = vdev_queue_ready(d, queue);
	if (ready && !r->ready) /* a device that was loaded has such queues */
		open_as_written(o, queue);
	if (ready || !r->ready)
		return;
	oracle_queue_gone(o, queue);
	if (asked)
		o->tangled = o->regs.was_tangled;
	else
		forget_registers(o, queue);
}

/* Also of a queue that was not ready the registers go back to their defaults (vqreset.2). */
static void queue_was_reset(struct oracle *o, uint32_t value)
{
	uint32_t queue = o->regs.queue_sel;
	if (value == 1 && o->features >> VIRTIO_F_RING_RESET & 1 && queue < o->config.nqueues &&
	    !o->ring[queue].ready)
		forget_registers(o, (uint16_t)queue);
}

void oracle_write_ends(struct oracle *o, struct vdev *d, uint64_t off, uint32_t size, uint64_t value)
{
	if (size != 4 ||
	    (off != VIRTIO_MMIO_STATUS && off != VIRTIO_MMIO_QUEUE_READY && off != VIRTIO_MMIO_QUEUE_RESET))
		return;
	if (off == VIRTIO_MMIO_STATUS && (uint32_t)value == 0) {
		oracle_reset(o);
		return;
	}
	bool asked = off == VIRTIO_MMIO_QUEUE_READY && value & 1;
	for (uint16_t i = 0; i < d->nqueues; i++)
		look_at_queue(o, d, i, asked && i == o->regs.queue_sel);
	if (off == VIRTIO_MMIO_QUEUE_RESET)
		queue_was_reset(o, (uint32_t)value);
}
