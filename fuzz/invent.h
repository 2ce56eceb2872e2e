// SPDX-License-Identifier: BSD-2-Clause
/* invent: for the mutator, ops as they are made and how one op is changed, for the device that it is for. */
#ifndef RINGSIDE_FUZZ_INVENT_H
#define RINGSIDE_FUZZ_INVENT_H

#include "machine_byte.h"
#include "wild.h"

struct taste; /* what programs for a type of device have more of */

struct inventor {
	struct draws draws;
	struct machine_kind machine; /* the devices that there are */
	bool packed;                 /* their rings, as far as it is known */
	uint8_t dev;                 /* whom what is made now is for */
	const struct taste *taste;
};

void invent_for(struct inventor *, uint32_t dev); /* modulo the devices that there are */
void invent_for_any(struct inventor *);
uint64_t invent_queue(struct inventor *);
/* All for the device that was told last. What has data keeps it until the next call. */
void invent_op(struct inventor *, struct op *);
void invent_post(struct inventor *, struct op *); /* the fields of an OP_POST */
void invent_trouble(struct inventor *,
		    struct op *); /* makes a bad chain of the next one, or disturbs what is under way */
/* One field, or a part of its data, becomes another one. False: it has neither. */
bool invent_change(struct inventor *, struct op *);

#endif
