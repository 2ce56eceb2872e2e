// SPDX-License-Identifier: BSD-2-Clause
/* Disks and entropy devices: what becomes of a recorded one, and of its chains. */
#ifndef RINGSIDE_LIFT_BLK_H
#define RINGSIDE_LIFT_BLK_H

#include "lift.h"
#include "lift_shape.h"

/* Where the recorded disk could do less than the simulator's, so shall that; flags 0: it could do all. */
struct op lift_blk_make(const struct trace_device *);
/* False: a chain that says too little. */
bool lift_blk_post(const struct lift_options *, const struct lift_chain *, struct op *post);
bool lift_rng_post(const struct lift_options *, const struct lift_chain *, struct op *post);

#endif
