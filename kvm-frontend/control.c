// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE /* accept4 */
#include "control.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct command {
	const char *usage, *what;
	control_fn fn;
	void *ctx;
};

struct client {
	struct control *control;
	int fd; /* -1: none */
	struct loop_fd *watch;
	size_t len;
	char line[CONTROL_LINE_MAX];
};

struct control {
	const char *path;
	struct loop *loop;
	int fd;
	bool bound; /* the file is ours */
	struct loop_fd *watch;
	unsigned ncommands;
	struct command command[CONTROL_COMMANDS_MAX];
	struct client client[CONTROL_CLIENTS_MAX];
};

/* -- commands --------------------------------------------------------------------------------------------- */

/* Who does not read the answers does not get them: nobody waits for a client. */
static void answer(const struct client *c, const char *text)
{
	if (send(c->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;
}

static void tell_commands(const struct client *c)
{
	char text[2 * ERR_MAX];

	for (unsigned i = 0; i < c->control->ncommands; i++) {
		const struct command *k = &c->control->command[i];

		snprintf(text, sizeof(text), "%-24s %s\n", k->usage, k->what);
		answer(c, text);
	}
}

static const struct command *find(const struct control *k, const char *name)
{
	for (unsigned i = 0; i < k->ncommands; i++) {
		const char *usage = k->command[i].usage;

		if (strlen(name) == strcspn(usage, " ") && !strncmp(usage, name, strlen(name)))
			return &k->command[i];
	}
	return NULL;
}

/* The words of a line. 0 where there are more than any command has. */
static unsigned split(char *line, char *word[CONTROL_WORDS_MAX])
{
	char *save = NULL;
	unsigned n = 0;

	for (char *w = strtok_r(line, " \t\r", &save); w; w = strtok_r(NULL, " \t\r", &save)) {
		if (n == CONTROL_WORDS_MAX)
			return 0;
		word[n++] = w;
	}
	return n;
}

static int run(const struct client *c, char *line, char err[ERR_MAX])
{
	char *word[CONTROL_WORDS_MAX];
	unsigned words = split(line, word);
	const struct command *k;

	if (words == 1 && !strcmp(word[0], "help")) {
		tell_commands(c);
		return 0;
	}
	k = words ? find(c->control, word[0]) : NULL;
	if (!k)
		return err_set(err, "no such command; `help` lists them");
	return k->fn(k->ctx, words, word, err);
}

static void take_line(const struct client *c, char *line)
{
	char err[ERR_MAX] = "", text[ERR_MAX + 16];

	if (!line[strspn(line, " \t\r")])
		return;
	if (!run(c, line, err)) {
		answer(c, "ok\n");
		return;
	}
	snprintf(text, sizeof(text), "error: %s\n", err);
	answer(c, text);
}

/* -- clients ---------------------------------------------------------------------------------------------- */

static void drop(struct client *c)
{
	loop_remove_fd(c->control->loop, c->watch);
	close(c->fd);
	c->fd = -1;
}

static void on_client(void *ctx)
{
	struct client *c = ctx;
	ssize_t n = read(c->fd, c->line + c->len, sizeof(c->line) - c->len);
	char *end, *from = c->line;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		drop(c);
		return;
	}
	c->len += (size_t)n;
	while ((end = memchr(from, '\n', c->len - (size_t)(from - c->line)))) {
		*end = 0;
		take_line(c, from);
		from = end + 1;
	}
	c->len -= (size_t)(from - c->line);
	memmove(c->line, from, c->len);
	if (c->len < sizeof(c->line))
		return;
	answer(c, "error: that line is too long\n");
	drop(c);
}

static struct client *free_client(struct control *k)
{
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (k->client[i].fd < 0)
			return &k->client[i];
	return NULL;
}

static void on_connection(void *ctx)
{
	struct control *k = ctx;
	int fd = accept4(k->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *c = free_client(k);

	if (fd < 0)
		return;
	if (c) {
		*c = (struct client){.control = k, .fd = fd};
		c->watch = loop_add_fd(k->loop, fd, on_client, c);
		if (c->watch)
			return;
		c->fd = -1;
	}
	answer(&(struct client){.fd = fd}, "error: too many are connected\n");
	close(fd);
}

/* -- life ------------------------------------------------------------------------------------------------- */

/* Left behind by a process that was killed. */
static bool is_abandoned(const struct sockaddr_un *a)
{
	struct stat s;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool refused = fd >= 0 && !lstat(a->sun_path, &s) && S_ISSOCK(s.st_mode) &&
		       connect(fd, (const struct sockaddr *)a, sizeof(*a)) && errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return refused;
}

/* For its owner alone from the first moment on. */
static int bind_privately(int fd, const struct sockaddr_un *a)
{
	mode_t before = umask(0177);
	int r = bind(fd, (const struct sockaddr *)a, sizeof(*a)), saved = errno;

	umask(before);
	errno = saved;
	return r;
}

static int listen_at(struct control *k, char err[ERR_MAX])
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (strlen(k->path) >= sizeof(a.sun_path))
		return err_set(err, "--control: %.64s...: a socket's path has %zu characters at the most",
			       k->path, sizeof(a.sun_path) - 1);
	memcpy(a.sun_path, k->path, strlen(k->path) + 1);
	k->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (k->fd < 0)
		return err_set(err, "--control: socket: %s", strerror(errno));
	if (bind_privately(k->fd, &a)) {
		if (errno == EADDRINUSE && is_abandoned(&a) && !unlink(k->path) && !bind_privately(k->fd, &a))
			errno = 0;
		if (errno == EADDRINUSE)
			return err_set(
				err,
				"--control: %s is there already, and in use or no socket; take another path",
				k->path);
		if (errno)
			return err_set(err, "--control: cannot make %s: %s", k->path, strerror(errno));
	}
	k->bound = true;
	if (!listen(k->fd, CONTROL_CLIENTS_MAX))
		k->watch = loop_add_fd(k->loop, k->fd, on_connection, k);
	return k->watch ? 0 : err_set(err, "--control: listen: %s", strerror(errno));
}

struct control *control_create(const char *path, struct loop *loop, char err[ERR_MAX])
{
	struct control *k = calloc(1, sizeof(*k));

	if (!k) {
		err_set(err, "--control: out of memory");
		return NULL;
	}
	k->path = path;
	k->fd = -1;
	k->loop = loop;
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
		k->client[i].fd = -1;
	if (!listen_at(k, err))
		return k;
	control_destroy(k);
	return NULL;
}

void control_destroy(struct control *k)
{
	if (!k)
		return;
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (k->client[i].fd >= 0)
			drop(&k->client[i]);
	if (k->watch)
		loop_remove_fd(k->loop, k->watch);
	if (k->fd >= 0)
		close(k->fd);
	if (k->bound)
		unlink(k->path);
	free(k);
}

void control_add(struct control *k, const char *usage, const char *what, control_fn fn, void *ctx)
{
	if (k && k->ncommands < CONTROL_COMMANDS_MAX)
		k->command[k->ncommands++] = (struct command){usage, what, fn, ctx};
}
