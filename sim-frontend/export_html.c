// SPDX-License-Identifier: BSD-2-Clause
/*
 * A trace as one page for a browser, with all that it needs inside. Two blocks of data stand in it, deflated and
 * as base64: `listing`, the lines that `ringside show` prints, each behind the digit of the queue that it is about
 * ('-': none); and `facts`, as JSON: what follow.c found (queues, requests) and what the replay said. The page
 * (page/) rebuilds memory from the lines, so ringside alone reads trace files.
 */
#include <inttypes.h>
#include <stdlib.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "clauses.h"
#include "export.h"
#include "pack.h"
#include "page.h"
#include "trace/text.h"

#define OPS_MAX     1000000u /* that a page holds */
#define PAYLOAD_MAX 256u     /* bytes of a lent buffer that it holds */

struct html {
	struct exporter *x;
	struct follow *follow;
	char *line;
	size_t line_max;
	/* JSON, without the outermost brackets */
	FILE *requests, *queues;
	char *requests_text, *queues_text;
	size_t requests_len, queues_len;
};

/* -- JSON ------------------------------------------------------------------------------------------------ */

static void put_string(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f)
			fprintf(f, "\\u%04x", (unsigned char)*s);
		else
			fputc(*s, f);
	}
	fputc('"', f);
}

/* Numbers are exact up to 2^53 there; an address above is a string. */
static void put_address(FILE *f, uint64_t a)
{
	if (a < 1ull << 53)
		fprintf(f, "%" PRIu64, a);
	else
		fprintf(f, "\"0x%" PRIx64 "\"", a);
}

static void put_comma(FILE *f)
{
	if (ftell(f) > 0)
		fputs(",\n", f);
}

/* In the order of REQUEST_FIELDS in page/model.js. */
static void on_ended(void *ctx, const struct follow_request *r, enum follow_end how)
{
	struct html *h = ctx;
	FILE *f = h->requests;
	h->x->nrequests++;
	put_comma(f);
	fprintf(f, "[%u,%u,%u,%u,%u,%u,", r->serial, r->dev, r->queue, r->slot, r->ndesc, r->id);
	fprintf(f, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%d,%d,%u,", r->published,
		r->popped, r->submitted, r->done, r->ended, (int)how, r->status, r->used_len);
	put_address(f, r->table);
	fprintf(f, ",%u,", r->table_len);
	put_string(f, r->name);
	fputs(",[", f);
	for (uint16_t i = 0; i < r->nsegs; i++) {
		if (i)
			fputc(',', f);
		put_address(f, r->seg[i].addr);
		fprintf(f, ",%u,%d", r->seg[i].len, r->seg[i].write);
	}
	fputs("]]", f);
}

static void on_began(void *ctx, struct follow_request *r)
{
	(void)ctx;
	(void)r;
}

static bool has(const struct follow_device *d, unsigned feature)
{
	return d->accepted >> feature & 1;
}

/* The names of negotiated features, from the text of an op that has them. */
static void put_features(struct html *h, uint8_t dev)
{
	const struct op op = {.code = OP_OFFER, .dev = dev, .arg = {h->follow->device[dev].accepted}};
	char text[OP_TEXT_MAX(0)];
	const char *comment =
		op_print(&op, h->x->trace->ids, true, text, sizeof(text)) ? strstr(text, "# ") : NULL;
	put_string(h->queues, comment ? comment + 2 : "");
}

static void on_queue(void *ctx, uint8_t dev, uint16_t queue)
{
	static const char *const areas[] = {"desc", "driver", "device"};
	struct html *h = ctx;
	const struct follow_device *d = &h->follow->device[dev];
	const struct follow_queue *q = &d->queue[queue];
	FILE *f = h->queues;
	put_comma(f);
	fprintf(f, "{\"op\":%" PRIu64 ",\"dev\":%u,\"queue\":%u,\"ready\":%s,\"size\":%u", h->follow->nr, dev,
		queue, q->ready ? "true" : "false", q->size);
	for (int i = 0; i < 3; i++) {
		fprintf(f, ",\"%s\":", areas[i]);
		put_address(f, q->area[i]);
	}
	fprintf(f, ",\"packed\":%s,\"eventIdx\":%s,\"features\":",
		has(d, VIRTIO_F_RING_PACKED) ? "true" : "false",
		has(d, VIRTIO_RING_F_EVENT_IDX) ? "true" : "false");
	put_features(h, dev);
	fputc('}', f);
}

static const struct follow_events events = {on_began, on_ended, on_queue};

static void put_verdict(FILE *f, const struct verdict *v)
{
	static const char *const kinds[] = {"none", "violation", "divergence", "unknown"};
	const struct clause *clause = clause_find(v->clause);
	fprintf(f, "\"verdict\":{\"kind\":\"%s\",\"op\":%" PRIu64 ",\"dev\":%u,\"oracle\":", kinds[v->kind],
		v->op, v->dev);
	put_string(f, v->oracle);
	fputs(",\"clause\":", f);
	put_string(f, v->clause);
	fputs(",\"rule\":", f);
	put_string(f, clause ? clause->rule : "");
	fputs(",\"what\":", f);
	put_string(f, v->what);
	fputs("},\n", f);
}

static void put_head(struct html *h, FILE *f)
{
	const struct trace_head *head = &h->x->trace->head;
	char line[TRACE_TEXT_LINE_MAX];
	const char *name = strrchr(h->x->path, '/');
	fputs("\"file\":", f);
	put_string(f, name ? name + 1 : h->x->path);
	fputs(",\"devices\":[", f);
	for (uint32_t i = 0; i < head->ndevices; i++) {
		export_device(head, (uint8_t)i, line);
		fprintf(f, "%s{\"name\":\"%s\",\"nqueues\":%u}", i ? "," : "", line, head->device[i].nqueues);
	}
	fputs("],\"head\":[", f);
	for (uint32_t i = 0; trace_print_head(head, i, true, line, sizeof(line)); i++) {
		if (i)
			fputc(',', f);
		put_string(f, line);
	}
	fputs("],\n", f);
}

static void put_ending(struct html *h, FILE *f)
{
	const struct trace_reader *r = h->x->trace;
	char line[TRACE_TEXT_LINE_MAX] = "";
	if (h->x->ncut)
		snprintf(line, sizeof(line), "(the first %u ops of more)", OPS_MAX);
	else if (r->ended)
		trace_print_end(r->end, line, sizeof(line));
	else
		snprintf(line, sizeof(line), "(cut short)");
	fprintf(f, "\"cut\":%s,\"ending\":", h->x->ncut || !r->ended ? "true" : "false");
	put_string(f, line);
	fputs(",\n", f);
}

/* -- the listing ----------------------------------------------------------------------------------------- */

static bool reserve(struct html *h, size_t n)
{
	char *line = n > h->line_max ? realloc(h->line, n) : h->line;
	if (!line)
		return false;
	h->line_max = n > h->line_max ? n : h->line_max;
	h->line = line;
	return true;
}

static bool put_line(struct html *h, struct pack *p, const struct op *op)
{
	static const char digits[] = "0123456789abcdef";
	struct op shown = *op;
	_Static_assert(FOLLOW_QUEUES_MAX < sizeof(digits), "a digit for each queue");
	if ((op->code == OP_PIN || op->code == OP_UNPIN) && op->len > PAYLOAD_MAX)
		shown.len = PAYLOAD_MAX;
	if (!reserve(h, OP_TEXT_MAX(shown.len) + 2))
		return false;
	h->line[0] = h->follow->about < FOLLOW_QUEUES_MAX ? digits[h->follow->about] : '-';
	size_t n = op_print(&shown, h->x->trace->ids, true, h->line + 1, h->line_max - 2);
	h->line[n + 1] = '\n';
	pack_text(p, h->line, n + 2);
	return n && !p->failed;
}

static bool put_listing(struct html *h)
{
	struct pack p;
	struct op op;
	bool ok = true;
	pack_begin(&p, h->x->out);
	while (ok && trace_next(h->x->trace, &op)) {
		if (h->follow->nr == OPS_MAX) {
			h->x->ncut++;
			continue;
		}
		ok = follow_op(h->follow, &op) && put_line(h, &p, &op);
	}
	h->x->nops = h->follow->nr;
	follow_end(h->follow);
	return pack_end(&p) && ok;
}

/* -- the page -------------------------------------------------------------------------------------------- */

static bool put_facts(struct html *h)
{
	char *text = NULL;
	size_t n = 0;
	struct pack p;
	FILE *f = open_memstream(&text, &n);
	if (!f || fclose(h->requests) || fclose(h->queues)) {
		h->requests = h->queues = NULL;
		return false;
	}
	h->requests = h->queues = NULL;
	fputs("{", f);
	put_head(h, f);
	put_verdict(f, h->x->verdict);
	put_ending(h, f);
	fprintf(f, "\"queues\":[%s],\n\"requests\":[%s]}\n", h->queues_text, h->requests_text);
	bool ok = fclose(f) == 0;
	pack_begin(&p, h->x->out);
	if (ok)
		pack_text(&p, text, n);
	free(text);
	return pack_end(&p) && ok;
}

static void put_top(FILE *out)
{
	static const char mark[] = "%css";
	const char *at = strstr(page_html, mark);
	fwrite(page_html, 1, (size_t)(at - page_html), out);
	fputs(page_css, out);
	fputs(at + sizeof(mark) - 1, out);
}

static bool put_page(struct html *h)
{
	FILE *out = h->x->out;
	put_top(out);
	fputs("<script type=\"text/plain\" id=\"listing\">", out);
	bool ok = put_listing(h);
	fputs("</script>\n<script type=\"text/plain\" id=\"facts\">", out);
	ok = ok && put_facts(h);
	fprintf(out, "</script>\n<script>\n%s%s%s</script>\n</body>\n</html>\n", page_model_js, page_rings_js,
		page_view_js);
	return ok;
}

bool export_html(struct exporter *x)
{
	struct html h = {.x = x};
	bool ok = false;
	h.follow = follow_create(&x->trace->head, &events, &h, x->error, sizeof(x->error));
	if (!h.follow)
		return false;
	h.requests = open_memstream(&h.requests_text, &h.requests_len);
	h.queues = open_memstream(&h.queues_text, &h.queues_len);
	if (h.requests && h.queues)
		ok = put_page(&h);
	if (!ok)
		snprintf(x->error, sizeof(x->error), "out of memory");
	if (h.requests)
		fclose(h.requests);
	if (h.queues)
		fclose(h.queues);
	free(h.requests_text);
	free(h.queues_text);
	free(h.line);
	follow_destroy(h.follow);
	return ok;
}
