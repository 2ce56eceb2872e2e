// SPDX-License-Identifier: BSD-2-Clause
/*
 * sandbox: once the guest runs, each thread may make only the system calls that its kind needs. A guest that
 * takes us over (a mistake in a device is all it wants) gets the files that are open, and nothing else.
 *
 * sandbox_calls.def is the list of each kind, and tells how to add a line. A forbidden call is not made: the
 * process ends with status SANDBOX_STATUS, and one line tells the call and the thread.
 */
#ifndef KVM_SANDBOX_H
#define KVM_SANDBOX_H

#include "boot/err.h"

#define SANDBOX_STATUS 5 /* the process's exit status after a forbidden call */

enum sandbox_thread {
	SANDBOX_VCPU,
	SANDBOX_MAIN,  /* the event loop, and the way out when the guest has ended */
	SANDBOX_SAVER, /* a process of its own (saver.h) */
	SANDBOX_THREADS,
};

/* What the command line asks for; bits. */
enum sandbox_need {
	SANDBOX_DISK = 1,
	SANDBOX_USER_NET = 2,
	SANDBOX_TAP = 4,
	SANDBOX_CONTROL = 8,
	SANDBOX_RECORD = 16,
	SANDBOX_PORT = 32,
	SANDBOX_SAVE = 64,
};

/* Once, before any thread enters: what tells of a forbidden call. */
int sandbox_prepare(char err[ERR_MAX]);

/*
 * The calling thread is confined from here on and for good, and may gain no privileges (no_new_privs). needs:
 * enum sandbox_need. name: the thread's, for the message. -1: the kernel refuses; the thread is as it was.
 */
int sandbox_enter(enum sandbox_thread, unsigned needs, const char *name, char err[ERR_MAX]);

/*
 * For a library that opens one file by its name over and over, to read it: that file is opened now, and whenever
 * a confined thread opens or stats `path`, it gets this one. path must outlive the process's threads. Before any
 * thread enters; once.
 */
void sandbox_lend(const char *path);

#endif
