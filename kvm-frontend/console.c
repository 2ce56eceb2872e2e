// SPDX-License-Identifier: BSD-2-Clause
#include "console.h"
#include "terminal.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CTRL_A 1

static void signal_fd(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		return; /* a counter at its limit: whoever reads it is awake anyway */
}

/* Tells interrupts, and the loop when input waits and the port has room again. Under the lock. */
static void announce(struct console *c)
{
	if (serial_take_irq(&c->serial))
		signal_fd(c->irq_fd);
	if (c->starved && serial_room(&c->serial)) {
		c->starved = false;
		signal_fd(c->room_fd);
	}
}

/* Writes one byte, however slow the reader is. Not under the lock: the loop must not wait for that reader. */
static void send(struct console *c, uint8_t byte)
{
	while (!c->broken && !atomic_load(c->ended)) {
		if (write(c->out_fd, &byte, 1) == 1)
			return;
		if (errno == EAGAIN) {
			poll(&(struct pollfd){.fd = c->out_fd, .events = POLLOUT}, 1, 100);
		} else if (errno != EINTR) {
			c->broken = true;
			fprintf(stderr,
				"ringside-vmm: console: cannot write: %s; the guest goes on without\n",
				strerror(errno));
		}
	}
}

uint8_t console_read(struct console *c, unsigned off)
{
	uint8_t value;

	pthread_mutex_lock(&c->lock);
	value = serial_read(&c->serial, off);
	announce(c);
	pthread_mutex_unlock(&c->lock);
	return value;
}

void console_write(struct console *c, unsigned off, uint8_t value)
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
static unsigned room_or_wait(struct console *c)
{
	unsigned room;

	pthread_mutex_lock(&c->lock);
	room = serial_room(&c->serial);
	c->starved = room == 0;
	pthread_mutex_unlock(&c->lock);
	return room;
}

/* Ctrl-A is ours on a terminal: x ends the machine, a second Ctrl-A goes through, others are dropped. */
static unsigned filter_escapes(struct console *c, uint8_t *data, unsigned n)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		if (c->escape && (data[i] == 'x' || data[i] == 'X')) {
			c->quit = true;
			loop_stop(c->loop);
		}
		if (data[i] == CTRL_A && !c->escape) {
			c->escape = true;
			continue;
		}
		if (!c->escape || data[i] == CTRL_A)
			data[kept++] = data[i];
		c->escape = false;
	}
	return kept;
}

static void receive(struct console *c, uint8_t *data, unsigned n)
{
	if (c->raw)
		n = filter_escapes(c, data, n);
	pthread_mutex_lock(&c->lock);
	serial_receive(&c->serial, data, n);
	announce(c);
	pthread_mutex_unlock(&c->lock);
}

static void end_input(struct console *c)
{
	if (c->in)
		loop_remove_fd(c->loop, c->in);
	if (c->room)
		loop_remove_fd(c->loop, c->room);
	c->in = c->room = NULL;
}

/* Reads once, what there is room for. True: there may be more. */
static bool pump(struct console *c)
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
	n = read(STDIN_FILENO, data, room < sizeof(data) ? room : sizeof(data));
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
	struct console *c = ctx;
	uint64_t count;

	if (read(c->room_fd, &count, sizeof(count)) < 0)
		return;
	if (c->pollable)
		loop_resume(c->loop, c->in);
	else
		while (pump(c))
			;
}

int console_open(struct console *c, struct loop *loop, const char *file, const atomic_int *ended,
		 char err[ERR_MAX])
{
	memset(c, 0, sizeof(*c));
	pthread_mutex_init(&c->lock, NULL);
	serial_reset(&c->serial);
	c->loop = loop;
	c->ended = ended;
	c->room_fd = c->irq_fd = -1;
	c->out_fd = STDOUT_FILENO;
	if (!file)
		return 0;
	c->out_fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
	if (c->out_fd < 0)
		return err_set(err, "--console %s: %s", file, strerror(errno));
	c->opened = true;
	return 0;
}

int console_start(struct console *c, int irq_fd, char err[ERR_MAX])
{
	c->irq_fd = irq_fd;
	if (c->opened)
		return 0; /* a file gets output only */
	c->room_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->room_fd < 0)
		return err_set(err, "console: eventfd: %s", strerror(errno));
	c->room = loop_add_fd(c->loop, c->room_fd, on_room, c);
	c->in = loop_add_fd(c->loop, STDIN_FILENO, on_input, c);
	c->pollable = c->in != NULL;
	if (!c->room || (!c->in && errno != EPERM))
		return err_set(err, "console: epoll: %s", strerror(errno));
	/* A regular file is always readable: it is read whenever the port says that it has room. */
	c->starved = !c->pollable;
	c->raw = terminal_raw();
	return 0;
}

void console_stop(struct console *c)
{
	if (c->raw)
		terminal_restore();
	end_input(c);
}

void console_close(struct console *c)
{
	if (!c->loop)
		return; /* never opened */
	console_stop(c);
	if (c->room_fd >= 0)
		close(c->room_fd);
	if (c->opened)
		close(c->out_fd);
	pthread_mutex_destroy(&c->lock);
	c->loop = NULL;
}
