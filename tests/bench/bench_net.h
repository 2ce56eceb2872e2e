// SPDX-License-Identifier: BSD-2-Clause
/*
 * The network device's part of the ring benchmark. One operation is one frame of 64 bytes: the guest publishes a
 * chain (of one descriptor, as Linux does), and the device sends it to a backend that only completes; or the
 * backend has one, and the device puts it into a posted buffer. Then the used entry is published, and the guest
 * takes it. Offloads, mergeable buffers and filters are negotiated, as with any current driver.
 */
#ifndef RINGSIDE_BENCH_NET_H
#define RINGSIDE_BENCH_NET_H

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "devices/net.h"
#include "tests/bench/bench.h"

#define NIC_SIZE  256u
#define NIC_BASE  0x100000ull /* guest address of RAM */
#define NIC_RAM   (1u << 20)
#define NIC_AVAIL (16u * NIC_SIZE)
#define NIC_USED  (NIC_AVAIL + 8u + 2u * NIC_SIZE)
#define NIC_DATA  0x10000u
#define NIC_FRAME 64u
#define NIC_BURST 8u /* frames a kick, as from a driver that has more to send than one */

/* One queue of the device, and the driver's half of it. */
struct nic {
	uint8_t *ram;
	struct vmem_map map;
	struct vmem mem;
	struct net net;
	struct net_frame frame;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t queue, idx, seen;
	uint64_t sum;
	uint32_t frames, interrupts;
};

static void nic_submit(void *ctx, struct net_io *io)
{
	struct nic *b = ctx;
	b->frames++;
	net_io_done(&b->net, io, NET_DONE);
}

static void nic_drain(void *ctx)
{
	(void)ctx;
}

static void nic_wake(void *ctx, uint16_t pair)
{
	(void)ctx;
	(void)pair;
}

static void nic_tune(void *ctx, const struct net_tuning *t)
{
	(void)ctx;
	(void)t;
}

static void nic_interrupt(void *ctx, uint16_t source)
{
	struct nic *b = ctx;
	(void)source;
	b->interrupts++;
}

static void nic_again(void *ctx, uint16_t queue)
{
	(void)ctx;
	(void)queue;
}

static uint64_t nic_clock(void *ctx)
{
	(void)ctx;
	return 0;
}

static void nic_offence(void *ctx, enum offence o)
{
	(void)ctx;
	bench_check(o == OFFENCE_NONE, "an offence");
}

static const struct host nic_host = {nic_interrupt, nic_again, nic_clock, nic_offence};

static void nic_init(struct nic *b, uint16_t queue)
{
	const struct net_backend backend = {nic_submit, nic_drain, nic_wake, nic_tune, 0x7ff, b};
	const struct net_options options = {.mac = {2, 0, 0, 0, 0, 1}, .pairs = 1};
	b->ram = aligned_alloc(4096, NIC_RAM);
	bench_check(b->ram != NULL, "out of memory");
	memset(b->ram, 0, NIC_RAM);
	b->map = (struct vmem_map){1, {{NIC_BASE, NIC_RAM, b->ram}}};
	vmem_init(&b->mem, &b->map);
	net_init(&b->net, &b->mem, &nic_host, b, &backend, &options);
	b->desc = (struct vring_desc *)(void *)b->ram;
	b->avail = (struct vring_avail *)(void *)(b->ram + NIC_AVAIL);
	b->used = (struct vring_used *)(void *)(b->ram + NIC_USED);
	b->avail->ring[NIC_SIZE] = 15; /* used_event */
	b->queue = queue;
	b->frame = (struct net_frame){.len = NIC_FRAME, .head = {2, 0, 0, 0, 0, 1}};
	struct vdev *d = &b->net.vdev;
	for (uint32_t word = 0; word < 2; word++)
		vdev_accept_features(d, word, vdev_get_features(d, word));
	vdev_set_status(d, VIRTIO_CONFIG_S_FEATURES_OK);
	vdev_set_queue_size(d, queue, NIC_SIZE);
	vdev_set_queue_area(d, queue, VQ_DESC, false, NIC_BASE);
	vdev_set_queue_area(d, queue, VQ_DRIVER, false, NIC_BASE + NIC_AVAIL);
	vdev_set_queue_area(d, queue, VQ_DEVICE, false, NIC_BASE + NIC_USED);
	vdev_set_queue_ready(d, queue, 1);
	vdev_set_status(d, VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	bench_check(vdev_live(d) && d->queue[queue].ready, "the device is not live");
}

static inline void nic_publish(struct nic *b, uint32_t len, uint16_t flags)
{
	uint32_t at = b->idx & (NIC_SIZE - 1);
	b->desc[at] = (struct vring_desc){NIC_BASE + NIC_DATA + 1600 * at, len, flags, 0};
	b->avail->ring[at] = (uint16_t)at;
	__atomic_store_n(&b->avail->idx, ++b->idx, __ATOMIC_RELEASE);
}

static inline void nic_reap(struct nic *b, uint32_t n)
{
	bench_check(__atomic_load_n(&b->used->idx, __ATOMIC_ACQUIRE) == (uint16_t)(b->seen + n),
		    "used index is wrong");
	while (n--)
		b->sum += b->used->ring[b->seen++ & (NIC_SIZE - 1)].len;
	b->avail->ring[NIC_SIZE] = b->seen | 15; /* used_event */
}

/* One kick for so many frames. */
static void nic_send(struct nic *b, uint32_t n, uint32_t burst)
{
	for (; n; n -= burst) {
		for (uint32_t i = 0; i < burst; i++)
			nic_publish(b, 12 + NIC_FRAME, 0);
		vdev_run(&b->net.vdev, b->queue);
		nic_reap(b, burst);
	}
}

static void nic_send_bursts(void *ctx, uint32_t n)
{
	nic_send(ctx, n, NIC_BURST);
}

static void nic_send_alone(void *ctx, uint32_t n)
{
	nic_send(ctx, n, 1);
}

static void nic_receive(void *ctx, uint32_t n)
{
	struct nic *b = ctx;
	while (n--) {
		nic_publish(b, 1536, VRING_DESC_F_WRITE);
		bench_check(net_receive(&b->net, 0, &b->frame) == NET_TAKEN, "a frame was not taken");
		nic_reap(b, 1);
	}
}

#endif
