// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <linux/virtio_config.h>

#include "compat.h"
#include "options.h"

#define MIB      UINT64_C(0x100000)
#define ARGS_MAX 64

static struct options o;
static char err[ERR_MAX];
static char *argv[ARGS_MAX + 1];
static int argc;

/* Splits a line at blanks; "" is an empty word. */
static enum options_verdict parse(const char *line)
{
	static char words[8192], name[] = "ringside-vmm";
	char *save = NULL;

	strcpy(words, line);
	argv[0] = name;
	argc = 1;
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = strcmp(w, "\"\"") ? w : w + 2;
	argv[argc] = NULL;
	err[0] = 0;
	return options_parse(&o, argc, argv, err);
}

static void good(const char *line)
{
	if (parse(line) != OPTIONS_RUN)
		fail_msg("%s: %s", line, err);
}

static void bad(const char *line, const char *word)
{
	assert_int_equal(parse(line), OPTIONS_BAD);
	if (!strstr(err, word) || strchr(err, '\n'))
		fail_msg("%s: \"%s\" is no clear line with \"%s\"", line, err, word);
}

static void defaults(void **state)
{
	(void)state;
	good("--kernel k");
	assert_string_equal(o.kernel, "k");
	assert_non_null(strstr(o.cmdline, "console=ttyS0"));
	assert_non_null(strstr(o.cmdline, "reboot=acpi"));
	assert_int_equal(o.memory_len, 256 * MIB);
	assert_int_equal(o.cpus, 1);
	assert_null(o.initrd);
	assert_null(o.record);
	assert_string_equal(o.serial, "stdio");
	assert_int_equal(o.disk_count, 0);
	assert_false(o.rng || o.record_full);
}

static void everything(void **state)
{
	(void)state;
	good("--kernel=k --initrd i --cmdline=a=b --memory 1g --disk d1 --disk d2,ro --rng --record r "
	     "--record-payload full --record-limit 10M --console out");
	assert_string_equal(o.initrd, "i");
	assert_string_equal(o.cmdline, "a=b");
	assert_int_equal(o.memory_len, 1024 * MIB);
	assert_int_equal(o.disk_count, 2);
	assert_string_equal(o.disks[0].path, "d1");
	assert_false(o.disks[0].readonly);
	assert_string_equal(o.disks[1].path, "d2");
	assert_true(o.disks[1].readonly);
	assert_true(o.rng && o.record_full);
	assert_string_equal(o.record, "r");
	assert_int_equal(o.record_limit, 10 * MIB);
	assert_string_equal(o.serial, "out");
	good("--guest-program g");
	assert_string_equal(o.guest_program, "g");
	good("--kernel k --console stdio --cmdline \"\" --record r --record-payload hash");
	assert_string_equal(o.serial, "stdio");
	assert_string_equal(o.cmdline, "");
	assert_false(o.record_full);
}

static void help_and_version(void **state)
{
	(void)state;
	assert_int_equal(parse("--help"), OPTIONS_HELP);
	assert_int_equal(parse("--kernel k -h"), OPTIONS_HELP);
	assert_int_equal(parse("--version"), OPTIONS_VERSION);
	for (const char **p = (const char *[]){"--kernel", "--initrd", "--cmdline", "--memory", "--disk",
					       "--rng", "--record", "--record-payload", "--record-limit",
					       "--console", "Exit status", NULL};
	     *p; p++)
		assert_non_null(strstr(options_help(), *p));
}

static void sizes(void **state)
{
	(void)state;
	good("--kernel k --memory 2097152");
	assert_int_equal(o.memory_len, 2 * MIB);
	good("--kernel k --memory 65536K");
	assert_int_equal(o.memory_len, 64 * MIB);
	good("--kernel k --memory 1T");
	bad("--kernel k --memory 2T", "too large");
	bad("--kernel k --memory 1M", "too small");
	bad("--kernel k --memory 256", "too small");
	bad("--kernel k --memory 3M", "multiple of 2M");
	bad("--kernel k --memory 12X", "no size");
	bad("--kernel k --memory 12MB", "no size");
	bad("--kernel k --memory M", "no size");
	bad("--kernel k --memory -1M", "no size");
	bad("--kernel k --memory 1.5G", "no size");
	bad("--kernel k --memory 18446744073709551616", "too large");
	bad("--kernel k --memory 99999999999999999999999", "too large");
	bad("--kernel k --memory 18014398509481984K", "too large"); /* 2^64 */
	bad("--kernel k --record r --record-limit 0", "no room");
	bad("--kernel k --record r --record-limit lots", "no size");
}

static void mistakes(void **state)
{
	(void)state;
	bad("", "--kernel FILE is missing");
	bad("--kernel", "needs a value");
	bad("--kernel \"\"", "needs a value");
	bad("--kernel=", "needs a value");
	bad("--kernel k --kernel k", "twice");
	bad("--kernel k --rng --rng", "twice");
	bad("--kernel k --rng=1", "no feature");
	bad("--kernel k --help=1", "no such option");
	bad("--kernel k --cmdline", "needs a value");
	bad("--kernel k --nonsense", "--nonsense: no such option");
	bad("--kernel k --memor 1G", "no such option");
	bad("--kernel k --memoryy 1G", "no such option");
	bad("--kernel k file", "file: no such option");
	bad("--kernel k --disk ,ro", "name is missing");
	bad("--kernel k --record r --record-payload some", "full");
	bad("--kernel k --record-payload full", "without --record");
	bad("--kernel k --record-limit 1G", "without --record");
	bad("--guest-program", "needs a value");
	bad("--guest-program g --kernel k", "no other option");
	bad("--rng --guest-program g", "no other option");
}

static void devices_have_a_limit(void **state)
{
	char line[4096] = "--kernel k";

	(void)state;
	for (int i = 0; i < LAYOUT_VIRTIO_MAX; i++)
		strcat(line, " --disk d");
	good(line);
	strcat(line, " --rng");
	bad(line, "too many devices");
	strcpy(line + strlen(line) - 4, "-disk d");
	bad(line, "too many");
}

static void long_names(void **state)
{
	char line[8192] = "--kernel k --disk ";
	size_t start = strlen(line);

	(void)state;
	memset(line + start, 'd', OPTIONS_PATH_MAX);
	line[start + OPTIONS_PATH_MAX] = 0;
	bad(line, "too long");
	line[start + OPTIONS_PATH_MAX - 1] = 0;
	good(line);
	assert_int_equal(strlen(o.disks[0].path), OPTIONS_PATH_MAX - 1);
}

#define PACKED   (1ull << VIRTIO_F_RING_PACKED)
#define RESET    (1ull << VIRTIO_F_RING_RESET)
#define ORDER    (1ull << VIRTIO_F_IN_ORDER)
#define DATA     (1ull << VIRTIO_F_NOTIFICATION_DATA)
#define PLATFORM (1ull << VIRTIO_F_ACCESS_PLATFORM | 1ull << VIRTIO_F_ORDER_PLATFORM)

static void cpus(void **state)
{
	(void)state;
	good("--kernel k --cpus 1");
	good("--kernel k --cpus 64");
	assert_int_equal(o.cpus, 64);
	good("--kernel k --cpus=8");
	assert_int_equal(o.cpus, 8);
	for (const char **p =
		     (const char *[]){"0", "65", "-1", "2x", "x", "4294967297", "00000000000000000000", NULL};
	     *p; p++) {
		char line[64];

		snprintf(line, sizeof(line), "--kernel k --cpus %s", *p);
		bad(line, "write 1 to 64");
	}
	bad("--kernel k --cpus", "needs a value");
	bad("--kernel k --cpus 2 --cpus 2", "twice");
	bad("--guest-program g --cpus 1", "no other option");
}

static void confinement(void **state)
{
	(void)state;
	good("--kernel k");
	assert_null(o.user);
	assert_null(o.chroot);
	assert_false(o.no_sandbox);
	good("--kernel k --user nobody --chroot=/var/empty --sandbox on");
	assert_string_equal(o.user, "nobody");
	assert_string_equal(o.chroot, "/var/empty");
	assert_false(o.no_sandbox);
	good("--kernel k --user 1:2 --sandbox off");
	assert_true(o.no_sandbox);
	bad("--kernel k --sandbox maybe", "write on or off");
	bad("--kernel k --sandbox", "needs a value");
	bad("--kernel k --user", "needs a value");
	bad("--kernel k --chroot=", "needs a value");
	bad("--guest-program g --sandbox off", "no other option");
}

static void queues(void **state)
{
	(void)state;
	good("--kernel k --disk d --disk e,queues=3,ro --disk f,queues=1,queues=4");
	assert_int_equal(o.disks[0].queues, 0);
	assert_int_equal(o.disks[1].queues, 3);
	assert_string_equal(o.disks[1].path, "e");
	assert_true(o.disks[1].readonly);
	assert_int_equal(o.disks[2].queues, 4);
	bad("--kernel k --disk d,queues=0", "1 to 4 queues");
	bad("--kernel k --disk d,queues=5", "1 to 4 queues");
	bad("--kernel k --disk d,queues=", "1 to 4 queues");
	bad("--kernel k --disk d,queues=two,ro", "queues=two");
	good("--kernel k --disk queues=9"); /* a file's name */
	good("--kernel k --disk d,queue=2");
	assert_string_equal(o.disks[0].path, "d,queue=2");
}

static void disk_is(const char *line, const char *path, bool readonly, uint64_t offer)
{
	char whole[256] = "--kernel k --disk ";

	good(strcat(whole, line));
	assert_string_equal(o.disks[0].path, path);
	assert_int_equal(o.disks[0].readonly, readonly);
	assert_int_equal(o.disks[0].offer, offer);
}

static void features(void **state)
{
	(void)state;
	disk_is("d", "d", false, PACKED | RESET);
	disk_is("d,packed=off", "d", false, RESET);
	disk_is("d,ro,packed=off,ring_reset=off", "d", true, 0);
	disk_is("d,packed=off,ro,in_order=on", "d", true, RESET | ORDER);
	disk_is("d,platform=on,notification_data=on", "d", false, PACKED | RESET | DATA | PLATFORM);
	disk_is("d,packed=off,packed=on", "d", false, PACKED | RESET);
	disk_is("d,packed=on,packed=off", "d", false, RESET);
	disk_is("a,b,ro", "a,b", true, PACKED | RESET); /* a name may have commas */
	disk_is("a,color=on", "a,color=on", false, PACKED | RESET);
	disk_is("packed=off", "packed=off", false, PACKED | RESET);
	bad("--kernel k --disk d,packed=maybe", "on or off");
	bad("--kernel k --disk d,packed=", "on or off");
	bad("--kernel k --disk ,packed=on", "name is missing");
	good("--kernel k --rng");
	assert_true(o.rng && o.rng_offer == (PACKED | RESET));
	good("--kernel k --rng=packed=off,in_order=on");
	assert_true(o.rng && o.rng_offer == (RESET | ORDER));
	bad("--kernel k --rng=", "no feature");
	bad("--kernel k --rng=packed=off,", "no feature");
	bad("--kernel k --rng packed=off", "no such option"); /* a value stands behind an = */
}

static void saving_and_restoring(void **state)
{
	char line[5000];

	(void)state;
	good("--kernel k");
	assert_string_equal(o.save, "");
	assert_null(o.restore);
	good("--kernel k --save-on SIGUSR1=snap");
	assert_string_equal(o.save, "snap");
	assert_false(o.save_stop);
	good("--kernel k --save-on=SIGUSR1=a,b,stop");
	assert_string_equal(o.save, "a,b");
	assert_true(o.save_stop);
	good("--restore snap --disk d --rng --save-on SIGUSR1=snap");
	assert_string_equal(o.restore, "snap");
	assert_int_equal(o.memory_len, 0); /* the file tells */
	assert_int_equal(o.cpus, 0);
	good("--restore snap --record r --record-payload full");
	good("--restore snap --memory 64M --cpus 2");
	assert_int_equal(o.memory_len, 64 * MIB);
	assert_int_equal(o.cpus, 2);
	bad("--kernel k --save-on snap", "write SIGUSR1=FILE");
	bad("--kernel k --save-on SIGUSR2=snap", "write SIGUSR1=FILE");
	bad("--kernel k --save-on SIGUSR1=", "write SIGUSR1=FILE");
	bad("--kernel k --save-on SIGUSR1=,stop", "write SIGUSR1=FILE");
	bad("--kernel k --save-on", "needs a value");
	bad("--restore", "needs a value");
	bad("--restore s --kernel k", "leave --kernel away");
	bad("--restore s --initrd i", "leave --initrd away");
	bad("--restore s --cmdline c", "leave --cmdline away");
	bad("--restore s --guest-program g", "no other option");
	bad("--save-on SIGUSR1=s --guest-program g", "no other option");
	snprintf(line, sizeof(line), "--kernel k --save-on SIGUSR1=%0*d", 4200, 0);
	bad(line, "too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(everything),
		cmocka_unit_test(help_and_version),
		cmocka_unit_test(sizes),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(devices_have_a_limit),
		cmocka_unit_test(long_names),
		cmocka_unit_test(features),
		cmocka_unit_test(cpus),
		cmocka_unit_test(queues),
		cmocka_unit_test(confinement),
		cmocka_unit_test(saving_and_restoring),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
