// SPDX-License-Identifier: BSD-2-Clause
/* ringside run: a program in text form against fresh simulated devices. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>

#include "cmd.h"
#include "narrate.h"
#include "program.h"
#include "simrecord.h"
#include "textfile.h"

static const char *record_path, *without_oracle;
static bool quiet;

static const struct usage usage = {
	.command = "run",
	.operands = "FILE.txt",
	.about = "Runs a program (docs/program-text.md) against fresh devices with simulated memory and a "
		 "disk in memory,\n"
		 "tells what happens, and judges each step by the specification.",
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
			 .value = &without_oracle,
			 .help = "do not judge by this oracle"},
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
	if (!strcmp(v->oracle, oracle_name(ORACLE_WORK))) {
		fflush(stdout);
		exit(EXIT_FAILURE);
	}
}

static uint64_t little(const uint8_t *p, size_t n)
{
	uint64_t v = 0;
	memcpy(&v, p, n);
	return v;
}

#define HAS(t, bit) ((t)->features >> (bit)&1)

/* What a device line asks for. */
static struct device_options options_of(const struct trace_device *t, uint8_t given)
{
	static const uint32_t queues[5] = {0, 1, 0, 3, 2};
	struct device_options o = {0};
	if ((given & TRACE_GIVEN_CONFIG) && t->id == VIRTIO_ID_BLOCK)
		o.sectors = little(t->config, 8);
	if (given & TRACE_GIVEN_QUEUES) {
		o.flags |= queues[t->nqueues < 5 ? t->nqueues : 0] << DEVICE_QUEUES_SHIFT;
		o.queue_size = t->queue_size_max[0];
	}
	if (given & TRACE_GIVEN_FEATURES)
		o.offer = t->features & VDEV_FEATURES_MORE;
	if (!(given & TRACE_GIVEN_FEATURES) || t->id != VIRTIO_ID_BLOCK)
		return o;
	o.without = ~t->features;
	o.flags |= HAS(t, VIRTIO_BLK_F_RO) ? DEVICE_READ_ONLY : 0;
	o.flags |= HAS(t, VIRTIO_BLK_F_FLUSH) ? 0 : DEVICE_NO_FLUSH;
	o.flags |= HAS(t, VIRTIO_BLK_F_DISCARD) ? 0 : DEVICE_NO_DISCARD;
	o.flags |= HAS(t, VIRTIO_BLK_F_WRITE_ZEROES) ? 0 : DEVICE_NO_WRITE_ZEROES;
	return o;
}

/* The device must be what its line says, or what was run would not be what was asked for. */
static bool check_made(const char *path, uint32_t i, const struct vdev *v, const struct trace_device *t,
		       uint8_t given)
{
	if ((given & TRACE_GIVEN_FEATURES) && v->offered != t->features) {
		fail("%s: device %u can not be made with features 0x%" PRIx64 "; 0x%" PRIx64 " can", path, i,
		     t->features, v->offered);
		return false;
	}
	if ((given & TRACE_GIVEN_QUEUES) &&
	    (v->nqueues != t->nqueues || v->queue[0].size_max != t->queue_size_max[0])) {
		fail("%s: device %u can not be made with these queues; %u of up to %u entries can", path, i,
		     v->nqueues, v->queue[0].size_max);
		return false;
	}
	return true;
}

static bool make_devices(struct run *r, const char *path)
{
	const struct trace_text *t = &r->text.text;
	for (uint32_t i = 0; i < t->head.ndevices; i++) {
		struct device_options o = options_of(&t->head.device[i], t->given[i]);
		if (!sim_type(t->head.device[i].id)) {
			fail("%s: device %u: no device of virtio id %u is known", path, i,
			     t->head.device[i].id);
			return false;
		}
		if (!machine_add(&r->machine, t->head.device[i].id, &o)) {
			fail("%s: device %u can not be made: out of memory or too many devices", path, i);
			return false;
		}
		if (!check_made(path, i, r->machine.device[i].vdev, &t->head.device[i], t->given[i]))
			return false;
		if (without_oracle && !oracle_switch(r->machine.device[i].oracle, without_oracle, false)) {
			fail("run: no such oracle: %s (ownership, used-ring, fetch-once, work, notification, "
			     "liveness, resources, status, backend, content)",
			     without_oracle);
			return false;
		}
	}
	return true;
}

/* A trace's devices are those of its head: what makes others at a program's beginning is not recorded. */
static bool record_from(struct run *r, const struct op *op)
{
	bool makes = op && (op->code == OP_MAKE || op->code == OP_OFFER);
	if (!record_path || r->recording || makes)
		return true;
	r->recording = simrecord_start(&r->record, &r->machine, record_path);
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

static int run_recorded(struct run *r)
{
	int status = run_ops(r);
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
		fail("%s is a recorded trace, not a program: see ringside replay", path);
	else if (make_devices(r, path)) {
		r->narrator.quiet = quiet;
		narrate(&r->narrator, &r->machine);
		status = run_recorded(r);
	}
	textfile_close(&r->text);
	return status;
}

int cmd_run(int argc, char **argv)
{
	int n = cli_parse(&usage, argc, argv), status;
	if (n < 0)
		return cli_status(n);
	struct run *r = calloc(1, sizeof(*r));
	if (!r || !machine_create(&r->machine))
		return fail("out of memory");
	r->machine.violation = on_violation;
	status = run_file(r, argv[0]);
	machine_destroy(&r->machine);
	free(r);
	return status;
}
