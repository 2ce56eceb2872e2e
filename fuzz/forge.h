// SPDX-License-Identifier: BSD-2-Clause
/* forge: states that no device saved, loaded into one. */
#ifndef RINGSIDE_FUZZ_FORGE_H
#define RINGSIDE_FUZZ_FORGE_H

#include "machine.h"

struct forge {
	bool own; /* the bytes are the state; else patches of what the device saved: u16 where, u8 what is there */
	bool sealed; /* head and checksum are made good */
	const uint8_t *bytes;
	size_t n;
};

/* Resets the device and loads the forged state; it goes on, or is as after a reset, which is checked. */
void forge_load(struct sim_device *, const struct forge *);
/*
 * Requests that were loaded wait for room: the backend does not know of them, which machine_save could not tell from
 * requests that are invented.
 */
bool forge_waits(const struct vdev *);
uint64_t forge_hash(void); /* of the machine whose device was loaded last */

#endif
