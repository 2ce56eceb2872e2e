// SPDX-License-Identifier: BSD-2-Clause
/*
 * guestlog: what the guest stored, for a recording. A trace tells what the device loaded; to run the same on
 * a real processor (ringside-vmm --guest-program) one has to know what the guest's memory held, and when. A
 * copy of memory follows the device's own stores; whatever else has changed when the device is entered was
 * the guest, and is recorded as pokes. So it is ahead of each load: a poke in the middle of the device's work
 * was another processor's (a race).
 */
#ifndef RINGSIDE_GUESTLOG_H
#define RINGSIDE_GUESTLOG_H

#include "ram.h"
#include "trace/recorder.h"

struct guestlog {
	const struct ram *ram;
	uint8_t *copy[RAM_REGIONS];
};

bool guestlog_create(struct guestlog *, const struct ram *); /* false: no memory */
void guestlog_destroy(struct guestlog *);
/* n bytes at a are the device's. */
void guestlog_device_stored(struct guestlog *, gpa_t a, uint32_t n);
/* The device is about to be entered, or has just loaded something. */
void guestlog_put(struct guestlog *, struct recorder_dev *);

#endif
