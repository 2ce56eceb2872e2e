// SPDX-License-Identifier: BSD-2-Clause
#include "lift_shape.h"

uint64_t lift_shape(const struct lift_chain *c, uint64_t len)
{
	(void)c;
	(void)len;
	return 0;
}

uint64_t lift_done_bytes(const struct op *op)
{
	return op->arg[2];
}
