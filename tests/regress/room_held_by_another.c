// SPDX-License-Identifier: BSD-2-Clause
/*
 * A device waits for room that another one holds, and gets it in the end.
 * While another device held all that can be lent, this was:
 * liveness at op 21, rng0: queue 0: 1 chains were taken and never completed
 */
#include "tests/regress/regress.h"

static const char program[] = "device rng0\n"
			      "device blk1\n"
			      "blk1 hold n=16\n"
			      "blk1 post queue=1 type=in len=7681 shape=0x1\n"
			      "blk1 post type=in len=3585\n"
			      "blk1 post type=in len=513 shape=0x40\n"
			      "blk1 post type=in\n"
			      "blk1 post type=in\n"
			      "blk1 post type=in len=7681 shape=0xc85\n"
			      "blk1 post type=in\n"
			      "blk1 post type=in\n"
			      "blk1 post type=in len=7681\n"
			      "blk1 post type=in shape=0x40\n"
			      "blk1 post type=in len=513\n"
			      "blk1 post type=in len=7681\n"
			      "blk1 post type=in len=513 shape=0x80\n"
			      "blk1 post type=in len=513\n"
			      "blk1 kick\n"
			      "blk1 post queue=1 type=in len=7681\n"
			      "blk1 post queue=1 type=in len=7681 shape=0xc00\n"
			      "blk1 kick queue=1\n"
			      "rng0 post\n";

REGRESS(program)
