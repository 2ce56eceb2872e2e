// SPDX-License-Identifier: BSD-2-Clause
/*
 * com1: the guest's COM1, joined to a terminal of the host (terminal.h).
 *
 * Output is written by the vCPUs' threads as the guest sends it (a slow reader slows the guest down, as a wire
 * would). Input is read by the event loop; what the port has no room for waits here, and behind it in the pipe
 * or terminal.
 */
#ifndef KVM_COM1_H
#define KVM_COM1_H

#include <pthread.h>
#include <stdatomic.h>
#include "boot/err.h"
#include "loop.h"
#include "serial.h"
#include "terminal.h"

#define COM1_INPUT_MAX 256

struct com1 {
	pthread_mutex_t lock; /* of serial and starved */
	struct serial serial;
	bool starved; /* there is input, but the port had no room */
	struct loop *loop;
	struct loop_fd *in, *room;
	struct terminal terminal;
	int irq_fd, room_fd;
	/* the loop's alone */
	bool deaf;             /* nothing will come any more */
	unsigned first, count; /* of data: read, not yet passed on */
	uint8_t data[COM1_INPUT_MAX];
	const atomic_int *ended; /* not 0: do not wait for a slow reader any more */
};

/* where: as terminal_open takes it. */
int com1_open(struct com1 *, struct loop *, const char *where, const atomic_int *ended, char err[ERR_MAX]);
/* Begins to listen; the terminal is raw from here on. irq_fd, written for each interrupt, stays the caller's. */
int com1_start(struct com1 *, int irq_fd, char err[ERR_MAX]);
/* Gives the terminal back; output of our own may follow. com1_close does it too, and is harmless after a
 * failure. */
void com1_stop(struct com1 *);
void com1_close(struct com1 *);

/* Before com1_start, or while no vCPU runs. What was typed and not passed on yet is not part of it. */
void com1_save(struct com1 *, struct state_out *);
bool com1_load(struct com1 *, struct state_in *);

/* The guest's accesses, on any vCPU's thread; off < 8. */
uint8_t com1_read(struct com1 *, unsigned off);
void com1_write(struct com1 *, unsigned off, uint8_t value);

#endif
