// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "triage.h"
#include "twice.h"

/* -- reading --------------------------------------------------------------------------------------------- */

static bool ends(const char *path, const char *end)
{
	size_t n = strlen(path), m = strlen(end);
	return n > m && !strcmp(path + n - m, end);
}

/* What the name of the file's folder, or of one above it, says: build/finds/blk/crash-.... False: nothing. */
static bool take_device(struct program_text_options *o, const char *path)
{
	struct program_text_options other = *o;
	char part[64];
	bool found = false;
	for (const char *end; (end = strchr(path, '/')); path = end + 1) {
		size_t n = (size_t)(end - path);
		if (n >= sizeof(part))
			continue;
		memcpy(part, path, n);
		part[n] = 0;
		const char *word = strrchr(part, '-'); /* AFL++'s out-blk; blk-packed is another order */
		bool known =
			program_text_device(&other, part) || (word && program_text_device(&other, word + 1));
		if (!known && word) {
			*strchr(part, '-') = 0;
			known = program_text_device(&other, part);
		}
		if (known)
			*o = other;
		found |= known;
	}
	return found;
}

static bool read_file(const char *path, uint8_t *bytes, size_t *n, char *err, size_t max)
{
	FILE *f = fopen(path, "rbe");
	if (!f) {
		snprintf(err, max, "%s: cannot open: %s", path, strerror(errno));
		return false;
	}
	*n = fread(bytes, 1, PROGRAM_BYTES_MAX, f);
	bool whole = !ferror(f) && fgetc(f) == EOF;
	fclose(f);
	if (!whole)
		snprintf(err, max, "%s: cannot read it, or it is longer than %u bytes: no program is", path,
			 PROGRAM_BYTES_MAX);
	return whole;
}

static bool read_bytes(struct listing *l, const char *path, const struct program_text_options *given,
		       char *err, size_t max)
{
	static uint8_t bytes[PROGRAM_BYTES_MAX];
	struct program_text_options o = *given;
	size_t n, length;
	char *text = NULL;
	if (!read_file(path, bytes, &n, err, max))
		return false;
	if (!o.id && !o.chosen && !take_device(&o, path)) {
		snprintf(err, max, "%s: which device is it about? say --device blk, or another", path);
		return false;
	}
	FILE *f = open_memstream(&text, &length);
	bool good = f && program_text(f, bytes, n, &o);
	if (f && fclose(f))
		good = false;
	if (good)
		good = listing_parse(l, path, text, err, max);
	else
		snprintf(err, max, "out of memory");
	free(text);
	return good;
}

bool triage_read(struct listing *l, const char *path, const struct program_text_options *o, char *err,
		 size_t max)
{
	char text[4096];
	if (ends(path, ".txt"))
		return listing_read(l, path, err, max);
	if (!ends(path, ".vtrace"))
		return read_bytes(l, path, o, err, max);
	snprintf(text, sizeof(text), "%.*s.txt", (int)(strlen(path) - strlen(".vtrace")), path);
	return listing_read(l, text, err, max);
}

/* -- buckets --------------------------------------------------------------------------------------------- */

static struct bucket *bucket_of(struct triage *t, const struct outcome *v)
{
	for (uint32_t i = 0; i < t->nbuckets; i++)
		if (!strcmp(t->bucket[i].verdict.check, v->check))
			return &t->bucket[i];
	struct bucket *grown = realloc(t->bucket, (t->nbuckets + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	t->bucket = grown;
	grown[t->nbuckets] = (struct bucket){.verdict = *v};
	return &grown[t->nbuckets++];
}

static void put(struct triage *t, const char *path, const struct listing *l, bool unsaved,
		const struct outcome *v)
{
	struct bucket *b = bucket_of(t, v);
	struct triage_file *grown = b ? realloc(b->file, (b->nfiles + 1) * sizeof(*grown)) : NULL;
	t->broken |= !grown;
	if (!grown)
		return;
	b->file = grown;
	struct triage_file *f = &grown[b->nfiles];
	*f = (struct triage_file){strdup(path), l->nops, unsaved, l->found};
	t->broken |= !f->path;
	if (!b->nfiles || l->nops < grown[b->shortest].nops) {
		b->shortest = b->nfiles;
		b->verdict = *v;
	}
	b->nfiles++;
}

bool triage_unsave(struct listing *l)
{
	uint32_t n = 0, before = l->nops;
	for (uint32_t i = 0; i < before; i++)
		if (l->op[i].code != OP_SAVE)
			l->op[n++] = l->op[i];
	l->nops = n;
	return n < before;
}

/* Twice. False: it cannot be run; v tells. */
static bool try_twice(struct triage *t, const struct listing *l, struct outcome *v, struct outcome *again)
{
	if (!trials_run(t->trials, l, v))
		return false;
	if (trials_run(t->trials, l, again))
		return true;
	*v = *again;
	return false;
}

static void try_file(struct triage *t, const char *path)
{
	struct listing l;
	struct outcome v, again;
	char err[1200];
	bool unsaved = false;
	t->nfiles++;
	if (!triage_read(&l, path, &t->bytes, err, sizeof(err))) {
		t->nunusable++;
		fail("%s", err);
		return;
	}
	bool ran = try_twice(t, &l, &v, &again);
	if (ran && !v.failed && !again.failed && triage_unsave(&l)) {
		unsaved = true;
		ran = try_twice(t, &l, &v, &again);
	}
	if (ran && !v.failed && !again.failed && !twice_judges(l.found)) {
		l.found = ORACLE_DETERMINISM; /* as fuzzers do, with one in many */
		ran = try_twice(t, &l, &v, &again);
	}
	if (!ran) {
		t->nunusable++;
		fail("%s", v.what);
	} else if (v.failed != again.failed || strcmp(v.check, again.check) != 0) {
		t->nunsteady++;
		fail("%s: it does not fail the same way twice: once %s, once %s", path,
		     v.failed ? v.what : "not at all", again.failed ? again.what : "not at all");
	} else if (v.failed) {
		put(t, path, &l, unsaved, &v);
	} else {
		t->nsilent++;
		printf("fails nowhere: %s\n", path);
	}
	listing_free(&l);
}

static int wanted(const struct dirent *e)
{
	size_t n = strlen(e->d_name);
	bool other = ends(e->d_name, ".vtrace") || ends(e->d_name, ".c") || ends(e->d_name, ".log");
	return e->d_name[0] != '.' && n && !other && strcmp(e->d_name, "README.txt") != 0;
}

void triage_add(struct triage *t, const char *path)
{
	struct dirent **entry;
	struct stat s;
	char file[4096];
	int n = stat(path, &s) == 0 && S_ISDIR(s.st_mode) ? scandir(path, &entry, wanted, alphasort) : -1;
	if (n < 0) {
		try_file(t, path);
		return;
	}
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, entry[i]->d_name);
		free(entry[i]);
		if (stat(file, &s) == 0 && S_ISREG(s.st_mode))
			try_file(t, file);
	}
	free(entry);
}

/* -- in order -------------------------------------------------------------------------------------------- */

static int by_files(const void *a, const void *b)
{
	const struct bucket *x = a, *y = b;
	if (x->nfiles != y->nfiles)
		return x->nfiles < y->nfiles ? 1 : -1;
	return strcmp(x->verdict.check, y->verdict.check);
}

/* "used-ring split.used.2: ..." is called used-ring. */
static void name_bucket(struct bucket *b, uint32_t nr)
{
	int n = snprintf(b->name, sizeof(b->name), "%02u-", nr);
	for (const char *p = b->verdict.check; n + 1 < (int)sizeof(b->name); p++) {
		if (!isalnum((unsigned char)*p) && *p != '-')
			break;
		b->name[n++] = *p;
	}
	b->name[n] = 0;
}

void triage_sort(struct triage *t)
{
	if (t->nbuckets)
		qsort(t->bucket, t->nbuckets, sizeof(*t->bucket), by_files);
	for (uint32_t i = 0; i < t->nbuckets; i++)
		name_bucket(&t->bucket[i], i + 1);
}

void triage_free(struct triage *t)
{
	for (uint32_t i = 0; i < t->nbuckets; i++) {
		for (uint32_t k = 0; k < t->bucket[i].nfiles; k++)
			free(t->bucket[i].file[k].path);
		free(t->bucket[i].file);
	}
	free(t->bucket);
}
