// SPDX-License-Identifier: BSD-2-Clause
/* ringside run: a program in text form against fresh simulated devices. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clauses.h"
#include "cmd.h"
#include "listing.h"
#include "narrate.h"
#include "program.h"
#include "simrecord.h"
#include "textfile.h"
#include "twice.h"

#define ORACLES_MAX 16

static const char *record_path, *without_oracle[ORACLES_MAX];
static bool quiet;

static const struct usage usage = {
	.command = "run",
	.operands = "FILE.txt",
	.about = "Runs a program (docs/program-text.md) against fresh devices with simulated memory and "
		 "backends,\n"
		 "tells what happens, and judges each step by the specification. A finding of two runs that "
		 "differ\n"
		 "(the first line says determinism, differential or snapshot) is run twice more and "
		 "compared.\n"
		 "Exit status: 0 nothing was violated, 1 something was, 2 bad usage or file.",
	.operands_min = 1,
	.operands_max = 1,
	.option =
		{
			{.name = "--record",
			 .value_name = "OUT",
			 .value = &record_path,
			 .help = "also record the run as a trace (.vtrace)"},
			{.name = "--without-oracle",
			 .value_name = "NAME",
			 .value = without_oracle,
			 .times = ORACLES_MAX,
			 .help = "do not judge by this oracle (all: by none); may be repeated"},
			{.name = "--quiet", .flag = &quiet, .help = "print the summary only"},
		},
};

struct run {
	struct machine machine;
	struct narrator narrator;
	struct simrecord record;
	struct textfile text;
	bool violated, recording;
};

/* What an oracle says ends the run; the op under way is let out first, but for endless work. */
static void on_violation(struct machine *m, struct sim_device *d, const struct violation *v)
{
	struct run *r = (struct run *)(void *)m;
	if (r->violated)
		return;
	r->violated = true;
	printf("VIOLATION %s%s%s at op %" PRIu64 ", %s%u: %s\n", v->oracle, *v->clause ? " " : "", v->clause,
	       m->op, d->type->name, d->nr, v->what);
	clause_print(stdout, v->clause);
	if (!strcmp(v->oracle, oracle_name(ORACLE_WORK))) {
		fflush(stdout);
		if (r->recording && !simrecord_rescue(&r->record))
			exit(fail("%s", r->record.writer.error));
		exit(EXIT_FAILURE);
	}
}

static bool switch_off(struct machine *m, const char *name)
{
	bool known = false;
	for (uint32_t i = 0; i < m->ndevices; i++) {
		for (unsigned o = 0; o < ORACLE_OF_ONE_RUN; o++)
			if (!strcmp(name, oracle_name(o)) || !strcmp(name, "all"))
				known |= oracle_switch(m->device[i].oracle, oracle_name(o), false);
		machine_choose_tap(&m->device[i]);
	}
	return known;
}

static bool make_devices(struct run *r, const char *path)
{
	char err[512];
	if (!listing_devices(&r->machine, &r->text.text, path, err, sizeof(err))) {
		fail("%s", err);
		return false;
	}
	for (int i = 0; i < ORACLES_MAX && without_oracle[i]; i++) {
		if (switch_off(&r->machine, without_oracle[i]) ||
		    twice_judges(twice_oracle(without_oracle[i])))
			continue;
		fail("run: no such oracle: %s (ownership, used-ring, fetch-once, work, notification, "
		     "liveness, resources, status, backend, content, snapshot, determinism, differential, "
		     "all)",
		     without_oracle[i]);
		return false;
	}
	return true;
}

/* The trace's head says how the devices are made, so what makes them stands before it. */
static bool record_from(struct run *r, const struct op *op)
{
	if (!record_path || r->recording || (op && listing_makes(op)))
		return true;
	r->recording = simrecord_start(&r->record, &r->machine, record_path);
	if (r->recording)
		simrecord_guard(&r->record, STDERR_FILENO);
	return r->recording;
}

static int run_ops(struct run *r)
{
	struct op op;
	while (!r->violated && textfile_next(&r->text, &op)) {
		if (!record_from(r, &op))
			return fail("%s", r->record.writer.error);
		narrate_op(&r->narrator, &op);
		program_step(&r->machine, &op);
	}
	if (*r->text.error)
		return fail("%s", r->text.error);
	if (!record_from(r, NULL))
		return fail("%s", r->record.writer.error);
	if (!r->violated) {
		narrate_end(&r->narrator);
		program_quiesce(&r->machine);
	}
	narrate_summary(&r->narrator);
	return r->violated ? EXIT_FAILURE : EXIT_SUCCESS;
}

static bool is_off(const char *name)
{
	for (int i = 0; i < ORACLES_MAX && without_oracle[i]; i++)
		if (!strcmp(name, without_oracle[i]) || !strcmp("all", without_oracle[i]))
			return true;
	return false;
}

/* On a machine of its own, as the run's may be recorded. */
static bool differs(struct run *other, const struct listing *l)
{
	bool made = machine_create(&other->machine);
	other->text.text = l->text;
	made = made && make_devices(other, "program");
	bool differs = made && twice_differs(&other->machine, l->op, l->nops, l->found);
	machine_destroy(&other->machine);
	return differs;
}

/* A finding that says so is of two runs, which are not told step by step. */
static int run_twice(struct run *r, const char *path)
{
	struct run *other = calloc(1, sizeof(*other));
	struct listing l;
	char err[512] = "out of memory";
	if (!other || !listing_read(&l, path, err, sizeof(err))) {
		free(other);
		return fail("%s", err);
	}
	const struct violation v = twice_violation(l.found);
	if (differs(other, &l))
		machine_violation(&r->machine.device[0], &v);
	listing_free(&l);
	free(other);
	return r->violated ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run_recorded(struct run *r, const char *path)
{
	int status = run_ops(r);
	if (!status && twice_judges(twice_oracle(r->text.found)) && !is_off(r->text.found))
		status = run_twice(r, path);
	if (r->recording)
		simrecord_guard(NULL, STDERR_FILENO);
	if (r->recording && !simrecord_finish(&r->record, &r->machine))
		return fail("%s", r->record.writer.error);
	return status;
}

static int run_file(struct run *r, const char *path)
{
	if (!textfile_open(&r->text, path))
		return fail("%s", r->text.error);
	int status = EXIT_USAGE;
	if (r->text.text.trace)
		fail("%s is a recorded trace, not a program: ringside assemble makes a file of it that "
		     "ringside replay takes",
		     path);
	else if (make_devices(r, path)) {
		r->narrator.quiet = quiet;
		narrate(&r->narrator, &r->machine);
		status = run_recorded(r, path);
	}
	textfile_close(&r->text);
	return status;
}

int run_program(const char *path)
{
	struct run *r = calloc(1, sizeof(*r));
	if (!r || !machine_create(&r->machine))
		return fail("out of memory");
	r->machine.violation = on_violation;
	int status = run_file(r, path);
	machine_destroy(&r->machine);
	free(r);
	return status;
}

int cmd_run(int argc, char **argv)
{
	int n = cli_parse(&usage, argc, argv);
	return n < 0 ? cli_status(n) : run_program(argv[0]);
}
