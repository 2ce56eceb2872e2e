// SPDX-License-Identifier: BSD-2-Clause
/* --console and --port: where the guest's consoles and named ports end. */
#define _GNU_SOURCE /* memrchr */
#include <ctype.h>
#include <string.h>
#include <sys/types.h>
#include "options_int.h"

#define SERIAL "serial:"
#define HVC    "hvc:"

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/*
 * WHERE,FEATURE=on,...: a file's name may have commas, too, so the features are what stands at the end. The later one
 * of two that disagree counts. Answers WHERE's length, or -1.
 */
static ssize_t take_features(const char *text, uint64_t *offer)
{
	size_t end = strlen(text), len = end;
	const char *comma;
	uint64_t ignored;

	while ((comma = memrchr(text, ',', len)) &&
	       options_feature(comma + 1, len - (size_t)(comma + 1 - text), &ignored))
		len = (size_t)(comma - text);
	for (size_t at = len, n; at < end; at += n) {
		n = 1 + strcspn(text + at + 1, ",");
		if (options_feature(text + at + 1, n - 1, offer) < 0)
			return -1;
	}
	return (ssize_t)len;
}

static int parse_hvc(struct options *o, const char *text, char err[ERR_MAX])
{
	ssize_t len;

	if (o->hvc[0])
		return err_set(err, "--console: hvc0 is given twice");
	o->console_offer = options_default_offer();
	len = take_features(text, &o->console_offer);
	if (len < 0)
		return err_set(err, "--console: %.120s: a feature is on or off, such as packed=off", text);
	if (len == 0 || (size_t)len >= sizeof(o->hvc))
		return err_set(err, "--console hvc: %s; write hvc:stdio, hvc:pty or hvc:FILE",
			       len ? "the file name is too long" : "where it ends is missing");
	memcpy(o->hvc, text, (size_t)len);
	return 0;
}

int options_console(struct options *o, const char *text, char err[ERR_MAX])
{
	if (begins(text, HVC))
		return parse_hvc(o, text + strlen(HVC), err);
	if (o->serial)
		return err_set(err, "--console: the serial port is given twice; hvc:%s is the other console",
			       text);
	o->serial = begins(text, SERIAL) ? text + strlen(SERIAL) : text;
	return o->serial[0] ? 0 : err_set(err, "--console serial: where it ends is missing");
}

/* What udev makes a file name of, in the guest. */
static bool is_name(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("._-:", text[i]))
			return false;
	return len > 0 && len < OPTIONS_PORT_NAME_MAX && text[0] != '.';
}

static int parse_port(struct option_port *p, const char *text, char err[ERR_MAX])
{
	size_t len = strcspn(text, "=");
	const char *where = text + len + 1;

	if (!text[len] || (!begins(where, "unix:") && !begins(where, "file:")))
		return err_set(err, "--port %.120s; write --port NAME=unix:PATH or --port NAME=file:PATH",
			       text);
	if (!is_name(text, len))
		return err_set(
			err,
			"--port %.120s: a name has 1 to %d letters, digits and . _ - : and does not begin "
			"with a dot",
			text, OPTIONS_PORT_NAME_MAX - 1);
	if (!where[5])
		return err_set(err, "--port %.120s: the path is missing", text);
	*p = (struct option_port){.socket = begins(where, "unix:"), .path = where + 5};
	memcpy(p->name, text, len);
	return 0;
}

int options_port(struct options *o, const char *text, char err[ERR_MAX])
{
	struct option_port *p = &o->ports[o->port_count];

	if (o->port_count == OPTIONS_PORTS_MAX)
		return err_set(err, "--port: too many; there are %d", OPTIONS_PORTS_MAX);
	if (parse_port(p, text, err))
		return -1;
	for (unsigned i = 0; i < o->port_count; i++)
		if (!strcmp(o->ports[i].name, p->name))
			return err_set(err, "--port: %s is given twice", p->name);
	o->port_count++;
	return 0;
}

bool options_has_console(const struct options *o)
{
	return o->hvc[0] || o->port_count;
}

/* The last console= is /dev/console; the serial port shows what comes before hvc0 is there. */
static const char *default_cmdline(const struct options *o)
{
	if (!o->hvc[0])
		return OPTIONS_CMDLINE;
	return o->serial ? "console=ttyS0 " OPTIONS_CMDLINE_HVC : OPTIONS_CMDLINE_HVC;
}

int options_consoles_settle(struct options *o, char err[ERR_MAX])
{
	bool taken = !strcmp(o->hvc, "stdio");

	if (taken && o->serial && !strcmp(o->serial, "stdio"))
		return err_set(err,
			       "--console: the serial port and hvc0 can not share one terminal; give one of "
			       "them pty or a file");
	if (!o->serial && !taken)
		o->serial = "stdio";
	if (!o->hvc[0])
		o->console_offer = options_default_offer();
	if (!o->cmdline)
		o->cmdline = default_cmdline(o);
	return 0;
}
