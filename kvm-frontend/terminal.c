// SPDX-License-Identifier: BSD-2-Clause
#include "terminal.h"
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* The one global of this program: a signal handler has no other way to find what it must restore. */
static struct {
	volatile sig_atomic_t raw;
	struct termios before;
} terminal;

void terminal_restore(void)
{
	if (terminal.raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &terminal.before);
	terminal.raw = 0;
}

/* SA_RESETHAND: raised again, the signal does what it always does. */
static void on_crash(int sig)
{
	terminal_restore();
	raise(sig);
}

bool terminal_raw(void)
{
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT};
	struct sigaction action;
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &terminal.before))
		return false;
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_crash;
	action.sa_flags = (int)SA_RESETHAND | SA_NODEFER;
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		sigaction(crashes[i], &action, NULL);
	raw = terminal.before;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST; /* our own messages on the same terminal keep their line ends */
	terminal.raw = 1;
	return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}
