// SPDX-License-Identifier: BSD-2-Clause
/*
 * stream: bytes to and from somebody on the host: standard input and output, a pseudo terminal, a file, a
 * socket. Never waits: there is something or not, there is room or not. Several threads may write, one reads.
 *
 * Standard input and output belong to others, too (the shell, a pipe's other users), who would be surprised to
 * find them non-blocking. So they are opened a second time where that is possible; where it is not (a socket),
 * they are as before when the stream is closed.
 */
#ifndef KVM_STREAM_H
#define KVM_STREAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* SOCKET: whoever is at the other end may go without that being a failure. */
enum stream_kind { STREAM_PLAIN, STREAM_PTY, STREAM_SOCKET };

struct stream {
	char what[64];     /* for messages */
	int in_fd, out_fd; /* -1: none; one and the same where it goes both ways */
	enum stream_kind kind;
	atomic_bool broken; /* writing failed: told once, then dropped */
	int before_in,
		before_out; /* flags of standard input and output, to be given back; -1: nothing to do */
};

/* All of these take ownership; stream_close gives it up. */
void stream_none(struct stream *, const char *what); /* what is written is lost, nothing comes */
void stream_stdio(struct stream *, const char *what);
void stream_fds(struct stream *, const char *what, int in_fd, int out_fd); /* made non-blocking */
void stream_close(struct stream *);

/* How many bytes were read; 0: there is nothing now; -1: nothing will come any more. */
ssize_t stream_read(struct stream *, void *data, size_t n);
/*
 * How many bytes are gone, n > 0 of them at most; 0: there is no room now. Where nobody takes them (a failure,
 * which is told once; a pseudo terminal that is full and that no program has open) they are lost.
 */
size_t stream_write(struct stream *, const struct iovec *, int count);

#endif
