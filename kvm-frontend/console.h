// SPDX-License-Identifier: BSD-2-Clause
/*
 * The guest's COM1, joined to this process: standard input and output, or a file that gets the output.
 *
 * Output is written by the vCPU's thread as the guest sends it (a slow reader slows the guest down, as a wire
 * would). Input is read by the event loop, and only as much as the port has room for; the rest stays in the
 * pipe or terminal. A terminal is put into raw mode and restored by console_stop, or by a handler when this
 * process crashes.
 */
#ifndef KVM_CONSOLE_H
#define KVM_CONSOLE_H

#include <pthread.h>
#include <stdatomic.h>
#include "boot/err.h"
#include "loop.h"
#include "serial.h"

struct console {
	pthread_mutex_t lock; /* of serial and starved */
	struct serial serial;
	bool starved; /* there is input, but the port had no room */
	struct loop *loop;
	struct loop_fd *in, *room;
	int out_fd, irq_fd, room_fd;
	bool opened;             /* out_fd is ours to close */
	bool raw;                /* standard input is a terminal, in raw mode */
	bool pollable;           /* false: standard input is a regular file */
	bool escape;             /* Ctrl-A was typed */
	bool broken;             /* writing failed: told once, then dropped */
	bool quit;               /* Ctrl-A x was typed */
	const atomic_int *ended; /* not 0: do not wait for a slow reader any more */
};

/* file: NULL for standard input and output. irq_fd: written for each interrupt. */
int console_open(struct console *, struct loop *, const char *file, const atomic_int *ended,
		 char err[ERR_MAX]);
/* Begins to listen; the terminal is raw from here on. irq_fd stays the caller's. */
int console_start(struct console *, int irq_fd, char err[ERR_MAX]);
/* Gives the terminal back; output of our own may follow. console_close does it too, and is harmless after a
 * failure. */
void console_stop(struct console *);
void console_close(struct console *);

/* The guest's accesses, on the vCPU's thread; off < 8. */
uint8_t console_read(struct console *, unsigned off);
void console_write(struct console *, unsigned off, uint8_t value);

#endif
