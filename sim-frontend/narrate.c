// SPDX-License-Identifier: BSD-2-Clause
#include <inttypes.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdio.h>

#include "narrate.h"

static const char *const request[8] = {"IN",      "OUT",          "FLUSH",       "GET_ID",
				       "DISCARD", "WRITE_ZEROES", "unsupported", "SECURE_ERASE"};

static const char *status_name(int status)
{
	static const char *const name[] = {"OK", "IOERR", "UNSUPP"};
	return (unsigned)status < 3 ? name[status] : "strange";
}

static void begin(const struct sim_device *d)
{
	printf("          %s%u ", d->type->name, d->nr);
}

static void on_read(void *ctx, struct sim_device *d, uint64_t off, uint32_t size, uint64_t value)
{
	const struct narrator *n = ctx;
	(void)size;
	if (n->quiet || n->code != OP_READ)
		return;
	begin(d);
	printf("register 0x%03" PRIx64 " is 0x%" PRIx64 "\n", off, value);
}

static void on_interrupt(void *ctx, struct sim_device *d, uint16_t source)
{
	const struct narrator *n = ctx;
	if (n->quiet)
		return;
	begin(d);
	if (source == HOST_SOURCE_CONFIG)
		printf("interrupt: configuration change\n");
	else
		printf("interrupt: used buffers on queue %u\n", source);
}

static void on_offence(void *ctx, struct sim_device *d, enum offence o)
{
	static const char *const reaction[] = {"ignored", "refused", "answered with an error status",
					       "the device needs a reset"};
	const struct narrator *n = ctx;
	const struct offence_info *i = offence_info(o);
	if (n->quiet)
		return;
	begin(d);
	printf("offence %s%s%s: %s; %s\n", i->name, *i->clause ? " " : "", i->clause, i->what,
	       reaction[i->reaction]);
}

static void on_held(void *ctx, struct sim_device *d, uint32_t nheld)
{
	const struct narrator *n = ctx;
	if (n->quiet)
		return;
	begin(d);
	printf("request held back at the backend (%u now)\n", nheld);
}

static void on_used(void *ctx, struct sim_device *d, uint16_t queue, uint16_t id, uint32_t len, uint32_t type,
		    int status)
{
	const struct narrator *n = ctx;
	if (n->quiet)
		return;
	begin(d);
	printf("used: queue %u id %u len %u", queue, id, len);
	if (d->type->id == VIRTIO_ID_BLOCK && status >= 0)
		printf(", %s: %s", request[type % 8], status_name(status));
	putchar('\n');
}

static void on_note(void *ctx, struct sim_device *d, const char *text)
{
	const struct narrator *n = ctx;
	if (n->quiet)
		return;
	begin(d);
	printf("driver: %s\n", text);
}

static void on_nested(void *ctx, const struct op *op)
{
	const struct narrator *n = ctx;
	char line[OP_TEXT_MAX(OP_PROGRAM_DATA_MAX)];
	if (!n->quiet && op_print(op, n->ids, true, line, sizeof(line)))
		printf("    now   %s\n", line);
}

static const struct machine_events events = {
	.nested = on_nested,
	.read = on_read,
	.interrupt = on_interrupt,
	.offence = on_offence,
	.held = on_held,
	.used = on_used,
	.note = on_note,
};

void narrate(struct narrator *n, struct machine *m)
{
	n->machine = m;
	for (uint32_t i = 0; i < m->ndevices; i++)
		n->ids[i] = m->device[i].type->id;
	m->events = &events;
	m->events_ctx = n;
}

void narrate_op(struct narrator *n, const struct op *op)
{
	char line[OP_TEXT_MAX(OP_PROGRAM_DATA_MAX)];
	n->code = op->code;
	if (!n->quiet && op_print(op, n->ids, op->code != OP_READ, line, sizeof(line)))
		printf("%5" PRIu64 "  %s\n", n->machine->op + 1, line);
}

void narrate_end(struct narrator *n)
{
	n->code = OP_NOP;
	if (!n->quiet)
		printf("  end  what is held completes, queues run, used entries are taken\n");
}

void narrate_summary(const struct narrator *n)
{
	const struct machine_stats *s = &n->machine->stats;
	printf("%" PRIu64 " ops, %" PRIu64 " requests: %" PRIu64 " answered, %" PRIu64
	       " of them failed; %" PRIu64 " kicks, %" PRIu64 " interrupts, %" PRIu64
	       " offences; state %016" PRIx64 "\n",
	       s->ops, s->requests, s->answered, s->failed, s->kicks, s->interrupts, s->offences,
	       machine_hash(n->machine));
}
