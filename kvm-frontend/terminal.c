// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE /* ptsname_r */
#include "terminal.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#define CTRL_A     1
#define NULL_MAJOR 1 /* /dev/null */
#define NULL_MINOR 3

/* A global: a signal handler has no other way to find what it must restore. */
static struct {
	volatile sig_atomic_t raw;
	struct termios before;
} stdin_mode;

void terminal_restore(void)
{
	if (stdin_mode.raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &stdin_mode.before);
	stdin_mode.raw = 0;
}

/* SA_RESETHAND: raised again, the signal does what it always does. */
static void on_crash(int sig)
{
	terminal_restore();
	raise(sig);
}

static bool make_raw(void)
{
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT};
	struct sigaction action;
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &stdin_mode.before))
		return false;
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_crash;
	action.sa_flags = (int)SA_RESETHAND | SA_NODEFER;
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		sigaction(crashes[i], &action, NULL);
	raw = stdin_mode.before;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST; /* our own messages on the same terminal keep their line ends */
	stdin_mode.raw = 1;
	return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

/*
 * The child's end is raw from the beginning: with echo on, what the guest writes would come back as what
 * somebody types. Closed again, it tells us (EIO) when no program has it open.
 */
static int open_pty(struct terminal *t, const char *what, char err[ERR_MAX])
{
	int parent = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), child;
	char name[64] = "";
	struct termios mode;

	if (parent < 0)
		return err_set(err, "--console pty: %s", strerror(errno));
	stream_fds(&t->stream, what, parent, parent);
	t->stream.kind = STREAM_PTY;
	if (unlockpt(parent) || ptsname_r(parent, name, sizeof(name)))
		return err_set(err, "--console pty: %s", strerror(errno));
	child = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (child < 0 || tcgetattr(child, &mode))
		return err_set(err, "--console pty: %s: %s", name, strerror(errno));
	cfmakeraw(&mode);
	tcsetattr(child, TCSANOW, &mode);
	close(child);
	fprintf(stderr, "ringside-vmm: %s is at %s\n", what, name);
	return 0;
}

/* Emptied only once all is open and this lock is met by nobody: a disk given here by mistake stays as it is. */
static int take_file(struct terminal *t, const char *where, char err[ERR_MAX])
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct stat st;

	if (fstat(t->stream.out_fd, &st) || !S_ISREG(st.st_mode))
		return 0;
	if (fcntl(t->stream.out_fd, F_OFD_SETLK, &fl) && (errno == EAGAIN || errno == EACCES))
		return err_set(err, "--console %.150s: is in use, as a disk, a recording or another console",
			       where);
	t->old = true;
	return 0;
}

int terminal_open(struct terminal *t, const char *where, const char *what, char err[ERR_MAX])
{
	int fd;

	memset(t, 0, sizeof(*t));
	stream_none(&t->stream, what);
	if (!where)
		return 0;
	if (!strcmp(where, "pty"))
		return open_pty(t, what, err);
	if (!strcmp(where, "stdio")) {
		stream_stdio(&t->stream, what);
		return 0;
	}
	fd = open(where, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
	if (fd < 0)
		return err_set(err, "--console %s: %s", where, strerror(errno));
	stream_fds(&t->stream, what, -1, fd);
	return take_file(t, where, err);
}

void terminal_start(struct terminal *t)
{
	if (t->old && ftruncate(t->stream.out_fd, 0))
		fprintf(stderr, "ringside-vmm: %s: its file can not be emptied: %s\n", t->stream.what,
			strerror(errno));
	t->old = false;
	t->raw = t->stream.in_fd >= 0 && t->stream.kind == STREAM_PLAIN && make_raw();
}

void terminal_stop(struct terminal *t)
{
	if (t->raw)
		terminal_restore();
	t->raw = false;
}

void terminal_close(struct terminal *t)
{
	terminal_stop(t);
	stream_close(&t->stream);
}

bool terminal_size(const struct terminal *t, uint16_t *cols, uint16_t *rows)
{
	struct winsize size;

	if (t->stream.out_fd < 0 || ioctl(t->stream.out_fd, TIOCGWINSZ, &size))
		return false;
	*cols = size.ws_col;
	*rows = size.ws_row;
	return true;
}

bool terminal_same(const struct terminal *a, const struct terminal *b)
{
	struct stat x, y;

	if (a->stream.kind == STREAM_PTY || b->stream.kind == STREAM_PTY || fstat(a->stream.out_fd, &x) ||
	    fstat(b->stream.out_fd, &y))
		return false;
	if (S_ISCHR(x.st_mode) && x.st_rdev == makedev(NULL_MAJOR, NULL_MINOR))
		return false; /* who writes there is in nobody's way */
	return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Somebody who knows no key asks for them; when the terminal takes nothing now, they ask again. */
static void tell_keys(struct terminal *t)
{
	static char keys[] = "\r\nCtrl-A x ends the machine, Ctrl-A ? tells this, Ctrl-A Ctrl-A is one "
			     "Ctrl-A for the guest\r\n";

	stream_write(&t->stream, &(struct iovec){keys, sizeof(keys) - 1}, 1);
}

/* True: the key goes to the guest. */
static bool key_after_ctrl_a(struct terminal *t, uint8_t key)
{
	if (key == 'x' || key == 'X')
		t->quit = true;
	if (key == '?')
		tell_keys(t);
	return key == CTRL_A;
}

unsigned terminal_keys(struct terminal *t, uint8_t *data, unsigned n)
{
	unsigned kept = 0;

	if (!t->raw)
		return n;
	for (unsigned i = 0; i < n; i++) {
		bool ours = t->escape || data[i] == CTRL_A;

		if (!ours || (t->escape && key_after_ctrl_a(t, data[i])))
			data[kept++] = data[i];
		t->escape = ours && !t->escape;
	}
	return kept;
}
