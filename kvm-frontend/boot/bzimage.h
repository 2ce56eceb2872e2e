// SPDX-License-Identifier: BSD-2-Clause
/*
 * bzImage: the Linux boot protocol, 64-bit entry (Documentation/arch/x86/boot.rst). boot.h tells who calls
 * and when.
 */
#ifndef BOOT_BZIMAGE_H
#define BOOT_BZIMAGE_H

#include "boot.h"

bool bzimage_magic(const uint8_t *file, uint64_t len);
int bzimage_load(const struct boot_ram *, const uint8_t *file, uint64_t len, struct boot_image *,
		 char err[ERR_MAX]);
void bzimage_write_params(const struct boot_ram *, const struct boot_image *);

#endif
