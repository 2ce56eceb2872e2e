// SPDX-License-Identifier: BSD-2-Clause
/* wire: a network device that does to frames exactly what a test says, in front of oracle_frames. */
#ifndef RINGSIDE_TESTS_UNIT_WIRE_H
#define RINGSIDE_TESTS_UNIT_WIRE_H

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "oracle_frames.h"

#define WIRE_HEADER 12u
#define WIRE_RX     RAM_LOW /* n-th buffer: plus 0x1000 times n */
#define WIRE_TX     (RAM_LOW + 0x8000)
#define WIRE_ACK    (RAM_LOW + 0x7000)
#define WIRE_BIT(f) (1ull << VIRTIO_NET_F_##f)

struct wire {
	struct ram ram;
	struct oracle *oracle;
	struct frames *frames;
	struct vdev vdev;
	struct vdev_ops ops;
	uint32_t n; /* violations */
	struct violation last;
	uint8_t out[0x8000]; /* bytes of the latest frame that the driver posted */
	uint64_t narrived;
	struct net_io io;
};

extern struct wire wire;

/* Set-up of a test, whose state are the features that the driver has accepted; three pairs. */
int wire_setup(void **state);
int wire_teardown(void **state);
void wire_live(uint64_t accepted);
void wire_reset(void);
void wire_silent(void);
void wire_cries(const char *oracle, const char *clause);

/* -- sent: by queue 1 */
uint16_t wire_post(const struct net_header *, uint32_t len);
/* The backend gets len bytes of wire.out under a header. */
void wire_send(const struct net_header *, uint32_t len);

/* -- received: by queue 0, unless told otherwise */
uint16_t wire_room(uint32_t n, uint32_t len);
struct frames_frame wire_frame(uint32_t len);
/* The backend is asked for room, and has filled it. */
void wire_give(const struct frames_frame *);
/* The device stores the header into buffer n, and bytes of the frame from `off` on behind it (skip bytes on). */
void wire_header(uint32_t n, const struct net_header *, uint16_t num_buffers);
void wire_store(uint32_t n, uint32_t skip, const struct frames_frame *, uint32_t off, uint32_t len);
/* All that is right to do with a frame that fits into buffer n, whose slot is given. */
void wire_receive(uint32_t n, uint16_t slot, const struct frames_frame *);

#endif
