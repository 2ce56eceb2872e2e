// SPDX-License-Identifier: BSD-2-Clause
/* Ports that listen on a socket of the host (console_host.h). */
#define _GNU_SOURCE /* accept4 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "console_host.h"

_Static_assert(sizeof(((struct port_host *)0)->path) == sizeof(((struct sockaddr_un *)0)->sun_path),
	       "a port remembers the whole path");

/* Whoever waits to be next stays in the kernel's queue meanwhile. */
static void on_client(void *ctx)
{
	struct port_host *p = ctx;
	struct console_host *h = p->host;
	int fd;

	h->door->enter(h->ctx);
	fd = p->in ? -1 : accept4(p->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		stream_fds(&p->terminal.stream, p->terminal.stream.what, fd, fd);
		p->terminal.stream.kind = STREAM_SOCKET;
		loop_pause(h->loop, p->listen);
		if (port_join(p))
			port_leave(p);
		else
			h->door->open(h->ctx, p->nr, true);
	}
	h->door->leave(h->ctx);
}

/*
 * A client that has only said that it sends no more (nc -N) still listens. Input of one that has gone is passed
 * on first.
 */
void port_look_after_client(struct port_host *p)
{
	struct pollfd at = {.fd = p->terminal.stream.in_fd};

	if (p->listen_fd < 0 || !p->deaf || p->count || poll(&at, 1, 0) != 1 || !(at.revents & POLLHUP))
		return;
	port_drain(p);
	p->host->door->publish(p->host->ctx);
	port_leave(p);
	p->host->door->open(p->host->ctx, p->nr, false);
	loop_resume(p->host->loop, p->listen);
}

/* Somebody who was killed has left the socket's name behind, and no one listens there. */
static void remove_remains(const struct sockaddr_un *at)
{
	struct stat st;
	int fd;

	if (lstat(at->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof(*at)) && errno == ECONNREFUSED)
		unlink(at->sun_path);
	if (fd >= 0)
		close(fd);
}

int console_host_listen(struct console_host *h, uint16_t port, const char *what, const char *path,
			char err[ERR_MAX])
{
	struct port_host *p = &h->port[port];
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(at.sun_path))
		return err_set(err, "%s: a socket's path has %zu bytes at the most: %.60s...", what,
			       sizeof(at.sun_path) - 1, path);
	memcpy(at.sun_path, path, strlen(path));
	remove_remains(&at);
	stream_none(&p->terminal.stream, what);
	p->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->listen_fd < 0 || bind(p->listen_fd, (const struct sockaddr *)&at, sizeof(at)))
		return err_set(err, "%s: %s: %s", what, path, strerror(errno));
	memcpy(p->path, at.sun_path, sizeof(p->path));
	if (!listen(p->listen_fd, 1))
		p->listen = loop_add_fd(h->loop, p->listen_fd, on_client, p);
	p->there = p->listen;
	return p->there ? 0 : err_set(err, "%s: %s: %s", what, path, strerror(errno));
}

void port_unlisten(struct port_host *p)
{
	if (p->listen)
		loop_remove_fd(p->host->loop, p->listen);
	if (p->path[0])
		unlink(p->path);
	if (p->listen_fd >= 0)
		close(p->listen_fd);
	p->listen = NULL;
	p->path[0] = 0;
	p->listen_fd = -1;
}
