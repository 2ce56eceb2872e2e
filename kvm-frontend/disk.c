// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE
#include "disk.h"
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static bool cut(const struct disk *d, uint64_t bytes)
{
	return (bytes & (d->file.align - 1)) != 0;
}

/* A write that does not begin and end with the file's blocks: it must read them first, and be alone (disk.h).
 */
static bool must_be_alone(const struct disk *d, const struct blk_io *io)
{
	if (io->type == BLK_IO_WRITE)
		return cut(d, io->sector * BLK_SECTOR_LEN | io->len);
	for (uint16_t i = 0; io->type == BLK_IO_WRITE_ZEROES && i < io->nranges; i++)
		if (cut(d, (io->range[i].sector | io->range[i].nsectors) * BLK_SECTOR_LEN))
			return true;
	return false;
}

static void finish(struct disk *d, struct disk_req *r)
{
	bool transfer = r->io->type == BLK_IO_READ || r->io->type == BLK_IO_WRITE;

	d->running--;
	d->inflight--;
	d->finished++;
	d->done(d->done_ctx, r->io, r->error ? BLK_IO_ERROR : BLK_DONE, transfer ? (uint32_t)r->done : 0);
}

static bool start(struct disk *d, struct disk_req *r, int64_t *result)
{
	struct disk_op op = r->op;

	if (disk_op_misaligned(d, &op) || op.kind == DISK_OP_DISCARD) {
		*result = disk_sync_run(d, &op);
		return true;
	}
	disk_op_whole_spans(&op, &r->part);
	return d->engine.start(d->engine.ctx, r->io->id, &op, result);
}

/* Runs a request's calls until one of them takes its time. */
static void go_on(struct disk *d, struct disk_req *r)
{
	int64_t result;

	while (disk_step_next(r, &d->steps)) {
		if (!start(d, r, &result))
			return;
		disk_step_result(r, &d->steps, result);
	}
	finish(d, r);
}

static void on_call_done(void *ctx, uint16_t id, int64_t result)
{
	struct disk *d = ctx;

	disk_step_result(&d->req[id], &d->steps, result);
	go_on(d, &d->req[id]);
}

static void run(struct disk *d, uint16_t id)
{
	d->running++;
	go_on(d, &d->req[id]);
}

static bool on_disk(const struct disk *d, uint64_t sector, uint64_t n)
{
	return sector <= d->file.sectors && n <= d->file.sectors - sector;
}

/* The device has checked it, but for a request of a restored machine whose disk became smaller while that was in flight:
 * a write behind the end would make the image longer. */
static bool fits(const struct disk *d, const struct blk_io *io)
{
	bool fits = on_disk(d, io->sector, io->len / BLK_SECTOR_LEN);

	for (uint16_t i = 0; i < io->nranges; i++)
		fits &= on_disk(d, io->range[i].sector, io->range[i].nsectors);
	return fits;
}

static void submit(void *ctx, struct blk_io *io)
{
	struct disk *d = ctx;

	if (!fits(d, io)) {
		d->done(d->done_ctx, io, BLK_IO_ERROR, 0);
		return;
	}
	disk_step_begin(&d->req[io->id], io, &d->steps);
	d->inflight++;
	if (d->nwaiting || (d->running && must_be_alone(d, io)))
		d->waiting[(d->wait_first + d->nwaiting++) % BLK_INFLIGHT_MAX] = io->id;
	else
		run(d, io->id);
}

/* Those in front go on as soon as they may; one that must be alone runs by plain calls, so it is over when
 * run returns. */
static void run_waiting(struct disk *d)
{
	while (d->nwaiting) {
		uint16_t id = d->waiting[d->wait_first];

		if (d->running && must_be_alone(d, d->req[id].io))
			return;
		d->wait_first = (d->wait_first + 1) % BLK_INFLIGHT_MAX;
		d->nwaiting--;
		run(d, id);
	}
}

bool disk_poll(struct disk *d)
{
	uint64_t before = d->finished;

	while (d->running && d->engine.reap(d->engine.ctx, false, on_call_done, d))
		run_waiting(d);
	return d->finished != before;
}

void disk_drain(struct disk *d)
{
	run_waiting(d);
	while (d->running) {
		d->engine.reap(d->engine.ctx, true, on_call_done, d);
		run_waiting(d);
	}
}

static void drain(void *ctx)
{
	disk_drain(ctx);
}

struct blk_backend disk_backend(struct disk *d)
{
	struct blk_backend b = {
		.submit = submit,
		.drain = drain,
		.sectors = d->file.sectors,
		.can = BLK_CAN_FLUSH,
		.ctx = d,
	};

	if (!d->file.read_only)
		b.can |= BLK_CAN_DISCARD | BLK_CAN_WRITE_ZEROES | BLK_CAN_UNMAP;
	return b;
}

/* -- the engine of plain calls --------------------------------------------------------------------------- */

static bool plain_start(void *ctx, uint16_t id, const struct disk_op *op, int64_t *result)
{
	(void)id;
	*result = disk_sync_run(ctx, op);
	return true;
}

static unsigned plain_reap(void *ctx, bool wait, void (*done)(void *, uint16_t, int64_t), void *done_ctx)
{
	(void)ctx;
	(void)wait;
	(void)done;
	(void)done_ctx;
	return 0; /* nothing is ever left to be told */
}

static void plain_destroy(void *ctx)
{
	(void)ctx;
}

/* -- life ------------------------------------------------------------------------------------------------ */

static void *map(size_t len, int prot)
{
	void *p = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int disk_init(struct disk *d, const struct disk_file *file, const struct disk_engine *engine,
	      const struct disk_calls *calls, char err[ERR_MAX])
{
	memset(d, 0, offsetof(struct disk, req));
	d->file = *file;
	d->calls = calls;
	d->engine = engine ? *engine
			   : (struct disk_engine){"plain", -1, plain_start, plain_reap, plain_destroy, d};
	d->steps.block = file->block;
	/* Pages that are only read all stay the one page of zeroes: no memory is used. */
	d->steps.zeroes = (struct vspan){map(DISK_ZEROES_LEN, PROT_READ), DISK_ZEROES_LEN};
	d->bounce = map(DISK_BOUNCE_LEN, PROT_READ | PROT_WRITE);
	return d->steps.zeroes.base && d->bounce ? 0 : err_set(err, "out of memory");
}

int disk_open(struct disk *d, const char *path, bool read_only, char err[ERR_MAX])
{
	const char *no_uring = getenv("RINGSIDE_NO_URING");
	struct disk_engine uring;
	struct disk_file file;
	bool plain = no_uring && !strcmp(no_uring, "1"), uring_asked = no_uring && !strcmp(no_uring, "0");

	if (disk_file_open(&file, path, read_only, err))
		return -1;
	/* A transfer within memory is over sooner than io_uring's worker thread, which it would be handed to,
	 * has woken up. */
	plain = plain || (file.in_memory && !uring_asked);
	plain = plain || disk_uring_create(&uring, file.fd);
	if (!disk_init(d, &file, plain ? NULL : &uring, &disk_calls_real, err))
		return 0;
	disk_close(d);
	return -1;
}

void disk_close(struct disk *d)
{
	d->engine.destroy(d->engine.ctx);
	if (d->bounce)
		munmap(d->bounce, DISK_BOUNCE_LEN);
	if (d->steps.zeroes.base)
		munmap(d->steps.zeroes.base, DISK_ZEROES_LEN);
	disk_file_close(&d->file);
}
