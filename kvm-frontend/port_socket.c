// SPDX-License-Identifier: BSD-2-Clause
/* Ports that listen on a socket of the host (console_host.h). */
#include <poll.h>
#include "console_host.h"

/* Whoever waits to be next stays in the kernel's queue meanwhile. */
void port_take_client(struct port_host *p)
{
	struct console_host *h = p->host;
	int fd = p->in || !p->there ? -1 : listener_accept(&p->listener);

	if (fd < 0)
		return;
	stream_fds(&p->terminal.stream, p->terminal.stream.what, fd, fd);
	p->terminal.stream.kind = STREAM_SOCKET;
	if (port_join(p))
		port_leave(p);
	else
		h->door->open(h->ctx, p->nr, true);
}

static void on_client(void *ctx)
{
	struct port_host *p = ctx;
	const struct console_host *h = p->host;

	h->door->enter(h->ctx);
	port_take_client(p);
	h->door->leave(h->ctx);
}

/*
 * A client that has only said that it sends no more (nc -N) still listens. Input of one that has gone is passed
 * on first.
 */
void port_look_after_client(struct port_host *p)
{
	struct pollfd at = {.fd = p->terminal.stream.in_fd};

	if (p->listener.fd < 0 || !p->deaf || p->count || poll(&at, 1, 0) != 1 || !(at.revents & POLLHUP))
		return;
	port_drain(p);
	p->host->door->publish(p->host->ctx);
	port_leave(p);
	p->host->door->open(p->host->ctx, p->nr, false);
	port_ask_for_a_look(p); /* at who is next */
}

int console_host_listen(struct console_host *h, uint16_t port, const char *what, const char *path,
			char err[ERR_MAX])
{
	struct port_host *p = &h->port[port];

	stream_none(&p->terminal.stream, what);
	if (listener_open(&p->listener, what, path, false, 1, h->loop, on_client, p, err))
		return -1;
	p->there = true;
	return 0;
}
