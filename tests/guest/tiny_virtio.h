// SPDX-License-Identifier: BSD-2-Clause
/*
 * The driver: virtio-mmio version 2 and the split ring, from the guest's side. It does what a case asks,
 * legal or not, and checks what every case relies on: that set-up takes, and that requests are answered in
 * time.
 */
#ifndef TINY_VIRTIO_H
#define TINY_VIRTIO_H

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "core/compat.h"
#include "tests/guest/tiny.h"

#define BIT(n)      (1ull << (n))
#define F_VERSION   BIT(VIRTIO_F_VERSION_1)
#define F_INDIRECT  BIT(VIRTIO_RING_F_INDIRECT_DESC)
#define F_EVENT     BIT(VIRTIO_RING_F_EVENT_IDX)
#define F_PACKED    BIT(VIRTIO_F_RING_PACKED)
#define F_IN_ORDER  BIT(VIRTIO_F_IN_ORDER)
#define F_DATA      BIT(VIRTIO_F_NOTIFICATION_DATA)
#define F_RESET     BIT(VIRTIO_F_RING_RESET)
#define F_PLATFORM  (BIT(VIRTIO_F_ACCESS_PLATFORM) | BIT(VIRTIO_F_ORDER_PLATFORM))
#define DEVICES_MAX 8
#define SEGS_MAX    130

#define IRQ_USED   1u
#define IRQ_CONFIG 2u

struct dev {
	uint32_t base, gsi;
	uint8_t vector;
	volatile uint32_t irqs;   /* interrupts taken */
	volatile uint32_t causes; /* what InterruptStatus said in them, acknowledged */
};

extern struct dev devices[DEVICES_MAX];
extern unsigned ndevices;

/* Looks for windows until one has no magic value. */
void dev_probe(void);
/* The n-th device of this type; the case fails when there is none. */
struct dev *dev_find(uint32_t id, unsigned n);

uint32_t reg_read(const struct dev *, uint32_t off);
void reg_write(const struct dev *, uint32_t off, uint32_t value);
uint8_t status_read(const struct dev *);
/* Adds bits to the status register. */
void status_add(const struct dev *, uint32_t bits);
uint64_t features_read(const struct dev *);
void features_write(const struct dev *, uint64_t features);

/* Takes pending interrupts off, and forgets them. */
void dev_forget_irqs(struct dev *);
/* Waits, interrupts on, for an interrupt with this cause; off again. */
void dev_wait_irq(struct dev *, uint32_t cause);
void dev_reset(const struct dev *);
/* Reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK. */
void dev_negotiate(const struct dev *, uint64_t features);

struct ring {
	struct dev *dev;
	uint16_t queue, size;
	uint16_t avail_idx, used_idx; /* what we have posted, what we have reaped */
	uint16_t next;                /* first descriptor not in use; 0 again when all is reaped */
	bool event_idx, notify_data;
	volatile struct vring_desc *desc;
	volatile struct vring_avail *avail;
	volatile struct vring_used *used;
};

/* Fresh memory, each area in pages of its own, and nothing told to the device. */
void ring_alloc(struct ring *, struct dev *, uint16_t queue, uint16_t size);
/* Writes the queue's registers, QueueReady last; true when it then reads 1. */
bool ring_enable(const struct ring *);
/* All of it: negotiate, queue 0 of this size, DRIVER_OK. */
void ring_open(struct ring *, struct dev *, uint64_t features, uint16_t size);
uint16_t ring_used_event(const struct ring *);
void ring_set_used_event(struct ring *, uint16_t);
uint16_t ring_avail_event(const struct ring *);

struct seg {
	void *addr;
	uint32_t len;
	bool out; /* the device writes it */
};

void desc_set(volatile struct vring_desc *, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next);
/* n descriptors in a row from index `first` of the table on. */
void desc_chain(volatile struct vring_desc *table, uint16_t first, const struct seg *, unsigned n);
/* Posts a chain and answers its head; nobody is told yet. */
uint16_t ring_add(struct ring *, const struct seg *, unsigned n);
uint16_t ring_add_indirect(struct ring *, void *table, const struct seg *, unsigned n);
/* Puts a head into the available ring, whatever it is. */
void ring_post(struct ring *, uint16_t head);
void ring_publish(struct ring *);      /* the available index */
void ring_notify(const struct ring *); /* with NOTIFICATION_DATA tells how far we are, too */
void ring_kick(struct ring *);         /* publishes, and notifies */
/* Kicks only where the device asked for it; true if so. */
bool ring_kick_if_wanted(struct ring *);
/* Waits until n more were used than reaped. */
void ring_wait(struct ring *, uint16_t n);
/* Takes the next used entry. */
struct vring_used_elem ring_reap(struct ring *);
/* Kicks, waits for one, and answers its used length; it must be `head`. */
uint32_t ring_run(struct ring *, uint16_t head);

#endif
