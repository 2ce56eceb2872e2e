// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "outfile.h"

static char *part_of(const char *path)
{
	size_t n = strlen(path) + sizeof(".part");
	char *part = malloc(n);
	if (part)
		snprintf(part, n, "%s.part", path);
	return part;
}

bool outfile_is(const char *path, const char *other)
{
	struct stat a, b;
	return !stat(path, &a) && !stat(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool outfile_open(struct outfile *o, const char *path)
{
	struct stat st;
	*o = (struct outfile){.path = path};
	bool in_place = !lstat(path, &st) && !S_ISREG(st.st_mode);
	if (!in_place && !(o->part = part_of(path)))
		return false;
	o->file = fopen(in_place ? path : o->part, "wb");
	if (o->file)
		return true;
	int error = errno;
	free(o->part);
	o->part = NULL;
	errno = error;
	return false;
}

bool outfile_done(struct outfile *o)
{
	errno = EIO; /* stays where an earlier write failed and nothing is left to do */
	bool good = !fflush(o->file) && !ferror(o->file);
	int error = errno;
	if (fclose(o->file) && good)
		good = false, error = errno;
	o->file = NULL;
	if (good && o->part && rename(o->part, o->path))
		good = false, error = errno;
	if (!good && o->part)
		unlink(o->part);
	free(o->part);
	o->part = NULL;
	errno = error;
	return good;
}

void outfile_drop(struct outfile *o)
{
	if (o->file)
		fclose(o->file);
	if (o->file && o->part)
		unlink(o->part);
	free(o->part);
	*o = (struct outfile){.path = o->path};
}
