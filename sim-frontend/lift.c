// SPDX-License-Identifier: BSD-2-Clause
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "devices/blk.h"
#include "driver.h"
#include "hash.h"
#include "host.h"
#include "lift_blk.h"
#include "lift_break.h"
#include "lift_console.h"
#include "lift_int.h"
#include "lift_net.h"
#include "machine.h"
#include "lift_shape.h"

/* -- pieces ---------------------------------------------------------------------------------------------- */

void lift_emit(struct lift *l, struct op op)
{
	uint8_t bytes[OP_ENCODED_MAX + 256];
	op.dev = 0;
	core_check(l->piece.nops < LIFT_OPS_MAX); /* end_step cuts before */
	l->piece.nbytes += (uint32_t)op_program_encode(&op, bytes, sizeof(bytes));
	l->piece.nrequests += op.code == OP_POST;
	if (op.len) {
		memcpy(l->piece.data[l->piece.nops], op.data, op.len);
		op.data = l->piece.data[l->piece.nops];
	}
	l->piece.op[l->piece.nops++] = op;
}

/* What a piece does, whatever the sectors. */
static uint64_t signature(const struct lift_piece *p)
{
	uint64_t h = HASH_SEED;
	for (uint32_t i = 0; i < p->nops; i++) {
		const struct op *op = &p->op[i];
		h = hash_u64(h, op->code);
		for (int k = 0; k < OP_ARGS_MAX; k++)
			h = hash_u64(h, op->code == OP_POST && k == 2 ? 0 : op->arg[k]);
	}
	return h;
}

static bool is_new(struct lift *l, uint64_t h)
{
	for (uint32_t i = 0; i < l->nseen; i++)
		if (l->seen[i] == h)
			return false;
	if (l->nseen < SEEN_MAX)
		l->seen[l->nseen++] = h;
	return true;
}

void lift_begin(struct lift *l)
{
	struct op make = {.code = OP_MAKE};
	if (l->head->id == VIRTIO_ID_BLOCK)
		make = lift_blk_make(l->head);
	else if (l->head->id == VIRTIO_ID_NET)
		make = lift_net_make(l->head);
	else if (l->head->id == VIRTIO_ID_CONSOLE)
		make = lift_console_make(l->head);
	if (make.arg[0] || l->head->id == VIRTIO_ID_NET)
		lift_emit(l, make);
	if (l->head->features & VDEV_FEATURES_MORE)
		lift_emit(l, (struct op){.code = OP_OFFER, .arg = {l->head->features & VDEV_FEATURES_MORE}});
}

/* Ends the piece; the next one begins with the guest's set-up. What is in flight ends with the piece. */
void lift_cut(struct lift *l)
{
	if (l->ok && l->piece.nrequests && is_new(l, signature(&l->piece)))
		l->ok = l->give(l->ctx, &l->piece);
	l->piece.nops = l->piece.nbytes = l->piece.nrequests = 0;
	l->nheld = 0;
	l->closed = 0;
	lift_begin(l);
	for (uint32_t i = 0; i < l->nsetup; i++)
		lift_emit(l, l->setup[i]);
}

void lift_set_up(struct lift *l, struct op op)
{
	if (l->nsetup < SETUP_MAX)
		l->setup[l->nsetup++] = op;
	lift_emit(l, op);
}

/* -- requests -------------------------------------------------------------------------------------------- */

/* False: a chain that says too little. */
static bool post_of(struct lift *l, const struct lift_chain *c, struct op *op)
{
	switch (l->head->id) {
	case VIRTIO_ID_NET:
		return lift_net_post(l->o, l->head, l->accepted, c, op);
	case VIRTIO_ID_CONSOLE:
		return lift_console_post(l->o, l->accepted, c, &l->closed, op);
	case VIRTIO_ID_BLOCK:
		return lift_blk_post(l->o, c, op);
	default:
		return lift_rng_post(l->o, c, op);
	}
}

static void close_chain(struct lift *l)
{
	struct op post, brk;
	if (!l->chain_open)
		return;
	l->chain_open = false;
	bool told = post_of(l, &l->chain, &post);
	bool broken =
		l->chain.broken && lift_break(l->head->id, l->chain.broken - 1, &l->chain, told, &post, &brk);
	l->told->lost += l->chain.broken && !broken;
	l->told->broken += broken;
	if (broken && brk.arg[0] == BREAK_TWICE)
		l->nsubmits = l->nposts + 1; /* it was in flight */
	if (broken && l->nposts + 1 < STEP_MAX)
		l->post[l->nposts++] = brk;
	if ((told || broken) && l->nposts < STEP_MAX)
		l->post[l->nposts++] = post;
}

static bool is_packed(const struct lift *l)
{
	return l->accepted >> VIRTIO_F_RING_PACKED & 1;
}

/* The queue that has its available ring, or its packed one, there. */
static uint16_t queue_at(const struct lift *l, uint64_t a)
{
	for (uint16_t i = 0; i < VDEV_QUEUES_MAX; i++) {
		const struct lift_queue *q = &l->queue[i];
		uint64_t off = a - (is_packed(l) ? q->desc_area : q->driver_area);
		if (off < (is_packed(l) ? 16ull * q->size : 4 + 2ull * q->size))
			return i;
	}
	return 0;
}

static void add_descriptor(struct lift_chain *c, uint32_t len, uint16_t flags)
{
	bool write = flags & VRING_DESC_F_WRITE;
	if (flags & VRING_DESC_F_INDIRECT) {
		c->indirect = true;
		return;
	}
	if (c->nsegs == VQ_SEGS_MAX)
		return;
	c->seg[c->nsegs++] = (struct lift_seg){len, write};
	if (write)
		c->write_len += len;
	else
		c->read_len += len;
}

static void open_chain(struct lift *l, uint64_t a)
{
	close_chain(l);
	l->chain = (struct lift_chain){.queue = queue_at(l, a)};
	l->chain_open = true;
}

/*
 * Both layouts have len at the same place; flags are the third or the fourth field. A packed chain begins
 * with a descriptor without flags, which were polled before. In a packed ring's table INDIRECT means nothing.
 */
static void add_descriptors(struct lift *l, const struct op *op)
{
	struct vmem_desc d;
	bool packed = is_packed(l), table = op->arg[0] == VMEM_INDIRECT;
	if (packed && !table && op->len == VMEM_DESC_BUT_FLAGS) {
		open_chain(l, op->arg[1]);
		memcpy(&d, op->data, VMEM_DESC_BUT_FLAGS);
		add_descriptor(&l->chain, d.len, l->polled);
	}
	for (uint32_t at = 0; at + VMEM_DESC_LEN <= op->len; at += VMEM_DESC_LEN) {
		memcpy(&d, op->data + at, sizeof(d));
		uint16_t flags = d.half[packed];
		add_descriptor(&l->chain, d.len, packed && table ? flags & VRING_DESC_F_WRITE : flags);
	}
}

static void load(struct lift *l, const struct op *op)
{
	struct lift_chain *c = &l->chain;
	uint32_t room = (uint32_t)sizeof(c->header) - c->header_len;
	switch (op->arg[0]) {
	case VMEM_AVAIL_IDX:
		if (op->len == sizeof(l->polled))
			memcpy(&l->polled, op->data, sizeof(l->polled));
		break;
	case VMEM_AVAIL_ENTRY:
		open_chain(l, op->arg[1]);
		break;
	case VMEM_DESC:
	case VMEM_INDIRECT:
		add_descriptors(l, op);
		break;
	case VMEM_HEADER:
		memcpy(c->header + c->header_len, op->data, op->len < room ? op->len : room);
		c->header_len += op->len < room ? op->len : room;
		break;
	default:
		break;
	}
}

/* Of a chain, or of the ring itself, whose index went too far, the next post tells; the rest is lost. */
static void offence(struct lift *l, uint64_t what)
{
	if (!l->chain_open && l->kicked && (what == OFFENCE_AVAIL_JUMP || what == OFFENCE_RING_OVERRUN)) {
		l->chain = (struct lift_chain){.queue = l->kick_queue};
		l->chain_open = true;
	}
	if (l->chain_open && !l->chain.broken)
		l->chain.broken = (uint32_t)what + 1;
	else
		l->told->lost++;
}

/* -- steps ----------------------------------------------------------------------------------------------- */

static void put_post(struct lift *l, struct op op)
{
	if (op.code == OP_POST && l->head->id == VIRTIO_ID_NET &&
	    lift_net_sets_up(l->head, l->accepted, &op)) {
		lift_set_up(l, op);
		lift_set_up(l, (struct op){.code = OP_KICK, .arg = {op.arg[0]}});
	} else {
		lift_emit(l, op);
	}
}

/* Behind the buffers that it went into. */
static void put_frame(struct lift *l)
{
	uint8_t data[LIFT_DATA_LEN];
	if (l->frame.code == OP_INPUT) {
		lift_emit(l, l->frame);
		return;
	}
	uint64_t room = 0;
	for (uint32_t i = 0; i < l->nposts; i++)
		room += l->post[i].arg[3];
	l->frame.data = l->frame_data;
	lift_emit(l, lift_net_frame(l->head, &l->frame, room, data));
}

static void frame(struct lift *l, const struct op *op)
{
	l->framed = true;
	l->frame = *op;
	l->frame.len = op->len < LIFT_DATA_LEN ? op->len : LIFT_DATA_LEN;
	memcpy(l->frame_data, op->data, l->frame.len);
}

/* Buffers of a frame that was not taken went back to the ring; one that waits comes again, and so do bytes that a
 * console was not lent room for. */
static void answer(struct lift *l, uint64_t what)
{
	if (l->framed && l->frame.code == OP_INPUT) {
		l->frame.arg[1] = what;
		l->framed = what > 0;
		return;
	}
	if (!l->framed || what == NET_TAKEN)
		return;
	close_chain(l);
	l->nposts = l->nsubmits = 0;
	l->framed = what == NET_DROPPED;
}

static bool is_long(const struct lift *l)
{
	return l->piece.nbytes + PIECE_ROOM > l->o->bytes_max;
}

static bool has_many_ops(const struct lift *l)
{
	return l->piece.nops + OPS_ROOM > LIFT_OPS_MAX;
}

/* Requests that were answered later are held back; those of the step are told first, then the kick that set
 * it off. */
static void end_step(struct lift *l)
{
	close_chain(l);
	if ((l->nposts && is_long(l)) || has_many_ops(l))
		lift_cut(l);
	if (l->nposts && l->nsubmits)
		lift_emit(l, (struct op){.code = OP_HOLD, .arg = {l->nsubmits}});
	for (uint32_t i = 0; i < l->nposts; i++) {
		bool follows = i && l->post[i - 1].code == OP_BREAK;
		if (!follows && (is_long(l) || has_many_ops(l)))
			lift_cut(l);
		put_post(l, l->post[i]);
	}
	if (l->nposts && l->kicked)
		lift_emit(l, (struct op){.code = OP_KICK, .arg = {l->kick_queue}});
	if (l->framed)
		put_frame(l);
	l->nposts = l->nsubmits = 0;
	l->kicked = l->framed = false;
}

static void done(struct lift *l, const struct op *op)
{
	uint32_t i = 0;
	while (i < l->nheld && l->held[i] != op->arg[0])
		i++;
	if (op->arg[3]) {
		if (l->nsubmits)
			l->nsubmits--;
	} else if (i < l->nheld) {
		end_step(l);
		if (i < l->nheld) /* a cut may have dropped it */
			lift_emit(l, (struct op){.code = OP_DONE,
						 .arg = {i, op->arg[1]}}); /* bytes 0: all of them */
	}
	if (i < l->nheld)
		memmove(&l->held[i], &l->held[i + 1], (--l->nheld - i) * sizeof(l->held[0]));
}

static void input(struct lift *l, const struct op *op)
{
	if (op->code == OP_DONE) {
		done(l, op);
		return;
	}
	end_step(l);
	if (op->code == OP_WRITE && op->arg[0] == VIRTIO_MMIO_QUEUE_NOTIFY) {
		l->kicked = true;
		l->kick_queue = (uint16_t)(op->arg[2] % VDEV_QUEUES_MAX);
	} else if (op->code == OP_WRITE) {
		lift_register(l, op);
	} else if (op->code == OP_RUN) {
		l->kicked = true;
		l->kick_queue = (uint16_t)(op->arg[0] % VDEV_QUEUES_MAX);
	} else if (op->code == OP_FLUSHED && l->piece.nops &&
		   l->piece.op[l->piece.nops - 1].code == OP_DONE) {
		lift_emit(l, (struct op){.code = OP_FLUSHED});
	} else if (op->code == OP_FRAME) {
		frame(l, op);
	} else if (op->code == OP_INPUT && lift_console_has(op->arg[0])) {
		l->framed = true;
		l->frame = *op;
	} else if (op->code == OP_PORT && lift_console_has(op->arg[0])) {
		struct op port = *op;
		port.len = op->len < LIFT_DATA_LEN ? op->len : LIFT_DATA_LEN;
		lift_emit(l, port);
	} else if (op->code == OP_LINK || op->code == OP_ANNOUNCE || op->code == OP_TERMINAL) {
		lift_emit(l, *op);
	} else if (op->code == OP_RESIZE) {
		lift_emit(l, (struct op){.code = OP_RESIZE, .arg = {op->arg[0] % l->o->sectors}});
	}
}

static void take(struct lift *l, const struct op *op)
{
	if (op->code == OP_POKE)
		return; /* what of it matters is loaded */
	if (op_info(op->code)->class == OP_CLASS_IN)
		input(l, op);
	else if (op->code == OP_LOAD)
		load(l, op);
	else if (op->code == OP_OFFENCE)
		offence(l, op->arg[0]);
	else if (op->code == OP_ANSWER)
		answer(l, op->arg[0]);
	else if (op->code == OP_SUBMIT) {
		close_chain(l);
		l->nsubmits++;
		if (l->nheld < BLK_INFLIGHT_MAX)
			l->held[l->nheld++] = (uint16_t)op->arg[0];
	}
}

bool lift_trace(struct trace_reader *trace, const struct lift_options *o,
		bool (*piece)(void *ctx, const struct lift_piece *), void *ctx, struct lift_told *told)
{
	static struct lift l;
	struct op op;
	memset(&l, 0, sizeof(l));
	l.o = o;
	l.head = &trace->head.device[o->device];
	l.give = piece;
	l.ctx = ctx;
	*told = (struct lift_told){0, 0};
	l.told = told;
	l.ok = true;
	lift_begin(&l);
	while (l.ok && trace_next(trace, &op))
		if (op.dev == o->device)
			take(&l, &op);
	end_step(&l);
	lift_cut(&l);
	return l.ok;
}
