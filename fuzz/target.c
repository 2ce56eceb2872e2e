// SPDX-License-Identifier: BSD-2-Clause
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hash.h"
#include "machine_byte.h"
#include "program.h"
#include "target.h"

/* Where runs are sampled, one program in so many, told by its bytes: */
#define SAVES_SELDOM 16 /* does its saves */
#define AGAIN_SELDOM 64 /* is run once more, and must end in the same state */

#define TELL_SELDOM 256 /* one run in so many looks whether progress is to be told */

static struct machine machines[MACHINE_BYTE_MACHINES], *latest;
static uint64_t offer, runs; /* offer: what all devices do, whatever a program's first byte says */
static struct timespec started;
static const char *name;
static bool begun, progress, samples, chooses, once_more;
static double next_progress;
static uint64_t (*hashed_by)(void);

/* In plain words: a person reads it, and fuzz/run.sh looks for "ORACLE". What the same program did not do the first
 * time is no matter of the oracle that saw it. */
static void on_violation(struct machine *m, struct sim_device *d, const struct violation *v)
{
	if (name)
		fprintf(stderr, "%s:", name);
	fprintf(stderr, "\nORACLE %s%s%s%s: op %" PRIu64 ", device %s%u: %s\n",
		once_more ? "determinism: the same program once more is not silent: " : "", v->oracle,
		*v->clause ? " " : "", v->clause, m->op, d->type->name, d->nr, v->what);
	abort();
}

/* Of all machines. */
struct target_count target_count(void)
{
	struct target_count c = {.runs = runs};
	for (uint32_t i = 0; i < MACHINE_BYTE_MACHINES; i++) {
		const struct machine *m = &machines[i];
		c.ops += m->stats.ops;
		c.offences += m->stats.offences;
		for (uint32_t k = 0; k < m->ndevices; k++)
			c.requests += oracle_taken(m->device[k].oracle);
	}
	return c;
}

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - started.tv_sec) + 1e-9 * (double)(now.tv_nsec - started.tv_nsec);
}

static void tell_progress(void)
{
	double t = seconds();
	if (t < next_progress)
		return;
	next_progress = t + 2;
	fprintf(stderr, "progress: %3.0f s, %" PRIu64 " runs, %.0f runs/s", t, runs, (double)runs / t);
	if (latest)
		fprintf(stderr, ", %.0f requests/s", (double)target_count().requests / t);
	fputc('\n', stderr);
}

/* Also by processor time, since a machine may have others to serve. */
static void report(void)
{
	struct target_count c = target_count();
	double n = runs ? (double)runs : 1, t = seconds();
	double cpu = (double)clock() / CLOCKS_PER_SEC;
	fprintf(stderr, "report: %" PRIu64 " runs, %.0f runs/s", runs, (double)runs / t);
	if (latest)
		fprintf(stderr, ", %.1f requests/run, %.1f ops/run, %.0f requests/s, %.1f offences/run",
			(double)c.requests / n, (double)c.ops / n, (double)c.requests / t,
			(double)c.offences / n);
	fprintf(stderr, "; %.0f runs per second of processor time\n", (double)runs / cpu);
}

static void begin(void)
{
	const char *ring = getenv("RINGSIDE_FUZZ_RING"); /* packed: offered before any op */
	if (ring && !strcmp(ring, "packed"))
		offer = 1ull << VIRTIO_F_RING_PACKED;
	begun = true;
	clock_gettime(CLOCK_MONOTONIC, &started);
	progress = getenv("RINGSIDE_FUZZ_REPORT");
	next_progress = 2;
	if (progress)
		atexit(report);
}

static void count(void)
{
	if (!begun)
		begin();
	if (progress && runs % TELL_SELDOM == TELL_SELDOM - 1)
		tell_progress();
	runs++;
}

/* What is lost without an oracle? (fuzz/enginebench.sh) */
static void switch_off(struct machine *m, const char *oracle_without)
{
	for (uint32_t i = 0; oracle_without && i < m->ndevices; i++) {
		if (!oracle_switch(m->device[i].oracle, oracle_without, false)) {
			fprintf(stderr, "RINGSIDE_FUZZ_WITHOUT: no oracle %s\n", oracle_without);
			exit(2);
		}
	}
}

static void make(struct machine *m, const struct machine_kind *k)
{
	static const struct device_options options;
	bool made = machine_create(m);
	for (uint32_t i = 0; made && i < k->ndevices; i++)
		made = machine_add(m, k->id[i], &options);
	if (!made) {
		fprintf(stderr, "out of memory\n");
		exit(2);
	}
	m->violation = on_violation;
	switch_off(m, getenv("RINGSIDE_FUZZ_WITHOUT"));
}

/* The machine is made the first time it is wanted. Where it was used before, what that left is undone when the
 * program begins. */
static struct machine *machine_for(const struct machine_kind *k)
{
	struct machine *m = &machines[k->nr];
	if (!m->ndevices)
		make(m, k);
	for (uint32_t i = 0; i < m->ndevices; i++)
		m->device[i].options.offer = k->offer | offer;
	return latest = m;
}

void target_sample(void)
{
	samples = true;
}

/* Nothing but the program decides, least of all what was run before it. */
static void again(struct machine *m, const uint8_t *bytes, size_t n)
{
	uint64_t first = machine_hash(m);
	if (oracle_is_off(m->device[0].oracle, ORACLE_DETERMINISM))
		return;
	once_more = true;
	program_run(m, bytes, n);
	once_more = false;
	if (machine_hash(m) == first)
		return;
	fprintf(stderr, "\nORACLE determinism: the same program once more ended in another state\n");
	abort();
}

static void run(uint8_t byte, const uint8_t *bytes, size_t n)
{
	struct machine_kind k = machine_byte_read(byte);
	count();
	struct machine *m = machine_for(&k);
	uint64_t sample = samples ? hash_bytes(HASH_SEED, bytes, n) : 0;
	m->no_saves = sample % SAVES_SELDOM;
	program_run(m, bytes, n);
	if (samples && sample / SAVES_SELDOM % AGAIN_SELDOM == 0)
		again(m, bytes, n);
}

void target_run(uint16_t device_id, const uint8_t *bytes, size_t n)
{
	uint8_t byte;
	if (!machine_byte_find(&device_id, 1, &byte))
		abort();
	run(byte, bytes, n);
}

void target_run_chosen(const uint8_t *bytes, size_t n)
{
	static const uint8_t none;
	chooses = true;
	run(n ? bytes[0] : 0, n ? bytes + 1 : &none, n ? n - 1 : 0);
}

void target_name(const char *path)
{
	name = path;
}

bool target_chooses(void)
{
	return chooses;
}

uint16_t target_device(void)
{
	return latest ? latest->device[0].type->id : 0;
}

uint64_t target_hash(void)
{
	return hashed_by ? hashed_by() : machine_hash(latest);
}

void target_begin(uint64_t (*hash)(void))
{
	hashed_by = hash;
	count();
}
