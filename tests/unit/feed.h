// SPDX-License-Identifier: BSD-2-Clause
/*
 * feed: a device that does exactly what a test says, right or wrong, in front of the oracles. The guest's
 * rings are plain arrays here; nothing of core/ takes part.
 *
 * Queue 0 is ready, with FEED_SIZE entries; queue 1 is there and not ready. feed_request writes the chain
 * header (16 bytes at FEED_HEADER), data (512 bytes at FEED_DATA, for the device to write) and status (1 byte
 * at FEED_STATUS), each plus 0x10000 times n: from descriptor 3 n on, or on a packed ring in the next three
 * slots.
 *
 * What both rings can do stands first and names requests by n; what only a split ring has follows.
 */
#ifndef RINGSIDE_TEST_FEED_H
#define RINGSIDE_TEST_FEED_H

#include <linux/virtio_config.h>
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

#define FEED_PACKED   (1ull << VIRTIO_F_RING_PACKED)
#define FEED_IN_ORDER (1ull << VIRTIO_F_IN_ORDER)

struct feed {
	struct oracle *oracle;
	uint64_t features;
	bool packed, event_idx;
	uint8_t status; /* the device's status register */
	bool weak;      /* the device leaves fences out */
	bool lawless;   /* the guest did what no driver does */
	bool idle;      /* what is available need not be taken: nothing has come for it */
	uint16_t size;
	struct vring_desc desc[FEED_SIZE];  /* split: the ring's table */
	struct vring_desc table[FEED_SIZE]; /* an indirect one at FEED_TABLE */
	struct vring_packed_desc ring[FEED_SIZE];
	uint16_t slot, used; /* split: next to take, next to store */
	/* packed, modulo 2 * size: the driver puts the next there, the device takes it, stores the next used
	 * entry, and has shown all before the last */
	uint16_t put, take, store, shown;
	uint16_t held;  /* packed: flags of the first entry that is not shown */
	uint16_t ndesc; /* of each request */
	uint32_t nviolations;
	struct violation last;
};

void feed_start(struct feed *, uint64_t features, uint16_t size);
void feed_stop(struct feed *);
/* For cmocka: FEED_TEST(name, &features) is a test whose state is a struct feed that has been started so. */
int feed_setup(void **state);
int feed_teardown(void **state);
#define FEED_TEST(name, features)                                                                   \
	{                                                                                           \
#name " " #features, name, feed_setup, feed_teardown, (void *)(uintptr_t)(features) \
	}
#define FEED_BOTH(name, features) FEED_TEST(name, features), FEED_TEST(name, (features) | FEED_PACKED)

void feed_request(struct feed *, uint16_t n);
/* The device takes the next available entry, which is request n, and loads the chain's descriptors. */
void feed_get(struct feed *, uint16_t n);
/* A used entry for n; the next goes where this one ends. Packed: the first of several keeps its flags back.
 */
void feed_use(struct feed *, uint16_t n, uint32_t len);
void feed_show(struct feed *);              /* makes used entries visible */
void feed_want(struct feed *, bool wanted); /* a fence, and the driver's wish is loaded */
/* Data and status of n are stored, without an error. */
void feed_fill(struct feed *, uint16_t n);
void feed_load(struct feed *, enum vmem_for, uint64_t a, uint32_t n, const void *data);
void feed_header(struct feed *, uint64_t a, uint32_t n);
void feed_store(struct feed *, uint64_t a, uint32_t n); /* payload */
void feed_status(struct feed *, uint64_t a, uint8_t status);
/* The device asks for kicks, now or at `ahead` entries from here with EVENT_IDX; or for none. */
void feed_ask(struct feed *, uint16_t ahead);
void feed_mute(struct feed *);
/* It looks whether something is available, behind a fence. */
void feed_look(struct feed *, bool available);
/* At rest; available: the driver's ring says so. */
void feed_quiet(struct feed *, bool available);
/* All of request n, as it should be: 512 bytes stored, status 0, used.len 513, published, notified. */
void feed_good(struct feed *, uint16_t n);
/* What feed_good does after the chain was taken. */
void feed_answer(struct feed *, uint16_t n);
/* The device returns; exactly this oracle has spoken, once, and with this clause (of a split ring: on a
 * packed one with that which says the same there, or none). */
void feed_expect(struct feed *, enum oracle_kind, const char *clause);
/* None has. */
void feed_silent(struct feed *);

/* -- split rings */
void feed_take(struct feed *, uint16_t head);                /* as feed_get, whatever the head */
void feed_slot(struct feed *, uint16_t slot, uint16_t head); /* the load of an available entry alone */
void feed_desc(struct feed *, uint16_t i);                   /* of one descriptor alone */
void feed_used(struct feed *, uint32_t id, uint32_t len);
void feed_index(struct feed *, uint16_t index);
void feed_wish(struct feed *, uint16_t value); /* a fence, and the driver's flags or used_event are loaded */

/* -- packed rings (feed_packed.c); positions are those of struct feed */
uint16_t feed_packed_slot(const struct feed *, uint16_t pos);
uint16_t feed_packed_flags(const struct feed *, uint16_t pos); /* of an available entry there */
void feed_packed_request(struct feed *, uint16_t n);
void feed_packed_put(struct feed *, uint64_t addr, uint32_t len, uint16_t id, uint16_t flags);
void feed_packed_poll(struct feed *, uint16_t pos);
void feed_packed_get(struct feed *);
void feed_packed_desc(struct feed *, uint16_t pos, uint32_t n); /* loads n bytes of it */
/* A used entry at a position, with its flags or without. */
void feed_packed_entry(struct feed *, uint16_t pos, uint16_t id, uint32_t len, bool flags);
void feed_packed_store_flags(struct feed *, uint16_t pos, uint16_t flags);
void feed_packed_use(struct feed *, uint16_t id, uint32_t len);
void feed_packed_show(struct feed *);
void feed_packed_event(struct feed *, uint16_t off, uint16_t value); /* a store into the device's events */
uint16_t feed_packed_off_wrap(const struct feed *, uint16_t pos);

#endif
