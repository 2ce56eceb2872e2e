// SPDX-License-Identifier: BSD-2-Clause
/*
 * judges: the oracles that look at a device through more than its rings: the status machine and registers
 * (oracle_status.h), what it asks of its backend (oracle_backend.h), and the data (oracle_content.h). They
 * speak through the device's struct oracle, and are switched by name there.
 */
#ifndef RINGSIDE_JUDGES_H
#define RINGSIDE_JUDGES_H

#include "machine.h"
#include "oracle_content.h"

struct judges {
	struct content content;
};

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

#endif
