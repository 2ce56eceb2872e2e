// SPDX-License-Identifier: BSD-2-Clause
/*
 * A hostile guest sent its entropy device onto the ring of its disk, which then was blamed:
 * liveness at op 6, blk0: queue 0: 0x76 at 0x10012 says that more is available, but only what is before 0 was
 * taken
 */
#include "tests/regress/regress.h"

static const char program[] = "device blk0\n"
			      "device rng1\n"
			      "blk0 post type=in\n"
			      "blk0 queue size=1\n"
			      "rng1 break how=11 value=0x10000\n"
			      "rng1 post len=18\n"
			      "rng1 kick\n";

REGRESS(program)
