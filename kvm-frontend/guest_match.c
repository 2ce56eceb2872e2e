// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>
#include <string.h>
#include "guest_run.h"
#include "trace/text.h"

#define SHOWN 64 /* bytes of data in a message */

const struct op *guest_next(const struct guest_run *g)
{
	return g->diverged || g->at == g->trace.nops ? NULL : &g->trace.ops[g->at];
}

static void put_op(const struct guest_run *g, const char *who, const struct op *op)
{
	char line[OP_TEXT_MAX(SHOWN)];
	struct op cut;

	if (!op) {
		printf("  %s: nothing\n", who);
		return;
	}
	cut = *op;
	cut.len = op->len < SHOWN ? op->len : SHOWN;
	if (op_print(&cut, g->trace.ids, cut.len == op->len, line, sizeof(line)))
		printf("  %s: %s%s\n", who, line, cut.len < op->len ? "..." : "");
}

void guest_diverge(struct guest_run *g, const struct op *did)
{
	if (g->diverged)
		return;
	printf("DIFFERS at record %u of the trace:\n", g->at + 1);
	put_op(g, "simulator", guest_next(g));
	put_op(g, "this machine", did);
	g->diverged = true;
}

uint64_t guest_narrow(uint64_t value, uint64_t size)
{
	return size < 8 ? value & ((UINT64_C(1) << 8 * size) - 1) : value;
}

static bool same(const struct op *a, const struct op *b)
{
	struct op x = *a, y = *b;

	if (x.code == OP_WRITE && y.code == OP_WRITE) {
		x.arg[2] = guest_narrow(x.arg[2], x.arg[1]);
		y.arg[2] = guest_narrow(y.arg[2], y.arg[1]);
	}
	return x.code == y.code && x.dev == y.dev && x.len == y.len && !memcmp(x.arg, y.arg, sizeof(x.arg)) &&
	       (x.len == 0 || !memcmp(x.data, y.data, x.len));
}

const struct op *guest_next_unpin(const struct guest_run *g, uint8_t dev, uint32_t *at)
{
	while (*at < g->trace.nops) {
		const struct op *op = &g->trace.ops[(*at)++];

		if (op->code == OP_UNPIN && op->dev == dev && op->arg[0] == VMEM_STORE)
			return op;
	}
	return NULL;
}

/* Bytes that a backend delivered and a device dropped (a reset came first) are in no trace: their hash says
 * nothing. */
static bool same_payload(const struct guest_run *g, const struct op *want, const struct op *did)
{
	uint32_t at = g->at;

	if (want->code != OP_PAYLOAD || did->code != OP_PAYLOAD || want->dev != did->dev ||
	    want->len != did->len)
		return false;
	for (uint32_t i = 0; i < want->len; i += 8) {
		const struct op *unpin = guest_next_unpin(g, want->dev, &at);

		if (unpin && unpin->len && memcmp(want->data + i, did->data + i, 8) != 0)
			return false;
	}
	return true;
}

/* The simulator counts its records another way when it looks whether a state is due. */
static void check_states(struct guest_run *g)
{
	const struct op *want;

	while ((want = guest_next(g)) && want->code == OP_STATE) {
		struct op did = {
			.code = OP_STATE, .dev = want->dev, .arg = {mmio_hash(&g->dev[want->dev].dev->mmio)}};

		if (!same(want, &did)) {
			guest_diverge(g, &did);
			return;
		}
		g->count.checked++;
		g->at++;
	}
}

void guest_match(struct guest_run *g)
{
	struct recorder *r = &g->record.rec;
	size_t used = 0;
	struct op did;

	for (size_t at = 0; at < r->len && op_decode(r->buf + at, r->len - at, &did, &used) == OP_DECODED;
	     at += used) {
		const struct op *want = guest_next(g);

		if (!want && g->trace.violated)
			break; /* the simulator stopped in the midst of this */
		if (!want || !(same(want, &did) || same_payload(g, want, &did))) {
			guest_diverge(g, &did);
			break;
		}
		guest_tell(g, want);
		g->count.checked += op_info(did.code)->class == OP_CLASS_OUT || did.code == OP_READ;
		g->at++;
	}
	r->len = 0;
	r->since_state = 0; /* states are compared here, where the trace has them */
	if (!g->working)
		check_states(g);
}
