// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE /* memrchr */
#include "options.h"
#include <linux/virtio_config.h>
#include <stddef.h>
#include <string.h>
#include "compat.h"

#define DEFAULT_CMDLINE "console=ttyS0 reboot=acpi panic=-1"
#define DEFAULT_MEMORY  (UINT64_C(256) << 20)
#define MEMORY_STEP     (UINT64_C(2) << 20)

/* What a parser of one option gets. text is never NULL where the option takes a value. */
typedef int (*option_fn)(struct options *, const char *text, char err[ERR_MAX]);

struct option {
	const char *name;
	enum { VALUE_NONE, VALUE_MAY, VALUE_MUST } value; /* MAY: only as --name=value */
	bool repeats;
	option_fn parse;
};

/*
 * What a device offers beyond its type's own features. On by default is what helps drivers that know it and
 * costs no others anything. Off: in_order, since a slow request would hold up the answers to quick ones;
 * notification_data, since KVM can not match such kicks and each would leave the guest for us; platform,
 * which makes drivers place buffers by a DMA interface, for guests that share only a part of their memory.
 */
static const struct feature {
	const char *name;
	uint64_t bits;
	bool on;
} features[] = {
	{"packed", 1ull << VIRTIO_F_RING_PACKED, true},
	{"ring_reset", 1ull << VIRTIO_F_RING_RESET, true},
	{"in_order", 1ull << VIRTIO_F_IN_ORDER, false},
	{"notification_data", 1ull << VIRTIO_F_NOTIFICATION_DATA, false},
	{"platform", 1ull << VIRTIO_F_ACCESS_PLATFORM | 1ull << VIRTIO_F_ORDER_PLATFORM, false},
};
#define FEATURES_LEN (sizeof(features) / sizeof(features[0]))

static int parse_size(const char *name, const char *text, uint64_t *out, char err[ERR_MAX])
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
	if (parse_size("--memory", text, &o->memory_len, err))
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

static uint64_t default_offer(void)
{
	uint64_t offer = 0;

	for (size_t i = 0; i < FEATURES_LEN; i++)
		offer |= features[i].on ? features[i].bits : 0;
	return offer;
}

static bool is_word(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && !strncmp(text, word, len);
}

/* FEATURE=on or FEATURE=off, len bytes. 0: something else; -1: a feature, but neither on nor off. */
static int parse_feature(const char *text, size_t len, uint64_t *offer)
{
	const char *is = memchr(text, '=', len);

	for (size_t i = 0; is && i < FEATURES_LEN; i++) {
		size_t left = len - (size_t)(is + 1 - text);

		if (!is_word(text, (size_t)(is - text), features[i].name))
			continue;
		if (is_word(is + 1, left, "on"))
			*offer |= features[i].bits;
		else if (is_word(is + 1, left, "off"))
			*offer &= ~features[i].bits;
		else
			return -1;
		return 1;
	}
	return 0;
}

/*
 * Takes the words that are ours off the end of FILE,word,word; what is left is the file's name, which may
 * have commas, too. The later one of two that disagree counts, as the words are read in their order once
 * their begin is known.
 */
static int parse_disk_words(struct option_disk *disk, const char *text, size_t *len)
{
	size_t at = *len, end = *len;
	uint64_t ignored;

	for (;;) {
		const char *comma = memrchr(text, ',', at);
		size_t word = comma ? (size_t)(comma + 1 - text) : 0;

		if (!comma ||
		    (!is_word(comma + 1, at - word, "ro") && !parse_feature(comma + 1, at - word, &ignored)))
			break;
		at = word - 1;
	}
	*len = at;
	while (at < end) {
		const char *word = text + at + 1;
		size_t n = strcspn(word, ",");

		if (is_word(word, n, "ro"))
			disk->readonly = true;
		else if (parse_feature(word, n, &disk->offer) < 0)
			return -1;
		at += n + 1;
	}
	return 0;
}

static int parse_disk(struct options *o, const char *text, char err[ERR_MAX])
{
	size_t len = strlen(text);
	struct option_disk *disk;

	if (o->disk_count == OPTIONS_DISKS_MAX)
		return err_set(err,
			       "--disk: too many: each device has an interrupt of its own, and there are %d",
			       OPTIONS_DISKS_MAX);
	disk = &o->disks[o->disk_count];
	disk->offer = default_offer();
	if (parse_disk_words(disk, text, &len))
		return err_set(err, "--disk: %.120s: a feature is on or off, such as packed=off", text);
	if (len == 0 || len >= sizeof(disk->path))
		return err_set(err, "--disk: %s; write --disk FILE or --disk FILE,ro",
			       len ? "the file name is too long" : "the file name is missing");
	memcpy(disk->path, text, len);
	disk->path[len] = 0;
	o->disk_count++;
	return 0;
}

static int parse_rng(struct options *o, const char *text, char err[ERR_MAX])
{
	o->rng = true;
	o->rng_offer = default_offer();
	while (text) {
		size_t n = strcspn(text, ",");

		if (parse_feature(text, n, &o->rng_offer) <= 0)
			return err_set(err, "--rng: %.*s is no feature that is on or off, such as packed=off",
				       (int)n, text);
		text = text[n] ? text + n + 1 : NULL;
	}
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
	if (parse_size("--record-limit", text, &o->record_limit, err))
		return -1;
	if (o->record_limit == 0)
		return err_set(
			err,
			"--record-limit: 0 leaves no room for a trace; leave the option away for no limit");
	return 0;
}

static int parse_console(struct options *o, const char *text, char err[ERR_MAX])
{
	(void)err;
	o->console = strcmp(text, "stdio") ? text : NULL;
	return 0;
}

static const struct option table[] = {
	{"--kernel", VALUE_MUST, false, parse_kernel},
	{"--guest-program", VALUE_MUST, false, parse_guest_program},
	{"--initrd", VALUE_MUST, false, parse_initrd},
	{"--cmdline", VALUE_MUST, false, parse_cmdline},
	{"--memory", VALUE_MUST, false, parse_memory},
	{"--disk", VALUE_MUST, true, parse_disk},
	{"--rng", VALUE_MAY, false, parse_rng},
	{"--record", VALUE_MUST, false, parse_record},
	{"--record-payload", VALUE_MUST, false, parse_record_payload},
	{"--record-limit", VALUE_MUST, false, parse_record_limit},
	{"--console", VALUE_MUST, false, parse_console},
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

static int check_together(const struct options *o, uint32_t seen, char err[ERR_MAX])
{
	if (o->guest_program && (seen & (seen - 1)))
		return err_set(
			err, "--guest-program goes with no other option: the file tells memory and devices");
	if (!o->kernel && !o->guest_program)
		return err_set(err, "--kernel FILE is missing; see --help");
	if (o->disk_count + o->rng > LAYOUT_VIRTIO_MAX)
		return err_set(err, "too many devices: each has an interrupt of its own, and there are %d",
			       LAYOUT_VIRTIO_MAX);
	for (size_t i = 0; i < TABLE_LEN; i++)
		if ((seen >> i & 1) && !o->record && !strncmp(table[i].name, "--record-", 9))
			return err_set(err, "%s without --record FILE", table[i].name);
	return 0;
}

enum options_verdict options_parse(struct options *o, int argc, char *const argv[], char err[ERR_MAX])
{
	uint32_t seen = 0;

	memset(o, 0, sizeof(*o));
	o->cmdline = DEFAULT_CMDLINE;
	o->memory_len = DEFAULT_MEMORY;
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

const char *options_help(void)
{
	return "usage: ringside-vmm --kernel FILE [OPTION]...\n"
	       "       ringside-vmm --guest-program FILE\n"
	       "Boots a Linux kernel in a KVM virtual machine with virtio devices.\n"
	       "\n"
	       "  --kernel FILE           a bzImage (such as /boot/vmlinuz-*), or an ELF vmlinux with a PVH "
	       "note\n"
	       "  --initrd FILE           initial RAM disk\n"
	       "  --cmdline TEXT          kernel command line instead of \"" DEFAULT_CMDLINE "\"\n"
	       "  --memory SIZE           guest memory, 256M if not given; sizes end in K, M, G or T\n"
	       "  --disk FILE[,ro][,FEATURE=on|off]...\n"
	       "                          a disk: an image or a block device; may be given more than once\n"
	       "  --rng[=FEATURE=on|off]  an entropy device\n"
	       "  --console stdio|FILE    where the guest's COM1 goes; a file gets output only\n"
	       "  --record FILE           write a trace of all devices, to be replayed with `ringside replay "
	       "FILE`\n"
	       "  --record-payload full|hash\n"
	       "                          keep what the guest reads and writes, or (if not given) only its "
	       "hash\n"
	       "  --record-limit SIZE     stop recording when the trace is that large; the guest goes on\n"
	       "  --guest-program FILE    run a program on a vCPU, and compare with the simulator: `ringside "
	       "run "
	       "PROGRAM.txt\n"
	       "                          --record FILE` makes FILE; docs/program-text.md\n"
	       "  --help, --version\n"
	       "\n"
	       "Features that a device offers, or not: packed (packed rings; on), ring_reset (on), in_order "
	       "(off),\n"
	       "notification_data (off), platform (ACCESS_PLATFORM and ORDER_PLATFORM; off). docs/devices.md "
	       "tells when.\n"
	       "\n"
	       "SIGUSR2 makes ringside-vmm look at its images' sizes again and tells the guest of a new "
	       "one.\n"
	       "\n"
	       "On a terminal, every key goes to the guest, Ctrl-C too; Ctrl-A x ends the machine, Ctrl-A "
	       "Ctrl-A is one\n"
	       "Ctrl-A. Power off from inside the guest with `poweroff`.\n"
	       "\n"
	       "Exit status:\n"
	       "  0    the guest powered off or asked for a reset, or Ctrl-A x was typed\n"
	       "  1    --guest-program: the devices did another thing than in the simulator\n"
	       "  2    bad usage or a bad file, no /dev/kvm or no permission for it: nothing was started\n"
	       "  3    the guest ended in a triple fault\n"
	       "  4    KVM could not go on (internal or emulation error), or the host failed\n"
	       "  129, 130, 131, 143  ended by SIGHUP, SIGINT, SIGQUIT, SIGTERM; the devices were shut down "
	       "in order\n"
	       "\n"
	       "example: ringside-vmm --kernel /boot/vmlinuz --initrd initrd.gz --memory 512M --disk "
	       "disk.img --rng\n";
}
