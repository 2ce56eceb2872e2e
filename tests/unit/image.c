// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/image.h"

uint8_t image_byte(uint64_t offset)
{
	return (uint8_t)(offset * 131 + offset / 512 * 7 + offset / 65536);
}

void image_path(struct image *m, bool real)
{
	static unsigned n;

	memset(m, 0, sizeof(*m));
	snprintf(m->path, sizeof(m->path), "%s/ringside-test.%d.%u", real ? "/var/tmp" : "/dev/shm",
		 (int)getpid(), n++);
}

static void make_file(struct image *m)
{
	static uint8_t data[IMAGE_SECTORS * 512];
	int fd = open(m->path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = image_byte(i);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, sizeof(data)), sizeof(data));
	close(fd);
}

static void on_done(void *ctx, struct blk_io *io, enum blk_result result, uint32_t bytes)
{
	struct image *m = ctx;

	assert_int_equal(m->result[io->id], NOT_YET); /* answered once */
	m->result[io->id] = result;
	m->bytes[io->id] = bytes;
	m->order[m->nanswers++] = io->id;
}

static void listen_to(struct image *m)
{
	m->disk.done = on_done;
	m->disk.done_ctx = m;
	for (unsigned i = 0; i < BLK_INFLIGHT_MAX; i++)
		m->result[i] = NOT_YET;
}

void image_reopen(struct image *m, const char *engine)
{
	char err[ERR_MAX] = "";

	setenv("RINGSIDE_NO_URING", engine && !strcmp(engine, "plain") ? "1" : "0", 1);
	if (disk_open(&m->disk, m->path, false, err))
		fail_msg("%s", err);
	unsetenv("RINGSIDE_NO_URING");
	listen_to(m);
}

void image_open(struct image *m, bool real, const char *engine)
{
	image_path(m, real);
	make_file(m);
	image_reopen(m, engine);
}

void image_open_with(struct image *m, const struct disk_engine *engine, const struct disk_calls *calls)
{
	struct disk_file file;
	char err[ERR_MAX] = "";

	image_path(m, false);
	make_file(m);
	assert_int_equal(disk_file_open(&file, m->path, false, err), 0);
	assert_int_equal(disk_init(&m->disk, &file, engine, calls, err), 0);
	listen_to(m);
}

void image_align(struct image *m, uint32_t align, uint32_t align_mem)
{
	m->disk.file.direct = true;
	m->disk.file.align = align;
	m->disk.file.align_mem = align_mem;
}

void image_close(struct image *m)
{
	image_settle(m);
	disk_close(&m->disk);
	unlink(m->path);
}

void image_read(struct image *m, uint64_t offset, void *out, size_t n)
{
	int fd = open(m->path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, out, n, (off_t)offset), n);
	close(fd);
}

struct blk_io *io_new(struct image *m, uint16_t id, enum blk_io_type type, uint64_t sector)
{
	struct blk_io *io = &m->io[id];

	memset(io, 0, sizeof(*io));
	io->id = id;
	io->type = type;
	io->sector = sector;
	return io;
}

void io_span(struct blk_io *io, void *base, size_t n)
{
	io->span[io->nspans++] = (struct vspan){base, n};
	io->len += (uint32_t)n;
}

void io_range(struct blk_io *io, uint64_t sector, uint32_t nsectors, uint32_t unmap)
{
	io->range[io->nranges++] = (struct blk_range){sector, nsectors, unmap};
}

void io_submit(struct image *m, struct blk_io *io)
{
	struct blk_backend b = disk_backend(&m->disk);

	m->result[io->id] = NOT_YET;
	b.submit(b.ctx, io);
}

void image_settle(struct image *m)
{
	struct pollfd p = {.fd = m->disk.engine.watch_fd, .events = POLLIN};

	disk_poll(&m->disk);
	while (m->disk.inflight) {
		assert_true(poll(&p, 1, 10000) == 1); /* the loop is told */
		disk_poll(&m->disk);
	}
}

enum blk_result io_run(struct image *m, struct blk_io *io)
{
	io_submit(m, io);
	image_settle(m);
	return m->result[io->id];
}
