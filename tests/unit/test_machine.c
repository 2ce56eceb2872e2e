// SPDX-License-Identifier: BSD-2-Clause
/* What the machine is made of and needs no /dev/kvm: the MMIO bus, guest RAM, the event loop. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "boot/layout.h"
#include "loop.h"
#include "memory.h"
#include "mmio_bus.h"

#define GIB UINT64_C(0x40000000)

/* A device that remembers the latest access. */
struct device {
	uint64_t off, value;
	uint32_t len;
	unsigned accesses;
};

static uint64_t device_read(void *ctx, uint64_t off, uint32_t len)
{
	struct device *d = ctx;

	*d = (struct device){off, 0, len, d->accesses + 1};
	return 0x1122334455667788;
}

static void device_write(void *ctx, uint64_t off, uint32_t len, uint64_t value)
{
	struct device *d = ctx;

	*d = (struct device){off, value, len, d->accesses + 1};
}

static const struct mmio_ops ops = {device_read, device_write};

static void bus_finds_the_window(void **state)
{
	struct mmio_bus bus = {0};
	struct device a = {0}, b = {0};

	(void)state;
	assert_int_equal(mmio_bus_add(&bus, 0x1000, 0x100, &ops, &a), 0);
	assert_int_equal(mmio_bus_add(&bus, 0x1100, 0x100, &ops, &b), 0);
	assert_int_equal(mmio_bus_read(&bus, 0x10fc, 4), 0x1122334455667788);
	assert_int_equal(a.off, 0xfc);
	assert_int_equal(a.len, 4);
	mmio_bus_write(&bus, 0x1100, 8, 42);
	assert_int_equal(b.off, 0);
	assert_int_equal(b.value, 42);
	assert_int_equal(a.accesses, 1);
}

static void bus_keeps_odd_accesses_from_devices(void **state)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
	} bad[] = {{0xfff, 1},  {0xffc, 8},  {0x1100, 1}, {0x10fd, 4}, {0x10ff, 2},
		   {0x1000, 0}, {0x1000, 3}, {0x1000, 9}, {0, 4},      {UINT64_MAX, 8}};
	struct mmio_bus bus = {0};
	struct device d = {0};

	(void)state;
	mmio_bus_add(&bus, 0x1000, 0x100, &ops, &d);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(mmio_bus_read(&bus, bad[i].addr, bad[i].len), UINT64_MAX);
		mmio_bus_write(&bus, bad[i].addr, bad[i].len, 1);
	}
	assert_int_equal(d.accesses, 0);
}

static void bus_refuses_bad_windows(void **state)
{
	struct mmio_bus bus = {0};

	(void)state;
	assert_int_equal(mmio_bus_add(&bus, 0x1000, 0, &ops, NULL), -1);
	assert_int_equal(mmio_bus_add(&bus, UINT64_MAX, 2, &ops, NULL), -1);
	assert_int_equal(mmio_bus_add(&bus, 0x1000, 0x100, &ops, NULL), 0);
	assert_int_equal(mmio_bus_add(&bus, 0x10ff, 1, &ops, NULL), -1);
	assert_int_equal(mmio_bus_add(&bus, 0xf00, 0x101, &ops, NULL), -1);
	assert_int_equal(mmio_bus_add(&bus, 0, 0x10000, &ops, NULL), -1);
	for (uint64_t i = 1; i < MMIO_WINDOWS_MAX; i++)
		assert_int_equal(mmio_bus_add(&bus, 0x1000 + i * 0x100, 0x100, &ops, NULL), 0);
	assert_int_equal(mmio_bus_add(&bus, 0x100000, 0x100, &ops, NULL), -1);
}

static void memory_leaves_a_hole(void **state)
{
	static const uint64_t lens[] = {0x200000, 3 * GIB, 3 * GIB + 0x200000, 9 * GIB};
	struct vmem_map map;
	struct boot_ram ram;
	char err[ERR_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		assert_int_equal(memory_create(&map, lens[i], err), 0);
		assert_true(vmem_map_valid(&map));
		assert_int_equal(map.nregions, lens[i] > 3 * GIB ? 2 : 1);
		ram = memory_boot_ram(&map);
		assert_int_equal(ram.low_len + ram.high_len, lens[i]);
		assert_true(ram.low_len <= LAYOUT_HOLE);
		if (map.nregions == 2)
			assert_int_equal(map.region[1].gpa, 4 * GIB);
		memory_destroy(&map);
	}
	assert_int_equal(memory_create(&map, UINT64_C(1) << 62, err), -1);
	assert_non_null(strstr(err, "--memory"));
}

static bool mapped_without_access(const uint8_t *page)
{
	unsigned char core;
	int fds[2];
	bool refused;

	if (mincore((void *)(uintptr_t)page, 1, &core) || pipe(fds))
		return false; /* not mapped at all: something else could come to lie there */
	refused = write(fds[1], page, 1) < 0 && errno == EFAULT;
	close(fds[0]);
	close(fds[1]);
	return refused;
}

static void memory_is_guarded_and_aligned(void **state)
{
	struct vmem_map map;
	char err[ERR_MAX];

	(void)state;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(memory_create(&map, 4 * GIB, err), 0);
		for (uint32_t r = 0; r < map.nregions; r++) {
			uint8_t *host = map.region[r].host;

			assert_int_equal((uintptr_t)host % 0x200000, 0);
			host[0] = host[map.region[r].len - 1] = 1;
			assert_true(mapped_without_access(host - 4096));
			assert_true(mapped_without_access(host + map.region[r].len));
		}
		memory_destroy(&map);
	}
}

struct reader {
	struct loop *loop;
	int fd;
	unsigned calls, bytes, stop_at; /* stops the loop after that many bytes */
};

static void on_readable(void *ctx)
{
	struct reader *r = ctx;
	char byte;

	r->calls++;
	if (read(r->fd, &byte, 1) == 1 && ++r->bytes == r->stop_at)
		loop_stop(r->loop);
}

static void loop_calls_pauses_and_stops(void **state)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int data[2], last[2], file = open("/proc/self/exe", O_RDONLY);
	struct reader a = {.loop = loop, .stop_at = 3}, b = {.loop = loop, .stop_at = 1};
	struct loop_fd *slot;

	(void)state;
	alarm(20); /* a loop that does not stop is a failure too */
	assert_int_equal(pipe(data) | pipe(last), 0);
	assert_int_equal(loop_create(loop), 0);
	assert_null(loop_add_fd(loop, file, on_readable, &a)); /* a regular file */
	assert_int_equal(errno, EPERM);
	a.fd = data[0];
	b.fd = last[0];
	slot = loop_add_fd(loop, a.fd, on_readable, &a);
	assert_non_null(slot);
	loop_pause(loop, slot);
	assert_int_equal(write(data[1], "abc", 3), 3);
	assert_int_equal(write(last[1], "x", 1), 1);
	assert_non_null(loop_add_fd(loop, b.fd, on_readable, &b));
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(a.calls, 0);
	loop_resume(loop, slot);
	atomic_store(&loop->stop, false);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(a.bytes, 3);
	loop_remove_fd(loop, slot);
	assert_null(slot->fn);
	alarm(0);
	loop_destroy(loop);
	for (int i = 0; i < 2; i++) {
		close(data[i]);
		close(last[i]);
	}
	close(file);
	free(loop);
}

struct edge {
	int calls, other; /* other: of a socket pair */
	struct loop *loop;
};

/* Writes once more where nobody reads, so that the next call must be another edge; after three it is enough. */
static void on_edge(void *ctx)
{
	struct edge *e = ctx;

	if (++e->calls == 3)
		loop_stop(e->loop);
	else
		assert_int_equal(write(e->other, "x", 1), 1);
}

static void edges_are_told_once(void **state)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int fds[2], last[2];
	struct edge e = {.loop = loop};
	struct reader end = {.loop = loop, .stop_at = 1};

	(void)state;
	alarm(20);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) | pipe(last), 0);
	assert_int_equal(loop_create(loop), 0);
	e.other = fds[1];
	assert_non_null(loop_add_edge(loop, fds[0], on_edge, &e)); /* the first call: it is writable */
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(e.calls, 3);
	end.fd = last[0];
	assert_int_equal(write(last[1], "x", 1), 1);
	assert_non_null(loop_add_fd(loop, end.fd, on_readable, &end));
	atomic_store(&loop->stop, false);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(e.calls, 3); /* two bytes wait, and were told */
	alarm(0);
	loop_destroy(loop);
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		close(last[i]);
	}
	free(loop);
}

static void loop_has_a_limit(void **state)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(loop_create(loop), 0);
	for (int i = 0; i < LOOP_FDS_MAX; i++)
		if (!loop->fds[i].fn)
			loop->fds[i].fn = on_readable;
	assert_null(loop_add_fd(loop, fds[0], on_readable, loop));
	assert_int_equal(errno, ENOSPC);
	loop_destroy(loop);
	close(fds[0]);
	close(fds[1]);
	free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bus_finds_the_window),
		cmocka_unit_test(bus_keeps_odd_accesses_from_devices),
		cmocka_unit_test(bus_refuses_bad_windows),
		cmocka_unit_test(memory_leaves_a_hole),
		cmocka_unit_test(memory_is_guarded_and_aligned),
		cmocka_unit_test(loop_calls_pauses_and_stops),
		cmocka_unit_test(edges_are_told_once),
		cmocka_unit_test(loop_has_a_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
