// SPDX-License-Identifier: BSD-2-Clause
/*
 * saver: a process of its own that makes the file which a machine is saved to, and nothing else: once the guest
 * runs, ours may not open any file by its name (docs/sandbox.md). It is started before there is memory of a guest's,
 * and takes three commands: begin (answers a descriptor to write to), commit, abandon.
 *
 * What is written is FILE.saving, beside FILE, which it replaces only once all of it is on the disk. So a full disk,
 * or the end of either process, leaves an older FILE as it was.
 */
#ifndef KVM_SAVER_H
#define KVM_SAVER_H

#include "boot/err.h"
#include "privilege.h"

struct saver {
	const char *path;
	int socket; /* to the process; -1: none */
};

/*
 * path must outlive it. option: for messages, such as "--save-on". privilege: what it gives up first; sandboxed:
 * it is confined, too. -1 and one clear line: no such folder, or no file can be made there.
 */
int saver_start(struct saver *, const char *option, const char *path, const struct privilege *,
		bool sandboxed, char err[ERR_MAX]);
void saver_stop(struct saver *); /* also where none was started */

/* An empty file to write to, which the caller closes; or -1. */
int saver_begin(struct saver *, char err[ERR_MAX]);
/* What was written is what FILE is from now on; or it is thrown away. After saver_begin, once. */
int saver_commit(struct saver *, char err[ERR_MAX]);
void saver_abandon(struct saver *);

#endif
