// SPDX-License-Identifier: BSD-2-Clause
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "devices/blk.h"
#include "host.h"
#include "hash.h"
#include "lift.h"
#include "lift_blk.h"
#include "lift_console.h"
#include "lift_net.h"
#include "machine.h"
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

/* -- pieces ---------------------------------------------------------------------------------------------- */

static void emit(struct lift *l, struct op op)
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

static void begin(struct lift *l)
{
	struct op make = {.code = OP_MAKE};
	if (l->head->id == VIRTIO_ID_BLOCK)
		make = lift_blk_make(l->head);
	else if (l->head->id == VIRTIO_ID_NET)
		make = lift_net_make(l->head);
	else if (l->head->id == VIRTIO_ID_CONSOLE)
		make = lift_console_make(l->head);
	if (make.arg[0] || l->head->id == VIRTIO_ID_NET)
		emit(l, make);
	if (l->head->features & VDEV_FEATURES_MORE)
		emit(l, (struct op){.code = OP_OFFER, .arg = {l->head->features & VDEV_FEATURES_MORE}});
}

/* Ends the piece; the next one begins with the guest's set-up. What is in flight ends with the piece. */
static void cut(struct lift *l)
{
	if (l->ok && l->piece.nrequests && is_new(l, signature(&l->piece)))
		l->ok = l->give(l->ctx, &l->piece);
	l->piece.nops = l->piece.nbytes = l->piece.nrequests = 0;
	l->nheld = 0;
	l->closed = 0;
	begin(l);
	for (uint32_t i = 0; i < l->nsetup; i++)
		emit(l, l->setup[i]);
}

static void set_up(struct lift *l, struct op op)
{
	if (l->nsetup < SETUP_MAX)
		l->setup[l->nsetup++] = op;
	emit(l, op);
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
	if (!l->chain_open)
		return;
	l->chain_open = false;
	if (l->nposts < STEP_MAX && post_of(l, &l->chain, &l->post[l->nposts]))
		l->nposts++;
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

/* -- steps ----------------------------------------------------------------------------------------------- */

static void put_post(struct lift *l, struct op op)
{
	if (l->head->id == VIRTIO_ID_NET && lift_net_sets_up(l->head, l->accepted, &op)) {
		set_up(l, op);
		set_up(l, (struct op){.code = OP_KICK, .arg = {op.arg[0]}});
	} else {
		emit(l, op);
	}
}

/* Behind the buffers that it went into. */
static void put_frame(struct lift *l)
{
	uint8_t data[LIFT_DATA_LEN];
	if (l->frame.code == OP_INPUT) {
		emit(l, l->frame);
		return;
	}
	uint64_t room = 0;
	for (uint32_t i = 0; i < l->nposts; i++)
		room += l->post[i].arg[3];
	l->frame.data = l->frame_data;
	emit(l, lift_net_frame(l->head, &l->frame, room, data));
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
		cut(l);
	if (l->nposts && l->nsubmits)
		emit(l, (struct op){.code = OP_HOLD, .arg = {l->nsubmits}});
	for (uint32_t i = 0; i < l->nposts; i++) {
		if (is_long(l) || has_many_ops(l))
			cut(l);
		put_post(l, l->post[i]);
	}
	if (l->nposts && l->kicked)
		emit(l, (struct op){.code = OP_KICK, .arg = {l->kick_queue}});
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
			emit(l,
			     (struct op){.code = OP_DONE, .arg = {i, op->arg[1]}}); /* bytes 0: all of them */
	}
	if (i < l->nheld)
		memmove(&l->held[i], &l->held[i + 1], (--l->nheld - i) * sizeof(l->held[0]));
}

static void set_status(struct lift *l, uint32_t value)
{
	uint32_t rising = value & ~l->status;
	l->status = value;
	if (value == 0) {
		cut(l);
		l->nsetup = l->piece.nops = l->piece.nbytes = 0;
		begin(l);
		l->accepted = 0;
		l->closed = 0;
		memset(l->queue, 0, sizeof(l->queue));
		return;
	}
	if (rising & VIRTIO_CONFIG_S_FEATURES_OK)
		set_up(l, (struct op){.code = OP_NEGOTIATE, .arg = {l->head->features & ~l->accepted}});
	if (rising & VIRTIO_CONFIG_S_DRIVER_OK)
		set_up(l, (struct op){.code = OP_DRIVER_OK});
}

static void accept(struct lift *l, uint32_t bits)
{
	if (l->features_sel < 2)
		l->accepted |= (uint64_t)bits << (32 * l->features_sel);
}

static void set_half(uint64_t *v, bool high, uint32_t half)
{
	uint32_t shift = high ? 32 : 0;
	*v = (*v & ~(0xffffffffull << shift)) | (uint64_t)half << shift;
}

static void write_register(struct lift *l, const struct op *op)
{
	uint32_t value = (uint32_t)op->arg[2], sel = l->queue_sel % VDEV_QUEUES_MAX;
	struct lift_queue *q = &l->queue[sel];
	switch (op->arg[0]) {
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		l->features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		accept(l, value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		l->queue_sel = value;
		break;
	case VIRTIO_MMIO_QUEUE_NUM:
		q->size = value;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_half(&q->desc_area, op->arg[0] & 4, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_half(&q->driver_area, op->arg[0] & 4, value);
		break;
	case VIRTIO_MMIO_QUEUE_RESET:
		if (value == 1 && sel < QUEUES_MAX)
			emit(l, (struct op){.code = OP_QUEUE_RESET, .arg = {sel}});
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		if (value && sel < QUEUES_MAX)
			set_up(l, (struct op){.code = OP_QUEUE, .arg = {sel, q->size}});
		break;
	case VIRTIO_MMIO_STATUS:
		set_status(l, value);
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		for (uint64_t i = 0; i < QUEUES_MAX; i++)
			if (l->queue[i].size)
				emit(l, (struct op){.code = OP_REAP, .arg = {i}});
		break;
	default:
		if (op->arg[0] >= VIRTIO_MMIO_CONFIG)
			emit(l, *op);
	}
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
		write_register(l, op);
	} else if (op->code == OP_RUN) {
		l->kicked = true;
		l->kick_queue = (uint16_t)(op->arg[0] % VDEV_QUEUES_MAX);
	} else if (op->code == OP_FLUSHED && l->piece.nops &&
		   l->piece.op[l->piece.nops - 1].code == OP_DONE) {
		emit(l, (struct op){.code = OP_FLUSHED});
	} else if (op->code == OP_FRAME) {
		frame(l, op);
	} else if (op->code == OP_INPUT && lift_console_has(op->arg[0])) {
		l->framed = true;
		l->frame = *op;
	} else if (op->code == OP_PORT && lift_console_has(op->arg[0])) {
		struct op port = *op;
		port.len = op->len < LIFT_DATA_LEN ? op->len : LIFT_DATA_LEN;
		emit(l, port);
	} else if (op->code == OP_LINK || op->code == OP_ANNOUNCE || op->code == OP_TERMINAL) {
		emit(l, *op);
	} else if (op->code == OP_RESIZE) {
		emit(l, (struct op){.code = OP_RESIZE, .arg = {op->arg[0] % l->o->sectors}});
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
		bool (*piece)(void *ctx, const struct lift_piece *), void *ctx)
{
	static struct lift l;
	struct op op;
	memset(&l, 0, sizeof(l));
	l.o = o;
	l.head = &trace->head.device[o->device];
	l.give = piece;
	l.ctx = ctx;
	l.ok = true;
	begin(&l);
	while (l.ok && trace_next(trace, &op))
		if (op.dev == o->device)
			take(&l, &op);
	end_step(&l);
	cut(&l);
	return l.ok;
}
