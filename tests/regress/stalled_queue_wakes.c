// SPDX-License-Identifier: BSD-2-Clause
/*
 * A queue that finds no room is run again once there is some. Without that it was:
 * liveness at op 11, blk0: queue 0: 1 chains were taken and never completed
 */
#include "tests/regress/regress.h"

static const char program[] = "blk0 hold n=7\n"
			      "blk0 post type=in len=6145\n"
			      "blk0 post type=in len=7681\n"
			      "blk0 post type=in len=7681\n"
			      "blk0 post type=in len=7681\n"
			      "blk0 post type=in len=7681 shape=0xc00\n"
			      "blk0 post type=in len=7681\n"
			      "blk0 post type=in len=7681 shape=0xc00\n"
			      "blk0 post type=in len=7681\n"
			      "blk0 kick\n";

REGRESS(program)
