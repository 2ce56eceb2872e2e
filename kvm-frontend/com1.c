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
	struct stream *out = &c->terminal.stream;
	const struct iovec iov = {&byte, 1};

	while (!atomic_load(c->ended) && !stream_write(out, &iov, 1))
		poll(&(struct pollfd){.fd = out->out_fd, .events = POLLOUT}, 1, 100);
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

void com1_save(struct com1 *c, struct state_out *out)
{
	pthread_mutex_lock(&c->lock);
	serial_save(&c->serial, out);
	pthread_mutex_unlock(&c->lock);
}

bool com1_load(struct com1 *c, struct state_in *in)
{
	return serial_load(&c->serial, in);
}

static void end_input(struct com1 *c)
{
	if (c->in)
		loop_remove_fd(c->loop, c->in);
	if (c->room)
		loop_remove_fd(c->loop, c->room);
	c->in = c->room = NULL;
	c->deaf = true;
}

/* Reads more where everything has been passed on. So what is typed is looked at for our own keys also when the
 * guest takes nothing. False: there is nothing. */
static bool fill(struct com1 *c)
{
	ssize_t n;

	while (!c->count && !c->deaf) {
		n = stream_read(&c->terminal.stream, c->data, sizeof(c->data));
		if (n == 0)
			return false;
		if (n < 0)
			end_input(c);
		c->first = 0;
		c->count = n > 0 ? terminal_keys(&c->terminal, c->data, (unsigned)n) : 0;
		if (c->terminal.quit)
			loop_stop(c->loop);
	}
	return c->count;
}

/* Passes on what there is room for. False: no room; then announce() wakes the loop when there is. */
static bool pass(struct com1 *c)
{
	unsigned n;

	pthread_mutex_lock(&c->lock);
	n = serial_room(&c->serial);
	n = n < c->count ? n : c->count;
	c->starved = n == 0;
	serial_receive(&c->serial, c->data + c->first, n);
	announce(c);
	pthread_mutex_unlock(&c->lock);
	c->first += n;
	c->count -= n;
	return n;
}

static void pump(struct com1 *c)
{
	while (fill(c) && pass(c))
		;
}

static void on_input(void *ctx)
{
	pump(ctx);
}

static void on_room(void *ctx)
{
	struct com1 *c = ctx;
	uint64_t count;

	if (read(c->room_fd, &count, sizeof(count)) > 0)
		pump(c);
}

int com1_open(struct com1 *c, struct loop *loop, const char *where, const atomic_int *ended,
	      char err[ERR_MAX])
{
	memset(c, 0, sizeof(*c));
	pthread_mutex_init(&c->lock, NULL);
	serial_reset(&c->serial);
	c->loop = loop;
	c->ended = ended;
	c->room_fd = c->irq_fd = -1;
	return terminal_open(&c->terminal, where, "the serial port", err);
}

int com1_start(struct com1 *c, int irq_fd, char err[ERR_MAX])
{
	c->irq_fd = irq_fd;
	if (c->serial.line)
		signal_fd(c->irq_fd); /* a restored port's: KVM may have taken it, and not raised it yet */
	if (c->terminal.stream.in_fd < 0) {
		terminal_start(&c->terminal);
		return 0;
	}
	c->room_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK); /* 1: a regular file is read at once */
	if (c->room_fd < 0)
		return err_set(err, "console: eventfd: %s", strerror(errno));
	c->room = loop_add_fd(c->loop, c->room_fd, on_room, c);
	c->in = loop_add_edge(c->loop, c->terminal.stream.in_fd, on_input, c);
	if (!c->room || (!c->in && errno != EPERM))
		return err_set(err, "console: epoll: %s", strerror(errno));
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
