// SPDX-License-Identifier: BSD-2-Clause
/* What `ringside export --pcapng` writes, block by block. That other programs read it is tested with one (tests/e2e/export.sh). */
#include "export.h"
#include "tests/unit/sample.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char path[] = "/tmp/ringside-test-XXXXXX";
static char told[16384];

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

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void tell(const char *format, ...)
{
	va_list args;
	size_t n = strlen(told);
	va_start(args, format);
	vsnprintf(told + n, sizeof(told) - n, format, args);
	va_end(args);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t padded(uint32_t n)
{
	return (n + 3) & ~3u;
}

/* Options end with one of code 0, exactly where the block does. */
static void tell_options(const uint8_t *p, const uint8_t *end)
{
	for (;;) {
		assert_true(end - p >= 4);
		uint32_t code = get32(p) & 0xffff, n = get32(p) >> 16;
		p += 4;
		assert_true(padded(n) <= (uint32_t)(end - p));
		if (code == 0)
			break;
		if (code == 1)
			tell(" \"%.*s\"", (int)n, (const char *)p);
		else if (code == 2 && n == 4)
			tell(" flags %u", get32(p));
		p += padded(n);
	}
	assert_ptr_equal(p, end);
}

static void tell_packet(const uint8_t *p, const uint8_t *end)
{
	uint32_t caught = get32(p + 12);
	assert_true(caught <= get32(p + 16));
	assert_int_equal(get32(p + 4), 0);
	tell("%u: if %u, %u of %u:", get32(p + 8), get32(p), caught, get32(p + 16));
	for (uint32_t i = 0; i < caught && i < 24; i++)
		tell("%s%02x", i ? "" : " ", p[20 + i]);
	tell_options(p + 20 + padded(caught), end);
	tell("\n");
}

static void read_back(const uint8_t *p, size_t n)
{
	const uint8_t *end = p + n;
	*told = 0;
	for (uint32_t len; p < end; p += len) {
		assert_true(end - p >= 12);
		len = get32(p + 4);
		assert_true(len % 4 == 0 && len >= 12 && len <= (size_t)(end - p));
		assert_int_equal(get32(p + len - 4), len);
		if (get32(p) == 0x0a0d0d0a) {
			assert_int_equal(get32(p + 8), 0x1a2b3c4d);
		} else if (get32(p) == 1) {
			assert_int_equal(get32(p + 8), 1);
			assert_int_equal(get32(p + 16), 2 | 4 << 16); /* its name */
			tell("interface %.4s\n", (const char *)p + 20);
			tell_options(p + 24, p + len - 4);
		} else {
			assert_int_equal(get32(p), 6);
			tell_packet(p + 8, p + len - 4);
		}
	}
}

static bool export_text(const char *text, struct exporter *x)
{
	const struct verdict v = {.kind = VERDICT_NONE};
	struct trace_reader trace;
	char *bytes = NULL;
	size_t n = 0;
	sample_write(path, text);
	assert_true(trace_open(&trace, path));
	*x = (struct exporter){
		.trace = &trace, .path = "a", .verdict = &v, .out = open_memstream(&bytes, &n)};
	bool ok = export_pcapng(x);
	assert_int_equal(fclose(x->out), 0);
	trace_close(&trace);
	if (ok)
		read_back((const uint8_t *)bytes, n);
	free(bytes);
	return ok;
}

#define HEAD                                               \
	"trace version=1 payload=full build=\"by hand\"\n" \
	"ram gpa=0x0 len=0x10000\n"                        \
	"device blk0 queues=4\n"                           \
	"device net1 queues=256,256\n"                     \
	"device net2 queues=256,256\n"
/* flags 1, gso TCPv4 with ECN, hdr_len 54, gso_size 1448, csum_start 34, csum_offset 16 */
#define HEADER    "01813600a80522001000"
#define ADDRESSES "ffffffffffff525400123456"

static void frames_that_are_sent(void **state)
{
	struct exporter x;
	(void)state;
	assert_true(export_text(
		HEAD "blk0 pin kind=load gpa=0 len=2 granted=1 data=0102\n"
		     "net1 pin kind=load gpa=0x1000 len=12 granted=1 data=" ADDRESSES "\n"
		     "net2 pin kind=load gpa=0x1000 len=2 granted=1 data=eeee\n"
		     "net1 pin kind=load gpa=0x2000 len=2 granted=1 data=0806\n"
		     "net1 submit id=0 type=0 sector=3 len=14 spans=2 data=" HEADER "\n"
		     "net2 pin kind=load gpa=0x1002 len=9 granted=0\n" /* no room: all of it again */
		     "net2 pin kind=load gpa=0x1000 len=2 granted=1 data=abcd\n"
		     "net2 pin kind=load gpa=0x1002 len=9 granted=1 hash=0x1\n"
		     "net2 pin kind=load gpa=0x100b len=1 granted=1 data=ff\n" /* behind a gap */
		     "net2 submit id=0 type=0 len=12\n"
		     "net2 submit id=1 type=0 len=60\n"
		     "end done\n",
		&x));
	assert_int_equal(x.nops, 11);
	assert_int_equal(x.nframes, 3);
	assert_string_equal(
		told, "interface net1\ninterface net2\n"
		      "5: if 0, 14 of 14: ffffffffffff5254001234560806 flags 2 \"op 5: transmitted, pair 3; "
		      "virtio header: flags 0x1, gso TCPv4 ECN, gso_size 1448, hdr_len 54, csum_start 34, "
		      "csum_offset 16\"\n"
		      "10: if 1, 2 of 12: abcd flags 2 \"op 10: transmitted, pair 0; 10 of 12 bytes are not "
		      "in the trace\"\n"
		      "11: if 1, 0 of 60: flags 2 \"op 11: transmitted, pair 0; 60 of 60 bytes are not in "
		      "the trace\"\n");
}

static void frames_that_are_received(void **state)
{
	struct exporter x;
	(void)state;
	assert_true(export_text(HEAD "net1 frame pair=0 len=16 data=" HEADER ADDRESSES "0806\n"
				     "net1 submit id=4 type=1 len=16 spans=2\n"
				     "net1 done id=4 nested=1\n"
				     "net1 unpin kind=store gpa=0x1000 len=12 stored=12 data=" ADDRESSES "\n"
				     "net1 unpin kind=store gpa=0x2000 len=4 stored=4 data=08060001\n"
				     "net1 answer value=0\n"
				     /* hashed: the first bytes are those that the device looked at */
				     "net1 frame pair=0 len=60 data=" HEADER ADDRESSES "0800\n"
				     "net1 submit id=4 type=1 len=60\n"
				     "net1 answer value=0\n"
				     "net1 done id=4\n"
				     "net1 unpin kind=store gpa=0x1000 len=60 stored=60 hash=0x1\n"
				     /* kept by the backend; comes again and is dropped */
				     "net1 frame pair=1 len=60 data=" HEADER ADDRESSES "0800\n"
				     "net1 answer value=1\n"
				     "net1 frame pair=1 len=60 data=" HEADER ADDRESSES "0800\n"
				     "net1 answer value=2\n"
				     /* that failed: no frame */
				     "net1 submit id=5 type=1 len=60\n"
				     "net1 done id=5 result=1\n"
				     "end done\n",
				&x));
	assert_int_equal(x.nframes, 3);
	assert_non_null(
		strstr(told, "3: if 0, 16 of 16: ffffffffffff52540012345608060001 flags 1 \"op 3: received, "
			     "pair 0; virtio header: flags 0x1, gso TCPv4 ECN, "));
	assert_non_null(
		strstr(told, "10: if 0, 14 of 60: ffffffffffff5254001234560800 flags 1 \"op 10: received"));
	assert_non_null(strstr(told, "46 of 60 bytes are not in the trace\""));
	assert_non_null(strstr(
		told, "14: if 0, 14 of 60: ffffffffffff5254001234560800 flags 1 \"op 14: arrived, and was "
		      "dropped by the device, pair 1"));
}

/* Anything may stand in a trace that somebody wrote. */
static void nonsense_is_passed_over(void **state)
{
	struct exporter x;
	(void)state;
	assert_true(export_text(HEAD "net1 pin kind=load gpa=0 len=0xffffffffffffffff granted=1 data=00\n"
				     "net1 submit id=0xffffffff type=0 len=0xffffffffffffffff data=00\n"
				     "net1 submit id=0xffffffff type=1 len=0xffffffffffffffff\n"
				     "net1 submit id=1 type=1 len=0xffffffffffffffff\n"
				     "net1 done id=0xffffffff\n"
				     "net1 done id=2\n"
				     "net1 done id=1\n"
				     "net1 unpin kind=store gpa=0 len=1 stored=0xffffffffffffffff data=aa\n"
				     "net1 unpin kind=store gpa=0 len=1 stored=0xffffffffffffffff data=aa\n"
				     "net1 frame len=0\n"
				     "net1 answer value=2\n"
				     "net1 frame len=3 data=" HEADER ADDRESSES ADDRESSES ADDRESSES "\n"
				     "net1 answer value=2\n",
				&x));
	assert_int_equal(x.nframes, 4);
}

static void no_network_no_file(void **state)
{
	struct exporter x;
	(void)state;
	assert_false(export_text("trace version=1 payload=full build=\"x\"\nram gpa=0x0 len=0x1000\ndevice "
				 "blk0 queues=4\nend done\n",
				 &x));
	assert_string_equal(x.error, "a has no network device");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_that_are_sent),
		cmocka_unit_test(frames_that_are_received),
		cmocka_unit_test(nonsense_is_passed_over),
		cmocka_unit_test(no_network_no_file),
	};
	return cmocka_run_group_tests(tests, create_path, remove_path);
}
