// SPDX-License-Identifier: BSD-2-Clause
/* Calls that are made here and now: the plain engine's, and those that must bounce. */
#define _GNU_SOURCE /* preadv, pwritev2 */
#include "disk.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

_Static_assert(sizeof(struct vspan) == sizeof(struct iovec) &&
		       offsetof(struct vspan, base) == offsetof(struct iovec, iov_base) &&
		       offsetof(struct vspan, len) == offsetof(struct iovec, iov_len),
	       "a vspan is an iovec");

/* -- the calls ------------------------------------------------------------------------------------------- */

static ssize_t real_readv(int fd, const struct iovec *iov, int n, off_t offset)
{
	ssize_t got = preadv(fd, iov, n, offset);

	return got < 0 ? -errno : got;
}

static ssize_t real_writev(int fd, const struct iovec *iov, int n, off_t offset, int flags)
{
	ssize_t put = pwritev2(fd, iov, n, offset, flags);

	return put < 0 ? -errno : put;
}

static int real_sync(int fd)
{
	return fdatasync(fd) ? -errno : 0;
}

static int real_allocate(int fd, int flags, off_t offset, off_t len)
{
	return fallocate(fd, flags, offset, len) ? -errno : 0;
}

static int real_discard(int fd, uint64_t offset, uint64_t len)
{
	uint64_t range[2] = {offset, len};

	return ioctl(fd, BLKDISCARD, range) ? -errno : 0;
}

const struct disk_calls disk_calls_real = {real_readv, real_writev, real_sync, real_allocate, real_discard};

/* -- bouncing -------------------------------------------------------------------------------------------- */

bool disk_op_misaligned(const struct disk *d, const struct disk_op *op)
{
	uint64_t mem = op->skip;

	if (!d->file.direct || (op->kind != DISK_OP_READ && op->kind != DISK_OP_WRITE))
		return false;
	for (uint32_t i = 0; i < op->nspans; i++)
		mem |= (uintptr_t)op->span[i].base | op->span[i].len;
	return (mem & (d->file.align_mem - 1)) || ((op->offset | op->len) & (d->file.align - 1));
}

/* Copies n bytes between the spans and buf. */
static void copy_spans(const struct disk_op *op, uint8_t *buf, size_t n, bool to_spans)
{
	size_t skip = op->skip;

	for (const struct vspan *s = op->span; n; s++, skip = 0) {
		size_t part = s->len - skip < n ? s->len - skip : n;
		uint8_t *at = (uint8_t *)s->base + skip;

		if (to_spans)
			memcpy(at, buf, part);
		else
			memcpy(buf, at, part);
		buf += part;
		n -= part;
	}
}

/* The part of a transfer that the bounce buffer takes at a time: n bytes, `head` bytes into an aligned
 * window. */
struct window {
	uint64_t offset;
	size_t head, n, len;
};

static struct window window_of(const struct disk *d, const struct disk_op *op)
{
	uint64_t mask = d->file.align - 1;
	struct window w = {.offset = op->offset & ~mask, .head = (size_t)(op->offset & mask)};
	uint64_t end = (op->offset + op->len + mask) & ~mask;

	w.len = end - w.offset < DISK_BOUNCE_LEN ? (size_t)(end - w.offset) : DISK_BOUNCE_LEN;
	w.n = op->len < w.len - w.head ? (size_t)op->len : w.len - w.head;
	return w;
}

/* What of a window's bytes belongs to the transfer, when only `got` of them were moved. */
static int64_t of_window(const struct window *w, ssize_t got)
{
	if (got < 0)
		return got;
	if ((size_t)got <= w->head)
		return 0;
	return (size_t)got - w->head < w->n ? got - (ssize_t)w->head : (ssize_t)w->n;
}

static int64_t bounce_read(struct disk *d, const struct disk_op *op, const struct window *w)
{
	struct iovec iov = {d->bounce, w->len};
	int64_t n = of_window(w, d->calls->readv(d->file.fd, &iov, 1, (off_t)w->offset));

	if (n > 0)
		copy_spans(op, d->bounce + w->head, (size_t)n, true);
	return n;
}

static int64_t bounce_write(struct disk *d, const struct disk_op *op, const struct window *w)
{
	struct iovec iov = {d->bounce, w->len};

	if (w->n != w->len) {
		ssize_t got = d->calls->readv(d->file.fd, &iov, 1, (off_t)w->offset);

		/* The size is a multiple of the alignment: less than all is a failing disk. */
		if (got != (ssize_t)w->len)
			return got < 0 ? got : -EIO;
	}
	copy_spans(op, d->bounce + w->head, w->n, false);
	return of_window(w, d->calls->writev(d->file.fd, &iov, 1, (off_t)w->offset, op->flags));
}

static int64_t bounce(struct disk *d, const struct disk_op *op)
{
	struct window w = window_of(d, op);

	return op->kind == DISK_OP_READ ? bounce_read(d, op, &w) : bounce_write(d, op, &w);
}

/* -- running --------------------------------------------------------------------------------------------- */

/* The rest of a span that fell short goes by itself. */
void disk_op_whole_spans(struct disk_op *op, struct vspan *part)
{
	if (op->skip == 0)
		return;
	*part = (struct vspan){(uint8_t *)op->span->base + op->skip, op->span->len - op->skip};
	op->span = part;
	op->nspans = 1;
	op->len = part->len;
	op->skip = 0;
}

static int64_t transfer(struct disk *d, struct disk_op op)
{
	struct vspan part;
	const struct iovec *iov;

	disk_op_whole_spans(&op, &part);
	iov = (const struct iovec *)(const void *)op.span;
	if (op.kind == DISK_OP_READ)
		return d->calls->readv(d->file.fd, iov, (int)op.nspans, (off_t)op.offset);
	return d->calls->writev(d->file.fd, iov, (int)op.nspans, (off_t)op.offset, op.flags);
}

int64_t disk_sync_run(struct disk *d, const struct disk_op *op)
{
	switch (op->kind) {
	case DISK_OP_READ:
	case DISK_OP_WRITE:
		return disk_op_misaligned(d, op) ? bounce(d, op) : transfer(d, *op);
	case DISK_OP_SYNC:
		return d->calls->sync(d->file.fd);
	case DISK_OP_ALLOCATE:
		return d->calls->allocate(d->file.fd, op->flags, (off_t)op->offset, (off_t)op->len);
	case DISK_OP_DISCARD:
		return d->calls->discard(d->file.fd, op->offset, op->len);
	}
	return -EINVAL;
}
