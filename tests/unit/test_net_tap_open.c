// SPDX-License-Identifier: BSD-2-Clause
/*
 * Real taps, in a network namespace of this test's own: how they are opened and what is said where they can not
 * be, checksums and segments that are left to the other side, several queues. Where there is no namespace or no
 * /dev/net/tun to be had, the tests are skipped, and say so.
 */
#define _GNU_SOURCE /* setresuid */
#include "tests/unit/ether.h"
#include "tests/unit/net_guest.h"
#include "tests/unit/taps.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "net_tap.h"

#define HOST_IP  0x0a090001u
#define GUEST_IP 0x0a090002u

static struct net_guest *g;
static char why_not[TAPS_WHY_MAX];
static const uint8_t guest_mac[6] = {0x52, 0x54, 0, 0, 0, 1};
static uint8_t host_mac[6];

/* -- the namespace ----------------------------------------------------------------------------------------- */

static int try_open(const char *name, unsigned queues, uint16_t pairs, char err[ERR_MAX])
{
	struct option_net o = {.queues = queues, .offloads = true};
	struct net_side side = net_guest_side(g);

	snprintf(o.tap, sizeof(o.tap), "%s", name);
	err[0] = 0;
	return net_tap_open(&g->host, &o, pairs, &g->loop, &side, err);
}

static int setup(void **state)
{
	(void)state;
	g = malloc(sizeof(*g));
	assert_non_null(g);
	net_guest_init(g);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	net_guest_end(g);
	free(g);
	return 0;
}

static void needs_taps(void)
{
	if (!why_not[0])
		return;
	fprintf(stderr, "skipped: %s\n", why_not);
	skip();
}

/* -- frames ------------------------------------------------------------------------------------------------ */

/* From the guest to the host. `partial`: the checksum is that of the pseudo header alone, the rest is left. */
static uint32_t udp(uint8_t *f, unsigned from_port, unsigned to_port, uint32_t n, bool partial)
{
	uint8_t *ip = f + IP_AT, *u = f + L4_AT, pseudo[12] = {0};
	uint32_t s;

	memcpy(f, host_mac, 6);
	memcpy(f + 6, guest_mac, 6);
	ipv4_header(f, 17, GUEST_IP, HOST_IP, 8 + n);
	put_be16(u, from_port);
	put_be16(u + 2, to_port);
	put_be16(u + 4, 8 + n);
	put_be16(u + 6, 0);
	memcpy(pseudo, ip + 12, 8);
	put_be16(pseudo + 8, 17);
	put_be16(pseudo + 10, 8 + n);
	s = sum(0, pseudo, 12);
	put_be16(u + 6, partial ? fold(s) : ~fold(sum(s, u, 8 + n)) & 0xffff);
	return UDP_DATA + n;
}

/* Who has the host's address? */
static uint32_t arp(uint8_t *f)
{
	return arp_request(f, guest_mac, GUEST_IP, HOST_IP);
}

/* The host asks who we are as soon as it has something for us. Frames that are not IPv4 to us do not count. */
static const struct guest_frame *await_ipv4(unsigned nr)
{
	for (int tries = 0; tries < 5000; tries++, usleep(1000)) {
		unsigned n = net_guest_frames(g), seen = 0;

		for (unsigned i = 0; i < n; i++) {
			const uint8_t *f = g->frame[i].bytes;

			if (get_be16(f + 12) == 0x0800 && !memcmp(f, guest_mac, 6) && seen++ == nr)
				return &g->frame[i];
		}
	}
	fail_msg("IPv4 frame %u did not come", nr);
	return NULL;
}

static int udp_socket(unsigned port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct timeval t = {.tv_sec = 10};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)), 0);
	return fd;
}

static void to_guest(int fd, unsigned port, const void *data, size_t n)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_addr = {htonl(GUEST_IP)}, .sin_port = htons((uint16_t)port)};

	assert_int_equal(sendto(fd, data, n, 0, (struct sockaddr *)&a, sizeof(a)), n);
}

static bool is_arp_reply(const struct guest_frame *f)
{
	return get_be16(f->bytes + 12) == 0x0806 && get_be16(f->bytes + IP_AT + 6) == 2;
}

/* Until the host answers: the kernel takes its time to see that the interface has a carrier. */
static void introduce(void)
{
	uint8_t f[64];

	for (int tries = 0; tries < 500; tries++) {
		net_guest_send(g, 0, NULL, f, arp(f), 0);
		usleep(10000);
		for (unsigned i = 0, n = net_guest_frames(g); i < n; i++)
			if (is_arp_reply(&g->frame[i]))
				return;
	}
	fail_msg("the host does not answer");
}

/* -- opening ----------------------------------------------------------------------------------------------- */

static void refused(const char *name, unsigned queues, const char *word)
{
	char err[ERR_MAX], head[64];

	assert_int_equal(try_open(name, queues, (uint16_t)(queues ? queues : 1), err), -1);
	snprintf(head, sizeof(head), "--net tap:%s", name);
	if (strncmp(err, head, strlen(head)) || !strstr(err, word) || strchr(err, '\n'))
		fail_msg("\"%s\" is no clear line with \"%s\"", err, word);
	assert_null(g->host.destroy);
}

static void not_there(void **state)
{
	(void)state;
	needs_taps();
	refused("none0", 0, "there is no such interface; `ip tuntap add dev none0 mode tap user");
	assert_int_equal(if_nametoindex("none0"), 0); /* nor is there by now */
}

static void no_tap(void **state)
{
	(void)state;
	needs_taps();
	refused("lo", 0, "no tap interface");
	taps_make("tun0", IFF_TUN, HOST_IP, host_mac);
	refused("tun0", 0, "no tap interface");
	taps_remove("tun0", IFF_TUN);
}

static void in_use(void **state)
{
	struct net_guest *other, *mine = g;
	char err[ERR_MAX];

	(void)state;
	needs_taps();
	other = malloc(sizeof(*other));
	assert_non_null(other);
	taps_make("tap0", IFF_TAP, HOST_IP, host_mac);
	net_guest_init(other);
	g = other;
	assert_int_equal(try_open("tap0", 0, 1, err), 0);
	g = mine;
	refused("tap0", 0, "another program has it open");
	net_guest_end(other);
	free(other);
	taps_remove("tap0", IFF_TAP);
}

/* In a child that is nobody, so that permissions mean something. */
static void somebody_elses(void **state)
{
	char err[ERR_MAX] = "";
	int status, fd;
	pid_t child;

	(void)state;
	needs_taps();
	taps_make("tap0", IFF_TAP, HOST_IP, host_mac);
	child = fork();
	if (child == 0) {
		if (setresuid(65534, 65534, 65534))
			_exit(2); /* a user namespace with one user in it */
		fd = open("/dev/net/tun", O_RDWR);
		if (fd < 0)
			_exit(try_open("tap0", 0, 1, err) && strstr(err, "no permission to open /dev/net/tun")
				      ? 0
				      : 1);
		close(fd);
		_exit(try_open("tap0", 0, 1, err) && strstr(err, "belongs to somebody else") ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 1);
	taps_remove("tap0", IFF_TAP);
}

static void queues(void **state)
{
	char err[ERR_MAX];

	(void)state;
	needs_taps();
	taps_make("tap0", IFF_TAP, HOST_IP, host_mac);
	refused("tap0", 2, "multi_queue");
	/* nobody asked for two: there are two vCPUs, but one will do */
	assert_int_equal(try_open("tap0", 0, 2, err), 0);
	assert_int_equal(g->host.pairs, 1);
	teardown(NULL);
	taps_remove("tap0", IFF_TAP);
	taps_make("tap0", IFF_TAP | IFF_MULTI_QUEUE, HOST_IP, host_mac);
	for (uint16_t n = 1; n <= NET_PAIRS_MAX; n++) {
		setup(NULL);
		assert_int_equal(try_open("tap0", n, n, err), 0);
		assert_int_equal(g->host.pairs, n);
		assert_int_equal(g->host.mtu, 1500);
		teardown(NULL);
	}
	taps_remove("tap0", IFF_TAP | IFF_MULTI_QUEUE);
	setup(NULL);
}

/* -- frames through it --------------------------------------------------------------------------------------- */

static void start(uint16_t pairs)
{
	char err[ERR_MAX];

	taps_make("tap0", IFF_TAP | IFF_MULTI_QUEUE, HOST_IP, host_mac);
	if (try_open("tap0", pairs, pairs, err))
		fail_msg("%s", err);
	net_guest_run(g);
}

static void end(void)
{
	teardown(NULL);
	taps_remove("tap0", IFF_TAP | IFF_MULTI_QUEUE);
	setup(NULL);
}

static void offloads_there(void **state)
{
	const uint32_t least = NET_CAN_TX_CSUM | NET_CAN_TX_TSO4 | NET_CAN_TX_TSO6 | NET_CAN_TX_ECN |
			       NET_CAN_RX_CSUM | NET_CAN_RX_TSO4 | NET_CAN_RX_TSO6 | NET_CAN_RX_ECN;

	(void)state;
	needs_taps();
	start(1);
	assert_int_equal(g->host.backend.can & least, least);
	end();
}

static void checksum_left_to_the_host(void **state)
{
	const struct net_header h = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = L4_AT, .csum_offset = 6};
	uint8_t f[256], got[256];
	int fd;

	(void)state;
	needs_taps();
	start(1);
	fd = udp_socket(4000);
	memcpy(f + UDP_DATA, "in full", 7);
	net_guest_send(g, 0, NULL, f, udp(f, 5000, 4000, 7, false), 5);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 7);
	assert_memory_equal(got, "in full", 7);
	net_guest_send(g, 0, NULL, f, udp(f, 5000, 4000, 7, true), 0); /* wrong without a word */
	memcpy(f + UDP_DATA, "partial", 7);
	net_guest_send(g, 0, &h, f, udp(f, 5000, 4000, 7, true), 0);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 7);
	assert_memory_equal(got, "partial", 7);
	assert_int_equal(g->sent, 3);
	close(fd);
	end();
}

static void checksum_left_to_the_guest(void **state)
{
	const struct guest_frame *f;
	uint8_t pseudo[12] = {0};
	int fd;

	(void)state;
	needs_taps();
	start(1);
	fd = udp_socket(4000);
	introduce();
	to_guest(fd, 5000, "in full", 7);
	f = await_ipv4(0);
	assert_int_equal(f->len, UDP_DATA + 7);
	assert_int_equal(f->header.flags, 0);
	memcpy(pseudo, f->bytes + IP_AT + 12, 8);
	put_be16(pseudo + 8, 17);
	put_be16(pseudo + 10, 15);
	assert_int_equal(fold(sum(sum(0, pseudo, 12), f->bytes + L4_AT, 15)), 0xffff);
	net_guest_tune(g, 1, NET_CAN_RX_CSUM);
	to_guest(fd, 5000, "partial", 7);
	f = await_ipv4(1);
	assert_memory_equal(f->bytes + UDP_DATA, "partial", 7);
	assert_int_equal(f->header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(f->header.csum_start, L4_AT);
	assert_int_equal(f->header.csum_offset, 6);
	/* and back: the driver changed its mind */
	net_guest_tune(g, 1, 0);
	to_guest(fd, 5000, "in full", 7);
	assert_int_equal(await_ipv4(2)->header.flags, 0);
	close(fd);
	end();
}

/* A queue that is not in use gets nothing; one that is gets the answers to what it sends. */
static void several_queues(void **state)
{
	uint8_t f[256], got[256];
	const struct guest_frame *back;
	unsigned nr = 0;
	int fd;

	(void)state;
	needs_taps();
	start(3);
	fd = udp_socket(4000);
	introduce();
	for (uint16_t pairs = 1; pairs <= 3; pairs++) {
		net_guest_tune(g, pairs, 0);
		for (uint16_t i = 0; i < pairs; i++) {
			unsigned port = 5000u + pairs * 10u + i;

			memcpy(f + UDP_DATA, "hello", 5);
			net_guest_send(g, i, NULL, f, udp(f, port, 4000, 5, false), 0);
			assert_int_equal(recv(fd, got, sizeof(got), 0), 5);
			to_guest(fd, port, "back", 4);
			back = await_ipv4(nr++);
			assert_int_equal(get_be16(back->bytes + L4_AT + 2), port);
			assert_int_equal(back->pair, i);
		}
	}
	net_guest_tune(g, 1, 0); /* as after a reset */
	to_guest(fd, 5032, "back", 4);
	assert_int_equal(await_ipv4(nr)->pair, 0);
	close(fd);
	end();
}

/* What is sent then is lost, and it comes back. */
static void goes_down(void **state)
{
	uint8_t f[64];

	(void)state;
	needs_taps();
	start(1);
	introduce();
	assert_int_equal(g->lost, 0);
	taps_set_flags("tap0", 0);
	net_guest_send(g, 0, NULL, f, arp(f), 0);
	assert_int_equal(g->lost, 1);
	taps_set_flags("tap0", IFF_UP);
	introduce();
	end();
}

/* Deleted while it is open: the loop does not spin, and what is sent is lost. */
static void goes_away(void **state)
{
	uint8_t f[64];
	unsigned before;

	(void)state;
	needs_taps();
	start(2);
	introduce();
	net_guest_tune(g, 2, 0);
	taps_delete("tap0");
	usleep(20000);
	pthread_mutex_lock(&g->lock);
	before = g->entered;
	pthread_mutex_unlock(&g->lock);
	usleep(100000);
	pthread_mutex_lock(&g->lock);
	assert_in_range(g->entered - before, 0, 2);
	pthread_mutex_unlock(&g->lock);
	net_guest_send(g, 0, NULL, f, arp(f), 0);
	net_guest_send(g, 1, NULL, f, arp(f), 0);
	assert_int_equal(g->lost, 2);
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(not_there),
		TEST(no_tap),
		TEST(in_use),
		TEST(somebody_elses),
		TEST(queues),
		TEST(offloads_there),
		TEST(checksum_left_to_the_host),
		TEST(checksum_left_to_the_guest),
		TEST(several_queues),
		TEST(goes_down),
		TEST(goes_away),
	};

	taps_enter_namespace(why_not);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
