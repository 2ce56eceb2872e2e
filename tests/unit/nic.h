// SPDX-License-Identifier: BSD-2-Clause
/*
 * nic: a machine with one network device, whose wire lives in memory: it keeps what was sent last, fills frames
 * that arrive with a pattern, and can hold, fail and count.
 *
 * Guest memory: rings from 0x2000 on, 0x2000 bytes for each queue; buffers wherever a test says, from DATA on.
 */
#ifndef RINGSIDE_TESTS_NIC_H
#define RINGSIDE_TESTS_NIC_H

#include "devices/net.h"
#include "tests/unit/disk.h"

#define DATA       0x20000ull
#define NF(f)      BIT(VIRTIO_NET_F_##f)
#define HDR        12u /* bytes of a frame's header in guest memory */
#define RX         0   /* queues of the first pair */
#define TX         1
#define CAN_NET    0x7ffu /* all of enum net_can */
#define NIC_QUEUES 7      /* three pairs and the control queue */

struct wire {
	struct net *net;
	bool hold;
	enum net_result result; /* of all requests */
	uint8_t seed;           /* of the bytes of frames that arrive */
	struct net_io *held[NET_INFLIGHT_MAX];
	uint32_t nheld, nsent, nreceived, ndrains, ntunes;
	uint32_t wakes[NET_PAIRS_MAX];
	struct net_tuning tuning;
	struct net_io last; /* the latest request, copied at submit */
	uint8_t sent[NET_FRAME_MAX];
};

struct nic {
	struct guest g;
	struct net net;
	struct wire wire;
	struct mmio mmio;
	struct ring ring[NIC_QUEUES];
	struct packed packed[NIC_QUEUES];
	bool on_packed;
	uint16_t control; /* queue, after nic_boot */
};

struct nic *nic_new(const struct net_options *, uint32_t can);
void nic_free(struct nic *);
/* Negotiates all that is offered but `without`, sets up every queue with `size` entries, DRIVER_OK. */
void nic_boot(struct nic *, uint64_t without, uint16_t size);
/* nic_new with an address, one pair and all that a backend can do, booted. */
struct nic *nic_booted(uint64_t without, uint16_t size);

/* On whichever ring it is. nic_post does not kick; nic_take: false where nothing was used. */
uint16_t nic_post(struct nic *, uint16_t queue, const struct buf *, uint16_t nbufs);
bool nic_take(struct nic *, uint16_t queue, uint32_t *id, uint32_t *len);
void nic_kick(struct nic *, uint16_t queue);
/* All that was used, each of so many bytes; fails the test where it was another number of chains. */
void nic_used(struct nic *, uint16_t queue, const uint32_t *len, uint16_t nchains);

/* Puts a header into guest memory; num_buffers as junk, which nobody may look at. */
void nic_header(struct nic *, uint64_t at, const struct net_header *);
/* A frame of len bytes to be sent, in one buffer at DATA, with a pattern of that seed; kicks. */
void nic_send(struct nic *, uint32_t len, uint8_t seed, const struct net_header *);
/* The wire has sent a frame of len bytes of that pattern last. */
void nic_sent(struct nic *, uint32_t len, uint8_t seed);

/* A receive buffer of one segment. */
void nic_post_rx(struct nic *, uint64_t at, uint32_t len);
/* A frame arrives for the first pair, to the device's own address and without offloads, with the wire's seed. */
enum net_answer nic_arrive(struct nic *, uint32_t len);
enum net_answer nic_arrive_at(struct nic *, uint16_t pair, const struct net_frame *);
struct net_frame nic_frame(uint32_t len);

void nic_finish(struct nic *, uint32_t i,
		enum net_result); /* the i-th held request; call net_publish after */
void nic_finish_all(struct nic *);

/* A control command in one readable and one writable buffer; returns the answer, and checks that its used length
 * is 1 and that nothing else was written. */
uint8_t nic_command(struct nic *, uint8_t class, uint8_t cmd, const void *data, uint32_t len);
uint8_t nic_command_byte(struct nic *, uint8_t class, uint8_t cmd, uint8_t value);

/* -- saving */
uint8_t *nic_saved(struct nic *, size_t *len); /* to be freed */
/* A device as this one was when it was made; what was held is lent no more, and forgotten. */
void nic_fresh(struct nic *);
/* Saved, and loaded into a fresh one, which goes on: the same state, and the same bytes again. */
void nic_replace(struct nic *);

#endif
