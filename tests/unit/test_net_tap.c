// SPDX-License-Identifier: BSD-2-Clause
/* The tap's end, with sockets that keep messages apart in place of a tap: the kernel's part is played here. */
#include "tests/unit/net_guest.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "net_tap.h"

#define PAIRS 1 /* TUNSETQUEUE wants a tap: others are test_net_tap_open.c's */

static struct net_guest *g;
static int kernel; /* its end */

static int setup(void **state)
{
	struct net_tap_fds fds = {.name = "fake", .n = PAIRS, .mtu = 1500, .can = NET_CAN_TX_CSUM};
	struct net_side side;
	char err[ERR_MAX] = "";
	int pair[2], len = 1 << 20;

	(void)state;
	g = malloc(sizeof(*g));
	assert_non_null(g);
	net_guest_init(g);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &len, sizeof(len));
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &len, sizeof(len));
	kernel = pair[0];
	fds.fd[0] = pair[1];
	g->needs = SANDBOX_TAP;
	side = net_guest_side(g);
	if (net_tap_create(&g->host, &fds, &g->loop, &side, err))
		fail_msg("%s", err);
	net_guest_run(g);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	net_guest_end(g);
	close(kernel);
	free(g);
	return 0;
}

static void fill(uint8_t *p, uint32_t n, unsigned seed)
{
	for (uint32_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i * 31 + i / 251 + seed);
}

/* A frame of n bytes from the kernel, its header ahead. */
static void come(const struct net_header *h, uint32_t n, unsigned seed)
{
	static uint8_t m[NET_TAP_HEADER_LEN + NET_FRAME_MAX + 64];

	memcpy(m, h, NET_TAP_HEADER_LEN);
	fill(m + NET_TAP_HEADER_LEN, n, seed);
	assert_int_equal(send(kernel, m, NET_TAP_HEADER_LEN + n, MSG_NOSIGNAL), NET_TAP_HEADER_LEN + n);
}

static void check(unsigned nr, uint32_t n, unsigned seed)
{
	uint8_t *want = malloc(n);

	assert_non_null(want);
	assert_int_equal(g->frame[nr].len, n);
	fill(want, n, seed);
	assert_memory_equal(g->frame[nr].bytes, want, n);
	free(want);
}

static void makes_what_it_was_told(void **state)
{
	(void)state;
	assert_int_equal(g->host.backend.can, NET_CAN_TX_CSUM);
	assert_int_equal(g->host.mtu, 1500);
	assert_int_equal(g->host.pairs, PAIRS);
}

static void sends_header_and_frame(void **state)
{
	const struct net_header h = {1, 4, 54, 1448, 34, 16};
	static const uint32_t piece[] = {0, 1000, 1, 65536};
	static uint8_t frame[NET_FRAME_MAX], got[NET_FRAME_MAX + 64];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		uint32_t n = piece[i] == 1 ? 100 : NET_FRAME_MAX;

		fill(frame, n, i);
		net_guest_send(g, 0, &h, frame, n, piece[i]);
		assert_int_equal(g->sent, i + 1);
		assert_int_equal(recv(kernel, got, sizeof(got), 0), NET_TAP_HEADER_LEN + n);
		assert_memory_equal(got, &h, NET_TAP_HEADER_LEN);
		assert_memory_equal(got + NET_TAP_HEADER_LEN, frame, n);
	}
}

static void receives_header_and_frame(void **state)
{
	const struct net_header h = {0, 1, 54, 1448, 0, 0};

	(void)state;
	come(&h, NET_HOST_FRAME_MIN, 1);
	come(&h, NET_FRAME_MAX, 2);
	net_guest_await(g, 2);
	check(0, NET_HOST_FRAME_MIN, 1);
	check(1, NET_FRAME_MAX, 2);
	assert_memory_equal(&g->frame[1].header, &h, sizeof(h));
}

/* The device would not know what to do with them. */
static void drops_what_is_no_frame(void **state)
{
	const struct net_header h = {0};

	(void)state;
	assert_int_equal(send(kernel, &h, 5, 0), 5);
	come(&h, 0, 0);
	come(&h, NET_HOST_FRAME_MIN - 1, 0);
	come(&h, NET_FRAME_MAX + 1, 0);
	come(&h, NET_FRAME_MAX + 40, 0);
	come(&h, 60, 3);
	net_guest_await(g, 1);
	check(0, 60, 3);
	assert_int_equal(g->asked, 1);
}

/* The kernel says of each checksum whether it was right; a driver without offloads must not hear of it. */
static void hides_hints(void **state)
{
	const struct net_header h = {.flags = VIRTIO_NET_HDR_F_DATA_VALID};

	(void)state;
	come(&h, 60, 0);
	net_guest_await(g, 1);
	assert_int_equal(g->frame[0].header.flags, 0);
}

/* More than one batch: others have their turn between two, and nothing is left behind. */
/* As a damaged or foreign saved state may have it. */
static void no_frame_for_what_it_never_gave(void **state)
{
	(void)state;
	assert_int_equal(net_guest_claim(g, NET_FRAME_MAX), 1);
	come(&(struct net_header){0}, 60, 1);
	net_guest_await(g, 1);
	assert_int_equal(net_guest_claim(g, NET_HOST_FRAME_MIN), 2);
}

static void many_frames(void **state)
{
	const struct net_header h = {0};

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		while (i > net_guest_frames(g) + 100)
			usleep(100);
		come(&h, 60 + i, i);
	}
	net_guest_await(g, 1000);
	for (unsigned i = 0; i < 1000; i++)
		check(i, 60 + i, i);
}

/* One frame is held, the rest waits in the kernel, and nobody is asked again until there are buffers. */
static void waits_for_buffers(void **state)
{
	const struct net_header h = {0};
	unsigned asked = 0;

	(void)state;
	pthread_mutex_lock(&g->lock);
	g->no_room = true;
	pthread_mutex_unlock(&g->lock);
	for (unsigned i = 0; i < 5; i++)
		come(&h, 100, i);
	for (int tries = 0; asked == 0 && tries < 10000; tries++, usleep(1000)) {
		pthread_mutex_lock(&g->lock);
		asked = g->asked;
		pthread_mutex_unlock(&g->lock);
	}
	usleep(50000); /* for more than one, which must not be */
	pthread_mutex_lock(&g->lock);
	assert_int_equal(g->asked, 1);
	pthread_mutex_unlock(&g->lock);
	net_guest_wake(g, 0);
	assert_int_equal(net_guest_frames(g), 5); /* at once: the wake reads on */
	come(&h, 100, 5);
	net_guest_await(g, 6); /* and the loop watches again */
	for (unsigned i = 0; i < 6; i++)
		check(i, 100, i);
	net_guest_wake(g, 7); /* no such pair */
}

/* The kernel has no room: frames wait, in their order, and go on when it has. */
static void waits_for_the_kernel(void **state)
{
	enum { N = 100, LEN = 60000 };
	static uint8_t frame[N][LEN], got[NET_FRAME_MAX + 64];
	unsigned at_once;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		fill(frame[i], LEN, i);
		net_guest_send(g, 0, NULL, frame[i], LEN, 20000);
	}
	pthread_mutex_lock(&g->lock);
	at_once = g->sent;
	pthread_mutex_unlock(&g->lock);
	assert_in_range(at_once, 1, N - 1);
	for (unsigned i = 0; i < N; i++) {
		int tries = 0;

		while (recv(kernel, got, sizeof(got), 0) < 0 && tries++ < 10000)
			usleep(1000);
		assert_memory_equal(got + NET_TAP_HEADER_LEN, frame[i], LEN);
	}
	for (int tries = 0; tries < 1000 && at_once < N; tries++, usleep(1000)) {
		pthread_mutex_lock(&g->lock);
		at_once = g->sent;
		pthread_mutex_unlock(&g->lock);
	}
	assert_int_equal(g->sent, N);
	assert_int_equal(g->lost, 0);
}

/* A reset cannot wait for the kernel. */
static void drain_gives_up(void **state)
{
	enum { N = 100, LEN = 60000 };
	static uint8_t frame[LEN];

	(void)state;
	for (unsigned i = 0; i < N; i++)
		net_guest_send(g, 0, NULL, frame, LEN, 0);
	pthread_mutex_lock(&g->lock);
	assert_true(g->sent < N);
	g->host.backend.drain(g->host.backend.ctx);
	assert_int_equal(g->sent + g->lost, N);
	pthread_mutex_unlock(&g->lock);
}

/* What the kernel refuses is lost. */
static void refused(void **state)
{
	static uint8_t frame[100];

	(void)state;
	shutdown(kernel, SHUT_RDWR);
	close(kernel);
	kernel = -1;
	net_guest_send(g, 0, NULL, frame, sizeof(frame), 0);
	assert_int_equal(g->lost, 1);
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(makes_what_it_was_told),
		TEST(sends_header_and_frame),
		TEST(receives_header_and_frame),
		TEST(drops_what_is_no_frame),
		TEST(hides_hints),
		TEST(no_frame_for_what_it_never_gave),
		TEST(many_frames),
		TEST(waits_for_buffers),
		TEST(waits_for_the_kernel),
		TEST(drain_gives_up),
		TEST(refused),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
