// SPDX-License-Identifier: BSD-2-Clause
/* How a tap is opened, and what may be wrong with it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "net_tap.h"

#define DEVICE "/dev/net/tun"

/* Linux 6.2; Debian 12's headers lack them */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

_Static_assert(OPTIONS_TAP_MAX == IFNAMSIZ, "an interface's name");

/* USO is for both or for none, as the kernel wants it. */
int net_tap_set_offloads(int fd, uint32_t can)
{
	const uint32_t uso = NET_CAN_RX_USO4 | NET_CAN_RX_USO6;
	unsigned bits = 0;

	bits |= can & NET_CAN_RX_CSUM ? TUN_F_CSUM : 0u;
	bits |= can & NET_CAN_RX_TSO4 ? TUN_F_TSO4 : 0u;
	bits |= can & NET_CAN_RX_TSO6 ? TUN_F_TSO6 : 0u;
	bits |= can & NET_CAN_RX_ECN ? TUN_F_TSO_ECN : 0u;
	bits |= (can & uso) == uso ? TUN_F_USO4 | TUN_F_USO6 : 0u;
	return ioctl(fd, TUNSETOFFLOAD, (unsigned long)bits);
}

static int open_device(const char *name, char err[ERR_MAX])
{
	int fd = open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == EACCES || errno == EPERM)
		return err_set(err,
			       "--net tap:%s: no permission to open " DEVICE
			       "; be root, or have it lent to you",
			       name);
	return err_set(err, "--net tap:%s: cannot open " DEVICE ": %s; load the module (modprobe tun)", name,
		       strerror(errno));
}

/* Joins a descriptor to the interface. 0, or -1 with errno. */
static int join(int fd, const char *name, bool multi_queue)
{
	struct ifreq r = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
					       (multi_queue ? IFF_MULTI_QUEUE : 0))};
	int header_len = NET_TAP_HEADER_LEN;

	memcpy(r.ifr_name, name, strlen(name) + 1);
	return ioctl(fd, TUNSETIFF, &r) || ioctl(fd, TUNSETVNETHDRSZ, &header_len) ? -1 : 0;
}

static int refuse(const char *name, char err[ERR_MAX])
{
	if (errno == EPERM)
		return err_set(err,
			       "--net tap:%s: it belongs to somebody else; make it with `ip tuntap add dev "
			       "%s mode tap user %u`, or be root",
			       name, name, (unsigned)getuid());
	if (errno == EBUSY)
		return err_set(
			err,
			"--net tap:%s: another program has it open; give each guest an interface of its own",
			name);
	if (errno == EINVAL)
		return err_set(
			err,
			"--net tap:%s: it is no tap interface; `ip tuntap add dev NAME mode tap` makes one",
			name);
	return err_set(err, "--net tap:%s: TUNSETIFF: %s", name, strerror(errno));
}

/*
 * An interface was made either for several descriptors or for one. queues: 0 where nobody asked for a number:
 * then one that was made for one gets one.
 */
static int join_first(struct net_tap_fds *t, const struct option_net *o, uint16_t *pairs, char err[ERR_MAX])
{
	int fd = open_device(t->name, err);

	if (fd < 0)
		return -1;
	t->fd[t->n++] = fd;
	if (!join(fd, t->name, true))
		return 0;
	if (errno != EINVAL || join(fd, t->name, false))
		return refuse(t->name, err);
	if (o->queues > 1)
		return err_set(err,
			       "--net tap:%s,queues=%u: the interface was made for one; `ip tuntap add dev "
			       "%s mode tap multi_queue` makes one for more",
			       t->name, o->queues, t->name);
	*pairs = 1;
	return 0;
}

static int join_others(struct net_tap_fds *t, uint16_t pairs, char err[ERR_MAX])
{
	while (t->n < pairs) {
		int fd = open_device(t->name, err);

		if (fd < 0)
			return -1;
		t->fd[t->n++] = fd;
		if (join(fd, t->name, true))
			return refuse(t->name, err);
	}
	return 0;
}

/* What the kernel can do, by trying. */
static uint32_t probe(int fd)
{
	const uint32_t usual = NET_CAN_RX_CSUM | NET_CAN_RX_TSO4 | NET_CAN_RX_TSO6 | NET_CAN_RX_ECN;
	const uint32_t uso = NET_CAN_RX_USO4 | NET_CAN_RX_USO6;

	uint32_t can = NET_CAN_TX_CSUM | NET_CAN_TX_TSO4 | NET_CAN_TX_TSO6 | NET_CAN_TX_ECN;
	if (!net_tap_set_offloads(fd, usual))
		can |= usual;
	if (!net_tap_set_offloads(fd, usual | uso))
		can |= usual | uso | NET_CAN_TX_USO;
	net_tap_set_offloads(fd, 0);
	return can;
}

static uint16_t look_at_interface(const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = {0};
	uint16_t mtu = 0;

	memcpy(r.ifr_name, name, strlen(name) + 1);
	if (fd < 0)
		return 0;
	if (!ioctl(fd, SIOCGIFFLAGS, &r) && !(r.ifr_flags & IFF_UP))
		fprintf(stderr,
			"ringside-vmm: --net tap:%s: the interface is down; nothing gets through before `ip "
			"link set %s up`\n",
			name, name);
	if (!ioctl(fd, SIOCGIFMTU, &r) && r.ifr_mtu <= UINT16_MAX)
		mtu = (uint16_t)r.ifr_mtu;
	close(fd);
	return mtu;
}

static int open_all(struct net_tap_fds *t, const struct option_net *o, uint16_t pairs, char err[ERR_MAX])
{
	/* TUNSETIFF would make one that is not there, for whoever may */
	if (!if_nametoindex(t->name))
		return err_set(err,
			       "--net tap:%s: there is no such interface; `ip tuntap add dev %s mode tap "
			       "user %u` makes it",
			       t->name, t->name, (unsigned)getuid());
	return join_first(t, o, &pairs, err) || join_others(t, pairs, err) ? -1 : 0;
}

int net_tap_open(struct net_host *out, const struct option_net *o, uint16_t pairs, struct loop *loop,
		 const struct net_side *side, char err[ERR_MAX])
{
	struct net_tap_fds t = {.n = 0};

	memcpy(t.name, o->tap, sizeof(t.name));
	if (open_all(&t, o, pairs, err)) {
		for (uint16_t i = 0; i < t.n; i++)
			close(t.fd[i]);
		return -1;
	}
	t.mtu = look_at_interface(t.name);
	t.can = o->offloads ? probe(t.fd[0]) : 0;
	return net_tap_create(out, &t, loop, side, err);
}
