// SPDX-License-Identifier: BSD-2-Clause
#include "loop.h"
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BATCH 16

static void on_stop(void *ctx)
{
	(void)ctx; /* loop_run looks at the flag; the descriptor only wakes it */
}

int loop_create(struct loop *loop)
{
	memset(loop, 0, sizeof(*loop));
	loop->stop_fd = -1;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -1;
	loop->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->stop_fd >= 0 && loop_add_fd(loop, loop->stop_fd, on_stop, NULL))
		return 0;
	loop_destroy(loop);
	return -1;
}

void loop_destroy(struct loop *loop)
{
	if (loop->stop_fd >= 0)
		close(loop->stop_fd);
	close(loop->epoll_fd);
	loop->stop_fd = loop->epoll_fd = -1;
}

static int watch(struct loop *loop, int op, struct loop_fd *slot, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = slot};

	return epoll_ctl(loop->epoll_fd, op, slot->fd, &ev);
}

static struct loop_fd *add(struct loop *loop, int fd, uint32_t events, loop_fn fn, void *ctx)
{
	for (size_t i = 0; i < LOOP_FDS_MAX; i++) {
		struct loop_fd *slot = &loop->fds[i];

		if (slot->fn)
			continue;
		*slot = (struct loop_fd){fd, fn, ctx};
		if (!watch(loop, EPOLL_CTL_ADD, slot, events))
			return slot;
		slot->fn = NULL;
		return NULL;
	}
	errno = ENOSPC;
	return NULL;
}

struct loop_fd *loop_add_fd(struct loop *loop, int fd, loop_fn fn, void *ctx)
{
	return add(loop, fd, EPOLLIN, fn, ctx);
}

struct loop_fd *loop_add_edge(struct loop *loop, int fd, loop_fn fn, void *ctx)
{
	return add(loop, fd, EPOLLIN | EPOLLOUT | EPOLLET, fn, ctx);
}

void loop_remove_fd(struct loop *loop, struct loop_fd *slot)
{
	watch(loop, EPOLL_CTL_DEL, slot, 0);
	slot->fn = NULL;
}

/* A hang-up cannot be masked and would be told again and again: edge-triggered, it is told once at the most.
 */
void loop_want(struct loop *loop, struct loop_fd *slot, bool readable, bool writable)
{
	uint32_t events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u);

	watch(loop, EPOLL_CTL_MOD, slot, events ? events : EPOLLET);
}

void loop_pause(struct loop *loop, struct loop_fd *slot)
{
	loop_want(loop, slot, false, false);
}

void loop_resume(struct loop *loop, struct loop_fd *slot)
{
	loop_want(loop, slot, true, false);
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[BATCH];

	while (!atomic_load(&loop->stop)) {
		int n = epoll_wait(loop->epoll_fd, events, BATCH, -1);

		if (n < 0 && errno != EINTR)
			return -1;
		for (int i = 0; i < n && !atomic_load(&loop->stop); i++) {
			struct loop_fd *slot = events[i].data.ptr;

			if (slot->fn)
				slot->fn(slot->ctx);
		}
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	uint64_t one = 1;

	atomic_store(&loop->stop, true);
	/* Cannot fail but by a counter at its limit, and then the loop is awake anyway. */
	if (write(loop->stop_fd, &one, sizeof(one)) < 0)
		return;
}
