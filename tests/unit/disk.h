// SPDX-License-Identifier: BSD-2-Clause
/*
 * disk: a driver for virtio-mmio devices, and a machine with one block device whose backend lives in memory
 * and can hold, reorder, fail and shorten.
 *
 * Guest memory: rings from 0x2000 on, request headers at HEADER, status bytes at STATUS, data wherever a test
 * says.
 */
#ifndef RINGSIDE_TESTS_DISK_H
#define RINGSIDE_TESTS_DISK_H

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "devices/blk.h"
#include "tests/unit/packed.h"
#include "transport/mmio.h"

#define BIT(n) (1ull << (n))

/* -- any device ------------------------------------------------------------------------------------------ */

#define S_ACK    VIRTIO_CONFIG_S_ACKNOWLEDGE
#define S_DRIVER (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define S_AGREED (S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)
#define S_LIVE   (S_AGREED | VIRTIO_CONFIG_S_DRIVER_OK)

uint32_t reg(struct mmio *, uint32_t off);
void set(struct mmio *, uint32_t off, uint32_t value);
uint64_t offered(struct mmio *);
/* Reset up to FEATURES_OK, accepting these bits; the status that then reads back. */
uint32_t negotiate(struct mmio *, uint64_t features);
/* Tells the device of a ring. */
void queue_set(struct mmio *, uint32_t queue, const struct ring *);
void queue_enable(struct mmio *, uint32_t queue, const struct ring *);
/* Runs what the device asked to be run again, until it asks no more. */
void run_again(struct guest *, struct vdev *);

/* -- a machine with a disk ------------------------------------------------------------------------------- */

#define SECTORS 64ull /* of 512 bytes */

struct disk {
	struct blk *blk;
	uint8_t *data;
	bool hold;              /* keep requests in held[] */
	enum blk_result result; /* of every request */
	uint32_t short_by;      /* bytes that a read or write falls short */
	struct blk_io *held[BLK_INFLIGHT_MAX];
	uint32_t nheld, nsubmits, ndrains;
	struct blk_io last; /* the latest request, copied at submit */
};

struct machine {
	struct guest g;
	struct blk blk;
	struct disk disk;
	struct mmio mmio;
	struct ring ring[BLK_QUEUES_MAX];
	struct packed packed; /* queue 0, where machine_boot_packed was called */
};

#define CAN_ALL (BLK_CAN_FLUSH | BLK_CAN_DISCARD | BLK_CAN_WRITE_ZEROES | BLK_CAN_UNMAP)

struct machine *machine_new(const struct blk_options *, uint32_t can);
void machine_free(struct machine *);
/* Negotiates all that is offered but `without`, sets up every queue with `size` entries, DRIVER_OK. */
void machine_boot(struct machine *, uint64_t without, uint16_t size);
/* The same with a packed ring for queue 0, where the device offers that; others stay unready. */
void machine_boot_packed(struct machine *, uint64_t without, uint16_t size);
/* machine_new with one queue and all features, booted. */
struct machine *machine_booted(void);
/* Answers the i-th held request; call blk_publish after a batch. */
void disk_finish(struct machine *, uint32_t i, enum blk_result);
void disk_finish_all(struct machine *);

/* Posts header, one data buffer (none for len 0) and status; returns the head. Does not kick. */
uint16_t post(struct machine *, uint16_t queue, uint32_t type, uint64_t sector, uint64_t data, uint32_t len);
uint64_t header_at(uint16_t queue, uint16_t head);
uint64_t status_at(uint16_t queue, uint16_t head);
void put_header(struct machine *, uint64_t addr, uint32_t type, uint64_t sector);
void kick(struct machine *, uint16_t queue);

/* The same shape on the packed ring of queue 0; returns the id. */
uint16_t post_packed(struct machine *, uint32_t type, uint64_t sector, uint64_t data, uint32_t len);

#define NO_STATUS 0xeeu /* what post puts where the status belongs */

/* Posts, kicks, takes the one answer; returns the status byte. used: its used length. */
uint8_t request(struct machine *, uint32_t type, uint64_t sector, uint64_t data, uint32_t len,
		uint32_t *used);

#endif
