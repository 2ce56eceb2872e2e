// SPDX-License-Identifier: BSD-2-Clause
/*
 * A trace as Perfetto's own protocol buffers (ui.perfetto.dev opens them). Time is the op's number: one op is one
 * microsecond, since a trace has no clock of its own.
 *
 *   blk0                        status, configuration changes, what the host did
 *     blk0 queue 0              kicks, runs, interrupts
 *     blk0 queue 0 requests     a slice from publication to used entry; in it, how long it waited and how long
 *                               the backend had it. Tracks of one name are one: requests that overlap lie on
 *                               tracks of their own, which the viewer draws as rows of the same.
 *     blk0 queue 0 available    counters
 *     blk0 queue 0 in flight
 *     blk0 offences
 *   verdict                     the violation, or where a replay diverges
 *
 * Field numbers are those of Perfetto's protos (protos/perfetto/trace/).
 */
#include <stdlib.h>

#include <linux/virtio_mmio.h>

#include "export.h"
#include "host.h"
#include "proto.h"
#include "trace/text.h"

enum { TRACE_PACKET = 1 };
enum { PACKET_TIMESTAMP = 8, PACKET_SEQUENCE = 10, PACKET_EVENT = 11, PACKET_TRACK = 60 };
enum {
	TRACK_UUID = 1,
	TRACK_NAME = 2,
	TRACK_PARENT = 5,
	TRACK_COUNTER = 8,
	TRACK_ORDERING = 11,
	TRACK_RANK = 12
};
enum { ORDERING_EXPLICIT = 3 };
enum { COUNTER_UNIT_NAME = 6 };
enum { EVENT_NOTE = 4, EVENT_TYPE = 9, EVENT_TRACK = 11, EVENT_NAME = 23, EVENT_COUNTER_VALUE = 30 };
enum { TYPE_BEGIN = 1, TYPE_END = 2, TYPE_INSTANT = 3, TYPE_COUNTER = 4 };
enum { NOTE_NUMBER = 3, NOTE_STRING = 6, NOTE_NAME = 10 };

#define NS_PER_OP 1000u
#define SEQUENCE  1u
#define LANES_MAX 1024u /* requests of a queue that lie beside each other; more lie in the last lane */
#define UUID_TOP  1u    /* the track of the verdict; a device's begin above it */

/* In the order in which they are shown. */
enum what { WHAT_EVENTS, WHAT_REQUESTS, WHAT_AVAILABLE, WHAT_IN_FLIGHT, WHAT_OFFENCES };

struct perfetto {
	struct exporter *x;
	struct follow *follow;
	char line[OP_TEXT_MAX(64)]; /* the op under way as text */
	bool named[OP_DEV_MAX][FOLLOW_QUEUES_MAX], offended[OP_DEV_MAX];
	uint16_t nlanes[OP_DEV_MAX][FOLLOW_QUEUES_MAX]; /* that have a track */
	bool lane[OP_DEV_MAX][FOLLOW_QUEUES_MAX][LANES_MAX];
	uint32_t available[OP_DEV_MAX][FOLLOW_QUEUES_MAX], in_flight[OP_DEV_MAX][FOLLOW_QUEUES_MAX];
};

/* -- packets --------------------------------------------------------------------------------------------- */

static void put_packet(struct perfetto *p, const struct proto *packet)
{
	struct proto trace = {0};
	proto_message(&trace, TRACE_PACKET, packet);
	if (trace.full)
		snprintf(p->x->error, sizeof(p->x->error), "a packet of more than %d bytes", PROTO_MAX);
	fwrite(trace.buf, 1, trace.len, p->x->out);
}

static uint64_t device_track(uint8_t dev)
{
	return (uint64_t)(dev + 1) << 32;
}

static uint64_t track(uint8_t dev, uint16_t queue, enum what what, uint32_t lane)
{
	return device_track(dev) | (uint64_t)(queue + 1) << 16 | (uint64_t)what << 12 | lane;
}

static void put_track(struct perfetto *p, uint64_t uuid, uint64_t parent, const char *name, uint32_t rank,
		      bool counter)
{
	struct proto t = {0}, c = {0}, packet = {0};
	proto_number(&t, TRACK_UUID, uuid);
	proto_string(&t, TRACK_NAME, name);
	if (parent)
		proto_number(&t, TRACK_PARENT, parent);
	proto_number(&t, TRACK_ORDERING, ORDERING_EXPLICIT);
	proto_number(&t, TRACK_RANK, rank);
	if (counter) {
		proto_string(&c, COUNTER_UNIT_NAME, "requests");
		proto_message(&t, TRACK_COUNTER, &c);
	}
	proto_number(&packet, PACKET_SEQUENCE, SEQUENCE);
	proto_message(&packet, PACKET_TRACK, &t);
	put_packet(p, &packet);
}

static struct proto event(uint64_t uuid, uint64_t type)
{
	struct proto e = {0};
	proto_number(&e, EVENT_TYPE, type);
	proto_number(&e, EVENT_TRACK, uuid);
	return e;
}

static void note_string(struct proto *e, const char *name, const char *value)
{
	struct proto n = {0};
	proto_string(&n, NOTE_NAME, name);
	proto_string(&n, NOTE_STRING, value);
	proto_message(e, EVENT_NOTE, &n);
}

static void note_number(struct proto *e, const char *name, uint64_t value)
{
	struct proto n = {0};
	proto_string(&n, NOTE_NAME, name);
	proto_number(&n, NOTE_NUMBER, value);
	proto_message(e, EVENT_NOTE, &n);
}

static void put_event(struct perfetto *p, uint64_t op, const struct proto *e)
{
	struct proto packet = {0};
	proto_number(&packet, PACKET_TIMESTAMP, op * NS_PER_OP);
	proto_number(&packet, PACKET_SEQUENCE, SEQUENCE);
	proto_message(&packet, PACKET_EVENT, e);
	put_packet(p, &packet);
}

static void put_slice(struct perfetto *p, uint64_t uuid, uint64_t from, uint64_t to, const char *name)
{
	struct proto begin = event(uuid, TYPE_BEGIN), end = event(uuid, TYPE_END);
	if (!from || to <= from)
		return;
	proto_string(&begin, EVENT_NAME, name);
	put_event(p, from, &begin);
	put_event(p, to, &end);
}

/* -- tracks ---------------------------------------------------------------------------------------------- */

static void name_device(struct perfetto *p, uint8_t dev)
{
	char name[EXPORT_DEVICE_MAX];
	export_device(&p->x->trace->head, dev, name);
	put_track(p, device_track(dev), 0, name, dev + 1u, false);
}

static void name_queue(struct perfetto *p, uint8_t dev, uint16_t queue)
{
	static const char *const words[] = {"", " requests", " available", " in flight"};
	char device[EXPORT_DEVICE_MAX], name[EXPORT_DEVICE_MAX + 40];
	if (p->named[dev][queue])
		return;
	p->named[dev][queue] = true;
	export_device(&p->x->trace->head, dev, device);
	for (uint32_t what = WHAT_EVENTS; what <= WHAT_IN_FLIGHT; what++) {
		if (what == WHAT_REQUESTS)
			continue; /* named as they are needed */
		snprintf(name, sizeof(name), "%s queue %u%s", device, queue, words[what]);
		put_track(p, track(dev, queue, what, 0), device_track(dev), name, queue * 8u + what,
			  what >= WHAT_AVAILABLE);
	}
}

static uint32_t take_lane(struct perfetto *p, uint8_t dev, uint16_t queue)
{
	char device[EXPORT_DEVICE_MAX], name[EXPORT_DEVICE_MAX + 40];
	uint32_t lane = 0;
	while (lane < LANES_MAX - 1 && p->lane[dev][queue][lane])
		lane++;
	p->lane[dev][queue][lane] = true;
	if (lane < p->nlanes[dev][queue])
		return lane;
	p->nlanes[dev][queue]++;
	export_device(&p->x->trace->head, dev, device);
	snprintf(name, sizeof(name), "%s queue %u requests", device, queue);
	put_track(p, track(dev, queue, WHAT_REQUESTS, lane), device_track(dev), name,
		  queue * 8u + WHAT_REQUESTS, false);
	return lane;
}

/* -- requests and queues --------------------------------------------------------------------------------- */

static void on_began(void *ctx, struct follow_request *r)
{
	struct perfetto *p = ctx;
	name_queue(p, r->dev, r->queue);
	r->mark = take_lane(p, r->dev, r->queue);
}

static void on_ended(void *ctx, const struct follow_request *r, enum follow_end how)
{
	static const char *const words[] = {"the trace is over", "used", "used with a later one (IN_ORDER)",
					    "dropped: the queue was reset, or the device broke"};
	struct perfetto *p = ctx;
	uint64_t uuid = track(r->dev, r->queue, WHAT_REQUESTS, r->mark);
	struct proto begin = event(uuid, TYPE_BEGIN), end = event(uuid, TYPE_END);
	p->lane[r->dev][r->queue][r->mark] = false;
	p->x->nrequests++;
	proto_string(&begin, EVENT_NAME, r->name);
	note_number(&begin, "slot", r->slot);
	if (r->popped) {
		note_number(&begin, "id", r->id);
		note_number(&begin, "buffers", r->nsegs);
		note_number(&begin, "bytes for the device to read", r->read_len);
		note_number(&begin, "bytes for the device to write", r->write_len);
		note_string(&begin, "table", r->table_len ? "indirect" : "in the ring");
	}
	note_string(&begin, "end", words[how]);
	if (how == FOLLOW_USED)
		note_number(&begin, "used length", r->used_len);
	if (r->status >= 0)
		note_number(&begin, "status", (uint64_t)r->status);
	put_event(p, r->published, &begin);
	put_slice(p, uuid, r->published, r->popped, "waits in the ring");
	put_slice(p, uuid, r->submitted, r->done ? r->done : r->ended, "at the backend");
	put_event(p, r->ended, &end);
}

static void on_queue(void *ctx, uint8_t dev, uint16_t queue)
{
	struct perfetto *p = ctx;
	const struct follow_queue *q = &p->follow->device[dev].queue[queue];
	struct proto e = event(track(dev, queue, WHAT_EVENTS, 0), TYPE_INSTANT);
	name_queue(p, dev, queue);
	proto_string(&e, EVENT_NAME, q->ready ? "ready" : "not ready any more");
	note_number(&e, "size", q->size);
	put_event(p, p->follow->nr, &e);
}

static const struct follow_events events = {on_began, on_ended, on_queue};

static void put_counter(struct perfetto *p, uint64_t uuid, uint32_t *last, uint32_t now)
{
	struct proto e = event(uuid, TYPE_COUNTER);
	if (*last == now)
		return;
	*last = now;
	proto_number(&e, EVENT_COUNTER_VALUE, now);
	put_event(p, p->follow->nr, &e);
}

static void put_counters(struct perfetto *p)
{
	for (uint32_t k = 0; k < p->x->trace->head.ndevices; k++)
		for (uint16_t i = 0; i < FOLLOW_QUEUES_MAX; i++) {
			const uint8_t dev = (uint8_t)k;
			const struct follow_queue *q = &p->follow->device[dev].queue[i];
			put_counter(p, track(dev, i, WHAT_AVAILABLE, 0), &p->available[dev][i],
				    q->navailable);
			put_counter(p, track(dev, i, WHAT_IN_FLIGHT, 0), &p->in_flight[dev][i], q->ninflight);
		}
}

/* -- instants -------------------------------------------------------------------------------------------- */

static void put_instant(struct perfetto *p, uint64_t uuid, const char *name)
{
	struct proto e = event(uuid, TYPE_INSTANT);
	proto_string(&e, EVENT_NAME, name);
	note_number(&e, "op", p->follow->nr);
	note_string(&e, "text", p->line);
	put_event(p, p->follow->nr, &e);
}

/* On the queue's track, or the device's where it is about no queue. */
static void put_of_queue(struct perfetto *p, const struct op *op, const char *name)
{
	if (p->follow->about != FOLLOW_NO_QUEUE)
		name_queue(p, op->dev, p->follow->about);
	put_instant(p,
		    p->follow->about == FOLLOW_NO_QUEUE ? device_track(op->dev)
							: track(op->dev, p->follow->about, WHAT_EVENTS, 0),
		    name);
}

static void put_offence(struct perfetto *p, const struct op *op)
{
	char name[EXPORT_DEVICE_MAX + 16];
	uint64_t uuid = track(op->dev, FOLLOW_QUEUES_MAX, WHAT_OFFENCES, 0);
	if (!p->offended[op->dev]) {
		export_device(&p->x->trace->head, op->dev, name);
		snprintf(name + strlen(name), sizeof(name) - strlen(name), " offences");
		put_track(p, uuid, device_track(op->dev), name, FOLLOW_QUEUES_MAX * 8u, false);
	}
	p->offended[op->dev] = true;
	put_instant(p, uuid,
		    op->arg[0] < OFFENCE_COUNT ? offence_info((enum offence)op->arg[0])->name : "offence");
}

static void put_status(struct perfetto *p, const struct op *op)
{
	const char *comment = strstr(p->line, "# ");
	put_instant(p, device_track(op->dev), comment ? comment + 2 : "Status");
}

static void put_op(struct perfetto *p, const struct op *op)
{
	switch (op->code) {
	case OP_WRITE:
		if (op->arg[0] == VIRTIO_MMIO_QUEUE_NOTIFY)
			put_of_queue(p, op, "kick");
		else if (op->arg[0] == VIRTIO_MMIO_STATUS)
			put_status(p, op);
		break;
	case OP_RUN:
		put_of_queue(p, op, "run");
		break;
	case OP_AGAIN:
		put_of_queue(p, op, "again");
		break;
	case OP_IRQ:
		put_of_queue(p, op,
			     op->arg[0] == HOST_SOURCE_CONFIG ? "configuration interrupt" : "interrupt");
		break;
	case OP_OFFENCE:
		put_offence(p, op);
		break;
	default:
		/* What else comes from outside by the host's own hand: a new size, a cable, a frame. */
		if (op->code >= OP_RESIZE && op->code != OP_POKE && op_info(op->code)->class == OP_CLASS_IN)
			put_of_queue(p, op, op_info(op->code)->text);
	}
}

static void put_verdict(struct perfetto *p)
{
	const struct verdict *v = p->x->verdict;
	struct proto e = event(UUID_TOP, TYPE_INSTANT);
	if (v->kind != VERDICT_VIOLATION && v->kind != VERDICT_DIVERGENCE)
		return;
	put_track(p, UUID_TOP, 0, "verdict", 0, false);
	proto_string(&e, EVENT_NAME, v->kind == VERDICT_VIOLATION ? "VIOLATION" : "divergence");
	note_number(&e, "op", v->op);
	note_string(&e, "oracle", v->oracle);
	note_string(&e, "clause", v->clause);
	note_string(&e, "what", v->what);
	put_event(p, v->op, &e);
}

static void put_line(struct perfetto *p, const struct op *op)
{
	struct op shown = *op;
	if (shown.len > 64)
		shown.len = 64;
	size_t n = 0;
	if (!op_print(&shown, p->x->trace->ids, true, p->line, sizeof(p->line)))
		*p->line = 0;
	for (const char *s = p->line; *s; s++) /* the padding ahead of the comment */
		if (*s != ' ' || s[1] != ' ')
			p->line[n++] = *s;
	p->line[n] = 0;
}

bool export_perfetto(struct exporter *x)
{
	struct perfetto *p = calloc(1, sizeof(*p));
	struct op op;
	if (p) {
		p->x = x;
		p->follow = follow_create(&x->trace->head, &events, p, x->error, sizeof(x->error));
	} else {
		snprintf(x->error, sizeof(x->error), "out of memory");
	}
	for (uint8_t dev = 0; p && p->follow && dev < x->trace->head.ndevices; dev++)
		name_device(p, dev);
	while (p && p->follow && !*x->error && trace_next(x->trace, &op)) {
		put_line(p, &op);
		if (!follow_op(p->follow, &op))
			snprintf(x->error, sizeof(x->error), "out of memory");
		put_op(p, &op);
		put_counters(p);
	}
	if (p && p->follow) {
		x->nops = p->follow->nr;
		follow_end(p->follow);
		put_verdict(p);
		follow_destroy(p->follow);
	}
	free(p);
	return !*x->error;
}
