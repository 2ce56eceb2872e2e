// SPDX-License-Identifier: BSD-2-Clause
/*
 * seeds CORPUS OUT: assembles what is kept in CORPUS/TARGET/ into OUT/TARGET/, one seed for each file. They are kept as text, so
 * that a later op can not change what an old input means.
 *   NAME.txt   a program (docs/program-text.md); in trace any text, for the reader of lines; in snapshot two programs, and
 *              between them lines `state 337=05,00 # what`: the state that the device saved then is damaged at that byte
 *   NAME.hex   bytes: two hex digits each, `00*16` for many of one, `#` begins a comment
 * fuzz_device gets the programs of all four devices, each behind the byte that tells its machine (sim-frontend/machine_byte.h);
 * of its own, in device, the byte is made from the device lines. fuzz_trace also gets the text of some programs, and the
 * beginnings of the kept traces, each behind the byte that names its reader; fuzz_snapshot short programs, with two patches
 * between the program and itself. What else lies in OUT/TARGET/ is removed. Status 2, and a line, where something is wrong.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine_byte.h"
#include "textfile.h"

#define TEXT_HEAD  1000u /* bytes of a program's text that fuzz_trace gets */
#define TRACE_HEAD 2000u
#define SHORT_MAX  120u /* a program for fuzz_snapshot */
#define PART_MAX   255u /* its two lengths are bytes: of the program, and of the patches */
#define SEED_MAX   (1u << 20)

static const char *const kinds[] = {"blk",  "rng",   "net",  "console",  "device",
				    "ring", "trace", "boot", "snapshot", "differential"};
static const char *const devices[] = {"blk", "rng", "net", "console"}; /* fuzz_device's first four machines */
static const char *corpus, *out;

/* The seed that is being made. */
static struct {
	size_t n;
	uint8_t bytes[SEED_MAX];
} seed;

static struct {
	char **name; /* KIND/NAME of all that was made */
	size_t n, max;
} made;

static void __attribute__((noreturn, format(printf, 1, 2))) fail_with(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("seeds: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

/* -- making one ------------------------------------------------------------------------------------------ */

static void put(const void *data, size_t n)
{
	if (n > sizeof(seed.bytes) - seed.n)
		fail_with("a seed has more than %u bytes", SEED_MAX);
	memcpy(seed.bytes + seed.n, data, n);
	seed.n += n;
}

static void put_byte(unsigned long byte)
{
	uint8_t b = (uint8_t)byte;
	put(&b, 1);
}

/* The seed is whole: it goes to OUT/KIND/NAME, where it is not there already. */
static void keep(const char *kind, const char *name)
{
	static uint8_t there[SEED_MAX];
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s/%s", out, kind, name);
	if (made.n == made.max) {
		made.max = made.max ? 2 * made.max : 1024;
		made.name = realloc(made.name, made.max * sizeof(*made.name));
	}
	if (!made.name || asprintf(&made.name[made.n++], "%s/%s", kind, name) < 0)
		fail_with("out of memory");
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(there, 1, sizeof(there), f) : 0;
	bool same = f && n == seed.n && !memcmp(there, seed.bytes, n);
	if (f)
		fclose(f);
	if (!same) {
		f = fopen(path, "wb");
		bool good = f && fwrite(seed.bytes, 1, seed.n, f) == seed.n;
		if (!f || fclose(f) || !good)
			fail_with("%s: cannot write: %s", path, strerror(errno));
	}
	seed.n = 0;
}

/* Up to max bytes of a file. */
static void put_file(const char *path, size_t max)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		fail_with("%s: %s", path, strerror(errno));
	max = max < sizeof(seed.bytes) - seed.n ? max : sizeof(seed.bytes) - seed.n;
	seed.n += fread(seed.bytes + seed.n, 1, max, f);
	fclose(f);
}

/* -- what is kept ---------------------------------------------------------------------------------------- */

static void put_ops(struct textfile *text)
{
	uint8_t bytes[OP_ENCODED_MAX + OP_PROGRAM_DATA_MAX];
	struct op op;
	while (textfile_next(text, &op))
		put(bytes, op_program_encode(&op, bytes, sizeof(bytes)));
	if (*text->error)
		fail_with("%s", text->error);
	textfile_close(text);
}

static void put_program(const char *path, bool machine_byte)
{
	struct textfile text;
	uint8_t byte;
	if (!textfile_open(&text, path))
		fail_with("%s", text.error);
	if (machine_byte && (text.text.head.ndevices > MACHINE_BYTE_DEVICES ||
			     !machine_byte_find(text.ids, text.text.head.ndevices, &byte)))
		fail_with("%s: fuzz_device has no machine with just these devices", path);
	if (machine_byte)
		put_byte(byte);
	put_ops(&text);
}

static void put_hex(const char *path)
{
	char line[4096];
	FILE *f = fopen(path, "r");
	if (!f)
		fail_with("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "#")] = '\0';
		for (char *rest, *word = strtok_r(line, " \t\n", &rest); word;
		     word = strtok_r(NULL, " \t\n", &rest)) {
			char *end;
			unsigned long byte = strtoul(word, &end, 16), n = 1;
			if (*end == '*')
				n = strtoul(end + 1, &end, 10);
			if (*end || byte > UINT8_MAX)
				fail_with("%s: '%s' is no byte: two hex digits, or such and *COUNT", path,
					  word);
			while (n--)
				put_byte(byte);
		}
	}
	fclose(f);
}

/* -- damaged states -------------------------------------------------------------------------------------- */

/* What fuzz_snapshot.c reads as its first byte. */
static unsigned state_byte(const char *path, const char *device)
{
	static const char *const order[] = {"blk", "rng", "console", "net"};
	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (!strcmp(device, order[i]))
			return i + (strstr(path, "packed") ? 16u : 0u);
	fail_with("%s: no line `device blk0`, rng0, console0 or net0", path);
}

/* `337=05,00 340=1`: three bytes for each that is damaged. */
static unsigned put_patches(const char *path, char *line)
{
	unsigned n = 0;
	line[strcspn(line, "#")] = '\0';
	for (char *rest, *word = strtok_r(line, " \t\n", &rest); word;
	     word = strtok_r(NULL, " \t\n", &rest)) {
		char *end;
		unsigned long at = strtoul(word, &end, 10);
		if (*end != '=')
			fail_with("%s: '%s' is no damage: BYTE=HEX,HEX,...", path, word);
		while (*end == '=' || *end == ',') {
			unsigned long byte = strtoul(end + 1, &end, 16);
			put_byte(at);
			put_byte(at / 256);
			put_byte(byte);
			at++;
			n++;
		}
		if (*end)
			fail_with("%s: '%s' is no damage: BYTE=HEX,HEX,...", path, word);
	}
	return n;
}

static void put_text(const char *path, char *text)
{
	struct textfile file;
	if (!textfile_take(&file, path, fmemopen(text, strlen(text), "r")))
		fail_with("%s", file.error);
	put_ops(&file);
}

static void put_damaged(const char *path)
{
	char *line = NULL, *text[3] = {NULL}, device[16] = "";
	size_t max = 0, len[3];
	unsigned part = 0; /* the program before, the patches, what the device goes on with */
	FILE *f = fopen(path, "r"), *to[3];
	for (unsigned i = 0; i < 3; i++)
		if (!(to[i] = open_memstream(&text[i], &len[i])))
			fail_with("out of memory");
	if (!f)
		fail_with("%s: %s", path, strerror(errno));
	while (getline(&line, &max, f) > 0) {
		bool patch = !strncmp(line, "state", 5);
		if (!part)
			sscanf(line, "device %15[a-z]0", device);
		if (patch && !part) {
			part = 2;
			fprintf(to[2], "device %s0\n", device);
		}
		fputs(patch ? line + 5 : line, to[patch ? 1 : part]);
	}
	for (unsigned i = 0; i < 3; i++)
		fclose(to[i]);
	fclose(f);
	free(line);
	put_byte(state_byte(path, device));
	size_t at = seed.n;
	put_byte(0);
	put_text(path, text[0]);
	size_t nprogram = seed.n - at - 1, npatches = 0;
	seed.bytes[at] = (uint8_t)nprogram;
	at = seed.n;
	put_byte(0);
	for (char *rest, *l = strtok_r(text[1], "\n", &rest); l; l = strtok_r(NULL, "\n", &rest))
		npatches += put_patches(path, l);
	seed.bytes[at] = (uint8_t)npatches;
	if (nprogram > PART_MAX || npatches > PART_MAX)
		fail_with("%s: %zu bytes of program or %zu of a state are more than %u", path, nprogram,
			  npatches, PART_MAX);
	put_text(path, text[2]);
	for (unsigned i = 0; i < 3; i++)
		free(text[i]);
}

/* -- folders --------------------------------------------------------------------------------------------- */

/* Calls each for the files of a folder that fit the pattern, if there is one, in the order of their names. */
static void each_file(const char *root, const char *kind, const char *pattern,
		      void (*each)(const char *kind, const char *path, const char *stem))
{
	char path[PATH_MAX], stem[NAME_MAX + 1];
	struct dirent **entry;
	snprintf(path, sizeof(path), "%s/%s", root, kind);
	int n = scandir(path, &entry, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		const char *name = entry[i]->d_name;
		if (name[0] != '.' && !fnmatch(pattern, name, 0)) {
			snprintf(path, sizeof(path), "%s/%s/%s", root, kind, name);
			/* a seed that was made before has no ending, and may have dots of its own */
			const char *dot = strchr(pattern, '.') ? strrchr(name, '.') : NULL;
			snprintf(stem, sizeof(stem), "%.*s", (int)(dot ? (size_t)(dot - name) : strlen(name)),
				 name);
			each(kind, path, stem);
		}
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
}

static void add_text(const char *kind, const char *path, const char *stem)
{
	if (!strcmp(kind, "trace")) {
		put_byte(4);
		put_file(path, SEED_MAX);
	} else if (!strcmp(kind, "snapshot")) {
		put_damaged(path);
	} else {
		put_program(path, !strcmp(kind, "device"));
	}
	keep(kind, stem);
}

static void add_hex(const char *kind, const char *path, const char *stem)
{
	put_hex(path);
	keep(kind, stem);
}

/* A program's seed for fuzz_device, and where it is short for fuzz_snapshot; grown ones are there for another target. */
static void add_program(const char *kind, const char *path, const char *stem)
{
	static const uint8_t patches[] = {2, 0, 2, 1, 0x80, 0, 0xff};
	static uint8_t program[SEED_MAX];
	char name[NAME_MAX + 16];
	put_file(path, SEED_MAX);
	size_t n = seed.n;
	memcpy(program, seed.bytes, n);
	snprintf(name, sizeof(name), "%s-%s", kind, stem);
	seed.n = 0;
	for (unsigned i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		if (!strcmp(devices[i], kind))
			put_byte(i);
	put(program, n);
	keep("device", name);
	if (n > SHORT_MAX || !strncmp(stem, "grown-", 6))
		return;
	put_byte(state_byte(path, kind));
	put_byte(n);
	put(program, n);
	put(patches, sizeof(patches));
	put(program, n);
	keep("snapshot", name);
}

static void add_beginning(const char *kind, const char *path, const char *stem)
{
	char name[NAME_MAX + 16];
	bool trace = strstr(path, ".vtrace");
	(void)kind;
	put_byte(trace ? 0 : 4);
	put_file(path, trace ? TRACE_HEAD : TEXT_HEAD);
	snprintf(name, sizeof(name), "%s-%s", trace ? "begin" : "text", stem);
	keep("trace", name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One would have taken the place of the other. */
static void refuse_twins(void)
{
	qsort(made.name, made.n, sizeof(*made.name), by_name);
	for (size_t i = 1; i < made.n; i++)
		if (!strcmp(made.name[i - 1], made.name[i]))
			fail_with("two files are both kept as %s: rename one", made.name[i]);
}

static void remove_stray(const char *kind, const char *path, const char *stem)
{
	size_t len = strlen(kind);
	(void)stem;
	for (size_t i = 0; i < made.n; i++)
		if (!strncmp(made.name[i], kind, len) && made.name[i][len] == '/' &&
		    !strcmp(made.name[i] + len + 1, strrchr(path, '/') + 1))
			return;
	unlink(path);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		fail_with("usage: seeds CORPUS OUT");
	corpus = argv[1];
	out = argv[2];
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char path[PATH_MAX];
		snprintf(path, sizeof(path), "%s/%s", out, kinds[i]);
		if ((mkdir(out, 0777) && errno != EEXIST) || (mkdir(path, 0777) && errno != EEXIST))
			fail_with("%s: %s", path, strerror(errno));
		each_file(corpus, kinds[i], "*.txt", add_text);
		each_file(corpus, kinds[i], "*.hex", add_hex);
	}
	for (unsigned i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		each_file(out, devices[i], "*", add_program);
	each_file(corpus, "blk", "[a-fh]*.txt", add_beginning);
	each_file(corpus, "frozen", "*.txt", add_beginning);
	each_file(corpus, "frozen", "*.vtrace", add_beginning);
	each_file(corpus, "traces", "*.vtrace", add_beginning);
	refuse_twins();
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		each_file(out, kinds[i], "*", remove_stray);
	return 0;
}
