// SPDX-License-Identifier: BSD-2-Clause
/* What no driver may do: broken requests, other processors that rewrite what the device reads, wild stores.
 */
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "edge.h"
#include "sim_int.h"

static uint32_t draw_queue(struct sim *s, uint32_t dev)
{
	uint32_t n = s->machine.device[dev].vdev->nqueues;
	return n > 1 ? rand_below(&s->plan->rand, n) : 0;
}

/* -- numbers that mean something ------------------------------------------------------------------------- */

/* An address: on a ring, at the edge of memory, outside of it, on the device's registers. */
static uint64_t address(struct sim *s, uint32_t dev)
{
	struct rand *r = &s->plan->rand;
	const struct vq *q = &s->machine.device[dev].vdev->queue[draw_queue(s, dev)];
	uint32_t bits = rand_bits(r, 16);
	if (bits & 1)
		return q->area[(bits >> 1) % 3].v + (bits >> 3 & 1 ? bits >> 4 & 255 : bits >> 4 & 15);
	if (bits & 2)
		return edge_nth(bits >> 2 & 15) - (bits & 64 ? bits >> 7 & 511 : 0);
	return RAM_LOW + rand_bits(r, 17);
}

static uint64_t number(struct rand *r)
{
	uint32_t bits = rand_bits(r, 16), n = bits >> 4 & 63;
	switch (bits & 7) {
	case 0:
		return rand_u64(r);
	case 1:
		return 1ull << n;
	case 2:
		return (1ull << n) - 1;
	case 3:
		return UINT32_MAX - (bits >> 10);
	default:
		return bits >> 10;
	}
}

/* -- acts ------------------------------------------------------------------------------------------------ */

static void broken(struct sim *s, uint32_t dev)
{
	struct rand *r = &s->plan->rand;
	uint32_t how = 1 + rand_below(r, BREAK_COUNT - 1), queue = draw_queue(s, dev);
	bool place = how == BREAK_ADDR || how == BREAK_TABLE_ADDR;
	uint32_t at = rand_bits(r, 4);
	sim_op(s, OP_BREAK, dev, how, at, place ? address(s, dev) : number(r), 0);
	sim_post(s, dev, queue);
	sim_op(s, OP_KICK, dev, queue, 0, 0, 0);
	if (rand_bits(r, 1))
		sim_op(s, OP_REAP, dev, queue, 0, 0, 0);
}

/* Something changes between the device's look at it and its next one. */
static void race(struct sim *s, uint32_t dev)
{
	struct rand *r = &s->plan->rand;
	uint32_t bits = rand_bits(r, 16), queue = draw_queue(s, dev);
	uint32_t what = (uint32_t[]){VMEM_DESC,        VMEM_AVAIL_IDX, VMEM_HEADER, VMEM_INDIRECT,
				     VMEM_AVAIL_ENTRY, VMEM_EVENT,     VMEM_DESC,   VMEM_HEADER}[bits & 7];
	uint32_t nth = bits >> 3 & 3, at = bits >> 5 & 1 ? 0 : bits >> 6 & 15;
	sim_op(s, OP_RACE, dev, nth, what, at, number(r));
	sim_post(s, dev, queue);
	sim_op(s, OP_KICK, dev, queue, 0, 0, 0);
}

static void chain(struct sim *s, uint32_t dev)
{
	struct rand *r = &s->plan->rand;
	struct vring_desc desc[4];
	uint32_t bits = rand_bits(r, 16), n = 1 + (bits & 3);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t flags = rand_bits(r, 8);
		desc[i].addr = address(s, dev);
		desc[i].len = flags & 64 ? (uint32_t)number(r) : 16u << (flags >> 6);
		desc[i].flags = (uint16_t)(flags & 128 ? flags & 7 : (flags & 2) | (i + 1 < n));
		desc[i].next = (uint16_t)(flags & 32 ? number(r) : (bits >> 2 & 31) + i + 1);
	}
	uint32_t queue = draw_queue(s, dev);
	sim_op_data(s, OP_CHAIN, dev, queue, bits >> 2 & 31, desc, 16 * n);
	sim_op(s, OP_KICK, dev, queue, 0, 0, 0);
}

static void publish(struct sim *s, uint32_t dev)
{
	struct rand *r = &s->plan->rand;
	uint32_t bits = rand_bits(r, 8), queue = draw_queue(s, dev);
	uint64_t head = bits & 1 ? bits >> 1 & 7 : number(r);
	uint64_t advance = bits >> 4 & 1 ? number(r) : bits >> 5;
	sim_op(s, OP_PUBLISH, dev, queue, (uint16_t)head, (uint16_t)advance, 0);
	sim_op(s, OP_KICK, dev, queue, 0, 0, 0);
}

static void poke(struct sim *s, uint32_t dev)
{
	struct rand *r = &s->plan->rand;
	uint64_t v = rand_bits(r, 1) ? number(r) : rand_u64(r);
	uint32_t n = 1 + rand_bits(r, 3);
	sim_op_data(s, OP_POKE, dev, address(s, dev), 0, &v, n);
}

static void write_register(struct sim *s, uint32_t dev)
{
	static const uint16_t reg[16] = {VIRTIO_MMIO_STATUS,          VIRTIO_MMIO_STATUS,
					 VIRTIO_MMIO_QUEUE_SEL,       VIRTIO_MMIO_QUEUE_NUM,
					 VIRTIO_MMIO_QUEUE_READY,     VIRTIO_MMIO_QUEUE_NOTIFY,
					 VIRTIO_MMIO_QUEUE_NOTIFY,    VIRTIO_MMIO_INTERRUPT_ACK,
					 VIRTIO_MMIO_DRIVER_FEATURES, VIRTIO_MMIO_DRIVER_FEATURES_SEL,
					 VIRTIO_MMIO_QUEUE_DESC_LOW,  VIRTIO_MMIO_QUEUE_AVAIL_LOW,
					 VIRTIO_MMIO_QUEUE_USED_LOW,  VIRTIO_MMIO_QUEUE_DESC_HIGH,
					 0x0c0 /* QueueReset */,      VIRTIO_MMIO_CONFIG + 32};
	struct rand *r = &s->plan->rand;
	uint32_t bits = rand_bits(r, 20), at = reg[bits & 15];
	uint64_t value = bits >> 4 & 1 ? number(r) : bits >> 5 & 15;
	if (at >= VIRTIO_MMIO_QUEUE_DESC_LOW && at < VIRTIO_MMIO_CONFIG && bits >> 9 & 1)
		value = address(s, dev);
	if (bits >> 10 & 15)
		sim_op(s, OP_WRITE, dev, at, at == VIRTIO_MMIO_CONFIG + 32 ? 1 : 4, value, 0);
	else
		sim_op(s, OP_WRITE, dev, at + (bits >> 14 & 7), 1u << (bits >> 17 & 3), value, 0);
}

void sim_hostile(struct sim *s, enum sim_act a, uint32_t dev)
{
	static void (*const acts[SIM_ACTS])(struct sim *, uint32_t) = {
		[ACT_BREAK] = broken,    [ACT_RACE] = race, [ACT_CHAIN] = chain,
		[ACT_PUBLISH] = publish, [ACT_POKE] = poke, [ACT_WRITE] = write_register,
	};
	acts[a](s, dev);
}
