// SPDX-License-Identifier: BSD-2-Clause
#include "hash.h"
#include "trace/recorder.h"

void recorder_put(struct recorder *r, const struct op *op)
{
	if (r->stopped)
		return;
	if (r->max - r->len < OP_ENCODED_MAX + (size_t)op->len)
		r->full(r, OP_ENCODED_MAX + (size_t)op->len);
	size_t n = r->stopped ? 0 : op_encode(op, r->buf + r->len, r->max - r->len);
	if (!n) {
		r->stopped = true;
		return;
	}
	r->len += n;
	r->nrecords++;
	r->since_state++;
}

static void put(struct recorder_dev *d, uint8_t code, uint64_t a, uint64_t b, uint64_t c, uint64_t e)
{
	struct op op = {.code = code, .dev = d->dev, .arg = {a, b, c, e}};
	recorder_put(d->rec, &op);
}

static void after(void *ctx, enum vmem_kind kind, enum vmem_for what, gpa_t a, uint32_t n, const void *data)
{
	struct recorder_dev *d = ctx;
	struct op op = {.code = kind == VMEM_LOAD ? OP_LOAD : OP_STORE,
			.dev = d->dev,
			.arg = {what, a.v},
			.data = data,
			.len = n};
	recorder_put(d->rec, &op);
}

/* The hash always; the bytes themselves only where that was asked for: a guest's data is a secret. */
static void put_payload(struct recorder_dev *d, struct op *op, const void *data, uint32_t n, uint64_t hash)
{
	op->arg[4] = hash;
	if (d->rec->full_payload) {
		op->data = data;
		op->len = n;
	}
	recorder_put(d->rec, op);
}

void recorder_pin(struct recorder_dev *d, enum vmem_kind kind, gpa_t a, uint32_t n, const void *lent)
{
	struct op op = {.code = OP_PIN, .dev = d->dev, .arg = {kind, a.v, n, lent != NULL}};
	if (lent && kind == VMEM_LOAD)
		put_payload(d, &op, lent, n, hash_bytes(HASH_SEED, lent, n));
	else
		recorder_put(d->rec, &op);
}

static void *pin(void *ctx, enum vmem_kind kind, gpa_t a, uint32_t n, void *host)
{
	struct recorder_dev *d = ctx;
	void *lent = arena_get(d->arena, n);
	if (lent && kind == VMEM_LOAD)
		memcpy(lent, host, n); /* once: what is recorded is what the backend gets, whatever the guest
					  does meanwhile */
	recorder_pin(d, kind, a, n, lent);
	return lent;
}

/* What is copied back was hashed with the completion; nothing is copied back where the device does not want
 * it. */
static void unpin(void *ctx, enum vmem_kind kind, gpa_t a, uint32_t n, void *host, void *lent,
		  uint32_t stored)
{
	struct recorder_dev *d = ctx;
	(void)host;
	struct op op = {.code = OP_UNPIN, .dev = d->dev, .arg = {kind, a.v, n, stored}};
	uint64_t hash = stored && d->next_hash < d->nhashes ? d->hash[d->next_hash++] : 0;
	put_payload(d, &op, lent, stored, hash);
}

static void unpinned(void *ctx, void *lent, uint32_t n)
{
	struct recorder_dev *d = ctx;
	arena_put(d->arena, lent, n);
}

const struct vmem_tap recorder_tap = {.after = after, .pin = pin, .unpin = unpin, .unpinned = unpinned};

void recorder_restored(struct recorder_dev *d, const void *state, uint32_t len)
{
	const struct op op = {.code = OP_RESTORED, .dev = d->dev, .data = state, .len = len};
	recorder_put(d->rec, &op);
}

void recorder_read_begin(struct recorder_dev *d)
{
	d->reading = true;
	d->offence = 0;
}

void recorder_read(struct recorder_dev *d, uint64_t off, uint32_t size, uint64_t value)
{
	put(d, OP_READ, off, size, value, 0);
	d->reading = false;
	if (d->offence)
		put(d, OP_OFFENCE, d->offence, 0, 0, 0);
	d->offence = 0;
}

void recorder_write(struct recorder_dev *d, uint64_t off, uint32_t size, uint64_t value)
{
	put(d, OP_WRITE, off, size, value, 0);
}

void recorder_run(struct recorder_dev *d, uint16_t queue)
{
	put(d, OP_RUN, queue, 0, 0, 0);
}

static void put_hashes(struct recorder_dev *d, const struct vspan *span, uint32_t nspans, uint32_t bytes)
{
	struct op op = {.code = OP_PAYLOAD, .dev = d->dev, .data = (const uint8_t *)d->hash};
	d->nhashes = d->next_hash = 0;
	for (uint32_t i = 0; i < nspans && bytes; i++) {
		uint32_t n = bytes < span[i].len ? bytes : (uint32_t)span[i].len;
		d->hash[d->nhashes++] = hash_bytes(HASH_SEED, span[i].base, n);
		bytes -= n;
	}
	op.len = d->nhashes * (uint32_t)sizeof(d->hash[0]);
	if (op.len)
		recorder_put(d->rec, &op);
}

void recorder_done_blk(struct recorder_dev *d, const struct blk_io *io, enum blk_result result,
		       uint32_t bytes)
{
	bool delivers = io->type == BLK_IO_READ && result == BLK_DONE && bytes >= io->len;
	put_hashes(d, io->span, io->nspans, delivers ? io->len : 0);
	put(d, OP_DONE, io->id, result, bytes, d->depth > 0);
}

void recorder_done_rng(struct recorder_dev *d, const struct rng_io *io, uint32_t bytes)
{
	put_hashes(d, &io->span, 1, bytes);
	put(d, OP_DONE, io->id, BLK_DONE, bytes, d->depth > 0);
}

/* Bytes that a guest sent stand in its buffers' pins. */
void recorder_done_console(struct recorder_dev *d, const struct console_io *io, uint32_t bytes)
{
	put_hashes(d, io->span, io->nspans, io->type == CONSOLE_IO_RX ? bytes : 0);
	put(d, OP_DONE, io->id, 0, bytes, d->depth > 0);
}

/* Frames that a guest sent stand in its buffers' pins. */
void recorder_done_net(struct recorder_dev *d, const struct net_io *io, enum net_result result)
{
	uint32_t delivered = io->type == NET_IO_RX && result == NET_DONE ? io->len : 0;
	put_hashes(d, io->span, io->nspans, delivered);
	put(d, OP_DONE, io->id, result, delivered, d->depth > 0);
}

void recorder_flushed(struct recorder_dev *d)
{
	put(d, OP_FLUSHED, 0, 0, 0, 0);
}

void recorder_resize(struct recorder_dev *d, uint64_t sectors)
{
	put(d, OP_RESIZE, sectors, 0, 0, 0);
}

void recorder_input(struct recorder_dev *d, uint16_t port, uint32_t n)
{
	put(d, OP_INPUT, port, n, 0, 0);
}

void recorder_frame(struct recorder_dev *d, uint16_t pair, const struct net_frame *f)
{
	uint8_t data[REMAKE_FRAME_MAX];
	struct op op = {.code = OP_FRAME, .dev = d->dev, .arg = {pair, f->len}, .data = data};
	op.len = remake_frame_data(f, data);
	recorder_put(d->rec, &op);
}

void recorder_link(struct recorder_dev *d, bool up)
{
	put(d, OP_LINK, up, 0, 0, 0);
}

void recorder_announce(struct recorder_dev *d)
{
	put(d, OP_ANNOUNCE, 0, 0, 0, 0);
}

void recorder_answer(struct recorder_dev *d, uint64_t value)
{
	put(d, OP_ANSWER, value, 0, 0, 0);
}

void recorder_terminal(struct recorder_dev *d, uint16_t cols, uint16_t rows)
{
	put(d, OP_TERMINAL, cols, rows, 0, 0);
}

void recorder_port(struct recorder_dev *d, uint16_t port, enum port_change what,
		   const struct console_port_options *o)
{
	struct op op = {.code = OP_PORT, .dev = d->dev, .arg = {port, what}};
	if (what == PORT_ADDED) {
		op.arg[2] = (o->console ? PORT_TERMINAL : 0u) | (o->open ? PORT_OPEN : 0u);
		op.data = (const uint8_t *)o->name;
		while (o->name[op.len])
			op.len++;
	}
	recorder_put(d->rec, &op);
}

void recorder_wake(struct recorder_dev *d, uint64_t which)
{
	put(d, OP_WAKE, which, 0, 0, 0);
}

void recorder_opened(struct recorder_dev *d, uint16_t port, bool open)
{
	put(d, OP_OPENED, port, open, 0, 0);
}

void recorder_emergency(struct recorder_dev *d, uint8_t byte)
{
	put(d, OP_EMERGENCY, byte, 0, 0, 0);
}

void recorder_tune(struct recorder_dev *d, const struct net_tuning *t)
{
	put(d, OP_TUNE, t->pairs, t->offloads, t->announced, 0);
}

void recorder_irq(struct recorder_dev *d, uint16_t source)
{
	put(d, OP_IRQ, source, 0, 0, 0);
}

void recorder_again(struct recorder_dev *d, uint16_t queue)
{
	put(d, OP_AGAIN, queue, 0, 0, 0);
}

/* A read breaks at most one rule. */
void recorder_offence(struct recorder_dev *d, uint32_t offence)
{
	if (d->reading)
		d->offence = offence;
	else
		put(d, OP_OFFENCE, offence, 0, 0, 0);
}

void recorder_enter_blk(struct recorder_dev *d, const struct blk_io *io)
{
	struct op op = {.code = OP_SUBMIT, .dev = d->dev};
	uint64_t arg[OP_ARGS_MAX] = {io->id, io->type, io->sector, io->len, io->sync, io->nspans};
	memcpy(op.arg, arg, sizeof(arg));
	op.data = (const uint8_t *)io->range;
	op.len = io->nranges * (uint32_t)sizeof(io->range[0]);
	recorder_put(d->rec, &op);
	d->depth++;
}

void recorder_enter_rng(struct recorder_dev *d, const struct rng_io *io)
{
	struct op op = {.code = OP_SUBMIT, .dev = d->dev, .arg = {io->id, 0, 0, io->span.len, 0, 1}};
	recorder_put(d->rec, &op);
	d->depth++;
}

void recorder_enter_console(struct recorder_dev *d, const struct console_io *io)
{
	struct op op = {.code = OP_SUBMIT,
			.dev = d->dev,
			.arg = {io->id, io->type, io->port, io->len, 0, io->nspans}};
	recorder_put(d->rec, &op);
	d->depth++;
}

void recorder_enter_net(struct recorder_dev *d, const struct net_io *io)
{
	struct op op;
	remake_net_submit(io, &op);
	op.dev = d->dev;
	recorder_put(d->rec, &op);
	d->depth++;
}

void recorder_enter_drain(struct recorder_dev *d)
{
	put(d, OP_DRAIN, 0, 0, 0, 0);
	d->depth++;
}

void recorder_leave(struct recorder_dev *d, bool drain)
{
	d->depth--;
	if (drain)
		put(d, OP_DRAINED, 0, 0, 0, 0);
}

bool recorder_state_due(const struct recorder *r)
{
	return r->since_state >= RECORDER_STATE_EVERY && !r->stopped;
}

void recorder_state(struct recorder_dev *d, uint64_t hash)
{
	put(d, OP_STATE, hash, 0, 0, 0);
	d->rec->since_state = 0;
}
