// SPDX-License-Identifier: BSD-2-Clause
#include "boot.h"
#include "bzimage.h"
#include "elf_pvh.h"
#include "layout.h"
#include "tables.h"
#include <elf.h>
#include <string.h>

#define PAGE_LEN UINT64_C(4096)
#define MIB      UINT64_C(0x100000)

int boot_load_kernel(const struct boot_ram *ram, const uint8_t *file, uint64_t len, struct boot_image *image,
		     char err[ERR_MAX])
{
	memset(image, 0, sizeof(*image));
	if (len == 0)
		return err_set(err, "the file is empty");
	if (bzimage_magic(file, len))
		return bzimage_load(ram, file, len, image, err);
	if (len >= SELFMAG && !memcmp(file, ELFMAG, SELFMAG))
		return elf_pvh_load(ram, file, len, image, err);
	return err_set(err, "no kernel: neither a bzImage nor an ELF file");
}

int boot_load_initrd(const struct boot_ram *ram, const uint8_t *file, uint64_t len, struct boot_image *image,
		     char err[ERR_MAX])
{
	uint64_t top = ram->low_len < image->initrd_end_max ? ram->low_len : image->initrd_end_max;
	uint64_t gpa;

	if (len == 0)
		return err_set(err, "the file is empty");
	if (len > top || ((top - len) & ~(PAGE_LEN - 1)) < image->end)
		return err_set(err,
			       "does not fit: %llu MiB into the memory between the kernel's end (%llu MiB) "
			       "and %llu MiB; "
			       "use a larger --memory",
			       (unsigned long long)((len + MIB - 1) / MIB),
			       (unsigned long long)(image->end / MIB), (unsigned long long)(top / MIB));
	gpa = (top - len) & ~(PAGE_LEN - 1);
	memcpy(ram->base + gpa, file, len);
	image->initrd_gpa = gpa;
	image->initrd_len = len;
	return 0;
}

int boot_load_cmdline(const struct boot_ram *ram, const char *cmdline, const struct boot_image *image,
		      char err[ERR_MAX])
{
	size_t len = strlen(cmdline);

	if (len > image->cmdline_max || len >= LAYOUT_CMDLINE_MAX)
		return err_set(err, "the command line has %zu characters, this kernel takes %u at most", len,
			       image->cmdline_max);
	memcpy(ram->base + LAYOUT_CMDLINE, cmdline, len + 1);
	return 0;
}

void boot_write_info(const struct boot_ram *ram, const struct boot_image *image)
{
	tables_write(ram);
	if (image->kind == BOOT_LINUX64)
		bzimage_write_params(ram, image);
	else
		elf_pvh_write_info(ram, image);
}
