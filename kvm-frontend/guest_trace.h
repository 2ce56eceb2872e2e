// SPDX-License-Identifier: BSD-2-Clause
/* guest_trace: a whole trace file (core/trace/file.h) in memory, for --guest-program. */
#ifndef KVM_GUEST_TRACE_H
#define KVM_GUEST_TRACE_H

#include "boot/err.h"
#include "trace/file.h"

#define GUEST_TRACE_MAX (1u << 28) /* bytes of records, as they are once unpacked */

struct guest_trace {
	struct trace_head head;
	uint16_t ids[OP_DEV_MAX]; /* virtio device ids, for names */
	struct op *ops;           /* data points into bytes */
	uint32_t nops;
	bool violated; /* the recording ends in a violation, which is not among the ops */
	uint8_t *bytes;
	size_t len;
};

int guest_trace_load(struct guest_trace *, const char *path, char err[ERR_MAX]);
void guest_trace_destroy(struct guest_trace *);

#endif
