// SPDX-License-Identifier: BSD-2-Clause
/*
 * export: a trace in forms that people look at with other programs: Perfetto's timeline, a page for a browser,
 * network frames for Wireshark. `ringside export` opens the trace and the output; one file for each form
 * (export_NAME.c) reads the one and writes the other.
 */
#ifndef RINGSIDE_EXPORT_H
#define RINGSIDE_EXPORT_H

#include "follow.h"
#include "tracefile.h"

#include <stdio.h>

enum verdict_kind {
	VERDICT_NONE,       /* nothing was wrong */
	VERDICT_VIOLATION,  /* a rule was broken */
	VERDICT_DIVERGENCE, /* this build's devices do something else */
	VERDICT_UNKNOWN,    /* this build can not replay it */
};

/* What a strict replay says of the trace. */
struct verdict {
	enum verdict_kind kind;
	uint64_t op; /* from 1 */
	uint8_t dev;
	char oracle[32], clause[48]; /* of a violation; clause: "" where there is none */
	char what[512];              /* one line */
};

struct exporter {
	struct trace_reader *trace; /* at its first op */
	const char *path;           /* the trace's */
	const struct verdict *verdict;
	FILE *out;
	/* What was written, for the summary. */
	uint64_t nops, nrequests, nframes;
	uint64_t ncut;   /* ops that did not fit any more */
	char error[256]; /* where a form returned false */
};

/* Read all ops and write. False: error tells, or the stream is in error (a full disk). */
bool export_perfetto(struct exporter *);
bool export_html(struct exporter *);
bool export_pcapng(struct exporter *);

/* A device's name in text: "blk0". */
#define EXPORT_DEVICE_MAX 24
void export_device(const struct trace_head *, uint8_t dev, char *name);

#endif
