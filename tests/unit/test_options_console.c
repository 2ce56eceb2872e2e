// SPDX-License-Identifier: BSD-2-Clause
/* --console and --port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "options.h"

static struct options o;
static char err[ERR_MAX], words[1024];

static enum options_verdict parse(const char *line)
{
	char *argv[32] = {"ringside-vmm", "--kernel", "k"}, *save = NULL;
	int argc = 3;

	snprintf(words, sizeof(words), "%s", line);
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	return options_parse(&o, argc, argv, err);
}

static void good(const char *line)
{
	assert_int_equal(parse(line), OPTIONS_RUN);
}

static void bad(const char *line, const char *says)
{
	assert_int_equal(parse(line), OPTIONS_BAD);
	if (!strstr(err, says))
		print_error("%s: %s\n", line, err);
	assert_non_null(strstr(err, says));
}

static void serial_is_the_console_if_nothing_is_said(void **state)
{
	(void)state;
	good("");
	assert_string_equal(o.serial, "stdio");
	assert_string_equal(o.hvc, "");
	assert_string_equal(o.cmdline, "console=ttyS0 reboot=acpi panic=-1");
	assert_false(options_has_console(&o));
	good("--console serial:pty");
	assert_string_equal(o.serial, "pty");
	good("--console log,packed=off");
	assert_string_equal(o.serial, "log,packed=off");
}

static void hvc_takes_the_terminal_from_serial(void **state)
{
	uint64_t usual;

	(void)state;
	good("--console hvc:stdio");
	assert_null(o.serial);
	assert_string_equal(o.hvc, "stdio");
	assert_string_equal(o.cmdline, "console=hvc0 reboot=acpi panic=-1");
	assert_true(options_has_console(&o));
	usual = o.console_offer;
	good("--console hvc:pty");
	assert_string_equal(o.serial, "stdio");
	assert_string_equal(o.cmdline, "console=ttyS0 console=hvc0 reboot=acpi panic=-1");
	good("--console hvc:stdio --console boot.log --cmdline x");
	assert_string_equal(o.serial, "boot.log");
	assert_string_equal(o.cmdline, "x");
	good("--console hvc:a,b,packed=off,in_order=on,packed=on");
	assert_string_equal(o.hvc, "a,b");
	assert_int_equal(o.console_offer & ~usual, UINT64_C(1) << 35); /* IN_ORDER */
	good("--console hvc:a,packed=on,packed=off");
	assert_int_equal(usual & ~o.console_offer, UINT64_C(1) << 34); /* RING_PACKED */
}

static void ports_have_names_and_ends(void **state)
{
	(void)state;
	good("--port org.x.0=unix:/run/a=b --port log=file:/tmp/log");
	assert_int_equal(o.port_count, 2);
	assert_string_equal(o.ports[0].name, "org.x.0");
	assert_true(o.ports[0].socket);
	assert_string_equal(o.ports[0].path, "/run/a=b");
	assert_string_equal(o.ports[1].name, "log");
	assert_false(o.ports[1].socket);
	assert_true(options_has_console(&o));
	assert_string_equal(o.serial, "stdio");
	good("--port a234567890123456789012345678901=file:x");
	assert_int_not_equal(o.console_offer, 0);
}

static void mistakes_are_told(void **state)
{
	(void)state;
	bad("--console hvc:stdio --console stdio", "can not share one terminal");
	bad("--console a --console b", "serial port is given twice");
	bad("--console hvc:a --console hvc:b", "hvc0 is given twice");
	bad("--console hvc:", "is missing");
	bad("--console serial:", "is missing");
	bad("--console hvc:pty,packed=maybe", "on or off");
	bad("--port a", "NAME=unix:PATH");
	bad("--port a=tcp:80", "NAME=unix:PATH");
	bad("--port a=unix:", "path is missing");
	bad("--port =unix:x", "a name has");
	bad("--port .x=unix:x", "a name has");
	bad("--port a/b=unix:x", "a name has");
	bad("--port a2345678901234567890123456789012=file:x", "a name has");
	bad("--port a=unix:x --port a=file:y", "a is given twice");
	bad("--port a=file:x --port b=file:x --port c=file:x --port d=file:x --port e=file:x --port f=file:x "
	    "--port g=file:x",
	    "too many; there are 6");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serial_is_the_console_if_nothing_is_said),
		cmocka_unit_test(hvc_takes_the_terminal_from_serial),
		cmocka_unit_test(ports_have_names_and_ends),
		cmocka_unit_test(mistakes_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
