// SPDX-License-Identifier: BSD-2-Clause
/* User networking: a guest that speaks ARP, DHCP, ICMP, UDP and a little TCP to what libslirp makes of the host. */
#include "tests/unit/ether.h"
#include "tests/unit/net_guest.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "net_user.h"

#define GUEST_IP  0x0a00020fu
#define ROUTER_IP 0x0a000202u
#define DNS_IP    0x0a000203u

static struct net_guest *g;
static const uint8_t mac[6] = {0x52, 0x54, 0, 0, 0, 1};

/* -- frames ------------------------------------------------------------------------------------------------ */

static void ethernet(uint8_t *f, unsigned type)
{
	memset(f, 0xff, 6);
	memcpy(f + 6, mac, 6);
	put_be16(f + 12, type);
}

/* An IPv4 frame with n bytes behind its header. Answers its length. */
static uint32_t ipv4(uint8_t *f, unsigned protocol, uint32_t from, uint32_t to, uint32_t n)
{
	ethernet(f, 0x0800);
	return ipv4_header(f, protocol, from, to, n);
}

static uint32_t udp(uint8_t *f, uint32_t from, unsigned from_port, uint32_t to, unsigned to_port, uint32_t n)
{
	put_be16(f + L4_AT, from_port);
	put_be16(f + L4_AT + 2, to_port);
	put_be16(f + L4_AT + 4, 8 + n);
	put_be16(f + L4_AT + 6, 0); /* no checksum */
	return ipv4(f, 17, from, to, 8 + n);
}

static uint32_t syn(uint8_t *f, unsigned from_port, unsigned to_port)
{
	uint8_t *t = f + L4_AT;
	uint8_t pseudo[12] = {0};

	memset(t, 0, 20);
	put_be16(t, from_port);
	put_be16(t + 2, to_port);
	put_be32(t + 4, 1000);
	t[12] = 5 << 4;
	t[13] = 2; /* SYN */
	put_be16(t + 14, 65535);
	put_be32(pseudo, GUEST_IP);
	put_be32(pseudo + 4, ROUTER_IP);
	put_be16(pseudo + 8, 6);
	put_be16(pseudo + 10, 20);
	put_be16(t + 16, ~fold(sum(sum(0, pseudo, 12), t, 20)) & 0xffff);
	return ipv4(f, 6, GUEST_IP, ROUTER_IP, 20);
}

static uint32_t arp(uint8_t *f, uint32_t whose)
{
	return arp_request(f, mac, GUEST_IP, whose);
}

static const uint8_t *last(void)
{
	return g->frame[g->frames - 1].bytes;
}

static void post(const uint8_t *f, uint32_t len)
{
	net_guest_send(g, 0, NULL, f, len, 0);
}

/* libslirp learns who the guest is. */
static void introduce(void)
{
	uint8_t f[64];
	unsigned before = net_guest_frames(g);

	post(f, arp(f, ROUTER_IP));
	net_guest_await(g, before + 1);
}

/* -- life -------------------------------------------------------------------------------------------------- */

static void open_user(const struct option_net *o)
{
	struct net_side side;
	char err[ERR_MAX] = "";

	g = malloc(sizeof(*g));
	assert_non_null(g);
	net_guest_init(g);
	g->needs = SANDBOX_USER_NET;
	side = net_guest_side(g);
	if (net_user_open(&g->host, o, &g->loop, &side, err))
		fail_msg("%s", err);
	net_guest_run(g);
}

static int setup(void **state)
{
	const struct option_net plain = {.mrg_rxbuf = true};

	(void)state;
	open_user(&plain);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	net_guest_end(g);
	free(g);
	return 0;
}

/* A socket on this host's loopback, and its port. */
static int loopback(int type, unsigned *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, type, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

/* -- tests ------------------------------------------------------------------------------------------------- */

static void offers_nothing_it_cannot(void **state)
{
	(void)state;
	assert_int_equal(g->host.backend.can, 0);
	assert_int_equal(g->host.mtu, 1500);
	assert_int_equal(g->host.pairs, 1);
}

static void arp_of_the_router(void **state)
{
	uint8_t f[64];

	(void)state;
	post(f, arp(f, ROUTER_IP));
	net_guest_await(g, 1);
	assert_int_equal(g->sent, 1);
	assert_memory_equal(last(), mac, 6);
	assert_int_equal(get_be16(last() + 12), 0x0806);
	assert_int_equal(get_be16(last() + IP_AT + 6), 2); /* reply */
	assert_int_equal(get_be32(last() + IP_AT + 14), ROUTER_IP);
	assert_int_equal(g->frame[0].header.flags, 0);
	assert_int_equal(g->frame[0].header.gso_type, 0);
	/* nobody else lives there, and frames that are nothing do no harm */
	post(f, arp(f, 0x0a000263));
	post(f, 14);
	post(f, 13);
	ethernet(f, 0x88f8); /* NC-SI, which libslirp would answer */
	post(f, 64);
	introduce();
	assert_int_equal(g->frames, 2);
}

static void dhcp(void **state)
{
	uint8_t f[400] = {0}, *b = f + UDP_DATA;
	static const uint8_t options[] = {0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255}; /* discover */
	const uint8_t *o;

	(void)state;
	b[0] = b[1] = 1;
	b[2] = 6;
	put_be32(b + 4, 0x12345678);
	memcpy(b + 28, mac, 6);
	memcpy(b + 236, options, sizeof(options));
	/* as a driver may cut it */
	net_guest_send(g, 0, NULL, f, udp(f, 0, 68, 0xffffffff, 67, 300), 7);
	net_guest_await(g, 1);
	b = g->frame[0].bytes + UDP_DATA;
	assert_int_equal(get_be32(b + 4), 0x12345678);
	assert_int_equal(get_be32(b + 16), GUEST_IP);
	for (o = b + 240; *o != 255 && o < g->frame[0].bytes + g->frame[0].len; o += 2 + o[1]) {
		if (*o == 3)
			assert_int_equal(get_be32(o + 2), ROUTER_IP);
		if (*o == 6)
			assert_int_equal(get_be32(o + 2), DNS_IP);
	}
	assert_int_equal(*o, 255);
}

static void ping(void **state)
{
	uint8_t f[1514];
	uint32_t n = 1480;
	uint8_t *icmp = f + L4_AT;

	(void)state;
	introduce();
	for (uint32_t i = 0; i < n; i++)
		icmp[i] = (uint8_t)(i * 7);
	put_be32(icmp, 8u << 24);
	put_be16(icmp + 2, ~fold(sum(0, icmp, n)) & 0xffff);
	post(f, ipv4(f, 1, GUEST_IP, ROUTER_IP, n));
	net_guest_await(g, 2);
	assert_int_equal(g->frame[1].len, L4_AT + n);
	assert_int_equal(last()[L4_AT], 0); /* reply */
	assert_memory_equal(last() + L4_AT + 4, icmp + 4, n - 4);
}

/* A server on the loopback is at the router's address; its answer comes by the loop. */
/* As a damaged or foreign saved state may have it. */
static void no_frame_for_what_it_never_gave(void **state)
{
	(void)state;
	assert_int_equal(net_guest_claim(g, NET_FRAME_MAX), 1);
	introduce();
	assert_int_equal(net_guest_claim(g, NET_HOST_FRAME_MIN), 2);
}

static void udp_both_ways(void **state)
{
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	unsigned port;
	int fd = loopback(SOCK_DGRAM, &port);
	uint8_t f[128], got[128];

	(void)state;
	introduce();
	memcpy(f + UDP_DATA, "to the host", 11);
	post(f, udp(f, GUEST_IP, 4000, ROUTER_IP, port, 11));
	assert_int_equal(recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&from, &from_len), 11);
	assert_memory_equal(got, "to the host", 11);
	assert_int_equal(sendto(fd, "to the guest", 12, 0, (struct sockaddr *)&from, from_len), 12);
	net_guest_await(g, 2);
	assert_int_equal(get_be16(last() + L4_AT), port);
	assert_int_equal(get_be16(last() + L4_AT + 2), 4000);
	assert_memory_equal(last() + UDP_DATA, "to the guest", 12);
	close(fd);
}

/* No buffers: the frame waits, nothing more is tried, and it comes with the wake. */
static void waits_for_buffers(void **state)
{
	uint8_t f[64];

	(void)state;
	g->no_room = true;
	post(f, arp(f, ROUTER_IP));
	post(f, arp(f, DNS_IP));
	assert_int_equal(g->asked, 1);
	assert_int_equal(g->frames, 0);
	net_guest_wake(g, 0);
	assert_int_equal(g->frames, 2);
	assert_int_equal(get_be32(g->frame[0].bytes + IP_AT + 14), ROUTER_IP);
	assert_int_equal(get_be32(g->frame[1].bytes + IP_AT + 14), DNS_IP);
}

/* What a guest can have wait is bounded; the rest is lost. */
static void queue_is_bounded(void **state)
{
	uint8_t f[64];

	(void)state;
	g->no_room = true;
	for (unsigned i = 0; i < 3 * NET_USER_QUEUE_LEN; i++)
		post(f, arp(f, ROUTER_IP));
	net_guest_wake(g, 0);
	assert_int_equal(g->frames, NET_USER_QUEUE_LEN);
	introduce();
	assert_int_equal(g->frames, NET_USER_QUEUE_LEN + 1);
}

/* While the queue is half full no socket is read: the kernel keeps what comes. */
static void sockets_wait_for_buffers(void **state)
{
	enum { MORE = 40 };
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	unsigned port, first;
	int fd = loopback(SOCK_DGRAM, &port);
	uint8_t f[128], got[8];

	(void)state;
	introduce();
	post(f, udp(f, GUEST_IP, 4000, ROUTER_IP, port, 1));
	assert_int_equal(recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&from, &from_len), 1);
	pthread_mutex_lock(&g->lock);
	g->no_room = true;
	first = g->frames;
	pthread_mutex_unlock(&g->lock);
	for (unsigned i = 0; i < NET_USER_QUEUE_LEN / 2 + MORE; i++) {
		put_be32(got, i);
		assert_int_equal(sendto(fd, got, 4, 0, (struct sockaddr *)&from, from_len), 4);
		usleep(1000); /* or the kernel's own buffer is too small for them */
	}
	usleep(100000);
	first = net_guest_wake(g, 0) - first;
	net_guest_await(g, 1 + NET_USER_QUEUE_LEN / 2 + MORE);
	if (first > NET_USER_QUEUE_LEN / 2 + 4)
		fail_msg("%u frames had been read", first);
	for (unsigned i = 1; i < g->frames; i++)
		assert_int_equal(get_be32(g->frame[i].bytes + UDP_DATA), i - 1);
	close(fd);
}

/* Each connection is a new socket with an old number. */
static void connections_refused(void **state)
{
	uint8_t f[64];
	unsigned port;
	int fd = loopback(SOCK_STREAM, &port); /* it does not listen */

	(void)state;
	introduce();
	for (unsigned i = 0; i < 50; i++) {
		post(f, syn(f, 5000 + i, port));
		net_guest_await(g, 2 + i);
		assert_int_equal(last()[L4_AT + 13] & 4, 4); /* RST */
		assert_int_equal(get_be16(last() + L4_AT + 2), 5000 + i);
	}
	close(fd);
}

static void connection_accepted(void **state)
{
	uint8_t f[64];
	unsigned port;
	int fd = loopback(SOCK_STREAM, &port), s;

	(void)state;
	assert_int_equal(listen(fd, 1), 0);
	introduce();
	post(f, syn(f, 5000, port));
	net_guest_await(g, 2);
	assert_int_equal(last()[L4_AT + 13], 0x12); /* SYN, ACK */
	s = accept(fd, NULL, NULL);
	assert_true(s >= 0);
	close(s);
	close(fd);
}

static int no_setup(void **state)
{
	(void)state;
	return 0;
}

static void forward(void **state)
{
	unsigned port;
	int held = loopback(SOCK_STREAM, &port), s;
	struct option_net o = {.forward = {{(uint16_t)port, 22}}, .forward_count = 1};
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	(void)state;
	close(held);
	open_user(&o);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(s, (struct sockaddr *)&a, sizeof(a)), 0);
	net_guest_await(g, 1); /* who has 10.0.2.15? */
	assert_int_equal(get_be16(last() + 12), 0x0806);
	assert_int_equal(get_be32(last() + IP_AT + 24), GUEST_IP);
	introduce(); /* we have, and here comes the connection */
	net_guest_await(g, 3);
	assert_int_equal(get_be16(last() + L4_AT + 2), 22);
	assert_int_equal(last()[L4_AT + 13], 2); /* SYN */
	close(s);
	/* on the loopback alone */
	a.sin_addr.s_addr = htonl(INADDR_ANY);
	s = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof(a)), -1);
	close(s);
}

static void port_in_use(void **state)
{
	unsigned port;
	int held = loopback(SOCK_STREAM, &port);
	struct option_net o = {.forward = {{(uint16_t)port, 22}}, .forward_count = 1};
	struct net_side side;
	char err[ERR_MAX] = "", want[ERR_MAX];

	(void)state;
	assert_int_equal(listen(held, 1), 0);
	g = malloc(sizeof(*g));
	assert_non_null(g);
	net_guest_init(g);
	side = net_guest_side(g);
	assert_int_equal(net_user_open(&g->host, &o, &g->loop, &side, err), -1);
	snprintf(want, sizeof(want),
		 "--net user: hostfwd=tcp:%u-22: cannot listen on 127.0.0.1:%u: Address already in use; take "
		 "another "
		 "port",
		 port, port);
	assert_string_equal(err, want);
	close(held);
}

static void large_mtu(void **state)
{
	const struct option_net o = {.mtu = NET_USER_MTU_MAX};
	static uint8_t f[65536];
	uint32_t n = NET_USER_MTU_MAX - 20;
	uint8_t *icmp = f + L4_AT;

	(void)state;
	open_user(&o);
	assert_int_equal(g->host.mtu, NET_USER_MTU_MAX);
	introduce();
	memset(icmp, 0x5a, n);
	put_be32(icmp, 8u << 24);
	put_be16(icmp + 2, ~fold(sum(0, icmp, n)) & 0xffff);
	post(f, ipv4(f, 1, GUEST_IP, ROUTER_IP, n));
	net_guest_await(g, 2);
	assert_int_equal(g->frame[1].len, L4_AT + n);
	assert_memory_equal(last() + L4_AT + 4, icmp + 4, n - 4);
}

int main(void)
{
#define TEST(NAME)         cmocka_unit_test_setup_teardown(NAME, setup, teardown)
#define TEST_OPTIONS(NAME) cmocka_unit_test_setup_teardown(NAME, no_setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(offers_nothing_it_cannot),
		TEST(arp_of_the_router),
		TEST(dhcp),
		TEST(ping),
		TEST(no_frame_for_what_it_never_gave),
		TEST(udp_both_ways),
		TEST(waits_for_buffers),
		TEST(queue_is_bounded),
		TEST(sockets_wait_for_buffers),
		TEST(connections_refused),
		TEST(connection_accepted),
		TEST_OPTIONS(forward),
		TEST_OPTIONS(port_in_use),
		TEST_OPTIONS(large_mtu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
