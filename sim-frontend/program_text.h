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
	bool one_device; /* all of them are one, as in a fuzz target */
	bool packed;     /* and it offers packed rings before anything is done, as under RING=packed */
	bool comments;
};

/* A name of the text form, "blk", as a virtio device id that can be simulated; 0: there is no such one. */
uint16_t program_text_device(const char *name);
/* Declares the devices that the program uses, and the first; then its ops. False: it did not get written. */
bool program_text(FILE *, const uint8_t *bytes, size_t n, const struct program_text_options *);

#endif
