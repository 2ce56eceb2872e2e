// SPDX-License-Identifier: BSD-2-Clause
/* A recorded chain, and how the model driver is told to cut a request the same way. */
#ifndef RINGSIDE_LIFT_SHAPE_H
#define RINGSIDE_LIFT_SHAPE_H

#include "trace/op.h"
#include "vq.h"

struct lift_seg {
	uint32_t len;
	bool write;
};

struct lift_chain {
	uint16_t queue;
	uint32_t broken; /* what the device said of it: enum offence + 1; 0: nothing */
	uint32_t nsegs;
	bool indirect;
	uint64_t read_len, write_len; /* bytes */
	struct lift_seg seg[VQ_SEGS_MAX];
	uint32_t header_len;
	uint8_t header[16];
};

/* The `shape` of a POST with len bytes of data (driver.h). */
uint64_t lift_shape(const struct lift_chain *, uint64_t len);

#endif
