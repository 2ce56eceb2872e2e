// SPDX-License-Identifier: BSD-2-Clause
/*
 * judges: the oracles that look at a device through more than its rings: the status machine and registers
 * (oracle_status.h), what it asks of its backend (oracle_backend.h), and the data (oracle_content.h). They
 * speak through the device's struct oracle, and are switched by name there.
 */
#ifndef RINGSIDE_JUDGES_H
#define RINGSIDE_JUDGES_H

#include "machine.h"
#include "oracle_backend.h"
#include "oracle_content.h"
#include "oracle_control.h"
#include "oracle_frames.h"
#include "oracle_status.h"
#include "oracle_stream.h"

/* The oracles of one type of device; a struct sim_type names its own. NULL: has nothing to say there. */
struct judge_type {
	void (*restart)(struct sim_device *);              /* a fresh device */
	void (*trust)(struct judges *, bool);              /* judges_trust, judges_distrust */
	void (*write_ends)(struct judges *, uint64_t off); /* a register was written, all of it */
	void (*config)(struct sim_device *); /* ahead of a look at what the driver has read there */
	/* Around a write of n bytes of the configuration, at off. */
	void (*config_write)(struct judges *, uint64_t off, uint32_t n, uint64_t value);
	void (*config_written)(struct judges *);
	void (*status)(struct judges *, gpa_t, uint8_t byte); /* the device has stored a status byte */
	void (*refused)(struct judges *);                     /* memory could not be lent */
	void (*quiet)(struct sim_device *);                   /* all is over, and the driver has looked */
};

struct judges {
	const struct judge_type *type;
	struct oracle_status status;
	struct oracle_backend backend;
	struct content content;
	struct frames frames; /* of a network device */
	struct stream stream; /* of a console */
	struct control control;
};

extern const struct judge_type judge_blk, judge_rng, judge_net, judge_console;

/* After the device was made, with its oracle; false: no memory. */
bool judges_create(struct sim_device *);
void judges_destroy(struct sim_device *);
/* The device is a fresh one. */
void judges_restart(struct sim_device *);

/*
 * The guest of a device stores where its driver does not know, or publishes what it did not make: whatever
 * any device does to memory after that may be the guest's doing. Until that device was reset.
 */
void judges_distrust(struct sim_device *);
void judges_trust(struct sim_device *);

void judges_resized(struct sim_device *, uint64_t sectors);
void judges_quiet(struct sim_device *);

void judges_write_begins(struct judges *, uint64_t off, uint32_t size, uint64_t value);
void judges_write_ends(struct judges *, uint64_t off, uint32_t size, uint64_t value);
void judges_used(void *ctx, uint64_t serial, uint32_t len); /* ctx: struct sim_device * */

/* -- what the device does to memory ---------------------------------------------------------------------- */

static inline void judges_touch(struct judges *j, enum vmem_for what)
{
	if (!j->status.open)
		oracle_status_touch(&j->status, what);
}

static inline void judges_load(struct judges *j, enum vmem_for what, uint32_t n, const void *data)
{
	judges_touch(j, what);
	if (what == VMEM_HEADER)
		oracle_backend_header(&j->backend, n, data);
}

static inline void judges_store(struct judges *j, enum vmem_for what, gpa_t a, const void *data)
{
	judges_touch(j, what);
	if (what == VMEM_USED_IDX || what == VMEM_USED_ENTRY)
		j->status.used_stored = true;
	else if (what == VMEM_STATUS && j->type->status)
		j->type->status(j, a, *(const uint8_t *)data);
}

static inline void judges_read_config(struct sim_device *d)
{
	if (d->judges->type->config)
		d->judges->type->config(d);
}

static inline void judges_refused(struct judges *j)
{
	if (j->type->refused)
		j->type->refused(j);
}

static inline void judges_unpin(struct judges *j, uint32_t stored)
{
	if (stored && j->backend.completing)
		oracle_backend_stored(&j->backend, stored);
}

#endif
