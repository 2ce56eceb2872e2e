// SPDX-License-Identifier: BSD-2-Clause
#include <inttypes.h>
#include <stdio.h>

#include "clauses.h"
#include "sim_tell.h"

static uint64_t faults(const struct sim_count *c)
{
	uint64_t n = 0;
	for (int i = 0; i < SIM_FAULTS; i++)
		n += c->fault[i];
	return n;
}

static uint32_t kinds_of_offence(const struct sim_count *c)
{
	uint32_t n = 0;
	for (int i = 0; i < OFFENCE_COUNT; i++)
		n += c->machine.offence[i] != 0;
	return n;
}

/* The oracles look at every step, so a rule that one of them judges was exercised where its subject was at
 * work. */
static uint32_t clauses(const struct sim_count *c)
{
	uint32_t n = 0;
	for (size_t i = 0; i < clause_count(); i++)
		n += clause_at(i)->cover == CLAUSE_CHECKED && c->areas >> clause_at(i)->area & 1;
	return n;
}

void sim_tell_progress(void *ctx, const struct sim_count *c, double seconds)
{
	struct sim_tell *t = ctx;
	if (seconds < t->next)
		return;
	t->next = seconds + (t->terminal ? 0.25 : 10);
	if (!t->terminal && seconds < 1)
		return;
	printf("%s%.0f s: %" PRIu64 " runs, %" PRIu64 " requests, %.0f requests/s, %.3f s simulated, %" PRIu64
	       " faults, %u clauses judged, %u kinds of offence%s",
	       t->terminal ? "\r" : "", seconds, c->machine.runs, c->taken, (double)c->taken / seconds,
	       1e-9 * (double)c->clock_ns, faults(c), clauses(c), kinds_of_offence(c),
	       t->terminal ? "\033[K" : "\n");
	fflush(stdout);
	t->open = t->terminal;
}

static void tell_faults(const struct sim_count *c)
{
	printf("faults:");
	for (uint32_t i = 0; i < SIM_FAULTS; i++)
		printf(" %s %" PRIu64, sim_fault_name(i), c->fault[i]);
	printf("\n");
}

static void tell_offences(const struct sim_count *c)
{
	printf("offences of guests: %" PRIu64 ", of %u kinds:", c->machine.offences, kinds_of_offence(c));
	for (int i = 0; i < OFFENCE_COUNT; i++)
		if (c->machine.offence[i])
			printf(" %s %" PRIu64, offence_info((enum offence)i)->name, c->machine.offence[i]);
	printf("\n");
}

void sim_tell_summary(struct sim_tell *t, const struct sim_count *c, double seconds)
{
	const struct machine_stats *m = &c->machine;
	if (t->open)
		printf("\n");
	printf("%.1f s: %" PRIu64 " runs (%" PRIu64 " done twice), %" PRIu64 " ops, %" PRIu64
	       " requests, %.0f requests/s, "
	       "%.3f s simulated\n",
	       seconds, m->runs, c->again, m->ops, c->taken, seconds > 0 ? (double)c->taken / seconds : 0,
	       1e-9 * (double)c->clock_ns);
	printf("%" PRIu64 " answered, %" PRIu64 " of them with an error; %" PRIu64 " kicks, %" PRIu64
	       " interrupts, %" PRIu64 " of them not asked for\n",
	       m->answered, m->failed, m->kicks, m->interrupts, m->wasted);
	printf("%" PRIu64 " times a device was saved and another one went on\n", m->saves);
	printf("clauses judged by oracles: %u\n", clauses(c));
	tell_faults(c);
	tell_offences(c);
	printf("hash %016" PRIx64 "\n", c->hash);
}
