// SPDX-License-Identifier: BSD-2-Clause
#include "control.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "listener.h"

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
	struct loop *loop;
	struct listener listener;
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

static void welcome(struct control *k, int fd)
{
	struct client *c = free_client(k);

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

static void on_connection(void *ctx)
{
	struct control *k = ctx;
	int fd;

	while ((fd = listener_accept(&k->listener)) >= 0)
		welcome(k, fd);
}

/* -- life ------------------------------------------------------------------------------------------------- */

struct control *control_create(const char *path, struct loop *loop, char err[ERR_MAX])
{
	struct control *k = calloc(1, sizeof(*k));

	if (!k) {
		err_set(err, "--control: out of memory");
		return NULL;
	}
	k->loop = loop;
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
		k->client[i].fd = -1;
	if (!listener_open(&k->listener, "--control", path, true, CONTROL_CLIENTS_MAX, loop, on_connection, k,
			   err))
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
	listener_close(&k->listener);
	free(k);
}

void control_add(struct control *k, const char *usage, const char *what, control_fn fn, void *ctx)
{
	if (k && k->ncommands < CONTROL_COMMANDS_MAX)
		k->command[k->ncommands++] = (struct command){usage, what, fn, ctx};
}
