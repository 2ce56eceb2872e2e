// SPDX-License-Identifier: BSD-2-Clause
/*
 * terminal: where a console of the guest ends on the host: standard input and output, a pseudo terminal, or a
 * file that gets the output. Whoever joins it to a device (com1.h, port_host.h) reads and writes its stream.
 *
 * On a terminal that is standard input every key is the guest's (raw mode) but Ctrl-A, which is ours: Ctrl-A x
 * ends the machine, Ctrl-A ? tells the keys, a second Ctrl-A goes through. Where this process dies of a trap or
 * a fault, a handler restores the terminal first, so that nobody is left without echo. There is one standard
 * input, so one terminal at the most is made of it.
 *
 * Programs may open a pseudo terminal and close it again. What comes while none has it open waits there, some KiB
 * of it; the rest is lost, as on a serial line with nothing at its end.
 */
#ifndef KVM_TERMINAL_H
#define KVM_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include "boot/err.h"
#include "stream.h"

struct terminal {
	struct stream stream;
	bool old;    /* a file that is still to be emptied */
	bool raw;    /* standard input is a terminal, in raw mode */
	bool escape; /* Ctrl-A was typed */
	bool quit;   /* Ctrl-A x was typed */
};

/*
 * where: "stdio", "pty" or a file's name; NULL: nowhere. what: the device, for messages; a new pseudo
 * terminal's name is told with it.
 */
int terminal_open(struct terminal *, const char *where, const char *what, char err[ERR_MAX]);
void terminal_start(struct terminal *); /* raw from here on, where it is a terminal; a file begins anew */
void terminal_stop(struct terminal *);  /* as it was; messages of our own may follow. Harmless when stopped */
void terminal_close(struct terminal *); /* stops, too */
void terminal_restore(void);            /* from a signal handler that ends the process */

/* False: it has no size. */
bool terminal_size(const struct terminal *, uint16_t *cols, uint16_t *rows);
/* Both end at one and the same terminal or file. */
bool terminal_same(const struct terminal *, const struct terminal *);

/* Takes what is ours out of n bytes of input; answers how many are left. Look at quit afterwards. */
unsigned terminal_keys(struct terminal *, uint8_t *data, unsigned n);

#endif
