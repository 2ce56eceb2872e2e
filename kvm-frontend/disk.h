// SPDX-License-Identifier: BSD-2-Clause
/*
 * disk: a block backend (devices/blk.h) over an image or a block device.
 *
 * The device's lock is held in every call. submit takes a request; disk_poll, at the end of a batch, hands
 * what was taken to the kernel in one system call and answers what is finished; `drain` waits for all of it,
 * and needs nobody else's help. Answers come through `done`: from inside submit or drain (nested in the
 * device's own doings), or from disk_poll.
 *
 * Two engines: io_uring, and plain system calls inside submit where a container refuses that or the image is
 * in memory (tmpfs, RAM disk). Requests that direct I/O cannot take as they are go through a bounded, aligned
 * bounce buffer by plain calls; a write of less than the file's blocks, which must read them first, waits
 * until nothing else is in flight, or two of them could undo each other's bytes.
 */
#ifndef KVM_DISK_H
#define KVM_DISK_H

#include <sys/uio.h>
#include "disk_file.h"
#include "disk_step.h"

#define DISK_BOUNCE_LEN (1u << 20) /* bytes */
#define DISK_ZEROES_LEN (1u << 20) /* bytes */

/* The system calls of the plain engine and of bouncing; answers as theirs, but -errno. Tests put others here.
 */
struct disk_calls {
	ssize_t (*readv)(int fd, const struct iovec *, int n, off_t);
	ssize_t (*writev)(int fd, const struct iovec *, int n, off_t, int flags);
	int (*sync)(int fd);
	int (*allocate)(int fd, int flags, off_t, off_t len);
	int (*discard)(int fd, uint64_t offset, uint64_t len);
};
extern const struct disk_calls disk_calls_real;

/* Runs calls. At most one per request is running, named by the request's id. */
struct disk_engine {
	const char *name;
	int watch_fd; /* readable when reap would find something; -1: never */
	/* True: done at once, and *result is what it answered. False: reap will tell. */
	bool (*start)(void *ctx, uint16_t id, const struct disk_op *, int64_t *result);
	/* Hands over what start took, then tells each finished call; wait: at least one. Answers how many. */
	unsigned (*reap)(void *ctx, bool wait, void (*done)(void *done_ctx, uint16_t id, int64_t result),
			 void *done_ctx);
	void (*destroy)(void *ctx);
	void *ctx;
};

struct disk {
	struct disk_file file;
	struct disk_steps steps;
	struct disk_engine engine;
	const struct disk_calls *calls;
	void (*done)(void *ctx, struct blk_io *, enum blk_result, uint32_t bytes);
	void *done_ctx;
	uint8_t *bounce;
	unsigned inflight;                  /* requests taken and not answered */
	unsigned running;                   /* of them, those not in `waiting` */
	uint64_t finished;                  /* requests answered so far */
	uint16_t waiting[BLK_INFLIGHT_MAX]; /* a ring of ids: a write that must be alone, and what came after
					       it */
	unsigned wait_first, nwaiting;
	struct disk_req req[BLK_INFLIGHT_MAX]; /* by id */
};

/*
 * The engine is io_uring where the kernel gives one and the image is not in memory. RINGSIDE_NO_URING in the
 * environment, for tests: 1 never, 0 for an image in memory too.
 */
int disk_open(struct disk *, const char *path, bool read_only, char err[ERR_MAX]);
/* For tests: an engine of their own (NULL: plain calls) and calls of their own, over a file that was opened.
 */
int disk_init(struct disk *, const struct disk_file *, const struct disk_engine *, const struct disk_calls *,
	      char err[ERR_MAX]);
void disk_close(struct disk *); /* drain first */
/* The backend's table; its `done` is disk->done, which must be set before the first request. */
struct blk_backend disk_backend(struct disk *);
/* Submits, and answers what is finished. True: something was answered, and is to be published. */
bool disk_poll(struct disk *);
void disk_drain(struct disk *);

/* -- between the parts ----------------------------------------------------------------------------------- */
/* io_uring; 0, or -1 where the kernel refuses it, or has none whose rings can be restricted (before 5.10). */
int disk_uring_create(struct disk_engine *, int fd);
/* A new ring (IORING_SETUP_R_DISABLED) is enabled, for what the engine needs and nothing else. */
int disk_uring_restrict(int ring_fd);
/* Runs a call here and now, through the bounce buffer where need be. A number of bytes, or -errno. */
int64_t disk_sync_run(struct disk *, const struct disk_op *);
/* The file wants another alignment than the transfer has. */
bool disk_op_misaligned(const struct disk *, const struct disk_op *);
/* Cuts a transfer that begins inside a span down to the rest of that span, which *part then describes. */
void disk_op_whole_spans(struct disk_op *, struct vspan *part);

#endif
