// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kvm-frontend/disk.h"

#define NO_FD (-1)

static int file;
static char byte;

/* What a ring answers to one entry. */
static int submit(struct io_uring *ring, void (*prepare)(struct io_uring_sqe *))
{
	struct io_uring_cqe *cqe;
	int res;

	prepare(io_uring_get_sqe(ring));
	assert_int_equal(io_uring_submit(ring), 1);
	assert_int_equal(io_uring_wait_cqe(ring, &cqe), 0);
	res = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return res;
}

static void prepare_open(struct io_uring_sqe *sqe)
{
	io_uring_prep_openat(sqe, AT_FDCWD, "/dev/null", O_RDONLY, 0);
}

static void prepare_socket(struct io_uring_sqe *sqe)
{
	io_uring_prep_socket(sqe, AF_INET, SOCK_STREAM, 0, 0);
}

static void prepare_read(struct io_uring_sqe *sqe)
{
	io_uring_prep_read(sqe, file, &byte, 1, 0);
}

/* The kernel makes a ring's calls without asking the filter, so the ring must refuse them. */
static void a_ring_is_no_way_out(void **state)
{
	struct io_uring ring;
	int fd = NO_FD;

	(void)state;
	if (io_uring_queue_init(4, &ring, IORING_SETUP_R_DISABLED))
		skip();
	assert_int_equal(disk_uring_restrict(ring.ring_fd), 0);
	file = open("/proc/self/status", O_RDONLY);
	assert_int_equal(submit(&ring, prepare_read), 1);
	assert_int_equal(submit(&ring, prepare_open), -EACCES);
	assert_int_equal(submit(&ring, prepare_socket), -EACCES);
	assert_int_equal(io_uring_register((unsigned)ring.ring_fd, IORING_REGISTER_FILES, &fd, 1), -EACCES);
	close(file);
	io_uring_queue_exit(&ring);
}

static void disks_use_such_a_ring(void **state)
{
	struct disk_engine engine;
	int fd = NO_FD;

	(void)state;
	if (disk_uring_create(&engine, STDIN_FILENO))
		skip();
	assert_int_equal(io_uring_register((unsigned)engine.watch_fd, IORING_REGISTER_FILES, &fd, 1),
			 -EACCES);
	engine.destroy(engine.ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ring_is_no_way_out),
		cmocka_unit_test(disks_use_such_a_ring),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
