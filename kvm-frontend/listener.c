// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE /* accept4, O_PATH */
#include "listener.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NO_WAIT (SOCK_CLOEXEC | SOCK_NONBLOCK)

_Static_assert(sizeof(((struct listener *)0)->name) == sizeof(((struct sockaddr_un *)0)->sun_path),
	       "a listener remembers any name that a socket can have");

/* Left behind by a process that was killed. */
static bool is_abandoned(const struct sockaddr_un *a)
{
	struct stat s;
	int fd = socket(AF_UNIX, SOCK_STREAM | NO_WAIT, 0);
	bool refused = fd >= 0 && !lstat(a->sun_path, &s) && S_ISSOCK(s.st_mode) &&
		       connect(fd, (const struct sockaddr *)a, sizeof(*a)) && errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return refused;
}

/* 0 or an errno. Where it is for its owner alone, then from the first moment on. */
static int bind_to(int fd, const struct sockaddr_un *a, bool privately)
{
	mode_t before = umask(0177);
	int error;

	if (!privately)
		umask(before);
	error = bind(fd, (const struct sockaddr *)a, sizeof(*a)) ? errno : 0;
	umask(before);
	return error;
}

static int keep_name(struct listener *l, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char dir[sizeof(l->name) + 1] = ".";

	if (slash)
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path) + 1, path);
	l->dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (l->dir_fd < 0)
		return -1;
	snprintf(l->name, sizeof(l->name), "%s", name);
	return 0;
}

static int take_name(struct listener *l, const char *what, const char *path, bool privately,
		     char err[ERR_MAX])
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int error;

	if (strlen(path) >= sizeof(a.sun_path))
		return err_set(err, "%s: %.64s...: a socket's path has %zu bytes at the most", what, path,
			       sizeof(a.sun_path) - 1);
	memcpy(a.sun_path, path, strlen(path) + 1);
	l->fd = socket(AF_UNIX, SOCK_STREAM | NO_WAIT, 0);
	if (l->fd < 0)
		return err_set(err, "%s: socket: %s", what, strerror(errno));
	error = bind_to(l->fd, &a, privately);
	if (error == EADDRINUSE && is_abandoned(&a) && !unlink(path))
		error = bind_to(l->fd, &a, privately);
	if (error == EADDRINUSE)
		return err_set(err, "%s: %s is there already, and in use or no socket; take another path",
			       what, path);
	if (error || keep_name(l, path))
		return err_set(err, "%s: cannot make %s: %s", what, path, strerror(error ? error : errno));
	return 0;
}

int listener_open(struct listener *l, const char *what, const char *path, bool privately, int backlog,
		  struct loop *loop, loop_fn fn, void *ctx, char err[ERR_MAX])
{
	*l = LISTENER_NONE;
	l->loop = loop;
	if (take_name(l, what, path, privately, err))
		return -1;
	if (!listen(l->fd, backlog))
		l->watch = loop_add_edge(loop, l->fd, fn, ctx);
	return l->watch ? 0 : err_set(err, "%s: %s: %s", what, path, strerror(errno));
}

int listener_accept(const struct listener *l)
{
	return accept4(l->fd, NULL, NULL, NO_WAIT);
}

void listener_close(struct listener *l)
{
	if (l->watch)
		loop_remove_fd(l->loop, l->watch);
	if (l->name[0])
		unlinkat(l->dir_fd, l->name, 0);
	if (l->dir_fd >= 0)
		close(l->dir_fd);
	if (l->fd >= 0)
		close(l->fd);
	*l = LISTENER_NONE;
}
