// SPDX-License-Identifier: BSD-2-Clause
/*
 * recorder: writes what passes a device's doors as op records into a buffer. The same code records a KVM
 * guest and a simulated one; who owns the buffer (file, compression, limits) is the frontend's business.
 *
 * Set recorder_tap, with a struct recorder_dev as its context, as the device's tap, and call the functions
 * below at the other doors. Inputs are recorded just before they are given to the device, so that what they
 * cause follows. A register read is recorded just after, with its value; what it causes (an offence) waits
 * and follows too. All devices of one recorder run under one lock, so that the order is total.
 */
#ifndef RINGSIDE_RECORDER_H
#define RINGSIDE_RECORDER_H

#include "arena.h"
#include "devices/blk.h"
#include "devices/console.h"
#include "devices/net.h"
#include "devices/rng.h"
#include "state.h"
#include "trace/op.h"
#include "trace/remake.h"
#include "vmem.h"

/* A state hash is due after this many records. */
#define RECORDER_STATE_EVERY 4096u
/* The largest record: a device's saved state. */
#define RECORDER_RECORD_MAX (OP_ENCODED_MAX + STATE_LEN_MAX)

struct recorder {
	uint8_t *buf;
	size_t len, max; /* whole records only */
	bool full_payload, stopped;
	uint32_t since_state;
	uint64_t nrecords;
	/*
	 * The next record of `need` bytes does not fit: take buf[0..len) away and set len to 0 (or set
	 * stopped, and nothing more is recorded). A record larger than max ends in `stopped`.
	 */
	void (*full)(struct recorder *, size_t need);
	void *ctx; /* the frontend's */
};

struct recorder_dev {
	struct recorder *rec;
	struct arena *arena; /* for lent copies; NULL where the frontend lends */
	uint8_t dev;
	uint32_t depth; /* inside submit or drain */
	bool reading;   /* a register; an offence waits in `offence` */
	uint32_t offence;
	/* Hashes of what the latest completion delivered, span by span, for the unpins that follow. */
	uint32_t nhashes, next_hash;
	uint64_t hash[BLK_SPANS_MAX];
};

extern const struct vmem_tap recorder_tap; /* ctx: struct recorder_dev * */

void recorder_put(struct recorder *, const struct op *);

/* For a frontend that lends by itself, in place of the tap's pin: what it lends, which for a load holds the guest's bytes
 * already; NULL: not now. */
void recorder_pin(struct recorder_dev *, enum vmem_kind, gpa_t, uint32_t n, const void *lent);

/* Doors in. */
/* The device was loaded from these bytes (mmio_save), and is resumed next: ahead of everything else of it. */
void recorder_restored(struct recorder_dev *, const void *state, uint32_t len);
void recorder_read_begin(struct recorder_dev *); /* before the device is asked */
void recorder_read(struct recorder_dev *, uint64_t off, uint32_t size, uint64_t value);
void recorder_write(struct recorder_dev *, uint64_t off, uint32_t size, uint64_t value);
void recorder_run(struct recorder_dev *, uint16_t queue);
/* Just before the type's io_done, with the same arguments and while the spans hold the backend's bytes. */
void recorder_done_blk(struct recorder_dev *, const struct blk_io *, enum blk_result, uint32_t bytes);
void recorder_done_rng(struct recorder_dev *, const struct rng_io *, uint32_t bytes);
void recorder_done_console(struct recorder_dev *, const struct console_io *, uint32_t bytes);
void recorder_done_net(struct recorder_dev *, const struct net_io *, enum net_result);
void recorder_flushed(struct recorder_dev *); /* before blk_publish, rng_publish ... */
void recorder_resize(struct recorder_dev *, uint64_t sectors);
/* Before console_input or net_receive; and recorder_answer with what that returned. */
void recorder_input(struct recorder_dev *, uint16_t port, uint32_t n);
void recorder_frame(struct recorder_dev *, uint16_t pair, const struct net_frame *);
void recorder_answer(struct recorder_dev *, uint64_t value);
void recorder_terminal(struct recorder_dev *, uint16_t cols, uint16_t rows);
void recorder_link(struct recorder_dev *, bool up);
void recorder_announce(struct recorder_dev *);
/* What happens to a port (remake.h); `options` where it is added. */
void recorder_port(struct recorder_dev *, uint16_t port, enum port_change,
		   const struct console_port_options *);
/* Doors out. submit and drain nest: call the begin before, and recorder_leave after, the backend's own
 * function. */
void recorder_irq(struct recorder_dev *, uint16_t source);
void recorder_again(struct recorder_dev *, uint16_t queue);
void recorder_offence(struct recorder_dev *, uint32_t offence);
void recorder_enter_blk(struct recorder_dev *, const struct blk_io *);
void recorder_enter_rng(struct recorder_dev *, const struct rng_io *);
void recorder_enter_console(struct recorder_dev *, const struct console_io *);
void recorder_enter_net(struct recorder_dev *, const struct net_io *);
void recorder_enter_drain(struct recorder_dev *);
void recorder_leave(struct recorder_dev *, bool drain);
/* Before the backend's own function is called. */
void recorder_wake(struct recorder_dev *, uint64_t which);
void recorder_opened(struct recorder_dev *, uint16_t port, bool open);
void recorder_emergency(struct recorder_dev *, uint8_t byte);
void recorder_tune(struct recorder_dev *, const struct net_tuning *);
/* After an input was handled: records a state hash when one is due (pass the transport's hash), or always. */
bool recorder_state_due(const struct recorder *);
void recorder_state(struct recorder_dev *, uint64_t hash);

#endif
