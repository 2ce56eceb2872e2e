// SPDX-License-Identifier: BSD-2-Clause
/*
 * Files into guest memory: maps kernel and initrd read-only, lets boot/ copy what is needed, unmaps them
 * again, so that nothing of them stays resident outside of the guest's memory.
 */
#ifndef KVM_LOAD_H
#define KVM_LOAD_H

#include "boot/boot.h"
#include "boot/err.h"
#include "options.h"

/* A file, mapped to be read; munmap(data, len) when done. */
struct file {
	void *data;
	uint64_t len;
};
int file_map(const char *path, struct file *, char err[ERR_MAX]);

int load_guest(const struct options *, const struct boot_ram *, struct boot_image *, char err[ERR_MAX]);

#endif
