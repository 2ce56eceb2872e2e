// SPDX-License-Identifier: BSD-2-Clause
/* What a recorded guest wrote to the transport's registers, as driver-level ops. */
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "lift_int.h"

static void set_status(struct lift *l, uint32_t value)
{
	uint32_t rising = value & ~l->status;
	l->status = value;
	if (value == 0) {
		lift_cut(l);
		l->nsetup = l->piece.nops = l->piece.nbytes = 0;
		lift_begin(l);
		l->accepted = 0;
		l->closed = 0;
		memset(l->queue, 0, sizeof(l->queue));
		return;
	}
	if (rising & VIRTIO_CONFIG_S_FEATURES_OK)
		lift_set_up(l, (struct op){.code = OP_NEGOTIATE, .arg = {l->head->features & ~l->accepted}});
	if (rising & VIRTIO_CONFIG_S_DRIVER_OK)
		lift_set_up(l, (struct op){.code = OP_DRIVER_OK});
}

static void accept(struct lift *l, uint32_t bits)
{
	if (l->features_sel < 2)
		l->accepted |= (uint64_t)bits << (32 * l->features_sel);
}

static void set_half(uint64_t *v, bool high, uint32_t half)
{
	uint32_t shift = high ? 32 : 0;
	*v = (*v & ~(0xffffffffull << shift)) | (uint64_t)half << shift;
}

void lift_register(struct lift *l, const struct op *op)
{
	uint32_t value = (uint32_t)op->arg[2], sel = l->queue_sel % VDEV_QUEUES_MAX;
	struct lift_queue *q = &l->queue[sel];
	switch (op->arg[0]) {
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		l->features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		accept(l, value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		l->queue_sel = value;
		break;
	case VIRTIO_MMIO_QUEUE_NUM:
		q->size = value;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_half(&q->desc_area, op->arg[0] & 4, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_half(&q->driver_area, op->arg[0] & 4, value);
		break;
	case VIRTIO_MMIO_QUEUE_RESET:
		if (value == 1 && sel < QUEUES_MAX)
			lift_emit(l, (struct op){.code = OP_QUEUE_RESET, .arg = {sel}});
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		if (value && sel < QUEUES_MAX)
			lift_set_up(l, (struct op){.code = OP_QUEUE, .arg = {sel, q->size}});
		break;
	case VIRTIO_MMIO_STATUS:
		set_status(l, value);
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		for (uint64_t i = 0; i < QUEUES_MAX; i++)
			if (l->queue[i].size)
				lift_emit(l, (struct op){.code = OP_REAP, .arg = {i}});
		break;
	default:
		if (op->arg[0] >= VIRTIO_MMIO_CONFIG)
			lift_emit(l, *op);
	}
}
