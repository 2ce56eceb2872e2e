// SPDX-License-Identifier: BSD-2-Clause
/*
 * oracle: judges one device by the specification while it works, from what passes its doors alone: the
 * registers that the driver wrote, and every load, store, pin and interrupt. It keeps its own account of what
 * the driver published, from the bytes that the device loaded (memory may have changed since), so it trusts
 * neither the device nor the guest.
 *
 *   ownership     the device stores only into device-writable segments of chains that it took and has not
 *                 given back, into used entries (packed: in slots that are its own) and its event fields
 *                 (split: avail_event where EVENT_IDX was negotiated); it touches no ring that is not ready
 *   used-ring     each chain taken is completed exactly once; an entry stands where the one before it ends,
 *                 and becomes visible last; with IN_ORDER it may stand for earlier chains that were stored
 *                 whole; used.len covers only bytes that were stored, is exact on success, claims nothing of
 *                 a failure
 *   fetch-once    per chain and slot no descriptor field and no header byte is loaded twice
 *   work          a bounded number of accesses each time the device is entered
 *   notification  a used buffer notification that was due, by the values that the device loaded, was sent; a
 *                 device that asks for kicks again looks at the ring after that; configuration changes are
 *                 told
 *   liveness      at quiescence: nothing available is unprocessed, nothing taken is unanswered, what was
 *                 asked to be run again was, and the next kick is asked for
 *   resources     no pin is left after a reset
 *   status, backend, content, snapshot    have headers of their own
 *   determinism   the same ops once more end in the same state
 *   differential  a legal guest is told the same on split and on packed rings
 *
 * Polling of indices and flags, chains given back unread (vq_unpop), overlapping buffers, cyclic chains,
 * rings on top of each other, short answers and early stops are no offences of the device. A notification
 * that was not asked for is a waste (a SHOULD): counted, not cried about.
 */
#ifndef RINGSIDE_ORACLE_H
#define RINGSIDE_ORACLE_H

#include "vdev.h"
#include "vmem.h"

enum oracle_kind {
	ORACLE_OWNERSHIP,
	ORACLE_USED_RING,
	ORACLE_FETCH_ONCE,
	ORACLE_WORK,
	ORACLE_NOTIFICATION,
	ORACLE_LIVENESS,
	ORACLE_RESOURCES,
	ORACLE_STATUS,   /* oracle_status.h */
	ORACLE_BACKEND,  /* oracle_backend.h */
	ORACLE_CONTENT,  /* oracle_content.h */
	ORACLE_SNAPSHOT, /* oracle_snapshot.h */
	ORACLE_OF_ONE_RUN, /* how many judge a run while it goes on; the others hold two runs against each other: sim.c */
	ORACLE_DETERMINISM = ORACLE_OF_ONE_RUN,
	ORACLE_DIFFERENTIAL,
	ORACLE_COUNT
};

const char *oracle_name(enum oracle_kind);

struct violation {
	const char *oracle, *clause; /* clause: "" where the specification has none */
	const char *check;           /* the message without its numbers: the same check has the same */
	char what[200];
};

struct oracle_config {
	uint16_t nqueues;
	uint16_t queue_size_max[VDEV_QUEUES_MAX];
	bool status_byte; /* a request's last writable byte is its status, 0 for success (block) */
	const bool *
		lawless; /* NULL: nobody knows; or: the guest did what no driver does, so what it gets it asked for */
	const uint8_t *status; /* the device's status, as the driver may read it; NULL: it is live */
	void (*report)(void *ctx, const struct violation *);
	void (*used)(void *ctx, uint64_t serial, uint32_t len); /* NULL, or: a chain was given back */
	/*
	 * NULL, or: what is available on the queue is to be processed; false where it is no debt, such as
	 * buffers for what has not arrived yet.
	 */
	bool (*owes)(void *ctx, uint16_t queue);
	void *ctx;
};

struct oracle;

struct oracle *oracle_create(const struct oracle_config *); /* NULL: no memory */
void oracle_destroy(struct oracle *);
/* Forgets everything; the queues may have other limits from now on (at most those at creation). */
void oracle_restart(struct oracle *);
bool oracle_switch(struct oracle *, const char *name, bool on); /* false: no such oracle */
bool oracle_is_off(const struct oracle *, enum oracle_kind);
bool oracle_is_silent(const struct oracle *); /* all that judge a run while it goes on are off */

/* -- what the guest does to the device ------------------------------------------------------------------- */
/* The device is entered, and has returned. */
void oracle_enter(struct oracle *);
void oracle_leave(struct oracle *);
/* Around a register write: before its enter, after its leave. */
void oracle_write_begins(struct oracle *, const struct vdev *, uint64_t off, uint32_t size, uint64_t value);
void oracle_write_ends(struct oracle *, struct vdev *, uint64_t off, uint32_t size, uint64_t value);
/* The same as events, for a device without registers (and the tests). */
void oracle_features(struct oracle *, uint64_t accepted);
void oracle_queue_ready(struct oracle *, uint16_t queue, gpa_t desc, gpa_t driver, gpa_t device,
			uint16_t size);
/* As if n chains had gone through the (split) queue, which was not used yet. */
void oracle_queue_wound(struct oracle *, uint16_t queue, uint16_t n);
void oracle_queue_gone(struct oracle *, uint16_t queue);
void oracle_reset(struct oracle *);
void oracle_acknowledged(struct oracle *); /* used buffer notifications */
void oracle_config_acknowledged(struct oracle *);
/* Chains that the device took, ever. */
uint64_t oracle_taken(const struct oracle *);
/* From one queue since it became ready, without those that it has given back unread. */
uint32_t oracle_taken_of(const struct oracle *, uint16_t queue);
/*
 * Where the word is that tells whether something is available (split: the driver's index; packed: the flags
 * of the slot at which the device stands), and whether it does. False: the queue is not ready, or not judged.
 */
bool oracle_watch(const struct oracle *, uint16_t queue, gpa_t *at);
bool oracle_waits(const struct oracle *, uint16_t queue, uint16_t word);
/* Backends are empty, and the driver notified where it was asked to. word: what stands at oracle_watch. */
void oracle_quiet(struct oracle *, uint16_t queue, uint16_t word);
/* The host changes the configuration, in this entry. */
void oracle_config_changes(struct oracle *);
/* The queue's handler starts, as the device asked for by oracle_again. */
void oracle_runs(struct oracle *, uint16_t queue);

/* -- what the device does -------------------------------------------------------------------------------- */
void oracle_load(struct oracle *, enum vmem_for, gpa_t, uint32_t n, const void *data);
void oracle_store(struct oracle *, enum vmem_for, gpa_t, uint32_t n, const void *data);
void oracle_fence(struct oracle *); /* a full one */
/* pin: a number of the caller's below ORACLE_PINS_MAX, free until its unpin. */
#define ORACLE_PINS_MAX 512u
void oracle_pin(struct oracle *, uint32_t pin, enum vmem_kind, gpa_t, uint32_t n);
void oracle_unpin(struct oracle *, uint32_t pin, uint32_t stored);
void oracle_pin_refused(struct oracle *); /* there is no room to pin more now */
void oracle_interrupt(struct oracle *, uint16_t source);
/*
 * Of the chains that it has taken from the queue in this entry, it gives those back to the ring that come from
 * the first one on which has `least` writable bytes; those before it are used, or will be.
 */
void oracle_given_back(struct oracle *, uint16_t queue, uint32_t least);
/* It gives back the chain that it took last from the queue, whenever that was. */
void oracle_latest_given_back(struct oracle *, uint16_t queue);
/* What the device asked for this chain (by its id) has failed: it may claim less than what it has stored. */
void oracle_chain_failed(struct oracle *, uint16_t queue, uint16_t id);
/* It asks to be run again. */
void oracle_again(struct oracle *, uint16_t queue);
/* Used buffer notifications that were sent although the driver had asked for none. */
uint64_t oracle_wasted(const struct oracle *);

#endif
