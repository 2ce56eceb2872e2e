// SPDX-License-Identifier: BSD-2-Clause
/* What `ringside export --html` puts into a page: the data, unpacked again. What the page makes of it is tested in a browser
 * (tests/e2e/export.sh). */
#include "export.h"
#include "pack.h"
#include "tests/unit/sample.h"
#include "written.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define TEXT_MAX 65536

static uint32_t digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;
	assert_non_null(at);
	return (uint32_t)(at - digits);
}

/* base64 of zlib's format, as text. */
static void unpack(const char *text, size_t n, char *out)
{
	static uint8_t packed[TEXT_MAX];
	uLongf len = TEXT_MAX - 1;
	size_t npacked = 0;
	assert_int_equal(n % 4, 0);
	for (size_t i = 0; i < n; i += 4) {
		int pads = (text[i + 2] == '=') + (text[i + 3] == '=');
		uint32_t v = digit(text[i]) << 18 | digit(text[i + 1]) << 12;
		v |= pads < 2 ? digit(text[i + 2]) << 6 : 0;
		v |= pads < 1 ? digit(text[i + 3]) : 0;
		for (int k = 0; k < 3 - pads; k++)
			packed[npacked++] = (uint8_t)(v >> (16 - 8 * k));
		assert_true(pads == 0 || i + 4 == n);
	}
	assert_int_equal(uncompress((Bytef *)out, &len, packed, npacked), Z_OK);
	WRITTEN(out, len);
	out[len] = 0;
}

static void what_is_packed_is_unpacked(void **state)
{
	static char text[5000], back[TEXT_MAX];
	(void)state;
	for (size_t n = 0; n < sizeof(text); n = n < 40 ? n + 1 : 3 * n) {
		char *packed = NULL;
		size_t len = 0;
		struct pack p;
		FILE *f = open_memstream(&packed, &len);
		for (size_t i = 0; i < n; i++)
			text[i] = (char)('a' + i * i % 23);
		text[n] = 0;
		pack_begin(&p, f);
		pack_text(&p, text, n / 3);
		pack_text(&p, text + n / 3, n - n / 3);
		assert_true(pack_end(&p));
		assert_int_equal(fclose(f), 0);
		unpack(packed, len, back);
		assert_string_equal(back, text);
		free(packed);
	}
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

/* The page of a trace's text, and its two blocks. */
struct page {
	char *html;
	struct exporter x;
	char listing[TEXT_MAX], facts[TEXT_MAX];
};

static void take_block(const char *html, const char *id, char *out)
{
	char mark[80];
	snprintf(mark, sizeof(mark), "<script type=\"text/plain\" id=\"%s\">", id);
	const char *at = strstr(html, mark);
	assert_non_null(at);
	at += strlen(mark);
	unpack(at, strcspn(at, "<"), out);
}

static struct page *make_page(const char *text, const struct verdict *v)
{
	struct page *p = calloc(1, sizeof(*p));
	struct trace_reader trace;
	size_t n;
	assert_non_null(p);
	sample_write(path, text);
	assert_true(trace_open(&trace, path));
	p->x = (struct exporter){.trace = &trace,
				 .path = "there/a \"b\".vtrace",
				 .verdict = v,
				 .out = open_memstream(&p->html, &n)};
	assert_true(export_html(&p->x));
	assert_int_equal(fclose(p->x.out), 0);
	trace_close(&trace);
	take_block(p->html, "listing", p->listing);
	take_block(p->html, "facts", p->facts);
	return p;
}

static void free_page(struct page *p)
{
	free(p->html);
	free(p);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no %s in %s", part, text);
}

static void lines_and_facts(void **state)
{
	const struct verdict v = {.kind = VERDICT_VIOLATION,
				  .op = 15,
				  .oracle = "notification",
				  .clause = "split.usednotif.5",
				  .what = "it is\n<wrong>"};
	struct page *p = make_page(sample_overlap, &v);
	(void)state;
	assert_int_equal(p->x.nops, 19);
	assert_int_equal(p->x.nrequests, 2);
	/* Each line behind its queue's digit. */
	assert_memory_equal(p->listing, "0blk0 write reg=0x038", 21);
	assert_has(p->listing, "\n-blk0 write reg=0x070 ");
	assert_has(p->listing, "\n0blk0 load for=avail_idx gpa=0x1102 data=0200            # idx=2\n");
	assert_has(p->listing, "\n-blk0 irq source=0xffff ");
	/* serial, dev, queue, slot, ndesc, id; published to ended; how, status, used; table; name, segments */
	assert_has(p->facts, "[0,0,0,0,1,0,8,9,10,13,14,1,-1,513,0,0,\"read sector 1, 512 bytes\",[]]");
	assert_has(p->facts, "[1,0,0,1,1,1,8,11,12,0,19,0,-1,0,0,0,\"flush\",[]]");
	assert_has(p->facts,
		   "{\"op\":5,\"dev\":0,\"queue\":0,\"ready\":true,\"size\":4,\"desc\":4096,\"driver\":4352,"
		   "\"device\":4608,\"packed\":false");
	assert_has(p->facts, "\"file\":\"a \\\"b\\\".vtrace\"");
	assert_has(p->facts, "\"what\":\"it is\\u000a<wrong>\"");
	assert_has(p->facts, "\"rule\":\"with EVENT_IDX");
	assert_has(p->facts, "\"ending\":\"end done\"");
	assert_has(p->html, "</html>");
	assert_null(strstr(p->html, "%css"));
	free_page(p);
}

#define SIXTEEN "00112233445566778899aabbccddeeff"
#define BYTES64 SIXTEEN SIXTEEN SIXTEEN SIXTEEN

/* Of a payload the beginning stands there; an address that no number holds exactly is a string. */
static void payload_and_addresses(void **state)
{
	static const char text[] = "trace version=1 payload=full build=\"x\"\n"
				   "ram gpa=0x0 len=0x10000\n"
				   "device blk0 queues=4\n"
				   "blk0 write reg=0x38 size=4 value=4\n"
				   "blk0 write reg=0x84 size=4 value=0xffffffff\n"
				   "blk0 write reg=0x44 size=4 value=1\n"
				   "blk0 unpin kind=store gpa=0x4000 len=320 stored=320 data=" BYTES64 BYTES64
					   BYTES64 BYTES64 BYTES64 "\n"
				   "blk0 poke gpa=0x4000 data=" BYTES64 BYTES64 BYTES64 BYTES64 BYTES64 "\n"
				   "end done\n";
	const struct verdict v = {.kind = VERDICT_NONE};
	struct page *p = make_page(text, &v);
	(void)state;
	assert_has(p->facts, "\"desc\":\"0xffffffff00000000\"");
	assert_has(p->listing, " data=" BYTES64 BYTES64 BYTES64 BYTES64 "\n");
	assert_has(p->listing, "poke gpa=0x4000 data=" BYTES64 BYTES64 BYTES64 BYTES64 BYTES64 "\n");
	free_page(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_packed_is_unpacked),
		cmocka_unit_test(lines_and_facts),
		cmocka_unit_test(payload_and_addresses),
	};
	return cmocka_run_group_tests(tests, create_path, remove_path);
}
