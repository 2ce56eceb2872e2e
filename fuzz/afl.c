// SPDX-License-Identifier: BSD-2-Clause
/*
 * A fuzz target under AFL++: persistent mode, test cases through shared memory. All machines are made before
 * the fork server starts (making one takes longer than a run may, and a process that was ended for that would
 * make it again), and each run begins by resetting what the last one dirtied, so one process serves many runs.
 *
 * AFL++'s own loop stops the process by a signal after each run; its parent, the fork server, wakes up to tell
 * afl-fuzz, and again to wake it. Here the process itself tells afl-fuzz that a run is over and waits for the
 * next one, and the fork server only hears of its death: half as many switches between processes, nearly three times
 * as many empty runs a second. What ends a run that takes too long must then be a signal that leaves a process alone
 * that is just done, else its end would be told twice: so only where afl-fuzz was told to use SIGTERM
 * (AFL_KILL_SIGNAL=15, as fuzz/run.sh does); elsewhere it is AFL++'s loop.
 *
 * Without afl-fuzz around it, the program reads one test case from standard input, or those that are named (what is an
 * option to libFuzzer is none here).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files.h"
#include "machine_byte.h"
#include "target.h"

#pragma clang diagnostic ignored "-Wconversion" /* inside of AFL++'s own macros */
#pragma clang diagnostic ignored "-Wshorten-64-to-32"
__AFL_FUZZ_INIT();

#define RUNS_PER_PROCESS 100000
#define REQUESTS_FD      198 /* of the fork server: afl-fuzz asks for runs; */
#define ANSWERS_FD       199 /* it is answered by a process id, and when that is done by its status */

pid_t __wrap_waitpid(pid_t, int *, int);
pid_t __real_waitpid(pid_t, int *, int);

static int requests = -1, answers = -1, waiting[2] = {-1, -1};
static pid_t self;
static volatile sig_atomic_t running;

static void on_term(int signal)
{
	if (running)
		_exit(128 + signal); /* the fork server tells of it */
}

/* Before the fork server takes the descriptors for itself. */
static void speak_for_itself(void)
{
	const char *ends_by = getenv("AFL_KILL_SIGNAL");
	if (!ends_by || atoi(ends_by) != SIGTERM || pipe(waiting))
		return;
	requests = dup(REQUESTS_FD);
	answers = dup(ANSWERS_FD);
}

/* The fork server waits for its child: it has told afl-fuzz which one that is. */
pid_t __wrap_waitpid(pid_t pid, int *status, int how)
{
	if (answers >= 0 && write(waiting[1], "", 1) != 1)
		_exit(1);
	return __real_waitpid(pid, status, how);
}

static bool begin(void)
{
	char byte;
	self = getpid();
	signal(SIGTERM, on_term);
	return read(waiting[0], &byte, 1) == 1;
}

/* False: afl-fuzz is gone. */
static bool next(void)
{
	const int ended = 0;
	int request;
	return write(answers, &ended, sizeof(ended)) == sizeof(ended) &&
	       read(requests, &request, sizeof(request)) == sizeof(request) &&
	       write(answers, &self, sizeof(self)) == sizeof(self);
}

static void run(const unsigned char *bytes)
{
	running = 1;
	LLVMFuzzerTestOneInput(bytes, (size_t)__AFL_FUZZ_TESTCASE_LEN);
	running = 0;
}

static void run_file(void *ctx, const char *path, const uint8_t *file, size_t n)
{
	(void)ctx;
	fprintf(stderr, "Running: %s\n", path); /* as libFuzzer does: who asks sees which one it was */
	LLVMFuzzerTestOneInput(file, n);
}

static int run_files(char **path)
{
	for (; *path; path++)
		if (**path != '-' && files_each(*path, run_file, NULL) < 0)
			return 2;
	return 0;
}

int main(int argc, char **argv)
{
	target_sample();
	if (argc > 1)
		return run_files(argv + 1);
	LLVMFuzzerTestOneInput(NULL, 0);
	for (uint8_t byte = 0; target_chooses() && byte < MACHINE_BYTE_ALL; byte++)
		LLVMFuzzerTestOneInput(&byte, 1);
	speak_for_itself();
#ifdef __AFL_HAVE_MANUAL_CONTROL
	__AFL_INIT();
#endif
	const unsigned char *bytes = __AFL_FUZZ_TESTCASE_BUF;
	if (answers < 0) {
		while (__AFL_LOOP(RUNS_PER_PROCESS))
			run(bytes);
	} else if (begin()) {
		run(bytes);
		for (int i = 1; i < RUNS_PER_PROCESS && next(); i++)
			run(bytes);
	}
	return 0;
}
