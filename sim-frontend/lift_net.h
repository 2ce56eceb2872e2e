// SPDX-License-Identifier: BSD-2-Clause
/* Network devices: what becomes of a recorded one, of its chains and of the frames that arrive. */
#ifndef RINGSIDE_LIFT_NET_H
#define RINGSIDE_LIFT_NET_H

#include "lift.h"
#include "lift_shape.h"

/* False: it has more queues than the simulator's. */
bool lift_net_fits(const struct trace_device *);
/* Makes one that offers what the recorded one did. */
struct op lift_net_make(const struct trace_device *);
/* accepted: by the driver. False: a chain that says too little. */
bool lift_net_post(const struct lift_options *, const struct trace_device *, uint64_t accepted,
		   const struct lift_chain *, struct op *post);
/* A command without which later frames would go elsewhere: part of the set-up. */
bool lift_net_sets_up(const struct trace_device *, uint64_t accepted, const struct op *post);
/* The frame as it comes to the simulator's device: what was for the recorded one is for this one. room: bytes of
 * the buffers that it goes into, 0: none. */
struct op lift_net_frame(const struct trace_device *, const struct op *frame, uint64_t room,
			 uint8_t data[LIFT_DATA_LEN]);

#endif
