// SPDX-License-Identifier: BSD-2-Clause
/*
 * tracefile: reads and writes whole trace files (core/trace/file.h tells the format), one op after another.
 *
 * A reader trusts nothing: every chunk is checked before its ops are handed out, a device number is below
 * head.ndevices. It reads forward only, a chunk at a time, so it also reads from a pipe.
 */
#ifndef RINGSIDE_TRACEFILE_H
#define RINGSIDE_TRACEFILE_H

#include "outfile.h"
#include "trace/file.h"
#include "trace/op.h"

#include <stdio.h>

struct trace_reader {
	struct trace_head head;
	uint16_t ids[OP_DEV_MAX]; /* virtio device ids, for op_print */
	uint64_t nops;            /* handed out so far: the number, from 1, of the latest op */
	uint64_t nskipped;        /* records of kinds that this build does not know */
	/* After trace_next returned false: */
	bool bad;        /* damaged, or a read error; error tells */
	bool truncated;  /* no END chunk, or it ends inside a chunk: all whole ones were read */
	bool ended;      /* there was an END chunk: the recorder stopped on purpose */
	uint8_t end;     /* enum trace_end */
	char error[512]; /* one line, with the path; also for truncated */
	/* private */
	const char *path;
	FILE *file;
	const uint8_t *at, *stop; /* undecoded ops of the current chunk */
	uint64_t offset, next_seq, chunk, chunk_offset;
	uint32_t version, begun; /* begun: bit per device, something of it was read */
	uint8_t *stored, *plain; /* the current chunk; they grow, up to TRACE_CHUNK_MAX */
	size_t stored_max, plain_max;
	void *zstd;
};

/* Opens and reads the head. False: error tells; nothing to close. */
bool trace_open(struct trace_reader *, const char *path);
/* The next op; its data is valid until the next call. False: no more, see above. */
bool trace_next(struct trace_reader *, struct op *);
void trace_close(struct trace_reader *);
/* Prints ops first..last (numbers from 1) of a file, decoded, each behind `prefix`: the last ops before a
 * divergence. */
void trace_print_range(const char *path, uint64_t first, uint64_t last, const char *prefix, FILE *out);
/* After the last trace_next: one line on standard error for a truncated tail or unknown records. */
void trace_warn(const struct trace_reader *);

struct trace_writer {
	char error[512]; /* after anything returned false */
	/* private */
	const char *path;
	bool restored; /* as its head says */
	struct outfile out;
	uint8_t *plain, *stored;
	size_t len;
	uint64_t seq;
	void *zstd;
};

/* Begins a file with its head; it is there when it is finished (outfile.h). False: error tells; nothing to close. */
bool trace_create(struct trace_writer *, const char *path, const struct trace_head *);
bool trace_write(struct trace_writer *, const struct op *);
/* Writes what is left, and an END chunk unless end is negative, and closes. */
bool trace_finish(struct trace_writer *, int end);
/* What was written is no good; a file that was there before still is. */
void trace_abandon(struct trace_writer *);

#endif
