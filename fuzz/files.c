// SPDX-License-Identifier: BSD-2-Clause
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "files.h"

static int complain(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return -1;
}

static int one(const char *path, void (*each)(void *, const char *, const uint8_t *, size_t), void *ctx)
{
	static uint8_t bytes[FILES_BYTES_MAX];
	FILE *f = fopen(path, "rb");
	if (!f)
		return complain(path);
	size_t n = fread(bytes, 1, sizeof(bytes), f);
	int bad = ferror(f);
	fclose(f);
	if (bad)
		return complain(path);
	/* A copy of exactly that size, so that a decoder which reads on is caught. */
	uint8_t *exact = malloc(n ? n : 1);
	if (!exact)
		return complain(path);
	memcpy(exact, bytes, n);
	each(ctx, path, exact, n);
	free(exact);
	return 1;
}

static int visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int directory(const char *path, void (*each)(void *, const char *, const uint8_t *, size_t), void *ctx)
{
	struct dirent **entry;
	int n = scandir(path, &entry, visible, alphasort), done = 0;
	if (n < 0)
		return complain(path);
	for (int i = 0; i < n; i++) {
		char name[4096];
		snprintf(name, sizeof(name), "%s/%s", path, entry[i]->d_name);
		free(entry[i]);
		if (done >= 0)
			done = one(name, each, ctx) < 0 ? -1 : done + 1;
	}
	free(entry);
	return done;
}

int files_each(const char *path, void (*each)(void *, const char *, const uint8_t *, size_t), void *ctx)
{
	struct stat s;
	if (stat(path, &s))
		return complain(path);
	return S_ISDIR(s.st_mode) ? directory(path, each, ctx) : one(path, each, ctx);
}
