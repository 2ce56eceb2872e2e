// SPDX-License-Identifier: BSD-2-Clause
/* ring: the driver's side of one split virtqueue, byte by byte and without mercy: it publishes whatever it is
 * told to. */
#ifndef RINGSIDE_TESTS_RING_H
#define RINGSIDE_TESTS_RING_H

#include <linux/virtio_ring.h>

#include "tests/unit/guest.h"

struct ring {
	struct guest *g;
	uint16_t size;
	uint64_t desc, avail, used; /* guest addresses */
	uint16_t idx;               /* available index, as published */
	uint16_t seen;              /* used entries taken */
	uint16_t next_desc;         /* where ring_post puts its next chain */
};

struct buf {
	uint64_t addr;
	uint32_t len;
	bool write;
};

/* Lays the three areas out from base on (16-aligned) and zeroes them, event fields excepted: those keep
 * RAM_FILL. */
void ring_init(struct ring *, struct guest *, uint64_t base, uint16_t size);
/* Both indices start at idx: so do the ones in memory. */
void ring_seek(struct ring *, uint16_t idx);
/* Gives the ring to a queue, as a transport would. */
enum offence ring_enable(const struct ring *, struct vq *, uint64_t features);
/* ring_init, ring_enable and ring_seek, on both sides. */
void ring_start(struct ring *, struct vq *, struct guest *, uint16_t size, uint64_t features, uint16_t idx);
void ring_desc(struct ring *, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next);
void desc_at(struct guest *, uint64_t table, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
	     uint16_t next);
/* Publishes one head. */
void ring_publish(struct ring *, uint16_t head);
/* Puts a chain into descriptors head, head + 1 ... and publishes it. */
void ring_post_at(struct ring *, uint16_t head, const struct buf *, uint16_t n);
/* The same in the next free descriptors, round and round; returns the head. */
uint16_t ring_post(struct ring *, const struct buf *, uint16_t n);
/* The same through an indirect table at guest address `table`, using one descriptor. */
uint16_t ring_post_indirect(struct ring *, uint64_t table, const struct buf *, uint16_t n);
/* Takes the next used entry; false: there is none. */
bool ring_take(struct ring *, uint32_t *id, uint32_t *len);
uint16_t ring_used_idx(struct ring *);
uint64_t ring_used_event(const struct ring *);  /* address: the driver's event field */
uint64_t ring_avail_event(const struct ring *); /* address: the device's */

#endif
