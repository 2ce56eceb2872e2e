// SPDX-License-Identifier: BSD-2-Clause
/*
 * feed: a device that does exactly what a test says, right or wrong, in front of the oracles. The guest's
 * rings are plain arrays here; nothing of core/ takes part.
 *
 * Queue 0 is ready, with FEED_SIZE entries; queue 1 is there and not ready. feed_request writes the chain
 * header (16 bytes at FEED_HEADER), data (512 bytes at FEED_DATA, for the device to write) and status (1 byte
 * at FEED_STATUS), each plus 0x10000 times n, from descriptor 3 n on.
 */
#ifndef RINGSIDE_TEST_FEED_H
#define RINGSIDE_TEST_FEED_H

#include <linux/virtio_ring.h>

#include "oracle.h"

#define FEED_SIZE      16u
#define FEED_DESC      0x1000u
#define FEED_DRIVER    0x2000u
#define FEED_DEVICE    0x3000u
#define FEED_TABLE     0x4000u
#define FEED_HEADER    0x100000u
#define FEED_DATA      0x101000u
#define FEED_STATUS    0x102000u
#define FEED_EVENT_IDX (1ull << VIRTIO_RING_F_EVENT_IDX)

struct feed {
	struct oracle *oracle;
	uint16_t size;
	struct vring_desc desc[FEED_SIZE];  /* the ring's table */
	struct vring_desc table[FEED_SIZE]; /* an indirect one at FEED_TABLE */
	uint16_t slot, used;                /* next to take, next to store */
	uint32_t nviolations;
	struct violation last;
};

void feed_start(struct feed *, uint64_t features, uint16_t size);
void feed_stop(struct feed *);
void feed_request(struct feed *, uint16_t n);
/* The device takes the next available entry, which names head, and loads the chain's descriptors. */
void feed_take(struct feed *, uint16_t head);
void feed_slot(struct feed *, uint16_t slot, uint16_t head); /* the load of an available entry alone */
void feed_desc(struct feed *, uint16_t i);                   /* of one descriptor alone */
void feed_load(struct feed *, enum vmem_for, uint64_t a, uint32_t n, const void *data);
void feed_header(struct feed *, uint64_t a, uint32_t n);
void feed_store(struct feed *, uint64_t a, uint32_t n); /* payload */
void feed_status(struct feed *, uint64_t a, uint8_t status);
void feed_used(struct feed *, uint32_t id, uint32_t len);
void feed_index(struct feed *, uint16_t index);
void feed_wish(struct feed *, uint16_t value); /* the driver's flags or used_event are loaded */
/* All of request n, as it should be: 512 bytes stored, status 0, used.len 513, published, notified. */
void feed_good(struct feed *, uint16_t n);
/* What feed_good does after the chain was taken. */
void feed_answer(struct feed *, uint16_t n);
/* The device returns; exactly this oracle has spoken, once, and with this clause. */
void feed_expect(struct feed *, enum oracle_kind, const char *clause);
/* None has. */
void feed_silent(struct feed *);

#endif
