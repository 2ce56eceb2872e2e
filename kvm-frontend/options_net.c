// SPDX-License-Identifier: BSD-2-Clause
/* --net: where the network is, and the words behind it. */
#include <stdio.h>
#include <string.h>
#include "devices/net.h"
#include "options_int.h"

#define PORT_MAX 65535u
#define MTU_MIN  68u    /* IPv4's least */
#define MTU_MAX  65521u /* with its header within a frame, and what libslirp takes */

static bool is_on(const char *text, size_t len)
{
	return len == 2 && !strncmp(text, "on", len);
}

static bool is_on_or_off(const char *text, size_t len)
{
	return is_on(text, len) || (len == 3 && !strncmp(text, "off", len));
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20); /* either case */
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_mac(const char *text, size_t len, uint8_t mac[6])
{
	if (len != 17)
		return false;
	for (size_t i = 0; i < 6; i++) {
		int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);

		if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':'))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int parse_mac(struct option_net *net, const char *text, size_t len, char err[ERR_MAX])
{
	static const uint8_t none[6];

	if (!read_mac(text, len, net->mac))
		return err_set(err, "--net: mac=%.*s is no address; write one such as 52:54:00:12:34:56",
			       (int)len, text);
	if ((net->mac[0] & 1) || !memcmp(net->mac, none, sizeof(none)))
		return err_set(
			err,
			"--net: mac=%.*s is no address of one card: its first byte must be even, and not all "
			"of it zero",
			(int)len, text);
	return 0;
}

/* tcp:HOST-GUEST */
static int parse_forward(struct option_net *net, const char *text, size_t len, char err[ERR_MAX])
{
	const char *dash = memchr(text, '-', len);
	unsigned host, guest;

	if (len < 4 || strncmp(text, "tcp:", 4) || !dash ||
	    !options_count(text + 4, (size_t)(dash - text) - 4, PORT_MAX, &host) ||
	    !options_count(dash + 1, len - (size_t)(dash + 1 - text), PORT_MAX, &guest))
		return err_set(err,
			       "--net: hostfwd=%.*s; write hostfwd=tcp:HOSTPORT-GUESTPORT, ports from 1 to "
			       "65535, such "
			       "as hostfwd=tcp:2222-22",
			       (int)len, text);
	for (unsigned i = 0; i < net->forward_count; i++)
		if (net->forward[i].host == host)
			return err_set(err, "--net: hostfwd: port %u of the host is given twice", host);
	if (net->forward_count == OPTIONS_FORWARDS_MAX)
		return err_set(err, "--net: too many hostfwd: %d is the most", OPTIONS_FORWARDS_MAX);
	net->forward[net->forward_count++] = (struct option_forward){(uint16_t)host, (uint16_t)guest};
	return 0;
}

static int parse_mtu(struct option_net *net, const char *text, size_t len, char err[ERR_MAX])
{
	unsigned mtu;

	if (!options_count(text, len, MTU_MAX, &mtu) || mtu < MTU_MIN)
		return err_set(err, "--net: mtu=%.*s; write %u to %u", (int)len, text, MTU_MIN, MTU_MAX);
	net->mtu = (uint16_t)mtu;
	return 0;
}

static int parse_queues(struct option_net *net, const char *text, size_t len, char err[ERR_MAX])
{
	if (!options_count(text, len, NET_PAIRS_MAX, &net->queues))
		return err_set(err, "--net: queues=%.*s; a tap has 1 to %d pairs of queues", (int)len, text,
			       NET_PAIRS_MAX);
	return 0;
}

static int parse_switch(bool *out, const char *name, const char *text, size_t len, char err[ERR_MAX])
{
	if (!is_on_or_off(text, len))
		return err_set(err, "--net: %s=%.*s; write on or off", name, (int)len, text);
	*out = is_on(text, len);
	return 0;
}

static int parse_mrg_rxbuf(struct option_net *net, const char *text, size_t len, char err[ERR_MAX])
{
	return parse_switch(&net->mrg_rxbuf, "mrg_rxbuf", text, len, err);
}

static int parse_offloads(struct option_net *net, const char *text, size_t len, char err[ERR_MAX])
{
	return parse_switch(&net->offloads, "offloads", text, len, err);
}

static const struct word {
	const char *name;
	bool user, tap; /* which it goes with */
	int (*parse)(struct option_net *, const char *text, size_t len, char err[ERR_MAX]);
} words[] = {
	{"mac=", true, true, parse_mac},
	{"mtu=", true, true, parse_mtu},
	{"mrg_rxbuf=", true, true, parse_mrg_rxbuf},
	{"hostfwd=", true, false, parse_forward},
	{"queues=", false, true, parse_queues},
	{"offloads=", false, true, parse_offloads},
};
#define WORDS_LEN (sizeof(words) / sizeof(words[0]))

static int parse_word(struct option_net *net, const char *text, size_t len, char err[ERR_MAX])
{
	int feature = options_feature(text, len, &net->offer);

	for (size_t i = 0; i < WORDS_LEN; i++) {
		size_t n = strlen(words[i].name);

		if (len < n || strncmp(text, words[i].name, n))
			continue;
		if (!(net->tap[0] ? words[i].tap : words[i].user))
			return err_set(err, "--net: %.*s goes with %s", (int)len, text,
				       net->tap[0] ? "user networking (--net user), not with a tap"
						   : "a tap (--net tap:NAME), not with user networking");
		return words[i].parse(net, text + n, len - n, err);
	}
	if (feature < 0)
		return err_set(err, "--net: %.*s: a feature is on or off, such as packed=off", (int)len,
			       text);
	return feature ? 0
		       : err_set(err,
				 "--net: %.*s is nothing that it knows; %s, mac=, mtu=, mrg_rxbuf= and "
				 "features; see "
				 "--help",
				 (int)len, text, net->tap[0] ? "queues=, offloads=" : "hostfwd=");
}

/* user or tap:NAME */
static int parse_where(struct option_net *net, const char *text, size_t len, char err[ERR_MAX])
{
	if (len == 4 && !strncmp(text, "user", len))
		return 0;
	if (len < 4 || strncmp(text, "tap:", 4))
		return err_set(err, "--net: %.*s; write --net user or --net tap:NAME", (int)len, text);
	if (len == 4 || len - 4 >= sizeof(net->tap))
		return err_set(err, "--net: %.*s: an interface's name has 1 to %zu characters", (int)len,
			       text, sizeof(net->tap) - 1);
	memcpy(net->tap, text + 4, len - 4);
	return 0;
}

/* Of the n-th card, where none is given: locally administered, and the same each time. */
static void default_mac(struct option_net *net, unsigned n)
{
	const uint8_t mac[6] = {0x52, 0x54, 0x00, 0x00, 0x00, (uint8_t)(n + 1)};

	memcpy(net->mac, mac, sizeof(mac));
}

int options_net(struct options *o, const char *text, char err[ERR_MAX])
{
	size_t len = strcspn(text, ",");
	struct option_net *net;

	if (o->net_count == OPTIONS_NETS_MAX)
		return err_set(err,
			       "--net: too many: each device has an interrupt of its own, and there are %d",
			       OPTIONS_NETS_MAX);
	net = &o->nets[o->net_count];
	net->offer = options_default_offer();
	net->mrg_rxbuf = net->offloads = true;
	default_mac(net, o->net_count);
	if (parse_where(net, text, len, err))
		return -1;
	while (text[len]) {
		text += len + 1;
		len = strcspn(text, ",");
		if (parse_word(net, text, len, err))
			return -1;
	}
	o->net_count++;
	return 0;
}

/* Two cards with one address would each get the other's frames. */
int options_nets_differ(const struct options *o, char err[ERR_MAX])
{
	for (unsigned i = 0; i < o->net_count; i++) {
		const uint8_t *m = o->nets[i].mac;

		for (unsigned k = 0; k < i; k++)
			if (!memcmp(m, o->nets[k].mac, sizeof(o->nets[k].mac)))
				return err_set(err,
					       "--net: net%u and net%u have the same address "
					       "%02x:%02x:%02x:%02x:%02x:%02x; give one of them another mac=",
					       k, i, m[0], m[1], m[2], m[3], m[4], m[5]);
	}
	return 0;
}
