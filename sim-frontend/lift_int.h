// SPDX-License-Identifier: BSD-2-Clause
/* Between the parts of lift (lift.h): what was seen of the recorded guest so far, and the piece that is being made. */
#ifndef RINGSIDE_LIFT_INT_H
#define RINGSIDE_LIFT_INT_H

#include "devices/blk.h"
#include "lift.h"
#include "lift_shape.h"

#define SEEN_MAX   4096 /* kinds of pieces that are told apart */
#define SETUP_MAX  32
#define STEP_MAX   256 /* requests that one kick may have posted */
#define QUEUES_MAX 8   /* that a program can name */
#define PIECE_ROOM 32  /* bytes that one more step needs, at least */
#define OPS_ROOM \
	16 /* ops that one input is told in, at most, between two looks at whether the piece is full */

/* A register file's worth of what the driver told the device. */
struct lift_queue {
	uint32_t size;
	uint64_t desc_area, driver_area;
};

struct lift {
	const struct lift_options *o;
	const struct trace_device *head;
	bool (*give)(void *ctx, const struct lift_piece *);
	void *ctx;
	struct lift_told *told;
	bool ok;
	/* registers */
	uint32_t features_sel, queue_sel, status;
	uint64_t accepted;
	struct lift_queue queue[VDEV_QUEUES_MAX];
	/* the guest's set-up, for the pieces after the first */
	uint32_t nsetup;
	struct op setup[SETUP_MAX];
	/* the step: one input and what followed from it */
	bool kicked;
	uint16_t kick_queue;
	uint32_t nposts, nsubmits;
	struct op post[STEP_MAX];
	struct lift_chain chain;
	bool chain_open;
	bool framed; /* the step is a frame that arrives, or bytes for a console */
	struct op frame;
	uint8_t frame_data[LIFT_DATA_LEN];
	uint32_t closed; /* bit per port of a console that the driver has closed */
	uint16_t polled; /* packed: flags of the slot that was looked at last */
	/* requests at the recorded backend, oldest first */
	uint32_t nheld;
	uint16_t held[BLK_INFLIGHT_MAX];
	struct lift_piece piece;
	uint32_t nseen;
	uint64_t seen[SEEN_MAX];
};

void lift_emit(struct lift *, struct op);   /* into the piece */
void lift_set_up(struct lift *, struct op); /* the same, and into each piece after this one */
void lift_begin(struct lift *);             /* the device itself */
/* Ends the piece; the next one begins with the guest's set-up. What is in flight ends with the piece. */
void lift_cut(struct lift *);
void lift_register(struct lift *, const struct op *); /* lift_regs.c: a write of one */

#endif
