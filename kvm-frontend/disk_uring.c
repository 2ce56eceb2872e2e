// SPDX-License-Identifier: BSD-2-Clause
/*
 * The io_uring engine. Calls are only queued by start; reap hands all of them over in one system call, and
 * most of them are over when that returns (a RAM disk's, the page cache's), so they are answered without the
 * detour through the event loop. The ring's own descriptor is what the loop watches: it is readable exactly
 * while there are completions that nobody took.
 */
#include "disk.h"
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RETRY_NS 1000000

struct uring {
	struct io_uring ring;
	int fd; /* the file */
};

static void prepare_transfer(struct io_uring_sqe *sqe, int fd, const struct disk_op *op)
{
	const struct iovec *iov = (const struct iovec *)(const void *)op->span;
	bool single = op->nspans == 1; /* spares the kernel the import of a list */

	if (op->kind == DISK_OP_READ && single)
		io_uring_prep_read(sqe, fd, iov->iov_base, (unsigned)iov->iov_len, op->offset);
	else if (op->kind == DISK_OP_READ)
		io_uring_prep_readv(sqe, fd, iov, op->nspans, op->offset);
	else if (single)
		io_uring_prep_write(sqe, fd, iov->iov_base, (unsigned)iov->iov_len, op->offset);
	else
		io_uring_prep_writev(sqe, fd, iov, op->nspans, op->offset);
	sqe->rw_flags = op->flags;
}

/* There is an entry for every request that can be in flight, so the queue is never full. */
static bool uring_start(void *ctx, uint16_t id, const struct disk_op *op, int64_t *result)
{
	struct uring *u = ctx;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	if (!sqe) {
		*result = -EBUSY;
		return true;
	}
	if (op->kind == DISK_OP_SYNC)
		io_uring_prep_fsync(sqe, u->fd, IORING_FSYNC_DATASYNC);
	else if (op->kind == DISK_OP_ALLOCATE)
		io_uring_prep_fallocate(sqe, u->fd, op->flags, (off_t)op->offset, (off_t)op->len);
	else
		prepare_transfer(sqe, u->fd, op);
	sqe->user_data = id;
	return false;
}

/*
 * Nothing that was taken may be lost, and a short-lived lack of memory (EAGAIN, EBUSY) is the only reason for
 * which the kernel does not take a queue that it could take a moment before: so try until it does.
 */
static void hand_over(struct uring *u, unsigned wait)
{
	const struct timespec pause = {.tv_nsec = RETRY_NS};

	while (io_uring_sq_ready(&u->ring) || wait) {
		int n = io_uring_submit_and_wait(&u->ring, wait);

		if (n >= 0)
			wait = 0;
		else if (n != -EINTR)
			nanosleep(&pause, NULL);
		if (n < 0 && io_uring_cq_ready(&u->ring))
			return; /* what is finished makes room */
	}
}

static unsigned uring_reap(void *ctx, bool wait, void (*done)(void *, uint16_t, int64_t), void *done_ctx)
{
	struct uring *u = ctx;
	struct io_uring_cqe *cqe;
	unsigned n = 0;

	hand_over(u, wait && !io_uring_cq_ready(&u->ring));
	for (; !io_uring_peek_cqe(&u->ring, &cqe); n++) {
		uint16_t id = (uint16_t)cqe->user_data;
		int64_t result = cqe->res;

		io_uring_cqe_seen(&u->ring, cqe); /* first: done may queue the request's next call */
		done(done_ctx, id, result);
	}
	return n;
}

static void uring_destroy(void *ctx)
{
	struct uring *u = ctx;

	io_uring_queue_exit(&u->ring);
	free(u);
}

/*
 * The kernel makes what stands in a ring as calls of its own, which no seccomp filter sees. So the ring itself
 * refuses everything but what is needed here, registrations of any kind, too.
 */
int disk_uring_restrict(int ring_fd)
{
	static const uint8_t needed[] = {IORING_OP_READ,   IORING_OP_READV, IORING_OP_WRITE,
					 IORING_OP_WRITEV, IORING_OP_FSYNC, IORING_OP_FALLOCATE};
	struct io_uring_restriction allow[sizeof(needed)];

	memset(allow, 0, sizeof(allow));
	for (size_t i = 0; i < sizeof(needed); i++) {
		allow[i].opcode = IORING_RESTRICTION_SQE_OP;
		allow[i].sqe_op = needed[i];
	}
	if (io_uring_register((unsigned)ring_fd, IORING_REGISTER_RESTRICTIONS, allow, sizeof(needed)) < 0)
		return -1;
	return io_uring_register((unsigned)ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) < 0 ? -1 : 0;
}

int disk_uring_create(struct disk_engine *e, int fd)
{
	struct uring *u = calloc(1, sizeof(*u));

	if (!u || io_uring_queue_init(BLK_INFLIGHT_MAX, &u->ring, IORING_SETUP_R_DISABLED)) {
		free(u);
		return -1;
	}
	if (disk_uring_restrict(u->ring.ring_fd)) {
		uring_destroy(u);
		return -1;
	}
	/* Not a registered file: the kernel would hold on to it, and so to its lock, for a while after our
	 * end. */
	u->fd = fd;
	*e = (struct disk_engine){"io_uring", u->ring.ring_fd, uring_start, uring_reap, uring_destroy, u};
	return 0;
}
