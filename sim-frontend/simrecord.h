// SPDX-License-Identifier: BSD-2-Clause
/* simrecord: records a simulated run into a trace file, by the same recorder that records a KVM guest; and
 * what the guest stored (guestlog.h), so that ringside-vmm can run it on a real processor. */
#ifndef RINGSIDE_SIMRECORD_H
#define RINGSIDE_SIMRECORD_H

#include "machine.h"
#include "tracefile.h"

struct simrecord {
	struct trace_writer writer;
	struct recorder recorder;
	struct guestlog guestlog;
	struct recorder_dev device[MACHINE_DEVICES_MAX];
	bool failed; /* writer.error tells */
};

/* Before the first op. False: writer.error tells. */
bool simrecord_start(struct simrecord *, struct machine *, const char *path);
/* Ends the recording; the machine records no more. False: writer.error tells. */
bool simrecord_finish(struct simrecord *, struct machine *);
/* The process is about to die in the midst of a device's work: what was recorded is written, nothing else is
 * touched. False: writer.error tells. */
bool simrecord_rescue(struct simrecord *);
/* From now on a crash, a sanitizer's report or an alarm rescues it; an error is told to that file descriptor. The process
 * dies of it all the same. NULL: no more. */
void simrecord_guard(struct simrecord *, int told);

#endif
