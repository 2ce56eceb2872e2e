// SPDX-License-Identifier: BSD-2-Clause
#include "terminal.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define CTRL_A 1

/* The one global of this program: a signal handler has no other way to find what it must restore. */
static struct {
	volatile sig_atomic_t raw;
	struct termios before;
} stdin_mode;

static void restore(void)
{
	if (stdin_mode.raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &stdin_mode.before);
	stdin_mode.raw = 0;
}

/* SA_RESETHAND: raised again, the signal does what it always does. */
static void on_crash(int sig)
{
	restore();
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

int terminal_open(struct terminal *t, const char *file, char err[ERR_MAX])
{
	*t = (struct terminal){.in_fd = STDIN_FILENO, .out_fd = STDOUT_FILENO};
	if (!file)
		return 0;
	t->in_fd = -1;
	t->out_fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
	if (t->out_fd < 0)
		return err_set(err, "--console %s: %s", file, strerror(errno));
	t->opened = true;
	return 0;
}

void terminal_start(struct terminal *t)
{
	t->raw = t->in_fd == STDIN_FILENO && make_raw();
}

void terminal_stop(struct terminal *t)
{
	if (t->raw)
		restore();
	t->raw = false;
}

void terminal_close(struct terminal *t)
{
	terminal_stop(t);
	if (t->opened)
		close(t->out_fd);
	t->opened = false;
}

/* Somebody who knows no key asks for them; when the terminal takes nothing now, they ask again. */
static void tell_keys(const struct terminal *t)
{
	static const char keys[] = "\r\nCtrl-A x ends the machine, Ctrl-A ? tells this, Ctrl-A Ctrl-A is one "
				   "Ctrl-A for the guest\r\n";

	if (write(t->out_fd, keys, sizeof(keys) - 1) < 0)
		return;
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
