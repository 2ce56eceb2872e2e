// SPDX-License-Identifier: BSD-2-Clause
#include <linux/virtio_config.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "hash.h"
#include "program.h"
#include "twice.h"

/* -- what is heard --------------------------------------------------------------------------------------- */

static void on_used(void *ctx, struct sim_device *d, uint16_t queue, uint16_t id, uint32_t len, uint32_t type,
		    int status)
{
	struct heard *h = ctx;
	(void)id; /* is the driver's, and another on another ring; it stands in memory */
	uint64_t what = (uint64_t)len << 32 | (uint64_t)queue << 8 | (uint8_t)status;
	h->answers = hash_u64(h->answers, what ^ (uint64_t)type << 16 ^ (uint64_t)d->nr << 24);
}

static void on_interrupt(void *ctx, struct sim_device *d, uint16_t source)
{
	struct heard *h = ctx;
	h->outputs = hash_u64(h->outputs, h->answers ^ (uint64_t)d->nr << 16 ^ source);
}

static void on_offence(void *ctx, struct sim_device *d, enum offence o)
{
	struct heard *h = ctx;
	h->outputs = hash_u64(h->outputs, (uint64_t)d->nr << 32 | o);
}

static void on_read(void *ctx, struct sim_device *d, uint64_t off, uint32_t size, uint64_t value)
{
	struct heard *h = ctx;
	h->outputs = hash_u64(h->outputs, value ^ off << 32 ^ (uint64_t)size << 56 ^ d->nr);
}

static void on_note(void *ctx, struct sim_device *d, const char *text)
{
	struct heard *h = ctx;
	h->notes = hash_u64(h->notes, d->machine->op << 16 ^ (uint64_t)d->nr << 8 ^ (uint8_t)text[0]);
}

const struct machine_events heard_events = {
	.used = on_used, .interrupt = on_interrupt, .offence = on_offence, .read = on_read, .note = on_note};

void heard_begin(struct heard *h)
{
	h->answers = h->outputs = h->notes = HASH_SEED;
}

uint64_t heard_hash(struct heard *h, const struct machine *m)
{
	for (uint32_t i = 0; i < m->ndevices; i++)
		h->answers = m->device[i].type->hash(&m->device[i], h->answers);
	return hash_u64(hash_u64(machine_hash(m), h->answers), h->outputs);
}

/* -- two runs -------------------------------------------------------------------------------------------- */

enum oracle_kind twice_oracle(const char *name)
{
	unsigned o = 0;
	while (o < ORACLE_COUNT && strcmp(name, oracle_name((enum oracle_kind)o)) != 0)
		o++;
	return (enum oracle_kind)o;
}

void twice_turn(struct op *op)
{
	if (op->code == OP_OFFER)
		op->arg[0] ^= 1ull << VIRTIO_F_RING_PACKED;
}

/* NULL: it judges while a run goes on. */
static const char *wrong(enum oracle_kind o)
{
	switch (o) {
	case ORACLE_SNAPSHOT:
		return "the same ops without their saves ended in another state";
	case ORACLE_DETERMINISM:
		return "the same ops once more ended in another state";
	case ORACLE_DIFFERENTIAL:
		return "split and packed rings (offer features^=0x400000000) give other answers";
	default:
		return NULL;
	}
}

bool twice_judges(enum oracle_kind o)
{
	return wrong(o);
}

struct violation twice_violation(enum oracle_kind o)
{
	struct violation v = {.oracle = oracle_name(o), .clause = "", .check = wrong(o)};
	snprintf(v.what, sizeof(v.what), "%s", v.check);
	return v;
}

/* How: ORACLE_COUNT: as it is; else as the oracle's second run is. */
static uint64_t run(struct machine *m, struct heard *h, const struct op *op, uint32_t n, enum oracle_kind how)
{
	machine_reset(m);
	heard_begin(h);
	m->no_saves = how == ORACLE_SNAPSHOT;
	for (uint32_t i = 0; i < n; i++) {
		struct op one = op[i];
		if (how == ORACLE_DIFFERENTIAL)
			twice_turn(&one);
		program_step(m, &one);
	}
	program_quiesce(m);
	return heard_hash(h, m);
}

static jmp_buf out;

static void on_violation(struct machine *m, struct sim_device *d, const struct violation *v)
{
	(void)m;
	(void)d;
	(void)v;
	longjmp(out, 1);
}

static bool differs(struct machine *m, const struct op *op, uint32_t n, enum oracle_kind o)
{
	static struct heard first, second;
	if (setjmp(out))
		return true;
	m->events_ctx = &first;
	uint64_t hash = run(m, &first, op, n, ORACLE_COUNT);
	m->events_ctx = &second;
	bool same = run(m, &second, op, n, o) == hash;
	/* Rings are not alike in size: where the driver had no room for a request on one of them alone, other requests were
	 * answered. */
	if (o == ORACLE_DIFFERENTIAL)
		same = second.answers == first.answers || second.notes != first.notes;
	return !same;
}

bool twice_differs(struct machine *m, const struct op *op, uint32_t n, enum oracle_kind o)
{
	void (*violation)(struct machine *, struct sim_device *, const struct violation *) = m->violation;
	const struct machine_events *events = m->events;
	void *ctx = m->events_ctx;
	if (!twice_judges(o))
		return false;
	m->violation = on_violation;
	m->events = &heard_events;
	bool answer = differs(m, op, n, o);
	m->no_saves = false;
	m->violation = violation;
	m->events = events;
	m->events_ctx = ctx;
	return answer;
}
