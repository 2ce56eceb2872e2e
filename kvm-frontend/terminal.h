// SPDX-License-Identifier: BSD-2-Clause
/*
 * terminal: where a console of the guest ends on the host: standard input and output, or a file that gets the
 * output. Whoever joins it to a device (com1.h) reads in_fd and writes out_fd.
 *
 * On a terminal every key is the guest's (raw mode) but Ctrl-A, which is ours: Ctrl-A x ends the machine, Ctrl-A ?
 * tells the keys, a second Ctrl-A goes through. Where this process dies of a trap or a fault, a handler restores the
 * terminal first, so that nobody is left without echo. There is one standard input, so one terminal at the most is
 * made of it.
 */
#ifndef KVM_TERMINAL_H
#define KVM_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include "boot/err.h"

struct terminal {
	int in_fd; /* -1: output only */
	int out_fd;
	bool opened; /* out_fd is ours to close */
	bool raw;    /* in_fd is a terminal, in raw mode */
	bool escape; /* Ctrl-A was typed */
	bool quit;   /* Ctrl-A x was typed */
};

/* file: NULL for standard input and output. */
int terminal_open(struct terminal *, const char *file, char err[ERR_MAX]);
void terminal_start(struct terminal *); /* raw from here on, where it is a terminal */
void terminal_stop(
	struct terminal *); /* as it was before; messages of our own may follow. Harmless when stopped */
void terminal_close(struct terminal *); /* stops, too */

/* Takes what is ours out of n bytes of input; answers how many are left. Look at quit afterwards. */
unsigned terminal_keys(struct terminal *, uint8_t *data, unsigned n);

#endif
