// SPDX-License-Identifier: BSD-2-Clause
/*
 * listener: a socket with a name in the file system, to which others on this host connect: --control, and named
 * ports. Its folder stays open, so that the name can be removed at the end under another root folder, too.
 */
#ifndef KVM_LISTENER_H
#define KVM_LISTENER_H

#include <stdbool.h>
#include "boot/err.h"
#include "loop.h"

struct listener {
	struct loop *loop;
	int fd;         /* -1: none, or not any more */
	int dir_fd;     /* the folder that its name is in; -1: none */
	char name[108]; /* in there; "": not ours */
	struct loop_fd *watch;
};

#define LISTENER_NONE ((struct listener){.fd = -1, .dir_fd = -1})

/*
 * Makes it, and calls fn(ctx) on the loop's thread once for each time that somebody has connected (edge-triggered: whoever
 * can not be accepted now waits, and is not told of again). what: the option, for messages. privately: for its owner
 * alone; else as umask has it. What a process that was killed left behind is replaced. -1: listener_close is due.
 */
int listener_open(struct listener *, const char *what, const char *path, bool privately, int backlog,
		  struct loop *, loop_fn fn, void *ctx, char err[ERR_MAX]);
/* A descriptor that does not wait, or -1: nobody is there, or there is no descriptor left. */
int listener_accept(const struct listener *);
void listener_close(struct listener *);

#endif
