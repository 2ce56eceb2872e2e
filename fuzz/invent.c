// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#include "driver.h"
#include "invent.h"
#include "vdev.h"

#define OWN_MAX       4
#define PORT_NAME_MAX 31u

/* What programs for a type of device have more of: ops of its own, one in four, and queues. */
struct taste {
	uint16_t id, queues; /* drawn evenly; 0: nearly always the first */
	uint8_t own[OWN_MAX];
};

static const struct taste tastes[] = {
	{VIRTIO_ID_NET, 7, {OP_FRAME, OP_FRAME, OP_LINK, OP_ANNOUNCE}},
	{VIRTIO_ID_CONSOLE, 8, {OP_INPUT, OP_INPUT, OP_PORT, OP_TERMINAL}},
	{0, 0, {0}}, /* any other one */
};

void invent_for(struct inventor *v, uint32_t dev)
{
	v->dev = (uint8_t)(dev % v->machine.ndevices);
	v->taste = tastes;
	while (v->taste->id && v->taste->id != v->machine.id[v->dev])
		v->taste++;
}

void invent_for_any(struct inventor *v)
{
	invent_for(v, v->machine.ndevices > 1 ? (uint32_t)draw(&v->draws, v->machine.ndevices) : 0);
}

uint64_t invent_queue(struct inventor *v)
{
	return v->taste->queues ? draw(&v->draws, v->taste->queues) : draw(&v->draws, 8) == 0;
}

/* -- fields ---------------------------------------------------------------------------------------------- */

/* Some of the features that only `offer` brings; mostly the packed ring. */
static uint64_t features(struct draws *d)
{
	uint64_t bits = 0, packed = 1ull << VIRTIO_F_RING_PACKED;
	for (uint64_t left = VDEV_FEATURES_MORE & ~packed; left; left &= left - 1)
		bits |= draw(d, 3) ? 0 : left & -left;
	return draw(d, 4) ? bits | packed : bits;
}

/* A feature or two, as a driver leaves them out. */
static uint64_t bits(struct draws *d)
{
	uint64_t one = 1ull << draw(d, VIRTIO_F_RING_RESET + 1);
	return draw(d, 4)   ? one
	       : draw(d, 2) ? one | 1ull << draw(d, VIRTIO_F_RING_RESET + 1)
			    : wild_number(d, 0);
}

static uint64_t field(struct inventor *v, const struct op_field *f)
{
	switch (f->format) {
	case OP_QUEUE_NR:
		return invent_queue(v);
	case OP_GPA:
		return wild_address(&v->draws);
	case OP_BITS:
		return bits(&v->draws);
	default:
		return wild_number(&v->draws, f->bound);
	}
}

/* -- making ops ------------------------------------------------------------------------------------------ */

/* The layout of raw descriptors hangs on the ring's, and is seldom the other one. */
static bool is_packed(struct inventor *v)
{
	return v->packed != (draw(&v->draws, 8) == 0);
}

/* A frame to the device itself, to all, or to anybody; seldom with offloads. */
static void make_frame(struct inventor *v, struct op *op)
{
	static uint8_t head[16]; /* its header, and whom it is for */
	uint64_t who = draw(&v->draws, 8);
	memset(head, 0, sizeof(head));
	for (int i = 0; i < 10 && draw(&v->draws, 4) == 0; i++)
		head[i] = (uint8_t)draw(&v->draws, 8);
	head[10] = who ? 2 : 255;
	head[15] = who > 1 ? 1 : (uint8_t)draw(&v->draws, 256);
	op->data = head;
	op->len = sizeof(head);
}

/* A port that is added has a name, mostly. */
static void make_port(struct inventor *v, struct op *op)
{
	static uint8_t name[PORT_NAME_MAX];
	uint32_t n = (uint32_t)draw(&v->draws, draw(&v->draws, 4) ? 8 : PORT_NAME_MAX + 1);
	memset(name, 'a' + (int)draw(&v->draws, 26), n);
	op->data = name;
	op->len = op->arg[1] == 1 ? n : 0;
}

void invent_post(struct inventor *v, struct op *op)
{
	static const uint16_t len[8] = {512, 512, 512, 512, 1024, 2048, 4096, 0};
	struct draws *d = &v->draws;
	op->arg[0] = invent_queue(v);
	op->arg[1] = draw(d, 3) ? draw(d, 2) : draw(d, 8);
	op->arg[2] = v->taste->id && draw(d, 2) ? draw(d, 6) << 8 | draw(d, 4) : draw(d, 64); /* a command */
	op->arg[3] = draw(d, 8) ? len[draw(d, 8)] : draw(d, 65536);
	op->arg[4] = draw(d, 2) ? 0 : draw(d, 65536);
}

/* Registers by their offset, where rings lie with addresses that mean something. */
static void make_access(struct inventor *v, struct op *op)
{
	struct draws *d = &v->draws;
	op->arg[0] = draw(d, 8) ? 4 * draw(d, 0x50) : draw(d, 4096);
	op->arg[1] = draw(d, 8) ? 4 : op->arg[1];
	if (op->arg[0] >= VIRTIO_MMIO_QUEUE_DESC_LOW && op->arg[0] < VIRTIO_MMIO_QUEUE_DESC_LOW + 0x30 &&
	    draw(d, 2))
		op->arg[2] = wild_address(d);
}

/* Where a descriptor or a table is sent to. */
static void aim_break(struct inventor *v, struct op *op)
{
	if ((op->arg[0] == BREAK_ADDR || op->arg[0] == BREAK_TABLE_ADDR) && draw(&v->draws, 4))
		op->arg[2] = wild_address(&v->draws);
}

/* What fields drawn one by one would not make. */
static void finish(struct inventor *v, struct op *op)
{
	switch (op->code) {
	case OP_OFFER:
		op->arg[0] = features(&v->draws);
		break;
	case OP_WIND: /* the indices wrap soon */
		op->arg[1] = 65535 - draw(&v->draws, 32);
		break;
	case OP_CHAIN:
		wild_chain(&v->draws, is_packed(v), op);
		break;
	case OP_POKE:
		wild_poke(&v->draws, is_packed(v), op);
		break;
	case OP_FRAME:
		make_frame(v, op);
		break;
	case OP_PORT:
		make_port(v, op);
		break;
	case OP_BREAK:
		aim_break(v, op);
		break;
	case OP_WRITE:
	case OP_READ:
		make_access(v, op);
		break;
	default:
		break;
	}
}

/* How often each op is made, in 64ths; post above all. */
static const uint8_t often[64] = {
	OP_OFFER,     OP_QUEUE_RESET, OP_SAVE,    OP_WIND,   OP_POST,   OP_POST,      OP_POST,  OP_POST,
	OP_POST,      OP_POST,        OP_POST,    OP_POST,   OP_POST,   OP_POST,      OP_POST,  OP_POST,
	OP_POST,      OP_POST,        OP_POST,    OP_POST,   OP_POST,   OP_WHEN,      OP_TICK,  OP_DELAY,
	OP_KICK,      OP_KICK,        OP_KICK,    OP_KICK,   OP_KICK,   OP_KICK,      OP_KICK,  OP_EARLY,
	OP_REAP,      OP_REAP,        OP_REAP,    OP_REAP,   OP_HOLD,   OP_HOLD,      OP_DONE,  OP_DONE,
	OP_DONE,      OP_FLUSHED,     OP_FLUSHED, OP_BREAK,  OP_BREAK,  OP_POWER_CUT, OP_FAULT, OP_RACE,
	OP_RACE,      OP_QUEUE,       OP_RESET,   OP_NOTIFY, OP_NOTIFY, OP_RUN,       OP_WRITE, OP_WRITE,
	OP_NEGOTIATE, OP_PUBLISH,     OP_CHAIN,   OP_POKE,   OP_READ,   OP_RESIZE,    OP_MAKE,  OP_DRIVER_OK,
};

void invent_op(struct inventor *v, struct op *op)
{
	memset(op, 0, sizeof(*op));
	op->dev = v->dev;
	op->code = v->taste->id && draw(&v->draws, 4) == 0 ? v->taste->own[draw(&v->draws, OWN_MAX)]
							   : often[draw(&v->draws, sizeof(often))];
	if (op->code == OP_POST) {
		invent_post(v, op);
		return;
	}
	const struct op_info *info = op_info(op->code);
	for (int i = 0; i < info->nfields; i++)
		op->arg[i] = field(v, &info->field[i]);
	finish(v, op);
}

void invent_trouble(struct inventor *v, struct op *op)
{
	static const uint8_t trouble[16] = {OP_BREAK, OP_BREAK, OP_BREAK, OP_BREAK,      OP_BREAK, OP_BREAK,
					    OP_RACE,  OP_RACE,  OP_RACE,  OP_FAULT,      OP_HOLD,  OP_SAVE,
					    OP_RESET, OP_WHEN,  OP_POKE,  OP_QUEUE_RESET};
	memset(op, 0, sizeof(*op));
	op->dev = v->dev;
	op->code = trouble[draw(&v->draws, sizeof(trouble))];
	const struct op_info *info = op_info(op->code);
	for (int i = 0; i < info->nfields; i++)
		op->arg[i] = info->field[i].format == OP_QUEUE_NR ? draw(&v->draws, 8) == 0
								  : field(v, &info->field[i]);
	if (op->code == OP_BREAK)
		op->arg[0] = draw(&v->draws, BREAK_COUNT); /* each kind as often as any other */
	finish(v, op);
}

/* -- changing one ---------------------------------------------------------------------------------------- */

static void change_field(struct inventor *v, struct op *op, const struct op_info *info)
{
	uint64_t f = draw(&v->draws, info->nfields), step = draw(&v->draws, 4);
	if (op->code == OP_OFFER)
		op->arg[f] = features(&v->draws);
	else
		op->arg[f] = step == 0   ? op->arg[f] + 1
			     : step == 1 ? op->arg[f] - 1
					 : field(v, &info->field[f]);
}

bool invent_change(struct inventor *v, struct op *op)
{
	const struct op_info *info = op_info(op->code);
	if (info->has_data && draw(&v->draws, 2))
		wild_change(&v->draws, is_packed(v), op);
	else if (info->nfields)
		change_field(v, op, info);
	else
		return false;
	return true;
}
