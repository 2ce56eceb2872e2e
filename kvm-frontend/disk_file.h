// SPDX-License-Identifier: BSD-2-Clause
/*
 * disk_file: an image or a block device, opened for one guest's use: checked, locked against a second writer,
 * and with what must be known of it to do direct I/O.
 */
#ifndef KVM_DISK_FILE_H
#define KVM_DISK_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include "boot/err.h"

struct disk_file {
	int fd;
	bool read_only, block;
	bool in_memory;       /* on tmpfs, or a RAM disk: no device to wait for */
	bool direct;          /* O_DIRECT is on */
	uint32_t align;       /* of offsets and lengths, bytes: 512 or 4096; 1 where not direct */
	uint32_t align_mem;   /* of addresses */
	uint8_t physical_exp; /* physical block = 512 << this */
	uint64_t sectors;     /* of 512 bytes */
};

/*
 * -1 and one clear line where it is missing, a directory, no file, empty, no multiple of 512 bytes, locked,
 * or not ours to read or write. The lock (an open file description lock over the whole file) goes with the
 * descriptor, so with the process.
 */
int disk_file_open(struct disk_file *, const char *path, bool read_only, char err[ERR_MAX]);
void disk_file_close(struct disk_file *);
/*
 * Looks at the size again; true: it is another one, and stands in sectors. A size that is no multiple of 512
 * is rounded down; a file of size 0 keeps the old one, since a disk without sectors is none.
 */
bool disk_file_resized(struct disk_file *);

#endif
