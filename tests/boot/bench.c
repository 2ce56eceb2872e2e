// SPDX-License-Identifier: BSD-2-Clause
/*
 * bench DEVICE: runs in the guest. 4 KiB direct reads and writes at random places of a block device, one at a
 * time and sixteen in flight. Prints `BENCH-BEGIN name` before each measurement and `BENCH-END name requests`
 * behind it: whoever reads the console takes the time, since a guest's clock may run at another pace than the
 * machine's below it.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <linux/fs.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 4096, DEPTH_MAX = 16, RUN_MS = 5000 };

static int fd;
static uint64_t blocks;
static char *buffer[DEPTH_MAX];

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int64_t random_offset(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (int64_t)(x % blocks * BLOCK);
}

static uint64_t run_single(bool write, uint64_t end_ms)
{
	uint64_t n = 0;

	for (; now_ms() < end_ms; n++) {
		int64_t at = random_offset();
		ssize_t got = write ? pwrite(fd, buffer[0], BLOCK, at) : pread(fd, buffer[0], BLOCK, at);

		if (got != BLOCK)
			err(1, "request %llu at %lld", (unsigned long long)n, (long long)at);
	}
	return n;
}

static void submit(aio_context_t ctx, struct iocb *io, bool write, unsigned slot)
{
	memset(io, 0, sizeof(*io));
	io->aio_data = slot;
	io->aio_lio_opcode = write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
	io->aio_fildes = (uint32_t)fd;
	io->aio_buf = (uint64_t)(uintptr_t)buffer[slot];
	io->aio_nbytes = BLOCK;
	io->aio_offset = random_offset();
	if (syscall(SYS_io_submit, ctx, 1L, &io) != 1)
		err(1, "io_submit");
}

static uint64_t run_deep(bool write, uint64_t end_ms)
{
	struct iocb io[DEPTH_MAX];
	struct io_event done[DEPTH_MAX];
	aio_context_t ctx = 0;
	uint64_t n = 0;
	unsigned flying = DEPTH_MAX;

	if (syscall(SYS_io_setup, DEPTH_MAX, &ctx))
		err(1, "io_setup");
	for (unsigned slot = 0; slot < DEPTH_MAX; slot++)
		submit(ctx, &io[slot], write, slot);
	while (flying) {
		long got = syscall(SYS_io_getevents, ctx, 1L, (long)DEPTH_MAX, done, NULL);
		bool more = now_ms() < end_ms;

		if (got < 1)
			err(1, "io_getevents");
		for (long i = 0; i < got; i++, n++) {
			if (done[i].res != BLOCK)
				errx(1, "a request ended with %lld", (long long)done[i].res);
			if (more)
				submit(ctx, &io[done[i].data], write, (unsigned)done[i].data);
			else
				flying--;
		}
	}
	syscall(SYS_io_destroy, ctx);
	return n;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		bool write;
		uint64_t (*run)(bool, uint64_t);
	} runs[] = {
		{"read-qd1", false, run_single},
		{"write-qd1", true, run_single},
		{"read-qd16", false, run_deep},
		{"write-qd16", true, run_deep},
	};
	uint64_t bytes;

	if (argc != 2)
		errx(2, "usage: bench DEVICE");
	fd = open(argv[1], O_RDWR | O_DIRECT);
	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes))
		err(1, "%s", argv[1]);
	blocks = bytes / BLOCK;
	for (unsigned i = 0; i < DEPTH_MAX; i++) {
		if (posix_memalign((void **)&buffer[i], BLOCK, BLOCK))
			errx(1, "no memory");
		memset(buffer[i], (int)i, BLOCK);
	}
	setlinebuf(stdout);
	for (unsigned i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		printf("BENCH-BEGIN %s\n", runs[i].name);
		uint64_t n = runs[i].run(runs[i].write, now_ms() + RUN_MS);
		printf("BENCH-END %s %llu\n", runs[i].name, (unsigned long long)n);
	}
	return 0;
}
