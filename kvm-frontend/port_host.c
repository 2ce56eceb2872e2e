// SPDX-License-Identifier: BSD-2-Clause
/* One port's two streams of bytes (console_host.h). All of it under the device's lock. */
#define _GNU_SOURCE /* F_OFD_GETLK */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "console_host.h"

#define PASSES_MAX    16   /* buffers filled in a row: then it is others' turn */
#define PATIENCE_MS   1000 /* with a reader that takes nothing, once the guest has gone */
#define IOV_AT_A_TIME 16

_Static_assert(sizeof(struct vspan) == sizeof(struct iovec) &&
		       offsetof(struct vspan, base) == offsetof(struct iovec, iov_base) &&
		       offsetof(struct vspan, len) == offsetof(struct iovec, iov_len),
	       "a span is an iovec");

/* -- from the guest -------------------------------------------------------------------------------------- */

/* Writes on from the sent-th byte; answers how many bytes are gone, 0: no room. */
static size_t write_some(struct port_host *p, const struct console_io *io)
{
	struct iovec iov[IOV_AT_A_TIME];
	uint32_t skip = p->sent;
	int n = 0;

	for (unsigned i = 0; i < io->nspans && n < IOV_AT_A_TIME; i++) {
		const struct vspan *span = &io->span[i];

		if (skip < span->len)
			iov[n++] = (struct iovec){(uint8_t *)span->base + skip, span->len - skip};
		skip -= skip < span->len ? skip : (uint32_t)span->len;
	}
	return stream_write(&p->terminal.stream, iov, n);
}

static void end_first(struct port_host *p, uint32_t bytes)
{
	struct console_io *io = p->tx[0];

	p->ntx--;
	memmove(p->tx, p->tx + 1, p->ntx * sizeof(p->tx[0]));
	p->sent = 0;
	p->host->door->done(p->host->ctx, io, bytes);
}

/* True: something was answered. */
static bool pump_out(struct port_host *p)
{
	bool answered = false;

	while (p->ntx) {
		size_t n = write_some(p, p->tx[0]);

		if (!n)
			break;
		p->sent += (uint32_t)n;
		if (p->sent < p->tx[0]->len)
			continue;
		end_first(p, p->sent);
		answered = true;
	}
	return answered;
}

static void submit_tx(struct port_host *p, struct console_io *io)
{
	p->tx[p->ntx++] = io;
	if (p->ntx == 1)
		pump_out(p); /* else we have been told that there is no room */
}

void port_drain(struct port_host *p)
{
	while (p->ntx)
		end_first(p, p->sent);
}

/* -- to the guest ---------------------------------------------------------------------------------------- */

/* Nested in the device's input(): there is room for io->len bytes of ours. */
static void submit_rx(struct port_host *p, struct console_io *io)
{
	uint32_t len = io->len < p->count ? io->len : p->count, left = len;

	for (unsigned i = 0; i < io->nspans && left; i++) {
		uint32_t n = left < io->span[i].len ? left : (uint32_t)io->span[i].len;

		memcpy(io->span[i].base, p->data + p->first, n);
		p->first += n;
		left -= n;
	}
	p->count -= len;
	p->host->door->done(p->host->ctx, io, len);
}

/* Reads more where everything has been passed on. False: there is nothing. */
static bool fill(struct port_host *p)
{
	while (!p->count && !p->deaf && p->terminal.stream.in_fd >= 0) {
		ssize_t n = stream_read(&p->terminal.stream, p->data, sizeof(p->data));

		if (n == 0)
			return false;
		p->deaf = n < 0;
		p->first = 0;
		p->count = n > 0 ? terminal_keys(&p->terminal, p->data, (unsigned)n) : 0;
		if (p->terminal.quit)
			loop_stop(p->host->loop);
	}
	return p->count;
}

void port_ask_for_a_look(struct port_host *p)
{
	uint64_t one = 1;

	p->host->woken |= 1u << p->nr;
	if (write(p->host->wake_fd, &one, sizeof(one)) < 0)
		return; /* a counter at its limit: the loop is awake anyway */
}

/* Where the guest has no room, the device will call wake. */
static void pump_in(struct port_host *p)
{
	for (int i = 0; i < PASSES_MAX && !p->waits; i++) {
		if (!fill(p))
			return;
		p->waits = !p->host->door->input(p->host->ctx, p->nr, p->count);
	}
	if (!p->waits)
		port_ask_for_a_look(p);
}

void port_pump(struct port_host *p)
{
	if (pump_out(p))
		p->host->door->publish(p->host->ctx);
	pump_in(p);
	port_look_after_client(p);
}

/* -- the backend ----------------------------------------------------------------------------------------- */

static void submit(void *ctx, struct console_io *io)
{
	struct port_host *p = &((struct console_host *)ctx)->port[io->port];

	if (io->type == CONSOLE_IO_TX)
		submit_tx(p, io);
	else
		submit_rx(p, io);
}

static void drain(void *ctx, uint16_t port)
{
	struct console_host *h = ctx;

	port_drain(&h->port[port]);
}

static void wake(void *ctx, uint16_t port)
{
	struct console_host *h = ctx;

	h->port[port].waits = false;
	port_ask_for_a_look(&h->port[port]);
}

/* A guest that opens or closes a port changes nothing here: the device takes input or not. */
static void opened(void *ctx, uint16_t port, bool open)
{
	(void)ctx;
	(void)port;
	(void)open;
}

/* Where the terminal takes nothing now, the byte is lost: the vCPU can not wait. */
static void emergency(void *ctx, uint8_t byte)
{
	struct console_host *h = ctx;

	stream_write(&h->port[0].terminal.stream, &(struct iovec){&byte, 1}, 1);
}

struct console_backend console_host_backend(struct console_host *h)
{
	return (struct console_backend){.submit = submit,
					.drain = drain,
					.wake = wake,
					.opened = opened,
					.emergency = emergency,
					.ctx = h};
}

/* -- life ------------------------------------------------------------------------------------------------ */

static void on_stream(void *ctx)
{
	struct port_host *p = ctx;
	const struct console_host *h = p->host;

	h->door->enter(h->ctx);
	port_pump(p);
	h->door->leave(h->ctx);
}

static void on_wake(void *ctx)
{
	struct console_host *h = ctx;
	uint64_t count;

	if (read(h->wake_fd, &count, sizeof(count)) < 0)
		return;
	h->door->enter(h->ctx);
	for (uint32_t woken = h->woken; woken; woken &= woken - 1) {
		struct port_host *p = &h->port[__builtin_ctz(woken)];

		h->woken &= ~(1u << p->nr);
		if (p->there)
			port_pump(p);
		if (p->listener.fd >= 0)
			port_take_client(p);
	}
	h->door->leave(h->ctx);
}

/* A regular file can not be watched, and need not be: it is always ready. */
int port_join(struct port_host *p)
{
	const struct stream *s = &p->terminal.stream;

	p->deaf = false;
	p->in = p->out = NULL;
	if (s->in_fd >= 0 && !(p->in = loop_add_edge(p->host->loop, s->in_fd, on_stream, p)) &&
	    errno != EPERM)
		return -1;
	if (s->out_fd >= 0 && s->out_fd != s->in_fd &&
	    !(p->out = loop_add_edge(p->host->loop, s->out_fd, on_stream, p)) && errno != EPERM)
		return -1;
	port_ask_for_a_look(p);
	return 0;
}

void port_leave(struct port_host *p)
{
	if (p->in)
		loop_remove_fd(p->host->loop, p->in);
	if (p->out)
		loop_remove_fd(p->host->loop, p->out);
	p->in = p->out = NULL;
	terminal_close(&p->terminal);
}

bool console_host_flush(struct console_host *h)
{
	bool answered = false;

	for (unsigned i = 0; i < CONSOLE_PORTS_MAX; i++) {
		struct port_host *p = &h->port[i];
		struct pollfd out = {.fd = p->terminal.stream.out_fd, .events = POLLOUT};

		while (p->ntx && poll(&out, 1, PATIENCE_MS) == 1)
			answered |= pump_out(p);
	}
	return answered;
}

int console_host_create(struct console_host *h, struct loop *loop, const struct console_door *door, void *ctx,
			char err[ERR_MAX])
{
	memset(h, 0, sizeof(*h));
	h->door = door;
	h->ctx = ctx;
	h->loop = loop;
	for (uint16_t i = 0; i < CONSOLE_PORTS_MAX; i++) {
		h->port[i].host = h;
		h->port[i].nr = i;
		h->port[i].listener = LISTENER_NONE;
		stream_none(&h->port[i].terminal.stream, "hvc0");
	}
	h->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->wake_fd >= 0)
		h->wake = loop_add_fd(loop, h->wake_fd, on_wake, h);
	return h->wake ? 0 : err_set(err, "console: eventfd: %s", strerror(errno));
}

void console_host_remove(struct console_host *h, uint16_t port)
{
	struct port_host *p = &h->port[port];

	p->there = p->waits = false;
	p->count = 0;
	port_leave(p);
	listener_close(&p->listener);
}

void console_host_unplug(struct console_host *h, uint16_t port)
{
	struct port_host *p = &h->port[port];

	p->there = p->waits = false;
	p->count = 0;
	if (p->listener.fd >= 0 && p->in)
		port_leave(p);
}

void console_host_plug(struct console_host *h, uint16_t port)
{
	struct port_host *p = &h->port[port];

	p->there = true;
	port_ask_for_a_look(p);
}

void console_host_destroy(struct console_host *h)
{
	if (!h->loop)
		return;
	for (uint16_t i = 0; i < CONSOLE_PORTS_MAX; i++)
		console_host_remove(h, i);
	if (h->wake)
		loop_remove_fd(h->loop, h->wake);
	if (h->wake_fd >= 0)
		close(h->wake_fd);
	h->loop = NULL;
}

int console_host_terminal(struct console_host *h, const char *where, char err[ERR_MAX])
{
	struct port_host *p = &h->port[0];

	if (terminal_open(&p->terminal, where, "hvc0", err))
		return -1;
	p->there = true;
	if (port_join(p))
		return err_set(err, "console: epoll: %s", strerror(errno));
	terminal_start(&p->terminal);
	return 0;
}

int console_host_append(struct console_host *h, uint16_t port, const char *what, const char *path,
			char err[ERR_MAX])
{
	struct port_host *p = &h->port[port];
	struct flock by = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);

	if (fd < 0)
		return err_set(err, "%s: %s: %s", what, path, strerror(errno));
	stream_fds(&p->terminal.stream, what, -1, fd);
	if (!fcntl(fd, F_OFD_GETLK, &by) && by.l_type != F_UNLCK)
		return err_set(err, "%s: %s: is in use, as a disk, a recording or a console", what, path);
	p->there = true;
	return port_join(p) ? err_set(err, "%s: epoll: %s", what, strerror(errno)) : 0;
}
