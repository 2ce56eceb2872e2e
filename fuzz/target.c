// SPDX-License-Identifier: BSD-2-Clause
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hash.h"
#include "program.h"
#include "target.h"

#define SAVES_SELDOM 16 /* where runs are sampled, one program in so many */

static struct machine machine;
static struct timespec started;
static const char *name;
static bool progress, samples;
static double next_progress;

/* In plain words: a person reads it, and fuzz/run.sh looks for "ORACLE". */
static void on_violation(struct machine *m, struct sim_device *d, const struct violation *v)
{
	if (name)
		fprintf(stderr, "%s:", name);
	fprintf(stderr, "\nORACLE %s%s%s: op %" PRIu64 ", device %s%u: %s\n", v->oracle,
		*v->clause ? " " : "", v->clause, m->op, d->type->name, d->nr, v->what);
	abort();
}

/* What the devices took, whoever published it. */
static uint64_t requests(void)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < machine.ndevices; i++)
		n += oracle_taken(machine.device[i].oracle);
	return n;
}

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - started.tv_sec) + 1e-9 * (double)(now.tv_nsec - started.tv_nsec);
}

static void tell_progress(void)
{
	const struct machine_stats *s = &machine.stats;
	double t = seconds();
	if (t < next_progress)
		return;
	next_progress = t + 2;
	fprintf(stderr, "progress: %3.0f s, %" PRIu64 " runs, %.0f runs/s, %.0f requests/s\n", t, s->runs,
		(double)s->runs / t, (double)requests() / t);
}

/* Also by processor time, since a machine may have others to serve. */
static void report(void)
{
	const struct machine_stats *s = &machine.stats;
	double runs = s->runs ? (double)s->runs : 1, t = seconds();
	double cpu = (double)clock() / CLOCKS_PER_SEC;
	fprintf(stderr,
		"report: %" PRIu64
		" runs, %.0f runs/s, %.1f requests/run, %.1f ops/run, %.0f requests/s, %.1f "
		"offences/run; %.0f runs per second of processor time\n",
		s->runs, (double)s->runs / t, (double)requests() / runs, (double)s->ops / runs,
		(double)requests() / t, (double)s->offences / runs, (double)s->runs / cpu);
}

static void make(uint16_t device_id)
{
	const char *ring = getenv("RINGSIDE_FUZZ_RING"); /* packed: offered before any op */
	struct device_options options = {0};
	if (ring && !strcmp(ring, "packed"))
		options.offer = 1ull << VIRTIO_F_RING_PACKED;
	if (!machine_create(&machine) || !machine_add(&machine, device_id, &options)) {
		fprintf(stderr, "out of memory\n");
		exit(2);
	}
	machine.violation = on_violation;
	clock_gettime(CLOCK_MONOTONIC, &started);
	progress = getenv("RINGSIDE_FUZZ_REPORT");
	next_progress = 2;
	if (progress)
		atexit(report);
}

void target_sample(void)
{
	samples = true;
}

void target_run(uint16_t device_id, const uint8_t *bytes, size_t n)
{
	if (!machine.ndevices)
		make(device_id);
	machine.no_saves = samples && hash_bytes(HASH_SEED, bytes, n) % SAVES_SELDOM;
	if (progress && machine.stats.runs % 4096 == 4095)
		tell_progress();
	program_run(&machine, bytes, n);
}

void target_name(const char *path)
{
	name = path;
}

uint16_t target_device(void)
{
	return machine.ndevices ? machine.device[0].type->id : 0;
}

uint64_t target_hash(void)
{
	return machine.ndevices ? machine_hash(&machine) : 0; /* a target may have no machine */
}

struct target_count target_count(void)
{
	const struct machine_stats *s = &machine.stats;
	return (struct target_count){s->runs, s->ops, requests(), s->offences};
}
