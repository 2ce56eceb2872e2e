// SPDX-License-Identifier: BSD-2-Clause
/*
 * oracle_status: the status machine and the registers, as a driver meets them. It watches every register read
 * and write, every interrupt, and whether the device touches guest memory at all.
 *
 *   status      a bit appears only when the driver wrote it (but NEEDS_RESET) and stays until a reset;
 *               FEATURES_OK stays for any valid part of what was offered, and for nothing else; the features in force
 *               are those accepted before it; nothing is consumed or notified before DRIVER_OK, or
 *               while no queue is ready; NEEDS_RESET comes with a configuration interrupt
 *   offences    no queue is refused, and no reset asked for, while the driver breaks no rule
 *   reset       after status 0: status, InterruptStatus and every QueueReady are 0
 *   interrupts  an event's bit stands in InterruptStatus from the interrupt to its acknowledgement,
 *               whatever else comes in between, and no other bit does
 *   registers   constants are constant, QueueReady and QueueReset tell the truth, a register changes
 *               nothing that is not its own
 *   config      equal bytes at any width and time, but for a new ConfigGeneration or a driver's write
 *
 * Legal, though odd: a set of features refused in which one lacks what it needs; an interrupt bit for used buffers whose notification the driver suppressed; a generation that changes for
 * nothing; anything at all from registers that can not be read.
 */
#ifndef RINGSIDE_ORACLE_STATUS_H
#define RINGSIDE_ORACLE_STATUS_H

#include "oracle.h"
#include "transport/mmio.h"

struct oracle_status {
	struct oracle *oracle;
	struct mmio *mmio;
	struct vdev *vdev;
	bool open;        /* the device may touch guest memory */
	bool used_stored; /* since the latest acknowledgement */
	bool told;        /* that a reset is needed */
	bool config_event;
	bool live;      /* DRIVER_OK was written */
	uint8_t beyond; /* words from 2 on with accepted bits; 7: a later one, of which it may be unsure */
	bool beyond_unsure;
	uint8_t status;
	uint16_t queue_max[VDEV_QUEUES_MAX];
	uint32_t feature_sel, offered_sel, queue_sel;
	uint64_t offered, accepted, agreed; /* agreed: accepted before, 0: none */
	uint32_t isr;                       /* must be set */
	uint32_t ready, ready_before,
		resetting; /* bit per queue; ready_before: ahead of the write under way */
	uint32_t generation;
	bool any_seen;                                           /* some of: */
	uint8_t seen[VDEV_CONFIG_MAX], value[VDEV_CONFIG_MAX];   /* what the driver read */
	uint8_t fixed[VDEV_CONFIG_MAX], expect[VDEV_CONFIG_MAX]; /* what we know (enum status_fixed) */
};

enum status_fixed { STATUS_FREE, STATUS_VALUE, STATUS_PADDING };

void oracle_status_init(struct oracle_status *, struct oracle *, struct mmio *, struct vdev *);
void oracle_status_restart(struct oracle_status *); /* a fresh device */
/* Configuration bytes that are known, until the next call for them. */
void oracle_status_expect(struct oracle_status *, uint32_t off, const void *, uint32_t n, enum status_fixed);
void oracle_status_write_begins(struct oracle_status *, uint64_t off, uint32_t size, uint64_t value);
void oracle_status_write_ends(struct oracle_status *, uint64_t off, uint32_t size, uint64_t value);
void oracle_status_read(struct oracle_status *, uint64_t off, uint32_t size, uint64_t value);
void oracle_status_interrupt(struct oracle_status *, uint16_t source);
void oracle_status_leave(struct oracle_status *); /* the device returns, but not from a write */
/* The device holds an offence against a driver that broke no rule in all of the run. */
void oracle_status_offence(struct oracle_status *, enum offence);
/* The device touches guest memory though it is not open. */
void oracle_status_touch(struct oracle_status *, enum vmem_for);

#endif
