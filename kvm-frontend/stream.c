// SPDX-License-Identifier: BSD-2-Clause
#include "stream.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PTMX_MAJOR 5
#define PTMX_MINOR 2

/* A description of our own of the same terminal or pipe. Opening the parent's end of a pseudo terminal would
 * make another one. -1: there is no such way. */
static int open_again(int fd, int flags)
{
	char path[32];
	struct stat st;
	bool terminal = isatty(fd);

	if (fstat(fd, &st) || (terminal && st.st_rdev == makedev(PTMX_MAJOR, PTMX_MINOR)))
		return -1;
	if (!terminal && !S_ISFIFO(st.st_mode))
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

/* Answers the flags that it had, or -1 where nothing was changed. */
static int unblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || (flags & O_NONBLOCK) || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return -1;
	return flags;
}

void stream_none(struct stream *s, const char *what)
{
	*s = (struct stream){.in_fd = -1, .out_fd = -1, .before_in = -1, .before_out = -1};
	snprintf(s->what, sizeof(s->what), "%s", what);
}

void stream_fds(struct stream *s, const char *what, int in_fd, int out_fd)
{
	stream_none(s, what);
	s->in_fd = in_fd;
	s->out_fd = out_fd;
	if (in_fd >= 0)
		unblock(in_fd);
	if (out_fd >= 0)
		unblock(out_fd);
}

void stream_stdio(struct stream *s, const char *what)
{
	stream_none(s, what);
	s->in_fd = open_again(STDIN_FILENO, O_RDONLY);
	if (s->in_fd < 0) {
		s->in_fd = STDIN_FILENO;
		s->before_in = unblock(STDIN_FILENO);
	}
	s->out_fd = open_again(STDOUT_FILENO, O_WRONLY);
	if (s->out_fd < 0) {
		s->out_fd = STDOUT_FILENO;
		s->before_out = unblock(STDOUT_FILENO);
	}
}

static void give_up(int fd, int before)
{
	if (before >= 0)
		fcntl(fd, F_SETFL, before);
	if (fd > STDERR_FILENO)
		close(fd);
}

/* Output first: one description may serve both, and its flags were changed on behalf of the input. */
void stream_close(struct stream *s)
{
	if (s->out_fd != s->in_fd)
		give_up(s->out_fd, s->before_out);
	give_up(s->in_fd, s->before_in);
	s->in_fd = s->out_fd = s->before_in = s->before_out = -1;
}

ssize_t stream_read(struct stream *s, void *data, size_t n)
{
	ssize_t got;

	do
		got = read(s->in_fd, data, n);
	while (got < 0 && errno == EINTR);
	if (got > 0)
		return got;
	/* EIO: nobody has the pseudo terminal open now. */
	return got < 0 && (errno == EAGAIN || (errno == EIO && s->kind == STREAM_PTY)) ? 0 : -1;
}

static size_t len_of(const struct iovec *iov, int count)
{
	size_t n = 0;

	for (int i = 0; i < count; i++)
		n += iov[i].iov_len;
	return n;
}

static bool nobody_there(const struct stream *s)
{
	struct pollfd p = {.fd = s->out_fd};

	return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

size_t stream_write(struct stream *s, const struct iovec *iov, int count)
{
	ssize_t put;

	if (s->out_fd < 0 || atomic_load(&s->broken))
		return len_of(iov, count);
	do
		put = writev(s->out_fd, iov, count);
	while (put < 0 && errno == EINTR);
	if (put >= 0)
		return (size_t)put;
	if (errno == EAGAIN)
		return s->kind == STREAM_PTY && nobody_there(s) ? len_of(iov, count) : 0;
	if (!atomic_exchange(&s->broken, true) && s->kind != STREAM_SOCKET)
		fprintf(stderr, "ringside-vmm: %s: cannot write: %s; the guest goes on without\n", s->what,
			strerror(errno));
	return len_of(iov, count);
}
