// SPDX-License-Identifier: BSD-2-Clause
/* What `ringside export --perfetto` writes, read again: tracks, slices that nest, instants, counters, the verdict. */
#include "export.h"
#include "proto.h"
#include "tests/unit/sample.h"
#include "trace/varint.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* -- a reader of protocol buffers ------------------------------------------------------------------------ */

struct view {
	const uint8_t *at, *stop;
};

struct field {
	uint32_t number;
	uint64_t value; /* of a number */
	struct view bytes;
};

static bool next(struct view *v, struct field *f)
{
	uint64_t key;
	if (v->at == v->stop)
		return false;
	v->at = varint_get(v->at, v->stop, &key);
	assert_non_null(v->at);
	f->number = (uint32_t)(key >> 3);
	v->at = varint_get(v->at, v->stop, &f->value);
	assert_non_null(v->at);
	if ((key & 7) == 0)
		return true;
	assert_int_equal(key & 7, 2);
	assert_true(f->value <= (uint64_t)(v->stop - v->at));
	f->bytes = (struct view){v->at, v->at + f->value};
	v->at += f->value;
	return true;
}

/* The field of that number, or one that is 0 and empty. */
static struct field get(struct view v, uint32_t number)
{
	struct field f;
	while (next(&v, &f))
		if (f.number == number)
			return f;
	return (struct field){0};
}

static void get_string(struct view v, uint32_t number, char *out, size_t max)
{
	struct field f = get(v, number);
	snprintf(out, max, "%.*s", (int)(f.bytes.stop - f.bytes.at), (const char *)f.bytes.at);
}

/* -- what was written, as text --------------------------------------------------------------------------- */

#define TRACKS_MAX 256
#define DEPTH_MAX  4

struct track {
	uint64_t uuid, last;
	char name[64];
	uint32_t depth; /* slices that are open */
	bool counter;
};

static struct track tracks[TRACKS_MAX];
static uint32_t ntracks, nslices, ninstants, ncounters, nbackend;
static char told[16384];

static struct track *find_track(uint64_t uuid)
{
	for (uint32_t i = 0; i < ntracks; i++)
		if (tracks[i].uuid == uuid)
			return &tracks[i];
	return NULL;
}

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void tell(const char *format, ...)
{
	va_list args;
	size_t n = strlen(told);
	va_start(args, format);
	vsnprintf(told + n, sizeof(told) - n, format, args);
	va_end(args);
}

static void take_track(struct view v)
{
	struct track *t = &tracks[ntracks++];
	assert_true(ntracks < TRACKS_MAX);
	*t = (struct track){.uuid = get(v, 1).value, .counter = get(v, 8).number};
	assert_true(t->uuid);
	get_string(v, 2, t->name, sizeof(t->name));
	struct field parent = get(v, 5);
	if (parent.number)
		assert_non_null(find_track(parent.value));
	tell("track %s%s%s\n", t->name, parent.number ? " of " : "",
	     parent.number ? find_track(parent.value)->name : "");
}

/* Slices of a track nest, and each ends where it does not begin later. */
static void take_event(struct view v, uint64_t time)
{
	struct track *t = find_track(get(v, 11).value);
	char name[200];
	assert_non_null(t);
	assert_int_equal(time % 1000, 0);
	get_string(v, 23, name, sizeof(name));
	switch (get(v, 9).value) {
	case 1:
		assert_true(time >= t->last || t->depth);
		assert_true(t->depth++ < DEPTH_MAX && *name);
		nslices++;
		nbackend += !strcmp(name, "at the backend");
		tell("%" PRIu64 " [ %s: %s\n", time / 1000, t->name, name);
		break;
	case 2:
		assert_true(t->depth-- > 0);
		tell("%" PRIu64 " ] %s\n", time / 1000, t->name);
		break;
	case 3:
		assert_false(t->counter);
		ninstants++;
		tell("%" PRIu64 " . %s: %s\n", time / 1000, t->name, name);
		break;
	case 4:
		assert_true(t->counter);
		assert_true(time >= t->last);
		ncounters++;
		tell("%" PRIu64 " = %s: %" PRIu64 "\n", time / 1000, t->name, get(v, 30).value);
		break;
	default:
		fail_msg("an event of type %u", (unsigned)get(v, 9).value);
	}
	t->last = time;
}

static void read_back(const uint8_t *bytes, size_t n)
{
	struct view file = {bytes, bytes + n};
	struct field packet;
	ntracks = nslices = ninstants = ncounters = nbackend = 0;
	*told = 0;
	while (next(&file, &packet)) {
		struct field track = get(packet.bytes, 60), event = get(packet.bytes, 11);
		assert_int_equal(packet.number, 1);
		assert_true(!track.number != !event.number);
		assert_int_equal(get(packet.bytes, 10).value, 1);
		if (track.number)
			take_track(track.bytes);
		else
			take_event(event.bytes, get(packet.bytes, 8).value);
	}
	for (uint32_t i = 0; i < ntracks; i++)
		assert_int_equal(tracks[i].depth, 0);
}

static void export_trace(const char *path, const struct verdict *v, struct exporter *x)
{
	struct trace_reader trace;
	char *bytes = NULL;
	size_t n = 0;
	assert_true(trace_open(&trace, path));
	*x = (struct exporter){
		.trace = &trace, .path = path, .verdict = v, .out = open_memstream(&bytes, &n)};
	assert_true(export_perfetto(x));
	assert_int_equal(fclose(x->out), 0);
	assert_false(trace.bad);
	trace_close(&trace);
	read_back((const uint8_t *)bytes, n);
	free(bytes);
}

static char path[] = "/tmp/ringside-test-XXXXXX";

static int create_path(void **state)
{
	int fd = mkstemp(path);
	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

static void tracks_slices_and_instants(void **state)
{
	const struct verdict v = {
		.kind = VERDICT_VIOLATION, .op = 15, .oracle = "used-ring", .what = "it is wrong"};
	struct exporter x;
	(void)state;
	sample_write(path, sample_overlap);
	export_trace(path, &v, &x);
	assert_int_equal(x.nops, 19);
	assert_int_equal(x.nrequests, 2);
	assert_string_equal(told, "track blk0\n"
				  "track blk0 queue 0 of blk0\n"
				  "track blk0 queue 0 available of blk0\n"
				  "track blk0 queue 0 in flight of blk0\n"
				  "5 . blk0 queue 0: ready\n"
				  "6 . blk0: Status DRIVER_OK\n"
				  "7 . blk0 queue 0: run\n"
				  "track blk0 queue 0 requests of blk0\n"
				  "track blk0 queue 0 requests of blk0\n"
				  "8 = blk0 queue 0 available: 2\n"
				  "9 = blk0 queue 0 available: 1\n"
				  "9 = blk0 queue 0 in flight: 1\n"
				  "11 = blk0 queue 0 available: 0\n"
				  "11 = blk0 queue 0 in flight: 2\n"
				  "8 [ blk0 queue 0 requests: read sector 1, 512 bytes\n"
				  "8 [ blk0 queue 0 requests: waits in the ring\n"
				  "9 ] blk0 queue 0 requests\n"
				  "10 [ blk0 queue 0 requests: at the backend\n"
				  "13 ] blk0 queue 0 requests\n"
				  "14 ] blk0 queue 0 requests\n"
				  "14 = blk0 queue 0 in flight: 1\n"
				  "15 . blk0 queue 0: interrupt\n"
				  "16 . blk0: configuration interrupt\n"
				  "track blk0 offences of blk0\n"
				  "17 . blk0 offences: reg-unknown\n"
				  "18 . blk0: resize\n"
				  "19 . blk0 queue 0: kick\n"
				  "8 [ blk0 queue 0 requests: flush\n"
				  "8 [ blk0 queue 0 requests: waits in the ring\n"
				  "11 ] blk0 queue 0 requests\n"
				  "12 [ blk0 queue 0 requests: at the backend\n"
				  "19 ] blk0 queue 0 requests\n"
				  "19 ] blk0 queue 0 requests\n"
				  "track verdict\n"
				  "15 . verdict: VIOLATION\n");
}

static void no_verdict_no_track(void **state)
{
	const struct verdict v = {.kind = VERDICT_NONE};
	struct exporter x;
	(void)state;
	sample_write(path, sample_overlap);
	export_trace(path, &v, &x);
	assert_null(strstr(told, "verdict"));
}

/* Of a whole boot: as many slices as the trace has requests and submits, and what begins ends. */
static void a_boot(const char *trace, uint64_t least)
{
	const struct verdict v = {.kind = VERDICT_NONE};
	struct exporter x;
	struct trace_reader r;
	struct op op;
	uint64_t count[256] = {0}, used = 0;
	export_trace(trace, &v, &x);
	assert_true(trace_open(&r, trace));
	while (trace_next(&r, &op)) {
		count[op.code]++;
		used += op.code == OP_STORE && op.arg[0] == VMEM_USED_ENTRY;
	}
	trace_close(&r);
	assert_true(used >= least);
	assert_int_equal(x.nrequests, used);
	assert_int_equal(nbackend, count[OP_SUBMIT]);
	assert_true(ninstants > count[OP_RUN] + count[OP_IRQ]);
	assert_true(ncounters > 2 * used);
}

static void whole_boots(void **state)
{
	(void)state;
	a_boot("corpus/traces/debian-boot.vtrace", 1000);
	a_boot("corpus/traces/debian-boot-packed.vtrace", 1000);
	a_boot("corpus/traces/debian-console.vtrace", 90);
}

static void what_does_not_fit_is_told(void **state)
{
	char text[PROTO_MAX];
	struct proto p = {0};
	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	proto_string(&p, 1, text);
	assert_true(p.full);
	assert_true(p.len < 16);
	struct proto q = {0};
	proto_message(&q, 1, &p);
	assert_true(q.full);
	text[PROTO_MAX - 20] = 0;
	p = (struct proto){0};
	proto_string(&p, 1, text);
	assert_false(p.full);
	proto_number(&p, 2, UINT64_MAX);
	proto_number(&p, 2, UINT64_MAX);
	assert_true(p.full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tracks_slices_and_instants),
		cmocka_unit_test(no_verdict_no_track),
		cmocka_unit_test(whole_boots),
		cmocka_unit_test(what_does_not_fit_is_told),
	};
	return cmocka_run_group_tests(tests, create_path, remove_path);
}
