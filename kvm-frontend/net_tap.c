// SPDX-License-Identifier: BSD-2-Clause
#include "net_tap.h"
#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define BATCH 64 /* frames that are read in one piece of work */

_Static_assert(sizeof(struct net_header) == NET_TAP_HEADER_LEN, "the tap's header");
_Static_assert(sizeof(struct vspan) == sizeof(struct iovec), "spans are handed to the kernel");

/* One pair of queues: a descriptor of its own. */
struct tap_queue {
	struct net_tap *tap;
	uint16_t pair;
	int fd;
	struct loop_fd *watch;
	bool attached; /* the kernel may choose it */
	bool ready;    /* there may be something to read: so the loop says, or an answer to what was sent */
	bool waiting;  /* the guest has no buffers for the frame that is held; wake comes */
	bool reading, writing; /* what the loop watches for */
	uint32_t held;         /* bytes of the frame in `bytes`; 0: none */
	struct net_header header;
	uint8_t bytes[NET_FRAME_MAX + 1]; /* so that one which is too long shows */
	/* frames that the kernel has no room for: a ring */
	unsigned first, count;
	struct net_io *out[NET_INFLIGHT_MAX];
};

struct net_tap {
	struct net_side side;
	struct loop *loop;
	char name[OPTIONS_TAP_MAX];
	uint16_t npairs;
	uint32_t offloads; /* enum net_can: what the kernel may hand us */
	bool gone;         /* the interface was deleted */
	bool published;    /* something was answered outside of submit */
	struct tap_queue *queue;
	const struct tap_queue *receiving; /* whose frame is being given to the device, or NULL */
};

/* -- readiness -------------------------------------------------------------------------------------------- */

static void watch(struct tap_queue *q)
{
	bool reading = q->attached && !q->waiting && !q->tap->gone, writing = q->count != 0;

	if (reading != q->reading || writing != q->writing)
		loop_want(q->tap->loop, q->watch, reading, writing);
	q->reading = reading;
	q->writing = writing;
}

static void on_ready(void *ctx)
{
	struct tap_queue *q = ctx;
	struct net_tap *t = q->tap;

	t->side.enter(t->side.ctx);
	q->ready = true;
	t->side.leave(t->side.ctx);
}

/* -- to the kernel ---------------------------------------------------------------------------------------- */

/* False: it has no room now. */
static bool send_frame(const struct tap_queue *q, struct net_io *io, enum net_result *result)
{
	struct iovec iov[1 + NET_SPANS_MAX];

	iov[0] = (struct iovec){&io->header, NET_TAP_HEADER_LEN};
	memcpy(iov + 1, io->span, io->nspans * sizeof(iov[0]));
	*result = writev(q->fd, iov, io->nspans + 1) >= 0 ? NET_DONE : NET_FAILED;
	return *result == NET_DONE || errno != EAGAIN;
}

static void send_waiting(struct tap_queue *q)
{
	struct net_tap *t = q->tap;
	enum net_result result;

	while (q->count && send_frame(q, q->out[q->first], &result)) {
		struct net_io *io = q->out[q->first];

		q->first = (q->first + 1) % NET_INFLIGHT_MAX;
		q->count--;
		t->published = true;
		t->side.done(t->side.ctx, io, result);
	}
}

/* -- from the kernel -------------------------------------------------------------------------------------- */

static void lose(struct tap_queue *q)
{
	struct net_tap *t = q->tap;

	if (!t->gone)
		fprintf(stderr,
			"ringside-vmm: --net tap:%s: the interface has gone; the guest's cable is dead\n",
			t->name);
	t->gone = true;
}

/* False: there is none. One that is too short or too long is not worth anything. */
static bool read_frame(struct tap_queue *q)
{
	struct iovec iov[] = {{&q->header, NET_TAP_HEADER_LEN}, {q->bytes, sizeof(q->bytes)}};
	ssize_t n = readv(q->fd, iov, 2);

	q->held = 0;
	if (n < 0 && errno == EBADFD && q->attached)
		lose(q);
	if (n < (ssize_t)NET_TAP_HEADER_LEN)
		return false;
	n -= NET_TAP_HEADER_LEN;
	if (n >= NET_HOST_FRAME_MIN && n <= NET_FRAME_MAX)
		q->held = (uint32_t)n;
	/* That the host's side found a checksum right is a hint for those that asked for offloads. */
	if (!(q->tap->offloads & NET_CAN_RX_CSUM))
		q->header.flags = 0;
	return true;
}

/* Gives the guest what has come, as far as it has buffers. */
static void receive(struct tap_queue *q)
{
	struct net_tap *t = q->tap;
	struct net_frame f;

	for (unsigned i = 0; i < BATCH; i++) {
		if (!q->held && !read_frame(q)) {
			q->ready = false;
			return;
		}
		if (!q->held)
			continue;
		net_host_describe(&f, &q->header, q->bytes, q->held);
		t->receiving = q;
		q->waiting = t->side.receive(t->side.ctx, q->pair, &f) == NET_LATER;
		t->receiving = NULL;
		if (q->waiting)
			return;
		q->held = 0;
	}
	q->ready = false; /* the loop tells again, when others had their turn */
}

/* -- the device's backend --------------------------------------------------------------------------------- */

static void submit(void *ctx, struct net_io *io)
{
	struct net_tap *t = ctx;
	struct tap_queue *q = &t->queue[io->pair < t->npairs ? io->pair : 0];
	enum net_result result = NET_DONE;

	if (io->type == NET_IO_RX && !t->receiving) {
		result = NET_FAILED; /* a saved state says that one was under way: its frame is gone */
	} else if (io->type == NET_IO_RX) {
		/* nested in `receive`; the device may have chosen another pair */
		net_host_scatter(io, t->receiving->bytes);
	} else if (q->count || !send_frame(q, io, &result)) {
		q->out[(q->first + q->count++) % NET_INFLIGHT_MAX] = io;
		return;
	} else {
		q->ready = true;
	}
	t->side.done(t->side.ctx, io, result);
}

/* Frames that the kernel has no room for are lost, as on a wire. */
static void drain(void *ctx)
{
	struct net_tap *t = ctx;

	for (uint16_t i = 0; i < t->npairs; i++) {
		struct tap_queue *q = &t->queue[i];

		for (; q->count; q->count--) {
			struct net_io *io = q->out[q->first];

			q->first = (q->first + 1) % NET_INFLIGHT_MAX;
			t->side.done(t->side.ctx, io, NET_FAILED);
		}
	}
}

static void wake(void *ctx, uint16_t pair)
{
	struct net_tap *t = ctx;

	if (pair >= t->npairs)
		return;
	t->queue[pair].waiting = false;
	t->queue[pair].ready = true;
}

static int attach(struct tap_queue *q, bool on)
{
	struct ifreq r = {.ifr_flags = (short)(on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE)};

	if (q->attached == on)
		return 0;
	if (ioctl(q->fd, TUNSETQUEUE, &r))
		return -1;
	q->attached = on;
	return 0;
}

static void tune(void *ctx, const struct net_tuning *tuning)
{
	struct net_tap *t = ctx;
	bool failed =
		t->offloads != tuning->offloads && net_tap_set_offloads(t->queue[0].fd, tuning->offloads);

	t->offloads = tuning->offloads;
	for (uint16_t i = 0; i < t->npairs; i++)
		failed |= attach(&t->queue[i], i < tuning->pairs) != 0;
	if (failed && !t->gone)
		fprintf(stderr, "ringside-vmm: --net tap:%s: cannot do what the guest asks for: %s\n",
			t->name, strerror(errno));
}

static bool poll_tap(void *ctx)
{
	struct net_tap *t = ctx;
	bool published;

	for (uint16_t i = 0; i < t->npairs; i++) {
		struct tap_queue *q = &t->queue[i];

		if (q->count)
			send_waiting(q);
		if (q->ready && q->attached && !q->waiting)
			receive(q);
		watch(q);
	}
	published = t->published;
	t->published = false;
	return published;
}

/* -- life ------------------------------------------------------------------------------------------------- */

static void destroy(void *ctx)
{
	struct net_tap *t = ctx;

	for (uint16_t i = 0; i < t->npairs; i++) {
		if (t->queue[i].watch)
			loop_remove_fd(t->loop, t->queue[i].watch);
		close(t->queue[i].fd);
	}
	free(t->queue);
	free(t);
}

static struct net_tap *create(const struct net_tap_fds *fds, struct loop *loop, const struct net_side *side)
{
	struct net_tap *t = calloc(1, sizeof(*t));

	if (t)
		t->queue = calloc(fds->n, sizeof(t->queue[0]));
	if (!t || !t->queue) {
		free(t);
		return NULL;
	}
	t->side = *side;
	t->loop = loop;
	t->npairs = fds->n;
	memcpy(t->name, fds->name, sizeof(t->name));
	for (uint16_t i = 0; i < fds->n; i++) {
		t->queue[i].tap = t;
		t->queue[i].pair = i;
		t->queue[i].fd = fds->fd[i];
		t->queue[i].attached = t->queue[i].reading = true;
	}
	return t;
}

static int start(struct net_tap *t, char err[ERR_MAX])
{
	for (uint16_t i = 0; i < t->npairs; i++) {
		struct tap_queue *q = &t->queue[i];

		q->watch = loop_add_fd(t->loop, q->fd, on_ready, q);
		if (!q->watch || attach(q, i == 0))
			return err_set(err, "--net tap:%s: %s", t->name, strerror(errno));
		watch(q);
	}
	return 0;
}

int net_tap_create(struct net_host *out, const struct net_tap_fds *fds, struct loop *loop,
		   const struct net_side *side, char err[ERR_MAX])
{
	struct net_tap *t = create(fds, loop, side);

	if (!t) {
		for (uint16_t i = 0; i < fds->n; i++)
			close(fds->fd[i]);
		return err_set(err, "--net tap:%s: out of memory", fds->name);
	}
	if (start(t, err)) {
		destroy(t);
		return -1;
	}
	*out = (struct net_host){
		.backend = {.submit = submit,
			    .drain = drain,
			    .wake = wake,
			    .tune = tune,
			    .can = fds->can,
			    .ctx = t},
		.mtu = fds->mtu,
		.pairs = t->npairs,
		.poll = poll_tap,
		.destroy = destroy,
	};
	return 0;
}
