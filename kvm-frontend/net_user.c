// SPDX-License-Identifier: BSD-2-Clause
#include "net_user.h"
#include "sandbox.h"
#include <errno.h>
#include <pthread.h>
#include <slirp/libslirp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define ETH_LEN   14u
#define FDS_MAX   4096u /* of libslirp's sockets, by number; a connection beyond that stands still */
#define EVENTS    64
#define NEVER     UINT64_MAX
#define NS_OF_MS  UINT64_C(1000000)
#define MTU_USUAL 1500

/* A descriptor of libslirp's: EPOLL* bits. */
struct user_fd {
	uint32_t set;  /* in our epoll instance; 0: not there */
	uint32_t want; /* what libslirp asks for */
	uint32_t got;
	bool listed;
};

struct net_user {
	struct net_side side;
	struct loop *loop;
	Slirp *slirp;
	int epoll_fd, timer_fd;
	struct loop_fd *watch, *timer;
	uint64_t due_ns; /* when the timer goes off */
	bool changed;    /* libslirp may want to wait for something else by now */
	bool paused;     /* sockets are not read */
	bool waiting;    /* the guest has no buffers; wake comes */
	bool giving;     /* a frame is being given to the device */
	int nlisted;
	int listed[FDS_MAX];
	struct user_fd fd[FDS_MAX];
	/* frames for the guest: a ring */
	uint32_t slot_len, first, count;
	uint32_t len[NET_USER_QUEUE_LEN];
	uint8_t *bytes;
	uint8_t sent[NET_FRAME_MAX]; /* the one that the guest sends */
};

/* libslirp keeps some state in globals (the time, the DNS server), and every device has a lock of its own. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* -- what libslirp asks of us ----------------------------------------------------------------------------- */

static uint8_t *slot(struct net_user *u, uint32_t i)
{
	return u->bytes + (size_t)((u->first + i) % NET_USER_QUEUE_LEN) * u->slot_len;
}

/* A frame for the guest. What does not fit is lost, as on a wire. */
static ssize_t on_frame(const void *bytes, size_t len, void *ctx)
{
	struct net_user *u = ctx;

	if (u->count < NET_USER_QUEUE_LEN && len >= NET_HOST_FRAME_MIN && len <= u->slot_len) {
		memcpy(slot(u, u->count), bytes, len);
		u->len[(u->first + u->count) % NET_USER_QUEUE_LEN] = (uint32_t)len;
		u->count++;
	}
	return (ssize_t)len;
}

/* A guest could fill the host's log. */
static void on_guest_error(const char *msg, void *ctx)
{
	(void)msg;
	(void)ctx;
}

static int64_t on_clock(void *ctx)
{
	(void)ctx;
	return (int64_t)now_ns();
}

static void on_register(int fd, void *ctx)
{
	(void)fd;
	(void)ctx; /* we learn of it when libslirp wants to wait for it */
}

/* It is about to be closed, and its number may come again. */
static void on_unregister(int fd, void *ctx)
{
	struct net_user *u = ctx;
	struct user_fd *f;

	if (fd < 0 || fd >= (int)FDS_MAX)
		return;
	f = &u->fd[fd];
	if (f->set)
		epoll_ctl(u->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	f->set = f->want = f->got = 0;
}

static void on_notify(void *ctx)
{
	struct net_user *u = ctx;

	u->changed = true;
}

/* Timers are for IPv6 alone. */
static const SlirpCb callbacks = {
	.send_packet = on_frame,
	.guest_error = on_guest_error,
	.clock_get_ns = on_clock,
	.register_poll_fd = on_register,
	.unregister_poll_fd = on_unregister,
	.notify = on_notify,
};

/* -- waiting for its sockets ------------------------------------------------------------------------------ */

static const struct {
	int slirp;
	uint32_t epoll;
} bits[] = {{SLIRP_POLL_IN, EPOLLIN},
	    {SLIRP_POLL_OUT, EPOLLOUT},
	    {SLIRP_POLL_PRI, EPOLLPRI},
	    {SLIRP_POLL_ERR, EPOLLERR},
	    {SLIRP_POLL_HUP, EPOLLHUP}};
#define BITS_LEN (sizeof(bits) / sizeof(bits[0]))

static int on_want(int fd, int events, void *ctx)
{
	struct net_user *u = ctx;
	struct user_fd *f;

	if (fd < 0 || fd >= (int)FDS_MAX)
		return -1;
	f = &u->fd[fd];
	if (!f->listed)
		u->listed[u->nlisted++] = fd;
	f->listed = true;
	for (size_t i = 0; i < BITS_LEN; i++)
		f->want |= events & bits[i].slirp ? bits[i].epoll : 0;
	return fd;
}

static int on_got(int fd, void *ctx)
{
	const struct net_user *u = ctx;
	int events = 0;

	for (size_t i = 0; i < BITS_LEN; i++)
		events |= u->fd[fd].got & bits[i].epoll ? bits[i].slirp : 0;
	return events;
}

/* Makes our epoll instance wait for what libslirp wants to wait for. */
static void follow(struct net_user *u)
{
	for (int i = u->nlisted - 1; i >= 0; i--) {
		int fd = u->listed[i];
		struct user_fd *f = &u->fd[fd];
		struct epoll_event ev = {.events = f->want, .data.fd = fd};
		int op = !f->set ? EPOLL_CTL_ADD : !f->want ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;

		if (f->want != f->set)
			epoll_ctl(u->epoll_fd, op, fd, &ev);
		f->set = f->want;
		if (f->set)
			continue;
		f->listed = false;
		u->listed[i] = u->listed[--u->nlisted];
	}
}

static void set_timer(struct net_user *u, uint64_t due_ns)
{
	struct itimerspec t = {.it_value = {.tv_sec = (time_t)(due_ns / 1000000000),
					    .tv_nsec = (long)(due_ns % 1000000000)}};

	if (due_ns >= u->due_ns)
		return; /* it goes off early, and is set again then */
	u->due_ns = due_ns;
	timerfd_settime(u->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
}

static void ask_what_to_wait_for(struct net_user *u)
{
	uint32_t timeout_ms = UINT32_MAX;

	u->changed = false;
	for (int i = 0; i < u->nlisted; i++)
		u->fd[u->listed[i]].want = 0;
	pthread_mutex_lock(&one_at_a_time);
	slirp_pollfds_fill(u->slirp, &timeout_ms, on_want, u);
	pthread_mutex_unlock(&one_at_a_time);
	follow(u);
	set_timer(u, now_ns() + timeout_ms * NS_OF_MS);
}

/* Sockets that are ready, or time that has passed. */
static void work(struct net_user *u)
{
	struct epoll_event ev[EVENTS];
	int n = u->paused ? 0 : epoll_wait(u->epoll_fd, ev, EVENTS, 0);

	for (int i = 0; i < n; i++)
		u->fd[ev[i].data.fd].got = ev[i].events;
	pthread_mutex_lock(&one_at_a_time);
	slirp_pollfds_poll(u->slirp, 0, on_got, u);
	pthread_mutex_unlock(&one_at_a_time);
	for (int i = 0; i < n; i++)
		u->fd[ev[i].data.fd].got = 0;
	u->changed = true;
}

static void on_sockets(void *ctx)
{
	struct net_user *u = ctx;

	u->side.enter(u->side.ctx);
	work(u);
	u->side.leave(u->side.ctx);
}

static void on_timer(void *ctx)
{
	struct net_user *u = ctx;
	uint64_t times;

	if (read(u->timer_fd, &times, sizeof(times)) != sizeof(times))
		return;
	u->side.enter(u->side.ctx);
	u->due_ns = NEVER;
	work(u);
	u->side.leave(u->side.ctx);
}

/* -- the device's backend --------------------------------------------------------------------------------- */

static bool wanted(const uint8_t *frame, uint32_t len)
{
	uint32_t type = len >= ETH_LEN ? frame[12] * 256u + frame[13] : 0;

	return type == 0x0800 || type == 0x0806; /* IPv4 and ARP; there is more in libslirp than we need */
}

static void submit(void *ctx, struct net_io *io)
{
	struct net_user *u = ctx;
	enum net_result result = NET_DONE;

	if (io->type == NET_IO_RX && !u->giving) {
		result = NET_FAILED; /* a saved state says that one was under way: its frame is gone */
	} else if (io->type == NET_IO_RX) {
		net_host_scatter(io, slot(u, 0)); /* nested in `give` */
	} else if (io->len <= sizeof(u->sent)) {
		net_host_gather(io, u->sent);
		pthread_mutex_lock(&one_at_a_time);
		if (wanted(u->sent, io->len))
			slirp_input(u->slirp, u->sent, (int)io->len);
		pthread_mutex_unlock(&one_at_a_time);
		u->changed = true;
	}
	u->side.done(u->side.ctx, io, result);
}

static void drain(void *ctx)
{
	(void)ctx; /* nothing is ever in flight */
}

static void wake(void *ctx, uint16_t pair)
{
	struct net_user *u = ctx;

	(void)pair;
	u->waiting = false;
}

static void tune(void *ctx, const struct net_tuning *tuning)
{
	(void)ctx;
	(void)tuning; /* no offloads, and one pair of queues is as good as another */
}

/* Gives the guest what waits for it, as far as it has buffers. */
static void give(struct net_user *u)
{
	static const struct net_header plain;
	struct net_frame f;

	while (u->count && !u->waiting) {
		net_host_describe(&f, &plain, slot(u, 0), u->len[u->first]);
		u->giving = true;
		u->waiting = u->side.receive(u->side.ctx, 0, &f) == NET_LATER;
		u->giving = false;
		if (u->waiting)
			return;
		u->first = (u->first + 1) % NET_USER_QUEUE_LEN;
		u->count--;
	}
}

static bool poll_user(void *ctx)
{
	struct net_user *u = ctx;
	bool full;

	give(u);
	if (u->changed)
		ask_what_to_wait_for(u);
	full = u->count >= NET_USER_QUEUE_LEN / 2;
	if (full != u->paused)
		(full ? loop_pause : loop_resume)(u->loop, u->watch);
	u->paused = full;
	return false;
}

/* -- life ------------------------------------------------------------------------------------------------- */

static struct in_addr address(uint32_t a)
{
	return (struct in_addr){htonl(a)};
}

static void destroy(void *ctx)
{
	struct net_user *u = ctx;

	if (u->slirp)
		slirp_cleanup(u->slirp);
	if (u->watch)
		loop_remove_fd(u->loop, u->watch);
	if (u->timer)
		loop_remove_fd(u->loop, u->timer);
	if (u->epoll_fd >= 0)
		close(u->epoll_fd);
	if (u->timer_fd >= 0)
		close(u->timer_fd);
	free(u->bytes);
	free(u);
}

static int start(struct net_user *u, const struct option_net *o, char err[ERR_MAX])
{
	SlirpConfig config = {
		.version = 4,
		.in_enabled = true,
		.vnetwork = address(0x0a000200),
		.vnetmask = address(0xffffff00),
		.vhost = address(0x0a000202),
		.vdhcp_start = address(0x0a00020f),
		.vnameserver = address(0x0a000203),
		.if_mtu = o->mtu,
		.if_mru = o->mtu,
	};

	sandbox_lend(
		"/etc/resolv.conf"); /* libslirp looks at it again and again, for the guest's name server */
	u->bytes = calloc(NET_USER_QUEUE_LEN, u->slot_len);
	u->slirp = u->bytes ? slirp_new(&config, &callbacks, u) : NULL;
	if (!u->slirp)
		return err_set(err, "--net user: out of memory");
	u->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	u->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (u->epoll_fd >= 0)
		u->watch = loop_add_fd(u->loop, u->epoll_fd, on_sockets, u);
	if (u->timer_fd >= 0)
		u->timer = loop_add_fd(u->loop, u->timer_fd, on_timer, u);
	return u->watch && u->timer ? 0 : err_set(err, "--net user: epoll: %s", strerror(errno));
}

static int forward(struct net_user *u, const struct option_net *o, char err[ERR_MAX])
{
	for (unsigned i = 0; i < o->forward_count; i++) {
		const struct option_forward *f = &o->forward[i];

		if (slirp_add_hostfwd(u->slirp, 0, address(INADDR_LOOPBACK), f->host, address(0), f->guest))
			return err_set(err,
				       "--net user: hostfwd=tcp:%u-%u: cannot listen on 127.0.0.1:%u: %s%s",
				       f->host, f->guest, f->host, strerror(errno),
				       errno == EADDRINUSE ? "; take another port"
				       : errno == EACCES   ? "; take a port from 1024 on"
							   : "");
	}
	return 0;
}

int net_user_open(struct net_host *out, const struct option_net *o, struct loop *loop,
		  const struct net_side *side, char err[ERR_MAX])
{
	struct net_user *u = calloc(1, sizeof(*u));

	if (!u)
		return err_set(err, "--net user: out of memory");
	u->side = *side;
	u->loop = loop;
	u->epoll_fd = u->timer_fd = -1;
	u->due_ns = NEVER;
	u->slot_len = ETH_LEN + (o->mtu ? o->mtu : MTU_USUAL);
	u->changed = true;
	if (start(u, o, err) || forward(u, o, err)) {
		destroy(u);
		return -1;
	}
	*out = (struct net_host){
		.backend = {.submit = submit, .drain = drain, .wake = wake, .tune = tune, .ctx = u},
		.mtu = (uint16_t)(u->slot_len - ETH_LEN),
		.pairs = 1,
		.poll = poll_user,
		.destroy = destroy,
	};
	return 0;
}
