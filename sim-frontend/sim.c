// SPDX-License-Identifier: BSD-2-Clause
/* Runs: from a seed, and once more from their logs. */
#include <stdio.h>
#include <stdlib.h>

#include "clauses.h"
#include "program.h"
#include "sim_int.h"

#define AGAIN_BITS 4 /* one run in 16 is done twice */

const char *sim_fault_name(enum sim_fault f)
{
	static const char *const name[] = {
#define SIM_FAULT(NAME, text, what) [SIM_FAULT_##NAME] = text,
#include "sim_faults.def"
#undef SIM_FAULT
	};
	return name[f];
}

/* -- making one ----------------------------------------------------------------------------------------- */

static void on_violation(struct machine *m, struct sim_device *d, const struct violation *v)
{
	struct sim *s = (struct sim *)(void *)m;
	s->violation = (struct sim_violation){.v = *v, .op = m->op, .dev = d->nr};
	longjmp(s->out, 1);
}

uint32_t sim_device_ids(const struct sim_options *o, uint16_t ids[MACHINE_DEVICES_MAX])
{
	static const uint16_t all[] = {
#define DEVICE(name, id) id,
#include "devices/list.def"
#undef DEVICE
	};
	uint32_t n = o->device_id ? 1 : sizeof(all) / sizeof(all[0]);
	for (uint32_t i = 0; i < n; i++)
		ids[i] = o->device_id ? o->device_id : all[i];
	return n;
}

static bool judges(const struct sim *s, enum oracle_kind o)
{
	return !(s->options.oracles_off >> o & 1);
}

static bool add_devices(struct sim *s)
{
	static const struct device_options plain;
	uint16_t ids[MACHINE_DEVICES_MAX];
	uint32_t n = sim_device_ids(&s->options, ids);
	for (uint32_t i = 0; i < n; i++) {
		s->plan->device[i].kind = sim_kind(ids[i]);
		if (!machine_add(&s->machine, ids[i], &plain))
			return false;
		for (unsigned o = 0; o < ORACLE_OF_ONE_RUN; o++)
			if (!judges(s, o))
				oracle_switch(s->machine.device[i].oracle, oracle_name(o), false);
	}
	return true;
}

bool sim_create(struct sim *s, const struct sim_options *o, struct sim_log *log)
{
	memset(s, 0, sizeof(*s));
	s->options = *o;
	s->log = log;
	s->count.hash = HASH_SEED;
	s->plan = calloc(1, sizeof(*s->plan));
	if (!s->plan || !machine_create(&s->machine) || !add_devices(s)) {
		sim_destroy(s);
		return false;
	}
	s->machine.violation = on_violation;
	s->machine.events = &heard_events;
	s->machine.events_ctx = &s->heard;
	return true;
}

void sim_destroy(struct sim *s)
{
	machine_destroy(&s->machine);
	free(s->plan);
	s->plan = NULL;
}

/* -- ops ------------------------------------------------------------------------------------------------ */

static void put(struct sim *s, struct op *op)
{
	s->log->nops++; /* first, so that whoever looks at the log after a crash finds the op */
	program_step(&s->machine, op);
}

void sim_op5(struct sim *s, uint8_t code, uint32_t dev, const uint64_t arg[5])
{
	if (sim_full(s))
		return;
	struct op *op = &s->log->op[s->log->nops];
	op->code = code;
	op->dev = (uint8_t)dev;
	op->len = 0;
	op->data = NULL;
	memcpy(op->arg, arg, 5 * sizeof(arg[0]));
	op->arg[5] = 0;
	put(s, op);
}

void sim_op(struct sim *s, uint8_t code, uint32_t dev, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	const uint64_t arg[5] = {a, b, c, d, 0};
	sim_op5(s, code, dev, arg);
}

void sim_op3_data(struct sim *s, uint8_t code, uint32_t dev, const uint64_t arg[3], const void *data,
		  uint32_t n)
{
	struct sim_log *log = s->log;
	if (sim_full(s) || n > OP_PROGRAM_DATA_MAX || n > SIM_DATA_MAX - log->ndata)
		return;
	struct op *op = &log->op[log->nops];
	*op = (struct op){.code = code, .dev = (uint8_t)dev, .arg = {arg[0], arg[1], arg[2]}, .len = n};
	op->data = n ? log->data + log->ndata : NULL;
	memcpy(log->data + log->ndata, data, n);
	log->ndata += n;
	put(s, op);
}

void sim_op_data(struct sim *s, uint8_t code, uint32_t dev, uint64_t a, uint64_t b, const void *data,
		 uint32_t n)
{
	const uint64_t arg[3] = {a, b, 0};
	sim_op3_data(s, code, dev, arg, data, n);
}

/* -- runs ----------------------------------------------------------------------------------------------- */

static void begin(struct sim *s)
{
	s->violation.v.oracle = NULL;
	heard_begin(&s->heard);
	machine_reset(&s->machine);
}

/* The liveness phase, and what came of it all. */
static void end(struct sim *s)
{
	program_quiesce(&s->machine);
	s->hash = heard_hash(&s->heard, &s->machine);
}

static void generate(struct sim *s)
{
	const struct sim_plan *p = s->plan;
	sim_draw_plan(s);
	for (uint32_t i = 0; i < s->machine.ndevices; i++)
		if (p->device[i].on)
			sim_set_up(s, i);
	for (uint32_t i = 0; i < p->steps && !sim_full(s); i++) {
		uint32_t bits = rand_bits(&s->plan->rand, 8);
		sim_act(s, p->turn[bits & 63], p->device_of_turn[bits >> 6]);
	}
}

/* True: nothing was violated. */
static bool judged(struct sim *s, void (*what)(struct sim *))
{
	if (setjmp(s->out) == 0) {
		begin(s);
		what(s);
		end(s);
		return true;
	}
	s->violation.hash = s->hash = heard_hash(&s->heard, &s->machine);
	return false;
}

static void execute(struct sim *s)
{
	for (uint32_t i = 0; i < s->log->nops; i++)
		program_step(&s->machine, &s->log->op[i]);
}

/* The run is over without a violation, but what it came to is not what it must be. */
static bool differs(struct sim *s, enum oracle_kind oracle)
{
	s->violation.v = twice_violation(oracle);
	s->violation.op = s->log->nops + 1ull;
	s->violation.dev = 0;
	s->violation.hash = oracle == ORACLE_DETERMINISM ? 0 : s->hash; /* it is not the same each time */
	return false;
}

static bool saves(const struct sim_log *log)
{
	for (uint32_t i = 0; i < log->nops; i++)
		if (log->op[i].code == OP_SAVE)
			return true;
	return false;
}

/* What the log comes to: the hash of it all, another one where an oracle spoke. */
static uint64_t outcome(struct sim *s, bool no_saves)
{
	s->machine.no_saves = no_saves;
	bool calm = judged(s, execute);
	s->machine.no_saves = false;
	return calm ? s->hash : ~s->hash;
}

/* It came to another state without its saves. They did that only where it comes to the same each time with them, and
 * each time without: else nothing can be said of saves. */
static bool saves_did_it(struct sim *s, uint64_t first, uint64_t without)
{
	return outcome(s, true) == without && outcome(s, false) == first && outcome(s, false) == first;
}

/* Nothing but the log decides: else the run is worthless as a test. Saves decide nothing, so they are left out. */
static bool same_again(struct sim *s)
{
	uint64_t first = s->hash;
	bool without_saves = judges(s, ORACLE_SNAPSHOT) && saves(s->log);
	if (!without_saves && !judges(s, ORACLE_DETERMINISM))
		return true;
	s->count.again++;
	uint64_t again = outcome(s, without_saves);
	if (again == first)
		return true;
	bool by_saves = without_saves && saves_did_it(s, first, again);
	s->hash = first;
	if (by_saves)
		return differs(s, ORACLE_SNAPSHOT);
	return !judges(s, ORACLE_DETERMINISM) || differs(s, ORACLE_DETERMINISM);
}

static void turn_offers(struct sim_log *log)
{
	for (uint32_t i = 0; i < log->nops; i++)
		twice_turn(&log->op[i]);
}

/* The program once more, on the other ring: its driver must be told the same. Rings are not alike in size, though:
 * where the driver had no room for a request on one of them alone, other requests were answered. */
static bool same_answers(struct sim *s)
{
	uint64_t first = s->heard.answers, hash = s->hash, notes = s->heard.notes;
	if (!judges(s, ORACLE_DIFFERENTIAL))
		return true;
	turn_offers(s->log);
	if (!judged(s, execute))
		return false;
	bool same = s->heard.answers == first || s->heard.notes != notes;
	turn_offers(s->log);
	s->hash = hash_u64(s->hash, hash);
	return same || differs(s, ORACLE_DIFFERENTIAL);
}

bool sim_again(struct sim *s)
{
	if (!judged(s, execute))
		return false;
	return s->options.ring == SIM_RING_BOTH ? same_answers(s) : same_again(s);
}

/* Chains that the devices took, ever. */
static uint64_t taken(const struct sim *s)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < s->machine.ndevices; i++)
		n += oracle_taken(s->machine.device[i].oracle);
	return n;
}

static uint32_t areas(const struct sim_plan *p, const struct machine *m)
{
	uint32_t bits = 1u << CLAUSE_BASIC | 1u << CLAUSE_MMIO;
	bits |= p->ring == SIM_RING_SPLIT || p->twice ? 1u << CLAUSE_SPLIT : 0;
	bits |= p->ring == SIM_RING_PACKED || p->twice ? 1u << CLAUSE_PACKED : 0;
	for (uint32_t i = 0; i < m->ndevices; i++)
		if (p->device[i].on)
			bits |= 1u << p->device[i].kind->area;
	return bits;
}

/* again: a program for one ring is done once more, to be compared. */
static bool run(struct sim *s, bool again)
{
	struct sim_count *c = &s->count;
	uint64_t before = taken(s);
	s->log->nops = s->log->ndata = 0;
	bool calm = judged(s, generate);
	if (calm && s->options.ring == SIM_RING_BOTH)
		calm = same_answers(s);
	c->areas |= areas(s->plan, &s->machine);
	c->clock_ns += s->machine.clock_ns;
	c->taken += taken(s) - before;
	c->machine = s->machine.stats;
	c->hash = hash_u64(c->hash, s->hash);
	if (!calm || s->options.ring == SIM_RING_BOTH || !again)
		return calm;
	bool same = same_again(s);
	s->machine.stats = c->machine;
	return same;
}

bool sim_run(struct sim *s, uint64_t seed)
{
	s->log->seed = seed;
	rand_seed(&s->plan->rand, seed);
	return run(s, seed >> (64 - AGAIN_BITS) == 0);
}

bool sim_run_tape(struct sim *s, const uint8_t *tape, size_t n)
{
	s->log->seed = 0;
	rand_tape(&s->plan->rand, tape, n);
	return run(s, true);
}

uint64_t sim_nth_seed(uint64_t seed, uint64_t n)
{
	return hash_u64(hash_u64(hash_u64(HASH_SEED, seed), n), seed);
}

void sim_count_add(struct sim_count *to, const struct sim_count *c)
{
	struct machine_stats *a = &to->machine;
	const struct machine_stats *b = &c->machine;
	a->runs += b->runs;
	a->ops += b->ops;
	a->requests += b->requests;
	a->answered += b->answered;
	a->failed += b->failed;
	a->kicks += b->kicks;
	a->interrupts += b->interrupts;
	a->saves += b->saves;
	a->wasted += b->wasted;
	a->offences += b->offences;
	for (int i = 0; i < OFFENCE_COUNT; i++)
		a->offence[i] += b->offence[i];
	to->areas |= c->areas;
	to->taken += c->taken;
	to->clock_ns += c->clock_ns;
	to->again += c->again;
	for (int i = 0; i < SIM_FAULTS; i++)
		to->fault[i] += c->fault[i];
	to->hash = hash_u64(to->hash, c->hash);
}
