// SPDX-License-Identifier: BSD-2-Clause
/*
 * record: a trace file (core/trace/file.h) that grows while the guest runs.
 *
 * All devices of a trace run under one lock, record->lock, and every call here but create and destroy is made
 * with it held. Records gather in a buffer; a chunk, compressed, is appended with one write(2) when the
 * buffer is full and about every 100 ms while there is something in it. So a process that is killed leaves a
 * file that is readable and lacks little. When the file cannot grow (disk full, --record-limit), it ends at
 * the last whole chunk with a warning, and the guest goes on.
 */
#ifndef KVM_RECORD_H
#define KVM_RECORD_H

#include <pthread.h>
#include <sys/types.h>
#include "boot/err.h"
#include "loop.h"
#include "trace/file.h"
#include "trace/recorder.h"

#define RECORD_BUFFER_LEN  RECORDER_RECORD_MAX /* bytes of records in one chunk at most: a little over 1 MiB */
#define RECORD_PERIOD_NS   100000000
#define RECORD_ARENA_LEN   (16u << 20) /* bytes of lent copies, per device */
#define RECORD_ARENA_BLOCK 4096u

struct record {
	pthread_mutex_t lock;
	struct recorder rec;
	const char *path;
	int fd, timer_fd;
	bool timer_armed;
	uint64_t limit; /* bytes; 0: none */
	uint64_t good;  /* length of the file up to its last whole chunk */
	uint64_t seq;   /* of the next chunk */
	uint8_t *chunk; /* room for one, its header included */
	size_t chunk_max;
	void *zstd;
	struct loop *loop;
	struct loop_fd *watch;
	ssize_t (*write)(int fd, const void *, size_t, off_t); /* pwrite; tests put another here */
};

/* Makes the file and locks it; -1 and one clear line where that is impossible. The path must outlive the
 * record. */
struct record *record_create(const char *path, bool full_payload, uint64_t limit, struct loop *,
			     char err[ERR_MAX]);
/* Writes what describes the devices: before the first record. */
int record_head(struct record *, const struct trace_head *, char err[ERR_MAX]);
/* After a batch: sees to it that what is in the buffer reaches the file soon. */
void record_touch(struct record *);
/* Appends what is in the buffer. */
void record_save(struct record *);
/* Ends the trace with everything that is in it, and frees it. NULL is harmless. */
void record_destroy(struct record *);

/* A device's arena for lent copies; NULL: no memory. */
struct arena *record_arena_create(void);
void record_arena_destroy(struct arena *);

#endif
