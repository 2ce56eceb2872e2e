// SPDX-License-Identifier: BSD-2-Clause
/*
 * A 16550A serial port as a state machine: registers in, bytes and interrupts out. No I/O, no lock, no clock;
 * com1.h joins it to a terminal and serialises its callers.
 *
 * The transmitter is always empty: a byte written is handed out at once. The receiver is a FIFO of 16 bytes,
 * with back-pressure in place of overruns: the host side asks for room first and keeps what does not fit.
 * Room is there only while the guest holds RTS, as on a line with hardware flow control, so that a driver
 * which clears the FIFO when it opens the port does not lose what was piped into us earlier. Data below the
 * FIFO's trigger level would be told after a time-out of four characters; here, at once.
 */
#ifndef KVM_SERIAL_H
#define KVM_SERIAL_H

#include <stdbool.h>
#include <stdint.h>
#include "state.h"

#define SERIAL_FIFO_LEN 16

struct serial {
	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
	uint8_t overrun;   /* LSR's bit; only loopback can overrun */
	uint8_t msr_delta; /* low half of MSR: what changed since it was read */
	bool thre_pending; /* "transmitter empty" was not told yet */
	bool line;         /* the interrupt line as it was last */
	bool edge;         /* the line went up: an interrupt is to be raised */
	uint8_t fifo[SERIAL_FIFO_LEN];
	uint8_t fifo_head, fifo_count;
};

void serial_reset(struct serial *);

/* Register access, off < 8. serial_write answers true when `value` is a byte that leaves through the wire. */
uint8_t serial_read(struct serial *, unsigned off);
bool serial_write(struct serial *, unsigned off, uint8_t value);

/* How many bytes the guest can take now; and the bytes, at most that many (more are dropped). */
unsigned serial_room(const struct serial *);
void serial_receive(struct serial *, const uint8_t *data, unsigned n);

/* All of it; false: such a port there can not be, and it is as after a reset. */
void serial_save(const struct serial *, struct state_out *);
bool serial_load(struct serial *, struct state_in *);

/* True once for each rising edge of the interrupt line. Call after each of the above. */
bool serial_take_irq(struct serial *);

#endif
