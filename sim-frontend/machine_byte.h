// SPDX-License-Identifier: BSD-2-Clause
/*
 * machine byte: the first byte of what fuzz_device runs. It says which devices the machine has and what they offer
 * beyond their own features; the rest is a program (program.h), whose ops count the devices from 0.
 *
 *   bits 0-2   the devices: blk | rng | net | console | blk, net | net, console | console, rng | blk, rng, net, console
 *   bits 3-4   they offer: nothing more | packed rings | all of VDEV_FEATURES_MORE but those | all of it
 *
 * The other bits mean nothing, so that every byte is one; no byte at all means 0. Kept programs are text, which names its
 * devices, but finds of a fuzzer are not: what a byte means stays.
 */
#ifndef RINGSIDE_MACHINE_BYTE_H
#define RINGSIDE_MACHINE_BYTE_H

#include <stdbool.h>
#include <stdint.h>

#define MACHINE_BYTE_MACHINES 8u  /* bits 0-2 */
#define MACHINE_BYTE_ALL      32u /* different bytes, from 0 on */
#define MACHINE_BYTE_DEVICES  4u  /* of one machine, at most */

struct machine_kind {
	uint32_t nr; /* of its devices: below MACHINE_BYTE_MACHINES */
	uint32_t ndevices;
	uint16_t id[MACHINE_BYTE_DEVICES]; /* virtio device ids */
	uint64_t offer;
};

struct machine_kind machine_byte_read(uint8_t);
/* The byte of the machine that has just these devices and offers nothing more. False: there is none. */
bool machine_byte_find(const uint16_t *id, uint32_t ndevices, uint8_t *);

#endif
