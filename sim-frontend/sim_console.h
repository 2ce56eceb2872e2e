// SPDX-License-Identifier: BSD-2-Clause
/* sim_console: the console's backend in the simulator: a host that types whatever it is told to, takes all that it
 * gets, resizes its terminal, and plugs ports in and out. */
#ifndef RINGSIDE_SIM_CONSOLE_H
#define RINGSIDE_SIM_CONSOLE_H

#include "devices/console.h"
#include "machine.h"

/* device_options.flags of a console (programs hold them: append only). */
enum sim_console_flags {
	CONSOLE_FLAG_PORTS = 3, /* 0: three ports, of which the last is not there; 1: one; 2: two; 3: three */
	CONSOLE_FLAG_NO_SIZE = 4,
	CONSOLE_FLAG_NO_EMERGENCY = 8,
	CONSOLE_FLAG_PLAIN = 16, /* port 0 is no terminal */
	CONSOLE_FLAG_ROWS_FIRST = 32,
	CONSOLE_FLAG_CLOSED = 64, /* on the host's side all ports are */
};

/* The options of a console, as they are now. */
const struct console_options *sim_console_options(const struct sim_device *);

#endif
