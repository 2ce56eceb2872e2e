// SPDX-License-Identifier: BSD-2-Clause
/* The packed ring, from the guest's side. A chain's id is the slot of its first descriptor. */
#ifndef TINY_PACKED_H
#define TINY_PACKED_H

#include "tests/guest/tiny_blk.h"

#define PACKED_MAX 256

struct packed {
	struct dev *dev;
	uint16_t size, avail, used; /* slots: where we post next, where the next used entry comes */
	bool avail_wrap, used_wrap;
	bool event_idx, notify_data, in_order;
	uint16_t inflight;          /* chains */
	uint16_t posted;            /* slots since the last kick */
	uint16_t slots[PACKED_MAX]; /* by id: how many the chain takes */
	volatile struct vring_packed_desc *desc;
	volatile struct vring_packed_desc_event *driver, *device;
};

struct packed_used {
	uint16_t id;
	uint32_t len;
};

/* Fresh memory for queue 0, and its registers; true when the queue is ready. */
bool packed_enable(struct packed *, struct dev *, uint64_t features, uint16_t size);
/* All of it: negotiate (VERSION_1 and RING_PACKED are added), queue 0, DRIVER_OK. */
void packed_open(struct packed *, struct dev *, uint64_t features, uint16_t size);
/* Makes a chain available and answers its id. */
uint16_t packed_add(struct packed *, const struct seg *, unsigned n);
uint16_t packed_add_indirect(struct packed *, void *table, const struct seg *, unsigned n);
/* One descriptor by hand; flags without AVAIL and USED, which are added. */
void packed_post(struct packed *, const void *addr, uint32_t len, uint16_t id, uint16_t flags);
void packed_kick(struct packed *);
bool packed_kick_if_wanted(struct packed *); /* only where the device asked for it; true if so */
bool packed_has_used(const struct packed *);
/* Waits for the next used entry and takes it; its id must be of a chain in flight. */
struct packed_used packed_reap(struct packed *);
/* Kicks, and waits for this chain, the only one; answers its used length. */
uint32_t packed_run(struct packed *, uint16_t id);
/* The driver's event suppression: with EVENT_IDX, an interrupt once `slots` more slots are used. */
void packed_wish(struct packed *, uint16_t flags, uint16_t slots);
/* Writes a sector and reads it back. table: NULL, or room for an indirect one. */
void packed_works(struct packed *, struct blk *, void *table, uint32_t seed);

#endif
