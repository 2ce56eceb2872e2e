// SPDX-License-Identifier: BSD-2-Clause
/* Consoles: what becomes of a recorded one, of its chains and of what its host did. The simulator's has three ports;
 * of those above them nothing is told. What the control protocol asks for the model driver says by itself. */
#ifndef RINGSIDE_LIFT_CONSOLE_H
#define RINGSIDE_LIFT_CONSOLE_H

#include "lift.h"
#include "lift_shape.h"

/* Makes one that offers what the recorded one did. */
struct op lift_console_make(const struct trace_device *);
/* accepted: by the driver. *closed: bit per port that the driver has closed, as far as was told. False: a chain that
 * is not told. */
bool lift_console_post(const struct lift_options *, uint64_t accepted, const struct lift_chain *,
		       uint32_t *closed, struct op *post);
/* A host's action at a port that the simulator's console has, too. */
bool lift_console_has(uint64_t port);

#endif
