// SPDX-License-Identifier: BSD-2-Clause
/*
 * wire: what the network tests need and busybox lacks. Static, so that it runs in the guest and in the machine below.
 *
 *   wire tap NAME [multi]              makes a tap interface, for several queues with `multi`
 *   wire serve PORT COUNT              takes COUNT connections of `send` and `receive`, one after the other
 *   wire send HOST PORT BYTES          sends that many bytes; the other side must have got the same ones
 *   wire receive HOST PORT BYTES       the other way
 *   wire send|receive HOST PORT MSms   as fast as it goes for so long, without a look at the bytes
 *   wire control PATH WORD...          gives a command to ringside-vmm's control socket, and prints the answer
 *
 * serve, send and receive print `wire HOW BYTES bytes MS ms`, by the clock of where they run, and end with status 1 where
 * bytes differ. `serve` says "ready" first.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024 };

/* What a client asks for. how: 's': it sends, 'r': it receives. bytes 0: for ms. */
struct order {
	uint64_t how, bytes, ms;
};

static uint64_t buffer[CHUNK / 8];

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* -- bytes: both sides know what they must be ------------------------------------------------------------- */

static void fill(uint64_t at)
{
	for (unsigned i = 0; i < CHUNK / 8; i++)
		buffer[i] = (at + i) * UINT64_C(0x9e3779b97f4a7c15);
}

/* The stream's bytes from `at` on; false where they differ. */
static bool same(uint64_t at, const uint8_t *got, size_t n)
{
	for (size_t i = 0; i < n; i++, at++) {
		uint64_t word = (at / 8) * UINT64_C(0x9e3779b97f4a7c15);

		if (got[i] != (uint8_t)(word >> at % 8 * 8))
			return false;
		/* whole words at once, where they lie so */
		while (at % 8 == 7 && n - i > 8) {
			uint64_t w;

			memcpy(&w, got + i + 1, 8);
			if (w != (at / 8 + 1) * UINT64_C(0x9e3779b97f4a7c15))
				return false;
			i += 8;
			at += 8;
		}
	}
	return true;
}

static void write_all(int fd, const void *from, size_t n)
{
	for (const char *p = from; n;) {
		ssize_t got = write(fd, p, n);

		if (got <= 0)
			err(1, "write");
		p += got;
		n -= (size_t)got;
	}
}

static bool read_all(int fd, void *to, size_t n)
{
	for (char *p = to; n;) {
		ssize_t got = read(fd, p, n);

		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
	}
	return true;
}

/* -- both directions ---------------------------------------------------------------------------------------- */

static void tell(const char *how, uint64_t bytes, uint64_t begun_ms)
{
	printf("wire %s %llu bytes %llu ms\n", how, (unsigned long long)bytes,
	       (unsigned long long)(now_ms() - begun_ms));
	fflush(stdout);
}

/* Ends when the other side has said that it has all of it. */
static void send_stream(int fd, const struct order *o)
{
	uint64_t begun = now_ms(), at = 0;
	char verdict = 0;

	fill(0);
	while (o->bytes ? at < o->bytes : now_ms() - begun < o->ms) {
		uint64_t n = o->bytes && o->bytes - at < CHUNK ? o->bytes - at : CHUNK;

		if (o->bytes && at)
			fill(at / 8);
		write_all(fd, buffer, n);
		at += n;
	}
	shutdown(fd, SHUT_WR);
	if (!read_all(fd, &verdict, 1) || verdict != 'y')
		errx(1, "what arrived is not what was sent");
	tell("sent", at, begun);
}

static void receive_stream(int fd, const struct order *o)
{
	uint64_t begun = now_ms(), at = 0;
	bool right = true;
	ssize_t n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		if (o->bytes)
			right &= same(at, (const uint8_t *)buffer, (size_t)n);
		at += (uint64_t)n;
	}
	right &= n == 0 && (!o->bytes || at == o->bytes);
	write_all(fd, right ? "y" : "n", 1);
	if (!right)
		errx(1, "what arrived is not what was sent");
	tell("received", at, begun);
}

static void stream(int fd, const struct order *o, bool send)
{
	(send ? send_stream : receive_stream)(fd, o);
	close(fd);
}

static int serve(unsigned port, int count)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 4))
		err(1, "port %u", port);
	printf("ready\n");
	fflush(stdout);
	while (count--) {
		int c = accept(fd, NULL, NULL);
		struct order o;

		if (c < 0 || !read_all(c, &o, sizeof(o)))
			err(1, "a connection");
		stream(c, &o, o.how == 'r');
	}
	return 0;
}

static int join(const char *host, unsigned port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	if (!inet_aton(host, &a.sin_addr))
		errx(2, "%s is no address", host);
	for (int tries = 0; tries < 50; tries++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (!connect(fd, (struct sockaddr *)&a, sizeof(a)))
			return fd;
		close(fd);
		usleep(100000); /* the server may not have begun yet */
	}
	err(1, "%s:%u", host, port);
}

static int client(bool send, const char *host, unsigned port, const char *amount)
{
	char *end;
	uint64_t n = strtoull(amount, &end, 0);
	struct order o = {.how = send ? 's' : 'r'};
	int fd = join(host, port);

	*(strcmp(end, "ms") ? &o.bytes : &o.ms) = n;
	write_all(fd, &o, sizeof(o));
	stream(fd, &o, send);
	return 0;
}

/* -- the rest ------------------------------------------------------------------------------------------------ */

static int make_tap(const char *name, bool multi)
{
	struct ifreq r = {
		.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (multi ? IFF_MULTI_QUEUE : 0))};
	int fd = open("/dev/net/tun", O_RDWR);

	if (fd < 0)
		err(1, "/dev/net/tun");
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &r) || ioctl(fd, TUNSETPERSIST, 1))
		err(1, "%s", name);
	return 0;
}

static int control(const char *path, int words, char **word)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char text[4096] = "";
	size_t n = 0;
	ssize_t got;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
		err(1, "%s", path);
	for (int i = 0; i < words; i++) {
		write_all(fd, word[i], strlen(word[i]));
		write_all(fd, i + 1 < words ? " " : "\n", 1);
	}
	while (!strstr(text, "ok\n") && !strstr(text, "error: ") && n < sizeof(text) - 1 &&
	       (got = read(fd, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	fputs(text, stdout);
	return !strstr(text, "ok\n");
}

static int number(const char *s)
{
	char *end;
	long v = strtol(s, &end, 10);

	if (end == s || *end || v < 0 || v > INT_MAX)
		errx(2, "%s: not a number", s);
	return (int)v;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	signal(SIGPIPE, SIG_IGN);
	if (!strcmp(what, "tap") && (argc == 3 || argc == 4))
		return make_tap(argv[2], argc == 4);
	if (!strcmp(what, "serve") && argc == 4)
		return serve((unsigned)number(argv[2]), number(argv[3]));
	if ((!strcmp(what, "send") || !strcmp(what, "receive")) && argc == 5)
		return client(what[0] == 's', argv[2], (unsigned)number(argv[3]), argv[4]);
	if (!strcmp(what, "control") && argc > 3)
		return control(argv[2], argc - 3, argv + 3);
	errx(2, "usage: wire tap|serve|send|receive|control ...");
}
