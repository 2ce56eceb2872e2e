// SPDX-License-Identifier: BSD-2-Clause
#include <stddef.h>
#include <string.h>
#include "options_int.h"

#define DEFAULT_MEMORY (UINT64_C(256) << 20)
#define MEMORY_STEP    (UINT64_C(2) << 20)

/* What a parser of one option gets. text is never NULL where the option takes a value. */
typedef int (*option_fn)(struct options *, const char *text, char err[ERR_MAX]);

struct option {
	const char *name;
	enum { VALUE_NONE, VALUE_MAY, VALUE_MUST } value; /* MAY: only as --name=value */
	bool repeats;
	option_fn parse;
};

bool options_count(const char *text, size_t len, unsigned max, unsigned *out)
{
	unsigned value = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || value > max)
			return false;
		value = value * 10 + (unsigned)(text[i] - '0');
	}
	*out = value;
	return value >= 1 && value <= max;
}

int options_size(const char *name, const char *text, uint64_t *out, char err[ERR_MAX])
{
	static const char units[] = "KMGT";
	uint64_t value = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (value > (UINT64_MAX - digit) / 10)
			return err_set(err, "%s: %s is too large", name, text);
		value = value * 10 + digit;
	}
	if (p != text && *p) {
		const char *unit = strchr(units, *p & ~0x20); /* either case */
		unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;

		if (unit && value > UINT64_MAX >> shift)
			return err_set(err, "%s: %s is too large", name, text);
		value <<= shift;
		p += unit ? 1 : 0;
	}
	if (p == text || *p)
		return err_set(err,
			       "%s: %s is no size; write a number with K, M, G or T after it, such as 256M",
			       name, text);
	*out = value;
	return 0;
}

static int parse_kernel(struct options *o, const char *text, char err[ERR_MAX])
{
	(void)err;
	o->kernel = text;
	return 0;
}

static int parse_guest_program(struct options *o, const char *text, char err[ERR_MAX])
{
	(void)err;
	o->guest_program = text;
	return 0;
}

static int parse_initrd(struct options *o, const char *text, char err[ERR_MAX])
{
	(void)err;
	o->initrd = text;
	return 0;
}

static int parse_cmdline(struct options *o, const char *text, char err[ERR_MAX])
{
	(void)err;
	o->cmdline = text;
	return 0;
}

static int parse_memory(struct options *o, const char *text, char err[ERR_MAX])
{
	if (options_size("--memory", text, &o->memory_len, err))
		return -1;
	if (o->memory_len < LAYOUT_MEMORY_MIN)
		return err_set(err,
			       "--memory: %s is too small: at least 2M is needed, and a Linux kernel needs "
			       "64M or more",
			       text);
	if (o->memory_len > LAYOUT_MEMORY_MAX)
		return err_set(err, "--memory: %s is too large: 1T is the most", text);
	if (o->memory_len % MEMORY_STEP)
		return err_set(err, "--memory: %s is no multiple of 2M", text);
	return 0;
}

static int parse_cpus(struct options *o, const char *text, char err[ERR_MAX])
{
	if (!options_count(text, strlen(text), LAYOUT_CPUS_MAX, &o->cpus))
		return err_set(err, "--cpus: %s is no number of vCPUs; write 1 to %d", text, LAYOUT_CPUS_MAX);
	return 0;
}

/* SIGNAL=FILE[,stop] */
static int parse_save_on(struct options *o, const char *text, char err[ERR_MAX])
{
	static const char signal[] = "SIGUSR1=", stop[] = ",stop";
	size_t len = strlen(text), tail = strlen(stop);

	if (strncmp(text, signal, strlen(signal)) != 0)
		len = 0;
	else
		len -= strlen(signal);
	o->save_stop = len >= tail && !strcmp(text + strlen(text) - tail, stop);
	len -= o->save_stop ? tail : 0;
	if (!len)
		return err_set(err, "--save-on: %s; write SIGUSR1=FILE, or SIGUSR1=FILE,stop", text);
	text += strlen(signal);
	if (len >= sizeof(o->save))
		return err_set(err, "--save-on: the path is too long");
	memcpy(o->save, text, len);
	return 0;
}

static int parse_restore(struct options *o, const char *text, char err[ERR_MAX])
{
	(void)err;
	o->restore = text;
	return 0;
}

static int parse_record(struct options *o, const char *text, char err[ERR_MAX])
{
	(void)err;
	o->record = text;
	return 0;
}

static int parse_record_payload(struct options *o, const char *text, char err[ERR_MAX])
{
	o->record_full = !strcmp(text, "full");
	if (!o->record_full && strcmp(text, "hash"))
		return err_set(err,
			       "--record-payload: %s; write full (every byte, a guest's secrets too) or hash",
			       text);
	return 0;
}

static int parse_record_limit(struct options *o, const char *text, char err[ERR_MAX])
{
	if (options_size("--record-limit", text, &o->record_limit, err))
		return -1;
	if (o->record_limit == 0)
		return err_set(
			err,
			"--record-limit: 0 leaves no room for a trace; leave the option away for no limit");
	return 0;
}

static int parse_control(struct options *o, const char *text, char err[ERR_MAX])
{
	(void)err;
	o->control = text;
	return 0;
}

static int parse_user(struct options *o, const char *text, char err[ERR_MAX])
{
	(void)err;
	o->user = text;
	return 0;
}

static int parse_chroot(struct options *o, const char *text, char err[ERR_MAX])
{
	(void)err;
	o->chroot = text;
	return 0;
}

static int parse_sandbox(struct options *o, const char *text, char err[ERR_MAX])
{
	o->no_sandbox = !strcmp(text, "off");
	if (!o->no_sandbox && strcmp(text, "on"))
		return err_set(err, "--sandbox: %s; write on or off", text);
	return 0;
}

static const struct option table[] = {
	{"--kernel", VALUE_MUST, false, parse_kernel},
	{"--guest-program", VALUE_MUST, false, parse_guest_program},
	{"--initrd", VALUE_MUST, false, parse_initrd},
	{"--cmdline", VALUE_MUST, false, parse_cmdline},
	{"--memory", VALUE_MUST, false, parse_memory},
	{"--cpus", VALUE_MUST, false, parse_cpus},
	{"--disk", VALUE_MUST, true, options_disk},
	{"--net", VALUE_MUST, true, options_net},
	{"--rng", VALUE_MAY, false, options_rng},
	{"--save-on", VALUE_MUST, false, parse_save_on},
	{"--restore", VALUE_MUST, false, parse_restore},
	{"--record", VALUE_MUST, false, parse_record},
	{"--record-payload", VALUE_MUST, false, parse_record_payload},
	{"--record-limit", VALUE_MUST, false, parse_record_limit},
	{"--control", VALUE_MUST, false, parse_control},
	{"--console", VALUE_MUST, true, options_console},
	{"--port", VALUE_MUST, true, options_port},
	{"--user", VALUE_MUST, false, parse_user},
	{"--chroot", VALUE_MUST, false, parse_chroot},
	{"--sandbox", VALUE_MUST, false, parse_sandbox},
};
#define TABLE_LEN (sizeof(table) / sizeof(table[0]))

/* Finds `--name` or `--name=value`; *value is what stands behind the =, or NULL. */
static const struct option *find(const char *arg, const char **value)
{
	size_t len = strcspn(arg, "=");

	*value = arg[len] ? arg + len + 1 : NULL;
	for (size_t i = 0; i < TABLE_LEN; i++)
		if (strlen(table[i].name) == len && !strncmp(arg, table[i].name, len))
			return &table[i];
	return NULL;
}

/* Parses argv[*i] and, where the value stands in the next word, goes on to that. */
static int parse_one(struct options *o, char *const argv[], int argc, int *i, uint32_t *seen,
		     char err[ERR_MAX])
{
	const char *value;
	const struct option *option = find(argv[*i], &value);
	uint32_t bit;

	if (!option)
		return err_set(err, "%s: no such option; see --help", argv[*i]);
	bit = 1u << (option - table);
	if ((*seen & bit) && !option->repeats)
		return err_set(err, "%s is given twice", option->name);
	*seen |= bit;
	if (option->value == VALUE_NONE && value)
		return err_set(err, "%s takes no value", option->name);
	if (option->value == VALUE_MUST && !value && *i + 1 < argc)
		value = argv[++*i];
	if (option->value == VALUE_MUST && (!value || !*value) && option->parse != parse_cmdline)
		return err_set(err, "%s needs a value; see --help", option->name);
	if (option->value == VALUE_MUST && !value)
		return err_set(err, "%s needs a value, which may be empty", option->name);
	return option->parse(o, value, err);
}

bool options_memory_fits(uint64_t len)
{
	return len >= LAYOUT_MEMORY_MIN && len <= LAYOUT_MEMORY_MAX && len % MEMORY_STEP == 0;
}

/* What boots the guest is in its memory already. */
static int check_restore(const struct options *o, char err[ERR_MAX])
{
	if (o->kernel || o->initrd || o->cmdline)
		return err_set(err, "--restore goes on with the kernel of the saved machine; leave --%s away",
			       o->kernel   ? "kernel"
			       : o->initrd ? "initrd"
					   : "cmdline");
	return 0;
}

static void set_defaults(struct options *o)
{
	if (!o->memory_len)
		o->memory_len = DEFAULT_MEMORY;
	if (!o->cpus)
		o->cpus = 1;
}

static int check_together(struct options *o, uint32_t seen, char err[ERR_MAX])
{
	if (o->guest_program && (seen & (seen - 1)))
		return err_set(
			err, "--guest-program goes with no other option: the file tells memory and devices");
	if (o->restore && check_restore(o, err))
		return -1;
	if (!o->kernel && !o->guest_program && !o->restore)
		return err_set(err, "--kernel FILE is missing; see --help");
	if (!o->restore)
		set_defaults(o);
	if (o->disk_count + o->net_count + o->rng + options_has_console(o) > LAYOUT_VIRTIO_MAX)
		return err_set(err, "too many devices: each has an interrupt of its own, and there are %d",
			       LAYOUT_VIRTIO_MAX);
	for (size_t i = 0; i < TABLE_LEN; i++)
		if ((seen >> i & 1) && !o->record && !strncmp(table[i].name, "--record-", 9))
			return err_set(err, "%s without --record FILE", table[i].name);
	return options_nets_differ(o, err) ? -1 : options_consoles_settle(o, err);
}

enum options_verdict options_parse(struct options *o, int argc, char *const argv[], char err[ERR_MAX])
{
	uint32_t seen = 0;

	memset(o, 0, sizeof(*o));
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return OPTIONS_HELP;
		if (!strcmp(argv[i], "--version"))
			return OPTIONS_VERSION;
		if (parse_one(o, argv, argc, &i, &seen, err))
			return OPTIONS_BAD;
	}
	return check_together(o, seen, err) ? OPTIONS_BAD : OPTIONS_RUN;
}
