// SPDX-License-Identifier: BSD-2-Clause
/*
 * What real drivers do that is odd, superfluous or a little wrong, and that a device must live with:
 * tests/unit/test_interop.c has a case by name for each, with its story.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "sim_int.h"

#define STATUS_START (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)

static uint32_t draw_queue(struct sim *s, uint32_t dev)
{
	uint32_t n = s->machine.device[dev].vdev->nqueues;
	return n > 1 ? rand_below(&s->plan->rand, n) : 0;
}

static void write_register(struct sim *s, uint32_t dev, uint64_t reg, uint64_t value)
{
	sim_op(s, OP_WRITE, dev, reg, 4, value, 0);
}

/* Buffers and kicks before DRIVER_OK; features and queues of another generation than before. */
static void early(struct sim *s, uint32_t dev)
{
	uint32_t bits = rand_bits(&s->plan->rand, 8), queue = draw_queue(s, dev);
	sim_op(s, OP_NEGOTIATE, dev, bits & 1 ? 1ull << VIRTIO_RING_F_EVENT_IDX : 0, 0, 0, 0);
	sim_op(s, OP_QUEUE, dev, queue, 1u << (bits >> 1 & 7), 0, 0);
	sim_op(s, OP_EARLY, dev, 0, 0, 0, 0);
	for (uint32_t n = bits >> 4 & 3; n; n--)
		sim_post(s, dev, queue);
	if (bits >> 6)
		sim_op(s, OP_KICK, dev, queue, 0, 0, 0);
	sim_op(s, OP_DRIVER_OK, dev, 0, 0, 0, 0);
	sim_op(s, OP_REAP, dev, queue, 0, 0, 0);
}

/* A size that is too large, or none; what counts is what is read back. */
static void queue_size(struct sim *s, uint32_t dev)
{
	uint32_t bits = rand_bits(&s->plan->rand, 16), queue = draw_queue(s, dev);
	write_register(s, dev, VIRTIO_MMIO_QUEUE_SEL, queue);
	write_register(s, dev, VIRTIO_MMIO_QUEUE_READY, 0);
	write_register(s, dev, VIRTIO_MMIO_QUEUE_NUM, bits & 1 ? 1024u << (bits >> 1 & 3) : bits >> 3 & 63);
	if (bits & 2) /* of a queue that is not in use */
		write_register(s, dev, VIRTIO_MMIO_QUEUE_RESET, 1);
	sim_op(s, OP_READ, dev, VIRTIO_MMIO_QUEUE_NUM_MAX, 4, 0, 0);
	sim_op(s, OP_QUEUE, dev, queue, bits >> 9 & 63, 0, 0);
}

static void accept(struct sim *s, uint32_t dev, uint32_t word, uint64_t bits)
{
	write_register(s, dev, VIRTIO_MMIO_DRIVER_FEATURES_SEL, word);
	write_register(s, dev, VIRTIO_MMIO_DRIVER_FEATURES, bits);
}

/* What the driver takes back before FEATURES_OK it has not accepted, and what it writes after that is too late. */
static void change_of_mind(struct sim *s, uint32_t dev, uint64_t bits)
{
	uint64_t offered = s->machine.device[dev].vdev->offered;
	accept(s, dev, 0, offered & (bits | 1));
	accept(s, dev, 1, offered >> 32);
	accept(s, dev, 0, offered & bits >> 16);
	write_register(s, dev, VIRTIO_MMIO_STATUS, STATUS_START | VIRTIO_CONFIG_S_FEATURES_OK);
	accept(s, dev, 0, offered & bits >> 24);
}

/* Bits that nobody offered, a word beyond the known ones, halves in any order. */
static void features(struct sim *s, uint32_t dev)
{
	struct rand *r = &s->plan->rand;
	uint64_t bits = rand_u64(r);
	sim_op(s, OP_RESET, dev, 0, 0, 0, 0);
	write_register(s, dev, VIRTIO_MMIO_STATUS, STATUS_START);
	write_register(s, dev, VIRTIO_MMIO_DEVICE_FEATURES_SEL, bits >> 8 & 3);
	sim_op(s, OP_READ, dev, VIRTIO_MMIO_DEVICE_FEATURES, 4, 0, 0);
	if (bits >> 10 & 1) {
		change_of_mind(s, dev, bits >> 11);
	} else {
		for (uint32_t i = 0; i < 3; i++) {
			uint32_t word = (uint32_t)(bits >> (2 * i) & 3);
			accept(s, dev, word, word > 1 ? 0 : bits >> 32 | 1);
		}
		write_register(s, dev, VIRTIO_MMIO_STATUS, STATUS_START | VIRTIO_CONFIG_S_FEATURES_OK);
	}
	sim_op(s, OP_READ, dev, VIRTIO_MMIO_STATUS, 4, 0, 0);
	sim_start(s, dev);
}

/* Reads of any width at any place, of registers and of the configuration; also before anything is negotiated.
 */
static void odd_reads(struct sim *s, uint32_t dev)
{
	uint32_t bits = rand_bits(&s->plan->rand, 32);
	if (bits & 1)
		sim_op(s, OP_RESET, dev, 0, 0, 0, 0);
	for (uint32_t i = 0; i < 2; i++, bits >>= 13)
		sim_op(s, OP_READ, dev, (bits >> 1 & 1 ? VIRTIO_MMIO_CONFIG : 0) + (bits >> 2 & 255),
		       1u << (bits >> 10 & 3), 0, 0);
}

/* Kicks for nothing, for queues that are not there; interrupts polled, and acknowledged though there is none.
 */
static void nervous(struct sim *s, uint32_t dev)
{
	uint32_t bits = rand_bits(&s->plan->rand, 8), queue = draw_queue(s, dev);
	write_register(s, dev, VIRTIO_MMIO_QUEUE_NOTIFY, bits & 3 ? queue : queue + (bits >> 4));
	sim_op(s, OP_READ, dev, VIRTIO_MMIO_INTERRUPT_STATUS, 4, 0, 0);
	if (bits >> 2 & 1)
		write_register(s, dev, VIRTIO_MMIO_INTERRUPT_ACK, 1 + (bits >> 3 & 1));
	sim_op(s, OP_REAP, dev, queue, 0, 0, 0);
}

/* A reset with requests in flight; the same addresses again at once. */
static void hasty(struct sim *s, uint32_t dev)
{
	uint32_t bits = rand_bits(&s->plan->rand, 4), queue = draw_queue(s, dev);
	sim_op(s, OP_HOLD, dev, 1 + (bits & 3), 0, 0, 0);
	sim_post(s, dev, queue);
	sim_post(s, dev, queue);
	sim_op(s, OP_KICK, dev, queue, 0, 0, 0);
	if (bits >> 2 & 1)
		sim_op(s, OP_QUEUE, dev, queue, 16, 0, 0);
	else
		sim_start(s, dev);
	sim_post(s, dev, queue);
	sim_op(s, OP_KICK, dev, queue, 0, 0, 0);
}

void sim_sloppy(struct sim *s, uint32_t dev)
{
	static void (*const cases[8])(struct sim *, uint32_t) = {early,     queue_size, features, odd_reads,
								 odd_reads, nervous,    nervous,  hasty};
	cases[rand_bits(&s->plan->rand, 3)](s, dev);
}
