// SPDX-License-Identifier: BSD-2-Clause
/*
 * oracle_snapshot: a device was saved, and goes on as a fresh one that was loaded from the bytes. It must be
 * the same one: the same state (by its hash, and by its own bytes when it is saved again), the same requests
 * at the backend, each asked for once more under its id and with the same buffers; and neither guest nor
 * memory hears of it. What this look can not see, `ringside sim` does: it runs programs without their saves,
 * too, which must come to the same.
 */
#ifndef RINGSIDE_ORACLE_SNAPSHOT_H
#define RINGSIDE_ORACLE_SNAPSHOT_H

#include "oracle.h"

/* What was seen. */
struct snapshot {
	size_t len, len_max; /* bytes that it saved as, and the most that a device may */
	bool loaded;         /* its own bytes were taken */
	bool same_bytes;     /* loaded, and saved again: the same bytes */
	uint64_t hash[3];    /* of its state: before, loaded, resumed */
	/* The first request that was in flight and was not submitted again, or differs; or was not and was; or
	 * that was twice. -1: none. */
	int32_t lost, changed, invented, repeated;
	uint32_t unlent;   /* pieces of memory that were lent and were not again */
	const char *noise; /* NULL, or: it does this, which is none of its business now */
};

void oracle_snapshot(struct oracle *, const struct snapshot *);

#endif
