// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE /* O_DIRECT, F_OFD_SETLK */
#include "disk_file.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/major.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#define SECTOR           512u
#define PAGE             4096u
#define PHYSICAL_EXP_4K  3
#define PHYSICAL_EXP_MAX 7

/* The kind is looked at before opening: to open a FIFO waits for a writer, and some devices act on it. */
static int check_kind(const char *path, char err[ERR_MAX])
{
	struct stat st;

	if (stat(path, &st)) {
		if (errno == ENOENT)
			return err_set(err, "--disk %.120s: no such file; make one with truncate -s 1G FILE",
				       path);
		if (errno == EACCES)
			return err_set(err, "--disk %.120s: no permission to look into its directory", path);
		return err_set(err, "--disk %.120s: %s", path, strerror(errno));
	}
	if (S_ISDIR(st.st_mode))
		return err_set(err, "--disk %.120s: is a directory; give a disk image or a block device",
			       path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(err, "--disk %.120s: is no file; give a disk image or a block device", path);
	return 0;
}

static int open_image(struct disk_file *f, const char *path, char err[ERR_MAX])
{
	int flags = (f->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC;

	f->fd = open(path, flags | O_DIRECT);
	f->direct = f->fd >= 0;
	if (f->fd < 0)
		f->fd = open(path, flags);
	if (f->fd >= 0)
		return 0;
	if (errno == EACCES || errno == EPERM)
		return err_set(err, "--disk %.120s: no permission to %s", path,
			       f->read_only ? "read it" : "write it; FILE,ro opens it for reading only");
	if (errno == EROFS)
		return err_set(
			err,
			"--disk %.120s: is on a read-only file system; FILE,ro opens it for reading only",
			path);
	return err_set(err, "--disk %.120s: %s", path, strerror(errno));
}

/* Readers share a disk, a writer has it alone. The same file given twice meets its own lock here. */
static int lock(const struct disk_file *f, const char *path, char err[ERR_MAX])
{
	struct flock fl = {.l_type = f->read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};

	if (!fcntl(f->fd, F_OFD_SETLK, &fl))
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return err_set(err,
			       "--disk %.120s: is locked: another machine uses it; a disk has one writer, or "
			       "readers (,ro) only",
			       path);
	return err_set(err, "--disk %.120s: cannot be locked: %s", path, strerror(errno));
}

/* In bytes; 0 where it cannot be known. */
static uint64_t file_size(const struct disk_file *f)
{
	struct stat st;
	uint64_t len = 0;

	if (f->block)
		return ioctl(f->fd, BLKGETSIZE64, &len) ? 0 : len;
	return fstat(f->fd, &st) || st.st_size < 0 ? 0 : (uint64_t)st.st_size;
}

static bool in_memory(const struct disk_file *f)
{
	struct statfs fs;
	struct stat st;

	if (f->block)
		return !fstat(f->fd, &st) && major(st.st_rdev) == RAMDISK_MAJOR;
	return !fstatfs(f->fd, &fs) && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

static int check_size(struct disk_file *f, const char *path, char err[ERR_MAX])
{
	struct stat st;
	uint64_t len;

	if (fstat(f->fd, &st))
		return err_set(err, "--disk %.120s: %s", path, strerror(errno));
	f->block = S_ISBLK(st.st_mode);
	len = file_size(f);
	if (len == 0)
		return err_set(err, "--disk %.120s: is empty; give it a size with truncate -s 1G FILE", path);
	if (len % SECTOR)
		return err_set(err, "--disk %.120s: its size, %llu bytes, is no multiple of 512", path,
			       (unsigned long long)len);
	f->sectors = len / SECTOR;
	return 0;
}

static void buffered(struct disk_file *f)
{
	int flags = fcntl(f->fd, F_GETFL);

	if (f->direct && flags >= 0)
		fcntl(f->fd, F_SETFL, flags & ~O_DIRECT);
	f->direct = false;
	f->align = f->align_mem = 1;
}

/*
 * What alignment direct I/O wants here is found out by trying: only that is right on every kernel and file
 * system. Where the size is no multiple of it, the tail could not be written without making the file longer,
 * so such a file is not opened direct.
 */
static void probe_direct(struct disk_file *f)
{
	uint8_t *buf = f->direct ? aligned_alloc(PAGE, 2 * PAGE) : NULL;

	f->align = f->align_mem = SECTOR;
	if (buf && pread(f->fd, buf, SECTOR, 0) != SECTOR) {
		f->align = PAGE;
		f->align_mem = pread(f->fd, buf + SECTOR, PAGE, 0) == PAGE ? SECTOR : PAGE;
		f->direct = pread(f->fd, buf, PAGE, 0) == PAGE && f->sectors % (PAGE / SECTOR) == 0;
	}
	if (!buf || !f->direct) {
		f->direct = buf != NULL;
		buffered(f);
	}
	free(buf);
}

/* A hint for the guest's file systems. A file's blocks are the page cache's. */
static uint8_t physical_exp(const struct disk_file *f)
{
	unsigned len = 0;
	uint8_t exp = 0;

	if (!f->block)
		return PHYSICAL_EXP_4K;
	if (ioctl(f->fd, BLKPBSZGET, &len))
		return 0;
	while (exp < PHYSICAL_EXP_MAX && SECTOR << exp < len)
		exp++;
	return exp;
}

int disk_file_open(struct disk_file *f, const char *path, bool read_only, char err[ERR_MAX])
{
	*f = (struct disk_file){.fd = -1, .read_only = read_only};
	if (check_kind(path, err) || open_image(f, path, err))
		return -1;
	if (lock(f, path, err) || check_size(f, path, err)) {
		disk_file_close(f);
		return -1;
	}
	f->in_memory = in_memory(f);
	probe_direct(f);
	f->physical_exp = physical_exp(f);
	return 0;
}

void disk_file_close(struct disk_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

bool disk_file_resized(struct disk_file *f)
{
	uint64_t sectors = file_size(f) / SECTOR;

	if (sectors == 0 || sectors == f->sectors)
		return false;
	f->sectors = sectors;
	if (sectors * SECTOR % f->align)
		buffered(f);
	return true;
}
