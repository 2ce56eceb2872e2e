// SPDX-License-Identifier: BSD-2-Clause
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "guest_run.h"
#include "trace/text.h"

static void begin(const struct guest_run *g, const struct op *op)
{
	printf("          %s ", g->dev[op->dev].dev->name);
}

static void tell_offence(const struct op *op)
{
	static const char *const reaction[] = {"ignored", "refused", "answered with an error status",
					       "the device needs a reset"};
	const struct offence_info *i = offence_info((enum offence)op->arg[0]);

	printf("offence %s%s%s: %s; %s\n", i->name, *i->clause ? " " : "", i->clause, i->what,
	       reaction[i->reaction]);
}

/* Where a used entry lies tells whose it is; its place in the ring, how it is laid out. */
static void tell_used(const struct vdev *v, const struct op *op)
{
	uint32_t word[2] = {0, 0};
	gpa_t at = gpa(op->arg[1]);
	uint16_t q = 0;

	memcpy(word, op->data, op->len < sizeof(word) ? op->len : sizeof(word));
	for (; q + 1 < v->nqueues; q++) {
		uint64_t area = v->queue[q].area[v->queue[q].packed ? VQ_DESC : VQ_DEVICE].v;

		if (v->queue[q].ready && at.v - area < 16ull * v->queue[q].size + 4)
			break;
	}
	if (v->queue[q].packed)
		printf("used: queue %u id %u len %u\n", q, word[1] & 0xffff, word[0]);
	else
		printf("used: queue %u id %u len %u\n", q, word[0], word[1]);
}

static void tell_store(const struct guest_run *g, const struct op *op)
{
	static const char *const status[] = {"OK", "IOERR", "UNSUPP"};

	if (op->arg[0] == VMEM_USED_ENTRY) {
		begin(g, op);
		tell_used(g->dev[op->dev].dev->vdev, op);
	} else if (op->arg[0] == VMEM_STATUS && op->len) {
		begin(g, op);
		printf("status: %s\n", op->data[0] < 3 ? status[op->data[0]] : "strange");
	}
}

static void tell_line(const struct guest_run *g, const struct op *op)
{
	char line[OP_TEXT_MAX(0)];
	struct op bare = *op;

	bare.len = 0;
	if (op->code == OP_READ)
		bare.arg[2] = 0;
	if (op_print(&bare, g->trace.ids, op->code != OP_READ && op->code != OP_POKE, line, sizeof(line)))
		printf("%5" PRIu32 "  %s%s", g->at + 1, line, op->code == OP_POKE ? "" : "\n");
	if (op->code == OP_POKE)
		printf(", %" PRIu32 " bytes\n", op->len);
}

void guest_tell(const struct guest_run *g, const struct op *op)
{
	switch (op->code) {
	case OP_IRQ:
		begin(g, op);
		if (op->arg[0] == HOST_SOURCE_CONFIG)
			printf("interrupt: configuration change\n");
		else
			printf("interrupt: used buffers on queue %" PRIu64 "\n", op->arg[0]);
		break;
	case OP_OFFENCE:
		begin(g, op);
		tell_offence(op);
		break;
	case OP_STORE:
		tell_store(g, op);
		break;
	default:
		if (op_info(op->code)->class == OP_CLASS_IN)
			tell_line(g, op);
		if (op->code == OP_READ) {
			begin(g, op);
			printf("register 0x%03" PRIx64 " is 0x%" PRIx64 "\n", op->arg[0], op->arg[2]);
		}
	}
}
