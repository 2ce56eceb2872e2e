// SPDX-License-Identifier: BSD-2-Clause
#include "tests/unit/sample.h"
#include "textfile.h"
#include "tracefile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

const char sample_overlap[] = "trace version=1 payload=hash build=\"by hand\"\n"
			      "ram gpa=0x0 len=0x10000\n"
			      "device blk0 id=2 transport=mmio features=0x100000000 queues=4 config= ident=\n"
			      "blk0 write reg=0x38 size=4 value=4\n"
			      "blk0 write reg=0x80 size=4 value=0x1000\n"
			      "blk0 write reg=0x90 size=4 value=0x1100\n"
			      "blk0 write reg=0xa0 size=4 value=0x1200\n"
			      "blk0 write reg=0x44 size=4 value=1\n"
			      "blk0 write reg=0x70 size=4 value=4\n"
			      "blk0 run queue=0\n"
			      "blk0 load for=avail_idx gpa=0x1102 data=0200\n"
			      "blk0 load for=avail_entry gpa=0x1104 data=0000\n"
			      "blk0 submit id=0 type=read sector=1 len=512\n"
			      "blk0 load for=avail_entry gpa=0x1106 data=0100\n"
			      "blk0 submit id=1 type=flush\n"
			      "blk0 done id=0\n"
			      "blk0 store for=used_entry gpa=0x1204 data=0000000001020000\n"
			      "blk0 irq source=0\n"
			      "blk0 irq source=0xffff\n"
			      "blk0 offence offence=reg-unknown\n"
			      "blk0 resize sectors=9\n"
			      "blk0 write reg=0x50 size=4 value=0\n"
			      "end done\n";

void sample_write(const char *path, const char *text)
{
	struct trace_writer w;
	struct textfile t;
	struct op op;
	FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	assert_true(textfile_take(&t, "test", f));
	assert_true(trace_create(&w, path, &t.text.head));
	while (textfile_next(&t, &op))
		assert_true(trace_write(&w, &op));
	assert_string_equal(t.error, "");
	textfile_close(&t);
	assert_true(trace_finish(&w, TRACE_END_DONE));
}
