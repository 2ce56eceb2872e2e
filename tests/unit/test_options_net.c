// SPDX-License-Identifier: BSD-2-Clause
/* --net, and what may be wrong with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <linux/virtio_config.h>

#include "options.h"

static struct options o;
static char err[ERR_MAX];

/* ringside-vmm --kernel k --net FIRST [--net SECOND] */
static enum options_verdict parse(const char *first, const char *second)
{
	char words[6][1024] = {"ringside-vmm", "--kernel=k", "--net", "", "--net", ""};
	char *argv[] = {words[0], words[1], words[2], words[3], words[4], words[5], NULL};

	snprintf(words[3], sizeof(words[3]), "%s", first);
	snprintf(words[5], sizeof(words[5]), "%s", second ? second : "");
	argv[second ? 6 : 4] = NULL;
	err[0] = 0;
	return options_parse(&o, second ? 6 : 4, argv, err);
}

static void good(const char *net)
{
	if (parse(net, NULL) != OPTIONS_RUN)
		fail_msg("%s: %s", net, err);
}

static void bad(const char *net, const char *word)
{
	assert_int_equal(parse(net, NULL), OPTIONS_BAD);
	if (!strstr(err, word) || strchr(err, '\n') || strncmp(err, "--net", 5))
		fail_msg("%s: \"%s\" is no clear line with \"%s\"", net, err, word);
}

static void user(void **state)
{
	const struct option_net *n = &o.nets[0];

	(void)state;
	good("user");
	assert_int_equal(o.net_count, 1);
	assert_string_equal(n->tap, "");
	assert_int_equal(n->forward_count, 0);
	assert_int_equal(n->mtu, 0);
	assert_true(n->mrg_rxbuf && n->offloads);
	assert_true(n->offer >> VIRTIO_F_RING_PACKED & 1);
	good("user,hostfwd=tcp:2222-22,hostfwd=tcp:65535-1,mtu=9000,mrg_rxbuf=off,packed=off");
	assert_int_equal(n->forward_count, 2);
	assert_int_equal(n->forward[0].host, 2222);
	assert_int_equal(n->forward[0].guest, 22);
	assert_int_equal(n->forward[1].host, 65535);
	assert_int_equal(n->forward[1].guest, 1);
	assert_int_equal(n->mtu, 9000);
	assert_false(n->mrg_rxbuf);
	assert_false(n->offer >> VIRTIO_F_RING_PACKED & 1);
}

static void tap(void **state)
{
	const struct option_net *n = &o.nets[0];

	(void)state;
	good("tap:tap0");
	assert_string_equal(n->tap, "tap0");
	assert_int_equal(n->queues, 0);
	good("tap:fifteen-letters,queues=7,offloads=off,mtu=68");
	assert_string_equal(n->tap, "fifteen-letters");
	assert_int_equal(n->queues, 7);
	assert_false(n->offloads);
	assert_int_equal(n->mtu, 68);
}

static void addresses(void **state)
{
	static const uint8_t given[] = {0x52, 0x54, 0x00, 0xAB, 0xcd, 0xef},
			     first[] = {0x52, 0x54, 0, 0, 0, 1}, second[] = {0x52, 0x54, 0, 0, 0, 2};

	(void)state;
	good("user,mac=52:54:00:aB:Cd:eF");
	assert_memory_equal(o.nets[0].mac, given, 6);
	/* the same each time, and none twice */
	assert_int_equal(parse("user", "tap:t"), OPTIONS_RUN);
	assert_memory_equal(o.nets[0].mac, first, 6);
	assert_memory_equal(o.nets[1].mac, second, 6);
	assert_int_equal(parse("user,mac=52:54:00:00:00:02", "user"), OPTIONS_BAD);
	assert_non_null(strstr(err, "net0 and net1 have the same address 52:54:00:00:00:02"));
	assert_int_equal(parse("user,mac=52:54:00:00:00:0a", "user,mac=52:54:00:00:00:0A"), OPTIONS_BAD);
	for (const char **p =
		     (const char *[]){"", "52:54:00:12:34", "52:54:00:12:34:5", "52:54:00:12:34:56:78",
				      "52-54-00-12-34-56", "52:54:00:12:34:5g", "52:54:00:12:34:56 ",
				      " 2:54:00:12:34:56", "5254.0012.3456", NULL};
	     *p; p++) {
		char text[64];

		snprintf(text, sizeof(text), "user,mac=%s", *p);
		bad(text, "no address; write one such as 52:54:00:12:34:56");
	}
	bad("user,mac=00:00:00:00:00:00", "not all of it zero");
	bad("user,mac=53:54:00:12:34:56", "first byte must be even");
	bad("user,mac=ff:ff:ff:ff:ff:ff", "first byte must be even");
}

static void where(void **state)
{
	(void)state;
	bad("bridge", "--net user or --net tap:NAME");
	bad("User", "--net user or --net tap:NAME");
	bad("usermac=52:54:00:12:34:56", "--net user or --net tap:NAME");
	bad("tap", "--net user or --net tap:NAME");
	bad(",user", "--net user or --net tap:NAME");
	bad("tap:", "1 to 15 characters");
	bad("tap:sixteen-letters!", "1 to 15 characters");
	bad("tap:,queues=2", "1 to 15 characters");
}

static void forwards(void **state)
{
	char many[1024] = "user";

	(void)state;
	for (const char **p =
		     (const char *[]){"", "tcp", "tcp:", "tcp:22", "tcp:22-", "tcp:-22", "tcp:0-22",
				      "tcp:22-0", "tcp:65536-22", "tcp:22-65536", "udp:53-53", "tcp:1-2-3",
				      "tcp:1 -2", "tcp:99999999999-1", "tcp:127.0.0.1:22-22", NULL};
	     *p; p++) {
		char text[64];

		snprintf(text, sizeof(text), "user,hostfwd=%s", *p);
		bad(text, "hostfwd=tcp:HOSTPORT-GUESTPORT");
	}
	bad("user,hostfwd=tcp:2222-22,hostfwd=tcp:2222-23", "port 2222 of the host is given twice");
	for (unsigned i = 0; i < OPTIONS_FORWARDS_MAX; i++)
		snprintf(many + strlen(many), sizeof(many) - strlen(many), ",hostfwd=tcp:%u-22", 3000 + i);
	good(many);
	assert_int_equal(o.nets[0].forward_count, OPTIONS_FORWARDS_MAX);
	strcat(many, ",hostfwd=tcp:1-1");
	bad(many, "32 is the most");
	bad("tap:t,hostfwd=tcp:1-1", "goes with user networking");
}

static void words(void **state)
{
	(void)state;
	bad("user,", "nothing that it knows");
	bad("user,fast", "hostfwd=, mac=");
	bad("tap:t,script=no", "script=no is nothing that it knows; queues=");
	bad("user,mac", "nothing that it knows");
	bad("user,queues=2", "goes with a tap");
	bad("user,offloads=off", "goes with a tap");
	bad("user,packed=maybe", "on or off");
	bad("user,mrg_rxbuf=1", "on or off");
	bad("tap:t,offloads=offf", "on or off");
	bad("tap:t,queues=0", "1 to 7");
	bad("tap:t,queues=8", "1 to 7");
	bad("tap:t,queues=", "1 to 7");
	bad("user,mtu=67", "68 to 65521");
	bad("user,mtu=65522", "68 to 65521");
	bad("user,mtu=1500x", "68 to 65521");
}

static void too_many(void **state)
{
	static char words[2 + 2 * (OPTIONS_NETS_MAX + 1)][16];
	char *argv[2 + 2 * (OPTIONS_NETS_MAX + 1) + 1] = {words[0], words[1]};
	int argc = 2;

	(void)state;
	strcpy(words[0], "x");
	strcpy(words[1], "--kernel=k");
	for (int i = 0; i <= OPTIONS_NETS_MAX; i++) {
		argv[argc] = strcpy(words[argc], "--net");
		argc++;
		argv[argc] = strcpy(words[argc], "user");
		argc++;
	}
	assert_int_equal(options_parse(&o, argc - 2, argv, err), OPTIONS_RUN);
	assert_int_equal(options_parse(&o, argc, argv, err), OPTIONS_BAD);
	assert_non_null(strstr(err, "too many"));
}

static void is_recorded(void **state)
{
	char words[5][16] = {"x", "--kernel=k", "--net=user", "--record=r", ""};
	char *argv[] = {words[0], words[1], words[2], words[3], NULL};

	(void)state;
	assert_int_equal(options_parse(&o, 4, argv, err), OPTIONS_RUN);
}

static void help(void **state)
{
	(void)state;
	for (const char **p = (const char *[]){"--net user", "--net tap:NAME", "hostfwd=", "mac=", "queues=",
					       "mrg_rxbuf=", "offloads=", "mtu=", "--control PATH", NULL};
	     *p; p++)
		assert_non_null(strstr(options_help(), *p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user),     cmocka_unit_test(tap),      cmocka_unit_test(addresses),
		cmocka_unit_test(where),    cmocka_unit_test(forwards), cmocka_unit_test(words),
		cmocka_unit_test(too_many), cmocka_unit_test(help),     cmocka_unit_test(is_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
