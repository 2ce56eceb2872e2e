// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_ids.h>

#include "hash.h"
#include "machine_byte.h"
#include "mutate.h"
#include "trace/op.h"
#include "vdev.h"

#define OPS_MAX       1024
#define OWN_MAX       4
#define MACHINE_OFTEN 64 /* one change in so many is that of the machine byte */
#define DEVICE_OFTEN  8  /* one field that changes in so many is whom the op is for */

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

/* For whom ops are made: the devices that there are, by what comes ahead of a program or as somebody told. */
static struct machine_kind machine = {.ndevices = 1};
static bool chosen; /* a machine byte stands ahead */

struct mutation {
	uint64_t seed, drawn;
	const uint8_t *in;
	uint32_t nops;
	uint32_t at[OPS_MAX + 1]; /* where each op begins; the end of the last */
	uint8_t dev;              /* whom what is made now is for */
	const struct taste *taste;
	uint8_t out[MUTATE_BYTES_MAX];
	size_t len, max;
};

static uint64_t draw(struct mutation *m, uint64_t below)
{
	return hash_u64(hash_u64(HASH_SEED, m->seed), ++m->drawn) % below;
}

static void make_for(struct mutation *m, uint32_t dev)
{
	m->dev = (uint8_t)(dev % machine.ndevices);
	m->taste = tastes;
	while (m->taste->id && m->taste->id != machine.id[m->dev])
		m->taste++;
}

static void make_for_any(struct mutation *m)
{
	make_for(m, machine.ndevices > 1 ? (uint32_t)draw(m, machine.ndevices) : 0);
}

/* -- making ops ------------------------------------------------------------------------------------------ */

/* A number as programs like them: small, a power of two and its neighbours, just before all bits (where indices
 * wrap and sums overflow), or anything. */
static uint64_t number(struct mutation *m, uint64_t bound)
{
	uint64_t v = draw(m, 8), kind = draw(m, 16), power = 1ull << draw(m, 64);
	if (kind >= 15)
		v = draw(m, UINT64_MAX);
	else if (kind >= 13)
		v = ~v;
	else if (kind >= 10)
		v = power + kind - 11;
	return bound ? v % bound : v;
}

static uint64_t queue(struct mutation *m)
{
	return m->taste->queues ? draw(m, m->taste->queues) : draw(m, 8) == 0;
}

/* A frame to the device itself, to all, or to anybody; seldom with offloads. */
static void make_head(struct mutation *m, struct op *op)
{
	static uint8_t head[16]; /* its header, and whom it is for */
	uint64_t who = draw(m, 8);
	memset(head, 0, sizeof(head));
	for (int i = 0; i < 10 && draw(m, 4) == 0; i++)
		head[i] = (uint8_t)draw(m, 8);
	head[10] = who ? 2 : 255;
	head[15] = who > 1 ? 1 : (uint8_t)draw(m, 256);
	op->data = head;
	op->len = sizeof(head);
}

static void make_post(struct mutation *m, struct op *op)
{
	static const uint16_t len[8] = {512, 512, 512, 512, 1024, 2048, 4096, 0};
	op->arg[0] = queue(m);
	op->arg[1] = draw(m, 3) ? draw(m, 2) : draw(m, 8);
	op->arg[2] = m->taste->id && draw(m, 2) ? draw(m, 6) << 8 | draw(m, 4) : draw(m, 64); /* a command */
	op->arg[3] = draw(m, 8) ? len[draw(m, 8)] : draw(m, 65536);
	op->arg[4] = draw(m, 2) ? 0 : draw(m, 65536);
}

/* Some of the features that only `offer` brings; mostly the packed ring. */
static uint64_t features(struct mutation *m)
{
	uint64_t bits = 0, packed = 1ull << VIRTIO_F_RING_PACKED;
	for (uint64_t left = VDEV_FEATURES_MORE & ~packed; left; left &= left - 1)
		bits |= draw(m, 3) ? 0 : left & -left;
	return draw(m, 4) ? bits | packed : bits;
}

/* How often each op is made, in 64ths; post above all. */
static const uint8_t often[64] = {
	OP_OFFER,     OP_QUEUE_RESET, OP_SAVE,    OP_WIND,   OP_POST,   OP_POST,   OP_POST,  OP_POST,
	OP_POST,      OP_POST,        OP_POST,    OP_POST,   OP_POST,   OP_POST,   OP_POST,  OP_POST,
	OP_POST,      OP_POST,        OP_POST,    OP_POST,   OP_POST,   OP_POST,   OP_POST,  OP_POST,
	OP_KICK,      OP_KICK,        OP_KICK,    OP_KICK,   OP_KICK,   OP_KICK,   OP_KICK,  OP_KICK,
	OP_REAP,      OP_REAP,        OP_REAP,    OP_REAP,   OP_HOLD,   OP_HOLD,   OP_DONE,  OP_DONE,
	OP_DONE,      OP_FLUSHED,     OP_FLUSHED, OP_BREAK,  OP_BREAK,  OP_BREAK,  OP_FAULT, OP_RACE,
	OP_RACE,      OP_QUEUE,       OP_RESET,   OP_NOTIFY, OP_NOTIFY, OP_RUN,    OP_WRITE, OP_WRITE,
	OP_NEGOTIATE, OP_PUBLISH,     OP_CHAIN,   OP_POKE,   OP_READ,   OP_RESIZE, OP_MAKE,  OP_DRIVER_OK,
};

static void make_op(struct mutation *m, struct op *op)
{
	memset(op, 0, sizeof(*op));
	op->dev = m->dev;
	op->code = m->taste->id && draw(m, 4) == 0 ? m->taste->own[draw(m, OWN_MAX)]
						   : often[draw(m, sizeof(often))];
	if (op->code == OP_POST) {
		make_post(m, op);
		return;
	}
	if (op->code == OP_OFFER) {
		op->arg[0] = features(m);
		return;
	}
	if (op->code == OP_WIND) { /* the indices wrap soon */
		op->arg[0] = queue(m);
		op->arg[1] = 65535 - draw(m, 32);
		return;
	}
	const struct op_info *info = op_info(op->code);
	for (int i = 0; i < info->nfields; i++)
		op->arg[i] =
			info->field[i].format == OP_QUEUE_NR ? queue(m) : number(m, info->field[i].bound);
	if (op->code == OP_FRAME)
		make_head(m, op);
	if (op->code == OP_WRITE || op->code == OP_READ) {
		op->arg[0] = draw(m, 8) ? 4 * draw(m, 0x50) : draw(m, 4096);
		op->arg[1] = draw(m, 8) ? 4 : op->arg[1];
	}
}

/* -- putting them together ------------------------------------------------------------------------------- */

static void put_op(struct mutation *m, const struct op *op)
{
	m->len += op_program_encode(op, m->out + m->len, m->max - m->len);
}

/* Ops first .. end - 1 as they are; what does not fit is left out. */
static void put_range(struct mutation *m, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++) {
		uint32_t n = m->at[i + 1] - m->at[i];
		if (n > m->max - m->len)
			return;
		memcpy(m->out + m->len, m->in + m->at[i], n);
		m->len += n;
	}
}

static void put_new(struct mutation *m)
{
	struct op op;
	make_for_any(m);
	make_op(m, &op);
	put_op(m, &op);
}

/* As drivers do: some requests on one queue, and a notification for all of them. */
static void put_batch(struct mutation *m, uint64_t n)
{
	make_for_any(m);
	uint64_t all = queue(m);
	struct op op = {.code = OP_POST, .dev = m->dev};
	while (n--) {
		make_post(m, &op);
		op.arg[0] = all;
		put_op(m, &op);
	}
	put_op(m, &(struct op){.code = OP_KICK, .dev = m->dev, .arg = {all}});
}

/* One field of one op becomes another number. */
static void put_changed(struct mutation *m, uint32_t i)
{
	struct op op;
	op_program_decode(m->in + m->at[i], m->at[i + 1] - m->at[i], &op);
	const struct op_info *info = op_info(op.code);
	make_for(m, op.dev);
	if (machine.ndevices > 1 && draw(m, DEVICE_OFTEN) == 0) {
		op.dev = (uint8_t)draw(m, machine.ndevices);
		put_op(m, &op);
		return;
	}
	if (!info->nfields) {
		put_new(m);
		return;
	}
	uint64_t f = draw(m, info->nfields), step = draw(m, 4);
	if (op.code == OP_OFFER)
		op.arg[f] = features(m);
	else
		op.arg[f] = step == 0   ? op.arg[f] + 1
			    : step == 1 ? op.arg[f] - 1
					: number(m, info->field[f].bound);
	put_op(m, &op);
}

/* What makes a bad chain of the next one, or disturbs what is under way. */
static void put_trouble(struct mutation *m)
{
	static const uint8_t trouble[16] = {OP_BREAK, OP_BREAK, OP_BREAK, OP_BREAK,      OP_BREAK, OP_BREAK,
					    OP_RACE,  OP_RACE,  OP_RACE,  OP_FAULT,      OP_HOLD,  OP_SAVE,
					    OP_RESET, OP_WHEN,  OP_POKE,  OP_QUEUE_RESET};
	make_for_any(m);
	struct op op = {.code = trouble[draw(m, 16)], .dev = m->dev};
	const struct op_info *info = op_info(op.code);
	for (int i = 0; i < info->nfields; i++)
		op.arg[i] = info->field[i].format == OP_QUEUE_NR ? draw(m, 8) == 0
								 : number(m, info->field[i].bound);
	if (op.code == OP_BREAK)
		op.arg[0] = draw(m, info->field[0].bound); /* each kind as often as any other */
	put_op(m, &op);
}

/* The first op from i on that is a request or a notification, or i: there trouble matters. */
static uint32_t where_it_hurts(const struct mutation *m, uint32_t i)
{
	for (uint32_t k = i; k < m->nops; k++) {
		uint8_t code = m->in[m->at[k]] & 0x3f;
		if (code == OP_POST || code == OP_KICK)
			return k;
	}
	return i;
}

enum {
	INSERT,
	INSERT_BATCH,
	INSERT_SOME,
	TROUBLE, /* up to here: an op is put in, behind the last one too */
	REMOVE,
	REPEAT,
	REPLACE,
	CHANGE,
	CHANGE_AGAIN,
	SWAP,
	ACTIONS
};

static void act(struct mutation *m)
{
	uint64_t action = m->nops ? draw(m, ACTIONS) : INSERT_SOME;
	uint32_t i = (uint32_t)draw(m, m->nops + (action <= TROUBLE)), some = 1 + (uint32_t)draw(m, 4);
	if (action == TROUBLE)
		i = where_it_hurts(m, i);
	uint32_t end = i + some < m->nops ? i + some : m->nops;
	put_range(m, 0, i);
	switch (action) {
	case INSERT:
		put_new(m);
		put_range(m, i, m->nops);
		break;
	case INSERT_BATCH:
		put_batch(m, some);
		put_range(m, i, m->nops);
		break;
	case INSERT_SOME:
		while (some--)
			put_new(m);
		put_range(m, i, m->nops);
		break;
	case TROUBLE:
		put_trouble(m);
		put_range(m, i, m->nops);
		break;
	case REMOVE:
		put_range(m, end, m->nops);
		break;
	case REPEAT:
		put_range(m, i, end);
		put_range(m, i, m->nops);
		break;
	case SWAP:
		put_range(m, i + 1, end);
		put_range(m, i, i + 1);
		put_range(m, end, m->nops);
		break;
	case REPLACE:
		put_new(m);
		put_range(m, i + 1, m->nops);
		break;
	default:
		put_changed(m, i);
		put_range(m, i + 1, m->nops);
		break;
	}
}

static struct mutation mutation;

void mutate_for(uint16_t device_id)
{
	chosen = false;
	machine = (struct machine_kind){.ndevices = 1, .id = {device_id}};
}

void mutate_for_chosen(void)
{
	chosen = true;
}

size_t mutate_ahead(void)
{
	return chosen;
}

static void begin(struct mutation *m, uint64_t seed, size_t max)
{
	m->seed = seed;
	m->drawn = 0;
	m->len = 0;
	m->max = max < MUTATE_BYTES_MAX ? max : MUTATE_BYTES_MAX;
}

/* Where the ops of a program begin; and for whom it is, where it tells. */
static void take(struct mutation *m, const uint8_t *bytes, size_t n)
{
	m->in = bytes;
	m->nops = 0;
	m->at[0] = chosen && n;
	if (chosen)
		machine = machine_byte_read(n ? bytes[0] : 0);
	for (size_t at = m->at[0]; at < n && m->nops < OPS_MAX; m->nops++) {
		struct op op;
		at += op_program_decode(bytes + at, n - at, &op);
		m->at[m->nops + 1] = (uint32_t)at;
	}
}

/* What stands ahead of the ops, as it was taken; where nothing was, it is drawn. */
static void put_ahead(struct mutation *m)
{
	if (!chosen || !m->max)
		return;
	m->out[0] = m->at[0] ? m->in[0] : (uint8_t)draw(m, MACHINE_BYTE_ALL);
	machine = machine_byte_read(m->out[0]);
	m->len = 1;
}

size_t mutate_program(uint8_t *bytes, size_t n, size_t max, uint64_t seed)
{
	struct mutation *m = &mutation;
	begin(m, seed, max);
	take(m, bytes, n);
	put_ahead(m);
	if (chosen && m->nops && draw(m, MACHINE_OFTEN) == 0) {
		m->out[0] = (uint8_t)draw(m, MACHINE_BYTE_ALL);
		put_range(m, 0, m->nops);
	} else {
		act(m);
	}
	memcpy(bytes, m->out, m->len);
	return m->len;
}

size_t mutate_cross(const uint8_t *a, size_t na, const uint8_t *b, size_t nb, uint8_t *out, size_t max,
		    uint64_t seed)
{
	struct mutation *m = &mutation;
	begin(m, seed, max);
	take(m, a, na);
	put_ahead(m);
	uint32_t head = (uint32_t)draw(m, m->nops + 1u);
	put_range(m, 0, head);
	take(m, b, nb);
	uint32_t first = (uint32_t)draw(m, m->nops + 1u), some = (uint32_t)draw(m, m->nops - first + 1u);
	put_range(m, first, first + some);
	take(m, a, na);
	uint32_t skipped = draw(m, 2) ? some : 0; /* b's ops in the place of a's, or between them */
	put_range(m, head + skipped < m->nops ? head + skipped : m->nops, m->nops);
	memcpy(out, m->out, m->len);
	return m->len;
}

size_t mutate_whole(const uint8_t *bytes, size_t n, size_t max)
{
	struct op op;
	size_t at = 0, used, first;
	n = n < max ? n : max;
	first = at = chosen && n;
	for (; at < n; at += used) {
		used = op_program_decode(bytes + at, n - at, &op);
		uint8_t again[OP_ENCODED_MAX + OP_PROGRAM_DATA_MAX];
		size_t need = op_program_encode(&op, again, sizeof(again));
		if (need > n - at && at > first) /* its end is missing: not what somebody wrote */
			return at;
	}
	return at;
}

/* -- trimming -------------------------------------------------------------------------------------------- */

void mutate_trim_begin(struct mutate_trim *t, const uint8_t *bytes, size_t n)
{
	t->len = n < sizeof(t->best) ? n : sizeof(t->best);
	memcpy(t->best, bytes, t->len);
	take(&mutation, t->best, t->len);
	t->at = 0;
	t->chunk = mutation.nops / 2;
}

bool mutate_trim_done(const struct mutate_trim *t)
{
	return !t->chunk;
}

size_t mutate_trim_next(struct mutate_trim *t, uint8_t *out)
{
	struct mutation *m = &mutation;
	begin(m, 0, sizeof(t->best));
	take(m, t->best, t->len);
	put_ahead(m);
	put_range(m, 0, t->at);
	put_range(m, t->at + t->chunk < m->nops ? t->at + t->chunk : m->nops, m->nops);
	memcpy(out, m->out, m->len);
	return m->len;
}

void mutate_trim_tell(struct mutate_trim *t, bool same)
{
	struct mutation *m = &mutation;
	if (same) {
		t->len = mutate_trim_next(t, t->best);
		take(m, t->best, t->len);
	} else {
		take(m, t->best, t->len);
		t->at += t->chunk;
	}
	if (t->at < m->nops)
		return;
	t->at = 0;
	t->chunk = t->chunk > m->nops ? m->nops / 2 : t->chunk / 2;
}
