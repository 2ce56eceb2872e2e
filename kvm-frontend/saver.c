// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE /* close_range, SCM_RIGHTS */
#include "saver.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sandbox.h"

#define SUFFIX ".saving"

enum command { BEGIN, COMMIT, ABANDON };

/* -- the process ------------------------------------------------------------------------------------------ */

struct helper {
	int dir_fd; /* FILE's folder */
	char name[NAME_MAX + 1], temporary[NAME_MAX + 1];
	int socket;
	int file; /* that is being written; -1: none */
};

static int find_folder(struct helper *h, const char *option, const char *path, char err[ERR_MAX])
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char dir[PATH_MAX] = ".";

	if (slash && (size_t)(slash - path) >= sizeof(dir))
		return err_set(err, "%s: %.100s...: the path is too long", option, path);
	if (slash)
		snprintf(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	if (!*name || !strcmp(name, ".") || !strcmp(name, "..") ||
	    strlen(name) + sizeof(SUFFIX) > sizeof(h->name))
		return err_set(err, "%s: %.150s is no name for a file", option, path);
	snprintf(h->name, sizeof(h->name), "%s", name);
	snprintf(h->temporary, sizeof(h->temporary), "%s" SUFFIX, name);
	h->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return h->dir_fd >= 0 ? 0 : err_set(err, "%s: the folder %.150s: %s", option, dir, strerror(errno));
}

static int check_folder(const struct helper *h, const char *option, const char *path, char err[ERR_MAX])
{
	struct stat st;

	if (faccessat(h->dir_fd, ".", W_OK | X_OK, AT_EACCESS))
		return err_set(err, "%s: %.150s can not be made: %s", option, path, strerror(errno));
	if (!fstatat(h->dir_fd, h->name, &st, 0) && !S_ISREG(st.st_mode))
		return err_set(err, "%s: %.150s is there, and is no regular file", option, path);
	return 0;
}

/*
 * A guest's memory is its own: nobody else may read the file. What a save left behind that was killed is not taken
 * over, but replaced.
 */
static int begin(struct helper *h)
{
	unlinkat(h->dir_fd, h->temporary, 0);
	h->file = openat(h->dir_fd, h->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return h->file >= 0 ? 0 : errno;
}

static void forget(struct helper *h)
{
	if (h->file >= 0)
		close(h->file);
	h->file = -1;
}

static void abandon(struct helper *h)
{
	if (h->file >= 0)
		unlinkat(h->dir_fd, h->temporary, 0);
	forget(h);
}

static int commit(struct helper *h)
{
	int error = 0;

	if (h->file < 0 || fsync(h->file) || renameat(h->dir_fd, h->temporary, h->dir_fd, h->name))
		error = h->file < 0 ? EBADF : errno;
	if (error)
		abandon(h);
	else
		fsync(h->dir_fd); /* the name; where that fails, the old file or the new one is found, both whole */
	forget(h);
	return error;
}

/* An answer is an errno, 0 for none, and with it a descriptor. */
static bool answer(const struct helper *h, int error, int fd)
{
	union {
		struct cmsghdr head;
		uint8_t room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {&error, sizeof(error)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		memset(&control, 0, sizeof(control));
		control.head = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(sizeof(fd)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
	}
	return sendmsg(h->socket, &m, MSG_NOSIGNAL) == sizeof(error);
}

/* Until the other side is gone; what it had not finished goes with it. */
static void serve(struct helper *h)
{
	uint8_t command;
	bool good = true;
	int error;

	while (good && recv(h->socket, &command, 1, 0) == 1) {
		switch (command) {
		case BEGIN:
			abandon(h);
			error = begin(h);
			good = answer(h, error, h->file);
			break;
		case COMMIT:
			good = answer(h, commit(h), -1);
			break;
		default:
			abandon(h);
			good = answer(h, 0, -1);
		}
	}
	abandon(h);
}

/* Nothing of ours but these two descriptors and standard error. */
static void close_others(struct helper *h)
{
	int a = h->dir_fd < h->socket ? h->dir_fd : h->socket,
	    b = h->dir_fd < h->socket ? h->socket : h->dir_fd;

	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	if (a > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)a - 1, 0);
	if (b > a + 1)
		close_range((unsigned)a + 1, (unsigned)b - 1, 0);
	close_range((unsigned)b + 1, ~0u, 0);
}

/* Tells how it went in a message of its own: nothing, or why not. */
static _Noreturn void be_helper(struct helper *h, const char *option, const char *path,
				const struct privilege *p, bool sandboxed)
{
	static const int ours[] = {SIGINT, SIGQUIT, SIGTSTP, SIGHUP, SIGTERM, SIGUSR1, SIGUSR2};
	char err[ERR_MAX] = "";
	struct privilege mine = *p;

	/* A key on our terminal is for the machine, and so is what `pkill ringside-vmm` sends. */
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		signal(ours[i], SIG_IGN);
	if (!privilege_drop(&mine, err) && !check_folder(h, option, path, err)) {
		close_others(h);
		if (sandboxed && !sandbox_prepare(err))
			sandbox_enter(SANDBOX_SAVER, 0, "saver", err);
	}
	if (send(h->socket, err, strlen(err) + 1, MSG_NOSIGNAL) > 0 && !err[0])
		serve(h);
	_exit(0);
}

/* -- our side --------------------------------------------------------------------------------------------- */

int saver_start(struct saver *s, const char *option, const char *path, const struct privilege *p,
		bool sandboxed, char err[ERR_MAX])
{
	struct helper h = {.dir_fd = -1, .socket = -1, .file = -1};
	int pair[2];
	pid_t child;

	*s = (struct saver){path, -1};
	if (find_folder(&h, option, path, err))
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		close(h.dir_fd);
		return err_set(err, "%s: socketpair: %s", option, strerror(errno));
	}
	child = fork();
	if (child == 0) {
		close(pair[0]);
		h.socket = pair[1];
		be_helper(&h, option, path, p, sandboxed);
	}
	close(pair[1]);
	close(h.dir_fd);
	s->socket = pair[0];
	if (child < 0)
		return err_set(err, "%s: fork: %s", option, strerror(errno));
	if (recv(s->socket, err, ERR_MAX, 0) <= 0)
		return err_set(err, "%s: the process that makes the file did not start", option);
	return err[0] ? -1 : 0;
}

void saver_stop(struct saver *s)
{
	if (s->socket >= 0)
		close(s->socket);
	s->socket = -1;
}

/* The errno that it answers; fd: NULL, or where a descriptor goes. */
static int ask(struct saver *s, enum command command, int *fd)
{
	union {
		struct cmsghdr head;
		uint8_t room[CMSG_SPACE(sizeof(int))];
	} control;
	uint8_t byte = (uint8_t)command;
	int error = 0;
	struct iovec iov = {&error, sizeof(error)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
	}
	if (send(s->socket, &byte, 1, MSG_NOSIGNAL) != 1 ||
	    recvmsg(s->socket, &m, MSG_CMSG_CLOEXEC) != sizeof(error))
		return ESRCH;
	if (fd && !error && m.msg_controllen >= sizeof(control.head) && control.head.cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(&control.head), sizeof(*fd));
	return error;
}

static int told(const struct saver *s, int error, char err[ERR_MAX])
{
	if (error == ESRCH)
		return err_set(err, "%.150s: the process that makes the file is gone", s->path);
	return error ? err_set(err, "%.200s: %s", s->path, strerror(error)) : 0;
}

int saver_begin(struct saver *s, char err[ERR_MAX])
{
	int fd = -1, error = ask(s, BEGIN, &fd);

	if (!error && fd < 0)
		error = EMFILE; /* no room for the descriptor: the kernel leaves it away */
	return told(s, error, err) ? -1 : fd;
}

int saver_commit(struct saver *s, char err[ERR_MAX])
{
	return told(s, ask(s, COMMIT, NULL), err);
}

void saver_abandon(struct saver *s)
{
	ask(s, ABANDON, NULL);
}
