// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/ports.h"

struct ports ports;

static pthread_t thread;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct console_io rx;

static void enter(void *ctx)
{
	(void)ctx;
	pthread_mutex_lock(&lock);
}

static void leave(void *ctx)
{
	(void)ctx;
	pthread_mutex_unlock(&lock);
}

static void done(void *ctx, struct console_io *io, uint32_t bytes)
{
	(void)ctx;
	if (io->type == CONSOLE_IO_TX) {
		ports.port[io->port].answered++;
		ports.port[io->port].lost += io->len - bytes;
		return;
	}
	assert_int_equal(bytes, io->len);
	ports.port[io->port].ngot += bytes;
	ports.port[io->port].room -= bytes;
}

/* Room is lent in two pieces, to see that both are filled. */
static uint32_t input(void *ctx, uint16_t nr, uint32_t n)
{
	uint8_t *to = ports.port[nr].got + ports.port[nr].ngot;
	uint32_t len = n < ports.port[nr].room ? n : ports.port[nr].room;

	(void)ctx;
	assert_false(ports.port[nr].waits); /* it was told to wait for wake */
	ports.port[nr].waits = len == 0;
	if (!len)
		return 0;
	assert_true(ports.port[nr].ngot + len <= PORTS_GOT_MAX);
	rx = (struct console_io){.type = CONSOLE_IO_RX, .port = nr, .len = len, .nspans = 2};
	rx.span[0] = (struct vspan){to, len / 2};
	rx.span[1] = (struct vspan){to + len / 2, len - len / 2};
	ports.backend.submit(ports.backend.ctx, &rx);
	return len;
}

static void set_open(void *ctx, uint16_t nr, bool open)
{
	(void)ctx;
	ports.port[nr].open = open;
	ports.port[nr].opens++;
}

static void publish(void *ctx)
{
	(void)ctx;
}

static const struct console_door door = {enter, leave, done, input, set_open, publish};

static void *run_loop(void *arg)
{
	loop_run(&ports.loop);
	return arg;
}

void ports_sleep_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

void ports_lock(void)
{
	enter(NULL);
}

void ports_unlock(void)
{
	leave(NULL);
}

int ports_create(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	snprintf(ports.dir, sizeof(ports.dir), "/tmp/ringside-ports.XXXXXX");
	assert_non_null(mkdtemp(ports.dir));
	snprintf(ports.path, sizeof(ports.path), "%s/port", ports.dir);
	for (int i = 0; i < CONSOLE_PORTS_MAX; i++) {
		memset(&ports.port[i], 0, sizeof(ports.port[i]));
		ports.port[i].got = calloc(1, PORTS_GOT_MAX);
		ports.port[i].open = -1;
	}
	assert_int_equal(loop_create(&ports.loop), 0);
	assert_int_equal(console_host_create(&ports.host, &ports.loop, &door, NULL, ports.err), 0);
	ports.backend = console_host_backend(&ports.host);
	return 0;
}

void ports_run(void)
{
	assert_int_equal(pthread_create(&thread, NULL, run_loop, NULL), 0);
}

void ports_stop(void)
{
	loop_stop(&ports.loop);
	pthread_join(thread, NULL);
	atomic_store(&ports.loop.stop, false);
}

int ports_destroy(void **state)
{
	(void)state;
	console_host_destroy(&ports.host);
	loop_destroy(&ports.loop);
	for (int i = 0; i < CONSOLE_PORTS_MAX; i++)
		free(ports.port[i].got);
	unlink(ports.path);
	return rmdir(ports.dir);
}

void ports_make_room(uint16_t nr, uint32_t n)
{
	ports_lock();
	ports.port[nr].room += n;
	if (ports.port[nr].waits) {
		ports.port[nr].waits = false;
		ports.backend.wake(ports.backend.ctx, nr);
	}
	ports_unlock();
}

void ports_send(struct console_io *io, uint16_t nr, const void *data, uint32_t n)
{
	*io = (struct console_io){.type = CONSOLE_IO_TX, .port = nr, .len = n, .nspans = 3};
	io->span[0] = (struct vspan){(void *)(uintptr_t)data, 1};
	io->span[1] = (struct vspan){(uint8_t *)(uintptr_t)data + 1, 1};
	io->span[2] = (struct vspan){(uint8_t *)(uintptr_t)data + 2, n - 2};
	ports_lock();
	ports.backend.submit(ports.backend.ctx, io);
	ports_unlock();
}

int ports_client(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", ports.path);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

void ports_expect(int fd, const char *text)
{
	char data[64];
	size_t n = strlen(text), got = 0;

	while (got < n) {
		ssize_t part;

		assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, PORTS_WAIT_MS), 1);
		part = read(fd, data + got, n - got);
		assert_true(part > 0);
		got += (size_t)part;
	}
	assert_memory_equal(data, text, n);
}
