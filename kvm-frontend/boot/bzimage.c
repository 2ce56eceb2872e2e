// SPDX-License-Identifier: BSD-2-Clause
#include "bzimage.h"
#include "layout.h"
#include <stddef.h>
#include <string.h>

#define HEADER_OFF     0x1f1 /* of struct setup_header in the file and in boot_params */
#define HEADER_LEN_OFF 0x201 /* this byte + 0x202 is where the header ends */
#define MAGIC_OFF      0x202
#define MAGIC          "HdrS"
#define SECTOR_LEN     512
#define ENTRY64_OFF    0x200
#define VERSION_MIN    0x020c /* the first with xloadflags */
#define LOADER_UNKNOWN 0xff
#define MIB            UINT64_C(0x100000)

_Static_assert(offsetof(struct boot_params, hdr) == HEADER_OFF, "setup_header");
_Static_assert(sizeof(struct boot_params) == 4096, "boot_params");

bool bzimage_magic(const uint8_t *file, uint64_t len)
{
	return len >= MAGIC_OFF + 4 && !memcmp(file + MAGIC_OFF, MAGIC, 4);
}

/* Copies as much of the header as the file says it has; what it does not have stays zero. */
static int read_header(const uint8_t *file, uint64_t len, struct setup_header *setup, char err[ERR_MAX])
{
	uint64_t header_len = (uint64_t)file[HEADER_LEN_OFF] + MAGIC_OFF - HEADER_OFF;

	if (header_len > sizeof(*setup))
		header_len = sizeof(*setup);
	if (len < HEADER_OFF + header_len)
		return err_set(err, "the bzImage is truncated within its header");
	memset(setup, 0, sizeof(*setup));
	memcpy(setup, file + HEADER_OFF, header_len);
	if (setup->version < VERSION_MIN)
		return err_set(err, "boot protocol %u.%02u is too old: 2.12 or later is needed",
			       setup->version >> 8, setup->version & 0xff);
	if (!(setup->xloadflags & XLF_KERNEL_64) || !(setup->loadflags & LOADED_HIGH))
		return err_set(err, "the bzImage has no 64-bit entry point: a 64-bit kernel is needed");
	return 0;
}

/*
 * Where the kernel shall run. It could be loaded lower, but a relocatable one then moves itself up to its
 * preferred address, so the memory from there on is needed in any case.
 */
static int choose_address(const struct boot_ram *ram, const struct setup_header *setup, uint64_t need,
			  uint64_t *gpa, char err[ERR_MAX])
{
	uint64_t align = setup->relocatable_kernel ? setup->kernel_alignment : 1;

	*gpa = setup->pref_address;
	if (align == 0 || (align & (align - 1)))
		return err_set(err, "the bzImage's header is damaged: alignment 0x%llx",
			       (unsigned long long)align);
	if (*gpa <= UINT64_MAX - align)
		*gpa = (*gpa + align - 1) & ~(align - 1);
	if (*gpa < LAYOUT_HIGH_MEM)
		return err_set(err, "the bzImage's header is damaged: it wants to run at 0x%llx",
			       (unsigned long long)*gpa);
	if (!ram_fits(ram, *gpa, need))
		return err_set(
			err, "memory too small: the kernel needs %llu MiB at %llu MiB; use a larger --memory",
			(unsigned long long)((need + MIB - 1) / MIB), (unsigned long long)(*gpa / MIB));
	return 0;
}

int bzimage_load(const struct boot_ram *ram, const uint8_t *file, uint64_t len, struct boot_image *image,
		 char err[ERR_MAX])
{
	struct setup_header *setup = &image->setup;
	uint64_t code_off, code_len, need, gpa;

	if (read_header(file, len, setup, err))
		return -1;
	/* The protocol says that 0 means 4, for kernels older than the field. */
	code_off = ((setup->setup_sects ? setup->setup_sects : UINT64_C(4)) + 1) * SECTOR_LEN;
	code_len = (uint64_t)setup->syssize * 16;
	if (code_len <= ENTRY64_OFF)
		return err_set(err, "the bzImage says that it holds no code");
	/* A signed image is longer than it says (which is why syssize counts), a truncated one is shorter;
	 * the last paragraph may be a part only. */
	if (len < code_off || len - code_off + 15 < code_len)
		return err_set(err, "the bzImage is truncated: %llu bytes, its header tells of %llu",
			       (unsigned long long)len, (unsigned long long)(code_off + code_len));
	if (code_len > len - code_off)
		code_len = len - code_off;
	need = setup->init_size > code_len ? setup->init_size : code_len;
	if (choose_address(ram, setup, need, &gpa, err))
		return -1;
	memcpy(ram->base + gpa, file + code_off, code_len);
	image->kind = BOOT_LINUX64;
	image->entry = gpa + ENTRY64_OFF;
	image->start = gpa;
	image->end = gpa + need;
	image->initrd_end_max = (uint64_t)setup->initrd_addr_max + 1;
	image->cmdline_max = setup->cmdline_size;
	return 0;
}

static void write_e820(const struct boot_ram *ram, struct boot_params *params)
{
	struct ram_range ranges[RAM_RANGES_MAX];
	unsigned n = ram_ranges(ram, ranges);

	for (unsigned i = 0; i < n; i++)
		params->e820_table[i] =
			(struct boot_e820_entry){ranges[i].gpa, ranges[i].len, ranges[i].type};
	params->e820_entries = (uint8_t)n;
}

void bzimage_write_params(const struct boot_ram *ram, const struct boot_image *image)
{
	struct boot_params params;

	memset(&params, 0, sizeof(params));
	params.hdr = image->setup;
	params.hdr.type_of_loader = LOADER_UNKNOWN;
	/* There is no real-mode stage, hence no heap and no loader id to extend. */
	params.hdr.loadflags &= (uint8_t)~CAN_USE_HEAP;
	params.hdr.code32_start = (uint32_t)image->start;
	params.hdr.cmd_line_ptr = (uint32_t)LAYOUT_CMDLINE;
	params.hdr.ramdisk_image = (uint32_t)image->initrd_gpa;
	params.hdr.ramdisk_size = (uint32_t)image->initrd_len;
	params.acpi_rsdp_addr = LAYOUT_ACPI;
	write_e820(ram, &params);
	memcpy(ram->base + LAYOUT_BOOT_PARAMS, &params, sizeof(params));
}
