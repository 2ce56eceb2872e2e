// SPDX-License-Identifier: BSD-2-Clause
/*
 * From files to a guest that is ready to run: kernel, initrd, command line, and what the kernel is told about
 * them.
 *
 * Pure functions over buffers. The files are somebody else's bytes: every offset and length in them is
 * checked before use, a bad file gives an error line, never a crash, and nothing outside boot_ram is written.
 *
 * Order of calls: boot_load_kernel, boot_load_initrd (if any), boot_load_cmdline, boot_write_info. The vCPU
 * then starts at image.entry in the mode that image.kind names:
 *   BOOT_LINUX64  64-bit Linux boot protocol: long mode, identity page tables, RSI = LAYOUT_BOOT_PARAMS
 *   BOOT_PVH      x86/HVM direct boot: 32-bit protected mode, no paging, EBX = LAYOUT_START_INFO
 */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H

#include <asm/bootparam.h>
#include <stdint.h>
#include "err.h"
#include "ram.h"

enum boot_kind { BOOT_LINUX64, BOOT_PVH };

struct boot_image {
	enum boot_kind kind;
	uint64_t entry;
	uint64_t start, end;     /* memory that is the kernel's, its decompression buffer included */
	uint64_t initrd_end_max; /* no byte of the initrd may lie at or above this address */
	uint32_t cmdline_max;    /* characters without the final NUL */
	uint64_t initrd_gpa, initrd_len;
	struct setup_header setup; /* BOOT_LINUX64 only */
};

/* Tells bzImage from ELF by the file's magic, checks it and copies it into RAM. */
int boot_load_kernel(const struct boot_ram *, const uint8_t *file, uint64_t len, struct boot_image *,
		     char err[ERR_MAX]);

/* Finds the place (page aligned, as high in low memory as the kernel allows, clear of the kernel) and copies.
 */
int boot_load_initrd(const struct boot_ram *, const uint8_t *file, uint64_t len, struct boot_image *,
		     char err[ERR_MAX]);

int boot_load_cmdline(const struct boot_ram *, const char *cmdline, const struct boot_image *,
		      char err[ERR_MAX]);

/* Writes boot_params or the PVH start info, the GDT and the page tables. The RSDP is expected at LAYOUT_ACPI.
 */
void boot_write_info(const struct boot_ram *, const struct boot_image *);

#endif
