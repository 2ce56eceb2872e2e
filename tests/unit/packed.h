// SPDX-License-Identifier: BSD-2-Clause
/* packed: the driver's side of one packed virtqueue, slot by slot and without mercy: it publishes whatever it
 * is told to. Positions are as the device keeps them: the slot, and the wrap counter in bit 15. */
#ifndef RINGSIDE_TESTS_PACKED_H
#define RINGSIDE_TESTS_PACKED_H

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "tests/unit/ring.h"

#define POS_WRAP 0x8000u

struct packed {
	struct guest *g;
	uint16_t size;
	uint64_t desc, driver, device; /* guest addresses */
	uint16_t next;                 /* position of the next slot to fill */
	uint16_t seen;                 /* position of the next used entry */
	uint16_t next_id;              /* what packed_post takes; goes round */
	uint16_t ndesc[1024];          /* by id: slots of the list, as posted */
};

struct packed_used {
	uint16_t id, flags;
	uint32_t len;
};

/* Lays the three areas out from base on (16-aligned) and zeroes them. */
void packed_init(struct packed *, struct guest *, uint64_t base, uint16_t size);
enum offence packed_enable(const struct packed *, struct vq *, uint64_t features);
/* packed_init, packed_enable, and both sides stand at the position `pos`. */
void packed_start(struct packed *, struct vq *, struct guest *, uint16_t size, uint64_t features,
		  uint16_t pos);
uint16_t packed_step(const struct packed *, uint16_t pos, uint16_t n);
uint64_t packed_slot(const struct packed *, uint16_t pos); /* address */
/* Available at that position: its AVAIL and USED bits. */
uint16_t packed_avail(uint16_t pos);
/* Fills one slot, flags last. */
void packed_desc(struct packed *, uint16_t pos, uint64_t addr, uint32_t len, uint16_t id, uint16_t flags);
/* Puts a list into the next slots, its first one last, and moves on. */
void packed_post_id(struct packed *, uint16_t id, const struct buf *, uint16_t n);
/* The same, with ids one after the other; returns the id. */
uint16_t packed_post(struct packed *, const struct buf *, uint16_t n);
/* The same through a table at guest address `table`. */
uint16_t packed_post_indirect(struct packed *, uint64_t table, const struct buf *, uint16_t n);
/* Takes the next used entry and moves on by its list's slots; false: there is none. */
bool packed_take(struct packed *, struct packed_used *);
/* What the driver wants to hear of. */
void packed_event(struct packed *, uint16_t flags, uint16_t pos);

#endif
