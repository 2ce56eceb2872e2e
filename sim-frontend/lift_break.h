// SPDX-License-Identifier: BSD-2-Clause
/* A chain that breaks the rules: how the model driver is told to commit the same offence. */
#ifndef RINGSIDE_LIFT_BREAK_H
#define RINGSIDE_LIFT_BREAK_H

#include "lift.h"
#include "lift_shape.h"

/*
 * The break (OP_BREAK) that goes ahead of a chain's post, by what the device said of the chain. False: no break
 * does that. *post: what is to be broken, which is as the chain was where that could be told; else (told: false) a
 * plain request is made for it.
 */
bool lift_break(uint16_t id, uint64_t offence, const struct lift_chain *, bool told, struct op *post,
		struct op *brk);

#endif
