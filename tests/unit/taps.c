// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE /* unshare */
#include "tests/unit/taps.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

void taps_enter_namespace(char why_not[TAPS_WHY_MAX])
{
	int fd;

	if (unshare(geteuid() ? CLONE_NEWUSER | CLONE_NEWNET : CLONE_NEWNET)) {
		snprintf(why_not, TAPS_WHY_MAX, "no network namespace: %s", strerror(errno));
		return;
	}
	fd = open("/dev/net/tun", O_RDWR);
	if (fd < 0)
		snprintf(why_not, TAPS_WHY_MAX, "/dev/net/tun: %s", strerror(errno));
	else
		close(fd);
}

void taps_set_flags(const char *name, short flags)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq r = {.ifr_flags = flags};

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	close(fd);
}

/* As `ip tuntap add` does, and with an address. */
void taps_make(const char *name, short flags, uint32_t ip, uint8_t mac[6])
{
	int fd = open("/dev/net/tun", O_RDWR), s = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq r = {.ifr_flags = (short)(flags | IFF_NO_PI)};
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(ip)}};

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &r), 0);
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
	close(fd);
	memcpy(&r.ifr_addr, &a, sizeof(a));
	assert_int_equal(ioctl(s, SIOCSIFADDR, &r), 0);
	if (flags & IFF_TAP) {
		assert_int_equal(ioctl(s, SIOCGIFHWADDR, &r), 0);
		memcpy(mac, r.ifr_hwaddr.sa_data, 6);
	}
	close(s);
	taps_set_flags(name, IFF_UP);
}

void taps_remove(const char *name, short flags)
{
	int fd = open("/dev/net/tun", O_RDWR);
	struct ifreq r = {.ifr_flags = (short)(flags | IFF_NO_PI)};

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &r), 0);
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 0), 0);
	close(fd);
}

void taps_delete(const char *name)
{
	struct {
		struct nlmsghdr n;
		struct ifinfomsg i;
	} m = {.n = {.nlmsg_len = sizeof(m), .nlmsg_type = RTM_DELLINK, .nlmsg_flags = NLM_F_REQUEST},
	       .i = {.ifi_index = (int)if_nametoindex(name)}};
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	assert_int_equal(send(fd, &m, sizeof(m), 0), sizeof(m));
	close(fd);
}
