// SPDX-License-Identifier: BSD-2-Clause
/* program_text: the text of a program that is there as bytes (a fuzzer's input), which name no devices. */
#ifndef RINGSIDE_PROGRAM_TEXT_H
#define RINGSIDE_PROGRAM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PROGRAM_BYTES_MAX (1u << 20)

struct program_text_options {
	uint16_t id;     /* virtio device id: what all its devices are */
	bool chosen;     /* instead: its first byte tells its devices (machine_byte.h), as for fuzz_device */
	bool one_device; /* all of them are one, as in a fuzz target */
	bool packed;     /* and it offers packed rings before anything is done, as under RING=packed */
	bool comments;
};

/* What programs are about, by name: a device of the text form that can be simulated ("blk"), or "device": chosen. False:
 * neither. Sets id and chosen. */
bool program_text_device(struct program_text_options *, const char *name);
/* Declares the devices that the program uses, and the first; then its ops. False: it did not get written. */
bool program_text(FILE *, const uint8_t *bytes, size_t n, const struct program_text_options *);

#endif
