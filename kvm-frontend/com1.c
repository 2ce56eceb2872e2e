// SPDX-License-Identifier: BSD-2-Clause
#include "com1.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void signal_fd(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		return; /* a counter at its limit: whoever reads it is awake anyway */
}

/* Tells interrupts, and the loop when input waits and the port has room again. Under the lock. */
static void announce(struct com1 *c)
{
	if (serial_take_irq(&c->serial))
		signal_fd(c->irq_fd);
	if (c->starved && serial_room(&c->serial)) {
		c->starved = false;
		signal_fd(c->room_fd);
	}
}

/* Writes one byte, however slow the reader is. Not under the lock: the loop must not wait for that reader. */
static void send(struct com1 *c, uint8_t byte)
{
	while (!atomic_load(&c->broken) && !atomic_load(c->ended)) {
		if (write(c->terminal.out_fd, &byte, 1) == 1)
			return;
		if (errno == EAGAIN) {
			poll(&(struct pollfd){.fd = c->terminal.out_fd, .events = POLLOUT}, 1, 100);
		} else if (errno != EINTR && !atomic_exchange(&c->broken, true)) {
			fprintf(stderr,
				"ringside-vmm: console: cannot write: %s; the guest goes on without\n",
				strerror(errno));
		}
	}
}

uint8_t com1_read(struct com1 *c, unsigned off)
{
	uint8_t value;

	pthread_mutex_lock(&c->lock);
	value = serial_read(&c->serial, off);
	announce(c);
	pthread_mutex_unlock(&c->lock);
	return value;
}

void com1_write(struct com1 *c, unsigned off, uint8_t value)
{
	bool sent;

	pthread_mutex_lock(&c->lock);
	sent = serial_write(&c->serial, off, value);
	announce(c);
	pthread_mutex_unlock(&c->lock);
	if (sent)
		send(c, value);
}

/* How much to read now. When there is no room, leaves word that announce() shall wake the loop. */
static unsigned room_or_wait(struct com1 *c)
{
	unsigned room;

	pthread_mutex_lock(&c->lock);
	room = serial_room(&c->serial);
	c->starved = room == 0;
	pthread_mutex_unlock(&c->lock);
	return room;
}

static void receive(struct com1 *c, uint8_t *data, unsigned n)
{
	n = terminal_keys(&c->terminal, data, n);
	if (c->terminal.quit)
		loop_stop(c->loop);
	pthread_mutex_lock(&c->lock);
	serial_receive(&c->serial, data, n);
	announce(c);
	pthread_mutex_unlock(&c->lock);
}

static void end_input(struct com1 *c)
{
	if (c->in)
		loop_remove_fd(c->loop, c->in);
	if (c->room)
		loop_remove_fd(c->loop, c->room);
	c->in = c->room = NULL;
}

/* Reads once, what there is room for. True: there may be more. */
static bool pump(struct com1 *c)
{
	uint8_t data[SERIAL_FIFO_LEN];
	unsigned room = room_or_wait(c);
	ssize_t n;

	if (room == 0) {
		if (c->in)
			loop_pause(c->loop, c->in);
		return false;
	}
	/* Reading before the room was known would leave us with bytes that fit nowhere. */
	n = read(c->terminal.in_fd, data, room < sizeof(data) ? room : sizeof(data));
	if (n > 0)
		receive(c, data, (unsigned)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		end_input(c);
	return n > 0;
}

static void on_input(void *ctx)
{
	pump(ctx);
}

static void on_room(void *ctx)
{
	struct com1 *c = ctx;
	uint64_t count;

	if (read(c->room_fd, &count, sizeof(count)) < 0)
		return;
	if (c->pollable)
		loop_resume(c->loop, c->in);
	else
		while (pump(c))
			;
}

int com1_open(struct com1 *c, struct loop *loop, const char *file, const atomic_int *ended, char err[ERR_MAX])
{
	memset(c, 0, sizeof(*c));
	pthread_mutex_init(&c->lock, NULL);
	serial_reset(&c->serial);
	c->loop = loop;
	c->ended = ended;
	c->room_fd = c->irq_fd = -1;
	return terminal_open(&c->terminal, file, err);
}

int com1_start(struct com1 *c, int irq_fd, char err[ERR_MAX])
{
	c->irq_fd = irq_fd;
	if (c->terminal.in_fd < 0)
		return 0;
	c->room_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->room_fd < 0)
		return err_set(err, "console: eventfd: %s", strerror(errno));
	c->room = loop_add_fd(c->loop, c->room_fd, on_room, c);
	c->in = loop_add_fd(c->loop, c->terminal.in_fd, on_input, c);
	c->pollable = c->in != NULL;
	if (!c->room || (!c->in && errno != EPERM))
		return err_set(err, "console: epoll: %s", strerror(errno));
	/* A regular file is always readable: it is read whenever the port says that it has room. */
	c->starved = !c->pollable;
	terminal_start(&c->terminal);
	return 0;
}

void com1_stop(struct com1 *c)
{
	terminal_stop(&c->terminal);
	end_input(c);
}

void com1_close(struct com1 *c)
{
	if (!c->loop)
		return; /* never opened */
	com1_stop(c);
	if (c->room_fd >= 0)
		close(c->room_fd);
	terminal_close(&c->terminal);
	pthread_mutex_destroy(&c->lock);
	c->loop = NULL;
}
