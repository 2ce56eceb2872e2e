// SPDX-License-Identifier: BSD-2-Clause
/*
 * drive: runs a program on a terminal and types for it, as a script says. Static, so that it runs anywhere.
 *
 *   drive SCRIPT PROGRAM [ARG]...
 *
 * What the program writes is passed on to standard output. A line of SCRIPT is one of
 *
 *   size COLS ROWS     the terminal's size from now on (80 24 at first)
 *   wait SECONDS       how long each of the lines below waits from now on (60 at first)
 *   expect TEXT        waits until TEXT comes, after what was expected before
 *   type TEXT          types TEXT and return
 *   key HEX            types one byte
 *   stop SECONDS       does not read what the program writes for so long: a terminal that is stopped
 *   port PATH TEXT     connects to a socket, sends a line, and passes on the line that comes back, after `port: `
 *   memory             prints `drive: memory N kB`, what the program holds in memory
 *   end                waits for the end of the program; the last line
 *
 * Status: the program's; 125 when something expected did not come (and why, on standard error).
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { SEEN_MAX = 1 << 16, FAILED = 125 };

static int tty; /* the parent's end of the terminal; -1: the program has closed the other */
static pid_t program;
static char seen[SEEN_MAX + 1]; /* what came and was not expected yet */
static size_t nseen;
static long patience_s = 60;

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void pass_on(const char *data, size_t n)
{
	while (n) {
		ssize_t put = write(STDOUT_FILENO, data, n);

		if (put < 0)
			err(FAILED, "standard output");
		data += put;
		n -= (size_t)put;
	}
}

/* What is long past is not looked at any more. */
static void remember(const char *data, size_t n)
{
	if (nseen + n > SEEN_MAX) {
		size_t drop = nseen < SEEN_MAX / 2 ? nseen : SEEN_MAX / 2;

		memmove(seen, seen + drop, nseen - drop);
		nseen -= drop;
	}
	for (size_t i = 0; i < n; i++)
		if (data[i] && data[i] != '\r')
			seen[nseen++] = data[i];
	seen[nseen] = 0;
}

/* Reads what has come within some time. False: nothing. */
static bool take(int ms)
{
	struct pollfd p = {.fd = tty, .events = POLLIN};
	char data[4096];
	ssize_t n;

	if (tty < 0) {
		usleep((unsigned)ms * 1000);
		return false;
	}
	if (poll(&p, 1, ms) <= 0)
		return false;
	n = read(tty, data, sizeof(data));
	if (n <= 0) { /* EIO: nobody has the other end open */
		close(tty);
		tty = -1;
		return false;
	}
	pass_on(data, (size_t)n);
	remember(data, (size_t)n);
	return true;
}

static void expect(const char *text, unsigned line)
{
	double until = now_s() + (double)patience_s;
	char *at;

	while (!(at = strstr(seen, text))) {
		if (now_s() > until || tty < 0) {
			fprintf(stderr, "drive: line %u: \"%s\" did not come %s\n", line, text,
				tty < 0 ? "before the program's end" : "in time");
			kill(program, SIGKILL);
			exit(FAILED);
		}
		take(200);
	}
	at += strlen(text);
	nseen -= (size_t)(at - seen);
	memmove(seen, at, nseen + 1);
}

static void type(const char *data, size_t n, unsigned line)
{
	double until = now_s() + (double)patience_s;

	while (n) {
		ssize_t put = write(tty, data, n);

		if (put < 0 && (errno != EAGAIN || now_s() > until)) {
			fprintf(stderr, "drive: line %u: cannot type: %s\n", line, strerror(errno));
			kill(program, SIGKILL);
			exit(FAILED);
		}
		if (put > 0) {
			data += put;
			n -= (size_t)put;
		}
		take(20);
	}
}

static void set_size(const char *words)
{
	struct winsize size = {0};
	char *rest;

	size.ws_col = (unsigned short)strtoul(words, &rest, 10);
	size.ws_row = (unsigned short)strtoul(rest, NULL, 10);
	if (!size.ws_col || !size.ws_row || ioctl(tty, TIOCSWINSZ, &size))
		err(FAILED, "size %s", words);
}

static void tell_memory(void)
{
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)program);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "RssAnon:", 8))
			printf("\ndrive: memory %ld kB\n", strtol(line + 8, NULL, 10));
	fflush(stdout);
	if (f)
		fclose(f);
}

/* The answer is expected like everything else. */
static void talk(const char *words, unsigned line)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const struct timeval patience = {.tv_sec = patience_s}; /* for a connection, and to send the line */
	const char *text = strchr(words, ' ');
	char answer[256] = "port: ";
	size_t n = strlen(answer);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!text)
		errx(FAILED, "line %u: write port PATH TEXT", line);
	snprintf(at.sun_path, sizeof(at.sun_path), "%.*s", (int)(text - words), words);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ||
	    connect(fd, (struct sockaddr *)&at, sizeof(at)) || dprintf(fd, "%s\n", text + 1) < 0)
		err(FAILED, "line %u: %s", line, at.sun_path);
	for (double until = now_s() + (double)patience_s; now_s() < until && n < sizeof(answer) - 1;
	     take(20)) {
		if (recv(fd, answer + n, 1, MSG_DONTWAIT) == 1 && answer[n++] == '\n')
			break;
	}
	close(fd);
	pass_on(answer, n);
	remember(answer, n);
}

static int end(unsigned line)
{
	double until = now_s() + (double)patience_s;
	int status;

	while (waitpid(program, &status, WNOHANG) == 0) {
		if (now_s() > until) {
			fprintf(stderr, "drive: line %u: the program does not end\n", line);
			kill(program, SIGKILL);
			exit(FAILED);
		}
		take(100);
	}
	while (take(0))
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void run(char *argv[])
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	const char *name;
	int child;

	tty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (tty < 0 || grantpt(tty) || unlockpt(tty) || !(name = ptsname(tty)))
		err(FAILED, "no terminal to be had");
	ioctl(tty, TIOCSWINSZ, &size);
	fcntl(tty, F_SETFL, O_NONBLOCK);
	child = open(name, O_RDWR | O_NOCTTY); /* held until the program has it: no end before the begin */
	program = fork();
	if (program < 0 || child < 0)
		err(FAILED, "%s", name);
	if (program == 0) {
		setsid();
		ioctl(child, TIOCSCTTY, 0);
		for (int fd = 0; fd < 3; fd++)
			dup2(child, fd);
		if (child > 2)
			close(child);
		execvp(argv[0], argv);
		err(127, "%s", argv[0]);
	}
	close(child);
}

static bool word(char *line, const char *name, char **rest)
{
	size_t n = strlen(name);

	*rest = line + n + (line[n] == ' ');
	return !strncmp(line, name, n) && (line[n] == ' ' || !line[n]);
}

int main(int argc, char *argv[])
{
	FILE *script = argc > 2 ? fopen(argv[1], "re") : NULL;
	char line[1024], *rest;
	unsigned n = 0;

	if (!script)
		errx(FAILED, "usage: drive SCRIPT PROGRAM [ARG]...");
	run(argv + 2);
	while (fgets(line, sizeof(line), script)) {
		n++;
		line[strcspn(line, "\n")] = 0;
		if (word(line, "size", &rest)) {
			set_size(rest);
		} else if (word(line, "wait", &rest)) {
			patience_s = strtol(rest, NULL, 10);
		} else if (word(line, "expect", &rest)) {
			expect(rest, n);
		} else if (word(line, "type", &rest)) {
			type(rest, strlen(rest), n);
			type("\r", 1, n);
		} else if (word(line, "key", &rest)) {
			char key = (char)strtol(rest, NULL, 16);

			type(&key, 1, n);
		} else if (word(line, "stop", &rest)) {
			sleep((unsigned)strtol(rest, NULL, 10));
		} else if (word(line, "port", &rest)) {
			talk(rest, n);
		} else if (word(line, "memory", &rest)) {
			tell_memory();
		} else if (word(line, "end", &rest)) {
			return end(n);
		} else if (line[0] && line[0] != '#') {
			errx(FAILED, "line %u: %s: what is that?", n, line);
		}
	}
	return end(n);
}
