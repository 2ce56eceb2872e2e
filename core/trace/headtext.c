// SPDX-License-Identifier: BSD-2-Clause
#include "trace/names.h"
#include "trace/scan.h"
#include "trace/text.h"

static const struct name payloads[] = {{TRACE_PAYLOAD_HASH, "hash"}, {TRACE_PAYLOAD_FULL, "full"}, {0, NULL}};
static const struct name transports[] = {{0, "mmio"}, {0, NULL}};
static const struct name ends[] = {
	{TRACE_END_DONE, "done"}, {TRACE_END_LIMIT, "limit"}, {TRACE_END_ERROR, "error"}, {0, NULL}};

static void put_word(struct fmt *f, const struct name *words, uint64_t v)
{
	const char *word = name_of(words, v);

	if (word)
		fmt_text(f, word);
	else
		fmt_dec(f, v);
}

static void put_key(struct fmt *f, const char *key)
{
	fmt_char(f, ' ');
	fmt_text(f, key);
	fmt_char(f, '=');
}

static void print_trace(struct fmt *f, const struct trace_head *h)
{
	fmt_text(f, "trace");
	put_key(f, "version");
	fmt_dec(f, h->restored ? TRACE_VERSION_LAST : TRACE_VERSION);
	put_key(f, "payload");
	put_word(f, payloads, h->payload);
	put_key(f, "build");
	fmt_quoted(f, h->build);
}

static void print_ram(struct fmt *f, uint64_t gpa, uint64_t len)
{
	fmt_text(f, "ram");
	put_key(f, "gpa");
	fmt_hex(f, gpa, 1);
	put_key(f, "len");
	fmt_hex(f, len, 1);
}

static void print_device(struct fmt *f, const struct trace_device *d, uint32_t number, bool comment)
{
	fmt_text(f, "device ");
	fmt_text(f, name_device(d->id));
	fmt_dec(f, number);
	put_key(f, "id");
	fmt_dec(f, d->id);
	put_key(f, "transport");
	put_word(f, transports, d->transport);
	put_key(f, "features");
	fmt_hex(f, d->features, 1);
	put_key(f, "queues");
	for (uint32_t i = 0; i < d->nqueues; i++) {
		if (i)
			fmt_char(f, ',');
		fmt_dec(f, d->queue_size_max[i]);
	}
	put_key(f, "config");
	fmt_bytes(f, d->config, d->config_len);
	put_key(f, "ident");
	fmt_bytes(f, d->ident, d->ident_len);
	if (comment && d->features) {
		fmt_text(f, " # ");
		name_features(f, d->id, d->features);
	}
}

size_t trace_print_head(const struct trace_head *h, uint32_t i, bool comment, char *out, size_t max)
{
	struct fmt f = {out, max, 0};

	if (!i)
		print_trace(&f, h);
	else if (i - 1 < h->nregions)
		print_ram(&f, h->region[i - 1].gpa, h->region[i - 1].len);
	else if (i - 1 - h->nregions < h->ndevices)
		print_device(&f, &h->device[i - 1 - h->nregions], i - 1 - h->nregions, comment);
	return fmt_end(&f);
}

size_t trace_print_end(uint8_t end, char *out, size_t max)
{
	struct fmt f = {out, max, 0};

	fmt_text(&f, "end ");
	put_word(&f, ends, end);
	return fmt_end(&f);
}

/* -- reading -- */

static const char no_field[] = "no such field on this line";

static const char *parse_version(struct span value, struct trace_head *h)
{
	uint64_t v;
	const char *wrong = span_number(value, UINT64_MAX, &v);

	if (!wrong && (v < TRACE_VERSION || v > TRACE_VERSION_LAST))
		wrong = "another version of the trace format";
	h->restored = !wrong && v == TRACE_VERSION_LAST;
	return wrong;
}

static const char *parse_trace(struct scan *s, struct trace_text *t)
{
	const char *wrong;
	uint64_t v;

	if (t->trace || t->head.ndevices)
		return "the trace line must be the first";
	t->trace = true;
	while (!(wrong = scan_field(s)) && s->key.s) {
		if (span_is(s->key, "version")) {
			wrong = parse_version(s->value, &t->head);
		} else if (span_is(s->key, "payload")) {
			wrong = span_value(s->value, payloads, &v);
			wrong = !wrong && v > TRACE_PAYLOAD_FULL ? "expected hash or full" : wrong;
			t->head.payload = (uint8_t)v;
		} else if (span_is(s->key, "build")) {
			wrong = span_quoted(s->value, t->head.build, sizeof(t->head.build));
		} else {
			wrong = no_field;
		}
		if (wrong)
			return wrong;
	}
	return wrong;
}

static const char *parse_ram(struct scan *s, struct trace_text *t)
{
	struct trace_head *h = &t->head;
	uint64_t at = 0, len = 0;
	const char *wrong;

	if (!t->trace)
		return "only a trace has ram lines: put its trace line first";
	if (h->nregions == VMEM_REGIONS_MAX)
		return "too many ram lines";
	while (!(wrong = scan_field(s)) && s->key.s) {
		if (span_is(s->key, "gpa"))
			wrong = span_number(s->value, UINT64_MAX, &at);
		else if (span_is(s->key, "len"))
			wrong = span_number(s->value, UINT64_MAX, &len);
		else
			wrong = no_field;
		if (wrong)
			return wrong;
	}
	h->region[h->nregions].gpa = at;
	h->region[h->nregions++].len = len;
	return wrong;
}

static const char *parse_queues(struct span w, struct trace_device *d)
{
	d->nqueues = 0;
	while (w.n) {
		struct span one = {w.s, 0};
		const char *wrong;
		uint64_t v;

		while (one.n < w.n && w.s[one.n] != ',')
			one.n++;
		if (d->nqueues == TRACE_QUEUES_MAX)
			return "too many queues";
		wrong = span_number(one, UINT16_MAX, &v);
		if (wrong)
			return wrong;
		d->queue_size_max[d->nqueues++] = (uint16_t)v;
		if (one.n == w.n)
			break;
		w = (struct span){w.s + one.n + 1, w.n - one.n - 1};
		if (!w.n)
			return "expected a queue size behind the comma";
	}
	return NULL;
}

static const char *parse_device_field(const struct scan *s, struct trace_device *d, uint8_t *given)
{
	const char *wrong;
	uint64_t v = 0;
	size_t len = 0;

	if (span_is(s->key, "id")) {
		wrong = span_number(s->value, UINT16_MAX, &v);
		if (!wrong && d->id && d->id != v)
			wrong = "the device's name says another type";
		d->id = (uint16_t)v;
	} else if (span_is(s->key, "transport")) {
		wrong = span_value(s->value, transports, &v);
		if (!wrong && v > UINT16_MAX)
			wrong = "no such transport";
		d->transport = (uint16_t)v;
	} else if (span_is(s->key, "features")) {
		wrong = span_number(s->value, UINT64_MAX, &d->features);
		*given |= TRACE_GIVEN_FEATURES;
	} else if (span_is(s->key, "queues")) {
		wrong = parse_queues(s->value, d);
		*given |= TRACE_GIVEN_QUEUES;
	} else if (span_is(s->key, "config")) {
		wrong = span_bytes(s->value, d->config, sizeof(d->config), &len);
		d->config_len = (uint16_t)len;
		*given |= TRACE_GIVEN_CONFIG;
	} else if (span_is(s->key, "ident")) {
		wrong = span_bytes(s->value, d->ident, sizeof(d->ident), &len);
		d->ident_len = (uint8_t)len;
		*given |= TRACE_GIVEN_IDENT;
	} else {
		wrong = no_field;
	}
	return wrong;
}

static const char *parse_device(struct scan *s, struct trace_text *t)
{
	uint32_t n = t->head.ndevices;
	struct trace_device *d = &t->head.device[n];
	const char *wrong;
	uint64_t number;

	if (n == OP_DEV_MAX)
		return "too many devices";
	if (!scan_word(s))
		return "expected a device such as blk0";
	wrong = span_device(s->word, &d->id, &number);
	if (wrong)
		return wrong;
	if (number != n)
		return "devices are numbered from 0, in order";
	while (!(wrong = scan_field(s)) && s->key.s) {
		wrong = parse_device_field(s, d, &t->given[n]);
		if (wrong)
			return wrong;
	}
	t->head.ndevices++;
	return wrong;
}

static const char *parse_end(struct scan *s, struct trace_text *t)
{
	const char *wrong;
	uint64_t v;

	if (!t->trace)
		return "only a trace has an end line";
	if (!scan_word(s))
		return "expected done, limit or error";
	wrong = span_value(s->word, ends, &v);
	if (wrong || v > UINT8_MAX)
		return "expected done, limit or error";
	t->ended = true;
	t->end = (uint8_t)v;
	return NULL;
}

const char *trace_parse_head(const char *line, size_t n, struct trace_text *t, bool *taken, size_t *at)
{
	struct scan s = {.line = line, .n = n};
	const char *wrong = NULL;

	*taken = scan_word(&s);
	s.key = s.word;
	if (*taken && span_is(s.word, "trace"))
		wrong = parse_trace(&s, t);
	else if (*taken && span_is(s.word, "ram"))
		wrong = parse_ram(&s, t);
	else if (*taken && span_is(s.word, "device"))
		wrong = parse_device(&s, t);
	else if (*taken && span_is(s.word, "end"))
		wrong = parse_end(&s, t);
	else
		*taken = false;
	*at = wrong ? scan_column(&s, s.word) : 0;
	return wrong;
}
