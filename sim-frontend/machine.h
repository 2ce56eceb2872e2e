// SPDX-License-Identifier: BSD-2-Clause
/*
 * machine: everything around the devices but the guest: memory, register windows, host callbacks, backends.
 * One machine is made once and reset between runs; a reset costs what was dirtied. No thread, no clock, no
 * random number: what a run does is decided by whoever calls (program.h).
 *
 * Every entry into a device goes through machine_write, machine_read, machine_run, machine_done,
 * machine_publish, machine_input and machine_resize, so that the oracles see where a device's work begins and ends.
 */
#ifndef RINGSIDE_MACHINE_H
#define RINGSIDE_MACHINE_H

#include "backend.h"
#include "guestlog.h"
#include "heap.h"
#include "lend.h"
#include "oracle.h"
#include "ram.h"
#include "trace/recorder.h"
#include "trace/op.h"
#include "transport/mmio.h"

#define MACHINE_DEVICES_MAX 6
#define MACHINE_RACES_MAX   8
#define SIM_SECTORS_DEFAULT 1024u
#define MACHINE_WHENS_MAX   4 /* of each device */

struct machine;
struct sim_device;
struct driver;
struct judges;
struct judge_type;
struct driver_type;

/* How a device is made; all zero is the default. */
struct device_options {
	uint32_t flags;      /* enum device_flags */
	uint64_t sectors;    /* 0: SIM_SECTORS_DEFAULT */
	uint32_t queue_size; /* 0: the type's own */
	uint64_t without;    /* feature bits of the type's that are not offered */
	uint64_t offer;      /* and others, out of VDEV_FEATURES_MORE, that are */
};

enum device_flags {
	DEVICE_READ_ONLY = 1,
	DEVICE_NO_FLUSH = 2,
	DEVICE_NO_DISCARD = 4,
	DEVICE_NO_WRITE_ZEROES = 8,
	DEVICE_NO_UNMAP = 16,
	DEVICE_QUEUES_SHIFT = 5, /* two bits: 2, 1, 4, 3 queues */
	DEVICE_4K = 128,         /* physical blocks of 4 KiB */
};

/* A type of device in the simulator: its backend and what a request of it looks like. One file each:
 * sim_blk.c ... */
struct sim_type {
	uint16_t id; /* virtio device id */
	const char *name;
	const struct judge_type *judge;      /* judges.h */
	const struct driver_type *driver;    /* driver_int.h */
	bool (*create)(struct sim_device *); /* sets vdev; false: no memory */
	void (*destroy)(struct sim_device *);
	void (*init)(struct sim_device *,
		     const struct device_options *); /* a fresh device; also between runs */
	void (*finish)(struct sim_device *, void *io, struct verdict);
	void (*publish)(struct sim_device *);
	void (*resize)(struct sim_device *, uint64_t sectors); /* NULL: has no size */
	bool config_is_tame; /* any driver may write there, and change nothing but what it wrote */
	/* What the host does to it (OP_FRAME ...), in an entry of its own. NULL: nothing of its own. */
	void (*input)(struct sim_device *, const struct op *);
	/*
	 * All NULL, or: the backend has something for the device, and need not wait (pending); it offers that once,
	 * in an entry of its own (more); what is available on a queue is wanted, as what has come waits for it
	 * (owes; oracle.h); one more buffer on that queue might let something in (hungry; false: on none).
	 */
	bool (*pending)(const struct sim_device *);
	void (*more)(struct sim_device *);
	bool (*owes)(const struct sim_device *, uint16_t queue);
	bool (*hungry)(const struct sim_device *, uint16_t *queue);
	void (*power_cut)(struct sim_device *, uint64_t seed); /* NULL: keeps nothing */
	/*
	 * Saving (machine_save.h); renew NULL: can not be saved. A fresh device, as it was made, in place of
	 * the one that is there; the backend keeps what it has, its size too. What the old one knew of its
	 * requests is overwritten, so that nobody finds it there.
	 */
	void (*renew)(struct sim_device *);
	/* Of a request: its id, and a hash of all that the backend was told. */
	uint16_t (*request_id)(const void *request);
	uint64_t (*request_hash)(const void *request);
	/* Tells of each piece of memory that the device has lent (machine_save_lent). */
	void (*each_lent)(struct sim_device *);
	uint64_t (*hash)(const struct sim_device *, uint64_t h); /* of what the backend keeps */
};

const struct sim_type *sim_type(uint16_t id); /* NULL: none of that id */

/* Just before the nth load (from 0) for `what`, value is xored into the bytes at its address + at. */
struct race {
	uint32_t nth, at;
	enum vmem_for what;
	uint64_t value;
};

/* Moments in a device's work (programs hold the numbers: append only). */
enum point {
	POINT_BEFORE_LOAD,
	POINT_AFTER_LOAD,
	POINT_BEFORE_STORE,
	POINT_AFTER_STORE,
	POINT_FENCE,
	POINT_SUBMIT,     /* the backend is asked */
	POINT_COMPLETION, /* it has done what it was asked; the device is not told yet */
	POINT_CLOCK,
	POINTS
};
#define WHEN_ANY VMEM_FOR_COUNT

/* At the nth such point (from 0) the op happens: what the guest's other processor does meanwhile. */
struct when {
	enum point point;
	uint32_t what; /* enum vmem_for, or WHEN_ANY */
	uint32_t nth;
	struct op op;
	uint8_t data[OP_PROGRAM_DATA_MAX]; /* the op's */
};

struct machine_save;

struct sim_device {
	struct machine *machine;
	const struct sim_type *type;
	uint8_t nr;
	struct vdev *vdev;
	void *state; /* the type's own */
	struct vmem mem;
	struct mmio mmio;
	struct backend backend;
	struct device_options options; /* between runs */
	struct device_options made;    /* as it is now */
	struct oracle *oracle;
	struct judges *judges; /* judges.h */
	struct driver *driver;
	struct recorder_dev *recorder; /* NULL: not recording */
	gpa_t unpin_at;                /* for the guestlog: what the latest unpin stores, and where */
	uint32_t unpin_stored;
	uint32_t again; /* bit per queue: the device asked to be run */
	struct machine_save
		*save; /* NULL, but while it is loaded and resumed: then nothing else may happen */
	bool wild;     /* the program did what no driver does: whether the device was notified enough is not
			   judged */
	uint32_t nraces;
	struct race race[MACHINE_RACES_MAX];
	bool inside;     /* it works: nobody else may enter */
	uint32_t kicked; /* bit per queue: notified while it worked */
	uint32_t nwhens;
	struct when when[MACHINE_WHENS_MAX];
};

/* What a program did, all runs together. */
struct machine_stats {
	uint64_t runs, ops, requests, answered, failed, kicks, interrupts, offences;
	uint64_t saves;
	uint64_t wasted; /* interrupts that the driver had asked not to get: the rule is a SHOULD */
	uint64_t offence[OFFENCE_COUNT];
};

/* Somebody who prints; every member may be NULL. */
struct machine_events {
	void (*read)(void *ctx, struct sim_device *, uint64_t off, uint32_t size, uint64_t value);
	void (*interrupt)(void *ctx, struct sim_device *, uint16_t source);
	void (*offence)(void *ctx, struct sim_device *, enum offence);
	void (*held)(void *ctx, struct sim_device *, uint32_t nheld);
	/* The driver took a used entry. type: as posted; status: the request's status byte, or -1 where there
	 * is none. */
	void (*used)(void *ctx, struct sim_device *, uint16_t queue, uint16_t id, uint32_t len, uint32_t type,
		     int status);
	void (*note)(void *ctx, struct sim_device *,
		     const char *); /* the driver could not do what was asked */
	/* An op that waited for its moment comes now. */
	void (*nested)(void *ctx, const struct op *);
};

struct machine {
	struct ram ram;
	struct lend lend;
	struct guestlog *guestlog; /* NULL: not recording */
	struct machine_save *save;
	bool no_saves; /* machine_save does nothing: to compare with */
	struct heap heap_rings, heap_low, heap_high;
	uint32_t ndevices;
	struct sim_device device[MACHINE_DEVICES_MAX];
	uint64_t op; /* number, from 1, of the op under way */
	uint64_t clock_ns;
	bool lawless;     /* in this run the guest did what no driver does */
	uint32_t hostile; /* bit per device whose guest changed memory or rings behind the driver's back */
	/* An oracle was violated. May not return to the device's work (abort, exit, longjmp) or may. */
	void (*violation)(struct machine *, struct sim_device *, const struct violation *);
	/* Executes an op inside of a device's work, or puts it off (machine_later). */
	void (*nested)(struct machine *, const struct op *);
	struct sim_device *waiting; /* of the `when` op that came last; NULL: another op came after it */
	struct when next;           /* what the next op waits for then */
	uint32_t nlate;
	struct when late[MACHINE_WHENS_MAX]; /* ops that wait until a device has returned */
	const struct machine_events *events;
	void *events_ctx; /* also violation's */
	struct machine_stats stats;
};

/* False: no memory. */
bool machine_create(struct machine *);
bool machine_add(struct machine *, uint16_t device_id, const struct device_options *);
void machine_destroy(struct machine *);
/* Fresh devices, memory and backends, as they were added. */
void machine_reset(struct machine *);
/* The device is replaced by a fresh one, made with these options until the next machine_reset. */
void machine_make(struct sim_device *, const struct device_options *);
uint64_t machine_hash(const struct machine *); /* all state that a guest can see */

void machine_write(struct sim_device *, uint64_t off, uint32_t size, uint64_t value);
uint64_t machine_read(struct sim_device *, uint64_t off, uint32_t size);
void machine_run(struct sim_device *, uint16_t queue); /* an ioeventfd, or what the device asked for */
void machine_input(struct sim_device *, const struct op *);
/* Something waits at the backend that may be offered now. */
bool machine_pending(const struct sim_device *);
/* The host's turn: queues that asked for it run, what is pending is offered; a bounded number of times. */
void machine_agains(struct sim_device *);
/* For the types: a request that reached the backend is held, or finished at once; where the machine records,
 * the type has recorded that it came. */
void machine_submit(struct sim_device *, void *request);
void machine_drain(void *ctx); /* all that is held is finished; ctx is the device */
void machine_done(struct sim_device *, uint32_t held,
		  struct verdict); /* completes a held request; not published yet */
void machine_publish(struct sim_device *);
void machine_resize(struct sim_device *, uint64_t sectors);
/* A live split queue that was not used yet goes on from index n, on both sides: as if so many chains had gone
 * through it. */
void machine_wind(struct sim_device *, uint16_t queue, uint16_t n);
/* Time passes; what the backends delayed until then completes, in that order. */
void machine_tick(struct machine *, uint64_t ns);
/* The host crashes and comes up again: the device as if reset, nothing answered that was in flight, and of
 * the disk what was flushed; of the rest the seed decides, sector by sector. */
void machine_power_cut(struct sim_device *, uint64_t seed);
/* The device is saved, replaced by a fresh one, loaded and resumed (machine_save.h). */
void machine_save(struct sim_device *);
/* True: left undone because MACHINE_RACES_MAX are waiting. */
bool machine_race(struct sim_device *, const struct race *);
/* Both are forgotten: races, and ops that wait for their moment. */
void machine_no_races(struct sim_device *);
/* The program does what no driver does (or, after a reset, no longer). */
void machine_set_wild(struct sim_device *, bool);
/* After the oracles were switched, or a recorder came or went. */
void machine_choose_tap(struct sim_device *);

/* It works, so a register access waits. In a recording all that happens has one order, so while it is made
 * all devices share one lock, as in the VMM. */
bool machine_is_locked(const struct sim_device *);
/* The op waits for its moment, in place of w's own. True: it does not, as enough of them do. */
bool machine_when(struct sim_device *, const struct when *w, const struct op *);
/* The op waits until the device has returned. */
void machine_later(struct sim_device *, const struct op *);
/* Takes the first that waits (w->op); false: none does. */
bool machine_take_late(struct machine *, struct when *w);

/* An oracle of the device (ctx: struct sim_device *) was violated: tells whoever asked for it. */
void machine_violation(void *ctx, const struct violation *);

/* While recording: what the guest has stored so far comes ahead of what the device does now. */
static inline void machine_record_guest(struct sim_device *d)
{
	if (d->recorder)
		guestlog_put(d->machine->guestlog, d->recorder);
}

/* -- for the types --------------------------------------------------------------------------------------- */
extern const struct host machine_host; /* ctx: struct sim_device * */
void machine_point_slow(struct sim_device *, enum point, uint32_t what);
/* The device has come to such a point. */
static inline void machine_point(struct sim_device *d, enum point point, uint32_t what)
{
	if (d->nwhens)
		machine_point_slow(d, point, what);
}

#endif
