// SPDX-License-Identifier: BSD-2-Clause
/*
 * Whatever reads somebody else's traces and texts: preamble, chunks, heads, op records, programs, lines of text.
 * The first byte tells which of them the rest is given to, so that no checksum stands between a fuzzer and the
 * decoders. What decodes must come back the same from its own encoding. Of each device that a head tells one is
 * made, as for a replay, or it is refused; ops that change what a console's ports are, are done to one.
 */
#include <stdlib.h>
#include <string.h>

#include "target.h"
#include "trace/remake.h"
#include "trace/text.h"
#include "twin.h"

#define LINES_MAX 64
#define DATA_MAX  4096

static void must(bool holds)
{
	if (!holds)
		abort();
}

#define NDEVICES 5
static const uint16_t ids[OP_DEV_MAX] = {2, 4, 1, 3, 77}; /* blk, rng, net, console, and none of ours */

static void whole_file(const uint8_t *p, size_t n)
{
	struct trace_chunk c;
	size_t used = TRACE_PREAMBLE_LEN;
	uint32_t version;
	if (trace_get_preamble(p, n, &version) != TRACE_OK)
		return;
	for (uint64_t seq = 0; n > used; seq++) {
		p += used;
		n -= used;
		if (trace_get_chunk(p, n, seq, &c, &used) != TRACE_OK)
			return;
		must(used <= n && c.payload + c.stored_len == p + used);
	}
}

/* -- devices of heads ------------------------------------------------------------------------------------ */

static void nobody(void *ctx, uint16_t which)
{
	(void)ctx;
	(void)which;
}

static const struct twin_doors doors = {.host = {.interrupt = nobody, .again = nobody}};

/* What is made offers what the head says, and tells so in a head of its own. */
static void device(const struct trace_device *t)
{
	static const struct twin_type *const types[] = {&twin_blk, &twin_rng, &twin_console, &twin_net};
	static struct twin twin = {.doors = &doors};
	static struct trace_device again;
	for (uint32_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct twin_device d = {.twin = &twin, .type = types[i], .vdev = malloc(types[i]->size)};
		must(d.vdev != NULL);
		vmem_init(&d.mem, &twin.map);
		if (t->id == types[i]->id && types[i]->make(&d, t) && remake_limits(t, d.vdev)) {
			remake_describe(d.vdev, &again);
			must(again.features == t->features && again.nqueues == t->nqueues);
			must(!memcmp(again.queue_size_max, t->queue_size_max, t->nqueues * sizeof(uint16_t)));
		}
		free(d.vdev);
	}
}

/* Of a map that is valid the last byte of each region is covered, and what lies behind the last one is not. */
static void memory(const struct trace_head *h)
{
	struct vmem_map map = {.nregions = h->nregions};
	struct vmem mem;
	uint64_t end = 0;
	for (uint32_t i = 0; i < h->nregions; i++)
		map.region[i] = (struct vmem_region){h->region[i].gpa, h->region[i].len, NULL};
	if (!vmem_map_valid(&map))
		return;
	vmem_init(&mem, &map);
	for (uint32_t i = 0; i < map.nregions; i++) {
		end = map.region[i].gpa + map.region[i].len;
		must(vmem_covers(&mem, gpa(end - 1), 1) &&
		     vmem_covers(&mem, gpa(map.region[i].gpa), map.region[i].len));
	}
	must(!vmem_covers(&mem, gpa(end), 1) && !vmem_covers(&mem, gpa(end - 1), 2) &&
	     vmem_covers(&mem, gpa(end), 0));
}

/* -- the readers ----------------------------------------------------------------------------------------- */

static void head(const uint8_t *p, size_t n)
{
	static struct trace_head h, again;
	static uint8_t bytes[TRACE_HEAD_LEN_MAX];
	if (!trace_get_head(p, n, &h))
		return;
	size_t len = trace_put_head(bytes, sizeof(bytes), &h);
	must(len && trace_get_head(bytes, len, &again));
	must(!trace_put_head(bytes, len - 1, &h));
	char line[TRACE_TEXT_LINE_MAX];
	for (uint32_t i = 0; i < LINES_MAX && trace_print_head(&h, i, i % 2, line, sizeof(line)); i++)
		;
	for (uint32_t i = 0; i < h.ndevices; i++)
		device(&h.device[i]);
	memory(&h);
}

/* Printed, read and printed again: the same line. Not where there is no room for all of it. */
static void as_text(const struct op *op)
{
	static char line[OP_TEXT_MAX(DATA_MAX)], other[OP_TEXT_MAX(DATA_MAX)];
	static uint8_t data[DATA_MAX];
	struct op back;
	bool blank;
	size_t at, n = op->len <= DATA_MAX ? op_print(op, ids, true, line, sizeof(line)) : 0;
	if (!n || op->dev >= NDEVICES)
		return;
	must(!op_parse(line, n, ids, NDEVICES, &back, data, sizeof(data), &blank, &at) && !blank);
	must(op_print(&back, ids, true, other, sizeof(other)) == n && !memcmp(line, other, n));
	must(!op_print(op, ids, true, other, n) && !op_print(op, ids, true, other, 0));
	size_t bare = op_print(op, ids, false, other, sizeof(other));
	must(bare && bare <= n && !memcmp(line, other, bare));
}

/* As a record of a trace, where it may stand in one; not where there is no room for all of it. */
static void as_record(const struct op *op)
{
	static uint8_t bytes[OP_ENCODED_MAX + DATA_MAX];
	struct op back, far = *op;
	size_t used, len = op->len <= DATA_MAX ? op_encode(op, bytes, sizeof(bytes)) : 0;
	far.dev = OP_DEV_MAX;
	must(!op_encode(&far, bytes, 0) &&
	     (len || op->len > DATA_MAX || op_info(op->code)->class == OP_CLASS_DRV));
	if (!len)
		return;
	must(op_decode(bytes, len, &back, &used) == OP_DECODED && used == len);
	must(!memcmp(back.arg, op->arg, sizeof(op->arg)) && back.len == op->len);
	must(op_encode(op, bytes, len) == len && !op_encode(op, bytes, len - 1));
}

/* To a console of two ports; port 0 can not go. */
static void as_input(const struct op *op, struct console *c)
{
	uint8_t data[REMAKE_FRAME_MAX];
	if (op->code == OP_PORT && remake_port(c, op))
		must(c->options.port[op->arg[0]].there == (op->arg[1] != PORT_REMOVED) ||
		     op->arg[1] > PORT_ADDED);
	must(c->options.port[0].there);
	if (op->code != OP_FRAME)
		return;
	struct net_frame f = remake_frame(op);
	must(remake_frame_data(&f, data) <= sizeof(data));
}

static void records(const uint8_t *p, size_t n)
{
	static struct vmem_map map;
	static struct console c;
	struct vmem mem;
	struct op op = {0};
	vmem_init(&mem, &map);
	console_init(&c, &mem, &doors.host, NULL, &(struct console_backend){0},
		     &(struct console_options){.nports = 2});
	for (size_t used; n; p += used, n -= used) {
		enum op_decode d = op_decode(p, n, &op, &used);
		if (d != OP_DECODED && d != OP_UNKNOWN)
			return;
		must(used && used <= n);
		if (d == OP_UNKNOWN) { /* passed over: there are no words for it */
			must(!op_print(&op, ids, true, (char[1]){0}, 1));
			continue;
		}
		as_text(&op);
		as_record(&op);
		as_input(&op, &c);
	}
}

/* Canonical: decode(encode(decode(x))) is decode(x). */
static void program(const uint8_t *p, size_t n)
{
	static uint8_t bytes[OP_ENCODED_MAX + OP_PROGRAM_DATA_MAX];
	struct op op, back;
	for (size_t used; n; p += used, n -= used) {
		used = op_program_decode(p, n, &op);
		must(used && used <= n);
		size_t len = op_program_encode(&op, bytes, sizeof(bytes));
		must(!op_program_encode(&op, bytes + 1, len - 1));
		must(len && op_program_decode(bytes, len, &back) == len && back.code == op.code &&
		     back.dev == op.dev);
		must(!memcmp(back.arg, op.arg, sizeof(op.arg)) && back.len == op.len);
		must(!op.len || !memcmp(back.data, op.data, op.len));
		as_text(&op);
	}
}

/* Where it may stand in one; data beyond what a program can hold is cut. */
static void as_program(const struct op *op)
{
	static uint8_t bytes[OP_ENCODED_MAX + OP_PROGRAM_DATA_MAX];
	struct op back;
	size_t len = op_program_encode(op, bytes, sizeof(bytes));
	must(!len == (op_info(op->code)->class == OP_CLASS_OUT));
	must(op_program_decode(bytes, len, &back) == len && (!len || back.code == op->code));
	must(!len || op_beyond(op) >= 0 || !memcmp(back.arg, op->arg, sizeof(op->arg)));
}

/* What was read, printed and read again: the same head. */
static void as_head(const struct trace_text *t)
{
	static struct trace_text back;
	static uint8_t bytes[2][TRACE_HEAD_LEN_MAX];
	char line[TRACE_TEXT_LINE_MAX];
	bool taken = true;
	size_t n, at;
	memset(&back, 0, sizeof(back));
	for (uint32_t i = 0; (n = trace_print_head(&t->head, i, true, line, sizeof(line))); i++)
		must(!trace_parse_head(line, n, &back, &taken, &at) && taken);
	n = trace_print_end(t->end, line, sizeof(line));
	must(!trace_parse_head(line, n, &back, &taken, &at) && taken && back.end == t->end);
	n = trace_put_head(bytes[0], sizeof(bytes[0]), &t->head);
	must(n && trace_put_head(bytes[1], sizeof(bytes[1]), &back.head) == n &&
	     !memcmp(bytes[0], bytes[1], n));
}

static void lines(const uint8_t *p, size_t n)
{
	static struct trace_text text;
	static uint8_t data[DATA_MAX];
	struct op op;
	bool good = true;
	memset(&text, 0, sizeof(text));
	for (size_t at, len; n; p += len, n -= len) {
		const uint8_t *end = memchr(p, '\n', n);
		len = end ? (size_t)(end - p) + 1 : n;
		bool taken = false, blank = false;
		const char *line = (const char *)p;
		size_t chars = end ? len - 1 : len;
		if (trace_parse_head(line, chars, &text, &taken, &at) ||
		    (!taken && op_parse(line, chars, ids, NDEVICES, &op, data, sizeof(data), &blank, &at))) {
			good = false; /* who reads a file stops here */
		} else if (!taken && !blank) {
			as_text(&op);
			as_record(&op);
			as_program(&op);
		}
	}
	if (good)
		as_head(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static void (*const readers[])(const uint8_t *, size_t) = {whole_file, head, records, program, lines};
	if (n)
		readers[bytes[0] % (sizeof(readers) / sizeof(readers[0]))](bytes + 1, n - 1);
	return 0;
}
