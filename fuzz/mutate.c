// SPDX-License-Identifier: BSD-2-Clause
#include <string.h>

#include "invent.h"
#include "mutate.h"
#include "trace/op.h"
#include "vdev.h"

#define OPS_MAX       1024
#define MACHINE_OFTEN 64 /* one change in so many is that of the machine byte */
#define DEVICE_OFTEN  8  /* one field that changes in so many is whom the op is for */

static bool chosen; /* a machine byte stands ahead */

struct mutation {
	struct inventor by;
	const uint8_t *in;
	uint32_t nops;
	uint32_t at[OPS_MAX + 1]; /* where each op begins; the end of the last */
	uint8_t out[MUTATE_BYTES_MAX];
	size_t len, max;
};

static struct mutation mutation = {.by.machine.ndevices = 1};

static uint64_t drawn(struct mutation *m, uint64_t below)
{
	return draw(&m->by.draws, below);
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
	invent_for_any(&m->by);
	invent_op(&m->by, &op);
	put_op(m, &op);
}

/* As drivers do: some requests on one queue, and a notification for all of them. */
static void put_batch(struct mutation *m, uint64_t n)
{
	invent_for_any(&m->by);
	uint64_t all = invent_queue(&m->by);
	struct op op = {.code = OP_POST, .dev = m->by.dev};
	while (n--) {
		invent_post(&m->by, &op);
		op.arg[0] = all;
		put_op(m, &op);
	}
	put_op(m, &(struct op){.code = OP_KICK, .dev = m->by.dev, .arg = {all}});
}

/* One field of one op becomes another number, or its data another. */
static void put_changed(struct mutation *m, uint32_t i)
{
	struct op op;
	op_program_decode(m->in + m->at[i], m->at[i + 1] - m->at[i], &op);
	invent_for(&m->by, op.dev);
	if (m->by.machine.ndevices > 1 && drawn(m, DEVICE_OFTEN) == 0)
		op.dev = (uint8_t)drawn(m, m->by.machine.ndevices);
	else if (!invent_change(&m->by, &op)) {
		put_new(m);
		return;
	}
	put_op(m, &op);
}

/* What makes a bad chain of the next one, or disturbs what is under way; or waits for a moment in it, often to disturb it
 * then. */
static void put_trouble(struct mutation *m)
{
	struct op op;
	invent_for_any(&m->by);
	invent_trouble(&m->by, &op);
	put_op(m, &op);
	if (op.code != OP_WHEN || drawn(m, 2))
		return;
	invent_trouble(&m->by, &op);
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
	uint64_t action = m->nops ? drawn(m, ACTIONS) : INSERT_SOME;
	uint32_t i = (uint32_t)drawn(m, m->nops + (action <= TROUBLE)), some = 1 + (uint32_t)drawn(m, 4);
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

void mutate_for(uint16_t device_id)
{
	chosen = false;
	mutation.by.machine = (struct machine_kind){.ndevices = 1, .id = {device_id}};
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
	m->by.draws = draws_from(seed);
	m->len = 0;
	m->max = max < MUTATE_BYTES_MAX ? max : MUTATE_BYTES_MAX;
}

static bool offers_packed(uint64_t features)
{
	return features >> VIRTIO_F_RING_PACKED & 1;
}

/* Where the ops of a program begin; and for whom it is, where it tells. */
static void take(struct mutation *m, const uint8_t *bytes, size_t n)
{
	m->in = bytes;
	m->nops = 0;
	m->at[0] = chosen && n;
	if (chosen)
		m->by.machine = machine_byte_read(n ? bytes[0] : 0);
	m->by.packed = offers_packed(m->by.machine.offer);
	for (size_t at = m->at[0]; at < n && m->nops < OPS_MAX; m->nops++) {
		struct op op;
		at += op_program_decode(bytes + at, n - at, &op);
		m->at[m->nops + 1] = (uint32_t)at;
		if (op.code == OP_OFFER)
			m->by.packed = offers_packed(op.arg[0]);
	}
}

/* What stands ahead of the ops, as it was taken; where nothing was, it is drawn. */
static void put_ahead(struct mutation *m)
{
	if (!chosen || !m->max)
		return;
	m->out[0] = m->at[0] ? m->in[0] : (uint8_t)drawn(m, MACHINE_BYTE_ALL);
	m->by.machine = machine_byte_read(m->out[0]);
	m->len = 1;
}

size_t mutate_program(uint8_t *bytes, size_t n, size_t max, uint64_t seed)
{
	struct mutation *m = &mutation;
	begin(m, seed, max);
	take(m, bytes, n);
	put_ahead(m);
	if (chosen && m->nops && drawn(m, MACHINE_OFTEN) == 0) {
		m->out[0] = (uint8_t)drawn(m, MACHINE_BYTE_ALL);
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
	uint32_t head = (uint32_t)drawn(m, m->nops + 1u);
	put_range(m, 0, head);
	take(m, b, nb);
	uint32_t first = (uint32_t)drawn(m, m->nops + 1u), some = (uint32_t)drawn(m, m->nops - first + 1u);
	put_range(m, first, first + some);
	take(m, a, na);
	uint32_t skipped = drawn(m, 2) ? some : 0; /* b's ops in the place of a's, or between them */
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
