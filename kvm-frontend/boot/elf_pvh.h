// SPDX-License-Identifier: BSD-2-Clause
/*
 * ELF64 kernel with a PVH note (Xen's x86/HVM direct boot ABI): a 32-bit physical entry point, told by note
 * type XEN_ELFNOTE_PHYS32_ENTRY, and struct hvm_start_info in EBX. boot.h tells who calls and when.
 */
#ifndef BOOT_ELF_PVH_H
#define BOOT_ELF_PVH_H

#include "boot.h"

int elf_pvh_load(const struct boot_ram *, const uint8_t *file, uint64_t len, struct boot_image *,
		 char err[ERR_MAX]);
void elf_pvh_write_info(const struct boot_ram *, const struct boot_image *);

#endif
