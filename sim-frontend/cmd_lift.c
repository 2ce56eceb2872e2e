// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <linux/virtio_ids.h>

#include "cmd.h"
#include "lift.h"
#include "lift_net.h"
#include "machine.h"
#include "textout.h"

static const char *out_dir, *device_text = "0", *bytes_text = "256", *most_text = "100";

static const struct usage usage = {
	.command = "lift",
	.operands = "FILE -o DIR",
	.about = "Turns a recorded guest into programs for the simulator, as text: what the driver did, told "
		 "again in\n"
		 "driver-level ops, relocated into a small memory and disk, cut into pieces that fuzzers "
		 "like. Pieces that do\n"
		 "nothing new are dropped.",
	.operands_min = 1,
	.operands_max = 1,
	.option =
		{
			{.name = "-o",
			 .value_name = "DIR",
			 .value = &out_dir,
			 .help = "where the programs go; made when it is not there"},
			{.name = "--device",
			 .value_name = "N",
			 .value = &device_text,
			 .help = "which device of the trace (0)"},
			{.name = "--max-bytes",
			 .value_name = "N",
			 .value = &bytes_text,
			 .help = "length of a piece as a program (256); it has at most 512 ops"},
			{.name = "--most",
			 .value_name = "N",
			 .value = &most_text,
			 .help = "so many pieces, the ones with most requests first (100)"},
		},
};

struct lifted {
	const char *stem, *name;
	uint16_t id;
	uint32_t npieces, nkept;
	uint64_t nrequests;
	uint32_t kept_max;
	struct lift_piece **kept;
	struct lift_told told;
};

/* Keeps the pieces with the most requests, in the order in which they came. */
static bool keep(void *ctx, const struct lift_piece *p)
{
	struct lifted *l = ctx;
	uint32_t least = 0;
	l->npieces++;
	if (l->nkept == l->kept_max) {
		for (uint32_t i = 1; i < l->nkept; i++)
			if (l->kept[i]->nrequests < l->kept[least]->nrequests)
				least = i;
		if (l->kept[least]->nrequests >= p->nrequests)
			return true;
		free(l->kept[least]);
		memmove(&l->kept[least], &l->kept[least + 1], (--l->nkept - least) * sizeof(l->kept[0]));
	}
	struct lift_piece *copy = malloc(sizeof(*copy));
	if (!copy)
		return false;
	*copy = *p;
	lift_place(copy);
	l->kept[l->nkept++] = copy;
	return true;
}

static bool write_piece(struct lifted *l, uint32_t n)
{
	const struct lift_piece *p = l->kept[n];
	const uint16_t ids[OP_DEV_MAX] = {l->id};
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s-%03u.txt", out_dir, l->stem, n);
	FILE *file = fopen(path, "w");
	struct textout out = {.file = file, .comments = true};
	if (!file) {
		fail("%s: cannot create: %s", path, strerror(errno));
		return false;
	}
	fprintf(file, "device %s0\n", l->name);
	for (uint32_t i = 0; i < p->nops; i++)
		textout_op(&out, &p->op[i], ids);
	bool ok = textout_close(&out);
	ok = fclose(file) == 0 && ok;
	if (!ok)
		fail("%s: cannot write it: is the disk full?", path);
	l->nrequests += p->nrequests;
	return ok;
}

/* The trace's name without folder and ending names the pieces. */
static void make_stem(const char *path, char *stem, size_t max)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	snprintf(stem, max, "%s", base);
	char *dot = strrchr(stem, '.');
	if (dot && dot != stem)
		*dot = 0;
}

static int lift(const char *path, struct trace_reader *trace, const struct lift_options *o, uint32_t most)
{
	char stem[256];
	make_stem(path, stem, sizeof(stem));
	struct lifted l = {.stem = stem, .id = trace->head.device[o->device].id, .kept_max = most};
	l.name = sim_type(l.id) ? sim_type(l.id)->name : "";
	l.kept = calloc(most, sizeof(*l.kept));
	bool ok = l.kept && lift_trace(trace, o, keep, &l, &l.told);
	if (trace->bad)
		return fail("%s", trace->error);
	if (!ok)
		return fail("out of memory");
	if (mkdir(out_dir, 0777) != 0 && errno != EEXIST)
		return fail("%s: cannot create: %s", out_dir, strerror(errno));
	for (uint32_t i = 0; ok && i < l.nkept; i++)
		ok = write_piece(&l, i);
	if (!ok)
		return EXIT_USAGE;
	printf("%s: %u different pieces, %u written to %s with %" PRIu64 " requests\n", path, l.npieces,
	       l.nkept, out_dir, l.nrequests);
	if (l.told.broken + l.told.lost)
		printf("of the guest's offences %" PRIu64 " are told again, %" PRIu64 " are not\n",
		       l.told.broken, l.told.lost);
	for (uint32_t i = 0; i < l.nkept; i++)
		free(l.kept[i]);
	free(l.kept);
	return EXIT_SUCCESS;
}

int cmd_lift(int argc, char **argv)
{
	unsigned long long device, bytes, most;
	struct trace_reader trace;
	int n = cli_parse(&usage, argc, argv);
	if (n < 0)
		return cli_status(n);
	if (!cli_number("--device", device_text, OP_DEV_MAX - 1, &device) ||
	    !cli_number("--max-bytes", bytes_text, 4096, &bytes) ||
	    !cli_number("--most", most_text, 10000, &most))
		return EXIT_USAGE;
	if (!out_dir)
		return fail("lift: missing option -o DIR: the folder to write to");
	if (bytes < 64 || most == 0)
		return fail("lift: --max-bytes is at least 64, --most at least 1");
	if (!trace_open(&trace, argv[0]))
		return fail("%s", trace.error);
	if (trace.head.restored) {
		trace_close(&trace);
		return fail("%s: begins in the midst of a guest's life (a restored machine's trace), so its "
			    "set-up can not be told again; lift one that began with the guest",
			    argv[0]);
	}
	if (device >= trace.head.ndevices) {
		trace_close(&trace);
		return fail("%s: there is no device %llu; it has %u", argv[0], device, trace.head.ndevices);
	}
	const struct trace_device *head = &trace.head.device[device];
	bool known = sim_type(head->id) != NULL;
	if (!known || (head->id == VIRTIO_ID_NET && !lift_net_fits(head))) {
		trace_close(&trace);
		return fail("%s: device %llu can not be lifted: %s", argv[0], device,
			    known ? "it has more pairs of queues than the simulator's three"
				  : "its type can not be simulated");
	}
	struct lift_options o = {
		.device = (uint8_t)device, .bytes_max = (uint32_t)bytes, .sectors = 1024, .data_max = 4096};
	int status = lift(argv[0], &trace, &o, (uint32_t)most);
	trace_warn(&trace);
	trace_close(&trace);
	return status;
}
