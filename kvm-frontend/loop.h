// SPDX-License-Identifier: BSD-2-Clause
/*
 * The event loop: one epoll instance, run by the main thread. Everything that is not the vCPU happens in
 * here.
 *
 * Callbacks run on the main thread, one at a time. loop_add_fd and loop_remove_fd belong to that thread (or
 * to the time before the loop runs); loop_want, loop_pause, loop_resume and loop_stop may be called from any thread. A
 * callback may be called once without need (its descriptor was replaced within one batch): read without
 * blocking.
 */
#ifndef KVM_LOOP_H
#define KVM_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LOOP_FDS_MAX 512

typedef void (*loop_fn)(void *ctx);

struct loop_fd {
	int fd;
	loop_fn fn; /* NULL: this slot is free */
	void *ctx;
};

struct loop {
	int epoll_fd, stop_fd;
	atomic_bool stop;
	struct loop_fd fds[LOOP_FDS_MAX];
};

/* 0, or -1 with errno. */
int loop_create(struct loop *);
void loop_destroy(struct loop *);

/*
 * Calls fn(ctx) whenever fd is readable (or hung up). The descriptor stays the caller's. NULL with errno:
 * EPERM for what epoll cannot watch (a regular file), ENOSPC when all slots are taken.
 */
struct loop_fd *loop_add_fd(struct loop *, int fd, loop_fn fn, void *ctx);
/*
 * The same for a non-blocking descriptor that is used both ways: calls fn(ctx) when it has become readable,
 * writable or hung up, once for each time (edge-triggered), and once after it was added. So whoever reads or
 * writes goes on until there is nothing or no room; what they leave for later, nobody reminds them of.
 */
struct loop_fd *loop_add_edge(struct loop *, int fd, loop_fn fn, void *ctx);
void loop_remove_fd(struct loop *, struct loop_fd *);

/* From now on fn is called when the descriptor is readable, writable, either or (but for hang-ups) never. */
void loop_want(struct loop *, struct loop_fd *, bool readable, bool writable);
/* Takes a descriptor's readiness out of account for a while: back-pressure. */
void loop_pause(struct loop *, struct loop_fd *);
void loop_resume(struct loop *, struct loop_fd *);

/* Runs until loop_stop. 0, or -1 with errno. */
int loop_run(struct loop *);
void loop_stop(struct loop *);

#endif
