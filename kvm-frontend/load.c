// SPDX-License-Identifier: BSD-2-Clause
#include "load.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_file(int fd, struct file *file, char err[ERR_MAX])
{
	struct stat st;

	if (fstat(fd, &st))
		return err_set(err, "%s", strerror(errno));
	if (S_ISDIR(st.st_mode))
		return err_set(err, "a directory, a file is needed");
	if (!S_ISREG(st.st_mode))
		return err_set(err, "no regular file (for a pipe, write it to a file first)");
	if (st.st_size == 0)
		return err_set(err, "the file is empty");
	file->len = (uint64_t)st.st_size;
	return 0;
}

int file_map(const char *path, struct file *file, char err[ERR_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc;

	if (fd < 0)
		return err_set(err, "%s", strerror(errno));
	rc = check_file(fd, file, err);
	if (!rc) {
		file->data = mmap(NULL, file->len, PROT_READ, MAP_PRIVATE, fd, 0);
		if (file->data == MAP_FAILED)
			rc = err_set(err, "%s", strerror(errno));
	}
	close(fd);
	return rc;
}

typedef int (*load_fn)(const struct boot_ram *, const uint8_t *, uint64_t, struct boot_image *,
		       char err[ERR_MAX]);

/* Loads one file; an error line gets the option and the file's name in front. */
static int load_file(const char *option, const char *path, load_fn load, const struct boot_ram *ram,
		     struct boot_image *image, char err[ERR_MAX])
{
	struct file file = {0};
	char why[ERR_MAX];
	int rc = file_map(path, &file, why);

	if (!rc) {
		rc = load(ram, file.data, file.len, image, why);
		munmap(file.data, file.len);
	}
	/* The end of a long path tells more than its start; the reason must not be cut. */
	if (rc) {
		size_t len = strlen(path), room = ERR_MAX - strlen(option) - strlen(why) - 8;
		bool cut = len > room;

		return err_set(err, "%s %s%s: %s", option, cut ? "..." : "", cut ? path + (len - room) : path,
			       why);
	}
	return 0;
}

int load_guest(const struct options *o, const struct boot_ram *ram, struct boot_image *image,
	       char err[ERR_MAX])
{
	char why[ERR_MAX];

	if (load_file("--kernel", o->kernel, boot_load_kernel, ram, image, err))
		return -1;
	if (o->initrd && load_file("--initrd", o->initrd, boot_load_initrd, ram, image, err))
		return -1;
	if (boot_load_cmdline(ram, o->cmdline, image, why))
		return err_set(err, "--cmdline: %.200s", why);
	boot_write_info(ram, image);
	return 0;
}
