// SPDX-License-Identifier: BSD-2-Clause
/*
 * machine_save: a device is saved, replaced by a fresh one, loaded and resumed, in the midst of a run. Its
 * backend stays what it is, with the requests that it holds: those that the fresh device submits again are
 * told by their ids, and are not done twice; memory that was lent for them is theirs still, with what is in
 * it. So whatever comes later is as if nothing had happened, and a recording has nothing to tell of it.
 */
#ifndef RINGSIDE_MACHINE_SAVE_H
#define RINGSIDE_MACHINE_SAVE_H

#include "machine.h"

/* What saving needs room for, all of it bounded: made once. NULL: no memory; free() ends it. */
struct machine_save *machine_save_create(void);

/* For sim_type.each_lent. nr: of the request, in the order of their submission. */
void machine_save_lent(struct sim_device *, uint64_t nr, enum vmem_kind, gpa_t, struct vspan);

bool machine_save_takes(struct sim_device *, void *request);
void machine_save_hears(struct sim_device *, const char *what);

/* For a type's submit: true when the request comes from a device that is being resumed, which ends it. */
static inline bool machine_save_submit(struct sim_device *d, void *request)
{
	return d->save && machine_save_takes(d, request);
}

/* For what a device may not do while it is loaded and resumed: true then. */
static inline bool machine_save_noise(struct sim_device *d, const char *what)
{
	if (d->save)
		machine_save_hears(d, what);
	return d->save;
}

#endif
