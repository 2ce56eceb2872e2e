// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE /* FALLOC_FL_*, RWF_DSYNC */
#include "disk_step.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/uio.h>

#define TRIES_MAX 16 /* of a call that says EINTR or EAGAIN */

static bool has_ranges(const struct disk_req *r)
{
	return r->io->type == BLK_IO_DISCARD || r->io->type == BLK_IO_WRITE_ZEROES;
}

/* The best way for a range that may be tried on this file. */
static enum disk_how best(const struct disk_req *r, const struct disk_steps *s)
{
	bool may_punch = r->io->type == BLK_IO_DISCARD || r->io->range[r->range].unmap;

	if (r->io->type == BLK_IO_DISCARD && s->block)
		return DISK_BLKDISCARD;
	if (may_punch && !s->no_punch)
		return DISK_PUNCH;
	if (r->io->type == BLK_IO_DISCARD)
		return DISK_NOTHING;
	return s->no_zero_range ? DISK_WRITE_ZEROES : DISK_ZERO_RANGE;
}

void disk_step_begin(struct disk_req *r, struct blk_io *io, const struct disk_steps *s)
{
	r->io = io;
	r->done = 0;
	r->range = 0;
	r->synced = false;
	r->tries = 0;
	r->error = 0;
	if (has_ranges(r))
		r->how = best(r, s);
}

/* The rest of the spans. */
static bool next_transfer(struct disk_req *r)
{
	const struct blk_io *io = r->io;
	size_t skip = r->done;
	uint32_t i = 0;

	if (r->done == io->len)
		return false;
	for (; skip >= io->span[i].len; i++)
		skip -= io->span[i].len;
	r->op = (struct disk_op){
		.kind = io->type == BLK_IO_READ ? DISK_OP_READ : DISK_OP_WRITE,
		.flags = io->sync && io->type == BLK_IO_WRITE ? RWF_DSYNC : 0,
		.offset = io->sector * BLK_SECTOR_LEN + r->done,
		.len = io->len - r->done,
		.span = &io->span[i],
		.nspans = io->nspans - i,
		.skip = skip,
	};
	return true;
}

static bool next_sync(struct disk_req *r)
{
	if (r->synced)
		return false;
	r->op = (struct disk_op){.kind = DISK_OP_SYNC};
	return true;
}

static uint64_t range_len(const struct disk_req *r)
{
	return (uint64_t)r->io->range[r->range].nsectors * BLK_SECTOR_LEN;
}

/* Fills op for the range at work, from its byte `done` on. */
static void range_op(struct disk_req *r, const struct disk_steps *s)
{
	r->op = (struct disk_op){
		.kind = DISK_OP_ALLOCATE,
		.offset = r->io->range[r->range].sector * BLK_SECTOR_LEN + r->done,
		.len = range_len(r) - r->done,
	};
	switch (r->how) {
	case DISK_BLKDISCARD:
		r->op.kind = DISK_OP_DISCARD;
		break;
	case DISK_PUNCH:
		r->op.flags = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
		break;
	case DISK_ZERO_RANGE:
		r->op.flags = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
		break;
	case DISK_WRITE_ZEROES:
		r->op.kind = DISK_OP_WRITE;
		r->zeroes = s->zeroes;
		if (r->zeroes.len > r->op.len)
			r->zeroes.len = r->op.len;
		r->op.len = r->zeroes.len;
		r->op.span = &r->zeroes;
		r->op.nspans = 1;
		break;
	case DISK_NOTHING:
		break;
	}
}

static bool next_range(struct disk_req *r, const struct disk_steps *s)
{
	while (r->range < r->io->nranges && (r->done == range_len(r) || r->how == DISK_NOTHING)) {
		r->done = 0;
		if (++r->range < r->io->nranges)
			r->how = best(r, s);
	}
	if (r->range == r->io->nranges)
		return r->io->sync && next_sync(r);
	range_op(r, s);
	return true;
}

bool disk_step_next(struct disk_req *r, const struct disk_steps *s)
{
	if (r->error)
		return false;
	if (has_ranges(r))
		return next_range(r, s);
	return r->io->type == BLK_IO_FLUSH ? next_sync(r) : next_transfer(r);
}

/*
 * The file or device does not know this way: the next best, or for a discard none. EINVAL is what a device
 * says of a range that is not aligned to its blocks, so that one is not remembered.
 */
static bool fall_back(struct disk_req *r, struct disk_steps *s, int error)
{
	bool unknown = error == EOPNOTSUPP || error == ENOSYS || error == ENOTTY;

	if (!(unknown || error == EINVAL) || r->op.kind == DISK_OP_WRITE)
		return false;
	if (unknown && r->how == DISK_PUNCH)
		s->no_punch = true;
	if (unknown && r->how == DISK_ZERO_RANGE)
		s->no_zero_range = true;
	if (r->io->type == BLK_IO_DISCARD)
		r->how = DISK_NOTHING;
	else
		r->how++;
	return true;
}

void disk_step_result(struct disk_req *r, struct disk_steps *s, int64_t result)
{
	bool transfer = r->op.kind == DISK_OP_READ || r->op.kind == DISK_OP_WRITE;
	int error = result < 0 ? (int)-result : 0;

	if ((error == EINTR || error == EAGAIN) && ++r->tries < TRIES_MAX)
		return; /* the same once more */
	r->tries = 0;
	if (transfer && (result == 0 || (result > 0 && (uint64_t)result > r->op.len)))
		error = EIO; /* the end of a file that was cut behind our back */
	if (error && r->op.kind != DISK_OP_SYNC && has_ranges(r) && fall_back(r, s, error))
		return;
	if (error)
		r->error = error;
	else if (r->op.kind == DISK_OP_SYNC)
		r->synced = true;
	else
		r->done += transfer ? (uint64_t)result : r->op.len;
}
